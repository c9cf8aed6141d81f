"""Simultaneous perturbation stochastic approximation (SPSA)."""

from __future__ import annotations

import numpy as np
import pytest

from bpviz.declare import OPTIMIZERS
from bpviz.engine.loop import iterate
from bpviz.engine.results import record


def signs(seed, k, n):
    """Return the n random signs of an epoch, drawn from NumPy's generator."""
    return [1 if bit else -1 for bit in np.random.default_rng([seed, k]).integers(0, 2, n)]


def spsa(f, theta, *, step, perturbation, stability, alpha, gamma, seed):
    """Spall 1998, steps 1 to 5 of his implementation, line by line."""
    a, c, A = step, perturbation, stability
    k = 0
    while True:
        ak = a / (A + k + 1) ** alpha
        ck = c / (k + 1) ** gamma
        delta = signs(seed, k, len(theta))
        yplus = f.error([t + ck * d for t, d in zip(theta, delta, strict=True)])
        yminus = f.error([t - ck * d for t, d in zip(theta, delta, strict=True)])
        ghat = [(yplus - yminus) / (2 * ck * d) for d in delta]
        theta = [t - ak * g for t, g in zip(theta, ghat, strict=True)]
        k = k + 1
        yield theta


TWINS = {"spsa": spsa}
UNUSUAL = {
    "spsa": {"step": 0.8, "perturbation": 0.03, "stability": 3.0, "alpha": 0.9, "gamma": 0.3, "seed": 5},
}
RTOL, EPOCHS = 1e-10, 20  # the difference of two nearly equal errors is divided by a small number
AGAINST = {"spsa": "its twin and the path of noisyopt.minimizeSPSA"}


def test_two_epochs_by_hand(bowl, follow):
    """E is quadratic, so central differences are exact: ĝᵢ = Δᵢ (Δᵀ∇E), ∇E = (w1 - 3, 4 w2 + 4) = (-2, 8) at (1, 1).

    With a = 0.3, A = 2 and α = 1 the steps are 0.1 and 0.075. Equal signs give Δᵀ∇E = 6, and both weights decrease
    by 0.6, to (0.4, 0.4), where ∇E = (-2.6, 5.6). Different signs then give ±8.2 and move the weights by 0.615.
    """
    seed = next(seed for seed in range(99) if [np.prod(signs(seed, k, 2)) for k in (0, 1)] == [1, -1])
    run = follow("spsa", bowl, (1, 1), step=0.3, stability=2, alpha=1, seed=seed, max_epochs=2)
    assert run.weights[1] == pytest.approx((0.4, 0.4), rel=1e-12)
    assert run.weights[2] == pytest.approx((1.015, -0.215), rel=1e-12)
    assert run.evaluations["error"] == 4


def test_mean_of_the_estimates_is_the_gradient(unequal, plain, follow):
    """Spall 1992, Lemma 1: the mean of ĝ over the signs is the gradient, up to a bias of order c²."""
    start = (-0.4, -0.4, 0.1)
    seeds = {tuple(signs(seed, 0, 3)): seed for seed in range(99)}
    settings = {"step": 1, "stability": 0, "perturbation": 1e-4, "max_epochs": 1}
    slopes = [start - follow("spsa", unequal, start, seed=seed, **settings).weights[1] for seed in seeds.values()]
    assert len(slopes) == 8
    assert np.mean(slopes, axis=0) == pytest.approx(plain(unequal).gradient(start), abs=1e-7)


def test_signs_depend_on_the_seed_only(six_points):
    def paths(seed):
        rule = OPTIMIZERS["spsa"](seed=seed)
        return [
            run.weights.tolist()
            for run in record(iterate(rule, six_points, [(1, 1), (1, 1)], error_threshold=None, max_epochs=9))
        ]

    assert paths(3) == paths(3)
    assert paths(3)[0] == paths(3)[1] != paths(4)[0]


def test_sweep_can_vary_the_seed(six_points, follow):
    starts = [(1, 1), (1, 1), (-2, 0.5)]
    rest = {"error_threshold": None, "max_epochs": 9}
    together = record(iterate(OPTIMIZERS["spsa"](), six_points, starts, varied={"seed": [3, 4, 3]}, **rest))
    for run, start, seed in zip(together, starts, (3, 4, 3), strict=True):
        assert run.weights.tolist() == follow("spsa", six_points, start, seed=seed, max_epochs=9).weights.tolist()


def test_path_of_noisyopt_on_the_published_problem(six_points, follow):
    """minimizeSPSA of noisyopt 0.2.3 (A = niter / 100), its `np.random.choice` made to return the signs of seed 7."""
    settings = {"step": 20, "perturbation": 0.3, "stability": 3, "alpha": 0.7, "gamma": 0.2, "seed": 7}
    run = follow("spsa", six_points, (-4, -4), max_epochs=300, **settings)
    assert run.weights[1] == pytest.approx((-3.800778962459095, -3.800778962459095), rel=1e-13)
    assert run.weights[100] == pytest.approx((1.993222665914232, -2.5549677461064535), rel=1e-13)
    assert run.weights[300] == pytest.approx((2.561827035912932, -3.3245704579909985), rel=1e-13)
    assert follow("spsa", six_points, (-4, -4), error_threshold=0.125, **settings).epochs == 198
