"""Mini-batches."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest

from bpviz.declare import KINDS, OPTIMIZERS, PROBLEMS, WRAPPERS
from bpviz.engine.loop import iterate
from bpviz.engine.oracle import CountingOracle
from bpviz.engine.results import Ending, record
from bpviz.problems.datasets import Dataset
from bpviz.problems.penalty import Penalized
from bpviz.problems.perceptron import Perceptron


class MiniBatches:
    """The inner rule advances once per batch; the total number of evaluations is rounded up."""

    def __init__(self, inner, batch_size, seed):
        self.inner, self.batch_size, self.seed = inner, batch_size, seed
        self.t, self.asked = 0, dict.fromkeys(KINDS, 0)

    def advance(self, f, w):
        n = len(f.samples)
        self.t += 1
        left = np.random.default_rng([self.seed, self.t]).permutation(n).tolist()
        while left:
            batch, left = left[: self.batch_size], left[self.batch_size :]
            part = copy.copy(f)
            part.samples, part.counts = [f.samples[i] for i in batch], dict.fromkeys(KINDS, 0)
            w = self.inner.advance(part, w)
            for kind, count in part.counts.items():
                self.asked[kind] += count * len(batch)
        f.counts = {kind: math.ceil(asked / n) for kind, asked in self.asked.items()}
        return w


RTOL, EPOCHS = 1e-9, 20  # a step on a single sample may be too long and amplify rounding errors
START = np.array([[-4.0, -4.0]])

TWINS = {"mini-batches": MiniBatches}
UNUSUAL = {"mini-batches": {"batch_size": 4, "seed": 23}}


def wrapped(rule, settings=(), **rest):
    return WRAPPERS["mini-batches"](OPTIMIZERS[rule](**dict(settings)), **rest)


def follow(optimizer, problem, start, epochs, **rest):
    return record(iterate(optimizer, problem, [start], error_threshold=None, max_epochs=epochs, **rest))[0]


def test_an_epoch_by_hand(bowl):
    """The bowl has two samples, with gradients (2 (w1 - 3), 0) and (0, 8 (w2 + 1)), one per batch.

    In either order, with a step of 0.25, they subtract half of w1 - 3 and 2 (w2 + 1).
    """
    run = follow(wrapped("gd", {"step": 0.25}), bowl, (1, 1), 1)
    assert run.weights[1].tolist() == [2, -3]
    assert run.evaluations["gradient"] == 1


def test_an_epoch_sees_every_sample_once_in_an_order_of_seed_and_epoch(six_points):
    """The orders are those of NumPy's generator with the seed (seed, epoch)."""

    class Noting(CountingOracle):
        def part(self, samples):
            seen.append(samples[:, 0].tolist())
            return super().part(samples)

    for seed, size, cuts in ((0, 4, [4]), (3, 2, [2, 4]), (3, 1, [1, 2, 3, 4, 5]), (3, 6, [])):
        seen = []
        optimizer = WRAPPERS["mini-batches"](OPTIMIZERS["gd"](), batch_size=size, seed=seed)
        f, w = Noting(six_points, 1), START
        state = optimizer.begin(w, f)
        for _ in range(2):
            w, state = optimizer.advance(w, state, f)
        orders = [np.random.default_rng([seed, epoch]).permutation(6) for epoch in (1, 2)]
        assert seen == [batch.tolist() for order in orders for batch in np.split(order, cuts)]


@pytest.mark.parametrize(
    ("batch_size", "evaluations"),
    [
        (1, [1, 2, 3, 4]),  # six batches of a sixth
        (4, [1, 2, 3, 4]),  # four sixths and the last two
    ],
)
def test_partial_gradients_count_as_fractions(batch_size, evaluations, six_points):
    run = follow(wrapped("gd", batch_size=batch_size), six_points, (-4, -4), 4)
    assert run.counts[1:, KINDS.index("gradient")].tolist() == evaluations


def test_total_counts_are_rounded_up(bowl):
    """Golden search evaluates different numbers of errors for the two samples; halves are added before rounding."""
    run = follow(wrapped("golden", {"tolerance": 0.3}), bowl, (1.3, 1.1), 5)
    halves = []

    class Counting(CountingOracle):
        def part(self, samples):
            part = super().part(samples)
            parts.append(part)
            return part

    f, parts = Counting(bowl, 1), []
    optimizer = wrapped("golden", {"tolerance": 0.3})
    w = np.array([[1.3, 1.1]])
    state = optimizer.begin(w, f)
    for _ in range(5):
        w, state = optimizer.advance(w, state, f)
        halves.append(sum(part.counts()[0, 0] for part in parts))
    assert run.counts[1:, 0].tolist() == [math.ceil(half / 2) for half in halves]
    assert any(half % 2 for half in halves)
    assert f.counts().tolist() == run.counts[[-1]].tolist()


