"""Rules that use the diagonal of the Hessian."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from bpviz.declare import OPTIMIZERS, PROBLEMS
from bpviz.engine.loop import iterate
from bpviz.engine.results import record
from bpviz.problems.datasets import Dataset
from bpviz.problems.perceptron import Perceptron


def estimated(H, estimate, seed, epoch):
    """Yao et al. 2021, eq. (7): z ⊙ (H z) with z from a Rademacher distribution, drawn from NumPy's generator."""
    if estimate == "exact":
        return [row[i] for i, row in enumerate(H)]
    bits = np.random.default_rng([seed, epoch]).integers(0, 2, len(H)).tolist()
    z = [1.0 if bit else -1.0 for bit in bits]
    return [a * sum(h * b for h, b in zip(row, z, strict=True)) for a, row in zip(z, H, strict=True)]


def hessian_diagonal(f, w, *, step, penalty):
    """Becker & LeCun 1988: Δw = -η ∂E/∂w / (|∂²E/∂w²| + μ)."""
    while True:
        g, H = f.gradient(w), f.hessian(w)
        w = [x - step * d / (abs(row[i]) + penalty) for i, (x, d, row) in enumerate(zip(w, g, H, strict=True))]
        yield w


def adahessian(f, theta, *, step, beta1, beta2, power, epsilon, estimate, seed):
    """Yao et al. 2021, Algorithm 1 and eq. (11); the sums over all epochs are recomputed in each epoch."""
    gs, Ds = [], []
    for t in itertools.count(1):
        gs.append(f.gradient(theta))
        Ds.append(estimated(f.hessian(theta), estimate, seed, t - 1))
        for j in range(len(theta)):
            m = sum((1 - beta1) * beta1 ** (t - i) * g[j] for i, g in enumerate(gs, 1)) / (1 - beta1**t)
            v = sum((1 - beta2) * beta2 ** (t - i) * D[j] ** 2 for i, D in enumerate(Ds, 1)) / (1 - beta2**t)
            theta = [*theta[:j], theta[j] - step * m / ((v**0.5) ** power + epsilon), *theta[j + 1 :]]
        yield theta


def sophia(f, theta, *, step, beta1, beta2, gamma, epsilon, weight_decay, refresh, estimate, seed, convention):
    """Liu et al. 2024, Algorithm 3; with k = 1, t mod k = 1 is read as t ≡ 1 (mod k)."""
    eta, lam, k = step, weight_decay, refresh
    m, h = [0.0] * len(theta), [0.0] * len(theta)
    for t in itertools.count(1):
        g = f.gradient(theta)
        m = [beta1 * a + (1 - beta1) * b for a, b in zip(m, g, strict=True)]
        last = h
        if (t - 1) % k == 0:
            new = estimated(f.hessian(theta), estimate, seed, t - 1)
            h = [beta2 * a + (1 - beta2) * b for a, b in zip(h, new, strict=True)]
        above, below = m, h
        if convention == "optax":
            above, below = [a / (1 - beta1**t) for a in m], last
        cut = [min(max(a / max(gamma * b, epsilon), -1.0), 1.0) for a, b in zip(above, below, strict=True)]
        theta = [(1 - eta * lam) * x - eta * c for x, c in zip(theta, cut, strict=True)]
        yield theta


TWINS = {"hessian-diagonal": hessian_diagonal, "adahessian": adahessian, "sophia": sophia}
UNUSUAL = {
    "hessian-diagonal": {"step": 0.1, "penalty": 0.3},
    "adahessian": {
        "step": 0.03,
        "beta1": 0.35,
        "beta2": 0.6,
        "power": 0.7,
        "epsilon": 0.2,
        "estimate": "exact",
        "seed": 3,
    },
    "sophia": {
        "step": 0.03,
        "beta1": 0.35,
        "beta2": 0.6,
        "gamma": 2.5,
        "epsilon": 0.2,
        "weight_decay": 0.03,
        "refresh": 3,
        "estimate": "exact",
        "seed": 3,
        "convention": "optax",
    },
}
RTOL = 1e-8  # dividing by a curvature near 0 makes rounding errors grow
AGAINST = {"hessian-diagonal": "its twin, and `newton` where the Hessian is diagonal"}


