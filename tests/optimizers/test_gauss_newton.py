"""Gauss-Newton."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.optimize import least_squares

from bpviz.declare import OPTIMIZERS, PROBLEMS
from bpviz.engine.loop import iterate
from bpviz.engine.results import Ending, record
from bpviz.problems.datasets import Dataset
from bpviz.problems.perceptron import Perceptron

RTOL, EPOCHS = 1e-7, 2  # where it diverges, J becomes nearly singular and rounding errors dominate


def dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def columns(matrix):
    return [list(column) for column in zip(*matrix, strict=True)]


def least(J, r):
    """Return the h that minimizes |J h + r|, or None if it is not unique.

    J = Q R by the modified Gram-Schmidt method, then R h = -Qᵀr.
    """
    Q, R, rest, largest = [], [], columns(J), 0.0
    while rest:
        norm = math.sqrt(dot(rest[0], rest[0]))
        largest = max(largest, norm)
        if norm <= len(J) * math.ulp(1.0) * largest:
            return None
        q = [x / norm for x in rest[0]]
        row = [dot(q, column) for column in rest]
        rest = [
            [x - along * y for x, y in zip(column, q, strict=True)] for column, along in zip(rest, row, strict=True)
        ]
        rest, Q, R = rest[1:], [*Q, q], [*R, row]
    h, left = [], r
    right = []
    for q in Q:
        along = dot(q, left)
        left = [x - along * y for x, y in zip(left, q, strict=True)]
        right.append(-along)
    for row, b in zip(reversed(R), reversed(right), strict=True):
        h = [(b - dot(row[1:], h)) / row[0], *h]
    return h


def gauss_newton(f, x, *, step, search, shrink, c1):
    """Madsen et al. 2004, section 3.1 (3.6), with the line search of Nocedal & Wright 2006, Algorithm 3.1."""
    while True:
        r, J = f.residuals(x), f.jacobian(x)
        h = least(J, r)
        if h is None:
            yield x
            return
        slope = 2 * sum(dot(column, r) * b for column, b in zip(columns(J), h, strict=True))
        alpha = step
        there = [a + alpha * b for a, b in zip(x, h, strict=True)]
        while search == "backtracking" and not dot(q := f.residuals(there), q) <= dot(r, r) + c1 * alpha * slope:
            alpha = shrink * alpha
            there = [a + alpha * b for a, b in zip(x, h, strict=True)]
        x = there
        yield x


TWINS = {"gauss-newton": gauss_newton}
UNUSUAL = {"gauss-newton": {"step": 0.6, "search": "backtracking", "shrink": 0.8, "c1": 0.3}}
AGAINST = {"gauss-newton": "the solutions of numpy.linalg.lstsq"}


def test_epochs_by_hand(bowl, follow):
    """From (1, 1): r = (-2, 4) / √2, J = diag(1, 2) / √2, so the full step h = (2, -2) leads to the minimum.

    After 3 h, the residuals are -2 r and the error is four times 10. Half of that leads to -r/2 and 2.5, which is
    acceptable for c₁ = 0.1, below 10 - 0.1 · 1.5 · 20 = 7, but not for 0.3, 10 - 0.3 · 1.5 · 20 = 1. Half of that,
    0.75 h, leads to r/4 and 0.625, below 10 - 0.3 · 0.75 · 20 = 5.5.
    """
    assert follow("gauss-newton", bowl, (1, 1), max_epochs=1).weights[1] == pytest.approx((3, -1), rel=1e-15)
    assert follow("gauss-newton", bowl, (1, 1), step=0.5, max_epochs=1).weights[1] == pytest.approx((2, 0), abs=1e-15)
    for c1, end, trials in ((0.1, (4, -2), 2), (0.3, (2.5, -0.5), 3)):
        run = follow("gauss-newton", bowl, (1, 1), step=3, search="backtracking", c1=c1, max_epochs=1)
        assert run.weights[1] == pytest.approx(end, rel=1e-15)
        assert (run.evaluations["residuals"], run.evaluations["jacobian"]) == (1 + trials, 1)


def test_two_epochs_by_hand_on_rosenbrock_s_valley(follow):
    """Residuals 1 - x and 10 (y - x²): the step makes their linearizations 0, so x becomes 1 and y is on the tangent.

    From (-1.2, 1) the tangent of the parabola leads to y = 1.44 - 2.4 · 2.2 = -3.84, where r = (0, -48.4). The next
    step keeps x and is exact.
    """
    run = follow("gauss-newton", PROBLEMS["rosenbrock"](), (-1.2, 1), max_epochs=2)
    assert run.weights[1:] == pytest.approx(np.array([(1, -3.84), (1, 1)]), rel=1e-14)


@pytest.mark.parametrize("settings", [{}, {"step": 0.4}])
@pytest.mark.parametrize(
    ("name", "start"), [("beale", (2, 0.2)), ("freudenstein-roth", (6, 3)), ("himmelblau", (2, 1)), ("booth", (-6, 8))]
)
def test_every_step_is_the_least_squares_solution_of_numpy(name, start, settings, follow):
    problem = PROBLEMS[name]()
    run = follow("gauss-newton", problem, start, max_epochs=30, **settings)
    for w, after in itertools.pairwise(run.weights):
        at = problem.at(w[None])
        h = np.linalg.lstsq(at.jacobian()[0], -at.residuals()[0])[0]
        assert after == pytest.approx(w + settings.get("step", 1) * h, rel=1e-12)


def test_converges_quadratically_for_zero_residuals(follow):
    """Madsen et al. 2004, section 3.1: quadratic convergence if the residuals are 0 at the minimum, as Newton's."""
    run = follow("gauss-newton", PROBLEMS["beale"](), (2.5, 0.4), max_epochs=6)
    distances = np.linalg.norm(run.weights - (3, 0.5), axis=1)
    assert distances[-1] < 1e-12
    for before, after in itertools.pairwise(distances):
        assert after < 3 * before**2 + 1e-14


