"""Adafactor."""

from __future__ import annotations

import math

import pytest


def _rms(v):
    return math.sqrt(sum(x * x for x in v) / len(v))


def adafactor(f, x, *, step, decay, epsilon1, epsilon2, clip, convention):
    """Shazeer & Stern 2018, Algorithm 5; with convention torch or optax, as in torch 2.14 or optax 0.2.8."""
    v, t = [0.0] * len(x), 0
    while True:
        t = t + 1
        g = f.gradient(x)
        beta = 1 - t**-decay
        rho = step if convention == "optax" else min(step, 1 / math.sqrt(t))
        alpha = max(epsilon2, _rms(x)) * rho
        added = 0 if convention == "torch" else epsilon1
        v = [beta * b + (1 - beta) * (d**2 + added) for b, d in zip(v, g, strict=True)]
        least = epsilon1**2 if convention == "torch" else 0
        u = [d / math.sqrt(max(b, least)) for d, b in zip(g, v, strict=True)]
        bounded = max(1, _rms(u) / clip)
        x = [y - alpha * d / bounded for y, d in zip(x, u, strict=True)]
        yield x


TWINS = {"adafactor": adafactor}
UNUSUAL = {
    "adafactor": {"step": 0.08, "decay": 0.5, "epsilon1": 0.2, "epsilon2": 3.5, "clip": 0.7, "convention": "torch"}
}


# On the bowl from (1, 1), g = (-2, 8) and RMS(w) = 1. In the first epoch β = 0.
@pytest.mark.parametrize(
    ("settings", "moved"),
    [
        ({}, (-0.1, 0.1)),  # u = sign(g), RMS 1
        ({"epsilon2": 3}, (-0.3, 0.3)),
        ({"clip": 0.25}, (-0.025, 0.025)),
        ({"epsilon1": 36}, (-0.1 * 2 / math.sqrt(40), 0.08)),  # √(4 + 36), √(64 + 36); RMS below 1
        ({"epsilon1": 4, "convention": "torch"}, (-0.05, 0.1)),  # divisors of at least 4
    ],
)
def test_an_epoch_by_hand(settings, moved, bowl, follow):
    run = follow("adafactor", bowl, (1, 1), step=0.1, **settings, max_epochs=1)
    assert run.weights[1] == pytest.approx((1 - moved[0], 1 - moved[1]), rel=1e-14)


def test_second_epoch_by_hand(bowl, follow):
    """β = 1 - 2⁻¹ = 1/2: from (1.1, 0.9), g = (-1.9, 7.6), V = (3.805, 60.88), and RMS(u) is below 1."""
    run = follow("adafactor", bowl, (1, 1), step=0.1, decay=1, max_epochs=2)
    alpha = 0.1 * math.sqrt((1.21 + 0.81) / 2)
    second = (1.1 + alpha * 1.9 / math.sqrt(3.805), 0.9 - alpha * 7.6 / math.sqrt(60.88))
    assert run.weights[2] == pytest.approx(second, rel=1e-14)


def test_step_of_the_paper_falls_with_the_root_of_the_epoch(bowl, follow):
    """With ρ = 1, the second step is 1/√2 in the paper and torch, and 1 in optax."""
    one = follow("adafactor", bowl, (1, 1), step=1, max_epochs=2).weights
    two = follow("adafactor", bowl, (1, 1), step=1, convention="optax", max_epochs=2).weights
    assert one[1].tolist() == two[1].tolist() == [2, 0]
    assert (two[2] - two[1]) / (one[2] - one[1]) == pytest.approx(math.sqrt(2), rel=1e-14)
