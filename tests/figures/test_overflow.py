"""Ranges that overflow are drawn with cut limits: no warning, and no limit that is not finite."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bpviz.config import Algorithm, Experiment
from bpviz.declare import FIGURES, KINDS, OPTIMIZERS, PROBLEMS
from bpviz.engine.results import Ending, Results, Run, Trajectory
from bpviz.experiment import runner
from bpviz.figures import _render
from bpviz.problems.datasets import Dataset
from bpviz.problems.perceptron import Perceptron


def results_of(weights: Any, errors: Any) -> Results:
    """Return results of one run with these weights and errors."""
    path = np.array(weights, float)
    counts = np.zeros((len(path), len(KINDS)), np.int64)
    trajectory = Trajectory(path, np.array(errors, float), counts, Ending.EXHAUSTED)
    names = ("w1", "w2")[: path.shape[1]]
    return Results("t", names, None, [Run("gd", "gd", {}, tuple(path[0].tolist()), trajectory)])


def on(problem: Any, start: tuple[float, ...], threshold: float | None = 1e-3) -> Results:
    algorithms = tuple(Algorithm(name, OPTIMIZERS[name]()) for name in ("gd", "newton"))
    return runner.run(Experiment("t", "t", problem, (start,), threshold, 20, algorithms, ()))


STEEP = PROBLEMS["quadratic"](condition=1e300)
BOOTH = PROBLEMS["booth"]()
LINEAR = Perceptron(activation="linear")
WIDE = Perceptron(dataset=Dataset("wide", ((1e308, -1e308), (-1e308, 1e308)), (0.0, 1.0), ("a", "b")))
MANY = Dataset(
    "many", tuple((float(i), float(i * i)) for i in range(10)), tuple(1e307 * i for i in range(10)), ("a", "b")
)
TALL = Perceptron(activation="linear", dataset=MANY)
ONE = Perceptron(activation="linear", dataset=Dataset("one", ((1.0,), (2.0,)), (0.0, 1.0), ("a",)))

CASES = {
    "condition 1e300": (on(STEEP, (-3.0, 2.5)), STEEP),
    "errors from 1e308 to -1e308": (results_of([[0, 0], [1, 1]], [1e308, -1e308]), LINEAR),
    "errors from 0 to 1e308": (results_of([[0, 0], [1, 1], [2, 2]], [0, 1e308, 1e-320]), LINEAR),
    "weights from -1e308 to 1e308": (results_of([[-1e308, 1e308], [1e308, -1e308]], [2, 1]), BOOTH),
    "start at 1e300": (on(BOOTH, (1e300, 1e300)), BOOTH),
    "features from -1e308 to 1e308": (on(WIDE, (1.0, 1.0)), WIDE),
    "targets up to 1e308": (on(TALL, (1.0, 1.0)), TALL),
    "one weight from -1e308 to 1e308": (results_of([[-1e308], [1e308]], [2, 1]), ONE),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "case"),
    [(kind, case) for case in CASES for kind in FIGURES if not FIGURES[kind]().invalid_options(CASES[case][1], [])],
)
def test_limits_are_cut(kind: str, case: str) -> None:
    results, problem = CASES[case]
    request = FIGURES[kind]()
    figure = _render.drawn(request, request.data(results, problem))
    figure.draw_without_rendering()
    for axes in figure.axes:
        for low, high in (axes.get_xlim(), axes.get_ylim()):
            assert np.isfinite(high - low)
            assert low != high
