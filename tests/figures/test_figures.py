"""Figures show the results, are legible, and have the same bytes everywhere.

Tests read the values back from matplotlib's artists, not from pixels.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import io
import itertools
import locale
import os
import re
import subprocess
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.text import Text

from bpviz import declare, landscape
from bpviz.config import Algorithm, Experiment
from bpviz.declare import FIGURES, KINDS, OPTIMIZERS, PROBLEMS
from bpviz.declare.domains import FileName
from bpviz.engine.results import Ending, Results, Run, Trajectory
from bpviz.experiment import runner
from bpviz.figures import _render, _style, _ticks
from bpviz.figures._base import outcome, slug
from bpviz.figures._colors import MARKERS
from bpviz.figures._style import Look
from bpviz.figures._themes import THEMES
from bpviz.landscape.levels import levels_of
from bpviz.problems.datasets import Dataset
from bpviz.problems.perceptron import Perceptron

HOME = Path(__file__).parents[2]

PUBLISHED = (
    Algorithm("Gradient descent", OPTIMIZERS["gd"](step=0.3)),
    Algorithm("Momentum", OPTIMIZERS["momentum"](step=0.3, momentum=0.9)),
    Algorithm("RPROP", OPTIMIZERS["rprop"](step=0.1)),
    Algorithm("iRPROP+", OPTIMIZERS["irprop+"](step=0.1)),
    Algorithm("Gradient descent + golden search", OPTIMIZERS["golden"](tolerance=0.1)),
    Algorithm("Newton's method", OPTIMIZERS["newton"]()),
)
HARD_LABELS = (
    "An algorithm whose label takes all of the sixty characters!!!",
    "$x$ and \\frac{1}{2} $",
    "_leading_underscore",
    "iRPROP−",
    "Ελληνικά β₁",
    "日本語のラベル",
    "<b>&amp;",
)


def run(algorithms: tuple[Algorithm, ...], problem: Any, starts: Any, threshold: float | None, limit: int) -> Results:
    return runner.run(Experiment("test", "test", problem, tuple(starts), threshold, limit, algorithms, ()))


@pytest.fixture(scope="module")
def problem() -> Perceptron:
    return Perceptron()


@pytest.fixture(scope="module")
def results(problem: Perceptron) -> Results:
    return run(PUBLISHED, problem, [(-4.0, -4.0)], 0.125, 1000)


def results_of(*paths: Any, ending: Ending = Ending.EXHAUSTED, threshold: float | None = 0.125) -> Results:
    """Return results with these weights ``(epochs + 1, params)``, one algorithm per path, labeled a, b, ..."""
    runs = []
    for label, weights in zip("abcdefghijkl", map(np.asarray, paths), strict=False):
        errors = np.linspace(0.5, 0.2, len(weights))
        counts = np.zeros((len(weights), len(KINDS)), np.int64)
        trajectory = Trajectory(weights.astype(float), errors, counts, ending)
        runs.append(Run("gd", label, {}, tuple(weights[0].tolist()), trajectory))
    return Results("synthetic", ("w1", "w2", "b")[: len(runs[0].start)], threshold, runs)


LOOK = Look()


class Drawn:
    """A figure that was drawn but not saved."""

    def __init__(self, request: Any, results: Results, problem: Any, laid_out: bool = True, look: Look = LOOK) -> None:
        with _style.using(look), _render._settings_of(look):
            self.data = request.data(results, problem)
            self.figure = _render.BpvizFigure(look.size)
            FigureCanvasAgg(self.figure)
            self.artists = request.draw(self.figure, self.data)
            if laid_out:
                self.figure.draw_without_rendering()

    @property
    def texts(self) -> list[Text]:
        """The visible texts, without the tick labels that axes keep beyond their limits."""
        hidden = {
            label
            for axes in self.figure.axes
            for axis in (axes.xaxis, axes.yaxis, getattr(axes, "zaxis", axes.xaxis))
            for low, high in [sorted(axis.get_view_interval())]
            for tick in axis.get_major_ticks()
            if not low <= tick.get_loc() <= high
            for label in (tick.label1, tick.label2)
        }
        texts = [text for text in self.figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
        return [text for text in texts if text not in hidden]

    @property
    def words(self) -> list[str]:
        return [text.get_text().replace("\n", " ") for text in self.texts]

    @property
    def legend(self) -> list[str]:
        return [text.get_text().replace("\n", " ") for text in self.figure.legends[0].get_texts()]


def draw(kind: str, results: Results, problem: Any, **options: Any) -> Drawn:
    return Drawn(FIGURES[kind](**options), results, problem)


ONE_WEIGHT = Perceptron(dataset=Dataset("one", ((1.0,), (2.0,), (-1.0,)), (0.0, 1.0, 0.0), ("a",)))


def fitting(kind: str, results: Results, problem: Any) -> tuple[Results, Any]:
    """Return results and a problem that a kind can show: the given ones, or results on a problem with one weight."""
    if not FIGURES[kind]().invalid_options(problem, []):
        return results, problem
    return run(PUBLISHED, ONE_WEIGHT, [(-4.0,)], 0.125, 50), ONE_WEIGHT


def file_of(kind: str, results: Results, problem: Any, format: str) -> bytes:
    figure = FIGURES[kind]()
    return _render.rendered(figure, figure.data(results, problem), format).content


ON_REQUEST = {"network"}  # kinds without default figures
every_kind = pytest.mark.parametrize("kind", list(FIGURES))


# -- every kind --------------------------------------------------------------------------------------------------------


FORMATS = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}


@pytest.mark.parametrize(
    ("kind", "format"), sorted({*zip(FIGURES, itertools.cycle(FORMATS)), *(("paths", format) for format in FORMATS)})
)
def test_files_have_their_format_and_no_date(kind: str, format: str, results: Results, problem: Perceptron) -> None:
    file = file_of(kind, *fitting(kind, results, problem), format)
    assert file.startswith(FORMATS[format])
    assert not [word for word in (b"Date", b"dc:date", b"atplotlib v", b"matplotlib.org") if word in file]


@every_kind
def test_title_option_sets_the_title(kind: str, results: Results, problem: Perceptron) -> None:
    assert "My title, $_5" in draw(kind, *fitting(kind, results, problem), title="My title, $_5").words


@every_kind
def test_default_figures_have_different_file_names(kind: str, results: Results, problem: Perceptron) -> None:
    labels = [algorithm.label for algorithm in PUBLISHED]
    names = [request.file_name() for request in FIGURES[kind].defaults(fitting(kind, results, problem)[1], labels)]
    assert bool(names) == (kind not in ON_REQUEST)
    assert len({*names}) == len(names)
    assert not [complaint for name in names if (complaint := FileName().complaint(name))]


@every_kind
def test_every_option_has_a_meaning_and_a_valid_default(kind: str) -> None:
    assert FIGURES[kind].__doc__
    for field in declare.fields(FIGURES[kind]).values():
        assert field.complaint(field.default) is None
        assert field.meaning


@pytest.mark.slow
@every_kind
def test_figures_are_garbage_collected(kind: str, results: Results, problem: Perceptron) -> None:
    drawn = draw(kind, *fitting(kind, results, problem))
    figure = weakref.ref(drawn.figure)
    del drawn
    gc.collect()
    assert figure() is None


@every_kind
def test_user_settings_are_restored(kind: str, results: Results, problem: Perceptron) -> None:
    with mpl.rc_context({"lines.linewidth": 7.0}):
        before = dict(mpl.rcParams)
        file_of(kind, *fitting(kind, results, problem), "png")
        assert dict(mpl.rcParams) == before


# -- legible -----------------------------------------------------------------------------------------------------------


def hard_cases() -> Iterator[tuple[str, Results, Any]]:
    """Yield results that are hard to draw, each with its problem."""
    six = Perceptron()
    gd, step = OPTIMIZERS["gd"], OPTIMIZERS["rprop"]
    many = tuple(Algorithm(label, step(step=0.01 * (i + 5))) for i, label in enumerate(HARD_LABELS))
    many += tuple(Algorithm(f"{i}", gd(step=float(i))) for i in range(5, 10))
    yield "twelve algorithms with hard labels", run(many, six, [(-4.0, -4.0)], 0.125, 1000), six
    capitals = "MAXIMUM MOMENTUM WITHOUT ANY MERCY, WRITTEN IN WIDE CAPITALS ALONE, WHICH ARE MUCH WIDER THAN MOST"
    wide = (Algorithm(capitals, gd(step=0.1)),)
    yield "wide letters", run(wide, six, [(-4.0, -4.0)], 0.125, 1000), six
    yield "several starts", run(PUBLISHED, six, [(-4.0, -4.0), (5.0, 5.0), (-3.0, 2.0)], 0.125, 50), six
    yield "no epochs", run(PUBLISHED, six, [(3.0, -5.0)], 0.125, 10), six
    wild = (Algorithm("wild", gd(step=9.0)), Algorithm("calm", gd(step=0.5)))
    line = Perceptron(activation="linear")
    yield "divergence", run(wild, line, [(-4.0, -4.0)], 0.3, 1000), line
    yield "a large step", run((Algorithm("leap", gd(step=1e6)),), six, [(-4.0, -4.0)], 0.125, 20), six
    bias = Perceptron(bias=True, loss="cross-entropy")
    yield "three weights", run(PUBLISHED, bias, [(-4.0, -4.0, 1.0)], 0.3, 500), bias
    flat = Perceptron(dataset=Dataset("flat", ((0.0, 0.0),), (0.5,), ("a", "b")))
    yield "zero gradient", run(PUBLISHED, flat, [(-4.0, -4.0)], None, 3), flat
    yield "one weight", run(PUBLISHED, ONE_WEIGHT, [(-4.0,), (5.0,)], 0.125, 300), ONE_WEIGHT
    yield "huge weights", results_of([[-4, -4], [1e300, -1e300], [2, 1], [-1e308, 1e308], [0, 0]]), six
    yield "non-finite weights", results_of([[-4, -4], [2, 1], [np.nan, np.inf]], ending=Ending.DIVERGED), six
    far = results_of([[2e5, 2e5], [2e5 + 1, 2e5]], [[2e5, 2e5], [2e5, 2e5 + 3]])
    yield "far away", far, six
    yield "huge starts", results_of([[1e308, -1e308], [1, 1]], [[-1e308, 1e308], [2, 1]]), six
    rules = (Algorithm("gd", gd(step=1e-3)), Algorithm("Newton", OPTIMIZERS["newton"]()))
    for name in ("brown-badly-scaled", "bukin", "freudenstein-roth", "six-hump-camel", "monkey-saddle"):
        f = PROBLEMS[name]()
        yield name, run(rules, f, [f.start], f.threshold, 60), f
    beyond = PROBLEMS["mccormick"]()  # errors there are below that of every known minimum
    yield "beyond the domain", run((Algorithm("gd", gd(step=1.0)),), beyond, [beyond.start], None, 30), beyond


HARD = list(hard_cases())

# Kinds that show the problem more than the runs are drawn for every other case, and for all by `pytest -m slow`.


@pytest.mark.parametrize(
    ("kind", "results", "problem"),
    [
        pytest.param(kind, results, problem, id=f"{case}-{kind}", marks=[pytest.mark.slow] * (kind in seldom))
        for (case, results, problem), seldom in zip(HARD, itertools.cycle([("contour", "data"), ("surface",)]))
        for kind in FIGURES
        if not FIGURES[kind]().invalid_options(problem, [])
    ],
)
def test_hard_cases_are_legible(kind: str, results: Results, problem: Any) -> None:
    """No warnings, no text that is cut off or overlaps other text, no legend over the axes."""
    drawn = _drawn_despite_missing_glyphs(kind, results, problem)
    page = drawn.figure.bbox
    boxes = [(text.get_text(), text.get_window_extent()) for text in drawn.texts]
    cut = [words for words, box in boxes if box.x0 < 0 or box.y0 < 0 or box.x1 > page.x1 or box.y1 > page.y1]
    assert not cut
    legend = drawn.figure.legends[0].get_window_extent() if drawn.figure.legends else None
    grid = kind == "paths" and drawn.data.columns
    assert drawn.figure.axes[0].bbox.width > (150 if grid else 300)
    for axes in drawn.figure.axes:
        if legend and axes.name != "3d":
            labels = axes.xaxis.get_tightbbox()
            assert labels is None or legend.y1 <= labels.y0 + 1
    if kind != "surface":  # in 3D, tick labels of different axes may overlap at a corner
        overlapping = [(a, b) for (a, one), (b, two) in itertools.combinations(boxes, 2) if _overlap(one, two) > 2]
        assert not overlapping


def _drawn_despite_missing_glyphs(kind: str, results: Results, problem: Any, **options: Any) -> Drawn:
    import warnings

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
        return draw(kind, results, problem, **options)


def _overlap(one: Any, two: Any) -> float:
    """Return the overlap of two boxes in pixels, along x or y, whichever is smaller; 0 or less if there is none."""
    across = min(one.x1, two.x1) - max(one.x0, two.x0)
    up = min(one.y1, two.y1) - max(one.y0, two.y0)
    return float(min(across, up))


@pytest.mark.parametrize("kind", ["paths", "epochs"])
def test_missing_glyphs_raise_no_warning(kind: str) -> None:
    assert file_of(kind, *HARD[0][1:], "png")


def test_labels_are_shown_verbatim() -> None:
    drawn = _drawn_despite_missing_glyphs("paths", *HARD[0][1:], layout="overlay")
    for label in HARD_LABELS:
        assert any(text.startswith(f"{label} (") for text in drawn.legend)
    assert not any(text.get_parse_math() for text in drawn.texts)
    drawn = _drawn_despite_missing_glyphs("paths", *HARD[0][1:], layout="grid")
    shown = {text.get_text().replace("\n", "").replace(" ", "") for text in drawn.texts}
    assert {label.replace(" ", "") for label in HARD_LABELS} <= shown


# -- looks -------------------------------------------------------------------------------------------------------------


def test_looks_repeat_late_and_differ_in_more_than_color() -> None:
    looks = [style._replace(outline="") for style in map(_style.style, range(100))]
    assert len({*looks}) == len(looks)
    for size in (len(THEMES["light"].colors), len(MARKERS), len(_style.DASHES)):
        pairs = [(looks[i], looks[i + size]) for i in range(100 - size)]
        assert all(sum(a != b for a, b in zip(one, other, strict=True)) >= 2 for one, other in pairs)


def _lightness(color: str) -> float:
    """Return the CIE lightness L* of an sRGB color (IEC 61966-2-1, CIE 15), black 0 to white 100."""
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    y = 0.2126 * r + 0.7152 * g + 0.0722 * b
    return 116 * (y ** (1 / 3) if y > 216 / 24389 else (24389 / 27 * y + 16) / 116) - 16


every_theme = pytest.mark.parametrize("theme", THEMES)


@every_theme
def test_error_colors_are_monotone_in_lightness(theme: str) -> None:
    """Small errors look like the paper, large ones least."""
    for colors in (THEMES[theme].errors, THEMES[theme].slopes):
        steps = np.diff([abs(_lightness(color) - _lightness(THEMES[theme].paper)) for color in colors])
        assert (steps > 3).all()


@every_theme
def test_paths_contrast_with_contours_in_grayscale(theme: str) -> None:
    look = _style.Look(_style.Style(theme=theme))
    last = _lightness(look.theme.errors[-1])
    for place in range(len(look.colors)):
        style = look.algorithm(place)
        assert max(abs(_lightness(style.color) - last), abs(_lightness(style.outline) - last)) > 15
        assert abs(_lightness(style.color) - _lightness(style.outline)) > 30


@every_theme
def test_text_contrasts_with_the_paper(theme: str) -> None:
    assert abs(_lightness(THEMES[theme].ink) - _lightness(THEMES[theme].paper)) > 70


def test_algorithm_has_the_same_color_in_all_figures(results: Results, problem: Perceptron) -> None:
    some = ("RPROP", "newton")  # a label and a name
    expected = [THEMES["light"].colors[2], THEMES["light"].colors[5]]
    paths = draw("paths", results, problem, algorithms=some).artists
    assert [to_hex(arrows.get_facecolor()[0]) for arrows in paths.arrows] == expected
    assert [to_hex(end.get_color()) for end in paths.ends] == expected
    errors = draw("errors", results, problem, algorithms=some).artists
    assert [to_hex(curve.get_color()) for curve in errors.curves] == expected
    bars = draw("epochs", results, problem, algorithms=some).artists
    assert [to_hex(bar.get_facecolor()) for bar in bars.epochs] == expected
    surface = draw("surface", results, problem, algorithms=some).artists
    assert [to_hex(track.get_color()) for track in surface.tracks] == expected


# -- paths -------------------------------------------------------------------------------------------------------------


def arrows_of(drawn: Drawn, number: int = 0) -> tuple[Any, Any]:
    """Return the tails and tips of matplotlib's arrows."""
    arrows = drawn.artists.arrows[number]
    assert (arrows.angles, arrows.scale_units, arrows.scale, arrows.pivot) == ("xy", "xy", 1, "tail")
    tails = np.column_stack([arrows.X, arrows.Y])
    return tails, tails + np.column_stack([arrows.U, arrows.V])


