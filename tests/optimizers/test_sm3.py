"""SM3."""

from __future__ import annotations

import math

import pytest


def sm3(f, w, *, step, momentum, decay, epsilon):
    """Anil et al. 2019, SM3-II with the cover {{1}, {2}, ...}: ν(i) = min over the sets with i, here a single set.

    With a decay, ν(i) is a mean and the maximum of each set lasts, as in pytorch_optimizer 4.1.0.
    """
    eta, beta = step, momentum
    cover = [[i] for i in range(len(w))]
    mu, m = [0.0] * len(cover), [0.0] * len(w)
    while True:
        g = f.gradient(w)
        grown = list(mu) if decay else [0.0] * len(cover)
        w = list(w)
        for i in range(len(w)):
            nu = min(mu[r] for r, members in enumerate(cover) if i in members)
            nu = decay * nu + (1 - decay) * g[i] ** 2 if decay else nu + g[i] ** 2
            move = g[i] / math.sqrt(nu + epsilon) if g[i] else 0.0
            m[i] = beta * m[i] + (1 - beta) * move
            w[i] = w[i] - eta * m[i]
            for r, members in enumerate(cover):
                if i in members:
                    grown[r] = max(grown[r], nu)
        mu = grown
        yield w


TWINS = {"sm3": sm3}
UNUSUAL = {"sm3": {"step": 0.7, "momentum": 0.4, "decay": 0.3, "epsilon": 0.2}}


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


def test_two_epochs_with_decay_by_hand(bowl, follow):
    """From (1, 1) with a decay of 0.75, ν = g² / 4, and g / √ν = (-2, 2), times 0.1.

    Then g = (-1.8, 7.2), where 0.75 · 1 + 0.25 · 3.24 = 1.56 is a new maximum, as is 0.75 · 16 + 0.25 · 51.84 = 24.96.
    In the third epoch a smaller gradient leaves the maximum, from which the next mean starts.
    """
    run = follow("sm3", bowl, (1, 1), step=0.1, momentum=0, decay=0.75, max_epochs=2)
    assert run.weights[1] == pytest.approx((1.2, 0.8), rel=1e-15)
    second = (1.2 + 0.18 / math.sqrt(1.56), 0.8 - 0.72 / math.sqrt(24.96))
    assert run.weights[2] == pytest.approx(second, rel=1e-14)


def test_largest_mean_square_lasts(bowl, follow):
    """On the second axis 8 / √(64 / 4) is 2, so a step of 0.9 leads to -0.8, where g = 0.8 and μ is still 16.

    ν = 12 + 0.16 there; at the third epoch the mean starts at 16 again, not at 12.16.
    """
    run = follow("sm3", bowl, (1, 1), step=0.9, momentum=0, decay=0.75, max_epochs=3)
    first, second = -0.8, -0.8 - 0.9 * 0.8 / math.sqrt(12.16)
    assert [w[1] for w in run.weights[1:3]] == pytest.approx([first, second], rel=1e-14)
    g = 4 * second + 4
    assert run.weights[3][1] == pytest.approx(second - 0.9 * g / math.sqrt(12 + g**2 / 4), rel=1e-13)


def test_weight_with_zero_gradient_stays(bowl, follow):
    """At (3, 1) the bowl's gradient is (0, 8), and 0 / 0 is 0, as the paper has it."""
    run = follow("sm3", bowl, (3, 1), max_epochs=2)
    assert run.weights[2][0] == 3
    assert run.weights[2][1] < 1
