"""Schedules: wrappers that scale the step per epoch."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from bpviz.declare import OPTIMIZERS, PROBLEMS, WRAPPERS
from bpviz.engine.loop import iterate
from bpviz.engine.oracle import CountingOracle
from bpviz.engine.results import record


class Scheduled:
    """Base of the twins: the inner rule advances with its step times the factor of epoch t, from 0."""

    def __init__(self, inner, **settings):
        self.inner, self.step, self.t = inner, inner.step, 0
        self.__dict__.update(settings)

    def advance(self, f, w):
        self.inner.step = self.step * self.factor(f, w)
        self.t += 1
        return self.inner.advance(f, w)


class Constant(Scheduled):
    def factor(self, f, w):
        return self.multiple


class ConstantWarmUp(Scheduled):
    """Goyal et al. 2017, section 2.2: constant warmup."""

    def factor(self, f, w):
        return self.first if self.t < self.epochs else 1.0


class WarmUp(Scheduled):
    """Goyal et al. 2017, section 2.2: gradual warmup, by a constant amount each time."""

    def factor(self, f, w):
        return self.first + (1 - self.first) * self.t / self.epochs if self.t < self.epochs else 1.0


class StepDecay(Scheduled):
    def factor(self, f, w):
        return self.decay ** (self.t // self.every)


class Exponential(Scheduled):
    def factor(self, f, w):
        return self.decay**self.t


class InverseTime(Scheduled):
    def factor(self, f, w):
        return 1 / (1 + self.decay * self.t)


class Cosine(Scheduled):
    """Loshchilov & Hutter 2017, eq. (5), with η_max = 1."""

    def factor(self, f, w):
        if self.t >= self.epochs and self.convention == "optax":
            return self.last
        return self.last + 0.5 * (1 - self.last) * (1 + math.cos(self.t / self.epochs * math.pi))


class WarmRestarts(Scheduled):
    """Loshchilov & Hutter 2017, eq. (5), T_i = T_mult T_(i-1)."""

    def factor(self, f, w):
        since, length = self.t, self.epochs
        while since >= length:
            since, length = since - length, length * self.longer
        return self.last + 0.5 * (1 - self.last) * (1 + math.cos(since / length * math.pi))


class OneCycle(Scheduled):
    """Smith & Topin 2017, section 3: two phases of equal length, then a final decrease."""

    def factor(self, f, w):
        corners = [(0.0, self.first), (self.rise, 1.0), (1.0, self.last)]
        if self.three_phase:
            corners.insert(2, (2 * self.rise, self.first))
        x = min(self.t / (self.epochs - 1), 1.0)
        (x0, y0), (x1, y1) = next(pair for pair in itertools.pairwise(corners) if x <= pair[1][0])
        part = (x - x0) / (x1 - x0)
        if self.shape == "cosine":
            part = (1 - math.cos(math.pi * part)) / 2
        return y0 + (y1 - y0) * part


class SearchThenConverge(Scheduled):
    """Darken & Moody 1991: η = η₀ (1 + (c/η₀)(t/τ)) / (1 + (c/η₀)(t/τ) + τ t²/τ²)."""

    def factor(self, f, w):
        eta0, c, tau, t = self.step, self.tail, self.after, self.t
        return (1 + c / eta0 * t / tau) / (1 + c / eta0 * t / tau + tau * t**2 / tau**2)


class ReduceOnPlateau(Scheduled):
    """torch.optim.lr_scheduler.ReduceLROnPlateau, as documented."""

    best, bad, cooling, scale = math.inf, 0, 0, 1.0

    def factor(self, f, w):
        error = f.error(w)
        if error < self.best * (1 - self.threshold):  # as in torch, for positive errors
            self.best, self.bad = error, 0
        else:
            self.bad += 1
        if self.cooling > 0:
            self.cooling -= 1
            self.bad = 0
        if self.bad > self.patience:
            self.scale = max(self.scale * self.decay, self.smallest)
            self.cooling, self.bad = self.cooldown, 0
        return self.scale


TWINS = {
    "constant": Constant,
    "constant-warm-up": ConstantWarmUp,
    "warm-up": WarmUp,
    "step-decay": StepDecay,
    "exponential": Exponential,
    "inverse-time": InverseTime,
    "cosine": Cosine,
    "warm-restarts": WarmRestarts,
    "one-cycle": OneCycle,
    "search-then-converge": SearchThenConverge,
    "reduce-on-plateau": ReduceOnPlateau,
}
UNUSUAL = {
    "constant": {"multiple": 1.7},
    "constant-warm-up": {"epochs": 12.0, "first": 0.37},
    "warm-up": {"epochs": 17.0, "first": 0.37},
    "step-decay": {"decay": 0.83, "every": 7.0},
    "exponential": {"decay": 0.93},
    "inverse-time": {"decay": 0.31},
    "cosine": {"epochs": 19.0, "last": 0.13, "convention": "torch"},
    "warm-restarts": {"epochs": 6.0, "longer": 1.5, "last": 0.13},
    "one-cycle": {
        "epochs": 33.0,
        "rise": 0.41,
        "first": 0.17,
        "last": 0.023,
        "shape": "cosine",
        "three_phase": False,
    },
    "search-then-converge": {"after": 9.0, "tail": 4.3},
    "reduce-on-plateau": {"decay": 0.63, "patience": 2.0, "threshold": 0.02, "cooldown": 3.0, "smallest": 0.3},
}


@pytest.fixture
def factors(bowl):
    """Return a function that computes the factors of a schedule from the steps of gradient descent."""

    def factors(name, many, /, **settings):
        wrapper = WRAPPERS[name](OPTIMIZERS["gd"](step=0.001), **settings)
        run = record(iterate(wrapper, bowl, [(1, 1)], error_threshold=None, max_epochs=many))[0]
        w2 = run.weights[:, 1]
        return (1 - (w2[1:] + 1) / (w2[:-1] + 1)) / 0.004  # on the bowl, w2 + 1 is multiplied by 1 - 4 η

    return factors


ROOT = math.sqrt(0.5)  # the cosine of 45 degrees
HALVES = {"rise": 0.5, "shape": "cosine", "three_phase": False}
BY_HAND = [
    ("constant", {}, [1, 1, 1]),
    ("constant", {"multiple": 0.25}, [0.25, 0.25, 0.25]),
    ("constant-warm-up", {"epochs": 2, "first": 0.25}, [0.25, 0.25, 1, 1]),
    ("warm-up", {"epochs": 4, "first": 0.2}, [0.2, 0.4, 0.6, 0.8, 1, 1]),
    ("step-decay", {"decay": 0.5, "every": 3}, [1, 1, 1, 0.5, 0.5, 0.5, 0.25]),
    ("exponential", {"decay": 0.5}, [1, 0.5, 0.25, 0.125]),
    ("inverse-time", {"decay": 0.5}, [1, 2 / 3, 1 / 2, 2 / 5]),
    ("cosine", {"epochs": 4, "last": 0.2}, [1, 0.6 + 0.4 * ROOT, 0.6, 0.6 - 0.4 * ROOT, 0.2, 0.2]),
    ("cosine", {"epochs": 2, "last": 0.2, "convention": "torch"}, [1, 0.6, 0.2, 0.6, 1, 0.6]),
    ("warm-restarts", {"epochs": 2, "longer": 2}, [1, 0.5, 1, 0.5 + 0.5 * ROOT, 0.5, 0.5 - 0.5 * ROOT, 1]),
    (
        "one-cycle",
        {"epochs": 11, "rise": 0.3, "first": 0.1, "last": 0},
        [0.1, 0.4, 0.7, 1, 0.7, 0.4, 0.1, 0.075, 0.05, 0.025, 0, 0],
    ),
    ("one-cycle", {"epochs": 5, "first": 0.2, "last": 0, **HALVES}, [0.2, 0.6, 1, 0.5, 0, 0]),
    # c / η = 2 and x = t / 2: (1 + 2 x) / (1 + 2 x + 2 x²)
    ("search-then-converge", {"after": 2, "tail": 0.002}, [1, 2 / 2.5, 3 / 5, 4 / 8.5]),
]


@pytest.mark.parametrize(("name", "settings", "by_hand"), BY_HAND)
def test_factors_by_hand(name, settings, by_hand, factors):
    assert factors(name, len(by_hand), **settings) == pytest.approx(by_hand, rel=1e-9, abs=1e-9)


def test_reduce_on_plateau_by_hand(six_points):
    """Where the error hardly decreases, each epoch but the first is a bad one.

    With a patience of 1, the second consecutive bad epoch reduces the step: in epochs 3, 5, 7 without cooldown; in
    epochs 3, 6, 9 with one epoch of cooldown. The factor does not fall below a fifth.
    """
    start = (20, 20)

    def steps(**settings):
        wrapper = WRAPPERS["reduce-on-plateau"](OPTIMIZERS["gd"](step=1.0), decay=0.5, patience=1, **settings)
        run = record(iterate(wrapper, six_points, [start], error_threshold=None, max_epochs=9))[0]
        gradients = six_points.at(np.asfortranarray(run.weights[:-1])).gradient()
        assert run.evaluations["error"] == 9
        return [float(f"{step:.6g}") for step in (run.weights[:-1] - run.weights[1:])[:, 0] / gradients[:, 0]]

    assert steps() == [1, 1, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125, 0.0625]
    assert steps(cooldown=1, smallest=0.2) == [1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.2]


def test_reduce_on_plateau_with_negative_errors():
    """At the minimum of McCormick's function, about -1.9, the second bad epoch reduces the step."""
    problem = PROBLEMS["mccormick"]()
    lowest = min(problem.minima, key=lambda minimum: minimum.error).at
    wrapper = WRAPPERS["reduce-on-plateau"](OPTIMIZERS["gd"](step=1e-9), patience=1, decay=0.5)
    f, w = CountingOracle(problem, 1), np.array([lowest])
    state, factors = wrapper.begin(w, f), []
    for _ in range(5):
        w, state = wrapper.advance(w, state, f)
        factors.append(float(state.clock.factor[0, 0]))
    assert factors == [1, 1, 0.5, 0.5, 0.25]


