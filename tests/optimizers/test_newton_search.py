"""Newton's method with a line search."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from plain_algebra import REPAIRS, dot, plus, repaired, solve, wolfe

from bpviz.declare import OPTIMIZERS
from bpviz.engine.loop import iterate
from bpviz.engine.results import Ending, record

AGAINST = {"newton-wolfe": "a twin with the steps of scipy.optimize.line_search"}
RTOL, EPOCHS = 1e-8, 5  # they converge so fast that errors tie from then on


def downhill(p, g):
    return p if p is not None and dot(g, p) < 0 else [-d for d in g]


def newton_wolfe(f, x, *, step, c1, c2, repair, penalty):
    """Nocedal & Wright 2006, Algorithm 3.2, the first trial always 1 (or ``step``); -g if that leads uphill."""
    fx, g = f.error(x), f.gradient(x)
    while True:
        p = downhill(solve(repaired(f.hessian(x), repair, penalty), [-d for d in g]), g)
        found = wolfe(f, x, p, g, fx, None, step=step, c1=c1, c2=c2)
        if not found:
            yield x
            return
        move, fx, g = found
        x = plus(x, move)
        yield x


def newton_backtracking(f, x, *, step, shrink, c1, repair, penalty):
    """Nocedal & Wright 2006, Algorithm 3.2 with Algorithm 3.1."""
    fx = f.error(x)
    while True:
        g = f.gradient(x)
        p = downhill(solve(repaired(f.hessian(x), repair, penalty), [-d for d in g]), g)
        alpha = step
        while not (there := f.error(plus(x, p, alpha))) <= fx + c1 * alpha * dot(g, p):
            alpha = shrink * alpha
        x, fx = plus(x, p, alpha), there
        yield x


TWINS = {"newton-wolfe": newton_wolfe, "newton-backtracking": newton_backtracking}
UNUSUAL = {
    "newton-wolfe": {"step": 1.7, "c1": 0.3, "c2": 0.45, "repair": "flip", "penalty": 0.3},
    "newton-backtracking": {"step": 1.7, "shrink": 0.85, "c1": 0.45, "repair": "flip", "penalty": 0.3},
}


@pytest.mark.parametrize("repair", REPAIRS)
@pytest.mark.parametrize("name", TWINS)
def test_every_repair_equals_the_twin(name, repair, unequal, plain, follow):
    """At a start where the Hessian has eigenvalues of both signs."""
    start, settings = [-1.2, 1.0, 0.3], {**UNUSUAL[name], "repair": repair, "penalty": 0.04}
    run = follow(name, unequal, start, max_epochs=EPOCHS, **settings)
    weights = [start, *itertools.islice(TWINS[name](plain(unequal), start, **settings), EPOCHS)]
    np.testing.assert_allclose(run.weights, weights, RTOL, RTOL)


@pytest.mark.parametrize("name", TWINS)
def test_tries_the_whole_step_first(name, bowl, follow):
    """On a quadratic it is taken at once: errors at both ends, and the gradient where it is asked."""
    run = follow(name, bowl, (1, 1), max_epochs=1)
    assert run.weights[1] == pytest.approx((3, -1), rel=1e-15)
    gradients = {"newton-wolfe": 2, "newton-backtracking": 1}[name]
    assert (run.evaluations["error"], run.evaluations["gradient"], run.evaluations["hessian"]) == (2, gradients, 1)


def test_two_epochs_of_newton_backtracking_by_hand(bowl, follow):
    """ᾱ = 4, ρ = 1/2, c₁ = 0.6 from (1, 1): d = (2, -2), E = 10, gᵀd = -20, and E = 10 (1 - α)² along d.

    α = 4 and 2 and 1 fail, E = 90, 10 and 0 against 10 - 12 α: -38, -14 and -2. α = 1/2 has 2.5 ≤ 4. Then d = (1, -1),
    E = 2.5 and gᵀd = -5, all a quarter: the same trials. 1 + 4 + 4 errors.
    """
    run = follow("newton-backtracking", bowl, (1, 1), step=4, c1=0.6, max_epochs=2)
    assert run.weights.tolist() == [[1, 1], [2, 0], [2.5, -0.5]]
    assert (run.evaluations["error"], run.evaluations["gradient"], run.evaluations["hessian"]) == (9, 2, 2)


def test_one_epoch_of_newton_wolfe_by_hand(bowl, follow):
    """ᾱ = 1/4 along d = (2, -2) from (1, 1): φ(α) = 10 (1 - α)², φ'(α) = 20 (α - 1).

    With c₂ = 0.6: at 1/4, φ' = -15 is too steep against -20, at 1/2 -10 will do. 3 errors, 3 gradients.
    """
    run = follow("newton-wolfe", bowl, (1, 1), step=0.25, c2=0.6, max_epochs=1)
    assert run.weights[1].tolist() == [2, 0]
    assert (run.evaluations["error"], run.evaluations["gradient"], run.evaluations["hessian"]) == (3, 3, 1)


def test_newton_wolfe_takes_steps_that_meet_both_conditions(unequal, plain, follow):
    run = follow("newton-wolfe", unequal, (-1.2, 1, 0.3), max_epochs=EPOCHS, c1=0.2, c2=0.25)
    f = plain(unequal)
    for w, after in itertools.pairwise(run.weights):
        d = np.array(solve(repaired(f.hessian(w), "cholesky", 1e-8), [-x for x in f.gradient(w)]))
        move = after - w
        assert move == pytest.approx(d * (move @ d) / (d @ d), rel=1e-6)
        assert f.error(after) <= f.error(w) + 0.2 * move @ f.gradient(w) < f.error(w)
        assert abs(move @ f.gradient(after)) <= -0.25 * (1 + 1e-9) * move @ f.gradient(w)


def test_newton_backtracking_takes_the_first_step_that_meets_the_condition(six_points, plain, follow):
    """Each step is ρᵏ and meets Armijo's condition, and ρᵏ⁻¹ does not."""
    run = follow("newton-backtracking", six_points, (-4, -4), max_epochs=6, shrink=0.7)
    f = plain(six_points)
    powers = []
    for w, after in itertools.pairwise(run.weights):
        g = np.array(f.gradient(w))
        d = np.array(solve(repaired(f.hessian(w), "cholesky", 1e-8), -g))
        k = round(np.log((after - w) @ d / (d @ d)) / np.log(0.7))
        assert after == pytest.approx(w + 0.7**k * d, rel=1e-6)
        met = [f.error(w + 0.7**i * d) <= f.error(w) + 1e-4 * 0.7**i * d @ g for i in range(k + 1)]
        assert met == [False] * k + [True]
        powers.append(k)
    assert len(set(powers)) >= 2


