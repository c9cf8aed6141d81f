"""Levenberg-Marquardt."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.optimize import least_squares

from bpviz.declare import OPTIMIZERS, PROBLEMS
from bpviz.engine.loop import iterate
from bpviz.engine.results import Ending, record
from bpviz.problems.datasets import Dataset
from bpviz.problems.perceptron import Perceptron

RTOL, EPOCHS = 1e-11, 12  # later, at a minimum, rounding errors decide whether the error decreases


def dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def columns(matrix):
    return [list(column) for column in zip(*matrix, strict=True)]


def solved(A, b):
    """Solve A x = b by Gaussian elimination with partial pivoting."""
    lines = [[*row, y] for row, y in zip(A, b, strict=True)]
    done = []
    while lines:
        lines.sort(key=lambda line: -abs(line[0]))
        pivot, *lines = lines
        lines = [[x - line[0] / pivot[0] * y for x, y in zip(line, pivot, strict=True)][1:] for line in lines]
        done.append(pivot)
    x = []
    for pivot in reversed(done):
        x = [(pivot[-1] - dot(pivot[1:-1], x)) / pivot[0], *x]
    return x


def levenberg_marquardt(f, x, *, damping, decrease, increase):
    """Madsen et al. 2004, Algorithm 3.16 with its F = E / 2, and with settings in place of 1/3 and 2."""
    tau = damping
    fx, J = f.residuals(x), f.jacobian(x)
    nu = increase
    A, g = [[dot(a, b) for b in columns(J)] for a in columns(J)], [dot(a, fx) for a in columns(J)]
    mu = tau * max(A[i][i] for i in range(len(x)))
    while True:
        h = solved([[a + mu * (i == j) for j, a in enumerate(row)] for i, row in enumerate(A)], [-d for d in g])
        new = [a + b for a, b in zip(x, h, strict=True)]
        if new == x:
            yield x
            return
        there = f.residuals(new)
        fall = dot(fx, fx) / 2 - dot(there, there) / 2
        rho = fall / (dot(h, [mu * a - b for a, b in zip(h, g, strict=True)]) / 2)
        if rho > 0:
            x, fx, J = new, there, f.jacobian(new)
            A, g = [[dot(a, b) for b in columns(J)] for a in columns(J)], [dot(a, fx) for a in columns(J)]
            mu = mu * max(decrease, 1 - (2 * rho - 1) ** 3)
            nu = increase
        else:
            mu = mu * nu
            nu = 2 * nu
        yield x


TWINS = {"levenberg-marquardt": levenberg_marquardt}
UNUSUAL = {"levenberg-marquardt": {"damping": 0.02, "decrease": 0.7, "increase": 3.5}}
AGAINST = {"levenberg-marquardt": "final weights of scipy.optimize.least_squares"}


def test_two_epochs_by_hand(bowl, follow):
    """From (1, 1): JᵀJ = diag(1/2, 2) and Jᵀr = (-1, 4), so μ = 2 and h = (1 / 2.5, -4 / 4) leads to (1.4, 0).

    The residuals are linear, so the decrease is as predicted, ϱ = 1, and μ ← 2/3. Then Jᵀr = (-0.8, 2), and
    h = (0.8 / (1/2 + 2/3), -2 / (2 + 2/3)). Residuals and Jacobians are evaluated at the start and at two trials.
    """
    run = follow("levenberg-marquardt", bowl, (1, 1), max_epochs=2)
    assert run.weights[1] == pytest.approx((1.4, 0), abs=1e-15)
    assert run.weights[2] == pytest.approx((1.4 + 0.8 * 6 / 7, -0.75), rel=1e-15)
    assert (run.evaluations["residuals"], run.evaluations["jacobian"]) == (3, 3)


def test_two_rejected_steps_and_an_accepted_one_by_hand(follow):
    """Rosenbrock's residuals 1 - x and 10 (y - x²) from (0, 0): JᵀJ = diag(1, 100), Jᵀr = (-1, 0), τ = 0.01, μ = 1.

    h = (1/2, 0) leads to (1/2)² + 2.5² = 6.5 > 1: rejected, μ ← 2. (1/3, 0): 4/9 + (10/9)² > 1, rejected, μ ← 4 · 2.
    (1/9, 0): (8/9)² + (10/81)² = 1 - 1277/6561, accepted. ϱ = 1277/6561 / (1/9 (8/9 + 1)) = 1277/1377, so κ = 1/3 is
    below 1 - (2 ϱ - 1)³ = 0.3755 and μ ← 8 times that. At (1/9, 0), r = (8/9, -10/81) and J = (-1, 0; -20/9, 10).
    """
    run = follow("levenberg-marquardt", PROBLEMS["rosenbrock"](), (0, 0), damping=0.01, max_epochs=4)
    assert run.weights[1:4] == pytest.approx(np.array([(0, 0), (0, 0), (1 / 9, 0)]), rel=1e-15)
    assert (run.evaluations["residuals"], run.evaluations["jacobian"]) == (5, 3)
    J, r, mu = np.array([[-1, 0], [-20 / 9, 10]]), np.array([8 / 9, -10 / 81]), 8 * (1 - (1177 / 1377) ** 3)
    h = -np.linalg.solve(J.T @ J + mu * np.eye(2), J.T @ r)
    assert run.weights[4] == pytest.approx(run.weights[3] + h, rel=1e-14)


@pytest.mark.parametrize("name", ["rosenbrock", "beale", "freudenstein-roth", "himmelblau"])
def test_without_damping_the_step_is_that_of_gauss_newton(name, follow):
    problem = PROBLEMS[name]()
    w = np.array(problem.start)
    run = follow("levenberg-marquardt", problem, w, damping=1e-13, max_epochs=1)
    at = problem.at(w[None])
    trial = w + np.linalg.lstsq(at.jacobian()[0], -at.residuals()[0])[0]
    falls = problem.at(trial[None]).error() < at.error()
    assert run.weights[1] == pytest.approx(trial if falls[0] else w, rel=1e-8)


@pytest.mark.parametrize("name", ["rosenbrock", "beale", "freudenstein-roth", "himmelblau"])
def test_with_large_damping_the_step_is_along_the_negative_gradient(name, follow):
    """h → -Jᵀr / μ with μ = τ max diag(JᵀJ), and ∇E = 2 Jᵀr."""
    problem = PROBLEMS[name]()
    w = np.array(problem.start)
    run = follow("levenberg-marquardt", problem, w, damping=1e7, max_epochs=1)
    at = problem.at(w[None])
    mu = 1e7 * np.square(at.jacobian()[0]).sum(axis=0).max()
    assert (run.weights[1] - w) * 2 * mu == pytest.approx(-at.gradient()[0], rel=1e-6)


def test_every_step_is_optimal_among_steps_of_its_length(follow):
    """The damped step minimizes |r + J h| among all steps no longer than itself (Marquardt 1963, Theorem 1)."""
    problem = PROBLEMS["beale"]()
    run = follow("levenberg-marquardt", problem, (1, 1.5), max_epochs=12)
    around = np.exp(2j * np.pi * np.arange(720) / 720)
    directions = np.stack([around.real, around.imag], axis=1)
    steps = 0
    for w, after in itertools.pairwise(run.weights):
        h, at = after - w, problem.at(w[None])
        others = np.linalg.norm(h) * directions
        lengths = np.linalg.norm(at.residuals()[0] + others @ at.jacobian()[0].T, axis=1)
        assert np.linalg.norm(at.residuals()[0] + at.jacobian()[0] @ h) <= lengths.min() * (1 + 1e-12)
        steps += h.any()
    assert steps >= 8


@pytest.mark.parametrize("damping", [1e-6, 1e-3, 1, 1e3])
@pytest.mark.parametrize("where", ["six_points", "unequal"])
def test_error_never_increases(where, damping, follow, request):
    problem = request.getfixturevalue(where)
    run = follow("levenberg-marquardt", problem, (-1.2, 1, 0.3)[: len(problem.weights)], damping=damping, max_epochs=60)
    assert (np.diff(run.errors) <= 1e-15).all()
    assert run.errors[-1] < run.errors[0] / 2


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("rosenbrock", (-1.2, 1)),
        ("beale", (1, 1)),
        ("freudenstein-roth", (0.5, -2)),
        ("himmelblau", (0, 0)),
        ("booth", (1, 1)),
    ],
)
def test_ends_at_the_minimum_of_minpack(name, start, follow):
    """SciPy's least_squares(method='lm') takes different steps to the same minimum."""
    problem = PROBLEMS[name]()
    found = least_squares(
        lambda w: problem.at(w[None]).residuals()[0],
        start,
        jac=lambda w: problem.at(w[None]).jacobian()[0],
        method="lm",
        xtol=1e-15,
        ftol=1e-15,
        gtol=1e-15,
    )
    run = follow("levenberg-marquardt", problem, start, max_epochs=300)
    assert run.weights[-1] == pytest.approx(found.x, abs=1e-6)


