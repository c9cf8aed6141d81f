"""Checks that a run does not depend on the other runs in its block."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bpviz import declare
from bpviz.conformance.fixtures import SHAPES, Findings, starts_for, threshold_for, with_settings
from bpviz.declare.domains import Interval
from bpviz.engine.loop import iterate
from bpviz.engine.results import Trajectory, record

if TYPE_CHECKING:
    import numpy.typing as npt

    from bpviz.declare import Optimizer, Problem


def as_bytes(run: Trajectory) -> tuple[object, ...]:
    """Return everything about a run, for bitwise comparison. All NaNs are equal."""
    weights, errors = (np.where(np.isnan(a), np.nan, a) for a in (run.weights, run.errors))
    return weights.shape, weights.tobytes(), errors.tobytes(), run.counts.tobytes(), run.ending


def run_separately(rule: Optimizer, problem: Problem, starts: npt.ArrayLike, **rest: Any) -> list[Trajectory]:
    """Return the run of each start, each in a block of its own."""
    return [run for start in np.asarray(starts) for run in record(iterate(rule, problem, [start], **rest))]


def run_together(rule: Optimizer, problem: Problem, starts: npt.ArrayLike, **rest: Any) -> list[Trajectory]:
    """Return the runs of all starts, in common blocks."""
    return record(iterate(rule, problem, starts, **rest))


def _differences(case: str, runs: Sequence[Trajectory], expected: Sequence[Trajectory]) -> Findings:
    """Yield a sentence about the first run that is not bit for bit the expected one."""
    for number, (run, own) in enumerate(zip(runs, expected, strict=True)):
        if as_bytes(run) != as_bytes(own):
            what, got, wanted = _difference(run, own)
            yield f"{case}, run {number + 1}: {what} differ from those of the run alone (got {got}, expected {wanted})"
            return


def _difference(run: Trajectory, own: Trajectory) -> tuple[str, object, object]:
    """Return the name of the first part in which two runs differ, and the part of each."""
    for epoch, (w, v) in enumerate(zip(run.weights, own.weights, strict=False)):
        if not np.array_equal(w, v, equal_nan=True):
            return f"weights at epoch {epoch}", w.tolist(), v.tolist()
    if run.epochs != own.epochs:
        return "epochs", run.epochs, own.epochs
    if run.ending is not own.ending:
        return "endings", run.ending.word, own.ending.word
    return "evaluations", run.evaluations, own.evaluations


def runs_are_batch_invariant(rule: Optimizer, problem: Problem) -> Findings:
    """Check runs in blocks of several sizes and in another order, on one problem."""
    if declare.unsuitable(rule, problem):
        return
    starts = starts_for(problem)
    rest: dict[str, Any] = {"error_threshold": threshold_for(problem, starts), "max_epochs": 20}
    expected = run_separately(rule, problem, starts, **rest)
    for block in (None, 1, 2, 3, 7, 8, 1000):
        runs = run_together(rule, problem, starts, block=block, **rest)
        yield from _differences(_block_size(block), runs, expected)
    order = np.random.default_rng(0).permutation(len(starts))
    permuted = run_together(rule, problem, starts[order], block=7, **rest)
    yield from _differences("permuted starts", permuted, [expected[i] for i in order])


def runs_are_batch_invariant_briefly(rule: Optimizer, problem: Problem) -> Findings:
    """Check runs in blocks of one size, on one of many problems."""
    if declare.unsuitable(rule, problem):
        return
    starts = starts_for(problem, runs=9)
    rest: dict[str, Any] = {"error_threshold": threshold_for(problem, starts), "max_epochs": 12}
    runs = run_together(rule, problem, starts, block=4, **rest)
    yield from _differences(_block_size(4), runs, run_separately(rule, problem, starts, **rest))


def large_blocks_are_batch_invariant(rule: Optimizer) -> Findings:
    """Check the first, a middle and the last of 1000 runs."""
    problem = SHAPES["6 x 2"]
    starts = np.random.default_rng(7).uniform(-6, 6, size=(1000, 2))
    rest: dict[str, Any] = {"error_threshold": 0.125, "max_epochs": 25}
    few = [0, 501, 999]
    many = run_together(rule, problem, starts, **rest)
    expected = run_separately(rule, problem, starts[few], **rest)
    yield from _differences("1000 runs", [many[i] for i in few], expected)


def varied_settings(rule: Optimizer, runs: int) -> list[dict[str, float]]:
    """Return settings for each run: random multiples of the rule's own that their domains allow."""
    draw = random.Random(rule.name)
    choices = {
        field.name: [v for k in (0.1, 0.5, 0.9, 1, 1.1, 2, 1e6) if (v := getattr(rule, field.name) * k) in field.domain]
        for field in declare.fields(rule).values()
        if isinstance(field.domain, Interval) and not field.domain.integer
    }
    drawn: list[dict[str, float]] = []
    while len(drawn) < runs:
        settings = {field: draw.choice(values) for field, values in choices.items()}
        try:
            with_settings(rule, **settings)
        except ValueError:  # each value is valid, but their combination is not
            continue
        drawn.append(settings)
    return drawn


def varied_settings_are_batch_invariant(rule: Optimizer, problem: Problem) -> Findings:
    """Check runs whose settings differ within a block (``varied``) against rules with these settings, run alone."""
    if declare.unsuitable(rule, problem):
        return
    starts = starts_for(problem)
    drawn = varied_settings(rule, len(starts))
    rest: dict[str, Any] = {"error_threshold": threshold_for(problem, starts), "max_epochs": 20}
    expected = [
        run
        for settings, start in zip(drawn, starts, strict=True)
        for run in run_separately(with_settings(rule, **settings), problem, [start], **rest)
    ]
    varied = {field: np.array([settings[field] for settings in drawn]) for field in drawn[0]}
    for block in (None, 5, 8):
        runs = run_together(rule, problem, starts, varied=varied, block=block, **rest)
        yield from _differences(f"varied settings, {_block_size(block)}", runs, expected)


def _block_size(block: int | None) -> str:
    return f"block size {block or 'unlimited'}"
