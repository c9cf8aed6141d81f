"""Trajectories and summaries of the same epochs agree."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
import pytest

from bpviz.declare import KINDS, OPTIMIZERS
from bpviz.engine.loop import iterate
from bpviz.engine.results import ENDINGS, Ending, record, summarize

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
