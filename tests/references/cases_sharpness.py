"""Sharpness-aware minimization, compared with optax."""

from __future__ import annotations

from typing import Any

from record import Case


def _sam(step: float, radius: float) -> dict[str, Any]:
    """Return the arguments of optax.contrib.sam that its documentation gives for the rule of the paper."""
    uphill = {"0": {"name": "contrib.normalize", "arguments": {}}, "1": _descent(radius)}
    return {"0": _descent(step), "1": {"name": "chain", "arguments": uphill}, "opaque_mode": True}


def _descent(step: float) -> dict[str, Any]:
    return {"name": "sgd", "arguments": {"learning_rate": step}}


CASES = [
    Case("sam", {"step": 0.001}, "optax", "contrib.sam", _sam(0.001, 0.05)),
    Case("sam", {"step": 0.002, "radius": 0.31}, "optax", "contrib.sam", _sam(0.002, 0.31)),
]
