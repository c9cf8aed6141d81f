"""Mechanic, a wrapper that learns the step size."""

from __future__ import annotations

import math

import pytest

from bpviz.declare import OPTIMIZERS, WRAPPERS
from bpviz.engine.loop import iterate
from bpviz.engine.results import Ending, record

RTOL = 1e-10  # moves are small differences of weights


class Mechanic:
    """Cutkosky, Defazio & Mehta 2023, Algorithm 1, with h limited as in optax; the moves are added up one by one."""

    def __init__(self, inner, *, initial_scale, betas, weight_decay, epsilon):
        self.inner, self.initial, self.decay, self.epsilon = inner, initial_scale, weight_decay, epsilon
        self.tuners = [{"beta": 1 - 0.1**i, "s": initial_scale, "r": 0, "m": 0, "v": 0} for i in range(1, betas + 1)]
        self.start = None

    def advance(self, f, w):
        epsilon, before = self.epsilon, sum(tuner["s"] for tuner in self.tuners)
        self.start = self.start or w
        delta = [(x - x0) / (before + epsilon) for x, x0 in zip(w, self.start, strict=True)]
        g, moved = f.gradient(w), self.inner.advance(f, w)
        f.counts["gradient"] -= 1  # the rule's gradient is the same one
        pull = self.decay * before * math.hypot(*g) / (math.hypot(*w) + epsilon)
        h = -sum((d + pull * x) * move for d, x, move in zip(g, w, delta, strict=True))
        scale = 0.0
        for tuner in self.tuners:
            reward = min(abs(h), tuner["m"]) * (1 if h > 0 else -1)
            tuner["r"] = tuner["beta"] * tuner["r"] + reward * tuner["s"]
            tuner["m"] = max(tuner["beta"] * tuner["m"], abs(h) + epsilon)
            tuner["v"] = tuner["beta"] ** 2 * tuner["v"] + h**2
            wealth = self.initial / len(self.tuners) * tuner["m"] + max(0, tuner["r"])
            tuner["s"] = wealth / (math.sqrt(tuner["v"]) + epsilon)
            scale += tuner["s"]
        return [x0 + scale * (move + after - x) for x0, move, after, x in zip(self.start, delta, moved, w, strict=True)]


TWINS = {"mechanic": Mechanic}
UNUSUAL = {"mechanic": {"initial_scale": 0.02, "betas": 3, "weight_decay": 0.3, "epsilon": 0.05}}


def test_three_epochs_by_hand(bowl):
    """One rate β = 0.9, s₀ = 1/2, λ = 0 and ε = 0 (nearly), around gd with step 1/4, from (1, 1), where g = (-2, 8).

    Δ = 0: h = 0 and s = s₀; w = (1, 1) + s₀ (1/2, -2) = (1.25, 0). There g = (-1.75, 4), Δ = (0.5, -2) and
    h = 0.875 + 8 = 8.875. The last m is 0, so r = 0, m = √v = 8.875 and s = s₀; Δ = (0.9375, -3), and
    w = (1.46875, -0.5). There g = (-1.53125, 2), h = 1.435546875 + 6 = 7.435546875 =: k,
    r = k s₀, m = max(0.9 · 8.875, k) = 7.9875, v = 0.81 · 8.875² + k²; Δ = (1.3203125, -3.5).
    """
    settings = {"initial_scale": 0.5, "betas": 1, "weight_decay": 0.0, "epsilon": 1e-14}
    rule = WRAPPERS["mechanic"](OPTIMIZERS["gd"](step=0.25), **settings)
    (run,) = record(iterate(rule, bowl, [(1.0, 1.0)], error_threshold=None, max_epochs=3))
    assert run.weights[1] == pytest.approx((1.25, 0), abs=1e-12)
    assert run.weights[2] == pytest.approx((1.46875, -0.5), rel=1e-12)
    k = 7.435546875
    s = (0.5 * 7.9875 + 0.5 * k) / math.sqrt(0.81 * 8.875**2 + k**2)
    assert run.weights[3] == pytest.approx((1 + 1.3203125 * s, 1 - 3.5 * s), rel=1e-12)
    assert run.evaluations["gradient"] == 3


@pytest.mark.parametrize("step", [1e-4, 1.0, 1e4])
def test_learns_the_step_size(step, bowl):
    """The curvatures are 1 and 4: gd alone diverges with steps above 1/2, and with 1e-4 the error stays above 9."""
    rule = WRAPPERS["mechanic"](OPTIMIZERS["gd"](step=step))
    (run,) = record(iterate(rule, bowl, [(1.0, 1.0)], error_threshold=0.1, max_epochs=500))
    assert run.ending is Ending.REACHED


def test_rejects_rules_whose_memory_would_not_fit():
    with pytest.raises(ValueError, match="bfgs reuses values from its last epoch"):
        WRAPPERS["mechanic"](OPTIMIZERS["bfgs"]())
    with pytest.raises(ValueError, match="nelder-mead does not use the gradient"):
        WRAPPERS["mechanic"](OPTIMIZERS["nelder-mead"]())
