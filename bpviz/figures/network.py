"""A network as a drawing: the forward pass and backpropagation of one sample."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from bpviz.declare import figure, hyper
from bpviz.declare.domains import Nullable, Text
from bpviz.figures._base import FigureRequest, select, slug
from bpviz.messages import suggestions, text

if TYPE_CHECKING:
    import collections.abc
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.collections import Collection
    from matplotlib.figure import Figure
    from matplotlib.text import Text as Written

    from bpviz.declare import Array, Problem
    from bpviz.engine.results import Results
    from bpviz.problems.network.chain import Chain


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
        return [*rows, _BIAS] if self.has_bias(layer + 1) else rows

    def has_bias(self, layer: int) -> bool:
        """Return whether a bias leads to a layer that is drawn next to the one before it."""
        return bool(((self.edges[:, 0] == layer) & (self.edges[:, 2] == _BIAS)).any()) and layer - 1 in self.layers


class NetworkArtists(NamedTuple):
    """The boxes of units, the edges and their labels."""

    units: list[Written]
    edges: Collection
    labels: list[Written]


_BIAS, _GAP = -1, -2

# The look: sizes in inches and points, and the colors of gradients from negative to positive.
_ROW, _LABELED_ROW, _LABEL = 0.5, 0.9, 0.34  # inches per row, and per label of an edge
_TEXT, _LABELED_TEXT, _EDGE_TEXT, _HEADING = 6.5, 9.0, 7.5, 8.0
_ABOVE, _BELOW = 0.55, 0.05  # inches between the centers of the outer rows and the edges of the axes
_THINNEST, _THICKEST = 0.4, 3.2
_GRADIENTS = ("#0072b2", "#c3ccd5", "#d55e00")
_DECADES = 4  # of gradients, on each side of 0
_DASHES = (0, (2.5, 1.5))


@figure("network", summary="network with the forward pass and gradients of one sample")
class Network(FigureRequest):
    """The layers of a network after some epochs: units with weighted sum s, activation a and delta δ = dE/ds of a
    sample, and edges with weight and gradient.

    Of layers with more than 8 units, the first 3 and the last 2 are drawn; of more than 6 layers too. If the run ends
    before the epoch, its end is drawn.
    """

    epoch: int = hyper(0, "integer [0, 1000000000]", "epochs before the forward pass")
    sample: int = hyper(1, "integer [1, 1000000000]", "number of the sample")
    algorithm: str | None = hyper(None, Nullable(Text(), "the first"), "algorithm, by label or name")

    @classmethod
    def defaults(cls, problem: Problem, labels: Sequence[str]) -> list[Network]:
        return []

    def invalid_options(self, problem: Problem, algorithms: collections.abc.Collection[str]) -> list[tuple[str, str]]:
        wrong = super().invalid_options(problem, algorithms)
        if not hasattr(problem, "as_network"):
            return [*wrong, ("kind", f"network needs a perceptron or a network (the problem is {problem.name})")]
        samples = getattr(problem, "samples", 0)
        if self.sample > samples:
            wrong.append(("sample", f"expected at most {samples} (the samples of the dataset), got {self.sample}"))
        if self.algorithm is not None and self.algorithm not in algorithms:
            guess = suggestions.nearest(self.algorithm, algorithms)
            hint = f"; did you mean {guess!r}?" if guess else ""
            wrong.append(("algorithm", f"unknown algorithm {text.quote_value(self.algorithm)}{hint}"))
        return wrong

    def name_of_file(self) -> str:
        parts = [super().name_of_file(), *([slug(self.algorithm)] if self.algorithm else [])]
        parts += [f"epoch={self.epoch}"] if self.epoch else []
        parts += [f"sample={self.sample}"] if self.sample > 1 else []
        return "-".join(parts)

    def data(self, results: Results, problem: Any) -> NetworkData:
        import numpy as np

        from bpviz.problems.network.chain import chain

        run = select(results, (self.algorithm,) if self.algorithm else None)[0].runs[0]
        epoch = min(self.epoch, run.epochs)
        one = chain(problem, run.weights[epoch], self.sample - 1)
        layers = sorted({unit.layer for unit in one.units})
        names = [layer.activation for layer in problem.as_network().layers]
        last = len(names)
        headings = [
            f"{'Output' if layer == last else f'Layer {layer}'}\n{names[layer - 1]}" if layer else "Inputs\n"
            for layer in layers
        ]
        numbers = [(unit.sum, unit.activation, unit.delta) for unit in one.units]
        edges = [(w.layer, w.unit, _BIAS if w.source is None else w.source) for w in one.weights]
        return NetworkData(
            self.title or f"Backpropagation: {run.label}, epoch {epoch}, sample {self.sample}",
            _note(one),
            layers,
            headings,
            [one.sizes[layer] for layer in layers],
            np.array([(unit.layer, unit.place) for unit in one.units]),
            np.array(numbers, np.float64),
            np.array(edges),
            np.array([w.value for w in one.weights]),
            np.array([w.gradient.value for w in one.weights]),
        )

    def draw(self, figure: Figure, data: NetworkData) -> NetworkArtists:
        from bpviz.figures import _layout, _style

        axes = _layout.axes(figure)
        axes.set_axis_off()
        places = _places(data)
        row = data.row_height
        above, below = (_ABOVE + row / 3) / row, _BELOW / row
        axes.set(xlim=(-0.45, _column(data, data.layers[-1]) + 0.45), ylim=(1 - data.rows - below, above))
        size = _LABELED_TEXT if data.labeled else _TEXT
        edges, entries, bar = _draw_edges(figure, axes, data, places)
        labels = _label_edges(axes, data, places) if data.labeled else []
        units = []
        for (layer, unit), (s, a, delta) in zip(data.places.tolist(), data.numbers.tolist(), strict=True):
            words = f"s {s:.3g}\na {a:.3g}\nδ {delta:.3g}" if layer else f"x{unit + 1}\n{a:.3g}"
            units.append(_box(axes, places[layer, unit], words, size))
        for layer, heading, count in zip(data.layers, data.headings, data.sizes, strict=True):
            x = _column(data, layer)
            axes.text(x, above, heading, size=_HEADING, ha="center", va="top")
            for place, unit in enumerate(data.column(layer)):
                at = x, _height(data, layer, place)
                if unit == _BIAS:
                    _box(axes, at, "1", size)
                elif unit == _GAP:
                    hidden = count - (data.places[:, 0] == layer).sum()
                    axes.text(*at, f"⋮\n{hidden} more", size=_HEADING, ha="center", va="center", linespacing=1.3)
        for a, b in pairwise(data.layers):
            if b > a + 1:
                x = (_column(data, a) + _column(data, b)) / 2
                more = f"···\n{b - a - 1} more\nlayers"
                axes.text(x, -(data.rows - 1) / 2, more, size=_HEADING, ha="center", va="center")
        height = _style.TITLE_AND_LEGEND + _style.AXIS + row * (data.rows - 1 + above + below)
        _layout.frame(figure, axes, data.title, data.note, entries=entries, bar=bar, height=height)
        return NetworkArtists(units, edges, labels)


def _note(chain: Chain) -> str:
    agreeing, every = sum(d.agrees for d in chain.checked), len(chain.checked)
    desired = ", ".join(f"{y:.4g}" for y in chain.desired) if len(chain.desired) == 1 else ""
    error = f"E = {chain.error:.4g}{f', desired output {desired}' if desired else ''}"
    return f"{error}; gradient check: {agreeing} of {every} derivatives agree"


def _column(data: NetworkData, layer: int) -> float:
    """Return the x of a layer; where layers are left out, there is one more column."""
    return sum(min(b - a, 2) for a, b in pairwise(data.layers) if b <= layer)


def _height(data: NetworkData, layer: int, row: int) -> float:
    """Return the y of a row of a layer; layers are centered."""
    return -row - (data.rows - len(data.column(layer))) / 2


def _places(data: NetworkData) -> dict[tuple[int, int], tuple[float, float]]:
    """Return the coordinates of units and of the constant 1 of biases, by layer and unit."""
    return {
        (layer, unit): (_column(data, layer), _height(data, layer, row))
        for layer in data.layers
        for row, unit in enumerate(data.column(layer))
    }


def _ends(data: NetworkData, places: dict[tuple[int, int], tuple[float, float]]) -> tuple[list[int], Array]:
    """Return the indices of the weights between drawn layers, and the ends ``(weights, 2, 2)`` of their edges."""
    import numpy as np

    found = [(place, *edge) for place, edge in enumerate(data.edges.tolist()) if edge[0] - 1 in data.layers]
    ends = [(places[layer - 1, source], places[layer, unit]) for _, layer, unit, source in found]
    return [place for place, *_ in found], np.array(ends, np.float64).reshape(-1, 2, 2)


def _draw_edges(
    figure: Figure, axes: Axes, data: NetworkData, places: dict[tuple[int, int], tuple[float, float]]
) -> tuple[Collection, list[tuple[Any, str]], Axes | None]:
    """Draw the edges, and return them with the entries of the legend and the color bar, if they need any."""
    import numpy as np
    from matplotlib.collections import LineCollection
    from matplotlib.colors import LinearSegmentedColormap, SymLogNorm
    from matplotlib.lines import Line2D

    from bpviz.figures import _layout, _style

    symbols = Line2D([], [], linestyle="none"), "s: weighted sum, a: activation, δ: dE/ds"
    drawn, ends = _ends(data, places)
    weights, gradients = data.weights[drawn], data.gradients[drawn]
    order = np.argsort(abs(gradients), kind="stable")  # large gradients on top
    share = np.nan_to_num(abs(weights) / (np.nanmax(abs(weights), initial=0) or 1), nan=1, posinf=1)
    widths = _THINNEST + (_THICKEST - _THINNEST) * share
    lines: dict[str, Any] = {
        "linewidths": widths[order],
        "linestyles": [_DASHES if weights[place] < 0 else "-" for place in order],
        "capstyle": "butt",
        "zorder": 1,
    }
    if data.labeled:
        edges = axes.add_collection(LineCollection(list(ends[order]), colors=_style.PALE, **lines), autolim=False)
        return edges, [symbols], None
    finite = abs(gradients[np.isfinite(gradients)]).clip(max=_layout.LARGEST)
    largest = float(finite.max(initial=0)) or 1.0
    norm = SymLogNorm(largest / 10**_DECADES, vmin=-largest, vmax=largest)
    colors = LinearSegmentedColormap.from_list("gradients", _GRADIENTS)
    colored = LineCollection(list(ends[order]), array=gradients[order], cmap=colors, norm=norm, **lines)
    edges = axes.add_collection(colored, autolim=False)
    bar = _layout.axes(figure)
    ticks = [sign * largest / 10**decade for sign in (-1, 1) for decade in range(0, _DECADES, 2)]
    colorbar = figure.colorbar(edges, bar, label="Gradient dE/dw", ticks=sorted([*ticks, 0.0]))
    colorbar.ax.set_yticklabels([f"{tick:.2g}" for tick in sorted([*ticks, 0.0])])
    colorbar.ax.minorticks_off()
    solid, dashed = (Line2D([], [], color=_style.INK, linewidth=1.6) for _ in range(2))
    dashed.set_linestyle(_DASHES)
    entries: list[tuple[Any, str]] = [(solid, "Positive weight"), (dashed, "Negative weight")]
    thick = Line2D([], [], color=_style.INK, linewidth=_THICKEST)
    largest_weight = float(np.nanmax(abs(weights), initial=0))
    return edges, [*entries, (thick, f"|weight| = {largest_weight:.3g}"), symbols], bar


def _label_edges(axes: Axes, data: NetworkData, places: dict[tuple[int, int], tuple[float, float]]) -> list[Written]:
    """Write weight and gradient on every edge, where edges of adjacent units are equally far apart."""
    from bpviz.figures import _style

    drawn, ends = _ends(data, places)
    labels = []
    for place, (begin, end) in zip(drawn, ends, strict=True):
        layer = int(data.edges[place, 0])
        x, y = begin + (end - begin) / (data.targets(layer) + 1)
        name = "b" if data.edges[place, 2] == _BIAS else "w"
        words = f"{name} {data.weights[place]:.3g}\ndE/d{name} {data.gradients[place]:.3g}"
        background = {"facecolor": _style.PAPER, "edgecolor": "none", "pad": 1.0}
        labels.append(axes.text(x, y, words, size=_EDGE_TEXT, ha="center", va="center", bbox=background, zorder=2))
    return labels


def _box(axes: Axes, at: tuple[float, float], words: str, size: float) -> Written:
    from bpviz.figures import _style

    frame = {"boxstyle": "round,pad=0.35", "facecolor": _style.PAPER, "edgecolor": _style.INK, "linewidth": 0.8}
    return axes.text(*at, words, size=size, ha="center", va="center", bbox=frame, zorder=3)
