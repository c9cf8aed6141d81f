"""Targets that the activation of the output cannot reach."""

from __future__ import annotations

import math
from collections.abc import Sequence

_RANGES = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), "relu": (0.0, math.inf), "softplus": (0.0, math.inf)}
_RANGES |= {"elu": (-1.0, math.inf), "gelu": (-0.17004, math.inf)}
"""The values that an activation can have or approach; all numbers for the others."""

_MOST_CLASSES = 10  # more targets are measurements


def count_outside(targets: Sequence[float], low: float = 0.0, high: float = 1.0) -> int:
    """Return how many targets are not in [low, high]."""
    return sum(not low <= target <= high for target in targets)


def probabilities_complaint(loss: str, targets: Sequence[float]) -> str:
    """Return a complaint if a loss that requires targets in [0, 1] has others; "" if not."""
    outside = count_outside(targets)
    if not outside:
        return ""
    got = f"{outside:,} of {len(targets):,} {'is' if outside == 1 else 'are'} outside"
    return f"{loss} requires targets in [0, 1] ({got}); use targets 0 and 1"


def least_error(targets: Sequence[float], activation: str, loss: str) -> float:
    """Return a lower bound of the mean loss (mse, half-mse or mae), from the range of the activation."""
    low, high = _range(activation)
    distances = [max(low - target, target - high, 0.0) for target in targets]
    losses = distances if loss == "mae" else [d * d for d in distances]
    return sum(losses) / len(targets) / (2 if loss == "half-mse" else 1)


def range_warning(targets: Sequence[float], activation: str, loss: str) -> str:
    """Return a sentence about targets that no weights can predict; "" if there are none."""
    low, high = _range(activation)
    outside = count_outside(targets, low, high)
    if not outside:
        return ""
    range_ = f"[{low:g}, {high:g}{']' if math.isfinite(high) else ')'}, the range of {activation}"
    wider = "tanh" if activation != "tanh" and not count_outside(targets, *_RANGES["tanh"]) else "linear"
    fitting = {"sigmoid": "0 and 1", "tanh": "-1 and 1"}.get(activation, f"of {low:g} or more")
    if activation == "sigmoid" and len(set(targets)) <= _MOST_CLASSES:
        fitting += " (two `classes` of a CSV file)"
    return (
        f"{outside:,} of {len(targets):,} targets {'is' if outside == 1 else 'are'} outside {range_}: the error "
        f"cannot fall below {least_error(targets, activation, loss):.4g}; use activation {wider}, or targets {fitting}"
    )


def _range(activation: str) -> tuple[float, float]:
    return _RANGES.get(activation, (-math.inf, math.inf))
