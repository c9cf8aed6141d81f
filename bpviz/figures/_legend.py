"""Legends: entries that several kinds of figures share, and their arrangement in columns."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import bpviz.figures._matplotlib  # noqa: F401  # isort: skip  before other imports of matplotlib

from matplotlib.lines import Line2D

from bpviz.figures import _style
from bpviz.figures._labels import wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend

Entries = Sequence[tuple[Any, str]]

_HANDLE = 9  # width of a handle and the gap to the next column, in characters


def handle(style: _style.AlgorithmStyle, dashes: tuple[float, ...] = ()) -> Line2D:
    """Return the legend handle of an algorithm."""
    look = _style.look()
    return Line2D([], [], color=style.color, dashes=dashes, linewidth=1.8 * look.lines, **look.end(style))


def repeated(styles: Sequence[_style.AlgorithmStyle]) -> list[_style.AlgorithmStyle]:
    """Return the styles whose color is that of an earlier one: they are told apart by dashes and markers."""
    return [style for i, style in enumerate(styles) if style.color in [earlier.color for earlier in styles[:i]]]


def start() -> tuple[Line2D, str]:
    """Return the legend entry of the starts."""
    return Line2D([], [], linestyle="none", **_style.look().start), _style.word("Start")


def below(figure: Figure, entries: Entries, across: int, most: float) -> Legend:
    """Return a legend in columns at the bottom of a figure, at most ``most`` pixels wide.

    ``across`` is about the width in characters. Where letters are narrow, there may be a column more.
    """
    texts = [wrapped(text, across - _HANDLE) for _, text in entries]
    tried = [n for n in (4, 3, 2, 1) if n == 1 or _width(texts, n) <= 1.15 * across]
    for columns in tried:
        legend = _filled(figure, entries, texts, loc="lower center", ncols=columns)
        wide = legend.get_window_extent().width
        if wide <= most or (columns == 1 and across <= _HANDLE + 4):
            return legend
        legend.remove()
    return below(figure, entries, min(across - 1, int(across * most / wide)), most)


def beside(figure: Figure, entries: Entries, across: int, most: float) -> Legend:
    """Return a legend in one column, at most ``most`` pixels wide, which the caller moves to its place."""
    texts = [wrapped(text, across) for _, text in entries]
    legend = _filled(figure, entries, texts, loc="upper left", borderaxespad=0.0, handlelength=2.0)
    if (wide := legend.get_window_extent().width) > most and across > 8:
        legend.remove()
        return beside(figure, entries, min(across - 1, int(across * most / wide)), most)
    return legend


def inside(axes: Axes, entries: Entries, across: int) -> Legend:
    """Return a legend inside axes, where it covers least."""
    texts = [wrapped(text, across) for _, text in entries]
    return _filled(axes, entries, texts, loc="best", frameon=True, framealpha=0.85)


def _filled(parent: Figure | Axes, entries: Entries, texts: Sequence[str], **settings: Any) -> Legend:
    # matplotlib omits labels that start with an underscore, so the texts are set afterwards.
    legend = parent.legend([handle for handle, _ in entries], ["."] * len(texts), **settings)
    for written, text in zip(legend.get_texts(), texts, strict=True):
        written.set_text(text)
    return legend


def _width(texts: Sequence[str], columns: int) -> int:
    """Return the width of a legend in characters. Texts fill it column by column; the first columns may be longer."""
    size, longer = divmod(len(texts), columns)
    bounds = [i * size + min(i, longer) for i in range(columns + 1)]
    filled = [texts[a:b] for a, b in itertools.pairwise(bounds) if a < b]
    return sum(_HANDLE + max(len(line) for text in column for line in text.split("\n")) for column in filled)
