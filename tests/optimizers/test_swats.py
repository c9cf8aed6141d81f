"""Switching from Adam to SGD (SWATS)."""

from __future__ import annotations

import math

import pytest

EPOCHS = 30  # before the switch, an ε of 0.02 with steps of 0.3 amplifies rounding errors a hundredfold in ten epochs


def swats(f, w, *, step, beta1, beta2, epsilon, nesterov):
    """Keskar & Socher 2017, Algorithm 1, line by line; nesterov as in pytorch_optimizer 4.1.0."""
    alpha = step
    k, m, a, lambda_ = 0, [0.0] * len(w), [0.0] * len(w), 0.0
    phase, v, big_lambda = "Adam", [], 0.0
    while True:
        k = k + 1
        g = f.gradient(w)
        if phase == "SGD":
            v = [beta1 * x + d for x, d in zip(v, g, strict=True)]
            update = [(1 - beta1) * u + (beta1 * u if nesterov else 0) for u in v]
            w = [x - big_lambda * u for x, u in zip(w, update, strict=True)]
            yield w
            continue
        m = [beta1 * x + (1 - beta1) * d for x, d in zip(m, g, strict=True)]
        a = [beta2 * x + (1 - beta2) * d**2 for x, d in zip(a, g, strict=True)]
        rate = alpha * math.sqrt(1 - beta2**k) / (1 - beta1**k)
        p = [-rate * x / (math.sqrt(y) + epsilon) for x, y in zip(m, a, strict=True)]
        w = [x + u for x, u in zip(w, p, strict=True)]
        along = sum(u * d for u, d in zip(p, g, strict=True))
        if along != 0:
            gamma = sum(u * u for u in p) / -along
            lambda_ = beta2 * lambda_ + (1 - beta2) * gamma
            if k > 1 and abs(lambda_ / (1 - beta2**k) - gamma) < epsilon:
                phase, v, big_lambda = "SGD", [0.0] * len(w), lambda_ / (1 - beta2**k)
        yield w


TWINS = {"swats": swats}
UNUSUAL = {"swats": {"step": 0.3, "beta1": 0.35, "beta2": 0.6, "epsilon": 0.02, "nesterov": True}}


@pytest.mark.parametrize(("nesterov", "share"), [(False, 0.5), (True, 1)])
def test_three_epochs_by_hand(nesterov, share, bowl, follow):
    """From (1, 1) with α 0.1, β₁ 0.5, β₂ 0.75 and an ε of 2, large enough to switch as soon as possible.

    1: g = (-2, 8), m = g / 2, a = g² / 4, p = -0.1 (√0.25 / 0.5) (-1/3, 4/6) = (1/30, -2/30). λ̂ is γ, but k is 1.
    2: Adam again; then λ̂ and γ differ by less than 2: Λ = λ̂.
    3: w ← w - 0.5 Λ g, since the velocity is g, or w - (0.5 + 0.5) Λ g with nesterov.
    """
    settings = {"step": 0.1, "beta1": 0.5, "beta2": 0.75, "epsilon": 2, "nesterov": nesterov}
    run = follow("swats", bowl, (1, 1), **settings, max_epochs=3)
    first = (1 + 1 / 30, 1 - 2 / 30)
    assert run.weights[1] == pytest.approx(first, rel=1e-15)
    gamma = (5 / 900) / (2 / 30 + 16 / 30)
    g1, g2 = first[0] - 3, 4 * first[1] + 4
    rate = 0.1 * math.sqrt(0.4375) / 0.75
    p1 = -rate * (-0.5 + 0.5 * g1) / (math.sqrt(0.75 + 0.25 * g1**2) + 2)
    p2 = -rate * (2 + 0.5 * g2) / (math.sqrt(12 + 0.25 * g2**2) + 2)
    second = (first[0] + p1, first[1] + p2)
    assert run.weights[2] == pytest.approx(second, rel=1e-14)
    needed = (p1**2 + p2**2) / -(p1 * g1 + p2 * g2)
    settled = (0.75 * 0.25 * gamma + 0.25 * needed) / 0.4375
    third = (second[0] - share * settled * (second[0] - 3), second[1] - share * settled * (4 * second[1] + 4))
    assert run.weights[3] == pytest.approx(third, rel=1e-14)


def test_without_a_switch_is_adam(unequal, follow):
    """ε is added to the uncorrected √a, which is negligible for an ε this small."""
    adam = follow("adam", unequal, (-1.2, 1, 0.3), epsilon=1e-300, max_epochs=30)
    run = follow("swats", unequal, (-1.2, 1, 0.3), epsilon=1e-300, max_epochs=30)
    assert run.weights == pytest.approx(adam.weights, rel=1e-13)


def test_stays_where_the_gradient_is_zero(bowl, follow):
    """p · g is 0, so no step is projected, and 0 / 0 is avoided."""
    assert follow("swats", bowl, (3, -1), max_epochs=3).weights.tolist() == [[3, -1]] * 4
