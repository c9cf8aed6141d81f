"""Figures of paths, read back from their files and compared with the weights of every epoch.

The SVG is parsed without matplotlib, and moves are clipped in exact arithmetic by another algorithm than bpviz's.
"""

from __future__ import annotations

import io
import itertools
import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.image import imread

from bpviz.declare import FIGURES, OPTIMIZERS, PROBLEMS
from bpviz.experiment import runner
from bpviz.experiment.spec import Algorithm, Experiment
from bpviz.figures import _render, _style

if TYPE_CHECKING:
    from bpviz.engine.results import Results

SVG = "{http://www.w3.org/2000/svg}"
PIXEL = 72 / 150  # points


class Case(NamedTuple):
    results: Results
    problem: Any
    options: dict[str, Any]


def case(problem: Any, algorithms: dict[str, Any], starts: Any = None, epochs: int = 100, **options: Any) -> Case:
    listed = tuple(Algorithm(label, rule) for label, rule in algorithms.items())
    experiment = Experiment("test", "test", problem, tuple(starts or [problem.start]), None, epochs, listed, ())
    return Case(runner.run(experiment), problem, options)


def gd(step: float) -> Any:
    return OPTIMIZERS["gd"](step=step)


def quadratic(condition: float, angle: float = 30.0) -> Any:
    return PROBLEMS["quadratic"](condition=condition, angle=angle)


STARTS = [(-4.0, 4.5), (-2.5, -3.0), (0.5, -4.5), (3.5, 4.0), (4.5, -0.5), (1.0, 1.0), (-0.5, 3.5)]


def long_then_tiny() -> Case:
    return case(quadratic(80, 0.0), {"a": gd(0.0125)}, [(0.5, 3.5)], 500)


def diverging() -> Case:
    return case(quadratic(50), {"a": gd(0.25)}, epochs=150)


def crawl() -> Case:
    return case(PROBLEMS["rosenbrock"](), {"a": gd(0.001)}, epochs=2000)


def bouncing() -> Case:
    """Oscillations of which no epoch is at the place of another, with more moves than arrows are drawn."""
    return case(quadratic(50), {"a": gd(0.03999)}, epochs=1200)


def identical() -> Case:
    rules = {"a": gd(0.02), "b": gd(0.02), "c": OPTIMIZERS["cg-fr"](), "d": OPTIMIZERS["cg-pr"](), "e": gd(0.01)}
    return case(quadratic(20), rules, epochs=60)


def many_starts() -> Case:
    return case(PROBLEMS["himmelblau"](), {"a": gd(0.01), "b": OPTIMIZERS["rprop"]()}, STARTS, 60)


def zoom() -> Case:
    rules = {"a": gd(0.039), "b": OPTIMIZERS["momentum"](step=0.01), "c": gd(0.005)}
    return case(quadratic(50), rules, epochs=80, x=[0.5, 1.5], y=[-1.5, -0.5])


def one_range_of_epochs() -> Case:
    return case(quadratic(50), {"a": gd(0.039), "b": gd(0.02)}, epochs=40, epochs_shown=[3, 9])


def grid() -> Case:
    rules = {label: gd(0.002 * 1.8**i) for i, label in enumerate("abcdefgh")}
    return case(PROBLEMS["himmelblau"](), rules, epochs=80)


def turning() -> Case:
    """Many short epochs around a bend, which an arrow per several of them would cut off."""
    return case(PROBLEMS["rosenbrock"](), {"a": OPTIMIZERS["adam"](step=0.05)}, epochs=400)


CASES = [
    long_then_tiny, diverging, crawl, bouncing, identical, many_starts, zoom, one_range_of_epochs, grid, turning,
]  # fmt: skip


# -- the drawing -------------------------------------------------------------------------------------------------------


class Plot(NamedTuple):
    """A plot of an SVG: its frame and, per color, drawn segments ``(segments, 2, 2)`` in points."""

    frame: tuple[float, float, float, float]  # left, right, bottom, top; y grows downwards
    lines: dict[str, Any]
    arrows: dict[str, Any]

    def in_points(self, places: Any, window: Any) -> Any:
        left, right, bottom, top = self.frame
        (x0, x1), (y0, y1) = window
        corner, size = np.array([x0, y0]), np.array([x1 - x0, y1 - y0])
        return np.array([left, bottom]) + (places - corner) / size * np.array([right - left, top - bottom])


