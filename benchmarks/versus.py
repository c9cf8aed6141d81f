"""Time two ways of doing the same, turn by turn in one process, so that a busy machine slows both alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple


class Row(NamedTuple):
    """Medians in seconds, and the largest ratio that is promised."""

    what: str
    ours: float
    theirs: float
    target: float

    def __str__(self) -> str:
        ratio = self.ours / self.theirs
        return f"{self.what:<44} {_shown(self.ours)} {_shown(self.theirs)} {ratio:>7.2f} {self.target:>7.1f}"


def versus(
    what: str, ours: Callable[[], object], theirs: Callable[[], object], *, target: float, rounds: int = 11
) -> Row:
    """Time both sides ``rounds`` times after a warm-up, each going first in every other round."""
    sides = (ours, theirs)
    times: tuple[list[float], list[float]] = ([], [])
    for side in sides:
        side()
    for turn in range(rounds):
        for i in (0, 1) if turn % 2 == 0 else (1, 0):
            start = time.perf_counter()
            sides[i]()
            times[i].append(time.perf_counter() - start)
    return Row(what, *map(statistics.median, times), target)


def heading() -> str:
    """Return the line above the rows."""
    return f"{'what':<44} {'ours':>9} {'theirs':>9} {'ratio':>7} {'target':>7}"


def _shown(seconds: float) -> str:
    return f"{seconds * 1e3:>6.1f} ms"
