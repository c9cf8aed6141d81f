"""Line searches along the move of a wrapped rule. The twins take their steps from SciPy's searches."""

from __future__ import annotations

import copy
import warnings

import numpy as np
import pytest
import scipy.optimize
from scipy.optimize import line_search, minimize_scalar

from bpviz.declare import OPTIMIZERS, WRAPPERS
from bpviz.engine.loop import iterate
from bpviz.engine.oracle import CountingOracle
from bpviz.engine.results import record

AGAINST = {
    "search-golden": "a twin with the steps of scipy.optimize.minimize_scalar, golden",
    "search-brent": "a twin with the steps of scipy.optimize.minimize_scalar, brent",
    "search-wolfe": "a twin with the steps of scipy.optimize.line_search",
}
RTOL, EPOCHS = 1e-7, 5  # a parabola through nearly equal errors makes roundoff grow; near a minimum errors tie


def dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


class Search:
    """A step α d, with d the move of the wrapped rule, and α from ``far``, None if the search fails.

    d = -g where the move does not lead downhill, and after a search that fails; then the rule restarts.
    """

    def __init__(self, inner, **settings):
        self.inner, self.stuck, self.failed = inner, False, False
        self.new = copy.deepcopy(inner)
        self.__dict__.update(settings)

    def advance(self, f, w):
        d = [a - b for a, b in zip(self.inner.advance(f, w), w, strict=True)]
        f.counts["gradient"] -= 1  # the gradient at w, which the rules of these tests have asked, costs nothing more
        g, error = f.gradient(w), f.error(w)
        if not any(d) and any(g) and not self.failed:
            return w
        steepest = self.failed or not dot(g, d) < 0
        d = [-x for x in g] if steepest else d
        alpha = self.far(f, w, d, g, error) if any(d) else None
        self.failed = alpha is None
        self.stuck = self.failed and d == [-x for x in g]
        if steepest or self.failed:
            self.inner = copy.deepcopy(self.new)
        return w if self.failed else [x + alpha * y for x, y in zip(w, d, strict=True)]


class Lowest(Search):
    method = ""

    def far(self, f, w, d, _g, error):
        f.counts["error"] -= 1  # SciPy asks for φ(0) as well
        found = minimize_scalar(
            lambda alpha: f.error([x + alpha * y for x, y in zip(w, d, strict=True)]),
            method=self.method,
            tol=self.tolerance,
        )
        return float(found.x) if found.fun < error else None


class Golden(Lowest):
    method = "golden"


class Brent(Lowest):
    method = "brent"


class Backtracking(Search):
    """Nocedal & Wright 2006, Algorithm 3.1."""

    def far(self, f, w, d, g, error):
        alpha = self.step
        while not f.error([x + alpha * y for x, y in zip(w, d, strict=True)]) <= error + self.c1 * alpha * dot(g, d):
            alpha *= self.shrink
        return alpha


class Wolfe(Search):
    """Nocedal & Wright 2006, Algorithms 3.5 and 3.6, as SciPy has them: its first trial is 1."""

    def far(self, f, w, d, g, error):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", scipy.optimize._linesearch.LineSearchWarning)
            alpha, *_, new = line_search(
                lambda x: f.error(x.tolist()),
                lambda x: np.array(f.gradient(x.tolist())),
                np.array(w),
                self.step * np.array(d),
                np.array(g),
                error,
                c1=self.c1,
                c2=self.c2,
                maxiter=1000,
            )
        return None if new is None else self.step * float(alpha)


TWINS = {
    "search-golden": Golden,
    "search-brent": Brent,
    "search-backtracking": Backtracking,
    "search-wolfe": Wolfe,
}
UNUSUAL = {
    "search-golden": {"tolerance": 0.003},
    "search-brent": {"tolerance": 0.003},
    "search-backtracking": {"step": 17.0, "shrink": 0.85, "c1": 0.4},
    "search-wolfe": {"step": 6.5, "c1": 0.3, "c2": 0.4},
}
over_searches = pytest.mark.parametrize("name", TWINS)


def follow(optimizer, problem, start, epochs):
    return record(iterate(optimizer, problem, [start], error_threshold=None, max_epochs=epochs))[0]


@over_searches
def test_equals_the_rule_with_this_search_around_gradient_descent(name, six_points):
    """With a step of 1, d is -g; the rule of that name knows the error at the start of an epoch from the last one."""
    rule = name.removeprefix("search-")
    wrapper = WRAPPERS[name](OPTIMIZERS["gd"](step=1.0))
    own, other = follow(wrapper, six_points, (-4, -4), 2), follow(OPTIMIZERS[rule](), six_points, (-4, -4), 2)
    if rule == "wolfe":  # whose first trials depend on how the error fell before
        assert own.errors[1] < 0.99 * own.errors[0]
    else:
        assert own.weights == pytest.approx(other.weights, rel=1e-9)


