"""Wrappers that modify the weights after an update: decoupled weight decay and lookahead."""

from __future__ import annotations

import numpy as np
import pytest

from bpviz.declare import OPTIMIZERS, WRAPPERS
from bpviz.engine.loop import iterate
from bpviz.engine.oracle import CountingOracle
from bpviz.engine.results import record


class WeightDecay:
    """Loshchilov & Hutter 2019, Algorithm 1, last line: the weights before the move decay."""

    def __init__(self, inner, weight_decay, convention):
        self.inner, self.weight_decay, self.convention = inner, weight_decay, convention

    def advance(self, f, w):
        decay = self.weight_decay * (self.inner.step if self.convention == "torch" else 1)
        return [after - decay * before for after, before in zip(self.inner.advance(f, w), w, strict=True)]


class Lookahead:
    """Zhang et al. 2019, Algorithm 1, one inner step per epoch; the slow weights are φ."""

    def __init__(self, inner, every, share):
        self.inner, self.every, self.share = inner, every, share
        self.phi, self.t = None, 0

    def advance(self, f, w):
        if self.phi is None:
            self.phi = list(w)
        theta = self.inner.advance(f, w)
        self.t += 1
        if self.t % self.every == 0:
            self.phi = [p + self.share * (t - p) for p, t in zip(self.phi, theta, strict=True)]
            theta = self.phi
        return theta


TWINS = {"weight-decay": WeightDecay, "lookahead": Lookahead}
UNUSUAL = {
    "weight-decay": {"weight_decay": 0.13, "convention": "paper"},
    "lookahead": {"every": 3, "share": 0.23},
}


def follow(optimizer, problem, start, epochs):
    return record(iterate(optimizer, problem, [start], error_threshold=None, max_epochs=epochs))[0]


@pytest.mark.parametrize(("convention", "decay"), [("torch", 0.1 * 0.5), ("paper", 0.5)])
def test_an_epoch_of_weight_decay_by_hand(convention, decay, bowl):
    """Gradient descent moves (1, 1) to (1.2, 0.2), and (1, 1) decays."""
    wrapper = WRAPPERS["weight-decay"](OPTIMIZERS["gd"](step=0.1), weight_decay=0.5, convention=convention)
    assert follow(wrapper, bowl, (1, 1), 1).weights[1] == pytest.approx((1.2 - decay, 0.2 - decay), rel=1e-15)


def test_outer_schedule_scales_the_decay_and_inner_one_does_not(bowl):
    """In the second epoch the step is 0.05; with convention paper, an outer schedule scales λ. Decay only, w' = 1."""
    gd = OPTIMIZERS["gd"](step=0.1)
    half = {"decay": 0.5}
    for convention, first, second in (("torch", 0.1 * 0.5, 0.05 * 0.5), ("paper", 0.5, 0.25)):
        inside = WRAPPERS["weight-decay"](gd, weight_decay=0.5, convention=convention)
        around = WRAPPERS["exponential"](inside, **half)
        other = WRAPPERS["weight-decay"](WRAPPERS["exponential"](gd, **half), weight_decay=0.5, convention=convention)
        for optimizer, later in ((around, second), (other, first)):
            w = follow(optimizer, bowl, (1, 1), 2).weights
            moved = w[1] - 0.05 * ([1, 4] * (w[1] - [3, -1]))
            assert w[2] == pytest.approx(moved - later * w[1], rel=1e-14)


@pytest.mark.parametrize("rule", ["golden", "rprop"])
def test_rule_without_a_step_decays_by_lambda(rule, bowl):
    plain = follow(OPTIMIZERS[rule](), bowl, (1, 1), 1).weights[1]
    wrapper = WRAPPERS["weight-decay"](OPTIMIZERS[rule](), weight_decay=0.25)
    assert follow(wrapper, bowl, (1, 1), 1).weights[1] == pytest.approx(plain - 0.25, rel=1e-14)


