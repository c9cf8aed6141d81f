"""What a tracker is, and how one is handed a folder: its noise kept away, its failures worded.

A tracker's library is imported when something is handed over. It is somebody else's program: it warns, logs and raises
as it likes. None of that may cost a run, or look as if bpviz had gone wrong.
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

NEW, UPDATED, THERE = "new", "updated", "already there"
OUTCOMES = (NEW, UPDATED, THERE)
"""What becomes of a run, or of an overview, that is handed over."""


class TrackingError(Exception):
    """A tracker, what it was handed, and why that failed, as a sentence."""


class Tracker(Protocol):
    """Where runs are kept. ``@tracker`` registers a class with these methods; its docstring says what is where."""

    name: ClassVar[str]
    library: ClassVar[str]

    def __init__(self, into: Path | None) -> None:
        """Write in the folder ``into``, or in the tracker's own place."""

    def where(self, folder: Path) -> str:
        """Return where the runs of a folder are found, as a user would name it."""

    def look(self, folders: Sequence[Path]) -> list[str]:
        """Return the commands with which one looks at the runs of folders, or sends them on."""

    def hand_over(self, outputs: Outputs) -> Iterator[str]:
        """Hand over every run and the overview; yield what became of each, one of OUTCOMES."""


TRACKERS: Registry[type[Tracker]] = Registry("tracker", "bpviz.trackers")


def tracker(name: str, *, library: str) -> Callable[[type], type]:
    """Register a class as the tracker ``name``, which imports ``library``; the extra of that name installs it."""

    def register(cls: Any) -> type:
        cls.name, cls.library = name, library
        TRACKERS.add(name, cls)
        return cls  # type: ignore[no-any-return]

    return register


def missing(kind: type[Tracker]) -> str | None:
    """Return how to install what a tracker needs, None if it is there."""
    found = importlib.util.find_spec(kind.library)
    if found is not None and found.origin is not None:  # a folder of that name may lie about: wandb makes one
        return None
    return f'export --to {kind.name} needs {kind.library}: pip install "bpviz[{kind.name}]"'


def export(tracker: Tracker, folder: Path) -> Counter[str]:
    """Hand a folder over and return how many of its runs, and its overview, became what. Raises TrackingError."""
    try:
        with contained():
            return Counter(tracker.hand_over(read(folder)))
    except (Exception, SystemExit) as error:  # a tracker may raise anything
        raise TrackingError(f"{tracker.name}: {folder} was not exported, or not all of it: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    """Return an exception's own words, on one line."""
    words = without_password(" ".join(str(error).split()))
    if not words or isinstance(error, KeyError):
        words = f"{type(error).__name__} {words}".strip()
    return words if len(words) <= 400 else f"{words[:400]}..."


def without_password(text: str) -> str:
    """Return a text without the name and the password that an address in it may have."""
    return re.sub(r"(?<=://)[^/\s]*@", "", text)


@contextlib.contextmanager
def contained() -> Iterator[None]:
    """Keep a library's warnings and log messages from the terminal, and warnings from being errors."""
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
    """Set variables of the environment for a while, those that nobody has set."""
    absent = [name for name in defaults if name not in os.environ]
    os.environ.update({name: defaults[name] for name in absent})
    try:
        yield
    finally:
        for name in absent:
            os.environ.pop(name, None)
