"""Parts that several figures draw."""

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

_ROUGHLY = (0.12, 0.2, 0.68, 0.7)  # where axes are until ``frame`` knows better


def axes(figure: Figure, **settings: Any) -> Axes:
    """Add the axes of a figure; ``frame`` places them."""
    return figure.add_axes(_ROUGHLY, **settings)


_ROUND = ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7), (1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9))


def wrapped(text: str, width: int) -> str:
    """Return text in lines of at most ``width`` characters, long words broken."""
    return "\n".join(textwrap.wrap(text, width))


def round_numbers(low: float, high: float) -> list[float]:
    """Return round numbers for a logarithmic axis from ``low`` to ``high``, at least four if there are so many."""
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


def error_name(lowest: float) -> str:
    """Return what an axis of errors is called that starts at the lowest there is."""
    return f"Error above the lowest, {lowest:.5g}" if lowest else "Error"


def threshold_number(threshold: float, lowest: float) -> str:
    """Return the threshold as such an axis has it: above the lowest, where both may have the same first digits."""
    return f"{threshold - lowest:.4g}" if lowest else f"{threshold:g}"


def threshold_name(threshold: float, lowest: float) -> str:
    """Return what a legend calls the line of the threshold."""
    return f"Error {threshold_number(threshold, lowest)}{' above the lowest' if lowest else ''}, the threshold"


def sign(look: _style.Look, dashes: tuple[float, ...] = ()) -> Line2D:
    """Return what stands for an algorithm in a legend."""
    return Line2D([], [], color=look.colour, dashes=dashes, linewidth=1.8, **end(look))


def named_start() -> tuple[Line2D, str]:
    """Return what a legend says of the starts."""
    return Line2D([], [], linestyle="none", **_style.START), "Start"


def end(look: _style.Look) -> dict[str, Any]:
    """Return how the marker at the end of an algorithm's path is drawn."""
    return {"marker": look.marker, "markeredgecolor": look.outline, **_style.END}


def frame(
    figure: Figure,
    axes: Axes,
    title: str,
    note: str = "",
    entries: Sequence[tuple[Any, str]] = (),
    bar: Axes | None = None,
    height: float = _style.HEIGHT,
) -> None:
    """Write the title above, the legend below, put the colour bar beside, and give the axes what remains.

    Comes after whatever changes the labels of the axes. matplotlib's own layouts do the same for any figure, but take
    about as long as drawing it.
    """
    headed, noted = _fitted(figure, title, 60, _style.TITLE), _fitted(figure, note, 84, _style.SMALL)
    top = _style.EDGE + _high(headed.get_text(), _style.TITLE)
    over = top + _high(noted.get_text(), _style.SMALL)
    under = _legend(figure, entries) if entries else _style.EDGE
    # A long title or legend makes the figure higher instead of the axes smaller.
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
        if spare > _style.EDGE:  # no white bands above and below a window that is wider than high
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
    """Return how many inches lines of text take."""
    return 1.35 / 72 * size * (text.count("\n") + 1) if text else 0.0


def _fitted(figure: Figure, text: str, across: int, size: float) -> Text:
    """Write a text in the middle in lines of at most ``across`` characters, fewer if they are wide ones."""
    written = figure.text(0.5, 1, wrapped(text, across), size=size, ha="center", va="top")
    room = 72 * (figure.get_figwidth() - 2 * _style.EDGE)
    if text.isascii() and size * min(len(text), across) <= room:  # these letters are at most as wide as high
        return written
    while (much := _too_wide(figure, written.get_window_extent())) > 1:
        across = int(across / much)
        written.set_text(wrapped(text, across))
    return written


def _legend(figure: Figure, entries: Sequence[tuple[Any, str]], across: int = _style.ACROSS) -> float:
    """Put a legend under everything, where it hides nothing, and return the inches it takes."""
    texts = [wrapped(text, across - _SIGN) for _, text in entries]
    columns = next(n for n in (4, 3, 2, 1) if n == 1 or _width(texts, n) <= across)
    # A label that starts with an underscore would be left out: the texts are set afterwards.
    legend = figure.legend([sign for sign, _ in entries], ["."] * len(texts), loc="lower center", ncols=columns)
    for written, text in zip(legend.get_texts(), texts, strict=True):
        written.set_text(text)
    extent = legend.get_window_extent()
    if (much := _too_wide(figure, extent)) > 1:
        legend.remove()
        return _legend(figure, entries, int(across / much))
    return extent.height / figure.dpi + _style.EDGE


def _too_wide(figure: Figure, extent: Bbox) -> float:
    """Return how many times as wide as the paper something is: letters are counted, and some are wide."""
    return extent.width / (figure.bbox.width - 2 * _style.EDGE * figure.dpi)


_SIGN = 9  # how many characters a sign and the gap to the next column take


def _width(texts: Sequence[str], columns: int) -> int:
    """Return the width of a legend in characters; texts fill one column after the other, the first ones are longer."""
    size, longer = divmod(len(texts), columns)
    bounds = [i * size + min(i, longer) for i in range(columns + 1)]
    dealt = [texts[a:b] for a, b in itertools.pairwise(bounds) if a < b]
    return sum(_SIGN + max(len(line) for text in column for line in text.split("\n")) for column in dealt)
