"""LAMB, NovoGrad, LARS and Fromage."""

from __future__ import annotations

import math

import pytest


def _norm(v):
    return math.sqrt(sum(x * x for x in v))


def lamb(f, x, *, step, beta1, beta2, epsilon, epsilon_root, weight_decay, convention):
    """You et al. 2020, Algorithm 2, with one layer and φ(z) = z; with convention torch, pytorch_optimizer 4.1.0."""
    eta, lambda_ = step, weight_decay
    m, v = [0.0] * len(x), [0.0] * len(x)
    t = 0
    while True:
        t = t + 1
        g = f.gradient(x)
        m = [beta1 * a + (1 - beta1) * d for a, d in zip(m, g, strict=True)]
        v = [beta2 * b + (1 - beta2) * d**2 for b, d in zip(v, g, strict=True)]
        if convention == "torch":
            x = [y - eta * lambda_ * y for y in x]
            u = [a / (math.sqrt(b + epsilon_root) + epsilon) for a, b in zip(m, v, strict=True)]
            trust_ratio = min(_norm(x), 10) / (_norm(u) + epsilon)
            x = [y - eta / (1 - beta1**t) * trust_ratio * a for y, a in zip(x, u, strict=True)]
            yield x
            continue
        m_hat = [a / (1 - beta1**t) for a in m]
        v_hat = [b / (1 - beta2**t) for b in v]
        r = [a / (math.sqrt(b + epsilon_root) + epsilon) for a, b in zip(m_hat, v_hat, strict=True)]
        u = [a + lambda_ * y for a, y in zip(r, x, strict=True)]
        ratio = _norm(x) / _norm(u)
        x = [y - eta * ratio * a for y, a in zip(x, u, strict=True)]
        yield x


def novograd(f, w, *, step, beta1, beta2, epsilon, epsilon_root, weight_decay, averaging):
    """Ginsburg et al. 2019, Algorithm 1, with one layer, and with ε in the first line."""
    lambda_, d = step, weight_decay
    share = 1 - beta1 if averaging else 1
    g = f.gradient(w)
    v = _norm(g) ** 2
    m = [a / (math.sqrt(v + epsilon_root) + epsilon) + d * x for a, x in zip(g, w, strict=True)]
    while True:
        w = [x - lambda_ * a for x, a in zip(w, m, strict=True)]
        yield w
        g = f.gradient(w)
        v = beta2 * v + (1 - beta2) * _norm(g) ** 2
        root = math.sqrt(v + epsilon_root) + epsilon
        m = [beta1 * b + share * (a / root + d * x) for b, a, x in zip(m, g, w, strict=True)]


def lars(f, w, *, step, trust, momentum, weight_decay, convention):
    """You et al. 2017, Algorithm 1, with one layer; with convention optax, the divisor of optax.lars (0.2.8)."""
    v = [0.0] * len(w)
    while True:
        g = f.gradient(w)
        decayed = [d + weight_decay * x for d, x in zip(g, w, strict=True)]
        divisor = _norm(decayed) if convention == "optax" else _norm(g) + weight_decay * _norm(w)
        local = trust * _norm(w) / divisor
        v = [momentum * a + step * local * d for a, d in zip(v, decayed, strict=True)]
        w = [x - a for x, a in zip(w, v, strict=True)]
        yield w


def fromage(f, w, *, step):
    """Bernstein et al. 2020, Algorithm 1, with one layer."""
    eta = step
    while True:
        g = f.gradient(w)
        ratio = _norm(w) / _norm(g)
        w = [(x - eta * ratio * d) / math.sqrt(1 + eta**2) for x, d in zip(w, g, strict=True)]
        yield w


TWINS = {"lamb": lamb, "novograd": novograd, "lars": lars, "fromage": fromage}
_UNUSUAL = {"step": 0.05, "beta1": 0.35, "beta2": 0.6, "epsilon": 0.2, "weight_decay": 0.03}
UNUSUAL = {
    "lamb": {**_UNUSUAL, "epsilon_root": 0.3, "convention": "torch"},
    "novograd": {**_UNUSUAL, "epsilon_root": 0.3, "averaging": True},
    "lars": {"step": 2.3, "trust": 0.02, "momentum": 0.35, "weight_decay": 0.03, "convention": "optax"},
    "fromage": {"step": 0.02},
}