def test_warm_restarts_continue_forever(factors):
    """Also with a constant, non-integer period: 2.5 epochs, then 2.5 again."""
    period = [1, 0.5 + 0.5 * math.cos(0.4 * math.pi), 0.5 + 0.5 * math.cos(0.8 * math.pi)]
    shifted = [0.5 + 0.5 * math.cos(0.2 * math.pi), 0.5 + 0.5 * math.cos(0.6 * math.pi)]
    assert factors("warm-restarts", 10, epochs=2.5, longer=1) == pytest.approx([*period, *shifted] * 2, rel=1e-9)


def test_nested_schedules_multiply(bowl):
    gd = OPTIMIZERS["gd"](step=0.1)
    both = WRAPPERS["warm-up"](WRAPPERS["exponential"](gd, decay=0.5), epochs=2, first=0.5)
    run = record(iterate(both, bowl, [(1, 1)], error_threshold=None, max_epochs=4))[0]
    w2 = run.weights[:, 1]
    shrunk = (1 - (w2[1:] + 1) / (w2[:-1] + 1)) / 0.4
    assert shrunk == pytest.approx([0.5, 0.75 * 0.5, 0.25, 0.125], rel=1e-12)


@pytest.mark.parametrize("name", TWINS)
def test_rejects_rules_without_a_step_per_epoch(name):
    for rule, sentence in (
        ("golden", "golden has no step for a schedule to change"),
        ("rprop", "rprop reads its step only at the start, so a schedule has no effect"),
    ):
        with pytest.raises(ValueError, match=name) as refusal:
            WRAPPERS[name](OPTIMIZERS[rule]())
        assert str(refusal.value) == f"{name}: {sentence}"
        with pytest.raises(ValueError, match=name):
            WRAPPERS[name](WRAPPERS["lookahead"](OPTIMIZERS[rule]()))