def test_an_epoch_of_backtracking_around_momentum_by_hand(bowl):
    """The first move of momentum is -g = (2, -8) from (1, 1). With c₁ = 0.1, φ(1) = 72 and φ(1/2) = 8.5 are above
    10 - 6.8 and 10 - 3.4, φ(1/4) = 1.125 will do, at (1.5, -1), where g = (-1.5, 0).

    The velocity is the rule's own, whatever was made of its move: v = (-2, 8) / 2 + (-1.5, 0) = (-2.5, 4), d = -v, and
    gᵀd = -3.75. φ(1) = E(4, -5) = 32.5, φ(1/2) = E(2.75, -3) = 8.03, φ(1/4) = E(2.125, -2) = 2.38 and
    φ(1/8) = E(1.8125, -1.5) = 1.205 are too high, and φ(1/16) = E(1.65625, -1.25) = 1.0278 will do.
    """
    rule = OPTIMIZERS["momentum"](step=1.0, momentum=0.5)
    run = follow(WRAPPERS["search-backtracking"](rule, c1=0.1), bowl, (1, 1), 2)
    assert run.weights[1:].tolist() == [[1.5, -1], [1.65625, -1.25]]
    assert (run.evaluations["error"], run.evaluations["gradient"]) == (1 + 3 + 1 + 5, 2)


def test_a_newton_step_on_a_quadratic_is_taken_whole(bowl):
    run = follow(WRAPPERS["search-wolfe"](OPTIMIZERS["newton"](penalty=0)), bowl, (1, 1), 1)
    assert run.weights[1] == pytest.approx((3, -1), rel=1e-14)
    assert [run.evaluations[kind] for kind in ("error", "gradient", "hessian")] == [2, 2, 1]


@over_searches
def test_searches_along_the_negative_gradient_where_the_rule_leads_uphill(name, six_points):
    """Newton's method goes uphill where the Hessian is not positive definite."""
    wrapper = WRAPPERS[name](OPTIMIZERS["newton"](penalty=0.0))
    starts = [(-4, -4), (2.6, -3.5)]
    g, h = six_points.at(np.array(starts)).gradient(), six_points.at(np.array(starts)).hessian()
    newton = [np.linalg.solve(b, a) for a, b in zip(g, h, strict=True)]
    assert [float(a @ p) > 0 for a, p in zip(g, newton, strict=True)] == [False, True]
    runs = record(iterate(wrapper, six_points, starts, error_threshold=None, max_epochs=1))
    for run, d in zip(runs, (g[0], newton[1]), strict=True):
        move = run.weights[0] - run.weights[1]
        assert move / np.linalg.norm(move) == pytest.approx(d / np.linalg.norm(d), rel=1e-9)
        assert run.errors[1] < run.errors[0]


def test_restarts_a_rule_whose_move_leads_uphill(bowl):
    """Momentum leads uphill once it has passed the minimum; its velocity is 0 after such an epoch."""
    inner = OPTIMIZERS["momentum"](step=1.0, momentum=0.9)
    wrapper, f, w = WRAPPERS["search-backtracking"](inner), CountingOracle(bowl, 1), np.array([[2.0, 3.0]])
    state, restarts = wrapper.begin(w, f), 0
    for _ in range(12):
        f.uncounted_errors(w)
        g = bowl.at(w).gradient()
        uphill = (g * (inner.advance(w, state.inner, CountingOracle(bowl, 1))[0] - w)).sum() >= 0
        with np.errstate(all="ignore"):  # as the loop does
            w, state = wrapper.advance(w, state, f)
        assert uphill == (state.inner[0] == 0).all()
        restarts += uphill
    assert restarts > 0


@over_searches
def test_a_rule_that_does_not_move_for_an_epoch_is_not_stuck(name, bowl):
    """ADOPT computes a gradient in its first epoch and does not move."""
    run = follow(WRAPPERS[name](OPTIMIZERS["adopt"](step=0.1)), bowl, (1, 1), 2)
    assert run.weights[1].tolist() == [1, 1]
    assert run.errors[2] < run.errors[1]


@over_searches
@pytest.mark.parametrize("rule", [name for name, rule in OPTIMIZERS.items() if "error" in rule.needs])
def test_rejects_a_rule_that_needs_the_error(name, rule):
    with pytest.raises(ValueError, match=name) as refusal:
        WRAPPERS[name](OPTIMIZERS[rule]())
    assert str(refusal.value) == (
        f"{name}: {rule} evaluates the error itself; a search can wrap only algorithms that use derivatives alone"
    )


def test_rejects_c1_above_c2():
    with pytest.raises(ValueError, match="c1") as refusal:
        WRAPPERS["search-wolfe"](OPTIMIZERS["gd"](), c1=0.5, c2=0.5)
    assert str(refusal.value) == "search-wolfe: c1: 0.5 is not below c2, 0.5"