def test_an_epoch_of_lamb_by_hand(bowl, follow):
    """From (1, 1), g = (-2, 8): m̂ / (√v̂ + 2) = (-0.5, 0.8); plus 0.5 w that is (0, 1.3), scaled to norm √2."""
    run = follow("lamb", bowl, (1, 1), step=0.1, epsilon=2, weight_decay=0.5, max_epochs=1)
    assert run.weights[1] == pytest.approx((1, 1 - 0.1 * math.sqrt(2)), rel=1e-15)


def test_two_epochs_of_early_lamb_by_hand(bowl, follow):
    """From (3, 4) with a decay of 0.1 · 5: w = (1.5, 2), of length 2.5; g = (0, 20), m = g / 2, √v = g / 2.

    r = (0, 10 / 12), so w = (1.5, 2) - 0.1 / 0.5 r 2.5 / (10 / 12 + 2) = (1.5, 2 - 0.5 · 10 / 34).
    """
    settings = {"step": 0.1, "beta1": 0.5, "beta2": 0.75, "epsilon": 2, "weight_decay": 5, "convention": "torch"}
    run = follow("lamb", bowl, (3, 4), **settings, max_epochs=2)
    first = (1.5, 2 - 5 / 34)
    assert run.weights[1] == pytest.approx(first, rel=1e-15)
    w, g = [x / 2 for x in first], [first[0] - 3, 4 * first[1] + 4]
    m = [0.5 * a + 0.5 * b for a, b in zip((0, 10), g, strict=True)]
    v = [0.75 * a + 0.25 * b * b for a, b in zip((0, 100), g, strict=True)]
    r = [a / (math.sqrt(b) + 2) for a, b in zip(m, v, strict=True)]
    ratio = _norm(w) / (_norm(r) + 2) / 0.75
    assert run.weights[2] == pytest.approx([x - 0.1 * ratio * a for x, a in zip(w, r, strict=True)], rel=1e-14)


def test_early_lamb_counts_norms_of_at_most_10(bowl, follow):
    """From (3, 40), g = (0, 164), m = g and √v = g for betas of 0: r = (0, 164 / 166), and ‖w‖ = √1609 counts as 10."""
    settings = {"step": 0.1, "beta1": 0, "beta2": 0, "epsilon": 2, "convention": "torch"}
    r = 164 / 166
    assert follow("lamb", bowl, (3, 40), **settings, max_epochs=1).weights[1] == pytest.approx((3, 40 - r / (r + 2)))


def test_epsilon_root_is_under_the_root(bowl, follow):
    """From (0, 4), g = (-3, 20): for LAMB m̂ / (√(v̂ + 16) + 1) = (-3 / 6, 20 / (√416 + 1)), scaled to norm 4.

    NovoGrad divides by √(409 + 32) + 1 = 22.
    """
    run = follow("lamb", bowl, (0, 4), step=0.1, epsilon=1, epsilon_root=16, max_epochs=1)
    r = (-0.5, 20 / (math.sqrt(416) + 1))
    assert run.weights[1] == pytest.approx((0.2 / _norm(r), 4 - 0.4 * r[1] / _norm(r)), rel=1e-14)
    run = follow("novograd", bowl, (0, 4), step=1.1, epsilon=1, epsilon_root=32, max_epochs=1)
    assert run.weights[1] == pytest.approx((0.15, 3), rel=1e-14)


def test_moves_of_lamb_are_proportional_to_the_norm_of_the_weights(unequal, follow):
    run = follow("lamb", unequal, (-1.2, 1, 0.3), step=0.03, max_epochs=20)
    for before, after in zip(run.weights, run.weights[1:], strict=False):
        assert _norm(after - before) == pytest.approx(0.03 * _norm(before), rel=1e-12)


@pytest.mark.parametrize("convention", ["paper", "torch"])
def test_lamb_moves_from_the_origin_as_adam_does(convention, bowl, follow):
    """The norm of w is 0, so the update is not scaled: g = (-3, 4), m̂ / (√v̂ + 2) = (-3/5, 4/6)."""
    settings = {"step": 0.1, "beta2": 0, "epsilon": 2, "convention": convention}
    run = follow("lamb", bowl, (0, 0), **settings, max_epochs=1)
    assert run.weights[1] == pytest.approx((0.06, -0.4 / 6), rel=1e-14)


@pytest.mark.parametrize("convention", ["paper", "torch"])
def test_lamb_stays_at_a_minimum(convention, bowl, follow):
    """The norm of the update is 0, and 0 / 0 is avoided."""
    assert follow("lamb", bowl, (3, -1), convention=convention, max_epochs=2).weights.tolist() == [[3, -1]] * 3


