"""The oracle: who pays for what, and what is answered from memory."""

from __future__ import annotations

import numpy as np
import pytest

from bpviz.declare import KINDS, OPTIMIZERS
from bpviz.engine.counts import bills
from bpviz.engine.loop import march
from bpviz.engine.oracle import Oracle
from bpviz.engine.results import record


def paid(oracle):
    """Return each run's bill, as {kind: count} without the zeros."""
    rows = bills([oracle.bill()], [len(oracle.live)])
    return [{kind: n for kind, n in zip(KINDS, row, strict=True) if n} for row in rows.tolist()]


class Watched:
    """A problem that notes every pass made through it and every answer computed, with the number of runs."""

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


def test_every_kind_is_answered_in_its_shape_and_billed(six_points, w):
    f = Oracle(six_points, 3)
    shapes = {kind: getattr(f, kind)(w).shape for kind in KINDS}
    assert shapes == {
        "error": (3, 1),
        "gradient": (3, 2),
        "hessian": (3, 2, 2),
        "residuals": (3, 6),
        "jacobian": (3, 6, 2),
    }
    assert paid(f) == [dict.fromkeys(KINDS, 1)] * 3


def test_one_pass_serves_all_questions_at_one_array(watched, w):
    f = Oracle(watched, 3)
    first = f.gradient(w)
    assert f.gradient(w) is first
    f.error(w)
    f.hessian(w)
    f.error(w)
    assert watched.passes == [3]
    assert watched.answers == ["gradient", "error", "hessian"]
    assert paid(f) == [{"error": 1, "gradient": 1, "hessian": 1}] * 3


def test_asking_elsewhere_is_a_new_pass_and_a_new_bill(watched, w):
    f = Oracle(watched, 3)
    f.gradient(w)
    f.gradient(w + 1)
    f.gradient(w.copy())
    assert watched.passes == [3, 3, 3]
    assert paid(f) == [{"gradient": 3}] * 3


def test_a_look_is_free_and_its_pass_is_used(watched, w):
    f = Oracle(watched, 3)
    f.look(w)
    assert paid(f) == [{}] * 3
    f.gradient(w)
    error = f.error(w)  # known from the look, but the rule that asks pays
    assert paid(f) == [{"error": 1, "gradient": 1}] * 3
    assert watched.passes == [3]
    assert watched.answers == ["error", "gradient"]
    assert f.look(w).tolist() == error[:, 0].tolist()
    assert paid(f) == [{"error": 1, "gradient": 1}] * 3


def test_a_look_where_the_rule_has_asked_already_costs_no_pass(watched, w):
    f = Oracle(watched, 3)
    f.look(w)
    there = w + 1
    paid_for = f.error(there)
    assert f.look(there).tolist() == paid_for[:, 0].tolist()
    f.gradient(there)
    assert watched.passes == [3, 3]
    assert paid(f) == [{"error": 1, "gradient": 1}] * 3


def test_the_look_s_pass_survives_one_trial_elsewhere(watched, w):
    """A rule may ask ahead and come back: Nesterov's gradient is elsewhere, and the next may be here."""
    f = Oracle(watched, 3)
    f.look(w)
    here = f.gradient(w).copy()
    f.gradient(w + 1)
    assert f.gradient(w).tolist() == here.tolist()
    assert watched.passes == [3, 3]
    assert paid(f) == [{"gradient": 2}] * 3


