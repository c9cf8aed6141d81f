"""Schedule-free descent."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bpviz import declare
from bpviz.declare import OPTIMIZERS
from bpviz.engine.loop import iterate
from bpviz.engine.results import record


def schedule_free_sgd(f, w, *, step, momentum, weight_decay, warmup, power, epoch_power, convention, reports):
    """Defazio et al. 2024, eqs. (3)-(5); the mean is recomputed from all points, with or without the start."""
    gamma, beta = step, momentum
    x, z = w, w
    points, weights = [], []
    t = 0
    while True:
        t = t + 1
        gamma_t = gamma * min(1.0, t / warmup) if warmup else gamma
        y = [(1 - beta) * b + beta * a for a, b in zip(x, z, strict=True)]
        g = f.gradient(y)
        if t == 1 and convention == "paper":
            points, weights = [z], [gamma_t**power]
        z = [b - gamma_t * (d + weight_decay * c) for b, c, d in zip(z, y, g, strict=True)]
        points.append(z)
        weights.append(t**epoch_power * gamma_t**power)
        x = [sum(u * b for u, b in zip(weights, bs, strict=True)) / sum(weights) for bs in zip(*points, strict=True)]
        yield x if reports == "x" else [(1 - beta) * b + beta * a for a, b in zip(x, z, strict=True)]


def schedule_free_adamw(
    f, w, *, step, beta1, beta2, epsilon, weight_decay, warmup, power, epoch_power, convention, reports
):
    """Defazio et al. 2024, Algorithm 1, line by line; with convention torch, v is bias-corrected instead."""
    gamma, lambda_, t_warmup = step, weight_decay, warmup
    x, z, v = w, w, [0.0] * len(w)
    gammas = []
    t = 0
    while True:
        t = t + 1
        y = [(1 - beta1) * b + beta1 * a for a, b in zip(x, z, strict=True)]
        g = f.gradient(y)
        v = [beta2 * a + (1 - beta2) * d**2 for a, d in zip(v, g, strict=True)]
        warm = min(1.0, t / t_warmup) if t_warmup else 1.0
        correction = 1 - beta2**t
        if convention == "paper":
            gamma_t = gamma * math.sqrt(correction) * warm
            lengths = [math.sqrt(a) + epsilon for a in v]
        else:
            gamma_t = gamma * warm
            lengths = [math.sqrt(a / correction) + epsilon for a in v]
        z = [b - gamma_t * d / length - gamma_t * lambda_ * c for b, c, d, length in zip(z, y, g, lengths, strict=True)]
        gammas.append(t**epoch_power * gamma_t**power)
        c_next = gammas[-1] / sum(gammas)
        x = [(1 - c_next) * a + c_next * b for a, b in zip(x, z, strict=True)]
        yield x if reports == "x" else [(1 - beta1) * b + beta1 * a for a, b in zip(x, z, strict=True)]


TWINS = {"schedule-free-sgd": schedule_free_sgd, "schedule-free-adamw": schedule_free_adamw}
_UNUSUAL = {
    "weight_decay": 0.03,
    "warmup": 7.0,
    "power": 0.7,
    "epoch_power": 1.3,
    "convention": "torch",
    "reports": "y",
}
UNUSUAL = {
    "schedule-free-sgd": {"step": 0.3, "momentum": 0.35, **_UNUSUAL},
    "schedule-free-adamw": {"step": 0.05, "beta1": 0.35, "beta2": 0.6, "epsilon": 0.2, **_UNUSUAL},
}
AGAINST = {"schedule-free-adamw": "schedulefree.AdamWScheduleFreePaper at update 300"}
COMBINED = [
    (name, convention, reports)
    for name in TWINS
    for convention in declare.fields(OPTIMIZERS[name])["convention"].domain.words
    for reports in declare.fields(OPTIMIZERS[name])["reports"].domain.words
]


@pytest.mark.parametrize(("name", "convention", "reports"), COMBINED)
def test_every_convention_matches_its_twin(name, convention, reports, six_points, plain, follow):
    settings = {**UNUSUAL[name], "convention": convention, "reports": reports}
    run = follow(name, six_points, (-1.2, 1), max_epochs=50, **settings)
    twin = TWINS[name](plain(six_points), [-1.2, 1.0], **settings)
    for epoch in range(1, 51):
        assert run.weights[epoch] == pytest.approx(next(twin), rel=1e-12)


@pytest.mark.parametrize(
    ("settings", "weights"),
    [
        ({}, [(1.1, 0.6), (1.195, 0.28)]),
        ({"reports": "y"}, [(1.15, 0.4), (1.29, -0.04)]),
        ({"convention": "torch"}, [(1.2, 0.2), (1.29, -0.04)]),
        ({"epoch_power": 1}, [(1.1, 0.6), (1.2425, 0.12)]),
        ({"epoch_power": 1, "convention": "torch"}, [(1.2, 0.2), (1.32, -0.12)]),
        ({"weight_decay": 1}, [(1.05, 0.55), None]),
        ({"warmup": 2}, [(1.05, 0.8), None]),
    ],
    ids=str,
)
def test_two_epochs_of_sgd_by_hand(settings, weights, bowl, follow):
    """From (1, 1) with γ 0.1 and β ½: y = (1, 1), g = (-2, 8), z = (1.2, 0.2).

    paper: x = ½ (1, 1) + ½ z = (1.1, 0.6), y = ½ x + ½ z = (1.15, 0.4). Then g = (-1.85, 5.6), z = (1.385, -0.36)
           and x = ⅔ (1.1, 0.6) + ⅓ z = (1.195, 0.28)
    torch: x = y = z. Then g = (-1.8, 4.8), z = (1.38, -0.28), x = ½ (1.2, 0.2) + ½ z
    With an r of 1, z of the second epoch counts twice: half of all in the paper's mean, ⅔ in torch's.
    With a decay of 1, g + y = (-1, 9) and z = (1.1, 0.1); with two epochs of warm-up the first step is 0.05.
    """
    run = follow("schedule-free-sgd", bowl, (1, 1), step=0.1, momentum=0.5, max_epochs=2, **settings)
    for epoch, expected in enumerate(weights, 1):
        if expected is not None:
            assert run.weights[epoch] == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("convention", ["paper", "torch"])
def test_two_epochs_of_adamw_by_hand(convention, bowl, follow):
    """From (1, 1) with γ 1, β₁ ½, β₂ 0.36 = 0.6², ε 0.4 and λ 0.1: g = (-2, 8), √v = 0.8 |g|.

    paper: γ₁ = 0.8, z = 1 - 0.8 (-2 / 2 + 0.1, 8 / 6.8 + 0.1), γ₂ = √(1 - 0.36²)
    torch: √v̂ = |g|, z = 1 - (-2 / 2.4 + 0.1, 8 / 8.4 + 0.1), and both points have equal weight
    In both cases x = y = z in the first epoch.
    """
    settings = {"step": 1, "beta1": 0.5, "beta2": 0.36, "epsilon": 0.4, "weight_decay": 0.1}
    run = follow("schedule-free-adamw", bowl, (1, 1), **settings, convention=convention, max_epochs=2)
    corrected = 1 - 0.36**2
    if convention == "paper":
        first, gamma, c, v_scale = (1.72, 0.92 - 6.4 / 6.8), math.sqrt(corrected), corrected / (0.64 + corrected), 1
    else:
        first, gamma, c, v_scale = (0.9 + 2 / 2.4, 0.9 - 8 / 8.4), 1, 0.5, corrected
    assert run.weights[1] == pytest.approx(first, rel=1e-14)
    second = []
    for w, g, g_before in zip(first, (first[0] - 3, 4 * first[1] + 4), (-2, 8), strict=True):
        length = math.sqrt((0.36 * 0.64 * g_before**2 + 0.64 * g**2) / v_scale) + 0.4
        z = w - gamma * (g / length + 0.1 * w)
        second.append((1 - c) * w + c * z)
    assert run.weights[2] == pytest.approx(second, rel=1e-14)


def test_without_interpolation_is_averaged_gradient_descent(unequal, follow):
    """With β 0 the gradient is evaluated at z, so z follows gradient descent and x is the mean of its points."""
    visited = follow("gd", unequal, (-1.2, 1, 0.3), step=0.3, max_epochs=40).weights
    with_start = np.cumsum(visited, axis=0)[1:] / np.arange(2, 42)[:, None]
    run = follow("schedule-free-sgd", unequal, (-1.2, 1, 0.3), step=0.3, momentum=0, max_epochs=40)
    assert run.weights[1:] == pytest.approx(with_start, rel=1e-12)
    asgd = follow("asgd", unequal, (-1.2, 1, 0.3), step=0.3, decay=0, max_epochs=40)
    settings = {"step": 0.3, "momentum": 0, "convention": "torch", "max_epochs": 40}
    assert follow("schedule-free-sgd", unequal, (-1.2, 1, 0.3), **settings).weights == pytest.approx(asgd.weights)


@pytest.mark.parametrize("name", TWINS)
@pytest.mark.parametrize("beta", [0.9, 0.3])
def test_stays_where_the_gradient_is_zero(beta, name, bowl, follow):
    """Mean and interpolation must be exact, since an ε of 1e-8 would turn a rounding error into a move.

    In floats, 0.7 · 3 + 0.3 · 3 is not 3.
    """
    settings = {"momentum" if name == "schedule-free-sgd" else "beta1": beta}
    assert follow(name, bowl, (3, -1), max_epochs=9, **settings).weights.tolist() == [[3, -1]] * 10


@pytest.mark.parametrize("name", TWINS)
def test_varied_power_equals_a_common_power(name, six_points):
    """NumPy rounds squares differently for a scalar exponent of 2 and for an array of exponents."""
    rest = {"error_threshold": None, "max_epochs": 9}
    rule, starts, steps = OPTIMIZERS[name](warmup=7), [(-4, -4)] * 200, np.linspace(0.1, 0.9, 200)
    one, each = (
        record(iterate(rule, six_points, starts, varied={"step": steps, **power}, **rest))
        for power in ({}, {"power": np.full(200, 2.0)})
    )
    assert [run.weights.tobytes() for run in one] == [run.weights.tobytes() for run in each]


@pytest.mark.parametrize("name", TWINS)
def test_zero_averaging_weights_leave_the_mean_unchanged(name, unequal, follow):
    """γᵖ underflows to 0, and 0 / 0 is avoided."""
    run = follow(name, unequal, (-1.2, 1, 0.3), step=0.1, power=1e6, max_epochs=5)
    assert run.weights.tolist() == [[-1.2, 1, 0.3]] * 6


@pytest.mark.parametrize(
    ("settings", "last"),
    [
        ({}, (-3.48275840449, -3.48641672275)),
        ({"reports": "y"}, (-3.4548394807, -3.45893119616)),
        (
            {
                "step": 0.03,
                "beta1": 0.4,
                "beta2": 0.6,
                "epsilon": 0.2,
                "weight_decay": 0.02,
                "warmup": 20,
                "power": 0.7,
            },
            (-3.27648525754, -3.46896084296),
        ),
    ],
    ids=["defaults", "y", "unusual"],
)
def test_authors_code_on_the_published_problem(settings, last, six_points, follow):
    """AdamWScheduleFreePaper of schedulefree 1.4.1, float64, after 300 updates from (-4, -4), in eval mode or not."""
    run = follow("schedule-free-adamw", six_points, (-4, -4), max_epochs=300, **settings)
    assert run.weights[-1] == pytest.approx(last, rel=1e-11)
