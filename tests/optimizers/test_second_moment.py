"""Yogi, AdaBelief, ADOPT, Padam, LaProp and M-SVAG."""

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


def adabelief(f, theta, *, step, beta1, beta2, epsilon, nesterov, rectify):
    """Zhuang et al. 2020, Algorithm 2; nesterov as in optax 0.2.8, rectify as in the authors' code."""
    alpha = step
    m, s = [0.0] * len(theta), [0.0] * len(theta)
    t = 0
    while True:
        t = t + 1
        g = f.gradient(theta)
        m = [beta1 * a + (1 - beta1) * d for a, d in zip(m, g, strict=True)]
        s = [beta2 * b + (1 - beta2) * (d - a) ** 2 + epsilon for b, d, a in zip(s, g, m, strict=True)]
        m_hat = [a / (1 - beta1**t) for a in m]
        if nesterov:
            later = [a / (1 - beta1 ** (t + 1)) for a in m]
            m_hat = [beta1 * a + (1 - beta1) * d / (1 - beta1**t) for a, d in zip(later, g, strict=True)]
        c = 1 - beta2**t
        divisors = [math.sqrt(b / c) + epsilon for b in s]
        if rectify:
            most = 2 / (1 - beta2) - 1
            n = most - 2 * t * beta2**t / c
            if n >= 5:
                r = math.sqrt(c * (n - 4) / (most - 4) * (n - 2) / n * most / (most - 2))
                divisors = [(math.sqrt(b) + epsilon) / r for b in s]
            else:
                divisors = [1.0] * len(s)
        theta = [x - alpha * a / b for x, a, b in zip(theta, m_hat, divisors, strict=True)]
        yield theta


def adopt(f, theta, *, step, beta1, beta2, epsilon, clip, nesterov):
    """Taniguchi et al. 2024, the algorithm with clipping; v₀ = g₀² counts as an epoch here. Nesterov as in optax."""
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
        move = [beta1 * a + (1 - beta1) * u for a, u in zip(m, scaled, strict=True)] if nesterov else m
        theta = [x - alpha * a for x, a in zip(theta, move, strict=True)]
        v = [beta2 * b + (1 - beta2) * d**2 for b, d in zip(v, g, strict=True)]
        yield theta


def padam(f, theta, *, step, beta1, beta2, power, epsilon, convention):
    """Chen et al. 2020, Algorithm 1, with ε; with convention torch, pytorch_optimizer 4.1.0."""
    m, v, largest, t = [0.0] * len(theta), [0.0] * len(theta), [0.0] * len(theta), 0
    while True:
        t = t + 1
        g = f.gradient(theta)
        m = [beta1 * a + (1 - beta1) * d for a, d in zip(m, g, strict=True)]
        v = [beta2 * b + (1 - beta2) * d**2 for b, d in zip(v, g, strict=True)]
        largest = [max(a, b) for a, b in zip(largest, v, strict=True)]
        alpha, squares = step, largest
        if convention == "torch":
            alpha, squares = step * math.sqrt(1 - beta2**t) / (1 - beta1**t), v
        theta = [
            x - alpha * a / (math.sqrt(b) + epsilon) ** (2 * power) for x, a, b in zip(theta, m, squares, strict=True)
        ]
        yield theta


def laprop(f, theta, *, step, beta1, beta2, epsilon, convention):
    """Ziyin et al. 2020, Algorithm 1; with convention torch, ε as in pytorch_optimizer 4.1.0."""
    m, n, t = [0.0] * len(theta), [0.0] * len(theta), 0
    while True:
        t = t + 1
        g = f.gradient(theta)
        n = [beta2 * b + (1 - beta2) * d**2 for b, d in zip(n, g, strict=True)]
        c_n, c_m = 1 - beta2**t, 1 - beta1**t
        if convention == "torch":
            roots = [(math.sqrt(b) + epsilon) / math.sqrt(c_n) for b in n]
        else:
            roots = [math.sqrt(b / c_n) + epsilon for b in n]
        m = [beta1 * a + (1 - beta1) * d / b for a, d, b in zip(m, g, roots, strict=True)]
        theta = [x - step * a / c_m for x, a in zip(theta, m, strict=True)]
        yield theta


