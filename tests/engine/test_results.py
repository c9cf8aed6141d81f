"""Trajectories and summaries of the same epochs agree."""

from __future__ import annotations

import copy
import itertools
import re
import tracemalloc
from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import pytest

from bpviz.declare import KINDS, OPTIMIZERS
from bpviz.engine import results as recording
from bpviz.engine.loop import iterate
from bpviz.engine.results import (
    ENDINGS,
    Ending,
    Epoch,
    Results,
    Run,
    Summary,
    TooLongError,
    Trajectory,
    record,
    summarize,
)

STARTS = [(-4, -4), (2.6, -3.5), (-1.2, 1), (1e200, 1), (5, 5), (0.3, -0.2), (-6, 2)]


@pytest.mark.parametrize(("name", "block"), list(zip(OPTIMIZERS, itertools.cycle([None, 1, 3]))))
def test_summary_has_the_last_epoch_of_each_trajectory(name, block, six_points):
    def epochs():
        return iterate(OPTIMIZERS[name](), six_points, STARTS, error_threshold=0.125, max_epochs=30, block=block)

    trajectories, summary = record(epochs()), summarize(epochs(), len(STARTS), 2)
    assert summary.epochs.tolist() == [t.epochs for t in trajectories]
    assert [ENDINGS[e] for e in summary.endings] == [t.ending for t in trajectories]
    np.testing.assert_array_equal(summary.weights, [t.weights[-1] for t in trajectories])
    np.testing.assert_array_equal(summary.errors, [t.errors[-1] for t in trajectories])
    np.testing.assert_array_equal(summary.counts, [t.counts[-1] for t in trajectories])


def test_trajectory_has_the_start_and_every_epoch(six_points, follow):
    run = follow("irprop+", six_points, (-4, -4), error_threshold=0.125)
    assert run.epochs == 17
    assert run.weights.shape == (18, 2)
    assert run.errors.shape == (18,)
    assert run.counts.shape == (18, len(KINDS))
    assert run.weights[0].tolist() == [-4, -4]
    assert run.final_error == run.errors[-1]
    assert type(run.final_error) is float
    assert run.counts[:, 0].tolist() == run.counts[:, 1].tolist() == list(range(18))
    assert run.evaluations == {"error": 17, "gradient": 17, "hessian": 0, "residuals": 0, "jacobian": 0}
    assert all(type(count) is int for count in run.evaluations.values())


def test_errors_are_those_of_the_weights_in_the_same_row(six_points, follow, plain):
    run = follow("adam", six_points, (-1.2, 1), step=0.3, max_epochs=20)
    assert run.errors == pytest.approx([plain(six_points).error(w) for w in run.weights], rel=1e-13)


def test_endings_have_a_word_and_a_sentence():
    assert {e.word: e.value for e in Ending} == {
        "reached": "reached the error threshold",
        "level": "reached the gradient threshold",
        "diverged": "diverged (non-finite error or weights)",
        "exhausted": "reached max_epochs",
        "stuck": "stuck: no step reduces the error",
    }


def test_documentation_lists_all_endings():
    text = (Path(__file__).parents[2] / "docs" / "outputs.md").read_text(encoding="utf-8")
    table = dict(re.findall(r"^\| `(\w+)` \| ([^|;]+?)(?:;[^|]*)? \|$", text.partition("## Endings")[2], re.MULTILINE))
    assert table == {e.word: e.value for e in Ending}


def test_short_endings_omit_the_explanation():
    assert {e.word: e.short for e in Ending} == {
        "reached": "reached the error threshold",
        "level": "reached the gradient threshold",
        "diverged": "diverged",
        "exhausted": "reached max_epochs",
        "stuck": "stuck",
    }


def test_no_runs_give_empty_results():
    assert record([]) == []
    summary = summarize([], 0, 2)
    assert summary.weights.shape == (0, 2)


def one_run(label="A", ending=Ending.REACHED):
    """Return a run of one epoch."""
    counts = np.array([[0] * 5, [1, 1, 0, 0, 0]])
    trajectory = Trajectory(np.array([[1.0], [2.0]]), np.array([9.0, 4.0]), counts, ending)
    return Run("gd", label, {"step": 0.1}, (1.0,), trajectory)