@pytest.mark.parametrize("label", ["RPROP", "iRPROP+", "Gradient descent + golden search", "Newton's method"])
def test_arrows_connect_consecutive_epochs(results: Results, problem: Perceptron, label: str) -> None:
    drawn = draw("paths", results, problem, algorithms=[label])
    weights = results.of(label)[0].trajectory.weights
    tails, tips = arrows_of(drawn)
    np.testing.assert_array_equal(tails, weights[:-1])
    np.testing.assert_allclose(tips, weights[1:], atol=1e-15)
    assert drawn.artists.starts.get_xydata().tolist() == [[-4, -4]]
    assert drawn.artists.ends[0].get_xydata().tolist() == [weights[-1].tolist()]


def test_arrow_heads_end_at_the_next_weights(results: Results, problem: Perceptron) -> None:
    drawn = draw("paths", results, problem, algorithms=["rprop"], epochs=[1, 11])
    arrows, axes = drawn.artists.arrows[0], drawn.artists.plane.axes
    tips = axes.transData.transform(results.of("RPROP")[0].trajectory.weights[1:12])
    outlines = arrows.get_transform().transform(np.concatenate([path.vertices for path in arrows.get_paths()]))
    origin = arrows.get_transform().transform([(0.0, 0.0)])
    tails = axes.transData.transform(arrows.get_offsets())
    corners = (outlines - origin).reshape(11, -1, 2) + tails[:, None]
    assert np.abs(corners - tips[:, None]).max(axis=2).min(axis=1).max() < 0.01  # pixels


