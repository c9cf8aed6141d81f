"""Polyak's step size."""

from __future__ import annotations

import pytest

from bpviz.engine.results import Ending


def polyak(f, x, *, step, target, max_step):
    """Polyak 1969: x ← x - λ (f(x) - f*) / |f'(x)|² f'(x); bounded as in Loizou et al. 2021 (SPS_max)."""
    while True:
        g = f.gradient(x)
        square = sum(d * d for d in g)
        if square == 0:
            f.error(x)
            yield x
            return
        gamma = min((f.error(x) - target) / square, max_step)
        x = [a - step * gamma * d for a, d in zip(x, g, strict=True)]
        yield x


TWINS = {"polyak": polyak}
UNUSUAL = {"polyak": {"step": 0.6, "target": 0.04, "max_step": 0.7}}


# On the bowl at (1, 1): E = 10, g = (-2, 8), |g|² = 68; at (1.2, 0.2): E = 4.5, g = (-1.8, 4.8), |g|² = 26.28.
@pytest.mark.parametrize(
    ("settings", "gamma", "after"),
    [
        ({"target": 3.2}, 6.8 / 68, 1.3 / 26.28),
        ({"max_step": 0.1}, 0.1, 0.1),
        ({"target": 6.6, "step": 2}, 2 * 3.4 / 68, 2 * -2.1 / 26.28),  # below the target the step goes uphill
    ],
)
def test_two_epochs_by_hand(settings, gamma, after, bowl, follow):
    run = follow("polyak", bowl, (1, 1), max_epochs=2, **settings)
    assert gamma == pytest.approx(0.1)
    assert run.weights[1] == pytest.approx((1.2, 0.2), rel=1e-14)
    assert run.weights[2] == pytest.approx((1.2 + 1.8 * after, 0.2 - 4.8 * after), rel=1e-13)


def test_step_leads_halfway_to_the_minimum_of_a_parabola(bowl, follow):
    """On c w²/2 the step is half of the distance for any curvature c; the bowl's axes are parabolas."""
    run = follow("polyak", bowl, (1, -1), max_epochs=20)
    assert run.weights[:, 0].tolist() == [3 - 2 * 0.5**n for n in range(21)]
    run = follow("polyak", bowl, (3, 1), max_epochs=20)
    assert run.weights[:, 1].tolist() == [-1 + 2 * 0.5**n for n in range(21)]


def test_run_with_zero_gradient_is_stuck(bowl, follow):
    run = follow("polyak", bowl, (3, -1), max_epochs=5)
    assert (run.ending, run.weights.tolist()) == (Ending.STUCK, [[3, -1], [3, -1]])


def test_on_the_published_problem(six_points, follow):
    """25 epochs with a maximum of 10, the count of optax.polyak_sgd (0.2.8) with max_learning_rate 10, float64.

    Gradient descent with this step takes the same path, since E / |g|² always exceeds the maximum.
    """
    run = follow("polyak", six_points, (-4, -4), max_step=10, error_threshold=0.125)
    assert run.epochs == 25
    assert run.weights == pytest.approx(follow("gd", six_points, (-4, -4), step=10, max_epochs=25).weights, rel=1e-14)
