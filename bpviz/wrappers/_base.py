"""Helpers for wrappers: access to the inner rule, modified oracles, and checks of the inner rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from bpviz.declare import KINDS, Optimizer, Wrapper, fields, layers
from bpviz.declare.restricted import altered
from bpviz.numerics.linesearch import choose

if TYPE_CHECKING:
    from bpviz.declare import Array, Mask, Oracle


class WrapperState(NamedTuple):
    """State of a wrapper without a state of its own."""

    inner: Any  # state of the inner optimizer


# -- the step of the rule --------------------------------------------------------------------------------------------


def step(optimizer: Optimizer) -> Any:
    """Return the step of the innermost rule, or None if it has no step that it reads every epoch."""
    rule = layers(optimizer)[0]
    declared = fields(rule).get("step")
    return None if declared is None or declared.at_start else rule.step


def scaled(optimizer: Any, factor: Array) -> Any:
    """Return the optimizer with the step of the innermost rule multiplied by ``factor (runs, 1)``."""
    copy = object.__new__(type(optimizer))
    parts = vars(copy)
    parts.update(vars(optimizer))
    if isinstance(optimizer, Wrapper):
        parts["inner"] = scaled(optimizer.inner, factor)
        names = optimizer.scales()
    else:
        names = ("step",)
    for name in names:
        parts[name] = parts[name] * factor
    return copy


# -- modified oracles ------------------------------------------------------------------------------------------------


def changed(f: Oracle, changes: Mapping[str, Callable[[Array, Array], Array]]) -> Oracle:
    """Return an oracle that changes the evaluations of some kinds, on parts of the data as well.

    ``changes`` maps a kind to a function ``(answer, w) -> answer``.
    """
    evaluations = {kind: _changing(getattr(f, kind), change) for kind, change in changes.items()}
    part = f.part
    return altered(f, {**evaluations, "part": lambda samples: changed(part(samples), changes)})


def _changing(evaluate: Callable[..., Array], change: Callable[[Array, Array], Array]) -> Callable[..., Array]:
    return lambda w, where=None: change(evaluate(w, where), w)


def _only(f: Oracle, runs: Mask) -> Oracle:
    """Return an oracle that evaluates and counts for some runs alone."""
    evaluations = {kind: _masked(getattr(f, kind), runs) for kind in KINDS}
    part = f.part
    return altered(f, {**evaluations, "part": lambda samples: _only(part(samples), runs)})


def _masked(evaluate: Callable[..., Array], runs: Mask) -> Callable[..., Array]:
    return lambda w, where=None: evaluate(w, runs if where is None else where & runs)


# -- moved weights ---------------------------------------------------------------------------------------------------


def state_after_move(optimizer: Optimizer, moved: Mask, w: Array, state: Any, f: Oracle) -> Any:
    """Return the state after a wrapper has moved the weights of some runs, ``moved (runs, 1)``.

    The state is unchanged, unless the rule keeps values computed at its last weights (``recalls``): it is then
    initialized again for these runs.
    """
    if not getattr(optimizer, "recalls", False) or not moved.any():
        return state
    if isinstance(optimizer, Wrapper):
        return state._replace(inner=state_after_move(optimizer.inner, moved, w, state.inner, f))
    return begun_again(optimizer, moved, w, state, f)


def begun_again(optimizer: Optimizer, where: Mask, w: Array, state: Any, f: Oracle) -> Any:
    """Return ``state``, replaced in the runs ``where (runs, 1)`` by the state in which the rule begins at ``w``."""
    if not where.any():
        return state
    return choose(where, optimizer.begin(w, _only(f, where[:, 0])), state, f)


# -- checks of the inner rule ----------------------------------------------------------------------------------------


def without_step(inner: Optimizer) -> list[tuple[str, str]]:
    """Return a complaint if a schedule cannot change the step of the rule."""
    if step(inner) is not None:
        return []
    if "step" in fields(layers(inner)[0]):
        return [("", f"{inner.name} reads its step only at the start, so a schedule has no effect")]
    return [("", f"{inner.name} has no step for a schedule to change")]


def without_gradient(inner: Optimizer) -> list[tuple[str, str]]:
    """Return a complaint if the rule does not evaluate the gradient."""
    return [] if "gradient" in inner.needs else [("", f"{inner.name} does not use the gradient")]


def with_memory(inner: Optimizer, why: str) -> list[tuple[str, str]]:
    """Return a complaint if the rule keeps values computed at its last weights."""
    return [("", f"{inner.name} reuses values from its last epoch, {why}")] if getattr(inner, "recalls", False) else []