def plots_of(svg: bytes) -> list[Plot]:
    groups = [g for g in ElementTree.fromstring(svg).iter(f"{SVG}g") if g.get("id", "").startswith("axes_")]
    plots = [plot_of(group) for group in groups]
    return [plot for plot in plots if plot.arrows]  # without the color bar


def plot_of(group: Any) -> Plot:
    background = next(path for path in group.iter(f"{SVG}path"))
    ((corners,),) = [[vertices(background.get("d"))]]
    frame = corners[:, 0].min(), corners[:, 0].max(), corners[:, 1].max(), corners[:, 1].min()
    lines: dict[str, list[Any]] = {}
    arrows: dict[str, list[Any]] = {}
    for part in group.findall(f"{SVG}g"):
        kind = part.get("id", "").split("_")[0]
        for path in part.findall(f"{SVG}path"):
            style = dict(entry.split(": ") for entry in path.get("style", "").split("; ") if entry)
            if kind == "line2d":
                lines.setdefault(style["stroke"], []).extend(segments(path.get("d")))
            elif kind == "Quiver":
                outline = vertices(path.get("d"))
                color = style.get("fill", "#000000")  # black is the default of SVG
                arrows.setdefault(color, []).append([(outline[0] + outline[6]) / 2, outline[3]])
    return Plot(frame, *({c: np.array(drawn).reshape(-1, 2, 2) for c, drawn in d.items()} for d in (lines, arrows)))


def vertices(d: str) -> Any:
    return np.array([float(word) for word in d.split() if word not in "MLz"]).reshape(-1, 2)


def segments(d: str) -> list[Any]:
    found = []
    for piece in d.split("M")[1:]:
        points = vertices(piece)
        found += list(itertools.pairwise(points))
    return found


# -- the epochs --------------------------------------------------------------------------------------------------------


def moves(path: Any, window: Any, points_per_unit: Any) -> Any:
    """Return the parts within the window of the moves between consecutive epochs ``(moves, 2, 2)``.

    Moves whose smaller end has a last place of more than 4 pixels are omitted.
    """
    parts = []
    for tail, tip in zip(path[:-1].tolist(), path[1:].tolist(), strict=True):
        if not all(map(math.isfinite, tail + tip)):
            continue
        last = [max(math.ulp(x) * unit for x, unit in zip(end, points_per_unit, strict=True)) for end in (tail, tip)]
        part = cohen_sutherland(tail, tip, window)
        if part and min(last) <= 4 * PIXEL:
            parts.append(part)
    return np.array(parts).reshape(-1, 2, 2)


def cohen_sutherland(tail: list[float], tip: list[float], window: Any) -> list[list[float]] | None:
    """Return the part of a move within a window, in exact arithmetic; None if there is none."""
    limits = [tuple(map(Fraction, pair)) for pair in window]
    ends = [list(map(Fraction, end)) for end in (tail, tip)]

    def outside(place: list[Fraction]) -> list[tuple[int, Fraction, int]]:
        beyond = []
        for axis, (low, high) in enumerate(limits):
            beyond += [(axis, low, -1)] * (place[axis] < low) + [(axis, high, 1)] * (place[axis] > high)
        return beyond

    while True:
        codes = [outside(end) for end in ends]
        if not any(codes):
            return [[float(x) for x in end] for end in ends]
        if set(codes[0]) & set(codes[1]):
            return None
        which = 0 if codes[0] else 1
        axis, edge, _ = codes[which][0]
        (a, b), other = (ends[which], ends[1 - which]), 1 - axis
        across = (edge - a[axis]) / (b[axis] - a[axis])
        moved = [edge, edge]
        moved[other] = a[other] + across * (b[other] - a[other])
        ends[which] = moved


def samples(drawn: Any, most: int = 4000) -> Any:
    """Return places along segments ``(segments, 2, 2)``, half a pixel apart, or fewer if there would be too many."""
    a, along = drawn[:, 0], drawn[:, 1] - drawn[:, 0]
    lengths = np.hypot(*along.T)
    step = max(PIXEL / 2, lengths.sum() / most)
    numbers = 2 + (lengths / step).astype(int)
    segment = np.repeat(np.arange(len(drawn)), numbers)
    part = np.concatenate([np.empty(0), *(np.linspace(0, 1, number) for number in numbers)])
    return a[segment] + part[:, None] * along[segment]