@pytest.mark.parametrize(("label", "every"), [("Gradient descent", 50), ("Momentum", 5)])
def test_one_arrow_per_several_short_epochs(results: Results, problem: Perceptron, label: str, every: int) -> None:
    drawn = draw("paths", results, problem, algorithms=[label])
    weights = results.of(label)[0].trajectory.weights
    shown = [*range(0, len(weights) - 1, every), len(weights) - 1]
    tails, tips = arrows_of(drawn)
    np.testing.assert_array_equal(tails, weights[shown[:-1]])
    np.testing.assert_allclose(tips, weights[shown[1:]], atol=1e-15)
    assert f"one arrow per {every} epochs" in drawn.words
    line = drawn.artists.lines[0].get_xydata()
    pixel = (drawn.artists.plane.axes.get_xlim()[1] - drawn.artists.plane.axes.get_xlim()[0]) / 600
    away = landscape.distances(weights, line[:-1], line[1:]).min(axis=1)
    assert away.max() < 0.3 * pixel  # every epoch is on the line


def test_close_up_shows_single_epochs_across_contours(results: Results, problem: Perceptron) -> None:
    drawn = draw("paths", results, problem, algorithms=["gd"], x=[-1.4, -0.9], y=[-2.9, -2.4])
    weights = results.of("Gradient descent")[0].trajectory.weights
    tails, tips = arrows_of(drawn)
    inside = (np.abs(tails + 0) <= 10).all(axis=1) & (tails[:, 0] > -1.4) & (tips[:, 0] < -0.9)
    assert inside.sum() > 25
    rows = np.searchsorted(weights[:, 0], tails[inside, 0])
    np.testing.assert_array_equal(tails[inside], weights[rows])
    np.testing.assert_allclose(tips[inside], weights[rows + 1], atol=1e-15)
    gradient = problem.at(np.asfortranarray(tails[inside])).gradient()
    along = (tips - tails)[inside]
    cosine = -(gradient * along).sum(axis=1) / np.linalg.norm(gradient, axis=1) / np.linalg.norm(along, axis=1)
    assert cosine.min() > 0.999999
    axes = drawn.artists.plane.axes
    assert (axes.get_xlim(), axes.get_ylim()) == ((-1.4, -0.9), (-2.9, -2.4))
    box = axes.bbox
    assert box.width == pytest.approx(box.height)  # equal scales preserve right angles


@pytest.mark.parametrize(("algorithm", "first", "last"), [("rprop", 1, 11), ("rprop", 11, 14), ("irprop+", 12, 17)])
def test_epoch_numbers_are_next_to_their_arrows(
    results: Results, problem: Perceptron, algorithm: str, first: int, last: int
) -> None:
    drawn = draw("paths", results, problem, algorithms=[algorithm], epochs=[first, last], number_epochs=True)
    tails, tips = arrows_of(drawn)
    assert len(tails) == last - first + 1
    numbers = {int(text.get_text()): text.get_window_extent() for text in drawn.artists.numbers}
    assert sorted(numbers) == list(range(first, last + 1))
    to_pixels = drawn.artists.plane.axes.transData.transform
    points = np.linspace(to_pixels(tails), to_pixels(tips), 200)  # (200, arrows, 2), along every arrow
    assert not any(_crossed(box, drawn) for box in numbers.values())
    middles = np.array([(box.x0 + box.x1, box.y0 + box.y1) for _, box in sorted(numbers.items())]) / 2
    away = np.linalg.norm(points[:, :, None] - middles, axis=3).min(axis=0)  # (arrows, numbers)
    assert away.argmin(axis=0).tolist() == list(range(len(numbers)))  # each number is closest to its own arrow
    for one, other in itertools.combinations(numbers.values(), 2):
        assert _overlap(one, other) <= 0


def test_epoch_numbers_without_space_are_omitted(problem: Perceptron) -> None:
    turns = np.array([[np.cos(i), np.sin(i)] for i in range(200)])
    drawn = draw("paths", results_of(turns), problem, number_epochs=True)
    boxes = [text.get_window_extent() for text in drawn.artists.numbers]
    assert 0 < len(boxes) < 200
    assert not [1 for one, other in itertools.combinations(boxes, 2) if _overlap(one, other) > 0]
    assert not any(_crossed(box, drawn) for box in boxes)


def test_epoch_numbers_do_not_cover_the_threshold(results: Results, problem: Perceptron) -> None:
    drawn = draw("paths", results, problem, algorithms=["rprop", "irprop+"], epochs=[10, 20], number_epochs=True)
    plane = drawn.artists.plane
    contour = plane.axes.transData.transform(np.concatenate([p.vertices for p in plane.threshold.get_paths()]))
    label = plane.threshold.labelTexts[0].get_window_extent()
    for number in drawn.artists.numbers:
        box = number.get_window_extent()
        assert not box.count_contains(contour)
        assert _overlap(box, label) <= 0
    assert len(drawn.artists.numbers) > 10


