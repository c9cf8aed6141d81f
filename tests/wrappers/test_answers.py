"""Wrappers that modify the gradient."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bpviz.declare import OPTIMIZERS, WRAPPERS
from bpviz.engine.loop import iterate
from bpviz.engine.oracle import CountingOracle
from bpviz.engine.results import record
from bpviz.problems.penalty import Penalized
from bpviz.problems.perceptron import Perceptron


class Answered:
    """Base of the twins: the inner rule advances with a modified gradient; t is the epoch, from 1."""

    def __init__(self, inner, **settings):
        self.inner, self.t = inner, 0
        self.__dict__.update(settings)

    def advance(self, f, w):
        self.t += 1
        self.f = f
        return self.inner.advance(self, w)


class ClipValue(Answered):
    def gradient(self, w):
        return [max(-self.largest, min(d, self.largest)) for d in self.f.gradient(w)]


class ClipNorm(Answered):
    """Pascanu et al. 2013, Algorithm 1: if ‖g‖ is larger, g ← threshold / ‖g‖ g; ε as in torch's clip_grad_norm_."""

    def gradient(self, w):
        g = self.f.gradient(w)
        factor = self.largest / (math.sqrt(sum(d * d for d in g)) + self.epsilon)
        return [d * factor for d in g] if factor < 1 else g


class CoupledWeightDecay(Answered):
    def gradient(self, w):
        return [d + self.weight_decay * x for d, x in zip(self.f.gradient(w), w, strict=True)]


class GradientNoise(Answered):
    """Neelakantan et al. 2015, eq. (1): σ_t² = η / (1 + t)^γ, t from 0."""

    def gradient(self, w):
        sigma = math.sqrt(self.variance / self.t**self.power)
        noise = np.random.default_rng([self.seed, self.t]).standard_normal(len(w)).tolist()
        return [d + sigma * n for d, n in zip(self.f.gradient(w), noise, strict=True)]


TWINS = {
    "clip-value": ClipValue,
    "clip-norm": ClipNorm,
    "coupled-weight-decay": CoupledWeightDecay,
    "gradient-noise": GradientNoise,
}
UNUSUAL = {
    "clip-value": {"largest": 0.013},
    "clip-norm": {"largest": 0.017, "epsilon": 0.02},
    "coupled-weight-decay": {"weight_decay": 0.23},
    "gradient-noise": {"variance": 0.07, "power": 1.3, "seed": 11},
}


@pytest.fixture
def one_epoch(bowl):
    """Return the weights after one epoch of gradient descent with step 0.1 on the bowl from (1, 1): g = (-2, 8)."""

    def one_epoch(name, **settings):
        wrapper = WRAPPERS[name](OPTIMIZERS["gd"](step=0.1), **settings)
        return record(iterate(wrapper, bowl, [(1, 1)], error_threshold=None, max_epochs=1))[0].weights[1]

    return one_epoch


@pytest.mark.parametrize(
    ("name", "settings", "g"),
    [
        ("clip-value", {"largest": 3}, (-2, 3)),
        ("clip-value", {"largest": 0.5}, (-0.5, 0.5)),
        ("clip-norm", {"largest": 9}, (-2, 8)),
        ("clip-norm", {"largest": 1}, (-2 / math.sqrt(68), 8 / math.sqrt(68))),
        ("clip-norm", {"largest": 1, "epsilon": 0.5}, (-2 / (math.sqrt(68) + 0.5), 8 / (math.sqrt(68) + 0.5))),
        ("coupled-weight-decay", {"weight_decay": 0.5}, (-1.5, 8.5)),
    ],
)
def test_gradients_by_hand(name, settings, g, one_epoch):
    assert one_epoch(name, **settings) == pytest.approx((1 - 0.1 * g[0], 1 - 0.1 * g[1]), rel=1e-15)


def test_zero_gradient_is_not_clipped(bowl):
    wrapper = WRAPPERS["clip-norm"](OPTIMIZERS["gd"](), largest=0.1)
    run = record(iterate(wrapper, bowl, [(3, -1)], error_threshold=None, max_epochs=2))[0]
    assert run.weights.tolist() == [[3, -1]] * 3


def test_noise_has_the_specified_decreasing_variance(bowl):
    """Over 4000 seeds, in the first epoch and in the eighth, where 8^γ is 4 for γ = 2/3."""
    wrapper = WRAPPERS["gradient-noise"](OPTIMIZERS["gd"](step=1e-9), variance=0.5, power=2 / 3)
    rest = {"error_threshold": None, "max_epochs": 8, "varied": {"with.0.seed": np.arange(4000)}}
    runs = record(iterate(wrapper, bowl, [(3, -1)] * 4000, **rest))
    moves = np.diff([run.weights for run in runs], axis=1) / -1e-9  # (seeds, epochs, weights)
    assert moves[:, 0].mean() == pytest.approx(0, abs=0.02)
    assert moves[:, 0].var() == pytest.approx(0.5, rel=0.05)
    assert moves[:, 7].var() == pytest.approx(0.125, rel=0.05)


