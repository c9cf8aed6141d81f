"""MoMo and MoMo-Adam."""

from __future__ import annotations

import math

import pytest


def _dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def momo(f, x, *, step, momentum, lower_bound, weight_decay, adapt):
    """Schaipp et al. 2024, MoMo, with the estimate of the lower bound (MoMo*) if ``adapt``, as in optax 0.2.8."""
    alpha, decay, bound = step, 1 + step * weight_decay, lower_bound
    first = True
    while True:
        g = f.gradient(x)
        error = f.error(x)
        if first:
            average, gamma, d = error, _dot(g, x), list(g)
        else:
            average = momentum * average + (1 - momentum) * error
            gamma = momentum * gamma + (1 - momentum) * _dot(g, x)
            d = [momentum * a + (1 - momentum) * b for a, b in zip(d, g, strict=True)]
        first = False
        inner, square = _dot(d, x), _dot(d, d)
        if adapt:
            cap = decay * (average - gamma) + inner
            if cap < decay * bound:
                bound = max(cap / (2 * decay), lower_bound)
        tau = min(alpha, max(decay * (average - bound - gamma) + inner, 0) / square)
        if adapt:
            bound = max(average + inner - gamma - tau * square / 2, lower_bound)
        x = [a / decay - tau * b for a, b in zip(x, d, strict=True)]
        yield x


def momo_adam(f, x, *, step, beta1, beta2, epsilon, lower_bound, weight_decay, adapt):
    """Schaipp et al. 2024, MoMo-Adam, with the estimate of the lower bound if ``adapt``, as in optax 0.2.8."""
    alpha, decay, bound = step, 1 + step * weight_decay, lower_bound
    average, gamma, t = 0.0, 0.0, 0
    m, v = [0.0] * len(x), [0.0] * len(x)
    while True:
        t = t + 1
        g = f.gradient(x)
        average = beta1 * average + (1 - beta1) * f.error(x)
        gamma = beta1 * gamma + (1 - beta1) * _dot(g, x)
        m = [beta1 * a + (1 - beta1) * b for a, b in zip(m, g, strict=True)]
        v = [beta2 * a + (1 - beta2) * b * b for a, b in zip(v, g, strict=True)]
        diagonal = [epsilon + math.sqrt(a / (1 - beta2**t)) for a in v]
        scaled = [a / b for a, b in zip(m, diagonal, strict=True)]
        rho, inner, square = 1 - beta1**t, _dot(m, x), _dot(m, scaled)
        if adapt:
            cap = decay * (average - gamma) + inner
            if cap < decay * rho * bound:
                bound = max(cap / (2 * rho * decay), lower_bound)
        tau = min(alpha / rho, max(decay * (average - rho * bound - gamma) + inner, 0) / square)
        if adapt:
            bound = max((average + inner - gamma - tau * square / 2) / rho, lower_bound)
        x = [a / decay - tau * b for a, b in zip(x, scaled, strict=True)]
        yield x


TWINS = {"momo": momo, "momo-adam": momo_adam}
_UNUSUAL = {"step": 0.2, "lower_bound": 0.3, "weight_decay": 0.03, "adapt": True}
UNUSUAL = {
    "momo": {**_UNUSUAL, "momentum": 0.35},
    "momo-adam": {**_UNUSUAL, "beta1": 0.35, "beta2": 0.6, "epsilon": 0.2},
}


# On the bowl at (1, 1): E = 10, g = (-2, 8), ⟨g, w⟩ = 6, |g|² = 68.
def test_an_epoch_of_momo_by_hand(bowl, follow):
    """The first step is Polyak's: τ = (10 - 3.2) / 68 = 0.1, or α."""
    run = follow("momo", bowl, (1, 1), lower_bound=3.2, max_epochs=1)
    assert run.weights[1] == pytest.approx((1.2, 0.2), rel=1e-14)
    run = follow("momo", bowl, (1, 1), step=0.05, lower_bound=3.2, max_epochs=1)
    assert run.weights[1] == pytest.approx((1.1, 0.6), rel=1e-14)


def test_second_epoch_of_momo_by_hand(bowl, follow):
    """At (1.2, 0.2): E = 4.5, g = (-1.8, 4.8), ⟨g, w⟩ = -1.2, so with β = 1/2 f̄ = 7.25, γ = 2.4, d = (-1.9, 6.4).

    Then ⟨d, w⟩ = -1, |d|² = 44.57 and τ = (7.25 - 3.2 - 2.4 - 1) / 44.57 = 0.65 / 44.57.
    """
    run = follow("momo", bowl, (1, 1), momentum=0.5, lower_bound=3.2, max_epochs=2)
    tau = 0.65 / 44.57
    assert run.weights[2] == pytest.approx((1.2 + 1.9 * tau, 0.2 - 6.4 * tau), rel=1e-12)


def test_an_epoch_of_momo_adam_by_hand(bowl, follow):
    """With β₁ = β₂ = 1/2 and ε = 2: m = (-1, 4), D = (4, 10), ⟨m, m / D⟩ = 1.85, f̄ = 5, γ = 3, ρ = 1/2.

    Then τ = (5 - 4.26 / 2 - 3 + 3) / 1.85 = 2.87 / 1.85, or α / ρ.
    """
    settings = {"beta1": 0.5, "beta2": 0.5, "epsilon": 2, "lower_bound": 4.26, "max_epochs": 1}
    run = follow("momo-adam", bowl, (1, 1), step=100, **settings)
    tau = 2.87 / 1.85
    assert run.weights[1] == pytest.approx((1 + tau / 4, 1 - 0.4 * tau), rel=1e-13)
    run = follow("momo-adam", bowl, (1, 1), step=0.1, **settings)
    assert run.weights[1] == pytest.approx((1.05, 0.92), rel=1e-14)


@pytest.mark.parametrize("name", TWINS)
def test_run_at_the_minimum_stays(name, bowl, follow):
    run = follow(name, bowl, (3, -1), max_epochs=3)
    assert run.weights.tolist() == [[3, -1]] * 4