def test_answers_stay_what_they_were(six_points, w):
    """Work memory is used again, answers are not: keeping a gradient for the next epoch is safe."""
    f = Oracle(six_points, 3)
    kept = {kind: getattr(f, kind)(w) for kind in KINDS}
    copies = {kind: answer.copy() for kind, answer in kept.items()}
    for kind in KINDS:
        getattr(f, kind)(w + 1)
        getattr(f, kind)(w - 1)
        getattr(f, kind)(w, np.array([True, False, True]))
    for kind in KINDS:
        np.testing.assert_array_equal(kept[kind], copies[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_a_mask_evaluates_and_bills_its_runs_alone(kind, watched, w):
    f = Oracle(watched, 3)
    some = getattr(f, kind)(w, np.array([True, False, True]))
    assert watched.passes == [2]
    whole = getattr(f, kind)(w)
    np.testing.assert_array_equal(some[[0, 2]], whole[[0, 2]])
    assert np.isnan(some[1]).all()
    assert paid(f) == [{kind: 1}] * 3


ALL = None
FIRST, FIRST_TWO, LAST_TWO = (np.array(mask, dtype=bool) for mask in ([1, 0, 0], [1, 1, 0], [0, 1, 1]))


@pytest.mark.parametrize(
    "masks",
    [[ALL, FIRST], [FIRST, ALL], [FIRST, FIRST], [FIRST_TWO, LAST_TWO, ALL], [FIRST, FIRST_TWO, ALL, LAST_TWO, FIRST]],
)
@pytest.mark.parametrize("looked", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_run_pays_once_at_a_place_however_its_neighbours_are_asked(kind, looked, masks, six_points, w):
    """As it would alone, where a mask is everybody or nobody. Another place in between is none of its business."""
    f = Oracle(six_points, 3)
    if looked:
        f.look(w)
    once = np.zeros(3, dtype=bool)
    for mask in masks:
        getattr(f, kind)(w, mask)
        once |= True if mask is None else mask
    assert paid(f) == [{kind: 1} if asked else {} for asked in once]
    there = w + 1
    getattr(f, kind)(there, FIRST)
    getattr(f, kind)(there)
    assert paid(f) == [{kind: 1 + asked} for asked in once]


def test_an_empty_mask_asks_nothing_of_anybody(six_points, w):
    f = Oracle(six_points, 3)
    assert np.isnan(f.error(w, np.zeros(3, dtype=bool))).all()
    assert paid(f) == [{}] * 3


def test_ended_runs_are_not_evaluated_through_a_mask(watched, w):
    f = Oracle(watched, 3)
    f.live[0] = False
    assert np.isnan(f.error(w, np.ones(3, dtype=bool))[:, 0]).tolist() == [True, False, False]
    assert watched.passes == [2]
    assert paid(f) == [{}, {"error": 1}, {"error": 1}]


def test_taking_rows_keeps_their_bills(six_points, w):
    f = Oracle(six_points, 3)
    f.gradient(w)
    f.error(w, np.array([False, True, True]))
    f.take(np.array([True, False, True]))
    assert paid(f) == [{"gradient": 1}, {"gradient": 1, "error": 1}]
    f.gradient(w[[0, 2]])
    assert paid(f) == [{"gradient": 2}, {"gradient": 2, "error": 1}]


def test_joining_blocks_keep_their_bills(six_points, w):
    old, fresh = Oracle(six_points, 3), Oracle(six_points, 1)
    old.gradient(w)
    old.gradient(w + 1)
    old.error(w, np.array([True, False, False]))
    fresh.hessian(w[:1])
    old.join(fresh)
    assert paid(old) == [{"error": 1, "gradient": 2}, {"gradient": 2}, {"gradient": 2}, {"hessian": 1}]
    assert old.live.tolist() == [True] * 4
    old.gradient(np.vstack([w, w[:1]]))
    assert paid(old) == [{"error": 1, "gradient": 3}, {"gradient": 3}, {"gradient": 3}, {"gradient": 1, "hessian": 1}]


def test_after_taking_and_joining_nothing_old_is_answered(six_points, w):
    f = Oracle(six_points, 3)
    f.gradient(w)
    f.take(np.array([True, True, True]))
    f.gradient(w)
    assert paid(f) == [{"gradient": 2}] * 3


def test_a_bill_is_of_its_moment(six_points, w):
    f = Oracle(six_points, 3)
    f.error(w, np.array([True, False, False]))
    before = f.bill()
    f.error(w + 1, np.array([True, True, False]))
    f.gradient(w)
    assert bills([before], [3])[:, :2].tolist() == [[1, 0], [0, 0], [0, 0]]
    assert bills([before, f.bill()], [3, 3])[3:, :2].tolist() == [[2, 1], [1, 1], [0, 1]]


def test_runs_that_cannot_go_on_are_gathered(six_points):
    f = Oracle(six_points, 3)
    f.cannot_go_on(np.array([False, False, False]))
    assert f.stuck is None
    f.cannot_go_on(np.array([True, False, False]))
    f.cannot_go_on(np.array([False, False, True]))
    assert f.stuck.tolist() == [True, False, True]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_no_pass_is_made_that_nobody_asked_for(name, watched):
    """Along a whole march: every pass is the judge's or on the bill, and what both ask is one pass."""
    (run,) = record(march(OPTIMIZERS[name](), watched, [(-4, -4)], error_threshold=None, max_epochs=10))
    looks = run.epochs + 1
    assert looks <= len(watched.passes) <= looks + max(run.evaluations.values())
    assert watched.answers.count("gradient") == run.evaluations["gradient"]
    assert watched.answers.count("hessian") == run.evaluations["hessian"]


@pytest.mark.parametrize("name", ["gd", "momentum", "adam", "rprop", "irprop+", "newton"])
def test_the_judge_s_pass_serves_a_rule_that_asks_where_it_stands(name, watched):
    (run,) = record(march(OPTIMIZERS[name](), watched, [(-4, -4)], error_threshold=None, max_epochs=10))
    assert len(watched.passes) == run.epochs + 1