def farthest(places: Any, drawn: Any) -> float:
    """Return the largest distance of a place to the nearest of some segments, in pixels."""
    if not len(places):
        return 0.0
    if not len(drawn):
        return math.inf
    a, along = drawn[:, 0], drawn[:, 1] - drawn[:, 0]
    length2 = np.maximum((along**2).sum(axis=1), 1e-30)
    worst = 0.0
    for few in np.array_split(places, len(places) // 500 + 1):
        part = np.clip(((few[:, None] - a) * along).sum(axis=2) / length2, 0, 1)
        away = np.hypot(*np.moveaxis(a + part[..., None] * along - few[:, None], 2, 0)).min(axis=1)
        worst = max(worst, float(away.max()))
    return worst / PIXEL


def inside(places: Any, frame: Any) -> Any:
    left, right, bottom, top = frame
    return places[(left <= places[:, 0]) & (places[:, 0] <= right) & (top <= places[:, 1]) & (places[:, 1] <= bottom)]


# -- the tests ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case_of", CASES, ids=lambda case_of: case_of.__name__)
def test_every_epoch_is_drawn_and_nothing_else(case_of: Any) -> None:
    results, problem, options = case_of()
    shown = options.pop("epochs_shown", None)
    request = FIGURES["paths"](**options, epochs=shown)
    data = request.data(results, problem)
    plots = plots_of(_render.rendered(request, data, "svg").content)
    labels = list(dict.fromkeys(run.label for run in results.runs))
    if data.columns:
        assert len(plots) == len(labels)
    window = data.plane.window
    for place, label in enumerate(labels):
        plot = plots[place if data.columns else 0]
        left, right, bottom, top = plot.frame
        unit = [(right - left) / (window[0][1] - window[0][0]), (bottom - top) / (window[1][1] - window[1][0])]
        color = _style.style(place).color
        wanted = []
        for run in results.of(label):
            path = run.trajectory.weights[:, :2]
            path = path[shown[0] - 1 : shown[1] + 1] if shown else path
            wanted.append(plot.in_points(moves(path, window, unit), window))
        way = np.concatenate(wanted)
        lines = plot.lines.get(color, np.empty((0, 2, 2)))
        assert farthest(samples(way), lines) < 0.5  # connected, without the help of arrows
        if not shown:  # else the other epochs are drawn too, pale
            assert farthest(inside(samples(lines), plot.frame), way) < 0.5
        arrows = samples(plot.arrows.get(color, np.empty((0, 2, 2))))
        assert farthest(inside(arrows, plot.frame), way) < 3.5


def test_arrows_of_single_epochs_are_the_moves() -> None:
    results, problem, _ = many_starts()
    request = FIGURES["paths"](algorithms=("a",))
    data = request.data(results, problem)
    (plot,) = plots_of(_render.rendered(request, data, "svg").content)
    assert data.paths[0].per_arrow == 1
    ends = [
        plot.in_points(np.stack([path[:-1], path[1:]], axis=1), data.plane.window)
        for path in (run.trajectory.weights for run in results.of("a"))
    ]
    drawn = plot.arrows[_style.style(0).color]
    np.testing.assert_allclose(drawn, np.concatenate(ends), atol=0.01)


@pytest.mark.parametrize("case_of", [long_then_tiny, crawl, many_starts], ids=lambda case_of: case_of.__name__)
def test_every_epoch_has_ink_in_the_image(case_of: Any) -> None:
    results, problem, _ = case_of()
    label = results.runs[0].label
    request = FIGURES["paths"](algorithms=(label,))
    data = request.data(results, problem)
    image = imread(io.BytesIO(_render.rendered(request, data, "png").content))[::-1, :, :3]
    axes = _render.drawn(request, data).axes[0]
    ink = (np.abs(image - np.zeros(3)) < 0.25).all(axis=2)  # the first algorithm is black
    near = ink.copy()
    for down in range(-3, 4):
        for right in range(-3, 4):
            if np.hypot(down, right) <= 3:
                near |= np.roll(ink, (down, right), (0, 1))
    for run in results.of(label):
        weights = run.trajectory.weights
        way = [np.linspace(a, b, 50) for a, b in itertools.pairwise(weights)]
        columns, rows = axes.transData.transform(np.concatenate(way)).astype(int).T
        assert near[rows, columns].mean() == 1.0


def test_legend_names_identical_paths_and_covered_ones() -> None:
    results, problem, _ = identical()
    outcomes = {path.label: path.outcome for path in FIGURES["paths"]().data(results, problem).paths}
    assert outcomes["a"] == "60 epochs"
    assert outcomes["b"] == "60 epochs, same path as a"
    assert outcomes["d"].endswith(", same path as c")
    assert not [label for label in "ace" if "path" in outcomes[label]]
