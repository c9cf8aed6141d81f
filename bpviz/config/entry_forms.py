"""Guess the entry that a misspelled one stands for: ``{name: gd, step: 0.1}`` for ``gd: {step: 0.1}``.

An entry of ``algorithms``, ``with`` or ``figures``, and ``problem``, is a name or a mapping of a name and settings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from bpviz.config.yaml_tree import Node, scalar
from bpviz.declare import fields
from bpviz.declare.domains import Interval
from bpviz.declare.entry_points import BrokenPluginError
from bpviz.libraries import PREFIXES

if TYPE_CHECKING:
    from bpviz.declare.registry import Registry

_LONGEST = 100  # characters of a form in a message

# A name with settings as for `bpviz compare` or in code: gd:step=0.1, gd step=0.1, gd(step=0.1), gd {step: 0.1}.
_CALL = re.compile(r"(?P<name>(?:\w+:)?[\w+.-]+?)\s*[:({,\s]\s*(?P<settings>[A-Za-z_]\w*\s*[=:].*?)[\s)}]*")
_NEXT_SETTING = re.compile(r"[\s,;]+(?=[A-Za-z_]\w*\s*[=:])")
_SETTING = re.compile(r"(\w+)\s*[=:]\s*(.+)")


_OF_LIBRARY = re.compile(rf"^({'|'.join(PREFIXES)})\.(?:\w+\.)*(\w+)$")  # torch.optim.Adam


def entry_form(node: Node, registry: Registry[Any], key: str) -> str:
    """Return the entry that ``node`` most likely stands for; "" if there is no guess."""
    return next((_flow({key: name, **settings}) for name, settings in _readings(node, registry, key)), "")


def list_form(node: Node, registry: Registry[Any], key: str) -> str:
    """Return the list of entries that ``node`` most likely stands for; "" if there is no guess."""
    if isinstance(node.value, str):
        entries = listed(node.value, registry) or [entry_form(node, registry, key)]
    elif isinstance(node.value, dict) and all(_known(name, registry) for name in node.value):
        entries = [
            entry_form(Node({name: settings}, node.place), registry, key) for name, settings in node.value.items()
        ]
    elif isinstance(node.value, dict) and key in node.value:
        entries = [_flow({name: _text(part) for name, part in node.value.items()})]
    else:
        entries = [entry_form(node, registry, key)]
    form = f"[{', '.join(entries)}]"
    return form if all(entries) and entries and len(form) <= _LONGEST else ""


def listed(text: str, registry: Registry[Any]) -> list[str]:
    """Return the names in text such as ``gd, momentum``; an empty list if it has another word."""
    words = [_OF_LIBRARY.sub(r"\1:\2", word) for word in re.split(r"[\s,;]+", text.strip())]
    names = [_known(word, registry) for word in words]
    return names if all(names) else []


def called(text: str, registry: Registry[Any]) -> tuple[str, Mapping[str, str]] | None:
    """Return the name and the settings in text such as ``gd(step=0.1)``; None if it is no such text."""
    match = _CALL.fullmatch(text.strip()) if len(text) <= _LONGEST else None
    if match is None:
        return None
    settings = [_SETTING.fullmatch(part) for part in _NEXT_SETTING.split(match["settings"])]
    name = _known(match["name"], registry)
    if not name or not all(settings):
        return None
    return name, {setting[1]: setting[2] for setting in settings if setting}


def _readings(node: Node, registry: Registry[Any], key: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield the possible meanings of an entry, each a name and the text of its settings."""
    if isinstance(node.value, str):
        if found := called(node.value, registry):
            yield found
    elif isinstance(node.value, list):
        if len(node.value) == 2 and isinstance(node.value[1].value, dict):  # [gd, {step: 0.1}]
            yield from _named(node.value[0].value, node.value[1].value, registry)
    elif isinstance(node.value, dict):
        given = node.value.get(key)
        if given is not None:  # name: {gd: {step: 0.1}}, name: gd(step=0.1)
            rest = _texts({name: part for name, part in node.value.items() if name != key})
            yield from ((name, {**settings, **rest}) for name, settings in _readings(given, registry, key))
            return
        for name, part in node.value.items():
            others = {other: settings for other, settings in node.value.items() if other != name}
            if part.value is None:  # gd: (and the settings below it)
                yield from _named(name, others, registry)
            elif isinstance(part.value, dict):  # gd: {step: 0.1}
                yield from _named(name, {**part.value, **others}, registry)
            elif isinstance(part.value, int | float):  # gd: 0.1
                if setting := _first_number(name, registry):
                    yield from _named(name, {setting: part, **others}, registry)
            else:  # algorithm: gd
                yield from _named(part.value, others, registry)


def _named(name: object, settings: Mapping[str, Node], registry: Registry[Any]) -> Iterator[tuple[str, dict[str, str]]]:
    known = _known(name, registry)
    if known:
        yield known, _texts(settings)


def _known(name: object, registry: Registry[Any]) -> str:
    """Return the registered name that a word stands for, "" if there is none."""
    if not isinstance(name, str) or not name or len(name) > _LONGEST:
        return ""
    if registry.is_external(name):  # whether its library is installed or not
        return name if name.partition(":")[0] in PREFIXES else ""
    try:
        found = registry.canonical(name)
        return found if found in registry else ""
    except BrokenPluginError:
        return ""


def _first_number(name: str, registry: Registry[Any]) -> str:
    """Return the first setting of a name whose values are numbers, "" if there is none."""
    known = _known(name, registry)
    if not known or registry.is_external(known):
        return ""
    return next((field.name for field in fields(registry[known]).values() if isinstance(field.domain, Interval)), "")


def _texts(settings: Mapping[str, Node]) -> dict[str, str]:
    return {name: _text(part) for name, part in settings.items()}


def _text(node: Node) -> str:
    """Return a value as YAML in the flow style."""
    if isinstance(node.value, dict):
        return _flow(_texts(node.value))
    if isinstance(node.value, list):
        return f"[{', '.join(map(_text, node.value))}]"
    if isinstance(node.value, str) and (scalar(node.value) != node.value or re.search(r"[^\w .+()-]", node.value)):
        return "'" + node.value.replace("'", "''") + "'"
    return node.text


def _flow(pairs: Mapping[str, str]) -> str:
    form = "{" + ", ".join(f"{name}: {text}" for name, text in pairs.items()) + "}"
    return form if len(form) <= _LONGEST and form.isprintable() else ""