def test_single_full_batch_equals_the_rule_up_to_rounding(unequal):
    run = follow(wrapped("adam", {"step": 0.1}, batch_size=5), unequal, (-1.2, 1, 0.3), 30)
    plain = follow(OPTIMIZERS["adam"](step=0.1), unequal, (-1.2, 1, 0.3), 30)
    assert run.weights == pytest.approx(plain.weights, rel=1e-9)
    assert (run.counts == plain.counts).all()


@pytest.mark.parametrize("kind", KINDS)
def test_part_is_the_problem_on_those_samples(kind, unequal):
    """With common samples, with samples per run, and if only some runs are evaluated."""
    w = np.asfortranarray([(-1.2, 1, 0.3), (0.3, 0.2, -1), (2, -1, 0.5)])
    samples = np.array([[4, 0, 1], [2, 0, 3]])  # (batch, runs)

    def alone(run):
        chosen = samples[:, run]
        data = Dataset(
            "part",
            tuple(unequal.dataset.features[i] for i in chosen),
            tuple(unequal.dataset.targets[i] for i in chosen),
            ("x1", "x2"),
        )
        one = Perceptron(dataset=data, activation="tanh", bias=True, loss="half-mse")
        return getattr(CountingOracle(one, 1), kind)(w[[run]])[0]

    f = CountingOracle(unequal, 3).part(samples)
    answer = getattr(f, kind)(w)
    assert all((answer[run] == alone(run)).all() for run in range(3))
    where = np.array([True, False, True])
    some = getattr(CountingOracle(unequal, 3).part(samples), kind)(w, where)
    assert all((some[run] == alone(run)).all() for run in (0, 2))
    assert np.isnan(some[1]).all()
    same = CountingOracle(unequal, 3).part(samples[:, [2]])
    assert (getattr(same, kind)(w)[2] == alone(2)).all()
    assert (getattr(same, kind)(w.copy(order="F"), where)[2] == alone(2)).all()


def test_ended_runs_are_not_evaluated(six_points):
    f = CountingOracle(six_points, 2)
    f.live[0] = False
    error = f.part(np.array([[1], [4]])).error(np.zeros((2, 2)), np.ones(2, dtype=bool))
    assert np.isnan(error[:, 0]).tolist() == [True, False]


def test_every_batch_includes_the_penalty(unequal):
    w = np.asfortranarray([(-1.2, 1, 0.3)])
    part = Penalized(unequal, l1=0.1, l2=0.2).part(np.array([[1], [3]]))
    plain = unequal.part(np.array([[1], [3]]))
    assert part.at(w).gradient() == pytest.approx(plain.at(w).gradient() + 0.1 * np.sign(w) + 0.2 * w, rel=1e-15)


def test_batches_depend_on_the_seed_only(six_points):
    """A start among many, which enters a block late, and the same start alone."""
    optimizer = wrapped("momentum", batch_size=4, seed=3)
    starts = np.random.default_rng(0).uniform(-4, 4, size=(40, 2))
    rest = {"error_threshold": 0.13, "max_epochs": 60}
    many = record(iterate(optimizer, six_points, starts, block=5, **rest))
    for start, run in zip(starts, many, strict=True):
        (one,) = record(iterate(optimizer, six_points, [start], **rest))
        assert one.weights.tobytes() == run.weights.tobytes()
        assert (one.counts == run.counts).all()
    assert len({run.epochs for run in many}) > 5


def test_varied_seeds_give_each_run_its_own_batches(six_points):
    seeds = [4, 0, 4, 9]
    rest = {"error_threshold": None, "max_epochs": 5}
    runs = record(iterate(wrapped("gd"), six_points, [(-4, -4)] * 4, varied={"with.0.seed": seeds}, **rest))
    for seed, run in zip(seeds, runs, strict=True):
        assert run.weights.tobytes() == follow(wrapped("gd", seed=seed), six_points, (-4, -4), 5).weights.tobytes()
    assert len({run.weights.tobytes() for run in runs}) == 3


