"""SM3."""

from __future__ import annotations

import math

import pytest


def sm3(f, w, *, step, momentum, epsilon):
    """Anil et al. 2019, SM3-II with the cover {{1}, {2}, ...}: ν(i) = min over the sets with i, here a single set."""
    eta, beta = step, momentum
    cover = [[i] for i in range(len(w))]
    mu, m = [0.0] * len(cover), [0.0] * len(w)
    while True:
        g = f.gradient(w)
        grown = [0.0] * len(cover)
        w = list(w)
        for i in range(len(w)):
            nu = min(mu[r] for r, members in enumerate(cover) if i in members) + g[i] ** 2
            move = g[i] / math.sqrt(nu + epsilon) if g[i] else 0.0
            m[i] = beta * m[i] + (1 - beta) * move
            w[i] = w[i] - eta * m[i]
            for r, members in enumerate(cover):
                if i in members:
                    grown[r] = max(grown[r], nu)
        mu = grown
        yield w


TWINS = {"sm3": sm3}
UNUSUAL = {"sm3": {"step": 0.7, "momentum": 0.4, "epsilon": 0.2}}


def test_two_epochs_by_hand(bowl, follow):
    """From (1, 1), g = (-2, 8): g / |g| = (-1, 1), half of it with step 0.1 is w = (1.05, 0.95).

    Then g = (-1.95, 7.8), ν = (4 + 1.95², 64 + 7.8²), and g / √ν differs between the weights in sign only.
    """
    run = follow("sm3", bowl, (1, 1), step=0.1, momentum=0.5, max_epochs=2)
    assert run.weights[1] == pytest.approx((1.05, 0.95), rel=1e-15)
    m = 0.25 + 0.5 * 1.95 / math.sqrt(4 + 1.95**2)
    assert run.weights[2] == pytest.approx((1.05 + 0.1 * m, 0.95 - 0.1 * m), rel=1e-14)


def test_epsilon_is_under_the_root(bowl, follow):
    """-2 / √(4 + 5) and 8 / √(64 + 36)."""
    assert follow("sm3", bowl, (1, 1), step=0.3, momentum=0, epsilon=5, max_epochs=1).weights[1][0] == pytest.approx(
        1.2
    )
    assert follow("sm3", bowl, (1, 1), step=0.3, momentum=0, epsilon=36, max_epochs=1).weights[1][1] == pytest.approx(
        0.76
    )


def test_weight_with_zero_gradient_stays(bowl, follow):
    """At (3, 1) the bowl's gradient is (0, 8), and 0 / 0 is 0, as the paper has it."""
    run = follow("sm3", bowl, (3, 1), max_epochs=2)
    assert run.weights[2][0] == 3
    assert run.weights[2][1] < 1
