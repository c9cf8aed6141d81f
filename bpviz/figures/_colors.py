"""Colors and markers that a config may name, and the lightness of colors. Matplotlib is imported for names only."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Mapping
from typing import Any

from bpviz.declare.domains import Domain
from bpviz.messages.suggestions import nearest
from bpviz.messages.text import join_words, quote_value

_HEX = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})")


@dataclasses.dataclass(frozen=True)
class Color(Domain):
    """A color: ``#1f77b4``, ``#07a`` or a CSS name. Values are converted to six digits."""

    def complaint(self, value: object) -> str | None:
        if isinstance(value, str) and (_HEX.fullmatch(value) or value.lower() in _names()):
            return None
        return f"expected {self}, got {quote_value(value)}"

    def hint(self, value: object) -> str:
        guess = nearest(value, _names()) if isinstance(value, str) and not value.startswith("#") else None
        return f"; did you mean {guess!r}?" if guess else ""

    def convert(self, value: Any) -> str:
        if not value.startswith("#"):
            value = _names()[value.lower()]
        digits = value[1:].lower()
        return f"#{digits}" if len(digits) == 6 else "#" + "".join(2 * digit for digit in digits)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": "^(#[0-9a-fA-F]{3}([0-9a-fA-F]{3})?|[A-Za-z]+)$"}

    def bad(self) -> object:
        return "#12345"

    def plural(self) -> str:
        return "colors"

    def __str__(self) -> str:
        return "a color (#rrggbb or a CSS name)"


@functools.cache
def _names() -> Mapping[str, Any]:
    import bpviz.figures._matplotlib  # noqa: F401  # isort: skip  before other imports of matplotlib
    from matplotlib.colors import CSS4_COLORS

    return CSS4_COLORS


MARKERS = {
    "circle": "o",
    "square": "s",
    "diamond": "D",
    "up": "^",
    "down": "v",
    "plus": "P",
    "cross": "X",
    "left": "<",
    "right": ">",
    "pentagon": "p",
    "hexagon": "h",
}
"""Markers by name, with matplotlib's codes. They have areas, so that they have a color and an outline."""


@dataclasses.dataclass(frozen=True)
class Marker(Domain):
    """A marker, by its name or matplotlib's code. Values are converted to the name."""

    def complaint(self, value: object) -> str | None:
        if isinstance(value, str) and (value in MARKERS or value in MARKERS.values()):
            return None
        return f"expected {self}, got {quote_value(value)}"

    def hint(self, value: object) -> str:
        guess = nearest(value, MARKERS)
        return f"; did you mean {guess!r}?" if guess else ""

    def convert(self, value: Any) -> str:
        return next(name for name, code in MARKERS.items() if value in (name, code))

    def schema(self) -> dict[str, Any]:
        return {"enum": [*MARKERS, *MARKERS.values()]}

    def bad(self) -> object:
        return "no such marker"

    def __str__(self) -> str:
        return join_words(MARKERS)


def lightness(color: str) -> float:
    """Return the CIE lightness L* of a color ``#rrggbb``: black 0 to white 100."""
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    y = 0.2126 * r + 0.7152 * g + 0.0722 * b
    return 116 * (y ** (1 / 3) if y > (6 / 29) ** 3 else y * (29 / 6) ** 2 / 3 + 4 / 29) - 16


def mixed(color: str, paper: str, share: float) -> str:
    """Return a color mixed with ``paper``, of which it keeps ``share``."""
    pairs = [(int(color[i : i + 2], 16), int(paper[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(share * own + (1 - share) * other):02x}" for own, other in pairs)
