"""LAMB and NovoGrad."""

from __future__ import annotations

import math

import pytest


def _norm(v):
    return math.sqrt(sum(x * x for x in v))


def lamb(f, x, *, step, beta1, beta2, epsilon, weight_decay):
    """You et al. 2020, Algorithm 2, with one layer and φ(z) = z."""
    eta, lambda_ = step, weight_decay
    m, v = [0.0] * len(x), [0.0] * len(x)
    t = 0
    while True:
        t = t + 1
        g = f.gradient(x)
        m = [beta1 * a + (1 - beta1) * d for a, d in zip(m, g, strict=True)]
        v = [beta2 * b + (1 - beta2) * d**2 for b, d in zip(v, g, strict=True)]
        m_hat = [a / (1 - beta1**t) for a in m]
        v_hat = [b / (1 - beta2**t) for b in v]
        r = [a / (math.sqrt(b) + epsilon) for a, b in zip(m_hat, v_hat, strict=True)]
        u = [a + lambda_ * y for a, y in zip(r, x, strict=True)]
        ratio = _norm(x) / _norm(u)
        x = [y - eta * ratio * a for y, a in zip(x, u, strict=True)]
        yield x


def novograd(f, w, *, step, beta1, beta2, epsilon, weight_decay):
    """Ginsburg et al. 2019, Algorithm 1, with one layer, and with ε in the first line."""
    lambda_, d = step, weight_decay
    g = f.gradient(w)
    v = _norm(g) ** 2
    m = [a / (math.sqrt(v) + epsilon) + d * x for a, x in zip(g, w, strict=True)]
    while True:
        w = [x - lambda_ * a for x, a in zip(w, m, strict=True)]
        yield w
        g = f.gradient(w)
        v = beta2 * v + (1 - beta2) * _norm(g) ** 2
        m = [beta1 * b + (a / (math.sqrt(v) + epsilon) + d * x) for b, a, x in zip(m, g, w, strict=True)]


TWINS = {"lamb": lamb, "novograd": novograd}
_UNUSUAL = {"step": 0.05, "beta1": 0.35, "beta2": 0.6, "epsilon": 0.2, "weight_decay": 0.03}
UNUSUAL = dict.fromkeys(TWINS, _UNUSUAL)


def test_an_epoch_of_lamb_by_hand(bowl, follow):
    """From (1, 1), g = (-2, 8): m̂ / (√v̂ + 2) = (-0.5, 0.8); plus 0.5 w that is (0, 1.3), scaled to norm √2."""
    run = follow("lamb", bowl, (1, 1), step=0.1, epsilon=2, weight_decay=0.5, max_epochs=1)
    assert run.weights[1] == pytest.approx((1, 1 - 0.1 * math.sqrt(2)), rel=1e-15)


def test_moves_of_lamb_are_proportional_to_the_norm_of_the_weights(unequal, follow):
    run = follow("lamb", unequal, (-1.2, 1, 0.3), step=0.03, max_epochs=20)
    for before, after in zip(run.weights, run.weights[1:], strict=False):
        assert _norm(after - before) == pytest.approx(0.03 * _norm(before), rel=1e-12)


def test_lamb_moves_from_the_origin_as_adam_does(bowl, follow):
    """The norm of w is 0, so the update is not scaled: g = (-3, 4), m̂ / (√v̂ + 2) = (-3/5, 4/6)."""
    run = follow("lamb", bowl, (0, 0), step=0.1, epsilon=2, max_epochs=1)
    assert run.weights[1] == pytest.approx((0.06, -0.4 / 6), rel=1e-15)


def test_lamb_stays_at_a_minimum(bowl, follow):
    """The norm of the update is 0, and 0 / 0 is avoided."""
    assert follow("lamb", bowl, (3, -1), max_epochs=2).weights.tolist() == [[3, -1]] * 3


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