# The bowl's gradient is (w1 - 3, 4 w2 + 4); its Hessian is diag(1, 4), so every estimate is exact.
@pytest.mark.parametrize(
    ("name", "settings", "second", "third"),
    [
        # g = (-2, 8) and g / (h + 1) = (-1, 1.6); at (1.5, 0.2) g = (-1.5, 4.8)
        ("hessian-diagonal", {"step": 0.5, "penalty": 1}, (1.5, 0.2), (1.875, -0.28)),
        # v̂ = (1, 16) always, m̂ = g at first. Then g = (-1.8, 6.4) at (1.2, 0.6), m = (-1.4, 5.2), m̂ = m / 0.75
        (
            "adahessian",
            {"step": 0.1, "beta1": 0.5, "epsilon": 1e-300},
            (1.2, 0.8),
            (1.2 + 0.56 / 3, 0.8 - 0.2 * 2.8 / 3),
        ),
        # m = (-1, 4), h = (0.5, 2), γ h = (1, 4), ratio (-1, 1). At (1.5, 0.5) g = (-1.5, 6), m = (-1.25, 5), h is
        # unchanged, so both are clipped
        ("sophia", {"step": 0.5, "beta1": 0.5, "beta2": 0.5, "gamma": 2}, (1.5, 0.5), (2, 0)),
        # γ h = (2, 8), ratio (-0.5, 0.5). At (1.25, 0.75) g = (-1.75, 7), m = (-1.375, 5.5), ratio (-0.6875, 0.6875)
        ("sophia", {"step": 0.5, "beta1": 0.5, "beta2": 0.5, "gamma": 4}, (1.25, 0.75), (1.59375, 0.40625)),
        # m̂ = (-2, 8), h = 0: clipped. At (1.5, 0.5) g = (-1.5, 6), m = (-1.25, 5), m̂ = (-5, 20) / 3, γ h = (2, 8)
        (
            "sophia",
            {"step": 0.5, "beta1": 0.5, "beta2": 0.5, "gamma": 4, "convention": "optax"},
            (1.5, 0.5),
            (1.5 + 1.25 / 3, 0.5 - 1.25 / 3),
        ),
        # As with γ h = (2, 8) above, with a decay of η λ = 0.05: (1.25, 0.75) - 0.05 (1, 1); then
        # g = (-1.8, 6.8), m = (-1.4, 5.4), ratio (-0.7, 0.675)
        (
            "sophia",
            {"step": 0.5, "beta1": 0.5, "beta2": 0.5, "gamma": 4, "weight_decay": 0.1},
            (1.2, 0.7),
            (1.2 + 0.35 - 0.06, 0.7 - 0.3375 - 0.035),
        ),
    ],
)
def test_two_epochs_by_hand(name, settings, second, third, bowl, follow):
    run = follow(name, bowl, (1, 1), max_epochs=2, **settings)
    assert run.weights[1] == pytest.approx(second, rel=1e-14, abs=1e-15)
    assert run.weights[2] == pytest.approx(third, rel=1e-14, abs=1e-15)


def test_descends_for_both_signs_of_the_curvature(follow):
    """The curvature of the saddle is positive along one axis and negative along the other."""
    problem = PROBLEMS["saddle"]()
    w = np.array([[1.0, 0.5]])
    g, H = problem.at(w).gradient()[0], problem.at(w).hessian()[0]
    assert H[0, 0] * H[1, 1] < 0
    run = follow("hessian-diagonal", problem, w[0], step=0.5, penalty=0.01, max_epochs=1)
    assert run.weights[1] == pytest.approx(w[0] - 0.5 * g / (abs(np.diag(H)) + 0.01))
    assert run.errors[1] < run.errors[0]


def test_is_newton_s_method_on_an_axis_aligned_quadratic(bowl, follow):
    run = follow("hessian-diagonal", bowl, (1, 1), step=1, penalty=1e-300, max_epochs=1)
    assert run.weights.tolist() == follow("newton", bowl, (1, 1), penalty=0, max_epochs=1).weights.tolist()


RANDOM = ["adahessian", "sophia"]


@pytest.mark.parametrize("name", RANDOM)
def test_estimate_is_exact_for_a_diagonal_hessian(name, follow):
    problem = PROBLEMS["rastrigin"]()
    paths = {
        follow(name, problem, (2.1, -1.7), estimate=estimate, seed=seed, max_epochs=60).weights.tobytes()
        for estimate, seed in (("exact", 0), ("hutchinson", 0), ("hutchinson", 1), ("hutchinson", 2))
    }
    assert len(paths) == 1


