"""Curvature of each weight by itself."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from bpviz.declare import OPTIMIZERS, PROBLEMS
from bpviz.engine.loop import march
from bpviz.engine.results import record
from bpviz.problems.datasets import Dataset
from bpviz.problems.perceptron import Perceptron


def estimated(H, estimate, seed, epoch):
    """Yao et al. 2021, eq. (7): z ⊙ (H z) with z from a Rademacher distribution, straight from NumPy's generator."""
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
    """Yao et al. 2021, Algorithm 1 and eq. (11), the sums over all epochs added up anew in each."""
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
RTOL = 1e-8  # a step by a curvature of about 0 makes roundoff grow
AGAINST = {"hessian-diagonal": "its twin, and `newton` where the Hessian is diagonal"}


# The bowl's gradient is (w1 - 3, 4 w2 + 4), its Hessian diag(1, 4), which every estimate finds exactly.
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
        # m = (-1, 4), h = (0.5, 2), γ h = (1, 4), ratio (-1, 1). At (1.5, 0.5) g = (-1.5, 6), m = (-1.25, 5), h as
        # before, so both are cut
        ("sophia", {"step": 0.5, "beta1": 0.5, "beta2": 0.5, "gamma": 2}, (1.5, 0.5), (2, 0)),
        # γ h = (2, 8), ratio (-0.5, 0.5). At (1.25, 0.75) g = (-1.75, 7), m = (-1.375, 5.5), ratio (-0.6875, 0.6875)
        ("sophia", {"step": 0.5, "beta1": 0.5, "beta2": 0.5, "gamma": 4}, (1.25, 0.75), (1.59375, 0.40625)),
        # m̂ = (-2, 8) by h = 0 is cut. At (1.5, 0.5) g = (-1.5, 6), m = (-1.25, 5), m̂ = (-5, 20) / 3, γ h = (2, 8)
        (
            "sophia",
            {"step": 0.5, "beta1": 0.5, "beta2": 0.5, "gamma": 4, "convention": "optax"},
            (1.5, 0.5),
            (1.5 + 1.25 / 3, 0.5 - 1.25 / 3),
        ),
        # The second ratio above, and half of a tenth of each weight: (1.25, 0.75) - 0.05 (1, 1), and so on with
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


def test_curvature_of_either_sign_leads_downhill(follow):
    """Along a saddle's one axis the curvature is positive, along the other negative."""
    problem = PROBLEMS["saddle"]()
    w = np.array([[1.0, 0.5]])
    g, H = problem.at(w).gradient()[0], problem.at(w).hessian()[0]
    assert H[0, 0] * H[1, 1] < 0
    run = follow("hessian-diagonal", problem, w[0], step=0.5, penalty=0.01, max_epochs=1)
    assert run.weights[1] == pytest.approx(w[0] - 0.5 * g / (abs(np.diag(H)) + 0.01))
    assert run.errors[1] < run.errors[0]


def test_on_a_quadratic_along_the_axes_it_is_newton_s_method(bowl, follow):
    run = follow("hessian-diagonal", bowl, (1, 1), step=1, penalty=1e-300, max_epochs=1)
    assert run.weights.tolist() == follow("newton", bowl, (1, 1), penalty=0, max_epochs=1).weights.tolist()


RANDOM = ["adahessian", "sophia"]


@pytest.mark.parametrize("name", RANDOM)
def test_where_the_hessian_is_diagonal_every_estimate_is_exact(name, follow):
    problem = PROBLEMS["rastrigin"]()
    paths = {
        follow(name, problem, (2.1, -1.7), estimate=estimate, seed=seed, max_epochs=60).weights.tobytes()
        for estimate, seed in (("exact", 0), ("hutchinson", 0), ("hutchinson", 1), ("hutchinson", 2))
    }
    assert len(paths) == 1


@pytest.mark.parametrize("name", RANDOM)
def test_the_estimate_is_the_diagonal_on_average(name):
    """In the first epoch AdaHessian moves by η g / |D|, and Sophia with β = 0 by η g / (γ D), so that D can be read.

    It is Hᵢᵢ + Σⱼ zᵢ zⱼ Hᵢⱼ: over the eight patterns of three signs the mean is the diagonal. This H has a strong one,
    so that every D is positive.
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
        (run,) = record(march(rule, problem, [start], error_threshold=None, max_epochs=1))
        found.append(0.1 * at.gradient()[0] / (start - run.weights[1]) / settings.get("gamma", 1))
    assert len(found) == 8
    assert np.std(found, axis=0).min() > 1e-3
    assert np.mean(found, axis=0) == pytest.approx(np.diag(at.hessian()[0]), rel=1e-9)


@pytest.mark.parametrize(("name", "settings"), [("adahessian", {}), ("sophia", {"gamma": 10})])
def test_a_sweep_may_vary_the_seed(name, settings, six_points, follow):
    starts = [(1, 1), (1, 1), (-2, 0.5)]
    rest = {"error_threshold": None, "max_epochs": 25}
    together = record(march(OPTIMIZERS[name](**settings), six_points, starts, varied={"seed": [3, 4, 3]}, **rest))
    for run, start, seed in zip(together, starts, (3, 4, 3), strict=True):
        alone = follow(name, six_points, start, seed=seed, max_epochs=25, **settings)
        assert run.weights.tolist() == alone.weights.tolist()
    assert together[0].weights.tolist() != together[1].weights.tolist()


def test_a_sweep_may_vary_when_the_curvature_is_looked_at(six_points, follow):
    starts = [(1, 1), (1, 1), (-2, 0.5)]
    rest = {"error_threshold": None, "max_epochs": 25}
    together = record(march(OPTIMIZERS["sophia"](), six_points, starts, varied={"refresh": [1, 4, 7]}, **rest))
    for run, start, refresh, times in zip(together, starts, (1, 4, 7), (25, 7, 4), strict=True):
        alone = follow("sophia", six_points, start, refresh=refresh, max_epochs=25)
        assert run.weights.tolist() == alone.weights.tolist()
        assert run.evaluations == alone.evaluations
        assert run.evaluations["hessian"] == times


def test_the_curvature_is_looked_at_in_each_run_s_own_epochs(six_points):
    """Runs that enter late look in their first, eleventh, twenty-first ... epoch, whatever the others do."""
    starts = [(-4, -4), (2.6, -3.4), (1, -2), (-6, 2), (0, 0)]
    rest = {"error_threshold": 0.125, "max_epochs": 300}
    runs = record(march(OPTIMIZERS["sophia"](), six_points, starts, block=2, **rest))
    assert len({run.epochs for run in runs}) >= 4
    for run in runs:
        assert run.evaluations["hessian"] == (run.epochs + 9) // 10


def test_what_is_cut_moves_by_signs(unequal, follow):
    """Liu et al. 2024, section 2: where everything is cut, Sophia is the sign of the mean gradient."""
    run = follow("sophia", unequal, (-1.2, 1, 0.3), gamma=1e-12, max_epochs=30)
    assert np.abs(np.diff(run.weights, axis=0)) == pytest.approx(np.full((30, 3), 0.1), rel=1e-12)
