"""Conjugate gradients, and gradient descent with the same search: β = 0.

The twins take their steps from SciPy's ``line_search``, a strong Wolfe search after the same pages of Nocedal & Wright,
for one run at a time.
"""

from __future__ import annotations

import functools
import itertools
import math
import warnings

import numpy as np
import pytest
import scipy.optimize
from scipy.optimize import line_search, minimize

from bpviz.declare import OPTIMIZERS
from bpviz.engine.loop import iterate
from bpviz.engine.results import Ending, record
from bpviz.problems.datasets import Dataset
from bpviz.problems.perceptron import Perceptron

# A cubic through nearly equal errors makes roundoff grow; on the plateau after the seventh epoch errors tie.
RTOL, EPOCHS = 1e-8, 7


def dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def minus(a, b):
    return [x - y for x, y in zip(a, b, strict=True)]


def direction(beta, g, p):
    return [beta * b - a for a, b in zip(g, p, strict=True)]


AGAINST = dict.fromkeys(
    ("wolfe", "cg-fr", "cg-pr", "cg-hs", "cg-dy"), "a twin with the steps of scipy.optimize.line_search"
)

BETA = {
    "wolfe": lambda new, g, p: 0.0,
    "cg-fr": lambda new, g, p: dot(new, new) / dot(g, g),
    "cg-pr": lambda new, g, p: max(0.0, dot(new, minus(new, g)) / dot(g, g)),
    "cg-hs": lambda new, g, p: dot(new, minus(new, g)) / dot(p, minus(new, g)),
    "cg-dy": lambda new, g, p: dot(new, new) / dot(p, minus(new, g)),
}
RULES = [name for name in BETA if name != "wolfe"]


def twin(name, f, x, *, step, c1, c2):
    """Nocedal & Wright 2006, Algorithm 5.4 with the β of section 5.2.

    SciPy's first trial is at most 1, so its direction is ``step`` times as long. Gilbert & Nocedal 1992, p. 29: a step
    of cg-pr has to lead to a direction of descent.
    """
    beta = BETA[name]
    fx, g = f.error(x), f.gradient(x)
    before = fx + math.sqrt(dot(g, g)) / 2
    p = [-d for d in g]
    while True:

        def descends(_alpha, _x, _fx, new, g=g, p=p):
            return name != "cg-pr" or dot(new, direction(beta(new, g, p), new, p)) <= -0.01 * dot(new, new)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", scipy.optimize._linesearch.LineSearchWarning)
            alpha, _, _, there, _, new = line_search(
                lambda x: f.error(x.tolist()),
                lambda x: np.array(f.gradient(x.tolist())),
                np.array(x),
                step * np.array(p),
                np.array(g),
                fx,
                before,
                c1=c1,
                c2=c2,
                extra_condition=descends,
                maxiter=1000,
            )
        if new is None:
            yield x
            return
        x = [a + float(alpha) * step * b for a, b in zip(x, p, strict=True)]
        p = direction(beta(new, g, p), new, p)
        if not dot(new, p) < 0:
            p = [-d for d in new]
        before, fx, g = fx, there, new
        yield x


TWINS = {name: functools.partial(twin, name) for name in BETA}
UNUSUAL = {name: {"step": 6.5, "c1": 0.6 if name == "wolfe" else 0.09, "c2": 0.7} for name in BETA}


@pytest.mark.parametrize("name", RULES)
def test_two_epochs_by_hand(name, bowl, follow):
    """From (1, 1), where g = (-2, 8) and d = -g, as for ``wolfe`` with c₂ = 0.1: α = 2.02 / √68 = 0.24496.

    Then w = (1.48992, -0.95969) and g = (-1.51008, 0.16124), so gᵀg = 2.30635, g'ᵀg' = 68, gᵀg' = 4.31011 and
    dᵀ(g - g') = 68 - 4.31011. The second epoch moves along -g + β d.
    """
    beta = {
        "cg-fr": 2.30635 / 68,
        "cg-pr": 0.0,  # gᵀ(g - g') is negative
        "cg-hs": (2.30635 - 4.31011) / (68 - 4.31011),
        "cg-dy": 2.30635 / (68 - 4.31011),
    }[name]
    run = follow(name, bowl, (1, 1), max_epochs=2)
    assert run.weights[1] == pytest.approx((1.48992, -0.95969), abs=1e-5)
    move = run.weights[2] - run.weights[1]
    assert move[1] / move[0] == pytest.approx((-0.16124 - 8 * beta) / (1.51008 + 2 * beta), rel=1e-4)


