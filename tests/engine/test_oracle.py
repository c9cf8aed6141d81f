"""Which evaluations the oracle counts for which runs, which answers it stores, and what rules are handed of it."""

from __future__ import annotations

import inspect
import re
import types

import numpy as np
import pytest

from bpviz import declare
from bpviz.declare import KINDS, OPTIMIZERS
from bpviz.declare.interfaces import Arithmetic
from bpviz.declare.restricted import NAMES, altered
from bpviz.engine.counts import counts_of_epochs
from bpviz.engine.loop import iterate
from bpviz.engine.oracle import CountingOracle
from bpviz.engine.results import record
from bpviz.problems.perceptron import Perceptron
from bpviz.wrappers._base import changed


def counts_by_run(oracle):
    """Return the evaluations of each run, as {kind: count} without the zeros."""
    rows = counts_of_epochs([oracle.block_counts()], [len(oracle.live)])
    return [{kind: n for kind, n in zip(KINDS, row, strict=True) if n} for row in rows.tolist()]


class Watched:
    """A problem that notes the number of runs of every pass, and the kind of every answer that is computed."""

    def __init__(self, problem):
        self.problem = problem
        self.name, self.weights, self.offers, self.width = problem.name, problem.weights, problem.offers, problem.width
        self.passes = []
        self.answers = []

    def at(self, w, spare=None):
        self.passes.append(len(w))
        return WatchedPoint(self, self.problem.at(w, spare and spare.point))


class WatchedPoint:
    def __init__(self, watched, point):
        self.watched = watched
        self.point = point

    def __getattr__(self, kind):
        self.watched.answers.append(kind)
        return getattr(self.point, kind)


@pytest.fixture
def watched(six_points):
    return Watched(six_points)


@pytest.fixture
def w():
    return np.array([[-4.0, -4.0], [-1.2, 1.0], [2.0, 0.5]])


def test_every_kind_has_its_shape_and_is_counted(six_points, w):
    f = CountingOracle(six_points, 3)
    shapes = {kind: getattr(f, kind)(w).shape for kind in KINDS}
    assert shapes == {
        "error": (3, 1),
        "gradient": (3, 2),
        "hessian": (3, 2, 2),
        "residuals": (3, 6),
        "jacobian": (3, 6, 2),
    }
    assert counts_by_run(f) == [dict.fromkeys(KINDS, 1)] * 3


def test_one_pass_serves_all_kinds_at_one_array(watched, w):
    f = CountingOracle(watched, 3)
    first = f.gradient(w)
    assert f.gradient(w) is first
    f.error(w)
    f.hessian(w)
    f.error(w)
    assert watched.passes == [3]
    assert watched.answers == ["gradient", "error", "hessian"]
    assert counts_by_run(f) == [{"error": 1, "gradient": 1, "hessian": 1}] * 3


def test_another_array_is_a_new_pass_and_counts_again(watched, w):
    f = CountingOracle(watched, 3)
    f.gradient(w)
    f.gradient(w + 1)
    f.gradient(w.copy())
    assert watched.passes == [3, 3, 3]
    assert counts_by_run(f) == [{"gradient": 3}] * 3


def test_evaluations_of_the_loop_are_stored_but_not_counted(watched, w):
    f = CountingOracle(watched, 3)
    f.uncounted_errors(w)
    assert counts_by_run(f) == [{}] * 3
    f.gradient(w)
    error = f.error(w)  # stored for the loop, but counted for the rule
    assert counts_by_run(f) == [{"error": 1, "gradient": 1}] * 3
    assert watched.passes == [3]
    assert watched.answers == ["error", "gradient"]
    assert f.uncounted_errors(w).tolist() == error[:, 0].tolist()
    assert counts_by_run(f) == [{"error": 1, "gradient": 1}] * 3


