"""Optimistic gradient descent and optimistic Adam."""

from __future__ import annotations

import math

import pytest


def optimistic_gd(f, z, *, step, alpha, beta):
    """Mokhtari et al. 2020, generalized OGDA: z ← z - (α + β) F(z) + β F(z'), with F = η ∇E and z' = z at first."""
    last = None
    while True:
        force = [step * d for d in f.gradient(z)]
        z = [x - (alpha + beta) * d + beta * e for x, d, e in zip(z, force, last or force, strict=True)]
        last = force
        yield z


def optimistic_adam(f, theta, *, step, alpha, beta, beta1, beta2, epsilon, epsilon_root, nesterov):
    """Daskalakis et al. 2018, Algorithm 1, with two coefficients; Nesterov momentum as in optax 0.2.8."""
    m, v = [0.0] * len(theta), [0.0] * len(theta)
    last, t = None, 0
    while True:
        t = t + 1
        g = f.gradient(theta)
        m = [beta1 * a + (1 - beta1) * d for a, d in zip(m, g, strict=True)]
        v = [beta2 * b + (1 - beta2) * d**2 for b, d in zip(v, g, strict=True)]
        m_hat = [a / (1 - beta1**t) for a in m]
        if nesterov:
            c = 1 - beta1 ** (t + 1)
            m_hat = [beta1 * a / c + (1 - beta1) * d / (1 - beta1**t) for a, d in zip(m, g, strict=True)]
        v_hat = [b / (1 - beta2**t) + epsilon_root for b in v]
        r = [a / (math.sqrt(b) + epsilon) for a, b in zip(m_hat, v_hat, strict=True)]
        last = last or r
        theta = [x - step * (alpha * a + beta * (a - b)) for x, a, b in zip(theta, r, last, strict=True)]
        last = r
        yield theta


TWINS = {"optimistic-gd": optimistic_gd, "optimistic-adam": optimistic_adam}
UNUSUAL = {
    "optimistic-gd": {"step": 0.05, "alpha": 0.7, "beta": 0.4},
    "optimistic-adam": {
        "step": 0.05,
        "alpha": 0.7,
        "beta": 0.4,
        "beta1": 0.35,
        "beta2": 0.6,
        "epsilon": 0.2,
        "epsilon_root": 0.3,
        "nesterov": True,
    },
}


def test_two_epochs_of_optimistic_gradient_descent_by_hand(bowl, follow):
    """1: g = (-2, 8), so w = (1.2, 0.2). 2: g = (-1.8, 4.8), and 2 g - g' = (-1.6, 1.6)."""
    run = follow("optimistic-gd", bowl, (1, 1), step=0.1, max_epochs=2)
    assert run.weights[1] == pytest.approx((1.2, 0.2), rel=1e-15)
    assert run.weights[2] == pytest.approx((1.36, 0.04), rel=1e-13)


def test_two_epochs_of_optimistic_adam_by_hand(bowl, follow):
    """With β₁ = β₂ = 0 and ε = 2, r = g / (|g| + 2): (-0.5, 0.8), then g = (-1.95, 7.68) and 2 r - r'."""
    run = follow("optimistic-adam", bowl, (1, 1), step=0.1, beta1=0, beta2=0, epsilon=2, max_epochs=2)
    assert run.weights[1] == pytest.approx((1.05, 0.92), rel=1e-15)
    second = (1.05 - 0.1 * (2 * -1.95 / 3.95 + 0.5), 0.92 - 0.1 * (2 * 7.68 / 9.68 - 0.8))
    assert run.weights[2] == pytest.approx(second, rel=1e-14)


def test_an_epoch_of_optimistic_adam_with_a_constant_under_the_root_by_hand(bowl, follow):
    """√(g² + 12) + 2 = (6, √76 + 2)."""
    settings = {"step": 0.3, "beta1": 0, "beta2": 0, "epsilon": 2, "epsilon_root": 12}
    run = follow("optimistic-adam", bowl, (1, 1), **settings, max_epochs=1)
    assert run.weights[1] == pytest.approx((1.1, 1 - 2.4 / (math.sqrt(76) + 2)), rel=1e-15)


@pytest.mark.parametrize(("name", "base"), [("optimistic-gd", "gd"), ("optimistic-adam", "adam")])
def test_without_correction_it_is_its_base(name, base, unequal, follow):
    expected = follow(base, unequal, (-1.2, 1, 0.3), step=0.03, max_epochs=30)
    run = follow(name, unequal, (-1.2, 1, 0.3), step=0.03, beta=0, max_epochs=30)
    assert run.weights == pytest.approx(expected.weights, rel=1e-13)
