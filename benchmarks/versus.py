"""Time two ways of doing the same, turn by turn in one process, so that a busy machine slows both alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple


def milliseconds(value: float) -> str:
    return f"{value * 1e3:>6.1f} ms"


def megabytes(value: float) -> str:
    return f"{value / 2**20:>6.1f} MB"


class Row(NamedTuple):
    """Medians, in seconds if nothing else is said, and the largest ratio that is promised."""

    what: str
    ours: float
    theirs: float
    target: float
    shown: Callable[[float], str] = milliseconds

    def __str__(self) -> str:
        ratio = self.ours / self.theirs
        return f"{self.what:<44} {self.shown(self.ours)} {self.shown(self.theirs)} {ratio:>7.2f} {self.target:>7.2g}"


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


def seconds(what: str, ours: Callable[[], object], *, at_most: float, rounds: int = 11) -> Row:
    """Time one side ``rounds`` times after a warm-up, against a number of seconds."""
    ours()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        ours()
        times.append(time.perf_counter() - start)
    return Row(what, statistics.median(times), at_most, 1.0)


def heading() -> str:
    """Return the line above the rows."""
    return f"{'what':<44} {'ours':>9} {'theirs':>9} {'ratio':>7} {'target':>7}"
