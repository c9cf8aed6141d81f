"""AdaBound and AdaMod."""

from __future__ import annotations

import math

import pytest


def adabound(f, x, *, step, final_step, gamma, beta1, beta2, epsilon, amsbound):
    """Luo et al. 2019, as in the authors' code: Adam's bias corrections, and bounds that meet at the final step."""
    m, v, largest, t = [0.0] * len(x), [0.0] * len(x), [0.0] * len(x), 0
    while True:
        t = t + 1
        g = f.gradient(x)
        m = [beta1 * a + (1 - beta1) * d for a, d in zip(m, g, strict=True)]
        v = [beta2 * b + (1 - beta2) * d**2 for b, d in zip(v, g, strict=True)]
        largest = [max(a, b) for a, b in zip(largest, v, strict=True)]
        size = step * math.sqrt(1 - beta2**t) / (1 - beta1**t)
        rates = [size / (math.sqrt(b) + epsilon) for b in (largest if amsbound else v)]
        low, high = final_step * (1 - 1 / (gamma * t + 1)), final_step * (1 + 1 / (gamma * t))
        x = [y - min(max(r, low), high) * a for y, r, a in zip(x, rates, m, strict=True)]
        yield x


def adamod(f, theta, *, step, beta1, beta2, beta3, epsilon, convention):
    """Ding et al. 2019, Algorithm 1; with convention torch, the code of lancopku/AdaMod."""
    m, v, s, t = [0.0] * len(theta), [0.0] * len(theta), [0.0] * len(theta), 0
    while True:
        t = t + 1
        g = f.gradient(theta)
        m = [beta1 * a + (1 - beta1) * d for a, d in zip(m, g, strict=True)]
        v = [beta2 * b + (1 - beta2) * d**2 for b, d in zip(v, g, strict=True)]
        c1, c2 = 1 - beta1**t, 1 - beta2**t
        if convention == "torch":
            eta = [step * math.sqrt(c2) / c1 / (math.sqrt(b) + epsilon) for b in v]
            moved = m
        else:
            eta = [step / (math.sqrt(b / c2) + epsilon) for b in v]
            moved = [a / c1 for a in m]
        s = [beta3 * b + (1 - beta3) * e for b, e in zip(s, eta, strict=True)]
        theta = [x - min(e, b) * a for x, e, b, a in zip(theta, eta, s, moved, strict=True)]
        yield theta


TWINS = {"adabound": adabound, "adamod": adamod}
_UNUSUAL = {"step": 0.3, "beta1": 0.35, "beta2": 0.6, "epsilon": 0.2}
UNUSUAL = {
    "adabound": {**_UNUSUAL, "final_step": 0.9, "gamma": 0.2, "amsbound": True},
    "adamod": {**_UNUSUAL, "beta3": 0.8, "convention": "torch"},
}

_HAND = {"step": 0.1, "beta1": 0.5, "beta2": 0.75, "epsilon": 2}


# On the bowl from (1, 1), g = (-2, 8), m = (-1, 4), √v = (1, 4); η = 0.1 √0.25 / 0.5 / (√v + 2) = (1/30, 1/60).
@pytest.mark.parametrize(
    ("final", "gamma", "eta"),
    [
        (1, 1e-9, (1 / 30, 1 / 60)),  # bounds of about 0 and 1e9
        (0.04, 1, (1 / 30, 0.02)),  # 0.02 to 0.08: the second is raised
        (0.0125, 1, (0.025, 1 / 60)),  # 0.00625 to 0.025: the first is lowered
    ],
)
def test_an_epoch_of_adabound_by_hand(final, gamma, eta, bowl, follow):
    run = follow("adabound", bowl, (1, 1), **_HAND, final_step=final, gamma=gamma, max_epochs=1)
    assert run.weights[1] == pytest.approx((1 + eta[0], 1 - 4 * eta[1]), rel=1e-14)


def test_amsbound_divides_by_the_largest_square(bowl, follow):
    """With β₁ = β₂ = 0 the second step is 0.1 / (|g| + 2), where amsbound keeps the larger gradient (2, 8)."""
    settings = {"step": 0.1, "final_step": 1, "gamma": 1e-9, "beta1": 0, "beta2": 0, "epsilon": 2, "max_epochs": 2}
    plain = follow("adabound", bowl, (1, 1), **settings).weights[2]
    bounded = follow("adabound", bowl, (1, 1), **settings, amsbound=True).weights[2]
    assert plain == pytest.approx((1.05 + 0.1 * 1.95 / 3.95, 0.92 - 0.1 * 7.68 / 9.68), rel=1e-14)
    assert bounded == pytest.approx((1.05 + 0.1 * 1.95 / 4, 0.92 - 0.1 * 7.68 / 10), rel=1e-14)


@pytest.mark.parametrize(
    ("convention", "first"),
    [
        # η = 0.1 / (|g| + 2) = (0.025, 0.01) is above its mean, a quarter of it; m̂ = g
        ("paper", (1 + 0.025 / 4 * 2, 1 - 0.01 / 4 * 8)),
        # η = (1/30, 1/60), a quarter of it times m = (-1, 4)
        ("torch", (1 + 1 / 120, 1 - 4 / 240)),
    ],
)
def test_an_epoch_of_adamod_by_hand(convention, first, bowl, follow):
    run = follow("adamod", bowl, (1, 1), **_HAND, beta3=0.75, convention=convention, max_epochs=1)
    assert run.weights[1] == pytest.approx(first, rel=1e-14)


def test_adamod_with_beta3_0_is_adam(unequal, follow):
    adam = follow("adam", unequal, (-1.2, 1, 0.3), step=0.03, max_epochs=30)
    run = follow("adamod", unequal, (-1.2, 1, 0.3), step=0.03, beta3=0, max_epochs=30)
    assert run.weights == pytest.approx(adam.weights, rel=1e-13)
