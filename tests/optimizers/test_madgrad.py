"""MADGRAD."""

from __future__ import annotations

import math

import pytest


def madgrad(f, x, *, step, momentum, epsilon):
    """Defazio & Jelassi 2022, Algorithm 1, with constant c = 1 - momentum."""
    gamma, c = step, 1 - momentum
    x0 = x
    s, nu = [0.0] * len(x), [0.0] * len(x)
    k = 0
    while True:
        g = f.gradient(x)
        lambda_k = gamma * math.sqrt(k + 1)
        s = [a + lambda_k * d for a, d in zip(s, g, strict=True)]
        nu = [b + lambda_k * (d * d) for b, d in zip(nu, g, strict=True)]
        z = [y - a / (math.cbrt(b) + epsilon) for y, a, b in zip(x0, s, nu, strict=True)]
        x = [(1 - c) * y + c * a for y, a in zip(x, z, strict=True)]
        k = k + 1
        yield x


TWINS = {"madgrad": madgrad}
UNUSUAL = {"madgrad": {"step": 0.05, "momentum": 0.4, "epsilon": 0.2}}


def test_two_epochs_by_hand(bowl, follow):
    """From (1, 1) with γ 1 and ε 2: g = (-2, 8), s = g, ν = (4, 64), z = (1 + 2 / (∛4 + 2), 1 - 8 / 6).

    A quarter of w is kept: w2 = 0.25 - 0.75 / 3 = 0. Then g2 = 4 and λ = √2: s = 8 + 4 √2, ν = 64 + 16 √2.
    """
    run = follow("madgrad", bowl, (1, 1), step=1, momentum=0.25, epsilon=2, max_epochs=2)
    assert run.weights[1] == pytest.approx((0.25 + 0.75 * (1 + 2 / (math.cbrt(4) + 2)), 0), rel=1e-15, abs=1e-15)
    z = 1 - (8 + 4 * math.sqrt(2)) / (math.cbrt(64 + 16 * math.sqrt(2)) + 2)
    assert run.weights[2][1] == pytest.approx(0.75 * z, rel=1e-14)


def test_without_momentum_weights_depend_on_the_start_and_gradients_only(bowl, follow):
    """Each point is the start minus a function of the sums of the gradients: here w2 after one epoch, 1 - 8 / 6."""
    run = follow("madgrad", bowl, (1, 1), step=1, momentum=0, epsilon=2, max_epochs=1)
    assert run.weights[1][1] == pytest.approx(-1 / 3, rel=1e-15)


def test_weight_with_zero_gradient_stays(bowl, follow):
    """At (3, 1) the bowl's gradient is (0, 8), and 0 / ε is 0, not NaN."""
    assert follow("madgrad", bowl, (3, 1), max_epochs=2).weights[2][0] == pytest.approx(3, rel=1e-15)
