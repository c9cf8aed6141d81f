"""Observe on a small problem what an update rule does with memory."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bpviz.engine.loop import with_array_settings
from bpviz.engine.oracle import CountingOracle
from bpviz.numerics import linalg
from bpviz.problems.datasets import Dataset
from bpviz.problems.perceptron import Perceptron

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from bpviz.declare import Array, Optimizer, Problem


class Observation(NamedTuple):
    """The elements of a rule's state for one run, whether it forms JᵀJ, and how many samples it evaluates at a time."""

    state: int
    gram: bool
    samples: int


def observed(optimizer: Optimizer, params: int, samples: int) -> Observation:
    """Return what a rule does in its first epoch on a perceptron with some weights and samples."""
    row = tuple(1.0 + number for number in range(params))
    problem: Any = Perceptron(dataset=Dataset("observed", (row,) * samples, (0.0,) * samples, ("x",) * params))
    oracle, rule, w = _Observer(problem), with_array_settings(optimizer, {}), linalg.block(np.ones((1, params)))
    f = oracle.for_rules()
    with np.errstate(all="ignore"):
        state = rule.begin(w, f)
        with contextlib.suppress(_EnoughError):
            rule.advance(w, state, f)
    distinct = {id(array): array.size for array in _arrays(state)}
    return Observation(sum(distinct.values()), oracle.seen.gram, oracle.seen.samples or samples)


def _arrays(state: Any) -> Iterator[Array]:
    if isinstance(state, tuple):
        for part in state:
            yield from _arrays(part)
    else:
        yield state


class _EnoughError(Exception):
    """Ends an epoch after its first mini-batch."""


class _Seen:
    """What an oracle and those for parts of its data were asked for."""

    gram = False
    samples = 0  # of a part of the data; 0 for all


class _Observer(CountingOracle):
    """An oracle for one run that notes what a rule asks for."""

    def __init__(self, problem: Problem, seen: _Seen | None = None) -> None:
        super().__init__(problem, 1)
        self.seen = _Seen() if seen is None else seen

    def gram(self, matrix: Array) -> Array:
        self.seen.gram = True
        return linalg.gram(matrix)

    def part(self, samples: npt.NDArray[np.int64]) -> CountingOracle:
        if self.seen.samples:
            raise _EnoughError
        self.seen.samples = len(samples)
        return super().part(samples)

    def _oracle_for(self, problem: Problem) -> CountingOracle:
        return _Observer(problem, self.seen)
