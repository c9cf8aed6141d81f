"""Averaged gradient descent."""

from __future__ import annotations

import numpy as np
import pytest


def asgd(f, w, *, step, decay, power, average_after):
    """Bottou 2012 (ASGD); the mean of the points after the first ``average_after`` is recomputed every epoch."""
    gamma0, lam = step, decay
    t, visited = 0, []
    while True:
        gamma = gamma0 * (1 + gamma0 * lam * t) ** -power
        w = [x - gamma * (d + lam * x) for x, d in zip(w, f.gradient(w), strict=True)]
        t = t + 1
        visited = [*visited, w] if t > average_after + 1 else [w]
        yield [sum(xs) / len(visited) for xs in zip(*visited, strict=True)]


TWINS = {"asgd": asgd}
UNUSUAL = {"asgd": {"step": 0.07, "decay": 0.2, "power": 0.4, "average_after": 11.0}}


def test_three_epochs_by_hand(bowl, follow):
    """From (1, 1) with η 0.1, gradient descent visits (1.2, 0.2), (1.38, -0.28) and (1.542, -0.568)."""
    run = follow("asgd", bowl, (1, 1), step=0.1, decay=0, max_epochs=3)
    assert run.weights[1:] == pytest.approx(np.array([(1.2, 0.2), (1.29, -0.04), (1.374, -0.216)]), rel=1e-14)
    run = follow("asgd", bowl, (1, 1), step=0.1, decay=0, average_after=1, max_epochs=3)
    assert run.weights[1:] == pytest.approx(np.array([(1.2, 0.2), (1.38, -0.28), (1.461, -0.424)]), rel=1e-14)


def test_decay_of_the_step_and_of_the_weights(bowl, follow):
    """λ 0.5, α 1: x = 0.95 (1, 1) - 0.1 (-2, 8) = (1.15, 0.15). Then η = 0.1 / 1.05 = 2/21, g = (-1.85, 4.6), and
    x = 20/21 (1.15, 0.15) - 2/21 g = (26.7, -6.2) / 21."""
    run = follow("asgd", bowl, (1, 1), step=0.1, decay=0.5, power=1, average_after=100, max_epochs=2)
    assert run.weights[1:] == pytest.approx(np.array([(1.15, 0.15), (26.7 / 21, -6.2 / 21)]), rel=1e-14)


def test_is_the_running_mean_of_gradient_descent(unequal, follow):
    visited = follow("gd", unequal, (-1.2, 1, 0.3), max_epochs=40).weights[1:]
    mean = np.cumsum(visited, axis=0) / np.arange(1, 41)[:, None]
    assert follow("asgd", unequal, (-1.2, 1, 0.3), decay=0, max_epochs=40).weights[1:] == pytest.approx(mean, rel=1e-12)


def test_parameters_of_torch_on_the_published_problem(six_points, follow):
    """torch.optim.ASGD (2.13.0, float64, lr 0.3) takes 812 epochs; with its t0 of 10⁶, no points are averaged."""
    run = follow("asgd", six_points, (-4, -4), average_after=1e6 + 1, error_threshold=0.125)
    assert run.epochs == 812
    assert run.weights[-1] == pytest.approx((2.37690352, -3.03287061), abs=1e-8)