def test_loop_uses_stored_evaluations(watched, w):
    f = CountingOracle(watched, 3)
    f.uncounted_errors(w)
    there = w + 1
    counted = f.error(there)
    assert f.uncounted_errors(there).tolist() == counted[:, 0].tolist()
    f.gradient(there)
    assert watched.passes == [3, 3]
    assert counts_by_run(f) == [{"error": 1, "gradient": 1}] * 3


def test_keeps_evaluations_of_the_loop_during_a_trial(watched, w):
    """A rule may evaluate at other weights and come back, as Nesterov's momentum does."""
    f = CountingOracle(watched, 3)
    f.uncounted_errors(w)
    here = f.gradient(w).copy()
    f.gradient(w + 1)
    assert f.gradient(w).tolist() == here.tolist()
    assert watched.passes == [3, 3]
    assert counts_by_run(f) == [{"gradient": 2}] * 3


def test_answers_do_not_change_later(six_points, w):
    """Work memory is reused, answers are not: a rule may keep a gradient for the next epoch."""
    f = CountingOracle(six_points, 3)
    kept = {kind: getattr(f, kind)(w) for kind in KINDS}
    copies = {kind: answer.copy() for kind, answer in kept.items()}
    for kind in KINDS:
        getattr(f, kind)(w + 1)
        getattr(f, kind)(w - 1)
        getattr(f, kind)(w, np.array([True, False, True]))
    for kind in KINDS:
        np.testing.assert_array_equal(kept[kind], copies[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_a_mask_evaluates_and_counts_its_runs_alone(kind, watched, w):
    f = CountingOracle(watched, 3)
    some = getattr(f, kind)(w, np.array([True, False, True]))
    assert watched.passes == [2]
    whole = getattr(f, kind)(w)
    np.testing.assert_array_equal(some[[0, 2]], whole[[0, 2]])
    assert np.isnan(some[1]).all()
    assert counts_by_run(f) == [{kind: 1}] * 3


ALL = None
FIRST, FIRST_TWO, LAST_TWO = (np.array(mask, dtype=bool) for mask in ([1, 0, 0], [1, 1, 0], [0, 1, 1]))


@pytest.mark.parametrize(
    "masks",
    [[ALL, FIRST], [FIRST, ALL], [FIRST, FIRST], [FIRST_TWO, LAST_TWO, ALL], [FIRST, FIRST_TWO, ALL, LAST_TWO, FIRST]],
)
@pytest.mark.parametrize("evaluated", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_an_evaluation_at_one_array_counts_once_per_run_with_any_masks(kind, evaluated, masks, six_points, w):
    """As for a run alone, where a mask has all runs or none. Evaluations at another array do not matter."""
    f = CountingOracle(six_points, 3)
    if evaluated:
        f.uncounted_errors(w)
    once = np.zeros(3, dtype=bool)
    for mask in masks:
        getattr(f, kind)(w, mask)
        once |= True if mask is None else mask
    assert counts_by_run(f) == [{kind: 1} if asked else {} for asked in once]
    there = w + 1
    getattr(f, kind)(there, FIRST)
    getattr(f, kind)(there)
    assert counts_by_run(f) == [{kind: 1 + asked} for asked in once]


def test_an_evaluation_of_all_runs_takes_back_only_its_own_part(six_points, w):
    f = CountingOracle(six_points, 3)
    for step in range(5):
        there = w + step
        f.error(there, FIRST)
    f.error(there)
    assert counts_by_run(f) == [{"error": 5}, {"error": 1}, {"error": 1}]


def test_an_empty_mask_evaluates_nothing(six_points, w):
    f = CountingOracle(six_points, 3)
    assert np.isnan(f.error(w, np.zeros(3, dtype=bool))).all()
    assert counts_by_run(f) == [{}] * 3


def test_ended_runs_are_not_evaluated_through_a_mask(watched, w):
    f = CountingOracle(watched, 3)
    f.live[0] = False
    assert np.isnan(f.error(w, np.ones(3, dtype=bool))[:, 0]).tolist() == [True, False, False]
    assert watched.passes == [2]
    assert counts_by_run(f) == [{}, {"error": 1}, {"error": 1}]


def test_taking_rows_keeps_their_counts(six_points, w):
    f = CountingOracle(six_points, 3)
    f.gradient(w)
    f.error(w, np.array([False, True, True]))
    f.take(np.array([True, False, True]))
    assert counts_by_run(f) == [{"gradient": 1}, {"gradient": 1, "error": 1}]
    f.gradient(w[[0, 2]])
    assert counts_by_run(f) == [{"gradient": 2}, {"gradient": 2, "error": 1}]


def test_joining_blocks_keeps_their_counts(six_points, w):
    old, fresh = CountingOracle(six_points, 3), CountingOracle(six_points, 1)
    old.gradient(w)
    old.gradient(w + 1)
    old.error(w, np.array([True, False, False]))
    fresh.hessian(w[:1])
    old.join(fresh)
    assert counts_by_run(old) == [{"error": 1, "gradient": 2}, {"gradient": 2}, {"gradient": 2}, {"hessian": 1}]
    assert old.live.tolist() == [True] * 4
    old.gradient(np.vstack([w, w[:1]]))
    assert counts_by_run(old) == [
        {"error": 1, "gradient": 3},
        {"gradient": 3},
        {"gradient": 3},
        {"gradient": 1, "hessian": 1},
    ]


def test_stored_answers_are_forgotten_when_rows_are_taken(six_points, w):
    f = CountingOracle(six_points, 3)
    f.gradient(w)
    f.take(np.array([True, True, True]))
    f.gradient(w)
    assert counts_by_run(f) == [{"gradient": 2}] * 3


def test_counts_of_one_epoch_do_not_change_later(six_points, w):
    f = CountingOracle(six_points, 3)
    f.error(w, np.array([True, False, False]))
    before = f.block_counts()
    f.error(w + 1, np.array([True, True, False]))
    f.gradient(w)
    assert counts_of_epochs([before], [3])[:, :2].tolist() == [[1, 0], [0, 0], [0, 0]]
    assert counts_of_epochs([before, f.block_counts()], [3, 3])[3:, :2].tolist() == [[2, 1], [1, 1], [0, 1]]


def test_stuck_runs_add_up(six_points):
    f = CountingOracle(six_points, 3)
    f.cannot_go_on(np.array([False, False, False]))
    assert f.stuck is None
    f.cannot_go_on(np.array([True, False, False]))
    f.cannot_go_on(np.array([False, False, True]))
    assert f.stuck.tolist() == [True, False, True]


# -- parts of the data -----------------------------------------------------------------------------------------------


def test_an_evaluation_on_part_of_the_data_counts_its_share_rounded_up(six_points, w):
    f = CountingOracle(six_points, 3)
    first, second = f.part(np.array([[0], [3]])), f.part(np.array([[1], [2], [4], [5]]))
    first.error(w)
    assert counts_by_run(f) == [{"error": 1}] * 3  # 2 of 6 samples
    first.error(w)
    second.error(w, FIRST)
    assert counts_by_run(f) == [{"error": 1}] * 3  # 6 of 6, or still 2 of 6
    second.error(w)
    assert counts_by_run(f) == [{"error": 1}] * 3
    first.gradient(w + 1)
    first.error(w + 1)
    f.gradient(w)
    assert counts_by_run(f) == [{"error": 2, "gradient": 2}] * 3


def test_a_part_of_a_part_counts_its_share_of_all_data(six_points, w):
    f = CountingOracle(six_points, 3)
    part = f.part(np.array([[0], [1], [2], [3]])).part(np.array([[0], [2]]))
    for step in range(3):
        part.gradient(w + step)
    assert counts_by_run(f) == [{"gradient": 1}] * 3
    part.gradient(w - 1)
    assert counts_by_run(f) == [{"gradient": 2}] * 3


def test_samples_are_counted_across_taking_and_joining(six_points, w):
    """Per run, to be rounded up in total."""
    f, fresh = CountingOracle(six_points, 3), CountingOracle(six_points, 1)
    half = np.array([[0], [1], [2]])
    f.part(half).error(w, LAST_TWO)
    f.take(np.array([0, 1]))
    fresh.gradient(w[:1])
    f.join(fresh)
    assert counts_by_run(f) == [{}, {"error": 1}, {"gradient": 1}]
    f.part(half).error(w)
    assert counts_by_run(f) == [{"error": 1}, {"error": 1}, {"error": 1, "gradient": 1}]
    f.part(half).error(w)
    assert counts_by_run(f) == [{"error": 1}, {"error": 2}, {"error": 1, "gradient": 1}]


def test_each_run_can_have_its_own_samples(six_points, w):
    """With a mask too, the runs that are evaluated have their own samples, not those of the first runs."""
    f = CountingOracle(six_points, 3)
    own = np.array([[0, 2, 4], [1, 3, 5]])
    part = f.part(own)
    for kind in KINDS:
        alone = [getattr(CountingOracle(six_points, 1).part(own[:, [i]]), kind)(w[[i]]) for i in range(3)]
        assert (getattr(part, kind)(w) == np.concatenate(alone)).all()
        assert (getattr(part, kind)(w + 0, LAST_TWO)[1:] == np.concatenate(alone[1:])).all()
        assert (getattr(f.part(own[:, [0]]), kind)(w, LAST_TWO)[2] != alone[2]).any()  # other samples, other values
    assert all(counts == dict.fromkeys(KINDS, 1) for counts in counts_by_run(f))


def test_problems_without_data_have_no_samples(landscape):
    assert CountingOracle(landscape(lambda w: w[:, 0], 1), 3).samples == 0


def test_stuck_runs_of_a_part_are_stuck(six_points):
    f = CountingOracle(six_points, 3)
    f.part(np.array([[0]])).cannot_go_on(FIRST, {0: "no step"})
    assert f.stuck.tolist() == [True, False, False]
    assert f.why == {0: "no step"}


@pytest.mark.parametrize("shape", [(2,), (1, 2), (1, 4), (1, 3, 1)])
def test_refuses_samples_of_another_shape(shape, six_points):
    said = re.escape(f"f.part takes samples (batch, 1) or (batch, 3), got {shape}")
    with pytest.raises(ValueError, match=said):
        CountingOracle(six_points, 3).part(np.zeros(shape, int))


# -- the object that rules are handed --------------------------------------------------------------------------------


def handed(six_points):
    """Return the objects that rules are handed, directly and by wrappers."""
    f = CountingOracle(six_points, 3).for_rules()
    return [f, f.part(np.array([[0]])), changed(f, {"gradient": lambda g, w: -g}), altered(f, {})]


def test_rules_are_handed_the_names_of_the_protocol_and_no_others(six_points):
    protocol = {name for kind in (declare.Oracle, Arithmetic) for name in vars(kind) if not name.startswith("_")}
    for f in handed(six_points):
        assert {name for name in dir(f) if not name.startswith("__")} == protocol == set(NAMES)
        for name in protocol:
            value = getattr(f, name)
            assert not isinstance(value, CountingOracle | Perceptron)
            assert not hasattr(value, "__self__")
            if isinstance(value, types.FunctionType):
                assert [attribute for attribute in dir(value) if not attribute.startswith("__")] == []


def test_rules_are_handed_functions_as_the_protocol_declares_them(six_points):
    """And so are the methods of the object that counts."""
    f = CountingOracle(six_points, 3)
    for name, declared in inspect.getmembers(declare.Oracle, inspect.isfunction):
        if not name.startswith("_"):
            expected = list(inspect.signature(declared).parameters)[1:]
            for oracle in (f, f.for_rules(), f.for_rules().part(np.array([[0]]))):
                assert list(inspect.signature(getattr(oracle, name)).parameters) == expected, name


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gradients", "f.gradients: unknown; did you mean gradient?"),
        ("grad", "f.grad: unknown; did you mean gradient?"),
        ("errors", "f.errors: unknown; did you mean error?"),
        ("loss", "f.loss: unknown; did you mean error?"),
        ("np", "f.np: unknown; did you mean xp?"),
        ("uncounted_errors", f"f.uncounted_errors: unknown; use one of {', '.join(NAMES)}"),
        ("problem", f"f.problem: unknown; use one of {', '.join(NAMES)}"),
    ],
)
def test_suggests_the_nearest_name(name, said, six_points):
    for f in handed(six_points):
        with pytest.raises(AttributeError) as caught:
            getattr(f, name)
        assert str(caught.value) == said
        assert not hasattr(f, name)


def test_what_rules_are_handed_cannot_be_changed(six_points):
    for f in handed(six_points):
        with pytest.raises(AttributeError, match=r"f\.error cannot be set; keep values in the state"):
            f.error = f.gradient
        with pytest.raises(AttributeError, match=r"f\.memory cannot be set"):
            f.memory = 1
        with pytest.raises(AttributeError, match=r"f\.error cannot be deleted"):
            del f.error
        with pytest.raises(ValueError, match="read-only"):
            f.live[0] = False


def test_evaluations_through_it_are_counted(six_points, w):
    f = CountingOracle(six_points, 3)
    rules = f.for_rules()
    for kind in KINDS:
        assert (getattr(rules, kind)(w) == getattr(CountingOracle(six_points, 3), kind)(w)).all()
        assert np.isnan(getattr(rules, kind)(w + 1, LAST_TWO)[0]).all()
    assert counts_by_run(f) == [dict.fromkeys(KINDS, 1), dict.fromkeys(KINDS, 2), dict.fromkeys(KINDS, 2)]
    rules.part(np.array([[0]])).error(w)
    rules.cannot_go_on(FIRST, {0: "no step"})
    assert [counts["error"] for counts in counts_by_run(f)] == [2, 3, 3]
    assert f.why == {0: "no step"}
    assert rules.samples == 6
    assert rules.part(np.array([[0], [2]])).samples == 2


@pytest.mark.usefixtures("forgotten")
def test_rules_see_which_runs_are_live(six_points):
    """In whichever order runs end, are dropped from the block and are replaced."""
    seen = []

    @declare.optimizer("noting", needs="gradient")
    class Noting:
        def begin(self, w, f):
            return ()

        def advance(self, w, state, f):
            seen.append((len(w), f.live.tolist()))
            f.cannot_go_on(w[:, 0] <= 1)
            return w - 1, state

    starts = [(1.0, 0.0), (2.0, 0.0), (3.0, 0.0), (2.0, 0.0), (1.0, 0.0)]
    runs = record(iterate(Noting(), six_points, starts, error_threshold=None, max_epochs=9, block=3))
    assert [run.epochs for run in runs] == [1, 2, 3, 2, 1]
    assert all(len(live) == rows and any(live) for rows, live in seen)
    assert sum(sum(live) for _, live in seen) == 9


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_pass_is_for_the_loop_or_counted(name, watched):
    """In a complete run. An evaluation that the loop and the rule both need is one pass."""
    (run,) = record(iterate(OPTIMIZERS[name](), watched, [(-4, -4)], error_threshold=None, max_epochs=10))
    looks = run.epochs + 1
    assert looks <= len(watched.passes) <= looks + max(run.evaluations.values())
    assert watched.answers.count("gradient") == run.evaluations["gradient"]
    assert watched.answers.count("hessian") == run.evaluations["hessian"]


@pytest.mark.parametrize("name", ["gd", "momentum", "adam", "rprop", "irprop+", "newton"])
def test_the_pass_of_the_loop_serves_a_rule_that_evaluates_at_its_weights(name, watched):
    (run,) = record(iterate(OPTIMIZERS[name](), watched, [(-4, -4)], error_threshold=None, max_epochs=10))
    assert len(watched.passes) == run.epochs + 1
