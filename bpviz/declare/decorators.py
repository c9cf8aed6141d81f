"""Decorators that register update rules, wrappers, problems and figures by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, dataclass_transform

from bpviz.declare.fields import check_values, fields
from bpviz.declare.interfaces import KINDS, PARTS, Optimizer
from bpviz.declare.layers import LayerFact, Wrapper
from bpviz.declare.registry import Registry
from bpviz.messages.text import join_words, quote_value

T = TypeVar("T")

OPTIMIZERS: Registry[type[Optimizer]] = Registry("algorithm", "bpviz.optimizers", "bpviz.optimizers", "bpviz.libraries")


WRAPPERS: Registry[type[Wrapper]] = Registry("wrapper", "bpviz.wrappers")


PROBLEMS: Registry[Any] = Registry("problem", "bpviz.problems", "bpviz.problems")


FIGURES: Registry[Any] = Registry("figure", "bpviz.figures")


def declared(cls: type[T], name: str, **facts: Any) -> type[T]:
    """Return ``cls`` as a frozen dataclass that checks its fields, with ``facts`` as class attributes.

    The class is not registered.
    """
    changed: Any = cls
    for fact, value in {"name": name, **facts}.items():
        setattr(changed, fact, value)
    changed.__post_init__ = check_values
    return dataclasses.dataclass(frozen=True)(cls)


def _declare(
    cls: type[T], name: str, registry: Registry[Any], parts: Mapping[str, str] | None = None, **facts: Any
) -> type[T]:
    missing = [what for part, what in (parts or {}).items() if not hasattr(cls, part)]
    if missing:
        raise TypeError(f"{name}: class {cls.__qualname__} is missing {join_words(missing, 'and')}")
    new = declared(cls, name, **facts)
    reserved = [field.name for field in dataclasses.fields(new) if field.name in (*facts, *_KEYS)]  # type: ignore[arg-type]
    if reserved:
        raise ValueError(f"{name}: {reserved[0]!r} is a reserved name; rename the field")
    for field in fields(new).values():
        complaint = field.complaint(field.default)
        if complaint:
            raise ValueError(f"{name}: default of {field.name}: {complaint}")
    registry.add(name, new)
    return new


_KEYS = ("name", "label", "color", "marker", "kind")
"""Keys of an entry in a config that are not fields."""


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
    """Register a class as the update rule ``name``.

    The class has the methods ``begin`` and ``advance`` of the protocol Optimizer and declares its hyperparameters with
    ``hyper``. It becomes a frozen dataclass that checks its values.

    Parameters
    ----------
    name : str
        The name in configs: letters, digits and ``+ - . _``.
    needs : str
        The kinds of evaluations that it uses, separated by spaces: "error", "gradient", "hessian", "residuals",
        "jacobian". Problems that lack one of them are rejected.
    label : str
        The name in tables and legends; by default ``name``.
    source : str
        The paper, with year and place in it.
    confused_with : str
        A note on other algorithms of the same or a similar name.
    synonyms : tuple of str
        Other names, for suggestions; configs do not accept them.
    recalls : bool
        Whether the state contains evaluations at the current weights. Wrappers that move the weights, or change the
        problem between epochs, reject such a rule or call ``begin`` again.

    Returns
    -------
    callable
        The class decorator.

    Raises
    ------
    TypeError
        If ``needs`` is not a string or the class lacks a method.
    ValueError
        If ``needs`` has an unknown kind, a default is not in its domain, or the name is in use.
    """
    facts = {"needs": _kinds(name, needs), "source": source, "confused_with": confused_with, "synonyms": synonyms}
    return lambda cls: _declare(cls, name, OPTIMIZERS, _RULE, label=label or name, recalls=recalls, **facts)


def _kinds(name: str, needs: object) -> frozenset[str]:
    if not isinstance(needs, str):
        raise TypeError(f"{name}: needs: expected a string such as 'error gradient', got {quote_value(needs)}")
    kinds = frozenset(needs.split())
    unknown = sorted(kinds - set(KINDS))
    if unknown:
        raise ValueError(f"{name}: needs: expected {join_words(KINDS)}, got {quote_value(unknown[0])}")
    return kinds


@dataclass_transform(frozen_default=True)
def wrapper(
    name: str, *, label: str, source: str, needs: str = "", confused_with: str = "", synonyms: tuple[str, ...] = ()
) -> Callable[[type[T]], type[T]]:
    """Register a subclass of Wrapper as the wrapper ``name``.

    It becomes a frozen dataclass that checks its values.

    Parameters
    ----------
    name : str
        The name in configs.
    label : str
        The text that it adds to the label of the wrapped algorithm.
    source, confused_with, synonyms
        As for ``optimizer``.
    needs : str
        The kinds of evaluations that the wrapper itself uses.

    Returns
    -------
    callable
        The class decorator.

    Raises
    ------
    TypeError, ValueError
        As for ``optimizer``.
    """
    kinds = _kinds(name, needs)

    def decorate(cls: type[T]) -> type[T]:
        new: Any = _declare(cls, name, WRAPPERS, source=source, confused_with=confused_with, synonyms=synonyms)
        new.name = LayerFact("name", name, lambda inner, _: inner)
        new.label = LayerFact("label", label, "{}, {}".format)
        new.needs = LayerFact("needs", kinds, frozenset.union)
        new.recalls = LayerFact("recalls", False, lambda inner, _: inner)
        return new  # type: ignore[no-any-return]

    return decorate


@dataclass_transform(frozen_default=True)
def problem(name: str, *, source: str = "", synonyms: tuple[str, ...] = ()) -> Callable[[type[T]], type[T]]:
    """Register a class as the problem ``name``.

    The class has the attributes and methods of the protocol Problem; ``bpviz.Function`` provides most of them. It
    becomes a frozen dataclass that checks its values.

    Parameters
    ----------
    name : str
        The name in configs: letters, digits and ``+ - . _``.
    source : str
        The paper or book, with year and place in it.
    synonyms : tuple of str
        Other names, for suggestions; configs do not accept them.

    Returns
    -------
    callable
        The class decorator.

    Raises
    ------
    TypeError
        If the class lacks an attribute or method of Problem.
    ValueError
        If a default is not in its domain, or the name is in use.
    """
    return lambda cls: _declare(cls, name, PROBLEMS, PARTS, source=source, synonyms=synonyms)


@dataclass_transform(frozen_default=True)
def figure(name: str, *, summary: str) -> Callable[[type[T]], type[T]]:
    """Register a class as the figure kind ``name``; its fields are the figure's options."""
    return lambda cls: _declare(cls, name, FIGURES, summary=summary, synonyms=())