def test_noise_is_the_same_for_all_gradients_of_an_epoch(bowl):
    """Both gradients of sam have the noise n of the epoch, so w = w₀ - η (g(w₀ + ρ (g + n) / |g + n|) + n)."""
    wrapper = WRAPPERS["gradient-noise"](OPTIMIZERS["sam"](step=0.1, radius=0.5), variance=1.0, seed=5)
    run = record(iterate(wrapper, bowl, [(1, 1)], error_threshold=None, max_epochs=1))[0]
    n = np.random.default_rng([5, 1]).standard_normal(2)
    g = np.array([-2, 8]) + n
    there = np.array([1, 1]) + 0.5 * g / math.sqrt(g @ g)
    assert run.weights[1] == pytest.approx([1, 1] - 0.1 * ([1, 4] * (there - [3, -1]) + n), rel=1e-14)


@pytest.mark.parametrize("kind", ["error", "gradient", "hessian", "residuals", "jacobian"])
def test_coupled_decay_changes_all_evaluations_consistently(kind, unequal):
    """All evaluations of the rule are those of E + λ/2 ‖w‖², including derivatives and residuals."""

    class Curious:
        needs = frozenset(("error", "gradient", "hessian", "residuals", "jacobian"))
        name = "curious"

        def begin(self, w, f):
            return ()

        def advance(self, w, state, f):
            self.answer = getattr(f, kind)(w)
            return w, state

    w = np.asfortranarray([[0.3, -1.2, 0.7], [2.0, 0.1, -0.4]])
    curious, f, decay = Curious(), CountingOracle(unequal, 2), 0.3
    wrapper = WRAPPERS["coupled-weight-decay"](curious, weight_decay=decay)
    wrapper.advance(w, wrapper.begin(w, f), f)
    answer = curious.answer
    plain = CountingOracle(unequal, 2)
    below = np.broadcast_to(math.sqrt(decay / 2) * np.eye(3), (2, 3, 3))
    expected = {
        "error": lambda: plain.error(w) + decay / 2 * (w**2).sum(1, keepdims=True),
        "gradient": lambda: plain.gradient(w) + decay * w,
        "hessian": lambda: plain.hessian(w) + decay * np.eye(3),
        "residuals": lambda: np.concatenate([plain.residuals(w), math.sqrt(decay / 2) * w], axis=1),
        "jacobian": lambda: np.concatenate([plain.jacobian(w), below], axis=1),
    }[kind]()
    np.testing.assert_allclose(answer, expected, rtol=1e-14)


def test_coupled_decay_is_not_part_of_the_reported_error(unequal):
    """Newton's method takes the same path as on the problem with the penalty."""
    rest = {"error_threshold": None, "max_epochs": 6}
    (run,) = record(
        iterate(WRAPPERS["coupled-weight-decay"](OPTIMIZERS["newton"]()), unequal, [(0.3, -1, 0.2)], **rest)
    )
    (penalized,) = record(iterate(OPTIMIZERS["newton"](), Penalized(unequal, l2=0.01), [(0.3, -1, 0.2)], **rest))
    assert run.weights == pytest.approx(penalized.weights, rel=1e-12)
    assert run.errors == pytest.approx(penalized.errors - 0.005 * (run.weights**2).sum(1), rel=1e-12)


def test_coupled_decay_adds_residuals_for_levenberg_marquardt(unequal):
    rest = {"error_threshold": None, "max_epochs": 6}
    rule = OPTIMIZERS["levenberg-marquardt"]()
    (run,) = record(iterate(WRAPPERS["coupled-weight-decay"](rule), unequal, [(0.3, -1, 0.2)], **rest))
    (penalized,) = record(iterate(rule, Penalized(unequal, l2=0.01), [(0.3, -1, 0.2)], **rest))
    assert run.weights == pytest.approx(penalized.weights, rel=1e-9)


class Blind:
    """A rule that evaluates errors only."""

    name = "blind"
    needs = frozenset({"error"})
    recalls = False


@pytest.mark.parametrize("name", TWINS)
def test_rejects_a_rule_without_gradients(name):
    with pytest.raises(ValueError, match=name) as refusal:
        WRAPPERS[name](Blind())
    assert str(refusal.value) == f"{name}: blind does not use the gradient"


def test_gradient_wrappers_apply_in_order(bowl):
    """Clipping and decay do not commute; the outer wrapper modifies the gradient first."""
    gd = OPTIMIZERS["gd"](step=0.1)
    clip, decay = WRAPPERS["clip-value"], WRAPPERS["coupled-weight-decay"]
    rest = {"error_threshold": None, "max_epochs": 1}
    (run,) = record(iterate(clip(decay(gd, weight_decay=1.0), largest=3.0), bowl, [(1, 1)], **rest))
    assert run.weights[1] == pytest.approx((1 - 0.1 * (-2 + 1), 1 - 0.1 * (3 + 1)), rel=1e-15)
    (run,) = record(iterate(decay(clip(gd, largest=3.0), weight_decay=1.0), bowl, [(1, 1)], **rest))
    assert run.weights[1] == pytest.approx((1 - 0.1 * (-2 + 1), 1 - 0.1 * 3), rel=1e-15)


def test_noise_depends_on_seed_and_epoch():
    wrapper = WRAPPERS["gradient-noise"](OPTIMIZERS["gd"](step=1e-3), power=0.0)
    rest = {"error_threshold": None, "max_epochs": 3, "varied": {"with.0.seed": [0, 1, 0]}}
    first, second, third = (run.weights for run in record(iterate(wrapper, Perceptron(), [(-4, -4)] * 3, **rest)))
    assert (first == third).all()
    assert (first[1:] != second[1:]).all()
