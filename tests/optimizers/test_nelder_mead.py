"""Nelder and Mead's simplex method."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import minimize

from bpviz.declare import OPTIMIZERS, PROBLEMS
from bpviz.engine.loop import iterate
from bpviz.engine.oracle import CountingOracle
from bpviz.engine.results import Ending, record


def combined(a, x, b, y):
    return [a * p + b * q for p, q in zip(x, y, strict=True)]


def nelder_mead(f, w, *, step, reflection, expansion, contraction, shrink, convention):
    """Nelder & Mead 1965, figure 1, with a shrinkage coefficient; for scipy, Lagarias et al. 1998, section 2."""
    n = len(w)
    alpha, gamma, beta, delta = reflection, expansion, contraction, shrink

    def vertex(P):
        y = f.error(P)
        return (math.inf if math.isnan(y) else y), P

    longer = [[(x * (1 + step) if x else step / 200) if i == j else x for j, x in enumerate(w)] for i in range(n)]
    simplex = sorted([vertex(P) for P in [w, *longer]], key=lambda v: v[0])
    while True:
        (yl, Pl), (yh, Ph) = simplex[0], simplex[-1]
        ys = simplex[-2][0]
        middle = [sum(xs) / n for xs in zip(*(P for _, P in simplex[:-1]), strict=True)]
        y1, P1 = vertex(combined(1 + alpha, middle, -alpha, Ph))
        shrinks = False
        if y1 < yl:
            y2, P2 = vertex(combined(gamma, P1, 1 - gamma, middle))
            good = y2 < (y1 if convention == "scipy" else yl)
            simplex[-1] = (y2, P2) if good else (y1, P1)
        elif y1 < ys or (convention == "paper" and y1 == ys):
            simplex[-1] = y1, P1
        elif convention == "paper":
            if not y1 > yh:
                yh, Ph = simplex[-1] = y1, P1
            y2, P2 = vertex(combined(beta, Ph, 1 - beta, middle))
            shrinks = y2 > yh
            if not shrinks:
                simplex[-1] = y2, P2
        else:
            outside = y1 < yh
            y2, P2 = vertex(combined(beta, P1 if outside else Ph, 1 - beta, middle))
            shrinks = not (y2 <= y1 if outside else y2 < yh)
            if not shrinks:
                simplex[-1] = y2, P2
        if shrinks:
            simplex = [
                simplex[0],
                *(vertex([a + delta * (b - a) for a, b in zip(Pl, P, strict=True)]) for _, P in simplex[1:]),
            ]
        simplex.sort(key=lambda v: v[0])
        yield simplex[0][1]
        if all(simplex[0][1] == P for _, P in simplex):
            return


TWINS = {"nelder-mead": nelder_mead}
UNUSUAL = {
    "nelder-mead": {
        "step": 3.0,  # a simplex large enough to need shrinking
        "reflection": 1.7,
        "expansion": 2.6,
        "contraction": 0.35,
        "shrink": 0.7,
        "convention": "scipy",
    }
}


def test_four_epochs_by_hand(bowl, follow):
    """From (1, 1) with s = 0.5: vertices (1, 1) with error 10, (1.5, 1) with 9.125 and (1, 1.5) with 14.5.

    1. P̄ = (1.25, 1). P* = (1.5, 0.5), 5.625, lower than all: P** = (1.75, 0), 2.78125, also lower. 3 + 2 errors.
    2. h = (1, 1), P̄ = (1.625, 0.5). P* = (2.25, 0), 2.28125, P** = (2.875, -0.5), 0.5078125. 2 errors.
    3. h = (1.5, 1), P̄ = (2.3125, -0.25). P* = (3.125, -1.5), 0.5078125 again: not lower than the best vertex, but lower
       than the second worst, so it is accepted. 1 error.
    4. h = (1.75, 0), P̄ = (3, -1): P* = (4.25, -2), also 2.78125, is not higher than h, so P** is halfway to it,
       (3.625, -1.5) with 0.6953125. 2 errors.
    5. h = (3.625, -1.5), P̄ = (3, -1): P* = (2.375, -0.5) is equal again, and P** = (2.6875, -0.75) has 0.173828125.
    """
    run = follow("nelder-mead", bowl, (1, 1), step=0.5, max_epochs=5)
    assert run.weights.tolist() == [[1, 1], [1.75, 0], [2.875, -0.5], [2.875, -0.5], [2.875, -0.5], [2.6875, -0.75]]
    assert run.errors[-1] == 0.173828125
    assert run.counts[:, 0].tolist() == [0, 5, 7, 8, 10, 12]


@pytest.mark.parametrize(("convention", "last"), [("paper", (3.625, -1.5)), ("scipy", (2.375, -0.5))])
def test_tie_by_hand(convention, last, bowl):
    """In the fourth epoch, the errors of P* and h are equal: the paper contracts towards P*, Lagarias towards h."""
    f, w = CountingOracle(bowl, 1), np.array([[1.0, 1.0]])
    rule = OPTIMIZERS["nelder-mead"](step=0.5, convention=convention)
    state = rule.begin(w, f)
    for _ in range(4):
        w, state = rule.advance(w, state, f)
    assert state.P[0].tolist() == [[2.875, -0.5], [3.125, -1.5], list(last)]
    assert state.y[0].tolist() == [0.5078125, 0.5078125, 0.6953125]


@pytest.mark.parametrize(("convention", "second"), [("paper", 3.5), ("scipy", 2.5)])
def test_shrinking_simplex_by_hand(convention, second, landscape):
    """E = u² - u / 20 + 4 sin² π u with u = w - 3, from w = 2 with s = 1/2: vertices u = -1 with 1.05 and u = 0 with 0.

    P* is u = 1 with 0.95, lower than h, and P**, u = 1/2, has 4.225: the simplex shrinks. The paper keeps P*, which
    moves to u = 1/2; Lagarias et al. discard it, and u = -1 moves to -1/2. 2 + 2 + 1 errors.
    """
    problem = landscape(lambda w: (w[:, 0] - 3) ** 2 - (w[:, 0] - 3) / 20 + 4 * np.sin(np.pi * w[:, 0]) ** 2, 1)
    f, w = CountingOracle(problem, 1), np.array([[2.0]])
    rule = OPTIMIZERS["nelder-mead"](step=0.5, convention=convention)
    w, state = rule.advance(w, rule.begin(w, f), f)
    assert state.P[0, :, 0].tolist() == [3, second]
    assert f.block_counts()[0][0] == 5


SCIPY = [
    ("six_points", (-4.0, -4.0)),
    ("six_points", (2.3, 0.0)),  # a weight that is 0
    ("unequal", (-1.2, 1.0, 0.3)),
]


@pytest.mark.parametrize("adaptive", [False, True])
@pytest.mark.parametrize(("where", "start"), SCIPY)
def test_best_vertex_matches_scipy(where, start, adaptive, plain, follow, request):
    problem = request.getfixturevalue(where)
    n = len(start)
    f, best = plain(problem), []
    minimize(
        lambda w: f.error(w.tolist()),
        start,
        method="Nelder-Mead",
        callback=lambda w: best.append(w.tolist()),
        options={"xatol": 0, "fatol": 0, "maxiter": 41, "maxfev": math.inf, "adaptive": adaptive},
    )
    coefficients = {"expansion": 1 + 2 / n, "contraction": 0.75 - 1 / (2 * n), "shrink": 1 - 1 / n} if adaptive else {}
    run = follow("nelder-mead", problem, start, convention="scipy", max_epochs=40, **coefficients)
    np.testing.assert_allclose(run.weights[1:], best, 1e-10)
    assert run.evaluations["error"] == f.counts["error"]


@pytest.mark.parametrize("convention", ["paper", "scipy"])
@pytest.mark.parametrize("nowhere", [np.nan, np.inf])
def test_non_finite_errors_are_worst(nowhere, convention, landscape, follow):
    """A bowl with its minimum (1, 2) near the boundary of its domain."""

    def bowl(w):
        error = (w[:, 0] - 1) ** 2 + 3 * (w[:, 1] - 2) ** 2 + 1
        return np.where(w[:, 0] + w[:, 1] > 3.05, nowhere, error)

    run = follow("nelder-mead", landscape(bowl, 2), (-1, 0.5), convention=convention, step=3, max_epochs=150)
    assert run.weights[-1] == pytest.approx((1, 2), abs=1e-6)
    assert np.isfinite(run.errors).all()
    assert (np.diff(run.errors) <= 0).all()


def test_run_with_coinciding_vertices_is_stuck(bowl):
    """Only with convention scipy: the paper's rule accepts equal errors and may alternate between adjacent floats."""
    rule = OPTIMIZERS["nelder-mead"](convention="scipy")
    runs = record(iterate(rule, bowl, [(1, 1), (3, -1)], error_threshold=None, max_epochs=1000))
    for run in runs:
        assert run.ending is Ending.STUCK
        assert run.weights[-1] == pytest.approx((3, -1), abs=1e-7)
    assert runs[0].epochs != runs[1].epochs


@pytest.mark.parametrize("name", ["rosenbrock", "beale", "himmelblau", "booth", "matyas"])
def test_finds_minima(name, follow):
    problem = PROBLEMS[name]()
    run = follow("nelder-mead", problem, problem.start, max_epochs=400)
    assert min(np.abs(run.weights[-1] - minimum.at).max() for minimum in problem.minima) < 1e-6
