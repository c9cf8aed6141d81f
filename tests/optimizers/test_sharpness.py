"""Sharpness-aware minimization."""

from __future__ import annotations

import math

import pytest

EPOCHS = 30  # near a minimum, the uphill direction changes quickly and amplifies rounding errors


def sam(f, w, *, step, radius):
    """Foret et al. 2021, Algorithm 1, with eq. (2) for p = 2."""
    eta, rho = step, radius
    while True:
        g = f.gradient(w)
        norm = math.sqrt(sum(d * d for d in g))
        epsilon = [rho * d / norm if norm else 0.0 for d in g]
        g = f.gradient([x + e for x, e in zip(w, epsilon, strict=True)])
        w = [x - eta * d for x, d in zip(w, g, strict=True)]
        yield w


TWINS = {"sam": sam}
UNUSUAL = {"sam": {"step": 0.07, "radius": 0.6}}


def test_one_epoch_by_hand(bowl, follow):
    """At (0, 0) the bowl's gradient is (-3, 4), of norm 5; with ρ 0.5, it is (-3.3, 5.6) at (-0.3, 0.4)."""
    run = follow("sam", bowl, (0, 0), step=0.1, radius=0.5, max_epochs=1)
    assert run.weights[1] == pytest.approx((0.33, -0.56), rel=1e-15)
    assert run.evaluations["gradient"] == 2


def test_stays_at_a_minimum(bowl, follow):
    assert follow("sam", bowl, (3, -1), max_epochs=3).weights.tolist() == [[3, -1]] * 4


def test_with_radius_0_is_gradient_descent(unequal, follow):
    run = follow("sam", unequal, (-1.2, 1, 0.3), radius=0, max_epochs=30)
    assert (run.weights == follow("gd", unequal, (-1.2, 1, 0.3), max_epochs=30).weights).all()


def test_oscillates_around_the_minimum_of_a_parabola(bowl, follow):
    """Along the second axis, at distance d from the minimum, d ← d - η 4 (d ± ρ). In the limit d alternates its sign
    with |d| = 2 η ρ / (1 - 2 η), which is 0.15 for η 0.1 and ρ 0.6."""
    run = follow("sam", bowl, (3, 1), step=0.1, radius=0.6, max_epochs=200)
    assert abs(run.weights[-2:, 1] + 1) == pytest.approx([0.15, 0.15], rel=1e-12)


def test_on_the_published_problem(six_points, follow):
    """786 epochs, the count of optax.contrib.sam (0.2.8) with sgd, in opaque mode, float64."""
    assert follow("sam", six_points, (-4, -4), radius=0.5, error_threshold=0.125).epochs == 786
