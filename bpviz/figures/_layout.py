"""Layout, legend entries and labels that several figure kinds share."""

from __future__ import annotations

import itertools
import math
import textwrap
from typing import TYPE_CHECKING, Any

from matplotlib.lines import Line2D

from bpviz.figures import _style

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text
    from matplotlib.transforms import Bbox

_INITIAL_POSITION = (0.12, 0.2, 0.68, 0.7)  # of axes, until ``frame`` places them


def axes(figure: Figure, **settings: Any) -> Axes:
    """Add the axes of a figure; ``frame`` places them."""
    return figure.add_axes(_INITIAL_POSITION, **settings)


LARGEST = 1e300  # the largest limit of an axis; sums of larger ones overflow

_ROUND = ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7), (1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9))


def wrapped(text: str, width: int) -> str:
    """Return text in lines of at most ``width`` characters; long words are broken."""
    return "\n".join(textwrap.wrap(text, width))


def round_numbers(low: float, high: float) -> list[float]:
    """Return round numbers for a logarithmic axis from ``low`` to ``high``, at least four if there are enough."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    powers = [decade for decade in decades if low <= float(f"1e{decade}") <= high]
    if len(powers) > 8:
        every = -(-len(powers) // 8)
        return [float(f"1e{decade}") for decade in powers if decade % every == 0]
    numbers: list[float] = []
    for digits in _ROUND:
        numbers = [float(f"{digit}e{decade}") for decade in decades for digit in digits]
        numbers = [number for number in numbers if low <= number <= high]
        if len(numbers) >= 4:
            break
    return numbers


def error_label(lowest: float) -> str:
    """Return the label of an axis of errors relative to ``lowest``, the lowest known error."""
    return f"Error above minimum ({lowest:.5g})" if lowest else "Error"


def threshold_text(threshold: float, lowest: float) -> str:
    """Return the threshold as a number on such an axis, relative to ``lowest``."""
    return f"{threshold - lowest:.4g}" if lowest else f"{threshold:g}"


def threshold_label(threshold: float, lowest: float) -> str:
    """Return the legend label of the threshold."""
    return f"Threshold (error{' above minimum' if lowest else ''} = {threshold_text(threshold, lowest)})"


def legend_handle(style: _style.AlgorithmStyle, dashes: tuple[float, ...] = ()) -> Line2D:
    """Return the legend handle of an algorithm."""
    return Line2D([], [], color=style.color, dashes=dashes, linewidth=1.8, **end_marker(style))


def start_legend() -> tuple[Line2D, str]:
    """Return the legend entry of the starts."""
    return Line2D([], [], linestyle="none", **_style.START), "Start"


def end_marker(style: _style.AlgorithmStyle) -> dict[str, Any]:
    """Return the properties of the marker at the end of an algorithm's path."""
    return {"marker": style.marker, "markeredgecolor": style.outline, **_style.END}