@pytest.mark.parametrize("name", RANDOM)
def test_mean_of_the_estimates_is_the_diagonal(name):
    """In the first epoch AdaHessian moves by η g / |D|, and Sophia with β = 0 by η g / (γ D), which gives D.

    D is Hᵢᵢ + Σⱼ zᵢ zⱼ Hᵢⱼ: its mean over the eight patterns of three signs is the diagonal. The diagonal of this H is
    dominant, so every D is positive.
    """
    features = ((2.0, 0.3, -0.1), (-0.2, 1.5, 0.4), (0.1, -0.3, 1.0))
    problem = Perceptron(dataset=Dataset("three", features, (1.0, -2.0, 3.0), ("x1", "x2", "x3")), activation="linear")
    start, seeds = np.array((-0.4, -0.7, 0.1)), {}
    for seed in range(99):
        seeds.setdefault(tuple(np.random.default_rng([seed, 0]).integers(0, 2, 3).tolist()), seed)
    settings = {"adahessian": {}, "sophia": {"gamma": 1e4}}[name]
    at = problem.at(start[None])
    found = []
    for seed in seeds.values():
        rule = OPTIMIZERS[name](step=0.1, beta1=0.0, beta2=0.0, epsilon=1e-300, seed=seed, **settings)
        (run,) = record(iterate(rule, problem, [start], error_threshold=None, max_epochs=1))
        found.append(0.1 * at.gradient()[0] / (start - run.weights[1]) / settings.get("gamma", 1))
    assert len(found) == 8
    assert np.std(found, axis=0).min() > 1e-3
    assert np.mean(found, axis=0) == pytest.approx(np.diag(at.hessian()[0]), rel=1e-9)


@pytest.mark.parametrize(("name", "settings"), [("adahessian", {}), ("sophia", {"gamma": 10})])
def test_sweep_can_vary_the_seed(name, settings, six_points, follow):
    starts = [(1, 1), (1, 1), (-2, 0.5)]
    rest = {"error_threshold": None, "max_epochs": 25}
    together = record(iterate(OPTIMIZERS[name](**settings), six_points, starts, varied={"seed": [3, 4, 3]}, **rest))
    for run, start, seed in zip(together, starts, (3, 4, 3), strict=True):
        alone = follow(name, six_points, start, seed=seed, max_epochs=25, **settings)
        assert run.weights.tolist() == alone.weights.tolist()
    assert together[0].weights.tolist() != together[1].weights.tolist()


def test_sweep_can_vary_the_refresh_interval(six_points, follow):
    starts = [(1, 1), (1, 1), (-2, 0.5)]
    rest = {"error_threshold": None, "max_epochs": 25}
    together = record(iterate(OPTIMIZERS["sophia"](), six_points, starts, varied={"refresh": [1, 4, 7]}, **rest))
    for run, start, refresh, times in zip(together, starts, (1, 4, 7), (25, 7, 4), strict=True):
        alone = follow("sophia", six_points, start, refresh=refresh, max_epochs=25)
        assert run.weights.tolist() == alone.weights.tolist()
        assert run.evaluations == alone.evaluations
        assert run.evaluations["hessian"] == times


def test_refresh_counts_the_epochs_of_each_run(six_points):
    """Runs that enter a block late evaluate the Hessian in their own epochs 1, 11, 21, ..."""
    starts = [(-4, -4), (2.6, -3.4), (1, -2), (-6, 2), (0, 0)]
    rest = {"error_threshold": 0.125, "max_epochs": 300}
    runs = record(iterate(OPTIMIZERS["sophia"](), six_points, starts, block=2, **rest))
    assert len({run.epochs for run in runs}) >= 4
    for run in runs:
        assert run.evaluations["hessian"] == (run.epochs + 9) // 10


def test_clipped_updates_are_signs(unequal, follow):
    """Liu et al. 2024, section 2: if everything is clipped, Sophia uses the sign of the mean gradient."""
    run = follow("sophia", unequal, (-1.2, 1, 0.3), gamma=1e-12, max_epochs=30)
    assert np.abs(np.diff(run.weights, axis=0)) == pytest.approx(np.full((30, 3), 0.1), rel=1e-12)
