"""ACProp, AdaShift and AvaGrad."""

from __future__ import annotations

import math

import pytest


def acprop(f, x, *, step, beta1, beta2, epsilon):
    """Zhuang et al. 2021 with the bias correction of optax 0.2.8, whose first divisor is 1."""
    m, s, t = [0.0] * len(x), [0.0] * len(x), 0
    while True:
        g = f.gradient(x)
        s_hat = [b / (1 - beta2**t) for b in s] if t else [1.0] * len(x)
        x = [y - step * d / (math.sqrt(b) + epsilon) for y, d, b in zip(x, g, s_hat, strict=True)]
        yield x
        s = [beta2 * b + (1 - beta2) * (d - a) ** 2 + epsilon for b, d, a in zip(s, g, m, strict=True)]
        m = [beta1 * a + (1 - beta1) * d for a, d in zip(m, g, strict=True)]
        t = t + 1


def adashift(f, theta, *, step, beta1, beta2, epsilon, kept, block):
    """Zhou et al. 2019: gradients are moved by n epochs in time; one block."""
    queue, v, t = [], [0.0] * len(theta), 0
    total = sum(beta1**i for i in range(kept))
    while True:
        queue.append(f.gradient(theta))
        if len(queue) > kept:
            oldest = queue.pop(0)
            t = t + 1
            squares = [d**2 for d in oldest]
            squares = [max(squares)] * len(squares) if block else squares
            v = [beta2 * b + (1 - beta2) * d for b, d in zip(v, squares, strict=True)]
            m = [sum(beta1**i * g[j] for i, g in enumerate(reversed(queue))) / total for j in range(len(theta))]
            v_hat = [b / (1 - beta2**t) for b in v]
            theta = [x - step * a / (math.sqrt(b) + epsilon) for x, a, b in zip(theta, m, v_hat, strict=True)]
        yield theta


def avagrad(f, w, *, step, beta1, beta2, epsilon):
    """Savarese et al. 2021: the step sizes of the previous gradients, divided by their root mean square."""
    m, v = [0.0] * len(w), [0.0] * len(w)
    while True:
        g = f.gradient(w)
        m = [beta1 * a + (1 - beta1) * d for a, d in zip(m, g, strict=True)]
        eta = [1 / (math.sqrt(b) + epsilon) for b in v]
        size = math.sqrt(sum(e**2 for e in eta) / len(eta))
        w = [x - step * e / size * a for x, e, a in zip(w, eta, m, strict=True)]
        v = [beta2 * b + (1 - beta2) * d**2 for b, d in zip(v, g, strict=True)]
        yield w


TWINS = {"acprop": acprop, "adashift": adashift, "avagrad": avagrad}
_UNUSUAL = {"step": 0.05, "beta1": 0.35, "beta2": 0.6, "epsilon": 0.2}
UNUSUAL = {"acprop": _UNUSUAL, "adashift": {**_UNUSUAL, "kept": 4, "block": False}, "avagrad": _UNUSUAL}

_HAND = {"step": 0.1, "beta1": 0.5, "beta2": 0.75, "epsilon": 2}


def test_two_epochs_of_acprop_by_hand(bowl, follow):
    """1: the divisor is 1 + 2. 2: s = g² / 4 + 2 = (3, 18), ŝ = (12, 72)."""
    run = follow("acprop", bowl, (1, 1), **_HAND, max_epochs=2)
    w1, w2 = 1 + 0.2 / 3, 1 - 0.8 / 3
    assert run.weights[1] == pytest.approx((w1, w2), rel=1e-15)
    second = (w1 - 0.1 * (w1 - 3) / (math.sqrt(12) + 2), w2 - 0.1 * (4 * w2 + 4) / (math.sqrt(72) + 2))
    assert run.weights[2] == pytest.approx(second, rel=1e-14)


@pytest.mark.parametrize(("block", "divisor"), [(True, (10, 10)), (False, (4, 10))])
def test_epochs_of_adashift_by_hand(block, divisor, bowl, follow):
    """It waits for two gradients, both (-2, 8); the third epoch divides their mean by the root of the first square."""
    run = follow("adashift", bowl, (1, 1), **_HAND, kept=2, block=block, max_epochs=3)
    assert run.weights[:3].tolist() == [[1, 1]] * 3
    assert run.weights[3] == pytest.approx((1 + 0.2 / divisor[0], 1 - 0.8 / divisor[1]), rel=1e-14)


def test_adashift_weights_the_latest_gradient_most(bowl, follow):
    """The fourth epoch has g = (-1.95, 7.68) and g₁ = (-2, 8), with weights 2/3 and 1/3, and v̂ as before."""
    run = follow("adashift", bowl, (1, 1), **_HAND, kept=2, block=False, max_epochs=4)
    w1 = 1.05 - 0.1 * (2 * -1.95 - 2) / 3 / 4
    assert run.weights[4][0] == pytest.approx(w1, rel=1e-14)


def test_two_epochs_of_avagrad_by_hand(bowl, follow):
    """1: η is the same for both weights, so w = (1, 1) - 0.1 m with m = (-1, 4). 2: √v = (1, 4), η = (1/3, 1/6)."""
    run = follow("avagrad", bowl, (1, 1), **_HAND, max_epochs=2)
    assert run.weights[1] == pytest.approx((1.1, 0.6), rel=1e-14)
    size = math.sqrt((1 / 9 + 1 / 36) / 2)
    m1, m2 = -0.5 + 0.5 * -1.9, 2 + 0.5 * 6.4
    second = (1.1 - 0.1 * m1 / 3 / size, 0.6 - 0.1 * m2 / 6 / size)
    assert run.weights[2] == pytest.approx(second, rel=1e-13)
