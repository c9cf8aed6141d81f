"""Decorators that register update rules, wrappers, problems and figures by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, dataclass_transform

from bpviz.declare.fields import check_values, fields
from bpviz.declare.interfaces import KINDS, PARTS, Optimizer
from bpviz.declare.layers import LayerFact, Wrapper
from bpviz.declare.registry import Registry
from bpviz.messages.text import listed, shown

T = TypeVar("T")

OPTIMIZERS: Registry[type[Optimizer]] = Registry("algorithm", "bpviz.optimizers", "bpviz.optimizers", "bpviz.libraries")


WRAPPERS: Registry[type[Wrapper]] = Registry("wrapper", "bpviz.wrappers")


PROBLEMS: Registry[Any] = Registry("problem", "bpviz.problems", "bpviz.problems")


FIGURES: Registry[Any] = Registry("figure", "bpviz.figures")


def declared(cls: type[T], name: str, **facts: Any) -> type[T]:
    """Return a class with these facts and its declared fields frozen and checked, in no registry."""
    made: Any = cls
    for fact, value in {"name": name, **facts}.items():
        setattr(made, fact, value)
    made.__post_init__ = check_values
    return dataclasses.dataclass(frozen=True)(cls)


def _declare(
    cls: type[T], name: str, registry: Registry[Any], parts: Mapping[str, str] | None = None, **facts: Any
) -> type[T]:
    missing = [f"no {what}" for part, what in (parts or {}).items() if not hasattr(cls, part)]
    if missing:
        raise TypeError(f"{name}: {cls.__qualname__} has {listed(missing, 'and')}")
    made = declared(cls, name, **facts)
    taken = [field.name for field in dataclasses.fields(made) if field.name in (*facts, *_KEYS)]  # type: ignore[arg-type]
    if taken:
        raise ValueError(f"{name}: {listed(taken, 'and')} cannot be the name of a field; it stands for something else")
    for field in fields(made).values():
        complaint = field.complaint(field.default)
        if complaint:
            raise ValueError(f"{name}: the default of {field.name}: {complaint}")
    registry.add(name, made)
    return made


_KEYS = ("name", "label", "kind")
"""What stands beside the fields in a config."""


_RULE = {"begin": "method begin(self, w, f)", "advance": "method advance(self, w, state, f)"}


@dataclass_transform(frozen_default=True)
def optimizer(
    name: str,
    *,
    needs: str,
    label: str = "",
    source: str = "",
    confused_with: str = "",
    synonyms: tuple[str, ...] = (),
    recalls: bool = False,
) -> Callable[[type[T]], type[T]]:
    """Register a class as the update rule ``name`` and make its hyperparameters frozen, checked fields.

    ``needs`` names the questions it asks (of KINDS, separated by spaces); ``label`` is its name in tables and legends,
    ``name`` if none is given; ``source`` the paper with the place in it; ``confused_with`` what else goes by the same
    name. A rule that ``recalls`` has answers at the weights it hands over in its state: who moves them, or changes what
    is answered, has to let it begin again.
    """
    facts = {"needs": _questions(name, needs), "source": source, "confused_with": confused_with, "synonyms": synonyms}
    return lambda cls: _declare(cls, name, OPTIMIZERS, _RULE, label=label or name, recalls=recalls, **facts)


def _questions(name: str, needs: object) -> frozenset[str]:
    if not isinstance(needs, str):
        raise TypeError(f"{name}: needs is text such as 'error gradient', not {shown(needs)}")
    asked = frozenset(needs.split())
    if not asked <= set(KINDS):
        raise ValueError(f"{name}: needs {sorted(asked - set(KINDS))}, not one of {KINDS}")
    return asked


@dataclass_transform(frozen_default=True)
def wrapper(
    name: str, *, label: str, source: str, needs: str = "", confused_with: str = "", synonyms: tuple[str, ...] = ()
) -> Callable[[type[T]], type[T]]:
    """Register a subclass of Wrapper as ``name`` and make its settings frozen, checked fields.

    ``label`` is what it adds to the name of what it is around, in tables and legends; ``needs`` what it asks itself;
    the rest is as for ``@optimizer``.
    """
    asked = _questions(name, needs)

    def made(cls: type[T]) -> type[T]:
        found: Any = _declare(cls, name, WRAPPERS, source=source, confused_with=confused_with, synonyms=synonyms)
        found.name = LayerFact("name", name, lambda inner, _: inner)
        found.label = LayerFact("label", label, "{}, {}".format)
        found.needs = LayerFact("needs", asked, frozenset.union)
        found.recalls = LayerFact("recalls", False, lambda inner, _: inner)
        return found  # type: ignore[no-any-return]

    return made


@dataclass_transform(frozen_default=True)
def problem(name: str, *, source: str = "", synonyms: tuple[str, ...] = ()) -> Callable[[type[T]], type[T]]:
    """Register a class as the problem ``name``, with its source."""
    return lambda cls: _declare(cls, name, PROBLEMS, PARTS, source=source, synonyms=synonyms)


@dataclass_transform(frozen_default=True)
def figure(name: str, *, summary: str) -> Callable[[type[T]], type[T]]:
    """Register a class as the figure kind ``name``; its fields are the options a config may give."""
    return lambda cls: _declare(cls, name, FIGURES, summary=summary, synonyms=())
