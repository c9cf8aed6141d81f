"""Yogi, AdaBelief and ADOPT."""

from __future__ import annotations

import math

import pytest

EPOCHS = 40  # adopt without clipping amplifies rounding errors: a start changed by 4e-16 is 2e-11 away after 48 epochs


def yogi(f, x, *, step, beta1, beta2, epsilon, initial, convention):
    """Zaheer et al. 2018, Algorithm 2; with convention optax, the code of optax.yogi, which corrects both moments."""
    eta = step
    v = [initial] * len(x)
    m = list(v) if convention == "optax" else [0.0] * len(x)
    t = 0
    while True:
        t = t + 1
        g = f.gradient(x)
        m = [beta1 * a + (1 - beta1) * d for a, d in zip(m, g, strict=True)]
        v = [b - (1 - beta2) * ((b > d**2) - (b < d**2)) * d**2 for b, d in zip(v, g, strict=True)]
        c1, c2 = (1 - beta1**t, 1 - beta2**t) if convention == "optax" else (1, 1)
        x = [y - eta * (a / c1) / (math.sqrt(b / c2) + epsilon) for y, a, b in zip(x, m, v, strict=True)]
        yield x


def adabelief(f, theta, *, step, beta1, beta2, epsilon):
    """Zhuang et al. 2020, Algorithm 2."""
    alpha = step
    m, s = [0.0] * len(theta), [0.0] * len(theta)
    t = 0
    while True:
        t = t + 1
        g = f.gradient(theta)
        m = [beta1 * a + (1 - beta1) * d for a, d in zip(m, g, strict=True)]
        s = [beta2 * b + (1 - beta2) * (d - a) ** 2 + epsilon for b, d, a in zip(s, g, m, strict=True)]
        m_hat = [a / (1 - beta1**t) for a in m]
        s_hat = [b / (1 - beta2**t) for b in s]
        theta = [x - alpha * a / (math.sqrt(b) + epsilon) for x, a, b in zip(theta, m_hat, s_hat, strict=True)]
        yield theta


def adopt(f, theta, *, step, beta1, beta2, epsilon, clip):
    """Taniguchi et al. 2024, the algorithm with clipping; v₀ = g₀² counts as an epoch here."""
    alpha = step
    m, v = [0.0] * len(theta), [d**2 for d in f.gradient(theta)]
    yield theta
    t = 0
    while True:
        t = t + 1
        g = f.gradient(theta)
        c = t**0.25 if clip else math.inf
        scaled = [min(max(d / max(math.sqrt(b), epsilon), -c), c) for d, b in zip(g, v, strict=True)]
        m = [beta1 * a + (1 - beta1) * u for a, u in zip(m, scaled, strict=True)]
        theta = [x - alpha * a for x, a in zip(theta, m, strict=True)]
        v = [beta2 * b + (1 - beta2) * d**2 for b, d in zip(v, g, strict=True)]
        yield theta


TWINS = {"yogi": yogi, "adabelief": adabelief, "adopt": adopt}
_UNUSUAL = {"step": 0.3, "beta1": 0.35, "beta2": 0.6, "epsilon": 0.2}
UNUSUAL = {
    "yogi": {**_UNUSUAL, "initial": 0.04, "convention": "optax"},
    "adabelief": _UNUSUAL,
    "adopt": {**_UNUSUAL, "clip": False},
}

# On the bowl from (1, 1) the gradient is (-2, 8). An ε of 2 is large enough for its position to matter.
_HAND = {"step": 0.1, "beta1": 0.5, "beta2": 0.75, "epsilon": 2}


@pytest.mark.parametrize(
    ("settings", "first"),
    [
        # m = (-1, 4); v = 1 is below both squares, 4 and 64, and increases by a quarter of them, to (2, 17)
        ({"initial": 1}, (1 + 0.1 / (math.sqrt(2) + 2), 1 - 0.4 / (math.sqrt(17) + 2))),
        # v = 100 is above both and decreases by the same amounts: (99, 84)
        ({"initial": 100}, (1 + 0.1 / (math.sqrt(99) + 2), 1 - 0.4 / (math.sqrt(84) + 2))),
        # m = 0.5 + 0.5 g = (-0.5, 4.5), m̂ = m / 0.5; v̂ = (2, 17) / 0.25
        ({"initial": 1, "convention": "optax"}, (1 + 0.1 / (math.sqrt(8) + 2), 1 - 0.9 / (math.sqrt(68) + 2))),
    ],
)
def test_an_epoch_of_yogi_by_hand(settings, first, bowl, follow):
    run = follow("yogi", bowl, (1, 1), **_HAND, **settings, max_epochs=1)
    assert run.weights[1] == pytest.approx(first, rel=1e-15)


def test_two_epochs_of_adabelief_by_hand(bowl, follow):
    """1: m = (-1, 4), s = 0.25 (-1, 4)² + 2 = (2.25, 6), m̂ = (-2, 8), ŝ = (9, 24).

    2: g = (w1 - 3, 4 w2 + 4), and ε is added to s again: s = 0.75 (2.25, 6) + 0.25 (g - m)² + 2.
    """
    run = follow("adabelief", bowl, (1, 1), **_HAND, max_epochs=2)
    w2 = 1 - 0.8 / (math.sqrt(24) + 2)
    assert run.weights[1] == pytest.approx((1.04, w2), rel=1e-15)
    m = -0.5 + 0.5 * -1.96
    s = 0.75 * 2.25 + 0.25 * (-1.96 - m) ** 2 + 2
    assert run.weights[2][0] == pytest.approx(1.04 - 0.1 * (m / 0.75) / (math.sqrt(s / 0.4375) + 2), rel=1e-14)


@pytest.mark.parametrize(
    ("clip", "third"),
    [
        # then g = (8, -32), four times as large as before: clipped from ±4 to 2^¼
        (True, (11 + 20 * (0.25 - 0.5 * 2**0.25), -9 - 20 * (0.25 - 0.5 * 2**0.25))),
        (False, (11 + 20 * (0.25 - 0.5 * 4), -9 - 20 * (0.25 - 0.5 * 4))),
    ],
)
def test_three_epochs_of_adopt_by_hand(clip, third, bowl, follow):
    """The first epoch does not move. Then g / |g| = (-1, 1) and m = (-0.5, 0.5), so w = (1, 1) + 20 (0.5, -0.5)."""
    run = follow("adopt", bowl, (1, 1), step=20, beta1=0.5, clip=clip, max_epochs=3)
    assert run.weights[1].tolist() == [1, 1]
    assert run.weights[2] == pytest.approx((11, -9), rel=1e-15)
    assert run.weights[3] == pytest.approx(third, rel=1e-14)


@pytest.mark.parametrize("name", TWINS)
def test_weight_with_zero_gradient_stays(name, bowl, follow):
    """At (3, 1) the bowl's gradient is (0, 8), and 0 / ε is 0, not NaN."""
    run = follow(name, bowl, (3, 1), max_epochs=2)
    assert run.weights[2][0] == 3
    assert run.weights[2][1] < 1
