"""Wrappers, and functions on update rules with their wrappers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from bpviz.declare.fields import settings
from bpviz.declare.interfaces import KINDS, Array, Optimizer, Oracle, Problem
from bpviz.messages.text import join_words


@dataclasses.dataclass(frozen=True)
class Wrapper:
    """An optimizer that wraps another optimizer, ``inner``. ``@wrapper`` registers a subclass.

    The attributes ``name``, ``label``, ``needs`` and ``recalls`` of a class describe the wrapper alone. Those of an
    instance describe it with all optimizers it wraps: ``needs`` is their union, ``label`` combines their labels, and
    ``name`` is the name of the innermost rule.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    needs: ClassVar[frozenset[str]]
    source: ClassVar[str]
    confused_with: ClassVar[str]
    synonyms: ClassVar[tuple[str, ...]]
    recalls: ClassVar[bool]

    inner: Optimizer

    def unsuitable_settings(self, problem: Problem) -> list[tuple[str, str]]:
        """Return (field, complaint) for settings that do not fit ``problem``; ``needs`` is checked separately."""
        return []

    def scales(self) -> tuple[str, ...]:
        """Return the wrapper's settings that an outer schedule multiplies, like the step of the wrapped rule."""
        return ()

    def begin(self, w: Array, f: Oracle) -> Any:
        """Return the state before the first epoch: a named tuple with the wrapped state as ``inner``."""
        raise NotImplementedError

    def advance(self, w: Array, state: Any, f: Oracle) -> tuple[Array, Any]:
        """Return the weights and the state after one epoch, in which the wrapped optimizer advances at least once."""
        raise NotImplementedError


class LayerFact:
    """A class attribute of a wrapper that instances combine with the same attribute of the wrapped optimizer."""

    def __init__(self, name: str, own: Any, both: Callable[[Any, Any], Any]) -> None:
        self.name = name
        self.own = own
        self.both = both

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self.own if instance is None else self.both(getattr(instance.inner, self.name, self.own), self.own)


def layers(optimizer: Any) -> list[Any]:
    """Return an update rule and its wrappers, innermost first; for a class, only the class."""
    found = [optimizer]
    while isinstance(found[-1], Wrapper):
        found.append(found[-1].inner)
    return found[::-1]


def all_settings(optimizer: Optimizer) -> dict[str, Any]:
    """Return all settings as in a config: those of the rule, and those of its wrappers under ``with``."""
    rule, *outer = layers(optimizer)
    wrappers = [{"name": type(wrapper).name, **settings(wrapper)} for wrapper in outer]
    return {**settings(rule), "with": wrappers} if wrappers else settings(rule)


def components(thing: Any) -> Iterator[Any]:
    """Yield a rule or a problem, and the rules or problems that it contains."""
    yield thing
    for part in getattr(thing, "__dict__", {}).values():
        if hasattr(part, "advance") or hasattr(part, "offers"):
            yield from components(part)


def unsuitable(optimizer: Optimizer | type[Optimizer], problem: Problem) -> str | None:
    """Return the first reason why ``optimizer`` cannot run on ``problem``, or None."""
    return next(
        (complaint for layer in layers(optimizer) for _, complaint in unsuitable_settings(layer, problem)), None
    )


def unsuitable_settings(layer: Any, problem: Problem) -> list[tuple[str, str]]:
    """Return (field, complaint) for the mismatches of a rule or a single wrapper with ``problem``.

    The field is "" if the complaint is about no field in particular.
    """
    cls = type(layer) if isinstance(layer, Wrapper) else layer
    missing = [kind for kind in KINDS if kind in cls.needs - problem.offers]
    if missing:
        subject = getattr(problem, "called", problem.name)
        return [("", f"{cls.name} requires {join_words(missing, 'and')}, which the problem {subject} does not provide")]
    return layer.unsuitable_settings(problem) if isinstance(layer, Wrapper) else []


def without_gradient(problem: Problem) -> str | None:
    """Return why ``problem`` cannot have a gradient threshold, or None if it can."""
    if "gradient" in problem.offers:
        return None
    return f"gradient_threshold requires a gradient, which the problem {problem.name} does not provide"