def test_run_is_stuck_if_it_is_stuck_on_every_batch(bowl):
    """Golden search is stuck along the gradient of one sample where it is 0, but continues along the other's."""
    there = follow(wrapped("golden"), bowl, (3, -1), 3)
    assert (there.ending, there.epochs) == (Ending.STUCK, 1)
    level = follow(wrapped("golden"), bowl, (3, 1), 1)
    assert level.ending is Ending.EXHAUSTED
    assert level.weights[1, 1] < 1


@pytest.mark.parametrize(
    "kind", [WRAPPERS["mini-batches"], lambda rule: WRAPPERS["clip-norm"](WRAPPERS["mini-batches"](rule))]
)
def test_a_run_that_is_stuck_on_every_batch_has_the_reason_of_its_rule(kind, bowl):
    class Stuck:
        name, needs, recalls = "stuck", frozenset({"gradient"}), False

        def begin(self, w, f):
            return ()

        def advance(self, w, state, f):
            f.cannot_go_on(f.live & (w[:, 0] < 2), {0: "no step", 1: "another"})
            return w + 1, state

    optimizer, f = kind(Stuck()), CountingOracle(bowl, 3)
    w = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
    optimizer.advance(w, optimizer.begin(w, f), f)
    assert f.stuck.tolist() == [True, False, False]  # the second is stuck on the first of two batches alone
    assert f.why == {0: "no step"}


def test_inner_schedules_count_batches_and_outer_ones_count_epochs(bowl):
    """Two batches an epoch, and a step that halves: inside from the first batch to the second, around from the first
    epoch to the second. The two samples' gradients are (2 (w1 - 3), 0) and (0, 8 (w2 + 1)).
    """
    gd, half, batches = OPTIMIZERS["gd"](step=0.1), WRAPPERS["exponential"], WRAPPERS["mini-batches"]
    first = np.random.default_rng([0, 1]).permutation(2)[0]  # the weight that moves first
    inside = follow(batches(half(gd, decay=0.5)), bowl, (1, 1), 1).weights[1] - [3, -1]
    steps = [0.1, 0.05] if first == 0 else [0.05, 0.1]
    assert inside == pytest.approx([-2 * (1 - 2 * steps[0]), 2 * (1 - 8 * steps[1])], rel=1e-14)
    around = follow(half(batches(gd), decay=0.5), bowl, (1, 1), 2).weights - [3, -1]
    assert around[1] == pytest.approx([-2 * 0.8, 2 * 0.2], rel=1e-14)
    assert around[2] == pytest.approx([-2 * 0.8 * 0.9, 2 * 0.2 * 0.6], rel=1e-14)


def test_clipping_inside_or_outside_applies_to_every_batch(bowl):
    """Clipping outside mini-batches clips the gradients of the batches, as clipping inside does."""
    gd, clip, batches = OPTIMIZERS["gd"](step=0.1), WRAPPERS["clip-value"], WRAPPERS["mini-batches"]
    inside = follow(batches(clip(gd, largest=2.5)), bowl, (1, 1), 3)
    around = follow(clip(batches(gd), largest=2.5), bowl, (1, 1), 3)
    assert inside.weights.tolist() == around.weights.tolist()
    assert inside.weights[1] == pytest.approx([1.25, 0.75], rel=1e-14)


@pytest.mark.parametrize("name", [name for name in PROBLEMS if name != "perceptron"])
def test_rejects_a_problem_without_data(name):
    with pytest.raises(ValueError, match="mini-batches") as refusal:
        follow(wrapped("gd"), PROBLEMS[name](), (1, 1), 1)
    assert str(refusal.value) == f"mini-batches requires a problem with data ({name} has none)"


def test_rejects_a_batch_larger_than_the_data(six_points):
    assert follow(wrapped("gd", batch_size=6), six_points, (1, 1), 1).epochs == 1
    with pytest.raises(ValueError, match="samples") as refusal:
        follow(wrapped("gd", batch_size=7), six_points, (1, 1), 1)
    assert str(refusal.value) == "7 exceeds the number of samples, 6"


def test_rejects_incompatible_inner_optimizers():
    for rule in (name for name, rule in OPTIMIZERS.items() if rule.recalls):
        with pytest.raises(ValueError, match="mini-batches") as refusal:
            wrapped(rule)
        assert str(refusal.value) == (
            f"mini-batches: {rule} reuses values from its last epoch, which do not apply to the next batch"
        )
    with pytest.raises(ValueError, match="nested") as refusal:
        WRAPPERS["mini-batches"](WRAPPERS["cosine"](wrapped("gd")))
    assert str(refusal.value) == "mini-batches: mini-batches cannot be nested"
