"""The tolerance of comparisons of computed numbers.

Processors and versions of NumPy round the last digits differently, so computed numbers are equal if they agree to nine
significant digits. Weights are compared on the scale of the largest weight, and an error near zero on the scale of the
largest error of its run, because rounding leaves an absolute, not a relative, difference there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

DIGITS = 9
"""Significant digits that must agree."""

RELATIVE = 1e-9
"""Largest relative difference between equal numbers."""

_ROUNDING = 1e-15
"""Rounding of an error near zero, relative to the largest error of the run."""


def for_error(error: float | None, largest: float) -> float:
    """Return the largest absolute difference between equal errors.

    ``largest`` is the largest absolute error of the run.
    """
    finite = abs(error) if error is not None and math.isfinite(error) else 0.0
    return RELATIVE * finite + _ROUNDING * largest


def for_weights(weights: Iterable[float | None]) -> float:
    """Return the largest absolute difference, weight by weight, between equal points."""
    return RELATIVE * max((abs(w) for w in weights if w is not None and math.isfinite(w)), default=0.0)
