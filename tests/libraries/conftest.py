"""Fixtures for the tests of library optimizers: problems as plain functions, and bitwise comparisons of runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from bpviz.declare import KINDS, OPTIMIZERS, PROBLEMS, Optimizer, Problem
from bpviz.engine.loop import iterate
from bpviz.engine.oracle import CountingOracle
from bpviz.engine.results import Trajectory, record
from bpviz.numerics import linalg
from bpviz.problems.datasets import Dataset
from bpviz.problems.perceptron import Perceptron

STARTS = {
    "perceptron": [(-4.0, -4.0), (-6.0, 2.0), (3.0, -2.0)],
    "rosenbrock": [(-1.2, 1.0)],
    "beale": [(1.0, 1.5)],
    "rastrigin": [(2.1, -1.7)],
}


class CountedProblem:
    """A problem as functions of one vector, as libraries use it, with counts of the evaluations."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self.counts = dict.fromkeys(KINDS, 0)

    def _evaluate(self, kind: str, x: Any) -> Any:
        self.counts[kind] += 1
        with np.errstate(all="ignore"):
            return getattr(self._problem.at(linalg.block([x])), kind)()[0]

    def error(self, x: Any) -> float:
        return float(self._evaluate("error", x))

    def gradient(self, x: Any) -> Any:
        return np.array(self._evaluate("gradient", x))

    def hessian(self, x: Any) -> Any:
        return np.array(self._evaluate("hessian", x))

    def evaluation_counts(self) -> list[int]:
        return list(self.counts.values())


@pytest.fixture
def counted_problem() -> type[CountedProblem]:
    return CountedProblem


@pytest.fixture
def problem_starts() -> list[tuple[str, tuple[float, float]]]:
    """Return pairs of a problem and a start."""
    return [(name, start) for name, starts in STARTS.items() for start in starts]


@pytest.fixture
def run_alone() -> Callable[..., Trajectory]:
    """Return a function that makes one run of an optimizer, given as a name or an instance."""

    def run_alone(
        optimizer: str | Optimizer, problem: str | Problem, start: Sequence[float], epochs: int
    ) -> Trajectory:
        rule = OPTIMIZERS[optimizer]() if isinstance(optimizer, str) else optimizer
        on = PROBLEMS[problem]() if isinstance(problem, str) else problem
        return record(iterate(rule, on, [start], error_threshold=None, max_epochs=epochs))[0]

    return run_alone


def bits(run: Trajectory) -> tuple[Any, ...]:
    """Return all data of a run for comparison bit for bit; all NaNs are equal."""
    weights, errors = (np.where(np.isnan(a), np.nan, a) for a in (run.weights, run.errors))
    return weights.shape, weights.tobytes(), errors.tobytes(), run.counts.tobytes(), run.ending, run.why


@pytest.fixture
def check_late_entry(six_points: Problem) -> Callable[..., None]:
    """Return a function that compares runs that enter a block late with the same runs alone."""

    def check(optimizer: Optimizer) -> None:
        starts = [(-4.0, -4.0), (3.0, -2.0), (-1.0, 1.0), (0.5, 0.5), (-2.0, 4.0)]
        rest: dict[str, Any] = {"error_threshold": 0.15, "max_epochs": 60}
        alone = [record(iterate(optimizer, six_points, [start], **rest))[0] for start in starts]
        assert len({run.epochs for run in alone}) >= 3
        together = record(iterate(optimizer, six_points, starts, block=2, **rest))
        assert [bits(run) for run in together] == [bits(run) for run in alone]

    return check


@pytest.fixture
def move_weights(six_points: Problem) -> Callable[..., tuple[Any, Any, dict[int, str]]]:
    """Return a function that changes the weights between two epochs.

    The function returns the changed weights, the weights after the second epoch, and the messages.
    """

    def move_weights(optimizer: Optimizer) -> tuple[Any, Any, dict[int, str]]:
        f = CountingOracle(six_points, 2)
        w = linalg.block([(-4.0, -4.0), (3.0, -2.0)])
        with np.errstate(all="ignore"):
            w, state = optimizer.advance(w, optimizer.begin(w, f), f)
            elsewhere = w + 0.5
            after, _ = optimizer.advance(elsewhere, state, f)
        return elsewhere, after, f.why

    return move_weights


@pytest.fixture
def check_batch_invariance(six_points: Problem) -> Callable[..., None]:
    """Return a function that checks batch invariance: runs alone, together, in another order and in other blocks.

    With two weights and with nine, since the order of additions may differ in sums of eight or more numbers.
    """
    rng = np.random.default_rng(9)
    sample = Dataset("nine", (tuple(rng.normal(size=9).tolist()),), (0.8,), tuple(f"x{i}" for i in range(9)))

    def check(optimizer: Optimizer, epochs: int = 20, runs: int = 8) -> None:
        for problem, blocks in ((six_points, (None, 1, 3)), (Perceptron(dataset=sample), (3,))):
            _check(optimizer, problem, blocks, epochs, runs)

    return check


def _check(optimizer: Optimizer, problem: Problem, blocks: tuple[int | None, ...], epochs: int, runs: int) -> None:
    rng = np.random.default_rng(runs)
    starts = rng.normal(size=(runs, len(problem.weights))) * rng.choice([0.3, 2, 6], size=(runs, 1))
    starts[runs // 2], starts[runs // 3] = 1e153, 1e300
    order = rng.permutation(runs)
    with np.errstate(all="ignore"):
        errors = problem.at(linalg.block(starts)).error()
    rest: dict[str, Any] = {"error_threshold": float(np.quantile(errors, 0.2)), "max_epochs": epochs}
    alone = [bits(record(iterate(optimizer, problem, [start], **rest))[0]) for start in starts]
    for block in blocks:
        assert [bits(run) for run in record(iterate(optimizer, problem, starts, block=block, **rest))] == alone
    permuted = [bits(run) for run in record(iterate(optimizer, problem, starts[order], block=3, **rest))]
    assert permuted == [alone[i] for i in order]
    assert len({ending for *_, ending, _ in alone}) >= 2  # the runs differ
