"""The interface of trackers, and the export of a folder without the tracker's log messages.

A tracker's library is imported only for an export. It may warn, log and raise anything; this must not stop the export
of other folders, or look like an error of bpviz.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from bpviz.declare.registry import Registry
from bpviz.trackers._outputs import Outputs, read

if TYPE_CHECKING:
    from pathlib import Path

NEW, UPDATED, UNCHANGED = "new", "updated", "unchanged"
OUTCOMES = (NEW, UPDATED, UNCHANGED)
"""The possible outcomes of exporting a run or an overview."""


class TrackingError(Exception):
    """A failed export; the message names the tracker, the folder and the reason."""


class Tracker(Protocol):
    """An experiment tracker, registered with ``@tracker``; its docstring describes what it stores and where."""

    name: ClassVar[str]
    library: ClassVar[str]

    def __init__(self, into: Path | None) -> None:
        """Store runs in the folder ``into``, or in the tracker's default location."""

    def where(self, folder: Path) -> str:
        """Return the location of the runs of a folder, as shown to users."""

    def next_commands(self, folders: Sequence[Path]) -> list[str]:
        """Return the shell commands that display or upload the runs of folders."""

    def export(self, outputs: Outputs) -> Iterator[str]:
        """Export every run and the overview, and yield the outcome of each, one of OUTCOMES."""


TRACKERS: Registry[type[Tracker]] = Registry("tracker", "bpviz.trackers")


def tracker(name: str, *, library: str) -> Callable[[type], type]:
    """Register a class as the tracker ``name``, which imports ``library``; the extra ``name`` installs it."""

    def register(cls: Any) -> type:
        cls.name, cls.library = name, library
        TRACKERS.add(name, cls)
        return cls  # type: ignore[no-any-return]

    return register


def missing(kind: type[Tracker]) -> str | None:
    """Return a message if the library of a tracker is not installed, else None."""
    found = importlib.util.find_spec(kind.library)
    if (
        found is not None and found.origin is not None
    ):  # no origin: a folder of that name, as wandb creates, not the library
        return None
    return f'--to {kind.name}: {kind.library} is not installed; run pip install "bpviz[{kind.name}]"'


def export(tracker: Tracker, folder: Path) -> Counter[str]:
    """Export a folder and return the number of runs, with the overview, per outcome. Raises TrackingError."""
    try:
        with contained():
            return Counter(tracker.export(read(folder)))
    except (Exception, SystemExit) as error:  # a tracker may raise anything
        raise TrackingError(f"{tracker.name}: export of {folder} failed or is incomplete: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    """Return the message of an exception on one line."""
    words = without_password(" ".join(str(error).split()))
    if not words or isinstance(error, KeyError):
        words = f"{type(error).__name__} {words}".strip()
    return words if len(words) <= 400 else f"{words[:400]}..."


def without_password(text: str) -> str:
    """Return text without user names and passwords in URLs."""
    return re.sub(r"(?<=://)[^/\s]*@", "", text)


@contextlib.contextmanager
def contained() -> Iterator[None]:
    """Suppress the log messages and warnings of a library, even if warnings are errors."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


@contextlib.contextmanager
def environment(defaults: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables temporarily, unless they are already set."""
    absent = [name for name in defaults if name not in os.environ]
    os.environ.update({name: defaults[name] for name in absent})
    try:
        yield
    finally:
        for name in absent:
            os.environ.pop(name, None)
