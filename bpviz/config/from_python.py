"""Convert Python values into a tree of values with a place."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from bpviz.config.yaml_tree import Node, join_path
from bpviz.declare import all_settings
from bpviz.messages.diagnostics import ConfigError, Document, Place
from bpviz.messages.text import quote_value

_DEEPEST = 32  # levels of lists and mappings


def node(value: Any, place: Place, path: str = "", depth: int = 0) -> Node:
    """Return a value and its parts as nodes at ``place``.

    Tuples and NumPy arrays become lists, NumPy scalars numbers, paths strings, and update rules mappings of their name
    and settings. Raise ConfigError for other types.
    """
    if depth > _DEEPEST:
        raise ConfigError([place.mistake("", f"nested more than {_DEEPEST} levels deep")])
    if hasattr(value, "tolist"):
        value = value.tolist()
    if hasattr(value, "advance"):
        value = {"name": value.name, **all_settings(value)}
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, Mapping):
        parts = {}
        for key, part in value.items():
            if not isinstance(key, str):
                raise ConfigError([place.mistake(path, f"expected strings as keys, got {quote_value(key)}")])
            parts[key] = node(part, place, join_path(path, key), depth + 1)
        return Node(parts, place, keys=dict.fromkeys(parts, place))
    if isinstance(value, list | tuple):
        return Node([node(part, place, join_path(path, i), depth + 1) for i, part in enumerate(value)], place)
    if isinstance(value, str):
        return Node(value, place, value, quoted=True)
    if value is None or isinstance(value, bool | int | float):
        return Node(value, place, quote_value(value))
    raise ConfigError([place.mistake(path, f"unsupported type {type(value).__name__}")])


def argument_place(text: str) -> Place:
    """Return the place of an argument, which messages quote."""
    return Place(Document(text if len(text) <= 100 else f"{text[:97]}...", argument=True))
