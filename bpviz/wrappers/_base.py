"""Helpers for wrappers: access to the inner rule, modified oracles, and checks of the inner rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from bpviz.declare import KINDS, Optimizer, Wrapper, fields, layers

if TYPE_CHECKING:
    from bpviz.declare import Array, Mask, Oracle


class Inside(NamedTuple):
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


class Changed:
    """An oracle that modifies the results of some evaluations and forwards everything else.

    ``changes`` maps a kind of evaluation to a function ``(value, w) -> value`` of the value computed at ``w``.
    """

    def __init__(self, f: Oracle, changes: dict[str, Callable[[Array, Array], Array]]) -> None:
        self._f = f
        self._changes = changes

    def __getattr__(self, name: str) -> Any:
        found, change = getattr(self._f, name), self._changes.get(name)
        return found if change is None else lambda w, where=None: change(found(w, where), w)

    def part(self, samples: Any) -> Changed:
        return Changed(self._f.part(samples), self._changes)


class _Only:
    """An oracle restricted to some runs; nothing is evaluated or counted for the others."""

    def __init__(self, f: Oracle, runs: Mask) -> None:
        self._f = f
        self._runs = runs

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._f, name)
        if name not in KINDS:
            return found
        return lambda w, where=None: found(w, self._runs if where is None else where & self._runs)


# -- moved weights ---------------------------------------------------------------------------------------------------


def renewed(optimizer: Optimizer, moved: Mask, w: Array, state: Any, f: Oracle) -> Any:
    """Return the state after a wrapper has moved the weights of some runs, ``moved (runs, 1)``.

    The state is unchanged, unless the rule keeps values computed at its last weights (``recalls``): it is then
    initialized again for these runs.
    """
    if not getattr(optimizer, "recalls", False) or not moved.any():
        return state
    if isinstance(optimizer, Wrapper):
        return state._replace(inner=renewed(optimizer.inner, moved, w, state.inner, f))
    only: Any = _Only(f, moved[:, 0])
    return _chosen(moved, optimizer.begin(w, only), state, f)


def _chosen(mask: Mask, a: Any, b: Any, f: Oracle) -> Any:
    if isinstance(a, tuple):
        parts = [_chosen(mask, x, y, f) for x, y in zip(a, b, strict=True)]
        return type(a)(*parts) if hasattr(a, "_fields") else tuple(parts)
    return f.xp.where(mask.reshape(-1, *(1,) * (a.ndim - 1)), a, b)


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