def test_converges_linearly_for_nonzero_residuals(unequal, follow):
    """Linear convergence, since the curvature of the residuals is neglected."""
    end = least_squares(
        lambda w: unequal.at(w[None]).residuals()[0],
        (-0.4, -0.4, 0.1),
        jac=lambda w: unequal.at(w[None]).jacobian()[0],
        xtol=1e-15,
        ftol=1e-15,
        gtol=1e-15,
    ).x
    run = follow("gauss-newton", unequal, (-0.4, -0.4, 0.1), max_epochs=9)
    distances = np.linalg.norm(run.weights - end, axis=1)
    ratios = distances[4:] / distances[3:-1]
    assert ((ratios > 0.1) & (ratios < 0.5)).all()


def test_search_takes_the_first_acceptable_step(follow):
    """Each step is α ρᵏ times the full step and satisfies Armijo's condition; the previous trial does not."""
    problem = PROBLEMS["beale"]()
    run = follow("gauss-newton", problem, (1, 1.5), search="backtracking", shrink=0.7, c1=0.2, max_epochs=12)
    powers = []
    for w, after in itertools.pairwise(run.weights):
        at = problem.at(w[None])
        h = np.linalg.lstsq(at.jacobian()[0], -at.residuals()[0])[0]
        power = round(math.log((after - w) @ h / (h @ h), 0.7))
        trials = np.array([0.7**k for k in range(power + 1)])
        errors = problem.at(w + trials[:, None] * h).error()
        met = errors <= at.error() + 0.2 * trials * (at.gradient()[0] @ h)
        assert met.tolist() == [False] * power + [True]
        powers.append(power)
    assert len(set(powers)) >= 3


def test_run_with_a_singular_system_is_stuck_and_others_continue():
    """An inactive relu neuron has J = 0; the other run's neuron is active and linear: 2 w = 6."""
    problem = Perceptron(dataset=Dataset("one", ((2.0,),), (6.0,), ("x",)), activation="relu")
    off, on = record(iterate(OPTIMIZERS["gauss-newton"](), problem, [[-1], [1]], error_threshold=1e-20, max_epochs=9))
    assert (off.ending, off.epochs, off.weights.tolist()) == (Ending.STUCK, 1, [[-1], [-1]])
    assert off.why == "rank-deficient Jacobian"
    assert (on.ending, on.epochs, on.weights.tolist()) == (Ending.REACHED, 1, [[1], [3]])
    two = Perceptron(dataset=Dataset("one", ((2.0, 1.0),), (6.0,), ("x1", "x2")), activation="linear")
    (run,) = record(iterate(OPTIMIZERS["gauss-newton"](), two, [[1, 1]], error_threshold=None, max_epochs=9))
    assert (run.ending, run.epochs) == (Ending.STUCK, 1)


def test_searches_along_the_negative_gradient_where_the_jacobian_is_rank_deficient(follow):
    """One sample with the features (2, 1): the Jacobian and the gradient are multiples of them everywhere."""
    two = Perceptron(dataset=Dataset("one", ((2.0, 1.0),), (6.0,), ("x1", "x2")), activation="linear")
    run = follow("gauss-newton", two, [1, 1], search="backtracking", max_epochs=40)
    assert run.errors[-1] == pytest.approx(0, abs=1e-20)
    move = run.weights[-1] - run.weights[0]
    assert move[0] / move[1] == pytest.approx(2, rel=1e-12)


def test_run_is_stuck_if_the_search_finds_no_lower_error(bowl, follow):
    run = follow("gauss-newton", bowl, (3, -1), search="backtracking", max_epochs=3)
    assert (run.ending, run.epochs, run.weights.tolist()) == (Ending.STUCK, 1, [[3, -1], [3, -1]])
    assert run.evaluations["residuals"] == 1
