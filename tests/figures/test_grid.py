"""The layout of paths: all algorithms in one plot, or a grid of one plot per algorithm."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex

from bpviz.declare import FIGURES, OPTIMIZERS, PROBLEMS
from bpviz.experiment import runner
from bpviz.experiment.spec import Algorithm, Experiment
from bpviz.figures import _render, _style

STARTS = [(-4.0, 4.5), (-2.5, -3.0), (0.5, -4.5), (3.5, 4.0), (4.5, -0.5), (4.5, -0.5)]


def drawn(algorithms: int, starts: Any = ((-4.0, 4.5),), **options: Any) -> tuple[Any, Any, Any]:
    """Return the data, the figure and the artists of the paths of gradient descent with several steps."""
    rules = tuple(Algorithm(f"step {i}", OPTIMIZERS["gd"](step=0.002 * 1.2**i)) for i in range(algorithms))
    problem = PROBLEMS["himmelblau"]()
    results = runner.run(Experiment("test", "test", problem, tuple(dict.fromkeys(starts)), None, 30, rules, ()))
    request = FIGURES["paths"](**options)
    data = request.data(results, problem)
    artists: list[Any] = []
    draw = type(request).draw
    figure = _render.drawn(_Listening(request, artists, draw), data)
    figure.draw_without_rendering()
    return data, figure, artists[0]


class _Listening:
    """A request that keeps the artists that it draws."""

    def __init__(self, request: Any, artists: list[Any], draw: Any) -> None:
        self.draw = lambda figure, data: artists.append(draw(request, figure, data))


@pytest.mark.parametrize(
    ("algorithms", "layout", "plots"), [(6, None, 1), (7, None, 7), (7, "overlay", 1), (2, "grid", 2)]
)
def test_seven_algorithms_have_a_plot_each(algorithms: int, layout: str | None, plots: int) -> None:
    data, figure, _ = drawn(algorithms, layout=layout)
    assert len(data.panels) == plots
    assert len(figure.axes) == plots + 1  # and one color bar


@pytest.mark.parametrize("algorithms", [7, 12, 20])
def test_plots_of_a_grid_share_their_window_and_do_not_overlap(algorithms: int) -> None:
    data, figure, artists = drawn(algorithms)
    *plots, bar = figure.axes
    assert bar is artists.bar
    assert {(plot.get_xlim(), plot.get_ylim()) for plot in plots} == {data.plane.window}
    assert {tuple(np.round(plot.bbox.size, 6)) for plot in plots} == {tuple(np.round(plots[0].bbox.size, 6))}
    boxes = [plot.get_tightbbox() for plot in figure.axes] + [text.get_window_extent() for text in figure.texts]
    for one, other in itertools.combinations(boxes, 2):
        across, up = min(one.x1, other.x1) - max(one.x0, other.x0), min(one.y1, other.y1) - max(one.y0, other.y0)
        assert min(across, up) < 2
    for place, panel in enumerate(artists.panels):
        color = _style.style(place).color
        assert to_hex(panel.arrows[0].get_facecolor()[0]) == panel.lines[0].get_color() == color


def test_plots_of_a_grid_are_titled_with_label_and_outcome() -> None:
    data, figure, _ = drawn(7)
    shown = [text.get_text().replace("\n", " ") for text in figure.texts]
    for path in data.paths:
        epochs, *remarks = path.outcome.split(", ")
        arrows = [f"{path.per_arrow} per arrow"] if path.per_arrow > 1 else []
        assert path.label in shown
        assert ", ".join([epochs, *arrows, *remarks]) in shown
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["Start", "Lowest minimum"]


def test_ends_are_above_minima_and_minima_above_starts() -> None:
    _, _, artists = drawn(2)
    minima = [line.get_zorder() for line in artists.plane.minima]
    lines = [line.get_zorder() for line in artists.lines]
    assert artists.starts.get_zorder() < min(minima)
    assert max(minima) < min(lines)  # a path is visible to its end
    assert max(lines) < min(end.get_zorder() for end in artists.ends)


def test_many_starts_are_small_and_numbered() -> None:
    _, few, artists = drawn(1, STARTS[:4])
    data, many, others = drawn(1, STARTS)
    assert others.starts.get_markersize() < artists.starts.get_markersize()
    axes = few.axes[0], many.axes[0]
    assert [[text.get_text() for text in each.texts] for each in axes] == [[], ["1", "2", "3", "4", "5"]]
    for text, start in zip(axes[1].texts, data.panels[0].starts, strict=True):
        away = axes[1].transData.transform(start) - axes[1].transData.transform(text.get_position())
        assert np.hypot(*away) < 30  # pixels
    assert "Start (with its number in history.csv)" in [text.get_text() for text in many.legends[0].get_texts()]


def test_arrows_are_thin_where_they_cover_much() -> None:
    _, _, few = drawn(1)
    _, _, many = drawn(6, [(x, y) for x in range(-4, 5, 2) for y in range(-4, 5, 2)])
    assert many.arrows[0].width < 0.7 * few.arrows[0].width
    assert many.lines[0].get_linewidth() >= 1.0  # a line of two pixels keeps its color


def test_paths_of_the_same_color_have_dashes_and_markers() -> None:
    _, figure, artists = drawn(9, layout="overlay")
    first, eighth = artists.lines[0], artists.lines[7]
    assert first.get_color() == eighth.get_color()
    marked = [line for line in figure.axes[0].lines if line.get_zorder() > eighth.get_zorder()]
    dashes = [line for line in marked if line.is_dashed() and len(line.get_xdata()) == len(eighth.get_xdata())]
    assert dashes
    assert [line for line in marked if line.get_marker() == _style.style(7).marker and line.get_linestyle() == "None"]


def test_covered_paths_are_wider_than_the_path_above() -> None:
    rules = tuple(Algorithm(label, OPTIMIZERS["gd"](step=0.004)) for label in "abc")
    problem = PROBLEMS["himmelblau"]()
    results = runner.run(Experiment("test", "test", problem, (problem.start,), None, 20, rules, ()))
    data = FIGURES["paths"]().data(results, problem)
    (panel,) = data.panels
    assert sorted(panel.above) == [0, 1, 2]
    assert [panel.above[i] for i in panel.order] == [2, 1, 0]
    assert [path.outcome for path in data.paths] == ["20 epochs", *["20 epochs, same path as a"] * 2]


def test_start_is_visible_below_covered_paths() -> None:
    problem = PROBLEMS["himmelblau"]()
    rules = tuple(Algorithm(label, OPTIMIZERS["gd"](step=0.004)) for label in "abcd")
    results = runner.run(Experiment("test", "test", problem, (problem.start,), None, 20, rules, ()))
    request, artists = FIGURES["paths"](), []
    figure = _render.drawn(_Listening(request, artists, type(request).draw), request.data(results, problem))
    widest = max(line.get_linewidth() for line in artists[0].lines)
    start = artists[0].starts
    assert start.get_markersize() - start.get_markeredgewidth() > widest
    assert figure.axes


def test_tracks_of_the_same_color_have_dashes_in_3d() -> None:
    rules = tuple(Algorithm(f"step {i}", OPTIMIZERS["gd"](step=0.002 * 1.2**i)) for i in range(9))
    problem = PROBLEMS["himmelblau"]()
    results = runner.run(Experiment("test", "test", problem, (problem.start,), None, 30, rules, ()))
    request, artists = FIGURES["surface"](), []
    figure = _render.drawn(_Listening(request, artists, type(request).draw), request.data(results, problem))
    tracks = artists[0].tracks
    assert to_hex(tracks[0].get_color()) == to_hex(tracks[7].get_color())
    (legend,) = figure.legends
    for shown in (tracks, legend.get_lines()):
        assert [line.is_dashed() for line in shown[:9]] == [False] * 7 + [True] * 2