def _crossed(box: Any, drawn: Drawn) -> bool:
    """Return whether an arrow crosses a box, in pixels."""
    to_pixels = drawn.artists.plane.axes.transData.transform
    ends = [arrows_of(drawn, number) for number in range(len(drawn.artists.arrows))]
    points = [np.linspace(to_pixels(tails), to_pixels(tips), 300).reshape(-1, 2) for tails, tips in ends]
    x, y = np.concatenate(points).T
    return bool(((box.x0 < x) & (x < box.x1) & (box.y0 < y) & (y < box.y1)).any())


def test_default_window_is_used_if_it_contains_the_path(results: Results, problem: Perceptron) -> None:
    axes = draw("paths", results, problem, algorithms=["RPROP"]).artists.plane.axes
    assert (axes.get_xlim(), axes.get_ylim()) == ((-6, 6), (-6, 6))


def test_window_contains_the_end_of_golden_search(results: Results, problem: Perceptron) -> None:
    axes = draw("paths", results, problem, algorithms=["golden"]).artists.plane.axes
    low, high = axes.get_ylim()
    assert low < -6.5
    assert high > -1
    assert axes.get_xlim()[1] - axes.get_xlim()[0] == pytest.approx(high - low)


@pytest.mark.parametrize(
    ("window", "tails", "tips"),
    [
        (((-1, 1), (-1, 1)), [[0.0, 0.5]], [[0.25, -0.5]]),  # inside: unchanged
        (((-1, 1), (-1, 1)), [[0.0, 0.0]], [[6.0, 3.0]]),  # outside, but not far
        (((-1, 1), (-1, 1)), [[0.5, 0.5]], [[0.5, 0.5]]),  # zero length
    ],
)
def test_near_arrows_are_not_clipped(window: Any, tails: list[list[float]], tips: list[list[float]]) -> None:
    a, b, seen = landscape.clipped(np.array(tails), np.array(tips), window)
    assert (a.tolist(), b.tolist(), seen.tolist()) == (tails, tips, [True])


def test_far_arrows_are_clipped_along_their_direction() -> None:
    tails = np.array([[0.0, 0.0], [-1e300, -1e300], [-4e3, 0.5], [50.0, 0.0], [0.0, 0.0], [1e308, 0.0]])
    tips = np.array([[3e200, 1e200], [0.5, 0.5], [4e3, 0.5], [60.0, 9.0], [np.nan, 0.0], [-1e308, 0.0]])
    a, b, seen = landscape.clipped(tails, tips, ((-1.0, 1.0), (-1.0, 1.0)))
    assert seen.tolist() == [True, True, True, False, False, False]
    np.testing.assert_allclose(
        a, [[0, 0], [-7, -7], [-7, 0.5]], atol=1e-12
    )  # the window plus three times its size on each side
    np.testing.assert_allclose(b, [[7, 7 / 3], [0.5, 0.5], [7, 0.5]], atol=1e-12)


def test_legend_marks_runs_that_leave_the_plot(problem: Perceptron) -> None:
    leap = run((Algorithm("leap", OPTIMIZERS["gd"](step=1e6)),), problem, [(-4.0, -4.0)], 0.125, 20)
    drawn = draw("paths", leap, problem)
    assert drawn.legend[0] == "leap (20 epochs, reached max_epochs, leaves the plot)"
    tails, tips = arrows_of(drawn)
    assert tails[0].tolist() == [-4, -4]
    assert np.abs(tips[0]).max() > 6  # outside the window, in the direction of the step
    step = leap.runs[0].trajectory.weights[1] + 4
    assert np.cross(np.append(tips[0] + 4, 0), np.append(step, 0))[2] == pytest.approx(0, abs=1e-6 * np.abs(step).max())


def test_diverged_runs_do_not_extend_the_window() -> None:
    results = results_of([[-4, -4], [700, 0], [np.nan, 0]], [[-4, -4], [1, 1]])
    results.runs[1].trajectory.__dict__["ending"] = Ending.REACHED
    results.runs[0].trajectory.__dict__["ending"] = Ending.DIVERGED
    assert landscape.window_of(Perceptron(), results.runs, (0, 1)) == ((-6, 6), (-6, 6))
    assert landscape.window_of(Perceptron(), results.runs[:1], (0, 1)) == ((-6, 6), (-6, 6))


def test_runs_from_several_starts_share_one_legend_entry(problem: Perceptron) -> None:
    results = run(PUBLISHED[2:4], problem, [(-4.0, -4.0), (5.0, 5.0), (-3.0, 2.0)], 0.125, 1000)
    drawn = draw("paths", results, problem)
    epochs = sorted(run.trajectory.epochs for run in results.of("RPROP"))
    assert drawn.legend[0] == f"RPROP ({epochs[0]} to {epochs[-1]} epochs)"
    assert len(drawn.artists.starts.get_xydata()) == 3  # the same for both algorithms
    assert len(drawn.artists.ends[0].get_xydata()) == 3


def test_legend_and_note(results: Results, problem: Perceptron) -> None:
    drawn = draw("paths", results, problem)
    assert drawn.legend == [
        "Gradient descent (797 epochs)",
        "Momentum (92 epochs)",
        "RPROP (20 epochs)",
        "iRPROP+ (17 epochs)",
        "Gradient descent + golden search (2 epochs)",
        "Newton's method (3 epochs)",
        "Start",
        "Threshold (error = 0.125)",
    ]
    assert "Paths of 6 algorithms" in drawn.words
    assert "one arrow per epoch (Gradient descent: one per 20 epochs, Momentum: one per 2)" in drawn.words


# -- contour -----------------------------------------------------------------------------------------------------------


def test_contour_has_the_axes_and_levels_of_the_article(results: Results, problem: Perceptron) -> None:
    drawn = draw("contour", results, problem)
    axes = drawn.artists.axes
    assert (axes.get_xlabel(), axes.get_ylabel(), drawn.artists.bar.get_ylabel()) == (
        "First weight",
        "Second weight",
        "Error",
    )
    assert (axes.get_xlim(), axes.get_ylim()) == ((-6, 6), (-6, 6))
    levels = drawn.artists.filled.levels
    assert len(levels) == 21
    np.testing.assert_allclose(levels[1:] / levels[:-1], levels[1] / levels[0])


def test_threshold_contour_is_where_the_error_equals_the_threshold(results: Results, problem: Perceptron) -> None:
    artists = draw("contour", results, problem).artists
    places = np.concatenate([path.vertices for path in artists.threshold.get_paths()])
    assert len(places) > 50
    np.testing.assert_allclose(problem.at(np.asfortranarray(places)).error(), 0.125, rtol=2e-3)
    assert [text.get_text() for text in artists.threshold.labelTexts] == ["0.125"]


@pytest.mark.parametrize("algorithms", [None, ("golden",), ("irprop+",)])
def test_threshold_label_does_not_cover_arrows(results: Results, problem: Perceptron, algorithms: Any) -> None:
    drawn = draw("paths", results, problem, algorithms=algorithms)
    plane = drawn.artists.plane
    (label,) = plane.threshold.labelTexts
    assert not _crossed(label.get_window_extent(), drawn)


