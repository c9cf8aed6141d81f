"""The grid of errors has the same numbers as a run, at the right places."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bpviz.landscape.grid import error_grid
from bpviz.problems.datasets import Dataset
from bpviz.problems.perceptron import Perceptron

ACROSS = np.array([-4.0, -1.5, 0.25, 3.0])  # not square and not symmetric, so that swapped axes are detected
UP = np.array([-2.0, 0.5, 5.0])


def test_rows_are_y_and_columns_are_x(six_points: Perceptron, plain: Callable[[Any], Any]) -> None:
    errors = error_grid(six_points, ACROSS, UP)
    expected = [[plain(six_points).error((x, y)) for x in ACROSS] for y in UP]
    np.testing.assert_allclose(errors, expected, rtol=1e-14)


@pytest.mark.parametrize("pair", [(0, 1), (2, 0), (1, 2)])
def test_other_weights_are_fixed(unequal: Perceptron, plain: Callable[[Any], Any], pair: tuple[int, int]) -> None:
    fixed = np.array([0.3, -0.7, 1.1])

    def at(x: float, y: float) -> list[float]:
        w = fixed.tolist()
        w[pair[0]], w[pair[1]] = x, y
        return w

    errors = error_grid(unequal, ACROSS, UP, pair, fixed)
    expected = [[plain(unequal).error(at(x, y)) for x in ACROSS] for y in UP]
    np.testing.assert_allclose(errors, expected, rtol=1e-13)
    assert fixed.tolist() == [0.3, -0.7, 1.1]


def test_errors_equal_those_of_a_run_bit_for_bit(six_points: Perceptron, follow: Callable[..., Any]) -> None:
    run = follow("momentum", six_points, (-4, -4), error_threshold=0.125)
    x, y = run.weights.T
    assert np.diagonal(error_grid(six_points, x, y)).tolist() == run.errors.tolist()


def test_blocks_do_not_change_the_errors() -> None:
    rng = np.random.default_rng(5)
    dataset = Dataset("wide", tuple(map(tuple, rng.normal(size=(300, 2)).tolist())), (0.2,) * 300, ("a", "b"))
    problem = Perceptron(dataset=dataset)
    x, y = np.linspace(-3, 2, 23), np.linspace(-1, 4, 17)
    assert problem.width * len(x) * len(y) * 8 > 4 * 256 * 1024  # several blocks, the last one shorter
    whole = error_grid(problem, x, y)
    assert whole[3:4].tolist() == error_grid(problem, x, y[3:4]).tolist()
    assert whole[:, -1:].tolist() == error_grid(problem, x[-1:], y).tolist()


def test_non_finite_errors_raise_no_warning() -> None:
    errors = error_grid(Perceptron(activation="linear"), np.array([0.0, 1e200]), np.array([0.0]))
    assert errors[0].tolist() == [0.5, np.inf]
