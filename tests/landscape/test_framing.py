"""Windows are tight around runs, wide enough for them, and not stretched by diverging runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bpviz.declare import KINDS, PROBLEMS
from bpviz.engine.results import Ending, Run, Trajectory
from bpviz.landscape import window_of
from bpviz.problems.perceptron import Perceptron

BOWL = Perceptron()  # window [-6, 6] x [-6, 6], no known minima


def run_of(path: Any, errors: tuple[float, float] = (2.0, 1.0), ending: Ending = Ending.EXHAUSTED) -> Run:
    """Return a run along a path, with errors from the first to the second of ``errors``."""
    weights = np.array(path, float)
    counts = np.zeros((len(weights), len(KINDS)), np.int64)
    trajectory = Trajectory(weights, np.linspace(*errors, len(weights)), counts, ending)
    return Run("gd", "gd", {}, tuple(weights[0].tolist()), trajectory)


def diverging(path: Any) -> Run:
    return run_of(path, (1.0, 2.0), Ending.DIVERGED)


def share(path: Any, window: Any) -> Any:
    """Return the part of each side of the window that a path spans; every place must be within."""
    path, (low, high) = np.array(path, float), np.array(window).T
    assert ((path >= low) & (path <= high)).all()
    return (path.max(axis=0) - path.min(axis=0)) / (high - low)


def test_default_window_is_kept_if_the_path_fills_it() -> None:
    assert window_of(BOWL, [run_of([[-4, -4], [1, 2]])], (0, 1)) == ((-6, 6), (-6, 6))


@pytest.mark.parametrize("size", [1e-3, 1e-2, 0.5, 4.0])
def test_window_is_tight_around_a_small_path(size: float) -> None:
    path = [[-4, -4], [-4 + size, -4 + size / 2]]
    window = window_of(BOWL, [run_of(path)], (0, 1))
    assert share(path, window).max() == pytest.approx(1 / 1.16)
    wide, high = np.ptp(window, axis=1)
    assert wide == pytest.approx(high)  # right angles remain right angles


@pytest.mark.parametrize("farthest", [20.0, 2412.0])
def test_window_contains_excursions_of_runs_that_do_not_diverge(farthest: float) -> None:
    path = [[-4, -4], [farthest, 3], [1, 1]]
    for problem in (BOWL, PROBLEMS["booth"]()):
        assert share(path, window_of(problem, [run_of(path)], (0, 1))).max() > 0.4


def test_diverging_run_does_not_stretch_the_window() -> None:
    calm = [[-4, -4], [1, 2]]
    for wild in (diverging([[-4, -4], [700, 0], [np.nan, 0]]), run_of([[-4, -4], [700, 0], [1e9, 0]], (1.0, 1e20))):
        assert window_of(BOWL, [run_of(calm), wild], (0, 1)) == window_of(BOWL, [run_of(calm)], (0, 1))
        assert window_of(BOWL, [wild], (0, 1)) == ((-6, 6), (-6, 6))


def test_window_of_diverging_runs_shows_how_they_diverge() -> None:
    wild = diverging([[(-2.0) ** i, 0.1] for i in range(60)])
    (left, right), _ = window_of(BOWL, [wild], (0, 1))
    assert left < -8
    assert 16 < right < 40


def test_window_is_around_the_run_if_most_of_the_default_window_would_be_empty() -> None:
    assert share([[4, 4], [5, 5]], window_of(BOWL, [run_of([[4, 4], [5, 5]])], (0, 1))).max() > 0.8
    far = [[20, 20], [22, 21]]
    for problem in (BOWL, PROBLEMS["booth"](), PROBLEMS["rosenbrock"]()):
        assert share(far, window_of(problem, [run_of(far)], (0, 1))).max() >= 0.4


def test_axes_of_very_different_sizes_have_their_own_scales() -> None:
    path = [[0, 0], [4e5, 7e-4], [1e6, 1e-3]]
    assert share(path, window_of(BOWL, [run_of(path)], (0, 1))) == pytest.approx([1 / 1.16] * 2)
    flat = [[0, 1], [1, 1 + 1e-9], [2, 1]]  # the second weight moves by rounding only
    assert share(flat, window_of(BOWL, [run_of(flat)], (0, 1)))[1] < 1e-8


def test_axes_without_a_common_scale_fit_separately() -> None:
    """The default window of this problem is a million times as wide as high, so that its angles have no meaning."""
    path = [[1, 1], [1e6, -40], [1e6, 16]]
    window = window_of(PROBLEMS["brown-badly-scaled"](), [run_of(path)], (0, 1))
    assert share(path, window) == pytest.approx([1 / 1.16, 1 / 1.16])


def test_minima_near_the_run_are_included() -> None:
    f = PROBLEMS["himmelblau"]()  # minima at (3, 2), (-2.8, 3.1), (-3.8, -3.3), (3.6, -1.8)
    path = [[1.2, 1.2], [2.7, 1.9]]
    (left, right), (bottom, top) = window_of(f, [run_of(path)], (0, 1))
    assert 0 < left < 1.2
    assert 3 < right < 3.5
    assert bottom < 1.2
    assert 2 < top < 3
    assert share(path, ((left, right), (bottom, top))).max() >= 0.4


@pytest.mark.parametrize("place", [(1.0, 2.0), (3.0, -4.0)])
def test_run_without_moves_gets_the_default_window(place: tuple[float, float]) -> None:
    assert window_of(BOWL, [run_of([place])], (0, 1)) == ((-6, 6), (-6, 6))
    (left, right), (bottom, top) = window_of(BOWL, [run_of([(50.0, 80.0)])], (0, 1))
    assert (left, right, bottom, top) == pytest.approx((47, 53, 77, 83))


def test_range_of_epochs_has_a_window_of_its_own() -> None:
    path = [[-4, -4], [0, 0], [1, 0.5], [1.1, 0.6]]
    assert share(path[2:], window_of(BOWL, [run_of(path)], (0, 1), (3, 3))).max() == pytest.approx(1 / 1.16)


@pytest.mark.parametrize(
    "path",
    [
        [[1e308, -1e308], [-1e308, 1e308]],
        [[1e300, 1e300]],
        [[-4, -4], [1e308, 0], [np.inf, np.nan]],
        [[1e100, 1], [1.1e100, 2]],
    ],
)
@pytest.mark.parametrize("errors", [(2.0, 1.0), (1.0, 2.0)])
@pytest.mark.parametrize("epochs", [None, (1, 1), (2, 5)])
def test_limits_are_finite_and_increasing(path: Any, errors: tuple[float, float], epochs: Any) -> None:
    for problem in (BOWL, PROBLEMS["booth"]()):
        for low, high in window_of(problem, [run_of(path, errors)], (0, 1), epochs):
            assert -1e300 < low < high < 1e300
            assert np.isfinite((high - low) ** 2)