@pytest.mark.parametrize("name", TWINS)
def test_searches_along_the_negative_gradient_where_the_newton_direction_leads_uphill(name, six_points, plain, follow):
    """The Hessian of the published problem is indefinite at (-4, -4), and not repaired."""
    f = plain(six_points)
    g = np.array(f.gradient((-4, -4)))
    assert g @ np.linalg.solve(f.hessian((-4, -4)), g) < 0
    run = follow(name, six_points, (-4, -4), repair="penalty", penalty=0, max_epochs=9)
    move = run.weights[1] - run.weights[0]
    assert move / np.linalg.norm(move) == pytest.approx(-g / np.linalg.norm(g), rel=1e-12)
    assert (np.diff(run.errors) < 0).all()
    for repair in REPAIRS[1:]:
        run = follow(name, six_points, (-4, -4), repair=repair, max_epochs=9)
        assert (np.diff(run.errors) < 0).all()


@pytest.mark.parametrize("name", TWINS)
def test_is_stuck_at_a_minimum(name, bowl):
    there, elsewhere = record(iterate(OPTIMIZERS[name](), bowl, [(3, -1), (1, 1)], error_threshold=None, max_epochs=1))
    assert (there.ending, there.epochs, there.weights.tolist()) == (Ending.STUCK, 1, [[3, -1], [3, -1]])
    assert there.evaluations == {"error": 1, "gradient": 1, "hessian": 1, "residuals": 0, "jacobian": 0}
    assert (elsewhere.ending, elsewhere.epochs) == (Ending.EXHAUSTED, 1)
