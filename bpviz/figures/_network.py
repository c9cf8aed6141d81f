"""Draw a network: units as boxes in columns, weights as edges."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from bpviz.figures import _style
from bpviz.figures._style import word

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import Collection
    from matplotlib.figure import Figure
    from matplotlib.text import Text as Written

    from bpviz.declare import Array


class NetworkData(NamedTuple):
    """The shown units and weights of a network.

    ``layers`` are the shown layers, 0 for the inputs, with their ``headings`` and ``sizes``. ``places (units, 2)`` have
    the layer and the index of a unit, and ``numbers (units, 3)`` its sum, activation and delta, NaN for inputs.
    ``edges (weights, 3)`` have the layer, the unit and the source of a weight, -1 for a bias.
    """

    title: str
    note: str
    layers: list[int]
    headings: list[str]
    sizes: list[int]
    places: Array
    numbers: Array
    edges: Array
    weights: Array
    gradients: Array

    @property
    def rows(self) -> int:
        """The number of rows of the layer with the most."""
        return max(len(self.column(layer)) for layer in self.layers)

    def targets(self, layer: int) -> int:
        """Return to how many rows of a layer edges lead."""
        return len(self.column(layer)) - self.has_bias(layer + 1)

    @property
    def labeled(self) -> bool:
        """Whether the numbers of all weights fit on their edges."""
        most = max(map(self.targets, self.layers[1:]))
        return len(self.layers) <= 3 and self.rows <= 4 and most <= 6 // len(self.layers)

    @property
    def row_height(self) -> float:
        """The height of a row in inches."""
        if not self.labeled:
            return _ROW
        return max(_LABELED_ROW, _LABEL * (1 + max(map(self.targets, self.layers[1:]))))

    def column(self, layer: int) -> list[int]:
        """Return the shown units of a layer from top to bottom; -1 is the constant 1 of biases, -2 a gap."""
        units = self.places[self.places[:, 0] == layer, 1].astype(int).tolist()
        gap = next((place for place, (a, b) in enumerate(pairwise(units), 1) if b > a + 1), None)
        rows = units if gap is None else [*units[:gap], _GAP, *units[gap:]]
        return [*rows, BIAS] if self.has_bias(layer + 1) else rows

    def has_bias(self, layer: int) -> bool:
        """Return whether a bias leads to a layer that is drawn next to the one before it."""
        return bool(((self.edges[:, 0] == layer) & (self.edges[:, 2] == BIAS)).any()) and layer - 1 in self.layers


class NetworkArtists(NamedTuple):
    """The boxes of units, the edges and their labels."""

    units: list[Written]
    edges: Collection
    labels: list[Written]


BIAS, _GAP = -1, -2

_Places = dict[tuple[int, int], tuple[float, float]]
"""The coordinates of units, by layer and unit."""

# Sizes at the usual font size: inches of a row and a column, inches per label of an edge, and points of texts. If there
# is less space, texts are smaller.
_ROW, _LABELED_ROW, _LABEL = 0.5, 0.9, 0.34
_COLUMN, _LABELED_COLUMN = 0.8, 2.2
_TEXT, _LABELED_TEXT, _EDGE_TEXT, _HEADING = 6.5, 9.0, 7.5, 8.0
_ABOVE, _BELOW = 0.7, 0.05  # inches between the centers of the outer rows and the edges of the axes
_THINNEST, _THICKEST = 0.4, 3.2
_TITLE_AND_LEGEND = 0.95  # inches
_DECADES = 4  # of gradients, on each side of 0
_DASHES = (0, (2.5, 1.5))


def draw(figure: Figure, data: NetworkData) -> NetworkArtists:
    """Draw a network."""
    from bpviz.figures import _layout

    axes = _layout.axes(figure)
    axes.set_frame_on(False)
    axes.xaxis.set_visible(False)
    axes.yaxis.set_visible(False)
    row = data.row_height
    above, below = _ABOVE / row, _BELOW / row
    axes.set(xlim=(-0.45, _column(data, data.layers[-1]) + 0.45), ylim=(1 - data.rows - below, above))
    places = _places(data)
    edges, entries, bar = _draw_edges(figure, axes, data, places)
    labels = _label_edges(axes, data, places) if data.labeled else []
    units = _draw_units(axes, data, places)
    texts = [(text, _LABELED_TEXT if data.labeled else _TEXT) for text in units]
    texts += [(text, _EDGE_TEXT) for text in labels]
    texts += [(text, _HEADING) for text in [*_draw_headings(axes, data, above), *_draw_gaps(axes, data)]]
    column = _LABELED_COLUMN if data.labeled else _COLUMN

    def fit() -> None:
        """Use smaller texts where rows or columns have less space than usual."""
        (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
        wide, high = (float(pixels) / axes.figure.dpi for pixels in axes.bbox.size)
        scale = min(_style.look().scale, wide / (right - left) / column, high / (top - bottom) / row)
        for written, size in texts:
            written.set_fontsize(scale * size)

    rows = row * (data.rows - 1 + above + below)
    height = rows + _layout.AXIS + _TITLE_AND_LEGEND
    _layout.frame(figure, axes, data.title, data.note, entries=entries, bar=bar, height=height, fit=fit)
    return NetworkArtists(units, edges, labels)


def _draw_units(axes: Axes, data: NetworkData, places: _Places) -> list[Written]:
    """Draw the boxes of units and of the constants 1 of biases; return those of units."""
    units = []
    for (layer, unit), (s, a, delta) in zip(data.places.tolist(), data.numbers.tolist(), strict=True):
        words = f"x{unit + 1}\n{_number(a)}"
        if layer:
            parts = word("s {value}", value=_number(s)), word("a {value}", value=_number(a))
            words = "\n".join([*parts, word("δ {value}", value=_number(delta))])
        units.append(_box(axes, places[layer, unit], words))
    constants = [_box(axes, at, "1") for (_, unit), at in places.items() if unit == BIAS]
    return [*units, *constants]


def _draw_headings(axes: Axes, data: NetworkData, top: float) -> list[Written]:
    return [
        axes.text(_column(data, layer), top, heading, ha="center", va="top")
        for layer, heading in zip(data.layers, data.headings, strict=True)
    ]


def _draw_gaps(axes: Axes, data: NetworkData) -> list[Written]:
    """Write how many units and layers are left out."""
    gaps = []
    for layer, size in zip(data.layers, data.sizes, strict=True):
        for row, unit in enumerate(data.column(layer)):
            if unit == _GAP:
                more = word("{count} more", count=size - (data.places[:, 0] == layer).sum())
                gaps.append((_column(data, layer), _height(data, layer, row), f"⋮\n{more}"))
    for a, b in pairwise(data.layers):
        if b > a + 1:
            more = "\n".join(word("{count} more layers", count=b - a - 1).rsplit(maxsplit=1))
            gaps.append(((_column(data, a) + _column(data, b)) / 2, -(data.rows - 1) / 2, f"···\n{more}"))
    return [axes.text(x, y, words, ha="center", va="center", linespacing=1.3) for x, y, words in gaps]


def _number(x: float) -> str:
    from bpviz.figures import _ticks

    x += 0.0  # 0 for -0
    return _ticks.number(x, 3).replace("-", "\N{MINUS SIGN}", 1) if x < 0 else _ticks.number(x, 3)


def _column(data: NetworkData, layer: int) -> float:
    """Return the x of a layer; where layers are left out, there is one more column."""
    return sum(min(b - a, 2) for a, b in pairwise(data.layers) if b <= layer)


def _height(data: NetworkData, layer: int, row: int) -> float:
    """Return the y of a row of a layer; layers are centered."""
    return -row - (data.rows - len(data.column(layer))) / 2


def _places(data: NetworkData) -> _Places:
    """Return the coordinates of units and of the constant 1 of biases, by layer and unit."""
    return {
        (layer, unit): (_column(data, layer), _height(data, layer, row))
        for layer in data.layers
        for row, unit in enumerate(data.column(layer))
    }


def _ends(data: NetworkData, places: _Places) -> tuple[list[int], Array]:
    """Return the indices of the weights between drawn layers, and the ends ``(weights, 2, 2)`` of their edges."""
    import numpy as np

    found = [(place, *edge) for place, edge in enumerate(data.edges.tolist()) if edge[0] - 1 in data.layers]
    ends = [(places[layer - 1, source], places[layer, unit]) for _, layer, unit, source in found]
    return [place for place, *_ in found], np.array(ends, np.float64).reshape(-1, 2, 2)


def _draw_edges(
    figure: Figure, axes: Axes, data: NetworkData, places: _Places
) -> tuple[Collection, list[tuple[Any, str]], Axes | None]:
    """Draw the edges, and return them with the entries of the legend and the color bar, if they need any."""
    import numpy as np
    from matplotlib.collections import LineCollection
    from matplotlib.colors import LinearSegmentedColormap, SymLogNorm
    from matplotlib.lines import Line2D

    from bpviz.figures import _layout, _ticks

    look = _style.look()
    ink, theme = look.theme.ink, look.theme
    symbols = Line2D([], [], linestyle="none"), word("s: weighted sum, a: activation, δ: dE/ds")
    drawn, ends = _ends(data, places)
    weights, gradients = data.weights[drawn], data.gradients[drawn]
    order = np.argsort(abs(gradients), kind="stable")  # large gradients on top
    share = np.nan_to_num(abs(weights) / (np.nanmax(abs(weights), initial=0) or 1), nan=1, posinf=1)
    widths = _THINNEST + (_THICKEST - _THINNEST) * share
    lines: dict[str, Any] = {
        "linewidths": look.lines * widths[order],
        "linestyles": [_DASHES if weights[place] < 0 else "-" for place in order],
        "capstyle": "butt",
        "zorder": 1,
    }
    if data.labeled:
        edges = axes.add_collection(LineCollection(list(ends[order]), colors=theme.pale, **lines), autolim=False)
        return edges, [symbols], None
    finite = abs(gradients[np.isfinite(gradients)]).clip(max=_ticks.LARGEST)
    largest = float(finite.max(initial=0)) or 1.0
    norm = SymLogNorm(largest / 10**_DECADES, vmin=-largest, vmax=largest)
    colors = LinearSegmentedColormap.from_list(
        "gradients", (theme.colors[5], look.mixed(theme.pale, 0.5), theme.colors[3])
    )
    colored = LineCollection(list(ends[order]), array=gradients[order], cmap=colors, norm=norm, **lines)
    edges = axes.add_collection(colored, autolim=False)
    bar = _layout.bar_axes(figure, axes)
    ticks = [sign * largest / 10**decade for sign in (-1, 1) for decade in range(0, _DECADES, 2)]
    figure.colorbar(edges, bar, label=word("Gradient dE/dw"), ticks=sorted([*ticks, 0.0]))
    tick_labels = bar.set_yticklabels([_number(float(f"{tick:.2g}")) for tick in sorted([*ticks, 0.0])])
    tick_labels[0].set_verticalalignment("bottom")  # within the bar, whose ends are next to other texts
    tick_labels[-1].set_verticalalignment("top")
    bar.minorticks_off()
    solid, dashed = (Line2D([], [], color=ink, linewidth=1.6 * look.lines) for _ in range(2))
    dashed.set_linestyle(_DASHES)
    entries: list[tuple[Any, str]] = [(solid, word("Positive weight")), (dashed, word("Negative weight"))]
    thick = Line2D([], [], color=ink, linewidth=_THICKEST * look.lines)
    largest_weight = float(np.nanmax(abs(weights), initial=0))
    return edges, [*entries, (thick, word("|weight| = {size}", size=f"{largest_weight:.3g}")), symbols], bar


def _label_edges(axes: Axes, data: NetworkData, places: _Places) -> list[Written]:
    """Write weight and gradient on every edge, where edges of adjacent units are equally far apart."""
    drawn, ends = _ends(data, places)
    labels = []
    for place, (begin, end) in zip(drawn, ends, strict=True):
        layer = int(data.edges[place, 0])
        x, y = begin + (end - begin) / (data.targets(layer) + 1)
        weight, gradient = _number(data.weights[place]), _number(data.gradients[place])
        if data.edges[place, 2] == BIAS:
            lines = word("b {value}", value=weight), word("dE/db {value}", value=gradient)
        else:
            lines = word("w {value}", value=weight), word("dE/dw {value}", value=gradient)
        words = "\n".join(lines)
        background = {"facecolor": _style.look().theme.paper, "edgecolor": "none", "pad": 1.0}
        labels.append(axes.text(x, y, words, ha="center", va="center", bbox=background, zorder=2))
    return labels


def _box(axes: Axes, at: tuple[float, float], words: str) -> Written:
    look = _style.look()
    frame = {"boxstyle": "round,pad=0.35", "facecolor": look.theme.paper, "edgecolor": look.theme.ink}
    return axes.text(*at, words, ha="center", va="center", bbox={**frame, "linewidth": 0.8 * look.lines}, zorder=3)