def frame(
    figure: Figure,
    axes: Axes,
    title: str,
    note: str = "",
    entries: Sequence[tuple[Any, str]] = (),
    bar: Axes | None = None,
    height: float = _style.HEIGHT,
) -> None:
    """Place the title above, the legend below and the color bar to the right, and give the axes the remaining space.

    Call this after everything that changes the labels of the axes. matplotlib's own layout engines do the same for any
    figure, but take about as long as drawing it.
    """
    headed, noted = _fitted(figure, title, 60, _style.TITLE), _fitted(figure, note, 84, _style.SMALL)
    top = _style.EDGE + _high(headed.get_text(), _style.TITLE)
    over = top + _high(noted.get_text(), _style.SMALL)
    under = _legend(figure, entries) if entries else _style.EDGE
    # A long title or legend makes the figure higher, not the axes smaller.
    height += max(0.0, over + under - _style.TITLE_AND_LEGEND)
    width = figure.get_figwidth()
    figure.set_figheight(height)
    if axes.name == "3d":
        axes.set_position((0, under / height, 1, 1 - (over + under) / height))
        headed.set_y(1 - _style.EDGE / height)
        noted.set_y(1 - top / height)
        return
    labels = axes.yaxis.get_tightbbox()
    left = (axes.bbox.x0 - labels.x0) / figure.dpi if labels else 0.0
    labels = bar.yaxis.get_tightbbox() if bar else None
    right = _style.GAP + _style.BAR + (labels.x1 - bar.bbox.x1) / figure.dpi if bar and labels else _style.EDGE
    down = _style.AXIS
    wide, high = width - 2 * _style.EDGE - left - right, height - over - under - down
    if axes.get_aspect() != "auto":
        (x0, x1), (y0, y1) = axes.get_xlim(), axes.get_ylim()
        wide = min(wide, high * (x1 - x0) / (y1 - y0))
        spare = high - wide * (y1 - y0) / (x1 - x0)
        high -= spare
        if spare > _style.EDGE:  # avoid white bands above and below a wide window
            height -= spare
            figure.set_figheight(height)
    headed.set_y(1 - _style.EDGE / height)
    noted.set_y(1 - top / height)
    x = left + (width - left - wide - right) / 2
    y = under + down + (height - over - under - down - high) / 2
    axes.set_position((x / width, y / height, wide / width, high / height))
    if bar:
        bar.set_position(((x + wide + _style.GAP) / width, y / height, _style.BAR / width, high / height))


def _high(text: str, size: float) -> float:
    """Return the height of some lines of text in inches."""
    return 1.35 / 72 * size * (text.count("\n") + 1) if text else 0.0


def _fitted(figure: Figure, text: str, across: int, size: float) -> Text:
    """Write centered text in lines of at most ``across`` characters, fewer if the characters are wide."""
    written = figure.text(0.5, 1, wrapped(text, across), size=size, ha="center", va="top")
    room = 72 * (figure.get_figwidth() - 2 * _style.EDGE)
    if text.isascii() and size * min(len(text), across) <= room:  # these characters are at most as wide as high
        return written
    while (much := _too_wide(figure, written.get_window_extent())) > 1:
        across = int(across / much)
        written.set_text(wrapped(text, across))
    return written


def _legend(figure: Figure, entries: Sequence[tuple[Any, str]], across: int = _style.ACROSS) -> float:
    """Put the legend at the bottom of the figure and return its height in inches."""
    texts = [wrapped(text, across - _HANDLE) for _, text in entries]
    columns = next(n for n in (4, 3, 2, 1) if n == 1 or _width(texts, n) <= across)
    # matplotlib omits labels that start with an underscore, so the texts are set afterwards.
    legend = figure.legend([handle for handle, _ in entries], ["."] * len(texts), loc="lower center", ncols=columns)
    for written, text in zip(legend.get_texts(), texts, strict=True):
        written.set_text(text)
    extent = legend.get_window_extent()
    if (much := _too_wide(figure, extent)) > 1:
        legend.remove()
        return _legend(figure, entries, int(across / much))
    return extent.height / figure.dpi + _style.EDGE


def _too_wide(figure: Figure, extent: Bbox) -> float:
    """Return the ratio of a width to the width of the figure; above 1, the text must be wrapped again."""
    return extent.width / (figure.bbox.width - 2 * _style.EDGE * figure.dpi)


_HANDLE = 9  # width of a handle and the gap to the next column, in characters


def _width(texts: Sequence[str], columns: int) -> int:
    """Return the width of a legend in characters. Texts fill it column by column; the first columns may be longer."""
    size, longer = divmod(len(texts), columns)
    bounds = [i * size + min(i, longer) for i in range(columns + 1)]
    filled = [texts[a:b] for a, b in itertools.pairwise(bounds) if a < b]
    return sum(_HANDLE + max(len(line) for text in column for line in text.split("\n")) for column in filled)
