"""Detect outputs that no longer match their configs; never modifies them.

A check has three levels, each of which includes the ones before it. ``inputs`` compares the hashes of inputs and output
files with the lockfile. ``results`` also runs the algorithms and compares their results. ``pixels`` also draws the
figures and compares them. Other versions, another processor and changed source files of bpviz are not reported as drift
while the results stay the same.

Everything in the output folder may have been edited, the lockfile included. Therefore ``results`` and ``pixels``
compare the files themselves with those that they have just made.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

    from bpviz.config import Mistake

LEVELS = ("inputs", "results", "pixels")


class Drift(NamedTuple):
    """A difference: the level that found it, and its place with a message."""

    level: str
    where: Mistake


class Picture(NamedTuple):
    """A difference as PNG files: baseline, current state, and their difference."""

    name: str  # prefix of the file names
    title: str
    caption: str
    parts: dict[str, bytes]  # by expected, actual and difference


class Change(NamedTuple):
    """A value of a run that changed."""

    run: str
    what: str
    was: str
    now: str


@dataclass
class CheckResult:
    """The result of checking the outputs of one experiment.

    ``config`` is empty for orphaned outputs. ``skipped`` are the figure files that could not be compared, ``notes`` the
    reasons and possible causes of a difference. ``unmet`` and ``unexpected`` are the runs that did not reach their
    threshold and the failed expectations, which --strict reports.
    """

    config: str
    folder: Path
    title: str
    drifts: list[Drift] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    unmet: list[str] = field(default_factory=list)
    unexpected: list[Mistake] = field(default_factory=list)

    def at(self, level: str) -> list[Drift]:
        """Return the drifts of a level."""
        return [drift for drift in self.drifts if drift.level == level]
