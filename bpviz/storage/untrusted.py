"""Parse JSON files that anyone may have edited, and check the types of their values."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Sequence
from itertools import repeat
from typing import Any

from bpviz.storage.reading import UnreadableError, conflict_marker

LARGEST_OUTPUT = 1 << 30
"""Maximum size of an output file in bytes."""

_LONGEST_INTEGER = 300  # digits, so that every integer can become a float
_DEEPEST = 20  # levels of plain data

NUMBER = frozenset((int, float, type(None)))
"""The shape of a computed number; None if not finite."""


def parse(content: bytes) -> Any:
    """Return the data of a JSON file; raise UnreadableError if it is not valid.

    Duplicate keys, non-finite numbers and integers that no float can represent are not valid.
    """
    try:
        return json.loads(
            content,
            object_pairs_hook=_without_duplicates,
            parse_float=_finite,
            parse_int=_integer,
            parse_constant=_finite,
        )
    except (ValueError, RecursionError):
        conflict = conflict_marker(content.decode(errors="replace"))
        raise UnreadableError("contains git conflict markers" if conflict else "is not valid JSON") from None


def _without_duplicates(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) < len(pairs):
        raise ValueError("duplicate key")
    return data


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _integer(text: str) -> int:
    if len(text) > _LONGEST_INTEGER:
        raise ValueError("too many digits")
    return int(text)


def fits(data: Any, shape: Any) -> bool:
    """Return whether data has a shape.

    A type stands for its instances, but ``object`` for any plain data of at most 20 levels; a frozenset lists
    alternative types; ``[x]`` is a list of x, a tuple a list of exactly these shapes, ``{str: x}`` a mapping with any
    keys, and another mapping one with exactly its keys. ``os.fsencode`` stands for a path, in which undecodable bytes
    are lone surrogates; other texts must not have any, because they cannot be printed.
    """
    if shape is object:
        return _is_plain(data, _DEEPEST)
    if isinstance(shape, type):
        return type(data) is shape and (not isinstance(data, str) or _is_printable(data))
    if shape is os.fsencode:
        return isinstance(data, str) and _is_printable(_BYTES_ALONE.sub("", data))
    if isinstance(shape, frozenset):
        return type(data) in shape
    if isinstance(shape, tuple):
        return isinstance(data, list) and len(data) == len(shape) and all(map(fits, data, shape))
    if isinstance(shape, list):
        return isinstance(data, list) and all(map(fits, data, repeat(shape[0])))
    if not isinstance(data, dict):
        return False
    inner = shape.get(str)
    if inner is None:
        return data.keys() == shape.keys() and all(fits(data[name], shape[name]) for name in shape)
    return all(map(_is_printable, data)) and all(map(fits, data.values(), repeat(inner)))


_BYTES_ALONE = re.compile("[\udc80-\udcff]")


def _is_plain(data: Any, levels: int) -> bool:
    if isinstance(data, dict | list):
        parts = [*data, *data.values()] if isinstance(data, dict) else data
        return levels > 0 and all(_is_plain(part, levels - 1) for part in parts)
    return not isinstance(data, str) or _is_printable(data)


def _is_printable(text: str) -> bool:
    """Return whether a text has no lone surrogates."""
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)
