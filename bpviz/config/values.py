"""Check values of a config against declarations and collect mistakes with their places."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from bpviz import declare
from bpviz.config.entry_forms import entry_form, listed
from bpviz.config.yaml_tree import Node, join_path, scalar
from bpviz.declare import OPTIMIZERS, WRAPPERS, Field
from bpviz.declare.domains import Domain, Interval, ListOf, Nullable
from bpviz.declare.entry_points import BrokenPluginError
from bpviz.declare.fields import Record, fields
from bpviz.libraries import MissingError
from bpviz.messages.diagnostics import SHOWN, Mistake, Place
from bpviz.messages.suggestions import nearest
from bpviz.messages.text import join_words, quote_value

if TYPE_CHECKING:
    from pathlib import Path

    from bpviz.declare.registry import Registry

# Words of YAML 1.1 and other languages, with their spelling in YAML 1.2.
_WORDS = {"yes": "true", "on": "true", "no": "false", "off": "false", "none": "null", "nil": "null"}


class Reader:
    """Reads one config and collects its ``mistakes``. Methods return None for invalid values."""

    def __init__(self, folder: Path, mistakes: Iterable[Mistake] = ()) -> None:
        self.folder = folder
        self.mistakes = list(mistakes)
        self.data_files: list[str] = []
        self.trusts_files = False  # whether messages may quote data files outside the folder

    def report(self, place: Place, path: str, message: str, *, shows: bool = True) -> None:
        """Add a mistake; ``shows`` is whether it shows the line."""
        mistake = place.mistake(path, message)
        self.mistakes.append(mistake if shows else dataclasses.replace(mistake, excerpt=""))

    def accepts(self, node: Node, path: str, domain: Domain, meaning: str) -> bool:
        """Return whether a value is in ``domain``; report mistakes at the innermost place."""
        inner = domain.of if isinstance(domain, Nullable) else domain
        if isinstance(inner, ListOf) and isinstance(node.value, list):
            right = [self.accepts(item, join_path(path, i), inner.item, meaning) for i, item in enumerate(node.value)]
            if not all(right):
                return False
        complaint = domain.complaint(node.plain)
        if complaint is None:
            return True
        if isinstance(node.value, float) and not math.isfinite(node.value):
            complaint = f"expected a finite number, got {quote_value(node.text)[1:-1]}"
        self.report(node.place, path, f"{complaint} ({meaning}){domain.hint(node.plain) or _advice(node, domain)}")
        return False

    def field(self, given: Mapping[str, Node], field: Field, path: str) -> Any:
        """Return the value of a field, or its default if the field is not given."""
        node = given.get(field.name)
        if node is None:
            return field.default
        path = join_path(path, field.name)
        inner = field.domain.of if isinstance(field.domain, Nullable) else field.domain
        if isinstance(inner, Record) and isinstance(node.value, dict):
            return self.build(inner.kind, self.mapping(node, path, fields(inner.kind)), node, path)
        return field.domain.convert(node.plain) if self.accepts(node, path, field.domain, field.meaning) else None

    def fields(self, node: Node, path: str, declared: Mapping[str, Field]) -> dict[str, Any] | None:
        """Return the values of the given fields, or None if any is invalid."""
        before = len(self.mistakes)
        values = self.valid_fields(node, path, declared)
        return values if len(self.mistakes) == before else None

    def valid_fields(self, node: Node, path: str, declared: Mapping[str, Field]) -> dict[str, Any]:
        """Return the valid values of the given fields."""
        values = {}
        for name, field in declared.items():
            before = len(self.mistakes)
            value = self.field(node.value, field, path)
            if name in node.value and len(self.mistakes) == before:
                values[name] = value
        return values

    def check_keys(
        self, node: Node, path: str, allowed: Iterable[str], what: str, advice: Callable[[str], str] = lambda key: ""
    ) -> None:
        """Report the keys that are not ``allowed``; ``advice`` returns a fix for those that belong elsewhere."""
        allowed = list(allowed)
        for key, place in node.keys.items():
            if key not in allowed:
                hint = ""
                if len(self.mistakes) < SHOWN:  # only these are shown
                    guess = nearest(key, allowed)
                    hint = advice(key) or (f"did you mean {guess!r}?" if guess else "")
                hint = hint or f"use one of {', '.join(allowed)}"
                self.report(place, join_path(path, key), f"unknown {what}; {hint}")

    def build(self, kind: Any, values: Mapping[str, Any] | None, node: Node, path: str) -> Any:
        """Return a ``kind`` with these values if they are valid and compatible with each other."""
        if values is None:
            return None
        conflicts = declare.conflicts(unchecked(kind, values))
        for name, complaint in conflicts:
            self.report_field(node, path, name, complaint)
        return None if conflicts else kind(**values)

    def report_field(self, node: Node, path: str, name: str, complaint: str) -> None:
        """Report a mistake of a field of the mapping ``node``; "" stands for the mapping as a whole."""
        self.report(node.value.get(name, node).place, join_path(path, name) if name else path, complaint)

    def mapping(self, node: Node, path: str, declared: Mapping[str, Field]) -> dict[str, Any] | None:
        """Return the values of the declared fields in a mapping."""
        if not self.is_mapping(node, path, f"of {join_words(declared, 'and')}"):
            return None
        self.check_keys(node, path, declared, "key")
        return self.fields(node, path, declared)

    def lookup(self, node: Node, path: str, registry: Registry[Any], key: str) -> tuple[Node, Any] | None:
        """Return an entry in its long form, and the object of ``registry`` with the name at ``key``."""
        entry = long_form(node, key)
        chosen = entry.value.get(key) if isinstance(entry.value, dict) else None
        if chosen is None or not isinstance(chosen.value, str):
            self._report_entry(node, path, registry, key)
            return None
        try:
            return entry, registry[registry.canonical(chosen.value)]
        except BrokenPluginError as error:
            self.report(chosen.place, path if entry is not node else join_path(path, key), str(error))
        except KeyError as error:
            self._report_entry(node, path, registry, key, error)
        return None

    def _report_entry(
        self, node: Node, path: str, registry: Registry[Any], key: str, unknown: KeyError | None = None
    ) -> None:
        """Report an entry without a known name, with the entry that it most likely stands for."""
        chosen = node.value.get(key) if isinstance(node.value, dict) else None
        given = chosen or node
        text = given.value if isinstance(given.value, str) else ""
        wrapper = WRAPPERS.canonical(text) if registry is OPTIMIZERS else ""
        if unknown:
            problem = unknown.args[0]
        elif chosen:
            problem = registry.unknown(chosen.plain)
        elif isinstance(node.value, dict):
            problem = f"missing key {key!r}; {registry.choices()}"
        else:
            problem = f"expected a {key} or a mapping with a {key}, got {quote_value(node.plain)}"
        form = entry_form(node, registry, key)
        names = listed(text, registry)
        if form:
            problem = f"unknown {registry.what} {quote_value(text)}" if text else problem.partition("; ")[0]
        elif wrapper in WRAPPERS:
            problem, form = f"{wrapper} is a wrapper, not an algorithm", f"{{name: gd, with: [{wrapper}]}}"
        elif names and names != [text]:
            expected = f"expected one {registry.what}, got" if len(names) > 1 else f"unknown {registry.what}"
            problem, form = f"{expected} {quote_value(text)}", ", ".join(names)
        # If the library is not installed, the line is valid, so the message does not show it.
        shows = bool(form) or not isinstance(unknown, MissingError)
        where = join_path(path, key) if chosen else path
        self.report(given.place, where, f"{problem}; use {form}" if form else problem, shows=shows)

    def is_mapping(self, node: Node, path: str, contents: str) -> bool:
        """Return whether a value is a mapping; ``contents`` describes the expected one."""
        if isinstance(node.value, dict):
            return True
        self.report(node.place, path, f"expected a mapping {contents}, got {quote_value(node.plain)}")
        return False


def unchecked(kind: Any, values: Mapping[str, Any]) -> Any:
    """Return a ``kind`` with these values, without checking whether they are compatible with each other."""
    instance = object.__new__(kind)
    for name, value in values.items():
        object.__setattr__(instance, name, value)
    return instance


def long_form(node: Node, key: str) -> Node:
    """Return an entry in its long form: `- {name: gd}` for `- gd`."""
    if not isinstance(node.value, str):
        return node
    return Node({key: node}, node.place, keys={key: node.place})


def parts(node: Node, path: str, names: Iterable[str]) -> Iterator[tuple[Node, str]]:
    """Yield the words at the keys ``names``, each a word or a list of words, with their paths."""
    for name in names:
        part = node.value.get(name)
        if part is not None and isinstance(part.value, list):
            yield from ((item, join_path(join_path(path, name), i)) for i, item in enumerate(part.value))
        elif part is not None and part.value is not None:
            yield part, join_path(path, name)


def _advice(node: Node, domain: Domain) -> str:
    """Return a fix, as the end of a complaint, if one can be guessed from the text; "" if not."""
    if isinstance(node.value, dict) and isinstance(domain, ListOf) and node.value:  # w1: -4, w2: -4
        guess = f"[{', '.join(item.text for item in node.value.values())}]"
        return f"; use {guess}" if _fits(guess, domain) else ""
    if isinstance(node.value, list | dict) or len(node.text) > 60:
        return ""
    if not isinstance(node.value, str):
        return f"; add quotes: {node.text!r}" if domain.complaint(node.text) is None else ""
    if node.quoted and _fits(node.value, domain):
        return f"; remove the quotes: {node.value.strip().replace('−', '-')}"
    if _interval(domain) is None and _fits(guess := _list_guess(node.value), ListOf(domain, 2)):  # [-4 -4]
        return f"; use {guess[1:-1]}"
    return next((f"; use {guess}" for guess in _guesses(node.value, domain) if _fits(guess, domain)), "")


def _guesses(text: str, domain: Domain) -> Iterator[str]:
    from bpviz.messages.characters import plain  # slow to import, needed for mistakes only

    yield _WORDS.get(text.lower(), "")
    text = plain(text)  # –4
    yield text
    yield text.replace("_", "").replace(" ", "")  # 1_000
    interval = _interval(domain)
    if interval and interval.integer and re.fullmatch(r"[1-9][0-9]{0,2}(,[0-9]{3})+", text):
        yield text.replace(",", "")  # 1,000
    yield text.replace(",", ".")  # 0,3
    yield re.split(r"\s*(?://|;|#)", text)[0]  # 5 // five
    yield _list_guess(text)


def _interval(domain: Domain) -> Interval | None:
    domain = domain.of if isinstance(domain, Nullable) else domain
    return domain if isinstance(domain, Interval) else None


def _list_guess(text: str) -> str:
    """Return the list for text such as ``(-4, -4)``, ``-4 -4`` and ``11-14``."""
    from bpviz.messages.characters import plain

    words = re.split(r"[][(){},;\s]+|(?<=[0-9])-(?=[0-9])", plain(text))
    return f"[{', '.join(filter(None, words))}]"


def _fits(text: str, domain: Domain) -> bool:
    """Return whether unquoted ``text`` is a value in ``domain`` and not a string."""
    text = text.strip()
    value = [scalar(item) for item in text[1:-1].split(", ")] if text.startswith("[") else scalar(text)
    return not isinstance(value, str) and text != "" and domain.complaint(value) is None
