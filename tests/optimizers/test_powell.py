"""Powell's conjugate direction method."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.optimize import minimize, minimize_scalar

from bpviz.declare import OPTIMIZERS, PROBLEMS
from bpviz.engine.loop import iterate
from bpviz.engine.oracle import CountingOracle
from bpviz.engine.results import Ending, record
from bpviz.problems.datasets import Dataset
from bpviz.problems.perceptron import Perceptron

RTOL, EPOCHS = 1e-7, 4  # parabolas through nearly equal errors amplify rounding errors; near a minimum errors are equal


def powell(f, x, *, step, tolerance, convention):
    """Powell 1964, section 4, (i) to (v), or powell from Numerical Recipes for scipy, with the searches of SciPy."""
    n = len(x)

    def line(p, xi, known):
        """Return λ, the minimum p + λ ξ along the line and its error."""
        heights = {0.0: known}

        def phi(alpha):
            if alpha not in heights:
                y = f.error([a + alpha * b for a, b in zip(p, xi, strict=True)])
                heights[alpha] = math.inf if math.isnan(y) else y
            return heights[alpha]

        found = minimize_scalar(phi, method="brent", tol=tolerance)
        alpha = float(found.x)
        return alpha, [a + alpha * b for a, b in zip(p, xi, strict=True)], float(found.fun)

    axes = [[step * (i == j) for j in range(n)] for i in range(n)]
    directions, new = axes, True
    fx = f.error(x)
    p0 = x
    while True:
        f1 = fx
        falls = []
        for xi in directions:
            before = fx
            _, x, fx = line(x, xi, fx)
            falls.append(before - fx)
        yield x
        f2 = fx
        if not f2 < f1:
            if new:
                return
            directions, new, p0 = axes, True, x
            continue
        new = False
        delta = max(falls)
        m = falls.index(delta)
        xi = [a - b for a, b in zip(x, p0, strict=True)]
        f3 = f.error([a + b for a, b in zip(x, xi, strict=True)])
        p0 = x
        if not (f3 >= f1 or (f1 - 2 * f2 + f3) * (f1 - f2 - delta) ** 2 >= 0.5 * delta * (f1 - f3) ** 2):
            alpha, x, fx = line(x, xi, f2)
            if convention == "paper":
                directions = [*directions[:m], *directions[m + 1 :], xi]
                p0 = x
            elif any(alpha * a for a in xi):
                directions[m] = directions[-1]
                directions[-1] = [alpha * a for a in xi]
        elif convention == "paper":
            p0 = x


TWINS = {"powell": powell}
UNUSUAL = {"powell": {"step": 0.4, "tolerance": 0.002, "convention": "scipy"}}


def slanted(w):
    """E = u² + v² - u v with u = w1 - 3, v = w2 + 1."""
    u, v = w[:, 0] - 3, w[:, 1] + 1
    return u * u + v * v - u * v


@pytest.mark.parametrize(("convention", "new"), [("paper", (-3, -1.5)), ("scipy", (-1, -0.5))])
def test_two_epochs_by_hand(convention, new, landscape):
    """From (u, v) = (4, 2) with error 12: along u to (1, 2) with 3, along v to (1, 1/2) with 3/4. Δ = 9, m = 1.

    ξ = (-3, -3/2), f₃ = E(-2, -1) = 3, below f₁ = 12, and 13.5 · 2.25² = 68 is below 9 · 9² / 2 = 364: the first
    direction is replaced by ξ, along which the minimum lies at λ = 1/3.
    """
    rule, f = OPTIMIZERS["powell"](convention=convention), CountingOracle(landscape(slanted, 2), 1)
    w, path = np.array([[7.0, 1.0]]), []
    state = rule.begin(w, f)
    for _ in range(2):
        with np.errstate(all="ignore"):  # as the loop does
            w, state = rule.advance(w, state, f)
        path.append(w[0])
    assert path == [pytest.approx((4, -0.5), abs=1e-7), pytest.approx((3, -1), abs=1e-7)]
    assert state.d[0] == pytest.approx(np.array([(0, 1), new]), abs=1e-6)


@pytest.mark.parametrize("convention", ["paper", "scipy"])
def test_begins_again_along_the_axes_before_a_run_ends(convention, landscape):
    """Both directions are the same, so that epochs along them find nothing lower from a point on."""
    rule, f = OPTIMIZERS["powell"](convention=convention), CountingOracle(landscape(slanted, 2), 1)
    w = np.array([[7.0, 1.0]])
    same = np.array([[[1.0, 0.0], [1.0, 0.0]]])
    state = rule.begin(w, f)._replace(d=same, error=f.error(w), error0=np.array([[12.0]]), fall=np.array([[0.0]]))
    path = []
    with np.errstate(all="ignore"):  # as the loop does
        for _ in range(12):
            w, state = rule.advance(w, state, f)
            path.append(w[0].tolist())
            if f.stuck is not None:
                break
    assert path[0] == pytest.approx((4, 1), abs=1e-6)
    assert path[1] == pytest.approx((4, 1), abs=1e-6)
    assert path[-1] == pytest.approx((3, -1), abs=1e-6)
    assert f.stuck is not None
    assert state.d[0].tolist() == np.eye(2).tolist()


@pytest.mark.parametrize("convention", ["paper", "scipy"])
def test_rejects_a_new_direction(convention, landscape):
    """E = uᵀH u / 2 from u = (3, 0, 1), 15, falls by 10.667 = Δ, 0.037 and 3.962, to 0.335 at (1/3, -1/9, 5/81).

    At w + ξ the error is 8.043, below 15, but 22.373 · 3.999² = 357.7 is not below Δ (15 - 8.043)² / 2 = 258.2.
    """
    H = np.array([[3, -4, -1], [-4, 6, 2], [-1, 2, 9]])

    def error(w):
        u = w - (1, -2, 0.5)
        return sum(H[i, j] * u[:, i] * u[:, j] for i in range(3) for j in range(3)) / 2

    rule, f = OPTIMIZERS["powell"](convention=convention), CountingOracle(landscape(error, 3), 1)
    w = np.array([[4, -2, 1.5]])
    state = rule.begin(w, f)
    for _ in range(2):
        with np.errstate(all="ignore"):  # as the loop does
            w, state = rule.advance(w, state, f)
        assert state.d[0].tolist() == np.eye(3).tolist()


@pytest.fixture
def quadratic():
    """Least squares in four weights, with a rotated Hessian of condition number about 200."""
    rng = np.random.default_rng(8)
    x, y = rng.normal(size=(6, 1)) + 0.4 * rng.normal(size=(6, 4)), rng.normal(size=6)
    names = tuple(f"x{i + 1}" for i in range(4))
    dataset = Dataset("quadratic", tuple(map(tuple, x.tolist())), tuple(y.tolist()), names)
    return Perceptron(dataset=dataset, activation="linear")


@pytest.mark.parametrize("convention", ["paper", "scipy"])
def test_is_faster_than_axis_searches_on_a_quadratic(convention, quadratic, follow):
    """Powell 1964, section 3: the replacements make the directions conjugate, so that n searches suffice.

    Without replacements, convergence is linear; this path is computed here from the Hessian.
    """
    start = (1, -2, 0.5, 3)
    run = follow("powell", quadratic, start, convention=convention, tolerance=1e-6, max_epochs=9)
    A, b = np.array(quadratic.dataset.features), np.array(quadratic.dataset.targets)
    lowest = np.linalg.lstsq(A, b)[0]
    assert run.weights[-1] == pytest.approx(lowest, abs=1e-4)
    H, w = A.T @ A, np.array(start) - lowest
    for _ in range(9):
        for i in range(4):
            w[i] -= H[i] @ w / H[i, i]
    assert abs(w).max() > 0.1


def test_every_search_ends_at_the_minimum_along_its_line(unequal, plain, follow):
    """The last search of the first epoch is along the last axis."""
    run = follow("powell", unequal, (-1.2, 1, 0.3), tolerance=1e-6, max_epochs=1)
    f = plain(unequal)
    assert f.gradient(run.weights[1].tolist())[-1] == pytest.approx(0, abs=1e-6)
    moves = np.diff(run.weights, axis=0)[0]
    for i in range(3):
        w = np.where(np.arange(3) <= i, run.weights[1], run.weights[0])
        heights = [f.error([*w[:i], w[i] + t, *w[i + 1 :]]) for t in (-0.01, 0, 0.01)]
        assert heights[1] == min(heights)
    assert abs(moves).min() > 0.01


@pytest.mark.parametrize("settings", [{}, {"step": 0.5, "tolerance": 1e-3}])
@pytest.mark.parametrize(("where", "epochs"), [("six_points", 2), ("unequal", 4), ("quadratic", 8)])
def test_every_iterate_matches_scipy(where, epochs, settings, plain, follow, request):
    problem = request.getfixturevalue(where)
    n = len(problem.weights)
    start, f, iterates = (-1.2, 1, 0.3, 2)[:n], plain(problem), []
    result = minimize(
        lambda w: f.error(w.tolist()),
        start,
        method="Powell",
        callback=lambda w: iterates.append(w.tolist()),
        options={
            "ftol": 0,
            "xtol": settings.get("tolerance", 0.01) / 100,
            "direc": settings.get("step", 1) * np.eye(n),
            "maxiter": epochs,
        },
    )
    run = follow("powell", problem, start, convention="scipy", max_epochs=epochs, **settings)
    assert len(iterates) == epochs
    np.testing.assert_allclose(run.weights[1:], iterates, 1e-6)
    assert run.evaluations["error"] <= result.nfev  # SciPy evaluates again at the start of each line


@pytest.mark.parametrize("convention", ["paper", "scipy"])
@pytest.mark.parametrize("nowhere", [np.nan, np.inf])
def test_non_finite_errors_are_worst(nowhere, convention, landscape, follow):
    def cliff(w):
        return np.where(w[:, 0] + w[:, 1] > 2.2, nowhere, slanted(w) + 1)

    run = follow("powell", landscape(cliff, 2), (-3, 2), convention=convention, max_epochs=12)
    assert run.weights[-1] == pytest.approx((3, -1), abs=1e-5)
    assert np.isfinite(run.errors).all()
    assert (np.diff(run.errors) <= 0).all()


@pytest.mark.parametrize("convention", ["paper", "scipy"])
def test_run_at_a_minimum_is_stuck(convention, bowl):
    powell = OPTIMIZERS["powell"](convention=convention)
    there, elsewhere = record(iterate(powell, bowl, [(3, -1), (1, 1)], error_threshold=None, max_epochs=1))
    assert (there.ending, there.epochs, there.weights.tolist()) == (Ending.STUCK, 1, [[3, -1], [3, -1]])
    assert elsewhere.ending is Ending.EXHAUSTED
    assert elsewhere.weights[1] == pytest.approx((3, -1), abs=1e-6)


@pytest.mark.parametrize("name", ["rosenbrock", "himmelblau", "booth", "matyas"])
def test_finds_minima(name, follow):
    problem = PROBLEMS[name]()
    run = follow("powell", problem, problem.start, max_epochs=60)
    assert min(np.abs(run.weights[-1] - minimum.at).max() for minimum in problem.minima) < 1e-5
    assert all(after <= before for before, after in itertools.pairwise(run.errors))
