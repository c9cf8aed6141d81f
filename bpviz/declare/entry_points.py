"""Plugins of installed packages, found by their entry points.

Finding all entry points is slow; see Registry for when it happens.
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
"""Files of frames that are skipped when looking for the line of an error in a plugin."""


class BrokenPluginError(ValueError):
    """A plugin of an installed package cannot be used; the message names the package."""


@functools.cache
def groups() -> frozenset[str]:
    """Return the entry point groups of bpviz that packages on the path declare.

    This takes a millisecond, but finds only packages that are installed in a folder, not in an archive. ``points``
    finds all packages, but is slow.
    """
    found: set[str] = set()
    metadata: list[str] = []
    for folder in sys.path:
        with contextlib.suppress(OSError), os.scandir(folder or ".") as entries:
            metadata += [entry.path for entry in entries if entry.name.endswith((".dist-info", ".egg-info"))]
    for package_folder in metadata:
        with contextlib.suppress(OSError):
            text = Path(package_folder, "entry_points.txt").read_text(encoding="utf-8", errors="replace")
            found.update(re.findall(r"^\[(bpviz\.\w+)\]", text, re.MULTILINE))
    return frozenset(found)


@functools.cache
def points(group: str) -> dict[str, list[EntryPoint]]:
    """Return the entry points of a group by name; several packages can have an entry point of the same name."""
    from importlib.metadata import entry_points  # slow to import

    found: dict[str, list[EntryPoint]] = {}
    # A package can be on the path twice.
    distinct = {(point.name, package(point), point.value): point for point in entry_points(group=group)}
    for (name, *_), point in sorted(distinct.items()):
        found.setdefault(name, []).append(point)
    return found


def package(point: EntryPoint) -> str:
    """Return the name and version of an entry point's package."""
    return f"{point.dist.name} {point.dist.version}" if point.dist else "an installed package"


def described(point: EntryPoint) -> str:
    """Return the name of an entry point for messages: ``the plugin 'leap' of leaps 1.2``."""
    return f"the plugin {point.name!r} of {package(point)}"


def belongs_to_package(point: EntryPoint, thing: object) -> bool:
    """Return whether a class belongs to the package of an entry point, which may already be imported."""
    module: str = getattr(thing, "__module__", "")
    return module.partition(".")[0] == point.module.partition(".")[0]


def load(point: EntryPoint) -> None:
    """Import the object of an entry point; redirect its standard output to standard error.

    Raise BrokenPluginError if that fails for any reason.
    """
    try:
        with contextlib.redirect_stdout(sys.stderr):
            point.load()
    except (Exception, SystemExit) as error:
        place = error_location(error)
        where = f" ({place[0]}:{place[1]})" if place else ""
        raise BrokenPluginError(f"{described(point)} cannot be used: {describe_error(error)}{where}") from error


def describe_error(error: BaseException) -> str:
    """Return an exception's type and message on one line; only the message if bpviz raised it."""
    if isinstance(error, SystemExit):
        return "it called sys.exit() (SystemExit)"
    message = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in " ".join(str(error).split()))
    frames = _frames(error)
    if message and isinstance(error, ValueError | TypeError) and frames and frames[-1][0].startswith(_MACHINERY[0]):
        return message
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def error_location(error: BaseException, file: str | None = None) -> tuple[str, int] | None:
    """Return the file and line where an exception was raised: the innermost outside bpviz, or in ``file`` if given."""
    for name, line in reversed(_frames(error)):
        if name == file if file else not name.startswith(_MACHINERY):
            return name, line
    return None


def _frames(error: BaseException) -> list[tuple[str, int]]:
    """Return the file and line of each traceback frame of an exception, the innermost last."""
    found, trace = [], error.__traceback__
    while trace is not None:
        found.append((trace.tb_frame.f_code.co_filename, trace.tb_lineno))
        trace = trace.tb_next
    return found