@pytest.fixture
def quadratic():
    """Least squares in five weights, E = |A w - b|² / 14, with H = AᵀA / 7 of condition 60 or so."""
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(7, 5)), rng.normal(size=7)
    names = tuple(f"x{i + 1}" for i in range(5))
    dataset = Dataset("quadratic", tuple(map(tuple, x.tolist())), tuple(y.tolist()), names)
    return Perceptron(dataset=dataset, activation="linear", loss="half-mse")


@pytest.mark.parametrize("name", RULES)
def test_exact_searches_minimize_a_quadratic_in_n_epochs(name, quadratic, follow):
    """Hestenes & Stiefel 1952, Theorems 5.1 and 5.2: directions conjugate, gradients orthogonal, n steps."""
    run = follow(name, quadratic, (1, -2, 0.5, 3, -1), c1=1e-8, c2=1e-7, max_epochs=5)
    A, b = np.array(quadratic.dataset.features), np.array(quadratic.dataset.targets)
    assert run.weights[-1] == pytest.approx(np.linalg.lstsq(A, b)[0], abs=1e-6)
    moves = np.diff(run.weights, axis=0)
    moves /= np.linalg.norm(moves, axis=1)[:, None]
    H = A.T @ A / 7
    assert moves @ H @ moves.T == pytest.approx(np.diag(np.diag(moves @ H @ moves.T)), abs=1e-5)
    gradients = (run.weights[:-1] @ A.T - b) @ A
    gradients /= np.linalg.norm(gradients, axis=1)[:, None]
    assert gradients @ gradients.T == pytest.approx(np.eye(5), abs=1e-5)


def test_variants_are_equivalent_on_a_quadratic_with_exact_searches(quadratic, follow):
    runs = [follow(name, quadratic, (1, -2, 0.5, 3, -1), c1=1e-8, c2=1e-7, max_epochs=4) for name in RULES]
    for run in runs[1:]:
        assert run.weights == pytest.approx(runs[0].weights, rel=1e-5)


@pytest.mark.parametrize("c2", [0.1, 0.4])
@pytest.mark.parametrize("where", ["six_points", "unequal"])
def test_polak_ribiere_equals_scipy_with_the_same_search(where, c2, plain, follow, request, monkeypatch):
    """SciPy's CG uses this search, with at most ten doublings, where Moré and Thuente's fails; both are replaced."""
    monkeypatch.setattr(scipy.optimize._optimize, "line_search_wolfe1", lambda *_, **__: (None,))
    monkeypatch.setattr(scipy.optimize._optimize, "line_search_wolfe2", functools.partial(line_search, maxiter=1000))
    problem = request.getfixturevalue(where)
    start, f, weights = (-1.2, 1, 0.3)[: len(problem.weights)], plain(problem), []
    result = minimize(
        lambda w: f.error(w.tolist()),
        start,
        jac=lambda w: np.array(f.gradient(w.tolist())),
        method="CG",
        callback=lambda w: weights.append(w.tolist()),
        options={"c2": c2, "gtol": 0, "maxiter": 12},
    )
    run = follow("cg-pr", problem, start, c2=c2, max_epochs=12)
    assert len(weights) == 12
    np.testing.assert_allclose(run.weights[1:], weights, 1e-8)
    assert (run.evaluations["error"], run.evaluations["gradient"]) == (result.nfev, result.njev)


@pytest.mark.parametrize("name", RULES)
def test_steps_meet_the_strong_wolfe_conditions_downhill(name, unequal, plain, follow):
    run = follow(name, unequal, (-1.2, 1, 0.3), max_epochs=15)
    f = plain(unequal)
    for w, after in itertools.pairwise(run.weights):
        slope, there = (after - w) @ f.gradient(w), (after - w) @ f.gradient(after)
        assert slope < 0
        assert f.error(after) <= f.error(w) + 1e-4 * slope
        assert abs(there) <= 0.1 * abs(slope) * (1 + 1e-9)


@pytest.mark.parametrize("name", RULES)
def test_is_stuck_at_a_minimum(name, bowl):
    there, elsewhere = record(iterate(OPTIMIZERS[name](), bowl, [(3, -1), (1, 1)], error_threshold=None, max_epochs=2))
    assert (there.ending, there.epochs, there.weights.tolist()) == (Ending.STUCK, 1, [[3, -1], [3, -1]])
    assert there.evaluations == {"error": 1, "gradient": 1, "hessian": 0, "residuals": 0, "jacobian": 0}
    assert (elsewhere.ending, elsewhere.epochs) == (Ending.EXHAUSTED, 2)


@pytest.mark.parametrize("name", RULES)
def test_rejects_c1_above_c2(name):
    with pytest.raises(ValueError, match="c1") as refusal:
        OPTIMIZERS[name](c1=0.3, c2=0.2)
    assert str(refusal.value) == f"{name}: c1: 0.3 is not below c2, 0.2"