def test_run_that_cannot_move_is_stuck_and_others_continue():
    """An inactive relu neuron has J = 0, and one that fits the data has r = 0; the third run is active and moves."""
    problem = Perceptron(dataset=Dataset("one", ((2.0,),), (6.0,), ("x",)), activation="relu")
    lm = OPTIMIZERS["levenberg-marquardt"]()
    off, fits, on = record(iterate(lm, problem, [[-1], [3], [1]], error_threshold=None, max_epochs=5))
    for run, w in ((off, -1), (fits, 3)):
        assert (run.ending, run.epochs, run.weights.tolist()) == (Ending.STUCK, 1, [[w], [w]])
        assert (run.evaluations["residuals"], run.evaluations["jacobian"]) == (1, 1)
    assert (on.ending, on.epochs) == (Ending.EXHAUSTED, 5)
    assert on.weights[1] == pytest.approx([2])  # JᵀJ = μ = 4, Jᵀr = -8


def test_rejects_steps_whose_error_overflows(follow):
    """Far from the minimum, the error of a trial may be NaN; the run then stays and increases its damping."""
    f = PROBLEMS["beale"]()
    run = follow("levenberg-marquardt", f, (1e30, 1e30), damping=1e-30, max_epochs=200)
    assert np.isfinite(run.weights).all()
    assert (np.diff(run.errors) <= 0).all()


@pytest.mark.parametrize(("damping", "epochs"), [(1, 5), (10, 3)])
def test_on_the_published_problem(damping, epochs, six_points, follow):
    """Counts of LevenbergMarquardt in jaxopt 0.8.5 with this damping_parameter, float64."""
    run = follow("levenberg-marquardt", six_points, (-4, -4), damping=damping, error_threshold=0.125)
    assert (run.epochs, run.ending) == (epochs, Ending.REACHED)
