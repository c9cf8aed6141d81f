"""Text for messages: quoted values, lists of words, duplicates and display width."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence


def quote_value(value: object) -> str:
    """Return a value as messages quote it: short, on one line, strings in quotes, null and booleans as in YAML."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    text = repr(value) if isinstance(value, str) else f"{value}"
    return text if len(text) <= 60 else text[:40] + "..." + text[-10:]


def size_text(size: float) -> str:
    """Return a number of bytes as text with a unit: ``512 MiB``, ``3.0 GiB``."""
    units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"]
    power = min(int(math.log2(max(size, 1)) // 10), len(units) - 1)
    size, unit = size / 1024**power, units[power]
    return f"{size:,.0f} {unit}" if size >= 100 or unit == "bytes" else f"{size:.1f} {unit}"


def first_duplicate(names: Sequence[str]) -> str | None:
    """Return the first name that occurs twice, ignoring case, as some file systems do; None if there is none."""
    times = Counter(map(str.casefold, names))
    return next((name for name in names if times[name.casefold()] > 1), None)


def join_words(words: Iterable[str], last: str = "or") -> str:
    """Join words for a sentence: ``a``, ``a or b``, ``a, b or c``."""
    words = list(words)
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def display_width(text: str) -> int:
    """Return the width of ``text`` in terminal columns: two per wide character, none per combining character."""
    if text.isascii():
        return len(text)
    import unicodedata  # slow to import, and few texts need it

    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.category(c) in ("Mn", "Me") for c in text)