def m_svag(f, theta, *, step, beta):
    """Balles & Hennig 2018, Algorithm 1, with epochs counted from 1, and s = 0 in the first."""
    m, v, t = [0.0] * len(theta), [0.0] * len(theta), 0
    while True:
        t = t + 1
        g = f.gradient(theta)
        m = [beta * a + (1 - beta) * d for a, d in zip(m, g, strict=True)]
        v = [beta * b + (1 - beta) * d**2 for b, d in zip(v, g, strict=True)]
        m_hat, v_hat = [a / (1 - beta**t) for a in m], [b / (1 - beta**t) for b in v]
        rho = (1 - beta) * (1 + beta**t) / ((1 + beta) * (1 - beta**t))
        s = [(b - a**2) / (1 - rho) if t > 1 else 0 for a, b in zip(m_hat, v_hat, strict=True)]
        gamma = [a**2 / (a**2 + rho * b) for a, b in zip(m_hat, s, strict=True)]
        theta = [x - step * min(max(c, 0), 1) * a for x, c, a in zip(theta, gamma, m_hat, strict=True)]
        yield theta


TWINS = {"yogi": yogi, "adabelief": adabelief, "adopt": adopt, "padam": padam, "laprop": laprop, "m-svag": m_svag}
_UNUSUAL = {"step": 0.3, "beta1": 0.35, "beta2": 0.6, "epsilon": 0.2}
UNUSUAL = {
    "yogi": {**_UNUSUAL, "initial": 0.04, "convention": "optax"},
    "adabelief": {**_UNUSUAL, "step": 0.05, "beta2": 0.9, "nesterov": True, "rectify": True},
    "adopt": {**_UNUSUAL, "clip": False, "nesterov": True},
    "padam": {**_UNUSUAL, "power": 0.3, "convention": "torch"},
    "laprop": {**_UNUSUAL, "convention": "torch"},
    "m-svag": {"step": 0.05, "beta": 0.6},
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


def test_an_epoch_of_adabelief_with_nesterov_by_hand(bowl, follow):
    """With m and ŝ as above, m̂ = 0.5 m / (1 - 0.25) + 0.5 g / 0.5 = 4/3 g = (-8, 32) / 3."""
    run = follow("adabelief", bowl, (1, 1), **_HAND, nesterov=True, max_epochs=1)
    first = (1 + 0.8 / 3 / 5, 1 - 3.2 / 3 / (math.sqrt(24) + 2))
    assert run.weights[1] == pytest.approx(first, rel=1e-14)


def test_rectified_adabelief_divides_from_the_eighth_epoch_on(bowl, follow):
    """With β₂ 0.75, ρ∞ is 7 and ρ = 7 - 2 t 0.75ᵗ / (1 - 0.75ᵗ), first above 5 for t = 8.

    With β₁ 0, m is g, so that s contains nothing but ε: ε (1 - 0.75⁸) / 0.25 at the eighth epoch.
    """
    settings = {"step": 0.1, "beta1": 0, "beta2": 0.75, "epsilon": 0.5, "rectify": True}
    run = follow("adabelief", bowl, (1, 1), **settings, max_epochs=8)
    plain = follow("gd", bowl, (1, 1), step=0.1, max_epochs=8)
    assert run.weights[:8] == pytest.approx(plain.weights[:8], rel=1e-15)
    rho = 7 - 16 * 0.75**8 / (1 - 0.75**8)
    r = math.sqrt((rho - 4) * (rho - 2) * 7 / (3 * 5 * rho))
    assert (round(rho, 2), round(r, 2)) == (5.22, 0.59)
    root = math.sqrt(0.5 * (1 - 0.75**8) / 0.25)
    moved = 0.1 * r * math.sqrt(1 - 0.75**8) * (run.weights[7] - [3, -1]) * [1, 4] / (root + 0.5)
    assert run.weights[8] == pytest.approx(run.weights[7] - moved, rel=1e-13)


def test_two_epochs_of_adopt_with_nesterov_by_hand(bowl, follow):
    """As below, but with 0.5 m + 0.5 (-1, 1) = (-0.75, 0.75)."""
    run = follow("adopt", bowl, (1, 1), step=20, beta1=0.5, nesterov=True, max_epochs=2)
    assert run.weights.tolist() == [[1, 1], [1, 1], [16, -14]]


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("rectify", [False, True])
def test_every_form_of_adabelief_matches_its_twin(rectify, nesterov, six_points, plain, follow):
    settings = {**UNUSUAL["adabelief"], "rectify": rectify, "nesterov": nesterov}
    run = follow("adabelief", six_points, (-1.2, 1), max_epochs=50, **settings)
    twin = adabelief(plain(six_points), [-1.2, 1.0], **settings)
    for epoch in range(1, 51):
        assert run.weights[epoch] == pytest.approx(next(twin), rel=1e-12)


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


@pytest.mark.parametrize(
    ("settings", "first"),
    [
        ({"power": 0.5}, (1 + 0.1 / 3, 1 - 0.4 / 6)),  # m = (-1, 4), √v + ε = (3, 6)
        ({"power": 0.25}, (1 + 0.1 / math.sqrt(3), 1 - 0.4 / math.sqrt(6))),
        ({"power": 0.25, "convention": "torch"}, (1 + 0.1 / math.sqrt(3), 1 - 0.4 / math.sqrt(6))),  # √0.25 / 0.5 = 1
    ],
)
def test_an_epoch_of_padam_by_hand(settings, first, bowl, follow):
    run = follow("padam", bowl, (1, 1), **_HAND, **settings, max_epochs=1)
    assert run.weights[1] == pytest.approx(first, rel=1e-14)


def test_padam_with_power_one_half_is_amsgrad(unequal, follow):
    expected = follow("amsgrad", unequal, (-1.2, 1, 0.3), step=0.03, max_epochs=30)
    run = follow("padam", unequal, (-1.2, 1, 0.3), step=0.03, power=0.5, max_epochs=30)
    assert run.weights == pytest.approx(expected.weights, rel=1e-13)


@pytest.mark.parametrize(
    ("convention", "first"),
    [
        ("paper", (1 + 0.1 * 2 / 4, 1 - 0.1 * 8 / 10)),  # √ν̂ + ε = |g| + 2
        ("torch", (1 + 0.1 * 2 / 6, 1 - 0.1 * 8 / 12)),  # (|g| / 2 + 2) / 0.5
    ],
)
def test_an_epoch_of_laprop_by_hand(convention, first, bowl, follow):
    run = follow("laprop", bowl, (1, 1), **_HAND, convention=convention, max_epochs=1)
    assert run.weights[1] == pytest.approx(first, rel=1e-14)


def test_two_epochs_of_m_svag_by_hand(bowl, follow):
    """1: γ = 1, so w - 0.1 g. 2: g = (-1.8, 4.8), m̂ = (g' + 2 g) / 3, v̂ alike, ρ = 0.5 · 1.25 / (1.5 · 0.75) = 5/9."""
    run = follow("m-svag", bowl, (1, 1), step=0.1, beta=0.5, max_epochs=2)
    assert run.weights[1] == pytest.approx((1.2, 0.2), rel=1e-14)
    m, v = (-2 + 2 * -1.8) / 3, (4 + 2 * 3.24) / 3
    s = (v - m**2) / (4 / 9)
    assert run.weights[2][0] == pytest.approx(1.2 - 0.1 * m * m**2 / (m**2 + 5 / 9 * s), rel=1e-13)
