"""Draw the paths of algorithms in a grid of small plots, one per algorithm."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from bpviz.figures import _contour, _layout, _overlay, _style, _ticks
from bpviz.figures._labels import weight_label, wrapped
from bpviz.figures._panels import slenderness
from bpviz.figures._style import word

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


_MOST_TICKS = 4  # steps between the ticks of an axis
_SMALL = 0.7  # scale of arrows, lines and markers

# Multiples of the font size of tick labels.
_TICKS, _LABEL, _OUTCOME = 0.85, 0.9, 0.74
_DENSE = 0.7  # factor on the sizes of titles in a figure of a given size, of which they would take too much
_CHARACTER = 0.56  # approximate width of a character

# Inches at the usual font size.
_BETWEEN = 0.1  # between columns, and below each plot
_OVER_PLOT = 0.04  # between a plot and its title
_NAME = 0.22  # height of the name of an axis
_LEAST = 0.3  # size of a plot


def draw(figure: Figure, data: PathsData) -> GridArtists:
    """Draw a plot of the same contours per algorithm, titled with its label and outcome, and place all of them."""
    look = _style.look()
    plots = [_layout.axes(figure) for _ in data.panels]
    bar = _layout.bar_axes(figure, plots[-1])
    panels = []
    for i, (axes, panel) in enumerate(zip(plots, data.panels, strict=True)):
        plane = _contour.draw_contours(axes, bar, data.plane)
        for minima in plane.minima:
            minima.set_markersize(_SMALL * minima.get_markersize())
        panels.append(_overlay.draw_panel(plane, panel, data.plane.window, _SMALL))
        for axis in (axes.xaxis, axes.yaxis):
            _ticks.use_numbers(axis, most=_MOST_TICKS, prune="both")
        left, bottom = i % data.columns == 0, i + data.columns >= len(plots)
        axes.tick_params(labelsize=_TICKS * look.small, labelleft=left, labelbottom=bottom)
    _contour.draw_bar(figure, bar, panels[0].plane.filled, data.plane)
    Grid(plots, data, bar).grow(look.size[1])
    return GridArtists(panels, bar)


class Grid(_layout.Frame):
    """Places plots in rows with their titles, and the names of the axes and the color bar around them."""

    def __init__(self, plots: list[Axes], data: PathsData, bar: Axes) -> None:
        super().__init__(plots[0], data.title, data.note, _overlay.legend(data), bar)
        figure: Any = plots[0].figure
        self.plots, self.columns = plots, data.columns
        self.bar: Any = bar
        self.slender = slenderness(data.plane.window)
        self.rows = [range(i, min(i + data.columns, len(plots))) for i in range(0, len(plots), data.columns)]
        self.titles = [_titles(figure, path) for path in data.paths]
        across, up = map(weight_label, data.plane.names)
        self.names = (
            figure.text(0.5, 0, across, size=self.look.body, ha="center", va="bottom"),
            figure.text(0, 0.5, up, size=self.look.body, ha="left", va="center", rotation=90),
        )

    def _arrange(self, figure: Any, over: float, under: float, aside: float) -> tuple[float, float]:
        width, height = figure.get_size_inches()
        edge, gap, thick, between, name = map(self.inches, (_layout.EDGE, _layout.GAP, _layout.BAR, _BETWEEN, _NAME))
        left = edge + name + _layout.extent(self.plots[0], "y")
        right = aside + edge + gap + thick + _layout.extent(self.bar, "y")
        below = under + name + _layout.extent(self.plots[-1], "x")
        wide = max((width - left - right - (self.columns - 1) * between) / self.columns, self.inches(_LEAST))
        heads = [max(self._write_titles(i, wide) for i in row) for row in self.rows]
        taken = over + sum(heads) + (len(heads) - 1) * between + below
        high = wide * self.slender
        if self.growing and not self.look.exact:
            height = taken + len(heads) * high
        else:
            high = max(min(high, (height - taken) / len(heads)), self.inches(_LEAST))
        spare = max(0.0, height - taken - len(heads) * high) / 2  # above and below, in a figure of a given size
        y = height - over - spare
        for row, head in zip(self.rows, heads, strict=True):
            y -= head + high
            for i in row:
                x = left + (i - row[0]) * (wide + between)
                self.plots[i].set_position((x / width, y / height, wide / width, high / height))
                above = y + high + self.inches(_OVER_PLOT)
                for text, _ in self.titles[i]:
                    text.set_position(((x + wide / 2) / width, above / height))
                    above += _high(text)
            y -= between
        bottom, top = y + between, height - over - spare - heads[0]
        across, up = self.names
        across.set_position(((left + width - right) / 2 / width, (under + spare) / height))
        up.set_position((edge / width, (bottom + top) / 2 / height))
        self.bar.set_position(((width - right + gap) / width, bottom / height, thick / width, (top - bottom) / height))
        return height, width - aside

    def _write_titles(self, i: int, wide: float) -> float:
        """Break the title of a plot into lines of at most ``wide`` inches, and return its height."""
        for text, phrases in self.titles[i]:
            across = max(1, int(72 * wide / (_CHARACTER * float(text.get_fontsize()))))
            text.set_text(_lines(phrases, across))
            most = (wide + self.inches(_BETWEEN) / 2) * text.get_figure(root=True).dpi
            while (much := text.get_window_extent().width / most) > 1 and across > 1:
                across = max(1, min(across - 1, int(across / much)))
                text.set_text(_lines(phrases, across))
        return math.fsum(_high(text) for text, _ in self.titles[i]) + 1.5 * self.inches(_OVER_PLOT)


def _titles(figure: Figure, path: Path) -> list[tuple[Any, list[str]]]:
    """Return texts for the outcome and, above it, the label of an algorithm, with their phrases."""
    look = _style.look()
    arrows = [word("{count} per arrow", count=path.per_arrow)] if path.per_arrow > 1 else []
    epochs, *others = path.outcome.split(", ")
    small = look.small * (_DENSE if look.exact else 1.0)
    return [
        (figure.text(0.5, 1, "", size=size * small, ha="center", va="bottom"), phrases)
        for phrases, size in (([epochs, *arrows, *others], _OUTCOME), ([path.label], _LABEL))
    ]


def _lines(phrases: list[str], most: int) -> str:
    """Return phrases, separated by commas, in lines of at most ``most`` characters ended by commas if possible."""
    solid = [phrase.replace(" ", _SOLID) if len(phrase) < most else phrase for phrase in phrases]
    return wrapped(", ".join(solid), most).replace(_SOLID, " ")


_SOLID = "\N{NO-BREAK SPACE}"


def _high(text: Text) -> float:
    """Return the height of a text in inches."""
    return 1.35 / 72 * float(text.get_fontsize()) * (text.get_text().count("\n") + 1)