def test_run_has_the_values_of_its_trajectory():
    run = one_run()
    assert run.weights.tolist() == [[1], [2]]
    assert run.errors.tolist() == [9, 4]
    assert run.counts.tolist() == [[0] * 5, [1, 1, 0, 0, 0]]
    assert (run.epochs, run.final_error, run.ending) == (1, 4, Ending.REACHED)
    assert run.evaluations == {"error": 1, "gradient": 1, "hessian": 0, "residuals": 0, "jacobian": 0}


def test_finds_the_runs_of_an_algorithm_by_label():
    runs = [one_run("A"), one_run("B"), one_run("A")]
    results = Results("Title", ("w1",), None, runs)
    assert results.of("A") == [runs[0], runs[2]]
    assert results.of("C") == []


@pytest.mark.parametrize(
    ("error", "gradient", "successes"),
    [
        (None, None, {Ending.EXHAUSTED}),  # without a threshold, a run is meant to use all epochs
        (0.1, None, {Ending.REACHED, Ending.LEVEL}),
        (None, 0.1, {Ending.REACHED, Ending.LEVEL}),
        (0.1, 0.1, {Ending.REACHED, Ending.LEVEL}),
    ],
)
def test_run_succeeds_at_a_threshold_or_at_max_epochs_without_one(error, gradient, successes):
    results = Results("Title", ("w1",), error, [], gradient)
    assert results.has_no_threshold is (error is None and gradient is None)
    assert {ending for ending in Ending if results.succeeded(one_run(ending=ending))} == successes


def test_results_cannot_be_set_and_are_compared_by_identity():
    """Arrays have no truth value, so a comparison by value would raise an error."""
    run = one_run()
    for one in (run.trajectory, run, Results("Title", ("w1",), None, [run]), summarize([], 0, 2)):
        assert isinstance(one, Trajectory | Run | Results | Summary)
        name = next(iter(vars(one)))
        with pytest.raises(FrozenInstanceError):
            setattr(one, name, None)
        assert len({one, copy.copy(one)}) == 2
        assert one != copy.copy(one)


def test_only_stuck_runs_have_a_reason():
    """A run can reach the threshold in the epoch in which the rule gives up."""
    bill = ((0, 0, 0, 0, 0), {})
    column = np.zeros((2, 1))
    endings = np.array([ENDINGS.index(Ending.STUCK), ENDINGS.index(Ending.REACHED)])
    ended = (np.array([0, 1]), endings)
    epoch = Epoch(np.arange(2), 0, np.zeros(2, int), column, column[:, 0], bill, ended, {0: "why", 1: "no matter"})
    assert [trajectory.why for trajectory in record([epoch])] == ["why", ""]


@pytest.mark.parametrize("block", [None, 2])
def test_trajectories_do_not_depend_on_the_parts_in_which_epochs_are_recorded(block, six_points, monkeypatch):
    def recorded():
        return record(
            iterate(OPTIMIZERS["newton"](), six_points, STARTS, error_threshold=0.1, max_epochs=30, block=block)
        )

    whole = recorded()
    monkeypatch.setattr(recording, "_EPOCHS_PER_PART", 3)
    assert len({trajectory.epochs for trajectory in whole}) > 2
    for one, other in zip(whole, recorded(), strict=True):
        assert (one.ending, one.why) == (other.ending, other.why)
        for name in ("weights", "errors", "counts"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_recording_takes_little_more_memory_than_the_numbers(six_points):
    """An epoch of one run has eight numbers, 64 bytes; its objects take ten times as much."""

    def epochs(number):
        return iterate(OPTIMIZERS["gd"](), six_points, [(-4, -4)], error_threshold=None, max_epochs=number)

    record(epochs(10))  # imports what is needed
    tracemalloc.start()
    (run,) = record(epochs(30_000))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert run.epochs == 30_000
    assert most < 2 * 64 * 30_000 + 4_000_000


def test_recording_ends_where_trajectories_have_too_many_numbers(six_points):
    """An epoch of two runs has sixteen numbers."""

    def epochs(most_epochs):
        starts = [(-4, -4), (5, 5)]
        return iterate(OPTIMIZERS["gd"](), six_points, starts, error_threshold=None, max_epochs=most_epochs)

    assert len(record(epochs(99), most=1600)) == 2
    with pytest.raises(TooLongError) as caught:
        record(epochs(100), most=1600)
    assert caught.value.epoch == 100
    with pytest.raises(TooLongError):  # in time
        record(epochs(10**12), most=1600)
