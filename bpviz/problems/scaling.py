"""Scaling of features, learned from samples and applied to these or others."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

LARGEST = 1e300
"""The largest size of a feature that can be scaled, so that differences are finite."""


@dataclass(frozen=True)
class Scaling:
    """Each feature minus a center, divided by a spread; a feature with spread 0 becomes 0."""

    kind: str
    centers: tuple[float, ...]
    spreads: tuple[float, ...]

    @classmethod
    def learn(cls, kind: str, rows: Sequence[Sequence[float]]) -> Scaling:
        """Return the scaling ``kind``, one of KINDS, of features like those in ``rows``."""
        centers, spreads = zip(*map(KINDS[kind], zip(*rows, strict=True)), strict=True)
        return cls(kind, centers, spreads)

    def apply(self, rows: Sequence[Sequence[float]]) -> tuple[tuple[float, ...], ...]:
        """Return rows of features, scaled."""
        return tuple(tuple(map(_scaled, row, self.centers, self.spreads)) for row in rows)


def _scaled(value: float, center: float, spread: float) -> float:
    return (value - center) / spread if spread else 0.0


def _minmax(column: Sequence[float]) -> tuple[float, float]:
    """Return the minimum and the range."""
    low = min(column)
    return low, max(column) - low


def _standard(column: Sequence[float]) -> tuple[float, float]:
    """Return the mean and the standard deviation of the population (divided by n, not n - 1)."""
    if min(column) == max(column):  # rounding of the mean must not count as deviation
        return column[0], 0.0
    mean = math.fsum(value / len(column) for value in column)
    largest = max(abs(value - mean) for value in column)  # squares of large or small numbers are not finite or 0
    squares = math.fsum(((value - mean) / largest) ** 2 for value in column)
    return mean, largest * math.sqrt(squares / len(column))


KINDS: dict[str, Callable[[Sequence[float]], tuple[float, float]]] = {"minmax": _minmax, "standard": _standard}
"""Return center and spread of the values of a feature: to [0, 1], or to mean 0 and standard deviation 1."""
