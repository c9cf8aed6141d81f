"""Gradient descent with a line search. The twin of ``wolfe`` is in the module of conjugate gradients."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from bpviz.declare import OPTIMIZERS
from bpviz.engine.loop import iterate
from bpviz.engine.results import Ending, record

AGAINST = {name: f"a twin with the steps of scipy.optimize.minimize_scalar, {name}" for name in ("golden", "brent")}
RTOL, EPOCHS = 1e-7, 10  # a parabola through nearly equal errors makes roundoff grow; near a minimum errors tie


def lowest(method):
    """SciPy's searches for the minimum along the negative gradient, with their own brackets."""

    def twin(f, w, *, tolerance):
        while True:
            g = f.gradient(w)
            errors = {}

            def phi(alpha, w=w, g=g, errors=errors):
                errors[alpha] = f.error([x - alpha * d for x, d in zip(w, g, strict=True)])
                return errors[alpha]

            found = minimize_scalar(phi, method=method, tol=tolerance)
            if not found.fun < errors[0.0]:
                yield w
                return
            w = [x - float(found.x) * d for x, d in zip(w, g, strict=True)]
            yield w

    return twin


def backtracking(f, x, *, step, shrink, c1, increase):
    """Nocedal & Wright 2006, Algorithm 3.1 with p = -∇f, line by line; later trials start as in optax 0.2.8."""
    fx, first = f.error(x), step
    while True:
        p = [-d for d in f.gradient(x)]
        slope = -sum(d * d for d in p)
        alpha = first
        while not (there := f.error([a + alpha * d for a, d in zip(x, p, strict=True)])) <= fx + c1 * alpha * slope:
            alpha = shrink * alpha
        x, fx = [a + alpha * d for a, d in zip(x, p, strict=True)], there
        first = min(increase * alpha, step) if increase else step
        yield x


TWINS = {"golden": lowest("golden"), "brent": lowest("brent"), "backtracking": backtracking}
UNUSUAL = {
    "golden": {"tolerance": 0.003},
    "brent": {"tolerance": 0.003},
    "backtracking": {"step": 7.0, "shrink": 0.85, "c1": 0.4, "increase": 1.7},
}


def test_one_epoch_of_golden_search_by_hand(bowl, follow):
    """From (1, 1), g = (-2, 8): φ(α) = ((2 α - 2)² + (4 - 16 α)²) / 2, lowest at α = 17/65 = 0.26154.

    φ(0) = 10 and φ(1) = 72, uphill, so the other way: φ(-1.618034) = 460.4 is up too. Bracket (1, 0, -1.618034),
    3 errors. Its longer part is the second, so the inner points are 0 and -0.618034 with φ 10 and 99.7, 2 errors. Of
    two inner points the bracket is cut at the worse and a new one is set, 1 error each: 0.381966 with φ 2.99, 0.618034
    with 17.63, 0.236068 with 1.19, 0.145898 with 2.85 and 0.291796 with 1.23. Then the bracket, from 0.381966 to
    0.145898, is no longer than 0.9 (0.291796 + 0.236068), while it was longer than 0.9 of their sum each time before.
    The better inner point is 0.236068: w = (1 + 2 · 0.236068, 1 - 8 · 0.236068). 10 errors in all.
    """
    run = follow("golden", bowl, (1, 1), tolerance=0.9, max_epochs=1)
    assert run.weights[1] == pytest.approx((1.472136, -0.888544), abs=1e-6)
    assert run.evaluations["error"] == 10


def test_one_epoch_of_brent_s_search_by_hand(bowl, follow):
    """The same line: bracket (1, 0, -1.618034), 3 errors. Brent's method starts at its inner point, 0, with φ 10.

    Nothing is known of a parabola yet, so golden steps: 0.381966 of the longer part leads to -0.618034 with φ 99.7,
    then, the longer part being (0, 1) now, to 0.381966 with 2.99. The parabola through these three is φ itself: its
    minimum 17/65 = 0.261538, 0.12 away, is new. The next parabola points there again, closer to the end 0.381966 than
    2 · 0.3 · 17/65, so the step is 0.3 · 17/65 to the other side, where φ is higher. Then the bracket, from 0.183 to
    0.382, ends within 2 · 0.3 · 17/65 of the best point on both sides. 7 errors in all.
    """
    run = follow("brent", bowl, (1, 1), tolerance=0.3, max_epochs=1)
    assert run.weights[1] == pytest.approx((1 + 2 * 17 / 65, 1 - 8 * 17 / 65), rel=1e-12)
    assert run.evaluations["error"] == 7


def test_two_epochs_of_backtracking_by_hand(bowl, follow):
    """On the same line, c₁ = 0.1: φ(1) = 72 and φ(1/2) = 8.5 are above 10 - 6.8 and 10 - 3.4, φ(1/4) = 1.125 will do.

    That is at (1.5, -1), where g = (-1.5, 0) and the first trial is the minimum. 1 + 3 + 1 errors: the error at the
    start of the second epoch is known from the first.
    """
    run = follow("backtracking", bowl, (1, 1), c1=0.1, max_epochs=2)
    assert run.weights.tolist() == [[1, 1], [1.5, -1], [3, -1]]
    assert (run.evaluations["error"], run.evaluations["gradient"]) == (5, 2)


