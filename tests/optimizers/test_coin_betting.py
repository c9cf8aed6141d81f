"""COCOB."""

from __future__ import annotations

import numpy as np
import pytest


def cocob(f, w, *, alpha, epsilon):
    """Orabona & Tommasi 2017, Algorithm 2, coordinate by coordinate, with an initial L above 0."""
    coordinates = range(len(w))
    w1 = list(w)
    big_l, big_g, reward, theta = ([x] * len(w) for x in (epsilon, 0.0, 0.0, 0.0))
    while True:
        g = [-d for d in f.gradient(w)]
        w = list(w)
        for i in coordinates:
            big_l[i] = max(big_l[i], abs(g[i]))
            big_g[i] += abs(g[i])
            reward[i] = max(reward[i] + (w[i] - w1[i]) * g[i], 0.0)
            theta[i] += g[i]
            beta = theta[i] / (big_l[i] * max(big_g[i] + big_l[i], alpha * big_l[i]))
            w[i] = w1[i] + beta * (big_l[i] + reward[i])
        yield w


TWINS = {"cocob": cocob}
UNUSUAL = {"cocob": {"alpha": 3.0, "epsilon": 0.2}}
EPOCHS, RTOL = 30, 1e-10  # with an α of 3 a run soon overshoots, and rounding errors grow


def test_three_epochs_by_hand(bowl, follow):
    """From (1, 1) with α 1, so that the maximum is always G + L.

    1: g = (2, -8), L = G = |g|, R = 0: w = 1 + g / (2 |g|) = (1.5, 0.5)
    2: g = (1.5, -6), G = (3.5, 14), R = (0.75, 3), θ = (3.5, -14): w = 1 + (3.5 / 11, -14 / 176) (2.75, 11)
       = (1.875, 0.125)
    3: g = (1.125, -4.5), G = (4.625, 18.5), R = (0.75 + 0.984375, 3 + 3.9375), θ = (4.625, -18.5)
    """
    run = follow("cocob", bowl, (1, 1), alpha=1, max_epochs=3)
    third = (1 + 4.625 / 13.25 * 3.734375, 1 - 18.5 / 212 * 14.9375)
    assert run.weights[1:] == pytest.approx(np.array([(1.5, 0.5), (1.875, 0.125), third]), rel=1e-15)


def test_alpha_limits_the_first_bets(bowl, follow):
    """With the default of 100, the first move is 1 / 100 for any gradient."""
    assert follow("cocob", bowl, (1, 1), max_epochs=1).weights[1] == pytest.approx((1.01, 0.99), rel=1e-15)


def test_reward_is_never_negative(bowl, follow):
    """From w1 = 2.9 with α 0, the first bet overshoots to 3.4: then g = -0.4, and the loss 0.5 g exceeds the reward.

    Thus R = max(0 - 0.2, 0) = 0, L = 0.4, G = 0.5, θ = -0.3 and w1 = 2.9 - 0.3 / (0.4 · 0.9) 0.4.
    """
    run = follow("cocob", bowl, (2.9, -1), alpha=0, max_epochs=2)
    assert run.weights[1:] == pytest.approx(np.array([(3.4, -1), (2.9 - 1 / 3, -1)]), rel=1e-14)


def test_weight_with_zero_gradient_stays(bowl, follow):
    """L is 0 for this weight; 0 / 0 is avoided, and the weight keeps its start exactly."""
    weights = follow("cocob", bowl, (0.1, -1), max_epochs=9).weights
    assert (weights[:, 1] == -1).all()
    assert (np.diff(weights[:, 0]) > 0).all()


def test_is_invariant_to_the_scale_of_the_error(bowl, follow):
    half = type(bowl)(dataset=bowl.dataset, activation="linear", loss="half-mse")
    whole, halved = (follow("cocob", problem, (1, 1), max_epochs=40) for problem in (bowl, half))
    assert halved.weights == pytest.approx(whole.weights, rel=1e-13)
