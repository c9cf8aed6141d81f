"""Backtracking after an update, as in optax, where every search starts at the largest step."""

from typing import Any

from record import Case

_RESTART_FACTOR = 1e30  # optax starts at this multiple of the last step, but at most at the largest step
_UNUSUAL = {"step": 0.7, "shrink": 0.31, "c1": 0.3}
_OPTIONS = {"max_learning_rate": 0.7, "decrease_factor": 0.31, "slope_rtol": 0.3}
_ADAM = {"name": "adam", "step": 0.3, "beta1": 0.35, "beta2": 0.6, "epsilon": 0.2}
_THEIR_ADAM = {"name": "adam", "arguments": {"learning_rate": 0.3, "b1": 0.35, "b2": 0.6, "eps": 0.2}}
_DOWN = {"name": "sgd", "arguments": {"learning_rate": 1.0}}


def _case(rule: str, settings: dict[str, Any], direction: dict[str, Any], **search: float) -> Case:
    """Return the case of optax's chain of an optimizer and a search along its update."""
    given = {"max_backtracking_steps": 1000, "increase_factor": _RESTART_FACTOR, **search}
    chain = {"0": direction, "1": {"name": "scale_by_backtracking_linesearch", "arguments": given}}
    return Case(rule, settings, "optax", "chain", chain)


CASES = [
    _case("backtracking", {"shrink": 0.8}, _DOWN),
    _case("backtracking", _UNUSUAL, _DOWN, **_OPTIONS),
    _case("search-backtracking", {"around": {"name": "gd", "step": 1.0}, "shrink": 0.8}, _DOWN),
    _case("search-backtracking", {"around": _ADAM, **_UNUSUAL}, _THEIR_ADAM, **_OPTIONS),
]
