"""Adan."""

from __future__ import annotations

import math

import pytest


def adan(f, theta, *, step, beta1, beta2, beta3, epsilon, weight_decay, convention):
    """Xie et al. 2022, Algorithm 1, whose letters b are 1 - β, from m₀ = g₀, v₀ = 0, v₁ = g₁ - g₀, n₀ = g₀²."""
    if convention != "paper":
        yield from adan_corrected(f, theta, step, beta1, beta2, beta3, epsilon, weight_decay, convention)
    eta, lambda_ = step, weight_decay
    b1, b2, b3 = 1 - beta1, 1 - beta2, 1 - beta3
    k, before = 0, []
    while True:
        g = f.gradient(theta)
        if k == 0:
            m, v, n = list(g), [0.0] * len(g), [d**2 for d in g]
        else:
            d = [a - b for a, b in zip(g, before, strict=True)]
            m = [(1 - b1) * a + b1 * x for a, x in zip(m, g, strict=True)]
            v = d if k == 1 else [(1 - b2) * a + b2 * x for a, x in zip(v, d, strict=True)]
            n = [(1 - b3) * a + b3 * (x + (1 - b2) * y) ** 2 for a, x, y in zip(n, g, d, strict=True)]
        eta_k = [eta / (math.sqrt(a) + epsilon) for a in n]
        theta = [
            (x - e * (a + (1 - b2) * b)) / (1 + lambda_ * eta) for x, e, a, b in zip(theta, eta_k, m, v, strict=True)
        ]
        before = g
        k = k + 1
        yield theta


def adan_corrected(f, theta, lr, beta1, beta2, beta3, eps, weight_decay, convention):
    """The authors' code, _single_tensor_adan, step by step; and optax's scale_by_adan where it differs."""
    exp_avg, exp_avg_diff, exp_avg_sq = [0.0] * len(theta), [0.0] * len(theta), [0.0] * len(theta)
    before, t = None, 0
    while True:
        t = t + 1
        grad = f.gradient(theta)
        diff = [0.0] * len(grad) if before is None else [a - b for a, b in zip(grad, before, strict=True)]
        share = beta2 if convention == "torch" else 1 - beta2
        exp_avg = [beta1 * a + (1 - beta1) * x for a, x in zip(exp_avg, grad, strict=True)]
        exp_avg_diff = [beta2 * a + (1 - beta2) * x for a, x in zip(exp_avg_diff, diff, strict=True)]
        exp_avg_sq = [
            beta3 * a + (1 - beta3) * (x + share * y) ** 2 for a, x, y in zip(exp_avg_sq, grad, diff, strict=True)
        ]
        w = []
        for x, m, v, n in zip(theta, exp_avg, exp_avg_diff, exp_avg_sq, strict=True):
            above = m / (1 - beta1**t) + share * v / (1 - beta2**t)
            if convention == "torch":
                below = math.sqrt(n) / math.sqrt(1 - beta3**t) + eps
                w.append((x - lr * above / below) / (1 + lr * weight_decay))
            else:
                below = math.sqrt(n / (1 - beta3**t) + eps) + eps
                w.append(x - lr * (above / below + weight_decay * x))
        theta, before = w, grad
        yield theta


TWINS = {"adan": adan}
UNUSUAL = {
    "adan": {
        "step": 0.05,
        "beta1": 0.35,
        "beta2": 0.7,
        "beta3": 0.6,
        "epsilon": 0.2,
        "weight_decay": 0.03,
        "convention": "optax",
    }
}
_HAND = {"step": 0.1, "beta1": 0.5, "beta2": 0.75, "beta3": 0.75, "epsilon": 2}


@pytest.mark.parametrize("convention", ["paper", "torch"])
def test_two_epochs_by_hand(convention, bowl, follow):
    """From (1, 1) g = (-2, 8): w = (1 + 0.2 / 4, 1 - 0.8 / 10) = (1.05, 0.92), as m = g and √n = |g| in both cases.

    Then g1 = -1.95, d1 = 0.05, g1 + 0.75 d1 = -1.9125.
    """
    run = follow("adan", bowl, (1, 1), **_HAND, convention=convention, max_epochs=2)
    assert run.weights[1] == pytest.approx((1.05, 0.92), rel=1e-15)
    if convention == "paper":  # means start at -2, 0.05 and 4
        m, v, n = 0.5 * -2 + 0.5 * -1.95, 0.05, 0.75 * 4 + 0.25 * 1.9125**2
    else:  # means start at 0 and are bias-corrected
        m = (0.5 * -1 + 0.5 * -1.95) / 0.75
        v = 0.25 * 0.05 / (1 - 0.75**2)
        n = (0.75 * 1 + 0.25 * 1.9125**2) / (1 - 0.75**2)
    assert run.weights[2][0] == pytest.approx(1.05 - 0.1 * (m + 0.75 * v) / (math.sqrt(n) + 2), rel=1e-14)


def test_two_epochs_by_hand_in_the_convention_of_optax(bowl, follow):
    """A second ε under the root: √(4 + 2) + 2 and √(64 + 2) + 2; and d is weighted by 0.25 instead of 0.75."""
    run = follow("adan", bowl, (1, 1), **_HAND, convention="optax", max_epochs=2)
    w1 = 1 + 0.2 / (math.sqrt(6) + 2)
    assert run.weights[1] == pytest.approx((w1, 1 - 0.8 / (math.sqrt(66) + 2)), rel=1e-15)
    g = w1 - 3
    d = g + 2
    m, v = (0.5 * -1 + 0.5 * g) / 0.75, 0.25 * d / (1 - 0.75**2)
    n = (0.75 * 1 + 0.25 * (g + 0.25 * d) ** 2) / (1 - 0.75**2)
    assert run.weights[2][0] == pytest.approx(w1 - 0.1 * (m + 0.25 * v) / (math.sqrt(n + 2) + 2), rel=1e-14)


@pytest.mark.parametrize(
    ("convention", "first"),
    [
        ("paper", 1.05 / 1.05),
        ("torch", 1.05 / 1.05),
        ("optax", 1 + 0.2 / (math.sqrt(6) + 2) - 0.05),
    ],
)
def test_weight_decay_divides_or_subtracts(convention, first, bowl, follow):
    run = follow("adan", bowl, (1, 1), **_HAND, weight_decay=0.5, convention=convention, max_epochs=1)
    assert run.weights[1][0] == pytest.approx(first, rel=1e-15)
