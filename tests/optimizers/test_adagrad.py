"""Adagrad."""

from __future__ import annotations

import math

import pytest


def adagrad(f, x, *, step, epsilon, initial_accumulator, convention):
    """Duchi, Hazan & Singer 2011, Figure 1, diagonal, without constraints and regularizer.

    In the paper, s is the norm of all gradients of a weight, and H = δ I + diag(s). In optax, H is the root of
    δ I + diag(s)².
    """
    eta, delta = step, epsilon
    seen = [[math.sqrt(initial_accumulator)] for _ in x]
    while True:
        g = f.gradient(x)
        for past, d in zip(seen, g, strict=True):
            past.append(d)
        s = [math.sqrt(math.fsum(d * d for d in past)) for past in seen]
        if convention == "optax":
            H = [math.sqrt(delta + length**2) for length in s]
        else:
            H = [delta + length for length in s]
        x = [a - eta * d / h for a, d, h in zip(x, g, H, strict=True)]
        yield x


def kate(f, w, *, step, eta, epsilon):
    """Choudhury et al. 2024, Algorithm 1, with ε in each b² as in pytorch_optimizer 4.1.0."""
    b, m = [0.0] * len(w), [0.0] * len(w)
    while True:
        g = f.gradient(w)
        b = [math.sqrt(a**2 + d**2 + epsilon) for a, d in zip(b, g, strict=True)]
        m = [math.sqrt(a**2 + eta * d**2 + d**2 / c**2) for a, d, c in zip(m, g, b, strict=True)]
        w = [x - step * a / c**2 * d for x, a, c, d in zip(w, m, b, g, strict=True)]
        yield w


def ftrl(f, w, *, step, beta, l1, l2):
    """McMahan et al. 2013, Algorithm 1, with the given weights in the first epoch."""
    z, n = [0.0] * len(w), [0.0] * len(w)
    while True:
        g = f.gradient(w)
        for i, d in enumerate(g):
            sigma = (math.sqrt(n[i] + d**2) - math.sqrt(n[i])) / step
            z[i] += d - sigma * w[i]
            n[i] += d**2
        w = [
            0.0 if abs(a) <= l1 else -(a - math.copysign(l1, a)) / ((beta + math.sqrt(b)) / step + l2)
            for a, b in zip(z, n, strict=True)
        ]
        yield w


TWINS = {"adagrad": adagrad, "kate": kate, "ftrl": ftrl}
UNUSUAL = {
    "adagrad": {"step": 0.4, "epsilon": 0.03, "initial_accumulator": 0.6, "convention": "optax"},
    "kate": {"step": 0.4, "eta": 0.3, "epsilon": 0.03},
    "ftrl": {"step": 0.4, "beta": 0.3, "l1": 0.02, "l2": 0.05},
}


@pytest.mark.parametrize(
    ("convention", "first"),
    [
        # s = (4, 64) + 5, so w = (1, 1) - 0.5 (-2, 8) / (1 + √s)
        ("paper", (1 + 1 / 4, 1 - 4 / (1 + math.sqrt(69)))),
        ("optax", (1 + 1 / math.sqrt(10), 1 - 4 / math.sqrt(70))),
    ],
)
def test_two_epochs_by_hand(convention, first, bowl, follow):
    """From (1, 1) on the bowl, where g = (-2, 8), with η 0.5, δ 1 and a sum that starts at 5."""
    settings = {"step": 0.5, "epsilon": 1, "initial_accumulator": 5, "convention": convention}
    run = follow("adagrad", bowl, (1, 1), max_epochs=2, **settings)
    assert run.weights[1] == pytest.approx(first, rel=1e-15)
    g1, g2 = first[0] - 3, 4 * first[1] + 4
    s1, s2 = 9 + g1**2, 69 + g2**2
    roots = (1 + math.sqrt(s1), 1 + math.sqrt(s2)) if convention == "paper" else (math.sqrt(s1 + 1), math.sqrt(s2 + 1))
    assert run.weights[2] == pytest.approx((first[0] - 0.5 * g1 / roots[0], first[1] - 0.5 * g2 / roots[1]), rel=1e-15)


def test_steps_decrease_with_the_root_of_the_epoch_for_a_constant_gradient(unequal, follow):
    """For constant g, step t is η g / (|g| √t). With η 1e-6 the weights hardly move, so g is nearly constant."""
    run = follow("adagrad", unequal, (-0.4, 0.4, 0.1), step=1e-6, max_epochs=9)
    steps = abs(run.weights[1:] - run.weights[:-1])
    assert steps[0] == pytest.approx([1e-6] * 3, rel=1e-8)
    assert steps[8] == pytest.approx([1e-6 / 3] * 3, rel=1e-4)


def test_weight_with_zero_gradient_stays(bowl, follow):
    """At (3, 1) the bowl's gradient is (0, 8)."""
    for convention in ("paper", "optax"):
        run = follow("adagrad", bowl, (3, 1), step=0.1, max_epochs=1, convention=convention)
        assert run.weights[1] == pytest.approx((3, 0.9), rel=1e-9)


@pytest.mark.parametrize(
    ("settings", "epochs", "end"),
    [
        # torch.optim.Adagrad (2.13.0) and optax.adagrad (0.2.8), float64, both with their defaults
        ({}, 56, (2.2554519, -3.24062632)),
        ({"epsilon": 1e-7, "initial_accumulator": 0.1, "convention": "optax"}, 204, (2.33501468, -3.07778826)),
    ],
)
def test_on_the_published_problem(settings, epochs, end, six_points, follow):
    run = follow("adagrad", six_points, (-4, -4), step=0.5, error_threshold=0.125, **settings)
    assert run.epochs == epochs
    assert run.weights[-1] == pytest.approx(end, rel=1e-8)


def test_two_epochs_of_kate_by_hand(bowl, follow):
    """1: b² = g² + 12 = (16, 76), m² = g² + g² / b² = (4.25, 64 + 64/76). 2: g₁ = w₁ - 3, b² and m² grow."""
    run = follow("kate", bowl, (1, 1), step=0.1, eta=1, epsilon=12, max_epochs=2)
    w1 = 1 + 0.2 * math.sqrt(4.25) / 16
    assert run.weights[1] == pytest.approx((w1, 1 - 0.8 * math.sqrt(64 + 64 / 76) / 76), rel=1e-14)
    g = w1 - 3
    b = 16 + g**2 + 12
    assert run.weights[2][0] == pytest.approx(w1 - 0.1 * math.sqrt(4.25 + g**2 + g**2 / b) / b * g, rel=1e-14)


def test_epochs_of_ftrl_by_hand(bowl, follow):
    """α = 1/2: σ = 2 |g| = (4, 16), z = g - σ w = (-6, -8), n = g²; the divisor is (1 + |g|) 2 + 1 = (7, 19)."""
    run = follow("ftrl", bowl, (1, 1), step=0.5, beta=1, l1=2, l2=1, max_epochs=1)
    assert run.weights[1] == pytest.approx((4 / 7, 6 / 19), rel=1e-14)
    run = follow("ftrl", bowl, (1, 1), step=0.5, beta=1, l1=7, l2=1, max_epochs=1)
    assert run.weights[1] == pytest.approx((0, 1 / 19), rel=1e-14)


def test_ftrl_without_penalties_is_adagrad(unequal, follow):
    expected = follow("adagrad", unequal, (-1.2, 1, 0.3), step=0.3, epsilon=1e-300, max_epochs=30)
    run = follow("ftrl", unequal, (-1.2, 1, 0.3), step=0.3, max_epochs=30)
    assert run.weights == pytest.approx(expected.weights, rel=1e-12)
