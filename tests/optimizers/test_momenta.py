"""Quasi-hyperbolic and aggregated momentum."""

from __future__ import annotations

import pytest


def qhm(f, theta, *, step, momentum, nu):
    """Ma & Yarats 2019, section 3; the buffer g is a discounted mean of the gradients."""
    alpha, beta = step, momentum
    g = [0.0] * len(theta)
    while True:
        nabla = f.gradient(theta)
        g = [beta * b + (1 - beta) * d for b, d in zip(g, nabla, strict=True)]
        theta = [t - alpha * ((1 - nu) * d + nu * b) for t, d, b in zip(theta, nabla, g, strict=True)]
        yield theta


def aggmo(f, theta, *, step, damping, velocities):
    """Lucas et al. 2019, section 3, with the exponential damping β(i) = 1 - aⁱ."""
    gamma, a, k = step, damping, velocities
    beta = [1 - a**i for i in range(k)]
    v = [[0.0] * len(theta) for _ in beta]
    while True:
        d = f.gradient(theta)
        v = [[b * x - y for x, y in zip(u, d, strict=True)] for b, u in zip(beta, v, strict=True)]
        theta = [t + gamma / k * sum(moves) for t, *moves in zip(theta, *v, strict=True)]
        yield theta


TWINS = {"qhm": qhm, "aggmo": aggmo}
UNUSUAL = {
    "qhm": {"step": 0.07, "momentum": 0.83, "nu": 0.4},
    "aggmo": {"step": 0.05, "damping": 0.6, "velocities": 4},
}


# The bowl's gradient is (w1 - 3, 4 w2 + 4); at (1, 1) it is (-2, 8). The step is 0.1.
@pytest.mark.parametrize(
    ("name", "settings", "second", "third"),
    [
        # m = (-1, 4), average (-1.5, 6); at (1.15, 0.4) g = (-1.85, 5.6), m = (-1.425, 4.8), average (-1.6375, 5.2)
        ("qhm", {"momentum": 0.5, "nu": 0.5}, (1.15, 0.4), (1.31375, -0.12)),
        # β = 0 and 0.5. Both velocities are g; at (1.2, 0.2) g = (-1.8, 4.8), the second velocity is (-2.8, 8.8),
        # and the mean is (-2.3, 6.8)
        ("aggmo", {"damping": 0.5, "velocities": 2}, (1.2, 0.2), (1.43, -0.48)),
    ],
)
def test_two_epochs_by_hand(name, settings, second, third, bowl, follow):
    run = follow(name, bowl, (1, 1), step=0.1, max_epochs=2, **settings)
    assert run.weights[1] == pytest.approx(second, rel=1e-15)
    assert run.weights[2] == pytest.approx(third, rel=1e-15)


@pytest.mark.parametrize(
    ("name", "settings", "other", "others"),
    [
        ("qhm", {"step": 0.2, "nu": 0}, "gd", {"step": 0.2}),
        ("qhm", {"step": 0.2, "momentum": 0.75, "nu": 1}, "momentum", {"step": 0.05, "momentum": 0.75}),
        # Ma & Yarats 2019, section 4: Nesterov's method is ν = β
        (
            "qhm",
            {"step": 0.2, "momentum": 0.75, "nu": 0.75},
            "nesterov",
            {"step": 0.05, "momentum": 0.75, "convention": "torch"},
        ),
        ("aggmo", {"step": 0.2, "velocities": 1}, "gd", {"step": 0.2}),
    ],
)
def test_special_cases(name, settings, other, others, unequal, follow):
    run = follow(name, unequal, (-1.2, 1, 0.3), max_epochs=30, **settings)
    assert run.weights == pytest.approx(
        follow(other, unequal, (-1.2, 1, 0.3), max_epochs=30, **others).weights, rel=1e-12
    )


@pytest.mark.parametrize(
    ("name", "settings", "epochs"),
    [
        # Counts of QHM and AggMo in pytorch_optimizer 4.1.0 with the same settings, float64
        ("qhm", {"step": 3, "momentum": 0.9}, 89),
        ("aggmo", {}, 137),
    ],
)
def test_on_the_published_problem(name, settings, epochs, six_points, follow):
    assert follow(name, six_points, (-4, -4), error_threshold=0.125, **settings).epochs == epochs
