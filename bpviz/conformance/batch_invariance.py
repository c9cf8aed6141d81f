"""Checks that one run equals many."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bpviz import declare
from bpviz.conformance.fixtures import SHAPES, Findings, starts_for, threshold_for, with_settings
from bpviz.declare.domains import Interval
from bpviz.engine.loop import march
from bpviz.engine.results import Trajectory, record

if TYPE_CHECKING:
    import numpy.typing as npt

    from bpviz.declare import Optimizer, Problem


def bits(run: Trajectory) -> tuple[object, ...]:
    """Return everything about a run, to be compared bit for bit; any NaN is as good as another."""
    weights, errors = (np.where(np.isnan(a), np.nan, a) for a in (run.weights, run.errors))
    return weights.shape, weights.tobytes(), errors.tobytes(), run.counts.tobytes(), run.ending


def alone(rule: Optimizer, problem: Problem, starts: npt.ArrayLike, **rest: Any) -> list[Trajectory]:
    """Return what each start gives by itself."""
    return [run for start in np.asarray(starts) for run in record(march(rule, problem, [start], **rest))]


def together(rule: Optimizer, problem: Problem, starts: npt.ArrayLike, **rest: Any) -> list[Trajectory]:
    """Return what the starts give in one march."""
    return record(march(rule, problem, starts, **rest))


def _unequal(what: str, runs: Sequence[Trajectory], expected: Sequence[Trajectory]) -> Findings:
    """Yield a sentence if runs are not bit for bit what they are alone: about the first of them."""
    for number, (run, own) in enumerate(zip(runs, expected, strict=True)):
        if bits(run) != bits(own):
            yield f"{what}, run {number + 1} is not what it is alone: {_how(run, own)}"
            return


def _how(run: Trajectory, own: Trajectory) -> str:
    for epoch, (w, v) in enumerate(zip(run.weights, own.weights, strict=False)):
        if not np.array_equal(w, v, equal_nan=True):
            return f"at epoch {epoch} its weights are {w.tolist()}, not {v.tolist()}"
    if run.epochs != own.epochs:
        return f"it has {run.epochs} epochs, not {own.epochs}"
    if run.ending is not own.ending:
        return f"it {run.ending.value}, and alone it {own.ending.value}"
    return f"it is charged {run.evaluations}, not {own.evaluations}"


def one_equals_many(rule: Optimizer, problem: Problem) -> Findings:
    """Runs in blocks of every size and in another order are what they are alone."""
    if declare.unsuitable(rule, problem):
        return
    starts = starts_for(problem)
    rest: dict[str, Any] = {"error_threshold": threshold_for(problem, starts), "max_epochs": 20}
    expected = alone(rule, problem, starts, **rest)
    for block in (None, 1, 2, 3, 7, 8, 1000):
        yield from _unequal(
            f"in blocks of {block or 'all'}", together(rule, problem, starts, block=block, **rest), expected
        )
    order = np.random.default_rng(0).permutation(len(starts))
    permuted = together(rule, problem, starts[order], block=7, **rest)
    yield from _unequal("in another order", permuted, [expected[i] for i in order])


def one_equals_many_here(rule: Optimizer, problem: Problem) -> Findings:
    """The same in short, to be asked of many problems."""
    if declare.unsuitable(rule, problem):
        return
    starts = starts_for(problem, runs=9)
    rest: dict[str, Any] = {"error_threshold": threshold_for(problem, starts), "max_epochs": 12}
    yield from _unequal(
        "in blocks of 4", together(rule, problem, starts, block=4, **rest), alone(rule, problem, starts, **rest)
    )


def a_thousand_runs(rule: Optimizer) -> Findings:
    """The first, the last and one in the middle of a thousand are what they are alone."""
    problem = SHAPES["6 x 2"]
    starts = np.random.default_rng(7).uniform(-6, 6, size=(1000, 2))
    rest: dict[str, Any] = {"error_threshold": 0.125, "max_epochs": 25}
    few = [0, 501, 999]
    many = together(rule, problem, starts, **rest)
    yield from _unequal("among a thousand", [many[i] for i in few], alone(rule, problem, starts[few], **rest))


def varied_settings(rule: Optimizer, runs: int) -> list[dict[str, float]]:
    """Return hyperparameters for each run, drawn from multiples of the rule's that their domains allow."""
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
        except ValueError:  # values that are fine alone but not together
            continue
        drawn.append(settings)
    return drawn


def one_equals_many_with_its_own_hyperparameters(rule: Optimizer, problem: Problem) -> Findings:
    """``varied`` gives every run its own numbers: the same as a rule made with them, run alone."""
    if declare.unsuitable(rule, problem):
        return
    starts = starts_for(problem)
    drawn = varied_settings(rule, len(starts))
    rest: dict[str, Any] = {"error_threshold": threshold_for(problem, starts), "max_epochs": 20}
    expected = [
        run
        for settings, start in zip(drawn, starts, strict=True)
        for run in alone(with_settings(rule, **settings), problem, [start], **rest)
    ]
    varied = {field: np.array([settings[field] for settings in drawn]) for field in drawn[0]}
    for block in (None, 5, 8):
        runs = together(rule, problem, starts, varied=varied, block=block, **rest)
        yield from _unequal(f"with hyperparameters of its own, in blocks of {block or 'all'}", runs, expected)
