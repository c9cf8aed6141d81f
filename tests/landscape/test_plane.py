"""A plane states whose weights it is taken at if the problem has more than two."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from bpviz.config import Algorithm, Experiment
from bpviz.declare import FIGURES, OPTIMIZERS
from bpviz.experiment import runner
from bpviz.figures import _contour, _labels, _render, _style
from bpviz.landscape import error_plane
from bpviz.problems.datasets import Dataset
from bpviz.problems.perceptron import Perceptron

if TYPE_CHECKING:
    from bpviz.engine.results import Results


def problem_of(features: int) -> Perceptron:
    rng = np.random.default_rng(3)
    samples = tuple(map(tuple, rng.normal(size=(8, features)).tolist()))
    return Perceptron(dataset=Dataset("wide", samples, (0.0, 1.0) * 4, tuple(f"f{i}" for i in range(features))))


def results_on(problem: Perceptron, starts: int = 1, labels: str = "ab") -> Results:
    algorithms = tuple(Algorithm(label, OPTIMIZERS["gd"](step=0.2 + i)) for i, label in enumerate(labels))
    places = tuple((float(i),) * len(problem.weights) for i in range(starts))
    return runner.run(Experiment("t", "t", problem, places, 0.125, 5, algorithms, ()))


def plane_of(features: int, shown: slice = slice(None), **settings: Any) -> Any:
    problem = problem_of(features)
    results = results_on(problem, **settings)
    return error_plane(problem, results, (0, 1), results.runs[shown], problem.window, 20, 41)


@pytest.mark.parametrize(
    ("features", "settings", "note"),
    [
        (2, {}, ""),
        (3, {}, r"contour at w3 = \S+ \(the end of a\)"),
        (3, {"starts": 2}, r"contour at w3 = \S+ \(the end of a from start 1\)"),
        (3, {"starts": 2, "shown": slice(3, None)}, r"contour at w3 = \S+ \(the end of b from start 2\)"),
        (5, {}, r"contour at w3 = \S+, w4 = \S+, w5 = \S+ \(the end of a\)"),
        (6, {}, r"contour with 4 other weights as at the end of a"),
    ],
)
def test_note_names_the_run_that_fixes_the_other_weights(features: int, settings: Any, note: str) -> None:
    assert re.fullmatch(note, _labels.section_note("contour", plane_of(features, **settings).section))


def test_plane_is_taken_at_the_end_of_that_run() -> None:
    problem = problem_of(4)
    results = results_on(problem)
    plane = error_plane(problem, results, (0, 1), results.runs[1:], problem.window, 20, 41)
    fixed = results.runs[1].trajectory.weights[-1]
    at = np.array([[plane.x[7], plane.y[30], *fixed[2:]]], order="F")
    assert plane.error[30, 7] == problem.at(at).error()[0]


def test_threshold_is_said_to_hold_for_the_run_that_fixes_the_other_weights() -> None:
    several = plane_of(3)._replace(threshold=0.125)
    assert [text for _, text in _contour.threshold_legend(several)] == ["Threshold (error = 0.125) at the end of a"]
    for plane in (plane_of(3, shown=slice(1)), plane_of(2)):
        entries = _contour.threshold_legend(plane._replace(threshold=0.125))
        assert [text for _, text in entries] == ["Threshold (error = 0.125)"]


@pytest.mark.parametrize("kind", ["contour", "paths", "surface"])
def test_figures_of_hundreds_of_weights_keep_their_size(kind: str) -> None:
    problem = problem_of(300)
    results = results_on(problem)
    request = FIGURES[kind]()
    figure = _render.drawn(request, request.data(results, problem))
    assert figure.get_figheight() <= _style.Look().size[1] + 0.5