@pytest.mark.parametrize("convention", ["torch", "paper"])
def test_adam_with_weight_decay_is_adamw(convention, unequal):
    settings = {"weight_decay": 0.02, "convention": convention}
    wrapper = WRAPPERS["weight-decay"](OPTIMIZERS["adam"](step=0.05), **settings)
    adamw = follow(OPTIMIZERS["adamw"](step=0.05, **settings), unequal, (-1.2, 1, 0.3), 40)
    assert follow(wrapper, unequal, (-1.2, 1, 0.3), 40).weights == pytest.approx(adamw.weights, rel=1e-12)


def test_four_epochs_of_lookahead_by_hand(bowl):
    """Gradient descent halves w1 - 3 in every epoch; with k = 2 and α = 1/4 from -2:

    -1, -1/2, replaced by -2 + (3/2) / 4 = -13/8; -13/16, -13/32, replaced by -13/8 + (39/32) / 4 = -169/128.
    """
    wrapper = WRAPPERS["lookahead"](OPTIMIZERS["gd"](step=0.5), every=2, share=0.25)
    run = follow(wrapper, bowl, (1, -1), 4)
    assert (run.weights[:, 0] - 3).tolist() == [-2, -1, -13 / 8, -13 / 16, -169 / 128]


def test_rule_keeps_its_state_after_a_pull(bowl):
    """Momentum keeps its velocity: w1 - 3 is -2, v is -2, so -1; then v is -2/2 - 1, so 0, pulled back to -1, v -2."""
    wrapper = WRAPPERS["lookahead"](OPTIMIZERS["momentum"](step=0.5, momentum=0.5), every=2, share=0.5)
    run = follow(wrapper, bowl, (1, -1), 3)
    assert (run.weights[:, 0] - 3).tolist() == [-2, -1, -1, -1 + 0.5 * (0.5 * 2 + 1)]


RECALL = [name for name, rule in OPTIMIZERS.items() if rule.recalls]


@pytest.mark.parametrize("rule", RECALL)
def test_rule_that_recalls_restarts_after_a_pull(rule, unequal):
    """After the pull, path and counts are those of a run started there."""
    wrapper = WRAPPERS["lookahead"](OPTIMIZERS[rule](), every=4, share=0.5)
    run = follow(wrapper, unequal, (-1.2, 1, 0.3), 7)
    again = follow(OPTIMIZERS[rule](), unequal, run.weights[4], 3)
    assert run.weights[4:].tolist() == again.weights.tolist()
    assert (run.counts[4:] - run.counts[4]).tolist() == again.counts.tolist()


def test_restart_is_counted_only_for_restarted_runs(six_points):
    """A rule that evaluates in ``begin``, with runs of which one starts an epoch later."""

    class Curious:
        recalls = True

        def begin(self, w, f):
            return (f.error(w),)

        def advance(self, w, state, f):
            return w + 1, state

    optimizer = WRAPPERS["lookahead"](Curious(), every=2, share=1.0)
    f, w = CountingOracle(six_points, 3), np.asfortranarray([(-4.0, -4.0), (1.0, 2.0), (0.0, 3.0)])
    state = optimizer.begin(w, f)
    state = state._replace(t=np.array([[1.0], [0.0], [1.0]]))
    w, state = optimizer.advance(w, state, f)
    assert f.counts()[:, 0].tolist() == [2, 1, 2]
    now, before = six_points.at(w).error(), six_points.at(w - 1).error()
    assert state.inner[0][:, 0].tolist() == [now[0], before[1], now[2]]


def test_inner_schedule_does_not_restart(unequal):
    """Only the rule restarts; the schedule around it continues through the pulls in epochs 2 and 4."""
    schedule = WRAPPERS["exponential"](OPTIMIZERS["backtracking"](), decay=0.7)
    run = follow(WRAPPERS["lookahead"](schedule, every=2), unequal, (-1.2, 1, 0.3), 5)
    again = follow(OPTIMIZERS["backtracking"](step=0.7**4), unequal, run.weights[4], 1)
    assert run.weights[5] == pytest.approx(again.weights[1], rel=1e-14)


@pytest.mark.parametrize("rule", RECALL)
def test_rejects_rules_that_recall(rule):
    with pytest.raises(ValueError, match="weight-decay") as refusal:
        WRAPPERS["weight-decay"](OPTIMIZERS[rule]())
    assert str(refusal.value) == (
        f"weight-decay: {rule} reuses values from its last epoch, which do not apply to the decayed weights"
    )
