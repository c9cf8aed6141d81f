"""Time bpviz and a baseline alternately in one process, so that load on the machine slows both equally."""

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
    """Medians of bpviz and the baseline, in the unit that ``shown`` formats, and the largest allowed ratio."""

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
    """Time both sides ``rounds`` times after a warm-up; the order alternates between rounds."""
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
    """Time one side ``rounds`` times after a warm-up, and compare its median with ``at_most`` seconds."""
    ours()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        ours()
        times.append(time.perf_counter() - start)
    return Row(what, statistics.median(times), at_most, 1.0)


def heading() -> str:
    """Return the header line of the rows."""
    return f"{'benchmark':<44} {'bpviz':>9} {'baseline':>9} {'ratio':>7} {'target':>7}"