def test_threshold_label_avoids_a_path_along_the_contour(results: Results, problem: Perceptron) -> None:
    contour = draw("contour", results, problem).artists.threshold.get_paths()[0].vertices
    along = contour[: 2 * len(contour) // 3 : 6]  # a path along most of the contour
    for path in (along, contour[len(contour) // 3 :: 6]):
        drawn = draw("paths", results_of(path), problem, x=[-6, 6], y=[-6, 6])
        (label,) = drawn.artists.plane.threshold.labelTexts
        assert not _crossed(label.get_window_extent(), drawn)


@pytest.mark.parametrize(
    ("error", "edges", "logarithmic"),
    [
        ([1.0, 2.0], [1, 1.25, 1.5, 1.75, 2], False),  # less than a factor of three: linear levels
        ([1.0, 16.0], [1, 2, 4, 8, 16], True),
        ([0.0, 0.0, 1.0], [1e-10, 10**-7.5, 1e-5, 10**-2.5, 1], True),  # ten decades at most
        ([-1.0, 3.0], [-1, 0, 1, 2, 3], False),
        ([2.0, 2.0], [1.9, 1.95, 2, 2.05, 2.1], False),  # constant
        ([0.0, 0.0], [-1, -0.5, 0, 0.5, 1], False),
        ([np.nan, np.nan], [0, 0.25, 0.5, 0.75, 1], False),
        ([np.nan, 4.0, 64.0], [4, 8, 16, 32, 64], True),
    ],
)
def testlevels_of(error: list[float], edges: list[float], logarithmic: bool) -> None:
    found, is_logarithmic = levels_of(np.array([error]), 4)
    np.testing.assert_allclose(found, edges)
    assert is_logarithmic is logarithmic


def test_deep_narrow_minimum_gets_one_level() -> None:
    """The lowest thousandth of a bowl over a square is x² + y² < 4/1000π; the other levels cover the rest."""
    x = np.linspace(-1, 1, 301)
    edges, logarithmic = levels_of(x**2 + x[:, None] ** 2, 20)
    assert logarithmic
    assert edges[0] == pytest.approx(4 / (1000 * np.pi), rel=0.05)
    assert edges[-1] == 2
    deep = 1 + 15 * (x**2 + x[:, None] ** 2) / 2  # not narrow: the lowest values rise at once
    assert levels_of(deep, 20)[0][[0, -1]].tolist() == [1, 16]


def test_other_weights_are_fixed_at_the_end_of_the_first_run() -> None:
    bias = Perceptron(bias=True)
    results = results_of([[0, 0, 0], [1, 2, 1.83456]], [[0, 0, 0], [3, 3, 3]])
    drawn = draw("contour", results, bias)
    assert "contour at b = 1.835 (the end of a)" in drawn.words
    x, y = drawn.data.x[[7, 90]], drawn.data.y[[20, 3]]
    expected = bias.at(np.asfortranarray(np.column_stack([x, y, [1.83456] * 2]))).error()
    np.testing.assert_array_equal(drawn.data.error[[20, 3], [7, 90]], expected)
    other = draw("paths", results, bias, weights=["b", "w2"])
    axes = other.artists.plane.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("b", "Second weight")
    assert "contour at w1 = 1 (the end of a)" in other.words
    assert arrows_of(other)[1].tolist() == [[1.83456, 2]]


@pytest.mark.parametrize(
    ("low", "high", "numbers"),
    [
        (0.088, 0.69, [0.1, 0.15, 0.2, 0.3, 0.5]),
        (0.9, 1200, [1, 10, 100, 1000]),
        (2e-9, 3e5, [1e-8, 1e-6, 1e-4, 0.01, 1, 100, 1e4]),
        (3e-3, 9e5, [0.01, 0.1, 1, 10, 100, 1000, 1e4, 1e5]),
        (0.121, 0.139, []),
    ],
)
def test_round_numbers(low: float, high: float, numbers: list[float]) -> None:
    found = _ticks.round_numbers(low, high)
    assert all(low <= number <= high for number in found)
    assert {*numbers} <= {*found}


# -- test functions ---------------------------------------------------------------------------------------------------

FUNCTIONS = [name for name in PROBLEMS if name != "perceptron"]


def on(
    name: str, *algorithms: Any, epochs: int = 30, threshold: Any = "default", **settings: Any
) -> tuple[Results, Any]:
    """Return the results of some algorithms on a test function from its start, and the function."""
    f = PROBLEMS[name](**settings)
    rules = [Algorithm(rule.name, rule) for rule in algorithms or (OPTIMIZERS["gd"](step=1e-5),)]
    threshold = f.threshold if threshold == "default" else threshold
    return run(tuple(rules), f, [f.start], threshold, epochs), f


@pytest.mark.slow
@pytest.mark.parametrize("name", FUNCTIONS)
def test_contours_of_test_functions(name: str) -> None:
    drawn = Drawn(FIGURES["contour"](), *on(name), laid_out=False)
    f, data, axes = PROBLEMS[name](), drawn.data, drawn.artists.axes
    assert (axes.get_xlim(), axes.get_ylim()) == f.window
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("x", "y")
    wide, high = np.ptp(f.window, axis=1)
    assert (axes.get_aspect() == 1.0) == (0.4 < high / wide < 2.5)
    lowest = min((minimum.error for minimum in f.minima), default=0.0)
    assert drawn.artists.bar.get_ylabel() == (f"Error above minimum ({lowest:.5g})" if lowest else "Error")
    at = np.asfortranarray(np.column_stack([data.x[[7, 90]], data.y[[20, 3]]]))
    above = np.clip(f.at(at).error() - lowest, data.levels[0], data.levels[-1])
    np.testing.assert_allclose(data.error[[20, 3], [7, 90]], above, rtol=0 if len(data.x) < 481 else 1e-3)
    bands = np.histogram(data.error, data.levels)[0] / data.error.size
    assert (bands > 5e-4).sum() >= 12  # most levels are visible
    assert data.logarithmic is bool(f.minima)
    stars = [star.get_xydata().tolist() for star in drawn.artists.minima]
    assert stars[0] == [list(minimum.at) for minimum in f.minima if minimum.error == lowest]
    assert sorted([*stars[0], *stars[1]]) == sorted(list(minimum.at) for minimum in f.minima)
    named = {0: [], 1: ["Lowest minimum"]}.get(len(stars[0]), ["Lowest minima"])
    named += {0: [], 1: ["Other minimum"]}.get(len(stars[1]), ["Other minima"])
    assert (drawn.legend if named else drawn.figure.legends) == named


def test_invisible_threshold_is_not_in_the_legend() -> None:
    small, large = (draw("contour", *on("rosenbrock", threshold=threshold)) for threshold in (1e-6, 2.0))
    assert (small.data.threshold, small.artists.threshold) == (None, None)
    (label,) = large.artists.threshold.labelTexts
    assert label.get_text() == "2"
    tip = draw("contour", *on("matyas", threshold=1e-9))  # one grid point is below it
    assert (tip.data.error == tip.data.levels[0]).any()
    assert tip.artists.threshold is None


def test_threshold_is_relative_to_the_minimum_like_its_axis() -> None:
    """The lowest error of this function is -1.0316284534898774."""
    results, f = on("six-hump-camel", threshold=0.5316284534898774)
    drawn = draw("paths", results, f, x=[-2.2, 2.2], y=[-1.5, 1.5])
    assert "Threshold (error above minimum = 0.5316)" in drawn.legend
    threshold = drawn.artists.plane.threshold
    assert [text.get_text() for text in threshold.labelTexts] == ["0.5316"]
    places = np.concatenate([path.vertices for path in threshold.get_paths()])
    np.testing.assert_allclose(f.at(np.asfortranarray(places)).error(), -0.5, atol=0.01)
    near = draw("errors", *on("six-hump-camel", OPTIMIZERS["gd"](step=0.02), epochs=200))
    assert near.artists.threshold.get_ydata()[0] == pytest.approx(1e-6, rel=1e-6)
    assert "Threshold (error above minimum = 1e-6)" in near.legend


def test_axes_can_be_swapped() -> None:
    results, f = on("six-hump-camel")
    for kind, limits in (("contour", {}), ("paths", {"x": f.window[1], "y": f.window[0]})):
        drawn = draw(kind, results, f, weights=["y", "x"], **limits)
        plane = drawn.artists if kind == "contour" else drawn.artists.plane
        assert (plane.axes.get_xlabel(), plane.axes.get_xlim(), plane.axes.get_ylim()) == ("y", *f.window[::-1])
        (x, y), _ = plane.minima[0].get_xydata().tolist()
        assert (y, x) == f.minima[0].at


def test_epochs_per_arrow_depend_on_lengths_in_pixels() -> None:
    """One axis is half a million times as long as the other; moves along the short one are visible too."""
    up = np.column_stack([np.ones(21), np.linspace(-0.9, 1.4, 21)])
    across = np.column_stack([np.linspace(-1e5, 1e6, 21), np.ones(21)])
    drawn = draw("paths", results_of(up, across), PROBLEMS["brown-badly-scaled"]())
    assert [path.per_arrow for path in drawn.data.paths] == [1, 1]
    slow = draw("paths", results_of(up / 100), PROBLEMS["brown-badly-scaled"](), x=[-1, 1], y=[-1, 1.5])
    assert slow.data.paths[0].per_arrow > 1


def test_epoch_numbers_fit_in_windows_of_any_proportions() -> None:
    path = np.column_stack([np.linspace(-1e5, 1e6, 8), [1, 0.2, 1.2, -0.5, 1, 0, 1.3, -0.8]])
    drawn = draw("paths", results_of(path), PROBLEMS["brown-badly-scaled"](), number_epochs=True)
    boxes = [text.get_window_extent() for text in drawn.artists.numbers]
    assert len(boxes) == 7
    assert not any(_crossed(box, drawn) for box in boxes)


def test_wide_window_makes_the_figure_lower() -> None:
    wide, square = (draw("contour", *on(name)) for name in ("freudenstein-roth", "booth"))
    assert square.figure.get_figheight() == THEMES["light"].size[1]
    assert wide.figure.get_figheight() < 4.5
    assert wide.artists.axes.bbox.width == pytest.approx(2 * wide.artists.axes.bbox.height, rel=1e-6)


def test_errors_below_the_known_minimum_are_not_relative_to_it() -> None:
    """Outside McCormick's domain the error is unbounded below, so errors are not relative to the minimum."""
    results, f = on("mccormick")
    drawn = draw("contour", results, f, x=[-12, 4], y=[-12, 4])
    assert drawn.data.error.min() < min(minimum.error for minimum in f.minima)
    assert (drawn.data.lowest, drawn.data.logarithmic) == (0, False)
    assert drawn.artists.bar.get_ylabel() == "Error"
    assert drawn.legend == ["Known minima"]


@pytest.mark.parametrize(("name", "steep"), [("rosenbrock", True), ("beale", True), ("rastrigin", False)])
def test_heights_are_errors_or_their_logarithms(name: str, steep: bool) -> None:
    results, f = on(name, OPTIMIZERS["gd"](step=1e-3))
    drawn = draw("surface", results, f, x=f.window[0], y=f.window[1])
    plane, low = drawn.data.plane, drawn.data.plane.levels[0]
    assert drawn.data.logarithmic is steep
    x, y, z = drawn.artists.tracks[0].get_data_3d()
    trajectory = results.runs[0].trajectory
    np.testing.assert_array_equal(np.column_stack([x, y]), trajectory.weights)
    above = trajectory.errors - plane.lowest
    np.testing.assert_array_equal(z, np.log10(np.maximum(above, low)) if steep else above)
    (axes,) = drawn.figure.axes
    if steep:
        ticks = {text.get_text(): place for text, place in zip(axes.get_zticklabels(), axes.get_zticks(), strict=True)}
        assert len(ticks) > 3
        assert all(float(text) == pytest.approx(10.0**place) for text, place in ticks.items())
    at = np.column_stack(drawn.artists.minima[0].get_data_3d())
    assert at[:, :2].tolist() == [list(minimum.at) for minimum in f.minima if minimum.error == plane.lowest]
    assert at[:, 2].tolist() == [np.log10(low) if steep else 0] * len(at)


@pytest.mark.parametrize("limits", [(1e6, 1e6 + 1e-3), (-1e6 - 1e-3, -1e6), (123456, 123457)])
def test_long_tick_labels_of_the_surface_do_not_overlap(limits: tuple[float, float]) -> None:
    results, f = on("booth")
    figure = draw("surface", results, f, x=list(limits), y=list(limits)).figure
    figure.draw_without_rendering()
    (axes,) = figure.axes
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        low, high = axis.get_view_interval()
        shown = [tick.label1.get_window_extent() for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
        assert not any(one.overlaps(other) for one, other in itertools.combinations(shown, 2))
        assert axis.get_offset_text().get_text() == ""


def test_errors_are_relative_to_the_minimum() -> None:
    results, f = on("styblinski-tang", OPTIMIZERS["gd"](step=0.01), OPTIMIZERS["newton"]())
    drawn = draw("errors", results, f)
    (axes,) = drawn.figure.axes
    assert (axes.get_yscale(), axes.get_ylabel()) == ("log", "Error above minimum (-78.332)")
    for curve, one in zip(drawn.artists.curves, results.runs, strict=True):
        np.testing.assert_array_equal(curve.get_ydata(), one.trajectory.errors + 78.33233140754283)
    low, high = axes.get_ylim()
    assert low < 1e-6
    assert high > 80


@pytest.mark.parametrize(
    ("errors", "remark"),
    [
        ([1, 2, 900], ""),
        ([1, 1e5, 1e9], ", leaves the plot"),
        ([1, 1e5, 2], ", leaves the plot and returns"),
        ([1, 1e-3, 0], ", leaves the plot"),  # there is no 0 on a logarithmic axis
    ],
)
def test_legend_states_errors_outside_the_limits(errors: list[float], remark: str) -> None:
    results = results_of(np.zeros((3, 2)))
    results.runs[0].trajectory.errors[:] = errors
    drawn = draw("errors", results, PROBLEMS["booth"]())
    low, high = drawn.figure.axes[0].get_ylim()
    assert all(low <= error <= high for error in errors) is (not remark)
    assert drawn.legend[0] == f"a (2 epochs, reached max_epochs{remark})"


def test_threshold_far_below_all_errors_is_within_the_limits() -> None:
    drawn = draw("errors", *on("brown-badly-scaled"))
    (axes,) = drawn.figure.axes
    assert axes.get_ylim()[0] < 1e-6


@pytest.mark.parametrize("threshold", [1e-300, 5e-324])
def test_range_to_a_threshold_near_zero_is_cut(threshold: float) -> None:
    (axes,) = draw("errors", *on("booth", threshold=threshold)).figure.axes
    low, high = axes.get_ylim()
    assert axes.get_yscale() == "log"
    assert 0 < low <= 1e-300 < high


def test_algorithms_with_the_same_epochs_per_arrow_are_grouped() -> None:
    still = np.column_stack([np.linspace(0, 1e-3, 400)] * 2)
    drawn = draw("paths", results_of(still, still, [[0, 0], [3, 3]]), PROBLEMS["booth"]())
    note = next(words for words in drawn.words if "one arrow per epoch" in words)
    assert re.fullmatch(r"one arrow per epoch \(a and b: one per \d+ epochs\)", note)


def test_arrow_has_at_most_the_epochs_of_the_longest_run() -> None:
    still, short = (np.column_stack([np.linspace(0, 1e-9, 1 + epochs)] * 2) for epochs in (40, 30))
    problem = PROBLEMS["booth"]()
    assert "one arrow per 40 epochs" in draw("paths", results_of(still), problem).words
    assert "one arrow per 40 epochs" in draw("paths", results_of(still, still), problem).words
    drawn = draw("paths", results_of(still, short, still), problem)
    assert "epochs per arrow: 40 (a, c), 30 (b)" in drawn.words
    assert [len(path.tails) for path in drawn.data.paths] == [1, 1, 1]


def test_note_does_not_name_paths_outside_the_window() -> None:
    near = np.column_stack([np.linspace(2.2, 2.3, 400)] * 2)  # outside, but next to the window
    drawn = draw("paths", results_of(near, [[0, 0], [2, 2]]), PROBLEMS["booth"](), x=[0, 2.1], y=[0, 2.1])
    assert "not in this window" in drawn.legend[0]
    assert not any("arrow" in words for words in drawn.words)


# -- other kinds -------------------------------------------------------------------------------------------------------


def test_samples_are_drawn_by_class(results: Results, problem: Perceptron) -> None:
    drawn = draw("data", results, problem)
    zeros, ones = (dots.get_offsets().tolist() for dots in drawn.artists)
    assert zeros == [[0.7, 0.5], [0.1, 0.8], [0.1, 0.9]]
    assert ones == [[0.9, 0.3], [0.5, 0.3], [0.2, 0.1]]
    assert drawn.legend == ["Target 0", "Target 1"]
    assert {"First feature", "Second feature", "Dataset (6 samples)"} <= {*drawn.words}
    shapes = [dots.get_paths()[0].vertices.shape for dots in drawn.artists]
    assert shapes[0] != shapes[1]


def test_many_targets_are_shown_with_a_color_bar(results: Results) -> None:
    rows = tuple((i / 9, i * i / 81) for i in range(10))
    dataset = Dataset("numbers", rows, tuple(i / 10 for i in range(10)), ("a", "b"))
    drawn = draw("data", results, Perceptron(dataset=dataset))
    assert drawn.artists[0].get_array().tolist() == [i / 10 for i in range(10)]
    assert [axes.get_ylabel() for axes in drawn.figure.axes] == ["b", "Target"]


def test_several_classes_are_named_in_the_legend(results: Results) -> None:
    features = ((0.0, 1.0), (2.0, 3.0), (4.0, 5.0))
    dataset = Dataset("classes", features, (0.0, 1.0, 2.0), ("a", "b"), classes=("iris", "lily", "rose"))
    drawn = draw("data", results, Perceptron(dataset=dataset))
    assert drawn.legend == ["Target 0 (iris)", "Target 1 (lily)", "Target 2 (rose)"]
    assert [tuple(dots.get_offsets().tolist()[0]) for dots in drawn.artists] == list(features)
    assert len({tuple(dots.get_facecolor()[0]) for dots in drawn.artists}) == 3


def test_many_classes_are_named_at_the_color_bar(results: Results) -> None:
    rows = tuple((i / 9, i * i / 81) for i in range(10))
    names = tuple(f"kind {i}" for i in range(10))
    dataset = Dataset("classes", rows, tuple(float(i) for i in range(10)), ("a", "b"), classes=names)
    bar = draw("data", results, Perceptron(dataset=dataset)).figure.axes[1]
    assert [label.get_text() for label in bar.get_yticklabels()] == list(names)


def test_many_samples_have_small_markers(results: Results) -> None:
    def area(samples: int) -> float:
        rows = tuple((i / samples, 0.5) for i in range(samples))
        dataset = Dataset("many", rows, tuple(float(i % 2) for i in range(samples)), ("a", "b"))
        (first, _) = draw("data", results, Perceptron(dataset=dataset)).artists
        return first.get_sizes()[0]

    assert area(2) == area(30) > area(120) > area(2000) >= 8
    assert area(120) == pytest.approx(area(30) / 2)


def test_bars_end_at_their_values(results: Results, problem: Perceptron) -> None:
    drawn = draw("epochs", results, problem)
    ends = [[bar.get_x() + bar.get_width() for bar in bars] for bars in drawn.artists[:2]]
    assert ends == [[797, 92, 20, 17, 2, 3], [797, 92, 20, 34, 33, 6]]
    assert [text.get_text() for text in drawn.artists.texts] == [
        "797 epochs",
        "92 epochs",
        "20 epochs",
        "17 epochs",
        "2 epochs",
        "3 epochs",
        "797 gradient evals",
        "92 gradient evals",
        "20 gradient evals",
        "17 error + 17 gradient evals",
        "31 error + 2 gradient evals",
        "3 gradient + 3 Hessian evals",
    ]
    assert "Epochs to reach error ≤ 0.125" in drawn.words


def test_bars_of_failed_runs_are_hatched(problem: Perceptron) -> None:
    results = run(PUBLISHED[:3], problem, [(-4.0, -4.0)], 0.125, 50)
    drawn = draw("epochs", results, problem)
    assert [bool(bar.get_hatch()) for bar in drawn.artists.epochs] == [True, True, False]
    assert [text.get_text() for text in drawn.artists.texts[:3]] == ["50 epochs, reached max_epochs"] * 2 + [
        "20 epochs"
    ]


def test_curves_show_the_errors_of_the_runs(results: Results, problem: Perceptron) -> None:
    drawn = draw("errors", results, problem)
    for curve, end, run in zip(drawn.artists.curves, drawn.artists.ends, results.runs, strict=True):
        np.testing.assert_array_equal(curve.get_ydata(), run.trajectory.errors)
        assert curve.get_xdata().tolist() == list(range(run.trajectory.epochs + 1))
        assert end.get_xydata().tolist() == [[run.trajectory.epochs, run.trajectory.final_error]]
    assert list(drawn.artists.threshold.get_ydata()) == [0.125, 0.125]
    (axes,) = drawn.figure.axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("symlog", "log")
    assert (drawn.legend[2], drawn.legend[-1]) == ("RPROP (20 epochs)", "Threshold (error = 0.125)")
    dashes = [_style.style(place).dashes for place in range(6)]
    assert len({*dashes}) == 6


def test_marker_of_a_run_without_epochs_is_not_clipped() -> None:
    drawn = draw("errors", results_of([[-4, -4]], [[-4, -4], [2, 1]]), Perceptron())
    assert [end.get_clip_on() for end in drawn.artists.ends] == [False, True]


def test_tracks_lie_on_the_surface(results: Results, problem: Perceptron) -> None:
    drawn = draw("surface", results, problem, algorithms=["momentum"], elevation=20, azimuth=30)
    trajectory = results.of("Momentum")[0].trajectory
    x, y, z = drawn.artists.tracks[0].get_data_3d()
    np.testing.assert_array_equal(np.column_stack([x, y]), trajectory.weights)
    np.testing.assert_array_equal(z, trajectory.errors)
    (axes,) = drawn.figure.axes
    assert (axes.elev, axes.azim) == (20, 30)
    assert drawn.legend == ["Momentum (92 epochs)", "Start"]
    assert drawn.artists.tracks[0].get_zorder() > drawn.artists.surface.get_zorder()


def test_invisible_start_is_not_in_the_legend_of_the_surface(results: Results, problem: Perceptron) -> None:
    drawn = draw("surface", results, problem, algorithms=["momentum"], x=[0, 5], y=[-5, 0])
    assert drawn.legend == ["Momentum (92 epochs, starts outside the plot)"]


def test_surface_notes_the_fixed_weights() -> None:
    drawn = draw("surface", results_of([[-4, -4, 1], [-3, -3, 2]]), Perceptron(bias=True))
    assert "surface at b = 2 (the end of a)" in drawn.words


def test_bars_of_several_starts_are_noted_as_medians(problem: Perceptron) -> None:
    starts = [(-4.0, -4.0), (3.0, -2.0), (5.0, -1.0)]
    drawn = draw("epochs", run(PUBLISHED[:2], problem, starts, 0.125, 1000), problem)
    assert "bars and evaluation counts: medians of 3 starts" in drawn.words
    assert not any("median" in words for words in draw("epochs", results_of([[0, 0], [1, 1]]), problem).words)


def test_long_height_labels_do_not_overlap_the_axis() -> None:
    results, problem = next(case[1:] for case in HARD if case[0] == "divergence")
    drawn = draw("surface", results, problem, x=[-500, 700], y=[-500, 700])
    (axes,) = drawn.figure.axes
    numbers = [tick.label1 for tick in axes.zaxis.get_major_ticks() if tick.label1 in drawn.texts]
    assert "400000" in [number.get_text() for number in numbers]
    for thing in (axes.zaxis.line, axes.zaxis.label):
        box = thing.get_window_extent()
        assert [number.get_text() for number in numbers if _overlap(number.get_window_extent(), box) > 0] == []


# -- requests ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "options", "name"),
    [
        ("data", {}, "data"),
        ("contour", {}, "contour"),
        ("contour", {"weights": ["w1", "b"], "x": [0, 1.5]}, "contour-w1-b-x=0_1.5"),
        ("paths", {}, "paths"),
        ("paths", {"algorithms": ["rprop"]}, "paths-rprop"),
        ("paths", {"algorithms": ["Gradient descent + golden search"]}, "paths-gradient-descent+golden-search"),
        ("paths", {"algorithms": ["rprop", "irprop+"], "epochs": [11, 14]}, "paths-rprop-irprop+-epochs-11-14"),
        ("paths", {"algorithms": ["gd"], "x": [-1.4, -0.9], "y": [-3, 2]}, "paths-gd-x=-1.4_-0.9-y=-3_2"),
        ("surface", {"algorithms": ["momentum"]}, "surface-momentum"),
        ("epochs", {}, "epochs"),
        ("errors", {"save_as": "mine"}, "mine"),
    ],
)
def test_file_names(kind: str, options: dict[str, Any], name: str) -> None:
    assert FIGURES[kind](**options).file_name() == name


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("RPROP", "rprop"),
        ("RPROP−", "rprop-"),
        ("iRPROP+", "irprop+"),
        ("../../etc", "etc"),
        ("a/b\\c", "a-b-c"),
        ("日本", "日本"),
        ("!?", "algorithm"),
    ],
)
def test_slugs(label: str, expected: str) -> None:
    assert slug(label) == expected


@pytest.mark.parametrize(
    ("kind", "options", "complaint"),
    [
        ("paths", {"epochs": [14, 11]}, "paths: epochs: expected first epoch ≤ last epoch, got [14, 11]"),
        ("paths", {"weights": ["w1", "w1"]}, "paths: weights: duplicate weight 'w1'; use two different weights"),
        (
            "surface",
            {"x": [1, 1]},
            "surface: x: expected increasing numbers, got [1, 1] (limits of the x axis)",
        ),
    ],
)  # fmt: skip
def test_rejects_contradictory_options(kind: str, options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(complaint)}$"):
        FIGURES[kind](**options)


@pytest.mark.parametrize(
    ("kind", "options", "wrong"),
    [
        ("paths", {}, []),
        (
            "paths",
            {"algorithms": ["RPROP", "rpropp"]},
            [("algorithms", "unknown algorithm 'rpropp'; did you mean 'rprop'?")],
        ),
        ("errors", {"algorithms": ["xyz"]}, [("algorithms", "unknown algorithm 'xyz'")]),
        (
            "contour",
            {"weights": ["w1", "b"]},
            [("weights", "unknown weight 'b' (expected w1 or w2)")],
        ),
    ],
)
def test_rejects_options_that_do_not_fit_the_experiment(
    kind: str, options: dict[str, Any], wrong: list[tuple[str, str]], problem: Perceptron
) -> None:
    assert FIGURES[kind](**options).invalid_options(problem, ["RPROP", "rprop", "gd"]) == wrong


def test_inapplicable_figures_are_rejected_and_not_default() -> None:
    narrow = Perceptron(dataset=Dataset("one", ((1.0,), (2.0,)), (0.0, 1.0), ("a",)))
    refused = {kind: FIGURES[kind]().invalid_options(narrow, []) for kind in FIGURES}
    flat = [("kind", "contour needs at least two weights (the problem has 1)")]
    assert refused.pop("data") == [("kind", "data needs a dataset with two features")]
    assert refused.pop("contour") == flat
    assert [bool(refused.pop(kind)) for kind in ("paths", "surface")] == [True, True]
    assert FIGURES["curve"]().invalid_options(Perceptron(), []) == [
        ("kind", "curve needs exactly one weight (the problem has 2)")
    ]
    assert not any(refused.values())
    defaults = [request.name for kind in FIGURES for request in FIGURES[kind].defaults(narrow, ["a", "b"])]
    assert defaults == ["curve", "curve", "curve", "epochs", "errors"]


@pytest.mark.parametrize(
    ("endings", "epochs", "threshold", "expected"),
    [
        ([Ending.REACHED], [20], 0.1, "20 epochs"),
        ([Ending.REACHED], [1], 0.1, "1 epoch"),
        ([Ending.EXHAUSTED], [1000], 0.1, "1000 epochs, reached max_epochs"),
        ([Ending.EXHAUSTED], [1000], None, "1000 epochs"),
        ([Ending.DIVERGED], [3], 0.1, "3 epochs, diverged"),
        ([Ending.STUCK], [3], 0.1, "3 epochs, stuck"),
        ([Ending.REACHED, Ending.REACHED], [3, 12], 0.1, "3 to 12 epochs"),
        ([Ending.REACHED, Ending.EXHAUSTED, Ending.DIVERGED], [3, 50, 7], 0.1,
         "3 to 50 epochs, 1 of 3 diverged, 1 of 3 reached max_epochs"),
        ([Ending.EXHAUSTED, Ending.DIVERGED], [9, 7], None, "7 to 9 epochs, 1 of 2 diverged"),
    ],
)  # fmt: skip
def test_outcome(endings: list[Ending], epochs: list[int], threshold: float | None, expected: str) -> None:
    runs = [results_of(np.zeros((n + 1, 2)), ending=e).runs[0] for n, e in zip(epochs, endings, strict=True)]
    assert outcome(runs, Results("synthetic", ("w1", "w2"), threshold, runs)) == expected


# -- the same bytes ----------------------------------------------------------------------------------------------------

HASHES = """
import hashlib
from bpviz.experiment import runner
from bpviz.config import Algorithm, Experiment
from bpviz.declare import FIGURES, OPTIMIZERS
from bpviz.figures._render import rendered
from bpviz.problems.perceptron import Perceptron
problem = Perceptron()
algorithms = (Algorithm("RPROP", OPTIMIZERS["rprop"](step=0.1)), Algorithm("Newton", OPTIMIZERS["newton"]()))
results = runner.run(Experiment("t", "t", problem, ((-4.0, -4.0),), 0.125, 1000, algorithms, ()))
for kind, cls in FIGURES.items():
    if cls().invalid_options(problem, []):
        continue
    for format in ("png", "svg", "pdf") if kind == "paths" else ("png",):
        print(kind, format, hashlib.sha256(rendered(cls(), cls().data(results, problem), format).content).hexdigest())
"""
IN_A_PROCESS = """
import locale, warnings
warnings.simplefilter("error")
try:
    locale.setlocale(locale.LC_ALL, "")
except locale.Error:
    pass
"""

HOSTILE = """
lines.linewidth: 20
text.usetex: True
axes.prop_cycle: cycler('color', ['ff0000'])
axes.formatter.use_locale: True
axes.unicode_minus: False
font.family: serif
font.size: 30
savefig.dpi: 30
savefig.bbox: tight
figure.facecolor: red
figure.autolayout: True
svg.fonttype: none
path.simplify: False
image.cmap: jet
legend.loc: upper left
"""


def locale_with_commas() -> str:
    """Return an installed locale with decimal commas, or C if there is none; matplotlib fails on a missing locale."""
    before = locale.setlocale(locale.LC_NUMERIC)
    for name in ("de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8"):
        with contextlib.suppress(locale.Error):
            locale.setlocale(locale.LC_NUMERIC, name)
            locale.setlocale(locale.LC_NUMERIC, before)
            return name
    return "C"


@pytest.mark.slow
def test_bytes_do_not_depend_on_the_environment(tmp_path: Path) -> None:
    """Compare this process with one of other settings."""
    (tmp_path / "matplotlibrc").write_text(HOSTILE, encoding="utf-8")
    hostile = {
        **os.environ,
        "PYTHONPATH": str(HOME),
        "MATPLOTLIBRC": str(tmp_path / "matplotlibrc"),
        "LC_ALL": locale_with_commas(),
        "TZ": "Pacific/Kiritimati",
        "PYTHONHASHSEED": "2",
        "SOURCE_DATE_EPOCH": "86400",
    }
    command = [sys.executable, "-c", IN_A_PROCESS + HASHES]
    there = subprocess.run(command, env=hostile, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert there.stderr == ""
    assert (
        len(there.stdout.splitlines()) == len(FIGURES) + 1
    )  # all but the one for a single weight; three formats of one
    with contextlib.redirect_stdout(io.StringIO()) as here:
        exec(HASHES, {})
    assert here.getvalue() == there.stdout


@pytest.mark.parametrize("kind", ["paths", pytest.param("surface", marks=pytest.mark.slow)])
def test_bytes_are_reproducible(kind: str, results: Results, problem: Perceptron) -> None:
    once, again = (hashlib.sha256(file_of(kind, results, problem, "svg")).hexdigest() for _ in range(2))
    assert once == again
