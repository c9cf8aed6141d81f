"""Values of a config: checked against what is declared, every mistake noted with its place."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from bpviz import declare
from bpviz.config.yaml_tree import Node, scalar, under
from bpviz.declare import OPTIMIZERS, WRAPPERS, Field
from bpviz.declare.domains import Domain, Interval, Listed, Nullable
from bpviz.declare.entry_points import BrokenPluginError
from bpviz.libraries import MissingError
from bpviz.messages.diagnostics import SHOWN, Mistake, Place
from bpviz.messages.suggestions import nearest
from bpviz.messages.text import listed, shown

if TYPE_CHECKING:
    from pathlib import Path

    from bpviz.declare.registry import Registry

# How words of other languages, and of YAML 1.1, are written here.
_WORDS = {"yes": "true", "on": "true", "no": "false", "off": "false", "none": "null", "nil": "null"}


class Reader:
    """Reads one config. Methods return None for what they have refused; ``mistakes`` holds the reasons."""

    def __init__(self, folder: Path, mistakes: Iterable[Mistake] = ()) -> None:
        self.folder = folder
        self.mistakes = list(mistakes)
        self.data_files: list[str] = []

    def refuse(self, place: Place, path: str, message: str, *, shows: bool = True) -> None:
        """Note a mistake, which ``shows`` the line it is in."""
        mistake = place.mistake(path, message)
        self.mistakes.append(mistake if shows else dataclasses.replace(mistake, excerpt=""))

    def accepts(self, node: Node, path: str, domain: Domain, meaning: str) -> bool:
        """Tell whether a value is what ``domain`` allows, refusing what is not at the innermost place."""
        inner = domain.of if isinstance(domain, Nullable) else domain
        if isinstance(inner, Listed) and isinstance(node.value, list):
            right = [self.accepts(item, under(path, i), inner.item, meaning) for i, item in enumerate(node.value)]
            if not all(right):
                return False
        complaint = domain.complaint(node.plain)
        if complaint is None:
            return True
        if isinstance(node.value, float) and not math.isfinite(node.value):
            complaint = f"{shown(node.text)[1:-1]} is not a finite number"
        self.refuse(node.place, path, f"{complaint}{_advice(node, domain)} ({meaning})")
        return False

    def option(self, given: Mapping[str, Node], field: Field, path: str) -> Any:
        """Return the value of a field, its default if it is not given."""
        node = given.get(field.name)
        if node is None:
            return field.default
        path = under(path, field.name)
        return field.domain.convert(node.plain) if self.accepts(node, path, field.domain, field.meaning) else None

    def options(self, node: Node, path: str, declared: Mapping[str, Field]) -> dict[str, Any] | None:
        """Return the declared fields that are given."""
        before = len(self.mistakes)
        values = self.accepted(node, path, declared)
        return values if len(self.mistakes) == before else None

    def accepted(self, node: Node, path: str, declared: Mapping[str, Field]) -> dict[str, Any]:
        """Return the declared fields that are given, without those that are refused."""
        values = {}
        for name, field in declared.items():
            before = len(self.mistakes)
            value = self.option(node.value, field, path)
            if name in node.value and len(self.mistakes) == before:
                values[name] = value
        return values

    def known(self, node: Node, path: str, allowed: Iterable[str], what: str) -> None:
        """Refuse the keys that are not ``allowed``."""
        allowed = list(allowed)
        for key, place in node.keys.items():
            if key not in allowed:
                guess = nearest(key, allowed) if len(self.mistakes) < SHOWN else None
                hint = f"did you mean {guess!r}?" if guess else f"known are {', '.join(allowed)}"
                around = _wrappers_with(key) if "with" in allowed and guess is None else ""
                self.refuse(place, under(path, key), f"unknown {what}; {hint}{around}")

    def made(self, kind: Any, values: Mapping[str, Any] | None, node: Node, path: str) -> Any:
        """Return a ``kind`` with these values, if they are right and go together."""
        if values is None:
            return None
        conflicts = declare.conflicts(unchecked(kind, values))
        for name, complaint in conflicts:
            self.refuse_part(node, path, name, complaint)
        return None if conflicts else kind(**values)

    def refuse_part(self, node: Node, path: str, name: str, complaint: str) -> None:
        """Refuse a field of what stands at ``node``; "" for none in particular."""
        self.refuse(node.value.get(name, node).place, under(path, name) if name else path, complaint)

    def mapping(self, node: Node, path: str, declared: Mapping[str, Field]) -> dict[str, Any] | None:
        """Return the declared fields that a mapping gives."""
        if not self.is_mapping(node, path, listed(declared, "and")):
            return None
        self.known(node, path, declared, "key")
        return self.options(node, path, declared)

    def named(self, node: Node, path: str, registry: Registry[Any], key: str) -> tuple[Node, Any] | None:
        """Return an entry spelled out and what of ``registry`` it names under ``key``."""
        entry = spelled_out(node, key)
        if not isinstance(entry.value, dict):
            message = f"{shown(node.plain)} is not a {key}, or a mapping with a {key}"
            self.refuse(node.place, path, message)
            return None
        chosen = entry.value.get(key)
        if chosen is None:
            self.refuse(node.place, path, f"{key} is missing; known are {', '.join(registry)}")
            return None
        where = path if entry is not node else under(path, key)
        if not isinstance(chosen.value, str):
            self.refuse(chosen.place, where, registry.unknown(chosen.plain))
            return None
        if registry is OPTIMIZERS and chosen.value in WRAPPERS:
            message = f"{chosen.value} goes around an algorithm: {{name: gd, with: [{chosen.value}]}}"
            self.refuse(chosen.place, where, message)
            return None
        try:
            return entry, registry[chosen.value]
        except BrokenPluginError as error:
            self.refuse(chosen.place, where, str(error))
        except KeyError as error:
            # A library that is not installed is no mistake of this line, so that is not shown.
            self.refuse(chosen.place, where, error.args[0], shows=not isinstance(error, MissingError))
        return None

    def is_mapping(self, node: Node, path: str, of: str) -> bool:
        if isinstance(node.value, dict):
            return True
        self.refuse(node.place, path, f"{shown(node.plain)} is not a mapping of {of}")
        return False


def unchecked(kind: Any, values: Mapping[str, Any]) -> Any:
    """Return a ``kind`` with these values, whether or not they go together."""
    made = object.__new__(kind)
    for name, value in values.items():
        object.__setattr__(made, name, value)
    return made


def spelled_out(node: Node, key: str) -> Node:
    """Return an entry that is a word alone, like `- gd`, as the mapping it stands for, `- {name: gd}`."""
    if not isinstance(node.value, str):
        return node
    return Node({key: node}, node.place, keys={key: node.place})


def parts(node: Node, path: str, names: Iterable[str]) -> Iterator[tuple[Node, str]]:
    """Yield the words that stand under ``names``, alone or in a list, with their paths."""
    for name in names:
        part = node.value.get(name)
        if part is not None and isinstance(part.value, list):
            yield from ((item, under(under(path, name), i)) for i, item in enumerate(part.value))
        elif part is not None and part.value is not None:
            yield part, under(path, name)


def _advice(node: Node, domain: Domain) -> str:
    """Return what to write instead, as the end of a complaint, if that can be told from what was written."""
    if isinstance(node.value, list | dict) or len(node.text) > 60:
        return ""
    if not isinstance(node.value, str):
        return f"; write {node.text!r}, in quotes" if domain.complaint(node.text) is None else ""
    if node.quoted and _fits(node.value, domain):
        return f"; it is quoted: write {node.value.strip()} without the quotes"
    return next((f"; write {guess}" for guess in _guesses(node.value) if _fits(guess, domain)), "")


def _guesses(text: str) -> Iterator[str]:
    yield _WORDS.get(text.lower(), "")
    yield text.replace("_", "").replace(" ", "")  # 1_000
    yield text.replace(",", ".")  # 0,3
    yield f"[{', '.join(text.strip('()[]{} ').replace(',', ' ').replace(';', ' ').split())}]"  # (-4, -4)


def _fits(text: str, domain: Domain) -> bool:
    """Tell whether ``text``, written without quotes, is something else than text that ``domain`` allows."""
    text = text.strip()
    value = [scalar(item) for item in text[1:-1].split(", ")] if text.startswith("[") else scalar(text)
    return not isinstance(value, str) and text != "" and domain.complaint(value) is None


def _wrappers_with(setting: str) -> str:
    """Return where a setting belongs that is a number of wrappers; nothing if it is of none."""
    found = ((name, declare.fields(wrapper).get(setting)) for name, wrapper in WRAPPERS.items())
    names = [name for name, field in found if field is not None and isinstance(field.domain, Interval)]
    return f"; what goes around it, under 'with', can have {setting}: {listed(names)}" if names else ""
