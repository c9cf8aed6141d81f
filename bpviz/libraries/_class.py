"""Build a class with declared fields, like a registered rule, from the facts about a library optimizer."""

from __future__ import annotations

import dataclasses
import inspect
import math
import re
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from textwrap import fill
from typing import Any, NamedTuple

from bpviz import declare
from bpviz.declare import hyper
from bpviz.declare.domains import Domain
from bpviz.messages.text import quote_value


class Parameter(NamedTuple):
    """An argument that a config can set; its default is OWN if there is none or a config cannot express it."""

    name: str
    default: Any
    required: bool
    meaning: str

    @property
    def literal(self) -> str:
        """The default as a Python literal."""
        return "..." if self.default == OWN else repr(self.default)


class Facts(NamedTuple):
    """The facts about a library optimizer, sufficient to build its class without importing the library."""

    library: str
    name: str
    call: str  # qualified name in the library, e.g. "torch.optim.Adam"
    version: str
    needs: tuple[str, ...]
    block_evaluations: tuple[str, ...]  # evaluations made for all runs at once, at the beginning of an epoch
    recalls: bool  # whether it keeps values computed in earlier epochs
    parameters: tuple[Parameter, ...]
    description: str
    call_text: str = ""  # the call, for display
    max_block_size: int = 64  # maximum number of runs per block; each has its own object


OWN = "its own"
"""Placeholder for a default that a config cannot express; it is not passed to the library."""

# -- settings --------------------------------------------------------------------------------------------------------

_TYPE_WORDS = {bool: "true or false", int: "a number", float: "a number", str: "a string", tuple: "a list"}
_ANY = "a number, true, false, a string or a list"
_MAX_MEANING = 80  # maximum number of characters of a meaning


@dataclasses.dataclass(frozen=True)
class LibraryValue(Domain):
    """A value passed to a library unchanged: null, or a value of the same type as the default (any if unknown)."""

    words: str = _ANY

    def complaint(self, value: object) -> str | None:
        if value is None:
            return None
        if isinstance(value, list | tuple):
            if self.words not in (_ANY, "a list"):
                return f"expected {self}, got {quote_value(value)}"
            return next((f"item {i}: {c}" for i, v in enumerate(value, 1) if (c := LibraryValue().complaint(v))), None)
        like = _TYPE_WORDS.get(type(value))
        if like is None or self.words not in (_ANY, like):
            return f"expected {self}, got {quote_value(value)}"
        if isinstance(value, float) and not math.isfinite(value):
            return f"expected a finite number, got {value}"
        return None

    def convert(self, value: Any) -> Any:
        return tuple(map(self.convert, value)) if isinstance(value, list | tuple) else value

    def schema(self) -> dict[str, Any]:
        return {}

    def __str__(self) -> str:
        return self.words


def parameters(function: Any, without: Iterable[str] = ()) -> tuple[Parameter, ...]:
    """Return the parameters of a function except those in ``without``; required parameters come first."""
    text = inspect.getdoc(function) or ""
    found = [
        Parameter(
            p.name, OWN if p.default is p.empty else _plain(p.default), p.default is p.empty, _meaning(p.name, text)
        )
        for p in inspect.signature(function).parameters.values()
        if p.name not in (*without, "name", "label") and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
    ]
    return tuple(sorted(found, key=lambda parameter: not parameter.required))


def _meaning(name: str, text: str) -> str:
    """Return the beginning of a parameter's description in a docstring, in one of the usual layouts, or ""."""
    same_line = re.search(rf"^ *{name}(?: \(.*\))?: (.+(?:\n +.+)*)", text, re.MULTILINE)
    next_line = re.search(rf"^ *(?:\w+, )*{name}(?:, \w+)* :.*\n((?: +.+\n?)+)", text, re.MULTILINE)
    found = same_line or next_line
    if found is None:
        return ""
    text = re.sub(r":\w+:|[`*\\]", "", " ".join(found[1].split()))
    text = re.split(r"[.;:](?: |$)| \([dD]efault|, see ", text)[0].rstrip(",")
    return text if len(text) <= _MAX_MEANING else f"{text[:_MAX_MEANING].rpartition(' ')[0]} ..."


def _plain(default: Any) -> Any:
    """Return a default as a plain value, or OWN if a config cannot express it (a function, a type, infinity)."""
    if hasattr(default, "item") and getattr(default, "ndim", None) == 0:
        default = default.item()
    plain = (
        type(default) in (list, tuple, bool, int, float, str, type(None)) and LibraryValue().complaint(default) is None
    )
    return LibraryValue().convert(default) if plain else OWN


# -- the class -------------------------------------------------------------------------------------------------------


@cache
def build_class(facts: Facts) -> type[Any]:
    """Return the class of an optimizer; equal facts give the same class."""
    base: type[Any] = import_module(f"bpviz.libraries._{facts.library}").BASE
    declared = {
        p.name: hyper(
            dataclasses.MISSING if p.required else p.default,
            LibraryValue(_type_words(p.default)),
            p.meaning or f"argument of {facts.call}",
        )
        for p in facts.parameters
    }
    name = f"{facts.library}:{facts.name}"
    body = {
        "__doc__": f"{facts.description}\n\n{_call_text(facts)}",
        "__module__": base.__module__,
        "__annotations__": dict.fromkeys(declared, Any),
        "__reduce__": _reduce,
        **declared,
    }
    return declare.declared(
        type(name, (base,), body),
        name,
        label=name,
        needs=frozenset(facts.needs),
        source=f"{facts.call} of {facts.library} {facts.version}",
        confused_with="",
        synonyms=(),
        recalls=facts.recalls,
        facts=facts,
    )


def _type_words(default: Any) -> str:
    return _ANY if default == OWN else _TYPE_WORDS.get(type(default), _ANY)


def _call_text(facts: Facts) -> str:
    if facts.call_text:
        return facts.call_text
    arguments = ", ".join(p.name if p.required else f"{p.name}={p.literal}" for p in facts.parameters)
    return wrap_call(f"{facts.call}({arguments})")


def wrap_call(call: str) -> str:
    """Return a call wrapped for display."""
    return fill(call, 100, subsequent_indent="    ", break_on_hyphens=False)


def _reduce(self: Any) -> tuple[Any, ...]:
    return _unpickled, (self.facts, declare.settings(self))


def _unpickled(facts: Facts, settings: dict[str, Any]) -> Any:
    """Return an unpickled optimizer without checking it again, so that drawing figures needs no library."""
    copy = object.__new__(build_class(facts))
    for name, value in settings.items():
        object.__setattr__(copy, name, value)
    return copy
