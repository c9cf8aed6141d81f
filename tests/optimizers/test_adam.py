"""Adam."""

from __future__ import annotations

import math

import pytest


def adam(f, theta, *, step, beta1, beta2, epsilon):
    """Kingma & Ba 2015, Algorithm 1, line by line."""
    alpha = step
    m = [0.0] * len(theta)
    v = [0.0] * len(theta)
    t = 0
    while True:
        t = t + 1
        g = f.gradient(theta)
        m = [beta1 * a + (1 - beta1) * d for a, d in zip(m, g, strict=True)]
        v = [beta2 * a + (1 - beta2) * d**2 for a, d in zip(v, g, strict=True)]
        m_hat = [a / (1 - beta1**t) for a in m]
        v_hat = [a / (1 - beta2**t) for a in v]
        theta = [x - alpha * a / (math.sqrt(b) + epsilon) for x, a, b in zip(theta, m_hat, v_hat, strict=True)]
        yield theta


TWINS = {"adam": adam}
UNUSUAL = {"adam": {"step": 0.3, "beta1": 0.35, "beta2": 0.6, "epsilon": 0.2}}


def test_two_epochs_by_hand(bowl, follow):
    """From (1, 1) on the bowl with α 0.1, β₁ 0.5, β₂ 0.75 and an ε of 2, large enough to see where it stands.

    1: g = (-2, 8), m̂ = g, √v̂ = (2, 8), so w = (1 + 0.1 · 2/4, 1 - 0.1 · 8/10) = (1.05, 0.92)
    2: g = (-1.95, 7.68), m = 0.5 (-1, 4) + 0.5 g = (-1.475, 5.84), m̂ = m / 0.75,
       v = 0.75 (1, 16) + 0.25 g² = (1.700625, 26.7456), v̂ = v / 0.4375
    """
    run = follow("adam", bowl, (1, 1), step=0.1, beta1=0.5, beta2=0.75, epsilon=2, max_epochs=2)
    assert run.weights[1] == pytest.approx((1.05, 0.92), rel=1e-15)
    w1 = 1.05 + 0.1 * (1.475 / 0.75) / (math.sqrt(1.700625 / 0.4375) + 2)
    w2 = 0.92 - 0.1 * (5.84 / 0.75) / (math.sqrt(26.7456 / 0.4375) + 2)
    assert run.weights[2] == pytest.approx((w1, w2), rel=1e-14)


def test_first_step_has_the_step_s_length_whatever_the_gradient(unequal, follow):
    """m̂ / √v̂ is ±1 at t = 1; ε takes less than 1e-5 of it here."""
    run = follow("adam", unequal, (-1.2, 1, 0.3), step=0.25, max_epochs=1)
    assert abs(run.weights[1] - run.weights[0]) == pytest.approx([0.25] * 3, rel=1e-5)


def test_a_weight_without_gradient_stays(bowl, follow):
    """At (3, 1) the bowl's gradient is (0, 8), and 0 / (0 + ε) is 0, not NaN."""
    run = follow("adam", bowl, (3, 1), max_epochs=1)
    assert run.weights[1][0] == 3
    assert run.weights[1][1] == pytest.approx(1 - 1e-3, rel=1e-9)


def test_adam_on_the_published_problem(six_points, follow):
    """25 epochs at step 0.3: torch.optim.Adam (2.13.0) and optax.adam (0.2.8), float64, agree on that count."""
    assert follow("adam", six_points, (-4, -4), step=0.3, error_threshold=0.125).epochs == 25
