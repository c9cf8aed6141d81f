"""What installed packages bring, found by their entry points.

To look through all packages is slow, so it is done where a name is not known otherwise, where all names are listed, and
where a package has something to say of names that are known.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

_MACHINERY = (f"{Path(__file__).parents[1]}{os.sep}", importlib.__file__.removesuffix("__init__.py"), "<frozen ")
"""Where no mistake of a plugin is made."""


class BrokenPluginError(ValueError):
    """A plugin of an installed package that cannot be used; the text names the package."""


@functools.cache
def groups() -> frozenset[str]:
    """Return the groups of this program's entry points that packages on the path speak of, in a millisecond.

    Only packages that lie in a folder are looked at, as installers leave them. ``points`` finds all, and takes long.
    """
    found: set[str] = set()
    about: list[str] = []
    for folder in sys.path:
        with contextlib.suppress(OSError), os.scandir(folder or ".") as entries:
            about += [entry.path for entry in entries if entry.name.endswith((".dist-info", ".egg-info"))]
    for of_package in about:
        with contextlib.suppress(OSError):
            text = Path(of_package, "entry_points.txt").read_text(encoding="utf-8", errors="replace")
            found.update(re.findall(r"^\[(bpviz\.\w+)\]", text, re.MULTILINE))
    return frozenset(found)


@functools.cache
def points(group: str) -> dict[str, list[EntryPoint]]:
    """Return the entry points of a group by their names; one name may be claimed by several packages."""
    from importlib.metadata import entry_points  # slow to import

    found: dict[str, list[EntryPoint]] = {}
    distinct = {(point.name, package(point), point.value): point for point in entry_points(group=group)}
    for (name, *_), point in sorted(distinct.items()):  # a package can be on the path twice
        found.setdefault(name, []).append(point)
    return found


def package(point: EntryPoint) -> str:
    """Return the name and the version of the package that an entry point belongs to."""
    return f"{point.dist.name} {point.dist.version}" if point.dist else "an installed package"


def described(point: EntryPoint) -> str:
    """Return an entry point as messages name it: ``the plugin 'leap' of leaps 1.2``."""
    return f"the plugin {point.name!r} of {package(point)}"


def holds(point: EntryPoint, thing: object) -> bool:
    """Tell whether a class is one of the package that an entry point leads to: somebody may have imported it."""
    module: str = getattr(thing, "__module__", "")
    return module.partition(".")[0] == point.module.partition(".")[0]


def load(point: EntryPoint) -> None:
    """Import what an entry point names; what that prints goes to the standard error stream.

    Raises BrokenPluginError, whatever is wrong.
    """
    try:
        with contextlib.redirect_stdout(sys.stderr):
            point.load()
    except (Exception, SystemExit) as error:
        place = last_place(error)
        where = f" ({place[0]}:{place[1]})" if place else ""
        raise BrokenPluginError(f"{described(point)} cannot be used: {in_words(error)}{where}") from error


def in_words(error: BaseException) -> str:
    """Return what an exception says, on one line; a sentence of this package's needs not the name of its exception."""
    if isinstance(error, SystemExit):
        return "it leaves the program (SystemExit)"
    said = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in " ".join(str(error).split()))
    frames = _frames(error)
    if said and isinstance(error, ValueError | TypeError) and frames and frames[-1][0].startswith(_MACHINERY[0]):
        return said
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def last_place(error: BaseException, file: str | None = None) -> tuple[str, int] | None:
    """Return the file and the line where an exception came up: the last outside bpviz, or the last in ``file``."""
    for name, line in reversed(_frames(error)):
        if name == file if file else not name.startswith(_MACHINERY):
            return name, line
    return None


def _frames(error: BaseException) -> list[tuple[str, int]]:
    """Return the files and lines that an exception has passed, the last where it came up."""
    found, trace = [], error.__traceback__
    while trace is not None:
        found.append((trace.tb_frame.f_code.co_filename, trace.tb_lineno))
        trace = trace.tb_next
    return found
