"""Newton's method with directions by conjugate gradients."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.optimize
from plain_algebra import apply, dot, plus, solve, wolfe

from bpviz.declare import OPTIMIZERS, PROBLEMS
from bpviz.engine.loop import iterate
from bpviz.engine.oracle import CountingOracle
from bpviz.engine.results import Ending, record
from bpviz.optimizers._krylov import truncated_newton

RTOL, EPOCHS = 1e-8, 6  # they converge so fast that errors tie from then on


def direction(hessian, g, forcing):
    """Nocedal & Wright 2006, Algorithm 7.1; along -g, SciPy's length."""
    size = sum(map(abs, g))
    z, r, p = [0.0] * len(g), g, [-d for d in g]
    first = True
    while sum(map(abs, r)) > min(forcing, math.sqrt(size)) * size:
        bend = dot(p, apply(hessian, p))
        if bend <= 0:
            return ([dot(g, g) / -bend * d for d in p] if bend else p) if first else z
        alpha = dot(r, r) / bend
        z, after = plus(z, p, alpha), plus(r, apply(hessian, p), alpha)
        p = plus([-d for d in after], p, dot(after, after) / dot(r, r))
        r, first = after, False
    return z


def newton_cg(f, x, *, step, c1, c2, forcing):
    fx, g, before = f.error(x), f.gradient(x), None
    while True:
        found = wolfe(f, x, direction(f.hessian(x), g, forcing), g, fx, before, step=step, c1=c1, c2=c2)
        if not found:
            yield x
            return
        before = fx
        move, fx, g = found
        x = plus(x, move)
        yield x


TWINS = {"newton-cg": newton_cg}
UNUSUAL = {"newton-cg": {"step": 0.7, "c1": 0.3, "c2": 0.45, "forcing": 0.05}}


def test_one_epoch_by_hand(bowl, follow):
    """From (1, 1): g = (-2, 8), H = diag(1, 4). gᵀg = 68, gᵀHg = 260, so z = -17/65 g after one iteration.

    The residual g + Hz is (-96, -24)/65: its sum of magnitudes 120/65 = 1.85 is below η ‖g‖ = 5 for η = 1/2, but not
    below 1 for η = 0.1, with which the next iteration gives the minimum (3, -1).
    """
    run = follow("newton-cg", bowl, (1, 1), max_epochs=1)
    assert run.weights[1] == pytest.approx((1 + 34 / 65, 1 - 136 / 65), rel=1e-14)
    assert run.evaluations == {"error": 2, "gradient": 2, "hessian": 1, "residuals": 0, "jacobian": 0}
    run = follow("newton-cg", bowl, (1, 1), max_epochs=1, forcing=0.1)
    assert run.weights[1] == pytest.approx((3, -1), rel=1e-14)


def directions(hessian, g, forcing):
    """Return the directions for a block of models."""
    f = CountingOracle(PROBLEMS["quadratic"](), len(g))
    with np.errstate(all="ignore"):
        return truncated_newton(np.array(hessian, dtype=float), np.array(g, dtype=float), forcing, f)


def test_nonpositive_curvature_by_hand():
    """H = diag(1, h) from g = (1, 1).

    h = -2: gᵀHg = -1, so d = -2 g. h = -1: gᵀHg = 0, so d = -g. h = -1/2: gᵀHg = 1/2, so z = -4 g and
    r = g + Hz = (-3, 3). p = -r + 9 (-1, -1) = (-6, -12), of curvature 36 - 72 < 0, so d = z.
    """
    hessians = [np.diag([1, h]) for h in (-2, -1, -0.5)]
    assert directions(hessians, [(1, 1)] * 3, 0.1).tolist() == [[-2, -2], [-1, -1], [-4, -4]]


def test_directions_have_the_residuals_that_forcing_allows():
    rng = np.random.default_rng(5)
    roots = rng.normal(size=(200, 6, 6))
    hessians, g = roots @ roots.transpose(0, 2, 1) + 0.1 * np.eye(6), rng.normal(size=(200, 6))
    for forcing in (0.5, 0.01, 1e-10):
        d = directions(hessians, g, forcing)
        residual = np.abs(np.einsum("rij,rj->ri", hessians, d) + g).sum(axis=1) / np.abs(g).sum(axis=1)
        assert (residual <= forcing * (1 + 1e-9)).all()
        assert residual.max() >= forcing / 10
    for hessian, slope, mine in zip(hessians[:20], g, d, strict=False):
        np.testing.assert_allclose(mine, solve(hessian.tolist(), (-slope).tolist()), rtol=1e-6)


@pytest.mark.parametrize(("name", "start"), [("rosenbrock", (-1.2, 1.0)), ("beale", (1.0, 1.5))])
def test_counts_match_scipy(name, start, follow, monkeypatch):
    """One Hessian per epoch; errors and gradients by SciPy's ``line_search``."""
    monkeypatch.setattr(scipy.optimize._optimize, "line_search_wolfe1", lambda *_, **__: (None,))
    problem, rows = PROBLEMS[name](), []
    result = scipy.optimize.minimize(
        lambda w: problem.at(w[None]).error()[0],
        start,
        jac=lambda w: problem.at(w[None]).gradient()[0],
        hess=lambda w: problem.at(w[None]).hessian()[0],
        method="Newton-CG",
        callback=lambda w: rows.append(w.copy()),
        options={"xtol": 1e-3},  # later it ignores small curvatures
    )
    run = follow("newton-cg", problem, start, max_epochs=result.nit)
    np.testing.assert_allclose(run.weights[1:], rows, rtol=1e-8)
    assert run.evaluations["hessian"] == result.nhev == result.nit > 5
    assert (run.evaluations["error"], run.evaluations["gradient"]) == (result.nfev, result.njev)
    assert (run.evaluations["error"] > result.nit + 1) == (name == "rosenbrock")  # where a first trial is rejected


def test_is_stuck_at_a_minimum(bowl):
    rule = OPTIMIZERS["newton-cg"]()
    there, elsewhere = record(iterate(rule, bowl, [(3, -1), (1, 1)], error_threshold=None, max_epochs=1))
    assert (there.ending, there.epochs, there.weights.tolist()) == (Ending.STUCK, 1, [[3, -1], [3, -1]])
    assert there.evaluations == {"error": 1, "gradient": 1, "hessian": 1, "residuals": 0, "jacobian": 0}
    assert (elsewhere.ending, elsewhere.epochs) == (Ending.EXHAUSTED, 1)
