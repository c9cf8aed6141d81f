"""What wrappers do to what they are around, and what they refuse to be around."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from bpviz.declare import KINDS, Optimizer, Wrapper, fields, layers

if TYPE_CHECKING:
    from bpviz.declare import Array
    from bpviz.oracle import Mask, Oracle


class Inside(NamedTuple):
    """What a wrapper without a memory of its own remembers."""

    inner: Any  # the state of what is inside


# -- the step of the rule --------------------------------------------------------------------------------------------


def step(optimizer: Optimizer) -> Any:
    """Return the step of the rule inside; None if it has none that it takes at every epoch."""
    rule = layers(optimizer)[0]
    declared = fields(rule).get("step")
    return None if declared is None or declared.at_start else rule.step


def scaled(optimizer: Any, factor: Array) -> Any:
    """Return the optimizer with the step of the rule inside times ``factor (runs, 1)``."""
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


# -- what the rule is answered ---------------------------------------------------------------------------------------


class Changed:
    """An oracle that changes some answers on their way and hands everything else on.

    ``changes`` has, by the kind of question, what makes of an answer at ``w`` another: ``(answer, w) -> answer``.
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
    """An oracle for some runs: the others are neither asked for nor charged."""

    def __init__(self, f: Oracle, runs: Mask) -> None:
        self._f = f
        self._runs = runs

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._f, name)
        if name not in KINDS:
            return found
        return lambda w, where=None: found(w, self._runs if where is None else where & self._runs)


# -- weights that are moved ------------------------------------------------------------------------------------------


def renewed(optimizer: Optimizer, moved: Mask, w: Array, state: Any, f: Oracle) -> Any:
    """Return the state for weights that have been moved in some runs, ``moved (runs, 1)``.

    It stays as it is, but for a rule that recalls what it was answered at its last weights: that begins again.
    """
    if not getattr(optimizer, "recalls", False) or not moved.any():
        return state
    if isinstance(optimizer, Wrapper):
        return state._replace(inner=renewed(optimizer.inner, moved, w, state.inner, f))
    return begun_again(optimizer, moved, w, state, f)


def begun_again(optimizer: Optimizer, where: Mask, w: Array, state: Any, f: Oracle) -> Any:
    """Return the state in which the rule begins at ``w`` in the runs ``where (runs, 1)``, and in others ``state``."""
    if not where.any():
        return state
    only: Any = _Only(f, where[:, 0])
    return _chosen(where, optimizer.begin(w, only), state, f)


def _chosen(mask: Mask, a: Any, b: Any, f: Oracle) -> Any:
    if isinstance(a, tuple):
        parts = [_chosen(mask, x, y, f) for x, y in zip(a, b, strict=True)]
        return type(a)(*parts) if hasattr(a, "_fields") else tuple(parts)
    return f.xp.where(mask.reshape(-1, *(1,) * (a.ndim - 1)), a, b)


# -- refusals --------------------------------------------------------------------------------------------------------


def without_step(inner: Optimizer) -> list[tuple[str, str]]:
    """Refuse a rule whose step a schedule could not change."""
    if step(inner) is not None:
        return []
    if "step" in fields(layers(inner)[0]):
        return [("", f"{inner.name} takes its step at the start alone: a schedule would change nothing")]
    return [("", f"{inner.name} has no step for a schedule to change")]


def without_gradient(inner: Optimizer) -> list[tuple[str, str]]:
    """Refuse a rule that never asks for the gradient that would be changed."""
    return [] if "gradient" in inner.needs else [("", f"{inner.name} never asks for a gradient")]


def with_memory(inner: Optimizer, why: str) -> list[tuple[str, str]]:
    """Refuse a rule that goes on from what it was answered last."""
    return [("", f"{inner.name} goes on from its last answers, {why}")] if getattr(inner, "recalls", False) else []