def test_two_epochs_of_novograd_by_hand(bowl, follow):
    """From (0, 0), g = (-3, 4) of length 5: m = g / 7 + 0.5 (0, 0), so w = (0.3 / 7, -0.4 / 7).

    Then g = (w1 - 3, 4 w2 + 4), v = 0.75 · 25 + 0.25 ‖g‖² and m = 0.5 m + g / (√v + 2) + 0.5 w.
    """
    settings = {"step": 0.1, "beta1": 0.5, "beta2": 0.75, "epsilon": 2, "weight_decay": 0.5}
    run = follow("novograd", bowl, (0, 0), **settings, max_epochs=2)
    w1, w2 = 0.3 / 7, -0.4 / 7
    assert run.weights[1] == pytest.approx((w1, w2), rel=1e-15)
    v = 0.75 * 25 + 0.25 * ((w1 - 3) ** 2 + (4 * w2 + 4) ** 2)
    m1 = 0.5 * -3 / 7 + (w1 - 3) / (math.sqrt(v) + 2) + 0.5 * w1
    m2 = 0.5 * 4 / 7 + (4 * w2 + 4) / (math.sqrt(v) + 2) + 0.5 * w2
    assert run.weights[2] == pytest.approx((w1 - 0.1 * m1, w2 - 0.1 * m2), rel=1e-14)


def test_two_epochs_of_averaging_novograd_by_hand(bowl, follow):
    """From (0, 0), the first update is not averaged: m = g / 7, so w = (0.3 / 7, -0.4 / 7).

    Then m = 0.25 m + 0.75 g / (√v + 2), and with β₂ 0 v = ‖g‖².
    """
    settings = {"step": 0.1, "beta1": 0.25, "beta2": 0, "epsilon": 2, "averaging": True}
    run = follow("novograd", bowl, (0, 0), **settings, max_epochs=2)
    w1, w2 = 0.3 / 7, -0.4 / 7
    assert run.weights[1] == pytest.approx((w1, w2), rel=1e-15)
    length = math.hypot(w1 - 3, 4 * w2 + 4) + 2
    second = (w1 - 0.1 * (0.25 * -3 / 7 + 0.75 * (w1 - 3) / length), w2 - 0.1 * (1 / 7 + 3 * (w2 + 1) / length))
    assert run.weights[2] == pytest.approx(second, rel=1e-14)


# From (3, 4) on the bowl, g = (0, 20), ‖w‖ = 5.
@pytest.mark.parametrize(
    ("settings", "first"),
    [
        ({}, (3, 3.5)),  # 0.1 · 5 / 20 · g
        ({"weight_decay": 2}, (2.9, 4 - 28 / 60)),  # 0.1 · 5 / (20 + 10) · (6, 28)
        ({"weight_decay": 2, "convention": "optax"}, (3 - 3 / math.sqrt(820), 4 - 14 / math.sqrt(820))),
    ],
)
def test_an_epoch_of_lars_by_hand(settings, first, bowl, follow):
    run = follow("lars", bowl, (3, 4), trust=0.1, **settings, max_epochs=1)
    assert run.weights[1] == pytest.approx(first, rel=1e-14)


def test_second_epoch_of_lars_adds_the_last_update(bowl, follow):
    """v = (0, 0.5), then 0.5 v + 0.1 ‖(3, 3.5)‖."""
    run = follow("lars", bowl, (3, 4), trust=0.1, momentum=0.5, max_epochs=2)
    assert run.weights[2] == pytest.approx((3, 3.25 - 0.1 * math.hypot(3, 3.5)), rel=1e-14)


def test_an_epoch_of_fromage_by_hand(bowl, follow):
    """η = 3/4: (3, 4) - 0.75 · 5 (0, 1) = (3, 0.25), divided by √(1 + 9/16) = 5/4."""
    run = follow("fromage", bowl, (3, 4), step=0.75, max_epochs=1)
    assert run.weights[1] == pytest.approx((2.4, 0.2), rel=1e-14)


@pytest.mark.parametrize(("name", "step"), [("lars", 0.1), ("fromage", 0.1)])
def test_from_weights_of_zero_the_ratio_is_1(name, step, bowl, follow):
    """At 0 the bowl's gradient is (-3, 4)."""
    run = follow(name, bowl, (0, 0), step=step, max_epochs=1)
    divisor = math.sqrt(1.01) if name == "fromage" else 1
    assert run.weights[1] == pytest.approx((0.3 / divisor, -0.4 / divisor), rel=1e-14)