def test_one_cycle_rejects_a_rise_without_time_for_the_last_phase():
    with pytest.raises(ValueError, match="one-cycle") as refusal:
        WRAPPERS["one-cycle"](OPTIMIZERS["gd"](), rise=0.5)
    assert str(refusal.value) == "one-cycle: rise: 0.5 is not below 0.5, as three phases require"
    assert WRAPPERS["one-cycle"](OPTIMIZERS["gd"](), rise=0.5, three_phase=False).rise == 0.5


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_schedule_affects_every_rule_with_a_step(name, six_points, unequal):
    """A rule that reads its step in ``begin`` only must declare it with ``at_start``."""
    rule = OPTIMIZERS[name]()
    try:
        wrapper = WRAPPERS["step-decay"](rule, decay=0.25, every=1)
    except ValueError:
        return
    for optimizer in (rule, wrapper):
        assert optimizer.name == name

    def paths(optimizer):
        both = [
            iterate(optimizer, problem, starts, error_threshold=None, max_epochs=15)
            for problem, starts in ((six_points, [(-4, -4), (2.3, -0.7)]), (unequal, [(-1.2, 1, 0.3)]))
        ]
        return [run.weights.tobytes() for epochs in both for run in record(epochs)]

    assert paths(wrapper) != paths(rule)
