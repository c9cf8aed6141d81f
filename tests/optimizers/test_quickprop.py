"""Quickprop."""

from __future__ import annotations

import numpy as np
import pytest

RTOL, EPOCHS = 1e-11, 12  # near a minimum, quickprop divides by small differences of slopes


def quickprop(f, w, *, step, growth, weight_decay):
    """Fahlman's program of September 1988, UPDATE-WEIGHTS, with negated slopes and without split epsilon."""
    epsilon, mu, decay = step, growth, weight_decay
    shrink = mu / (1 + mu)
    prev_slope, delta = [0.0] * len(w), [0.0] * len(w)
    while True:
        slope = [-decay * x - d for x, d in zip(w, f.gradient(w), strict=True)]
        w = list(w)
        for i in range(len(w)):
            next_step = 0.0
            if delta[i] > 0:
                if slope[i] > 0:
                    next_step += epsilon * slope[i]
                if slope[i] > shrink * prev_slope[i]:
                    next_step += mu * delta[i]
                else:
                    next_step += slope[i] / (prev_slope[i] - slope[i]) * delta[i]
            elif delta[i] < 0:
                if slope[i] < 0:
                    next_step += epsilon * slope[i]
                if slope[i] < shrink * prev_slope[i]:
                    next_step += mu * delta[i]
                else:
                    next_step += slope[i] / (prev_slope[i] - slope[i]) * delta[i]
            else:
                next_step += epsilon * slope[i]
            delta[i] = next_step
            w[i] += next_step
        prev_slope = slope
        yield w


TWINS = {"quickprop": quickprop}
UNUSUAL = {"quickprop": {"step": 0.07, "growth": 1.3, "weight_decay": 0.05}}


def test_three_epochs_by_hand(bowl, follow):
    """From (1, 1) with η 0.1, μ 1.75 and no decay, along the bowl's gradient (w1 - 3, 4 w2 + 4).

    1: both weights follow the gradient (-2, 8), by Δ = (0.2, -0.8).
    2: g = (-1.8, 4.8). 1.8 is more than 7/11 of 2, so w1 moves by 1.75 · 0.2 + 0.1 · 1.8 = 0.53; 4.8 is less than
       7/11 of 8, so w2 moves to the minimum of the parabola, by -0.8 · 4.8 / (8 - 4.8) = -1.2, and by -0.48 beyond.
    3: g = (-1.27, -1.92). 1.27 is more than 7/11 of 1.8: 1.75 · 0.53 + 0.127 = 1.0545. w2 has overshot; the parabola,
       -1.68 · -1.92 / (4.8 + 1.92) = 0.48, leads to its minimum, without a gradient term.
    """
    run = follow("quickprop", bowl, (1, 1), step=0.1, weight_decay=0, max_epochs=3)
    assert run.weights[1:] == pytest.approx(np.array([(1.2, 0.2), (1.73, -1.48), (2.7845, -1)]), rel=1e-14)


def test_weight_at_its_minimum_stays(bowl, follow):
    run = follow("quickprop", bowl, (3, 1), weight_decay=0, max_epochs=12)
    assert run.weights[:, 0].tolist() == [3] * 13
    assert run.weights[-1] == pytest.approx((3, -1), rel=1e-12)


def test_weight_decay_is_an_l2_penalty(bowl, follow):
    """λ 0.5 corresponds to E + 0.25 |w|², with the minimum (2, -4 / 4.5)."""
    run = follow("quickprop", bowl, (1, 1), step=0.1, weight_decay=0.5, max_epochs=40)
    assert run.weights[-1] == pytest.approx((2, -4 / 4.5), rel=1e-12)


def test_on_the_published_problem(six_points, follow):
    """18 epochs, the count of Fahlman's program in C, compiled with doubles, on the same gradients."""
    assert follow("quickprop", six_points, (-4, -4), error_threshold=0.125).epochs == 18
