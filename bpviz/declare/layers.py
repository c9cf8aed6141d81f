"""Rules and the wrappers around them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from bpviz.declare.fields import settings
from bpviz.declare.interfaces import KINDS, Array, Optimizer, Oracle, Problem
from bpviz.messages.text import listed


@dataclasses.dataclass(frozen=True)
class Wrapper:
    """What goes around an update rule, and is an update rule itself. ``@wrapper`` makes one of a subclass.

    The facts of a class are its own. Those of an instance tell of all its layers: it ``needs`` what they all ask, is
    called as they all are (``label``), and its ``name`` is that of the rule inside.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    needs: ClassVar[frozenset[str]]
    source: ClassVar[str]
    confused_with: ClassVar[str]
    synonyms: ClassVar[tuple[str, ...]]
    recalls: ClassVar[bool]

    inner: Optimizer

    def misfits(self, problem: Problem) -> list[tuple[str, str]]:
        """Return (field, complaint) for what does not fit ``problem``, besides what it has to answer."""
        return []

    def scales(self) -> tuple[str, ...]:
        """Return its own settings that a schedule around it multiplies, as it does the step of the rule inside."""
        return ()

    def begin(self, w: Array, f: Oracle) -> Any:
        """Return the state before the first epoch: a named tuple whose ``inner`` is the state of what is inside."""
        raise NotImplementedError

    def advance(self, w: Array, state: Any, f: Oracle) -> tuple[Array, Any]:
        """Return the weights and the state after one epoch, in which what is inside advances once or more."""
        raise NotImplementedError


class LayerFact:
    """A fact of a wrapper: of the class its own, of an instance what its own and that of what is inside make."""

    def __init__(self, name: str, own: Any, both: Callable[[Any, Any], Any]) -> None:
        self.name = name
        self.own = own
        self.both = both

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self.own if instance is None else self.both(getattr(instance.inner, self.name, self.own), self.own)


def layers(optimizer: Any) -> list[Any]:
    """Return a rule and what is around it, from the inside out; of a class, itself."""
    found = [optimizer]
    while isinstance(found[-1], Wrapper):
        found.append(found[-1].inner)
    return found[::-1]


def spelled(optimizer: Optimizer) -> dict[str, Any]:
    """Return all settings as a config writes them: those of the rule, and of what is around it under ``with``."""
    rule, *around = layers(optimizer)
    wrappers = [{"name": type(wrapper).name, **settings(wrapper)} for wrapper in around]
    return {**settings(rule), "with": wrappers} if wrappers else settings(rule)


def made_of(thing: Any) -> Iterator[Any]:
    """Yield a rule or a problem, and the rules or problems that it is made of, if any."""
    yield thing
    for part in getattr(thing, "__dict__", {}).values():
        if hasattr(part, "advance") or hasattr(part, "offers"):
            yield from made_of(part)


def unsuitable(optimizer: Optimizer | type[Optimizer], problem: Problem) -> str | None:
    """Return why ``optimizer`` cannot work on ``problem``, or None if it can."""
    return next((complaint for layer in layers(optimizer) for _, complaint in misfits(layer, problem)), None)


def misfits(layer: Any, problem: Problem) -> list[tuple[str, str]]:
    """Return (field, complaint) for what of a rule, or of a wrapper without what is inside, does not fit ``problem``.

    A field of "" is none in particular.
    """
    kind = type(layer) if isinstance(layer, Wrapper) else layer
    missing = [question for question in KINDS if question in kind.needs - problem.offers]
    if missing:
        called = getattr(problem, "called", problem.name)
        return [("", f"{kind.name} needs {listed(missing, 'and')}, which this {called} does not have")]
    return layer.misfits(problem) if isinstance(layer, Wrapper) else []


def without_gradient(problem: Problem) -> str | None:
    """Return why nobody can wait for a small gradient of ``problem``, or None if one can."""
    if "gradient" in problem.offers:
        return None
    return f"a gradient_threshold needs a gradient, and {problem.name} has none"