def test_three_epochs_of_backtracking_from_longer_steps_by_hand(bowl, follow):
    """As above, but the second search starts at 2 · 1/4 and the third at 2 · 1/2, the longest step."""
    run = follow("backtracking", bowl, (1, 1), c1=0.1, increase=2, max_epochs=3)
    assert run.weights.tolist() == [[1, 1], [1.5, -1], [2.25, -1], [3, -1]]
    assert (run.evaluations["error"], run.evaluations["gradient"]) == (6, 3)
    run = follow("backtracking", bowl, (1, 1), c1=0.1, increase=16, max_epochs=2)
    assert run.weights.tolist() == [[1, 1], [1.5, -1], [3, -1]]


def test_backtracking_restarts_at_the_longest_step_before_it_is_stuck(bowl, follow):
    """Every step is 1/4, and moves w1 by a quarter of its distance to 3, until that is lost in rounding."""
    run = follow("backtracking", bowl, (1, 1), c1=0.1, increase=1, max_epochs=500)
    assert run.weights[3].tolist() == [2.15625, -1]
    assert run.weights[-1].tolist() == [3, -1]
    assert run.ending is Ending.STUCK


def test_one_epoch_of_strong_wolfe_by_hand(bowl, follow):
    """On the same line, φ'(α) = 260 α - 68: the first trial has length 1.01, α = 1.01 / √68 = 0.12248.

    φ = 3.62 is low enough, and φ' = -36.2 level enough for c₂ = 0.9, but not for 0.1: then the step is doubled, where
    φ' = -4.3.
    """
    alpha = 1.01 / math.sqrt(68)
    run = follow("wolfe", bowl, (1, 1), max_epochs=1)
    assert run.weights[1] == pytest.approx((1 + 2 * alpha, 1 - 8 * alpha), rel=1e-14)
    assert (run.evaluations["error"], run.evaluations["gradient"]) == (2, 2)
    run = follow("wolfe", bowl, (1, 1), c2=0.1, max_epochs=1)
    assert run.weights[1] == pytest.approx((1 + 4 * alpha, 1 - 16 * alpha), rel=1e-14)
    assert (run.evaluations["error"], run.evaluations["gradient"]) == (3, 3)


@pytest.mark.parametrize("name", ["golden", "brent"])
def test_a_small_tolerance_finds_the_minimum(name, bowl, follow):
    """Steepest descent with an exact search on a quadratic: α = gᵀg / gᵀHg = 68 / 260."""
    run = follow(name, bowl, (1, 1), tolerance=1e-7, max_epochs=1)
    assert run.weights[1] == pytest.approx((1 + 2 * 17 / 65, 1 - 8 * 17 / 65), abs=1e-6)


def test_backtracking_takes_the_first_step_that_meets_the_condition(unequal, plain, follow):
    """Each step is ᾱ ρᵏ and meets Armijo's condition, and ᾱ ρᵏ⁻¹ does not."""
    settings = {"step": 9.0, "shrink": 0.8, "c1": 0.3}
    run = follow("backtracking", unequal, (-1.2, 1, 0.3), max_epochs=40, **settings)
    f = plain(unequal)
    powers = []
    for w, after in itertools.pairwise(run.weights):
        g = np.array(f.gradient(w))
        alpha = (w - after) @ g / (g @ g)
        trials = [9.0 * 0.8**k for k in range(round(math.log(alpha / 9, 0.8)) + 1)]
        assert alpha == pytest.approx(trials[-1], rel=1e-9)
        met = [f.error(w - trial * g) <= f.error(w) - 0.3 * trial * (g @ g) for trial in trials]
        assert met == [False] * (len(met) - 1) + [True]
        powers.append(len(met))
    assert len(set(powers)) >= 4


def test_strong_wolfe_takes_steps_that_meet_both_conditions(unequal, plain, follow):
    run = follow("wolfe", unequal, (-1.2, 1, 0.3), max_epochs=40, c1=0.2, c2=0.25)
    f = plain(unequal)
    for w, after in itertools.pairwise(run.weights):
        g, there = np.array(f.gradient(w)), np.array(f.gradient(after))
        assert f.error(after) <= f.error(w) + 0.2 * (after - w) @ g
        assert abs(there @ g) <= 0.25 * g @ g


def test_rejects_c1_above_c2():
    with pytest.raises(ValueError, match="c1") as refusal:
        OPTIMIZERS["wolfe"](c1=0.5, c2=0.5)
    assert str(refusal.value) == "wolfe: c1: 0.5 is not below c2, 0.5"


@pytest.mark.parametrize(("name", "trials"), [("golden", 3), ("brent", 3), ("backtracking", 1), ("wolfe", 1)])
def test_ends_only_the_run_whose_search_finds_nothing_lower(name, trials, bowl):
    """At the minimum there is nowhere to go: φ is constant along a gradient of 0.

    The searches for the lowest point see it from φ at 0, 1 and 2.618034, the others from the slope.
    """
    starts = [(3, -1), (1, 1)]
    there, elsewhere = record(iterate(OPTIMIZERS[name](), bowl, starts, error_threshold=None, max_epochs=3))
    assert (there.ending, there.epochs, there.weights.tolist()) == (Ending.STUCK, 1, [[3, -1], [3, -1]])
    assert there.evaluations["error"] == trials
    assert (elsewhere.ending, elsewhere.epochs) == (Ending.EXHAUSTED, 3)
    assert (np.diff(elsewhere.errors) < 0).all()
