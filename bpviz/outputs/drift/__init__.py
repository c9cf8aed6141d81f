"""Whether outputs still are what their configs make of them: found and said, never repaired.

Three levels, each with what is below it. ``inputs`` compares digests and computes nothing: what went in, and the files
that came out, are what the lock says. ``results`` runs every algorithm again. ``pixels`` draws every figure again. What
is not the doing of whoever keeps the outputs is no drift: other versions, another processor, bpviz's own code as long
as it comes to the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

    from bpviz.config import Mistake

LEVELS = ("inputs", "results", "pixels")


class Drift(NamedTuple):
    """Something that is not as it was: the level at which it shows, and its place with what is said of it."""

    level: str
    where: Mistake


class Picture(NamedTuple):
    """A difference to look at, as PNG files: what was expected, what came, and where they part."""

    name: str  # of its files
    title: str
    said: str
    parts: dict[str, bytes]  # expected, actual and difference, those that there are


class Change(NamedTuple):
    """A number, or a word, of a run that is not what it was."""

    run: str
    what: str
    was: str
    now: str


@dataclass
class Checked:
    """What was found about the outputs of one experiment. ``config`` is empty for outputs of a config that is gone.

    ``notes`` say what was not compared, and what may be behind a difference. ``unmet`` and ``unexpected`` are what
    --strict asks for.
    """

    config: str
    folder: Path
    title: str
    drifts: list[Drift] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    unmet: list[str] = field(default_factory=list)
    unexpected: list[Mistake] = field(default_factory=list)

    def at(self, level: str) -> list[Drift]:
        """Return the drifts that show at a level."""
        return [drift for drift in self.drifts if drift.level == level]
