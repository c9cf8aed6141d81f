"""Adadelta."""

from __future__ import annotations

import math

import pytest


def adadelta(f, x, *, step, decay, epsilon):
    """Zeiler 2012, Algorithm 1, line by line; the factor in the last line is from the libraries."""
    rho = decay
    n = range(len(x))
    mean_g2, mean_dx2 = [0.0] * len(x), [0.0] * len(x)

    def rms(mean):
        return math.sqrt(mean + epsilon)

    while True:
        g = f.gradient(x)  # 3
        mean_g2 = [rho * mean_g2[i] + (1 - rho) * g[i] ** 2 for i in n]  # 4
        dx = [-rms(mean_dx2[i]) / rms(mean_g2[i]) * g[i] for i in n]  # 5
        mean_dx2 = [rho * mean_dx2[i] + (1 - rho) * dx[i] ** 2 for i in n]  # 6
        x = [x[i] + step * dx[i] for i in n]  # 7
        yield x


TWINS = {"adadelta": adadelta}
UNUSUAL = {"adadelta": {"step": 0.7, "decay": 0.6, "epsilon": 0.002}}


def test_two_epochs_by_hand(bowl, follow):
    """From (1, 1) on the bowl with η 0.5, ρ 0.5 and an ε of 1, large enough for its position to matter.

    1: g = (-2, 8), E[g²] = (2, 32), Δx = -g / √(E[g²] + 1) = (2 / √3, -8 / √33), E[Δx²] = (2/3, 32/33)
    2: the same with the gradient at the new point, E[g²] = 0.5 (2, 32) + 0.5 g², multiplied by √(E[Δx²] + 1)
    """
    run = follow("adadelta", bowl, (1, 1), step=0.5, decay=0.5, epsilon=1, max_epochs=2)
    w1, w2 = 1 + 1 / math.sqrt(3), 1 - 4 / math.sqrt(33)
    assert run.weights[1] == pytest.approx((w1, w2), rel=1e-15)
    g1, g2 = w1 - 3, 4 * w2 + 4
    w1 -= 0.5 * math.sqrt(2 / 3 + 1) / math.sqrt(1 + g1**2 / 2 + 1) * g1
    w2 -= 0.5 * math.sqrt(32 / 33 + 1) / math.sqrt(16 + g2**2 / 2 + 1) * g2
    assert run.weights[2] == pytest.approx((w1, w2), rel=1e-14)


def test_the_first_step_is_set_by_epsilon_alone(unequal, follow):
    """√ε / √((1 - ρ) g² + ε) g is √(ε / (1 - ρ)) for any g with g² far above ε: here 1e-5."""
    run = follow("adadelta", unequal, (-1.2, 1, 0.3), decay=0.99, epsilon=1e-12, max_epochs=1)
    assert abs(run.weights[1] - run.weights[0]) == pytest.approx([1e-5] * 3, rel=1e-5)


def test_weight_with_zero_gradient_stays(bowl, follow):
    """At (3, 1) the bowl's gradient is (0, 8)."""
    run = follow("adadelta", bowl, (3, 1), max_epochs=1)
    assert run.weights[1][0] == 3
    assert run.weights[1][1] < 1


@pytest.mark.parametrize(
    ("settings", "epochs", "end"),
    [
        # torch.optim.Adadelta (2.13.0) and optax.adadelta (0.2.8), float64, agree on the first, torch on both
        ({"step": 100, "decay": 0.9}, 16, (2.40709448, -3.28620797)),
        ({}, 721, (2.31619585, -3.09442169)),
    ],
)
def test_on_the_published_problem(settings, epochs, end, six_points, follow):
    run = follow("adadelta", six_points, (-4, -4), error_threshold=0.125, **settings)
    assert run.epochs == epochs
    assert run.weights[-1] == pytest.approx(end, rel=1e-8)
