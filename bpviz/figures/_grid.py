"""Draw the paths of algorithms in a grid of small plots, one per algorithm."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from bpviz.figures import _contour, _layout, _overlay, _style
from bpviz.figures._panels import slenderness

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    from bpviz.figures._overlay import PathsArtists
    from bpviz.figures._panels import PathsData
    from bpviz.figures._paths import Path


class GridArtists(NamedTuple):
    """The artists of a grid, one plot per algorithm, and the color bar that all of them share."""

    panels: list[PathsArtists]
    bar: Axes


_BETWEEN = 0.1  # inches between columns, and below each plot
_LABEL, _OUTCOME = 8.5, 7.0  # points
_CHARACTER = 0.56  # approximate width of a character, as a multiple of its size
_SMALL = 0.7  # scale of arrows, lines and markers


def draw(figure: Figure, data: PathsData) -> GridArtists:
    """Draw a plot of the same contours per algorithm, titled with its label and outcome, and place all of them."""
    plots = [_layout.axes(figure) for _ in data.panels]
    bar = _layout.axes(figure)
    panels = []
    for i, (axes, panel) in enumerate(zip(plots, data.panels, strict=True)):
        plane = _contour.draw_contours(axes, bar, data.plane)
        for minima in plane.minima:
            minima.set_markersize(_SMALL * minima.get_markersize())
        panels.append(_overlay.draw_panel(plane, panel, data.plane.window, _SMALL))
        axes.locator_params(nbins=4)
        axes.tick_params(
            labelsize=_style.SMALL - 1.5, labelleft=i % data.columns == 0, labelbottom=i + data.columns >= len(plots)
        )
    _contour.draw_bar(figure, bar, panels[0].plane.filled, data.plane)
    _place(figure, data, plots, bar)
    return GridArtists(panels, bar)


def _place(figure: Figure, data: PathsData, plots: list[Axes], bar: Axes) -> None:
    """Place the plots in rows, with their titles, and the common labels, title, legend and color bar around them."""
    width, columns = figure.get_figwidth(), data.columns
    names = data.plane.names
    title = _layout.fitted(figure, data.title, 60, _style.TITLE)
    note = _layout.fitted(figure, data.note, 84, _style.SMALL)
    top = _style.EDGE + _layout.lines_high(title.get_text(), _style.TITLE)
    over = top + _layout.lines_high(note.get_text(), _style.SMALL)
    entries = _overlay.legend(data)
    under = _layout.legend(figure, entries) if entries else _style.EDGE
    # The labels of ticks differ between plots only in whether they are shown.
    ticks = plots[0].yaxis.get_tightbbox()
    left = _style.EDGE + _LINE + ((plots[0].bbox.x0 - ticks.x0) / figure.dpi if ticks else 0.0)
    labels = bar.yaxis.get_tightbbox()
    right = _style.EDGE + _style.GAP + _style.BAR + ((labels.x1 - bar.bbox.x1) / figure.dpi if labels else 0.0)
    wide = (width - left - right - (columns - 1) * _BETWEEN) / columns
    high = wide * slenderness(data.plane.window)
    rows = [range(i, min(i + columns, len(plots))) for i in range(0, len(plots), columns)]
    titles = [_title(figure, path, wide) for path in data.paths]
    heads = [max(_height(titles[i]) for i in row) for row in rows]
    bottom = under + _AXIS
    height = over + sum(heads) + len(rows) * high + (len(rows) - 1) * _BETWEEN + bottom
    figure.set_figheight(height)
    title.set_y(1 - _style.EDGE / height)
    note.set_y(1 - top / height)
    y = height - over
    for row, head in zip(rows, heads, strict=True):
        y -= head + high
        for i in row:
            x = left + (i - row[0]) * (wide + _BETWEEN)
            plots[i].set_position((x / width, y / height, wide / width, high / height))
            above = y + high + 0.04
            for text in titles[i]:
                text.set_position(((x + wide / 2) / width, above / height))
                above += _layout.lines_high(text.get_text(), float(text.get_fontsize()))
        y -= _BETWEEN
    middle = left + (width - left - right) / 2
    full = height - over - heads[0] - bottom
    figure.text(middle / width, (under + 0.04) / height, names[0], size=_style.BODY, ha="center", va="bottom")
    figure.text(
        _style.EDGE / width,
        (bottom + full / 2) / height,
        names[1],
        size=_style.BODY,
        ha="left",
        va="center",
        rotation=90,
    )
    bar.set_position(((width - right + _style.GAP) / width, bottom / height, _style.BAR / width, full / height))


_LINE = 0.2  # inches: height of a line of text
_AXIS = 0.42  # inches for the tick labels and the label of the x axis


def _title(figure: Figure, path: Path, wide: float) -> list[Text]:
    """Write the outcome and, above it, the label of an algorithm in lines of at most ``wide`` inches."""
    arrows = [f"{path.per_arrow} per arrow"] if path.per_arrow > 1 else []
    epochs, *others = path.outcome.split(", ")
    return [
        _written(figure, parts, size, wide)
        for parts, size in (([epochs, *arrows, *others], _OUTCOME), ([path.label], _LABEL))
    ]


def _written(figure: Figure, phrases: list[str], size: float, wide: float) -> Text:
    across = int(72 * wide / (_CHARACTER * size))
    text = figure.text(0.5, 1, _lines(phrases, across), size=size, ha="center", va="bottom")
    while (much := text.get_window_extent().width / figure.dpi / (wide + _BETWEEN / 2)) > 1 and across > 1:
        across = max(1, min(across - 1, int(across / much)))
        text.set_text(_lines(phrases, across))
    return text


def _lines(phrases: list[str], most: int) -> str:
    """Return phrases, separated by commas, in lines of at most ``most`` characters ended by commas if possible."""
    solid = [phrase.replace(" ", _SOLID) if len(phrase) < most else phrase for phrase in phrases]
    return _layout.wrapped(", ".join(solid), most).replace(_SOLID, " ")


_SOLID = "\N{NO-BREAK SPACE}"


def _height(title: list[Text]) -> float:
    return 0.06 + math.fsum(_layout.lines_high(text.get_text(), float(text.get_fontsize())) for text in title)
