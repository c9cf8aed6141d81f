"""Two rules beside each other, epoch by epoch: where they part, by how much, and how far that can be told.

Two texts of one rule round differently, and a run may amplify that until its path is an accident. So each rule is also
beside itself: run again with noise of the size of a few roundings, on where it asks and on what is answered. Within ten
times what that moves either of them they may differ; where it moves one by more than a ten-billionth, nothing can be
told any more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bpviz import declare
from bpviz.declare import PROBLEMS
from bpviz.engine.loop import march
from bpviz.engine.results import Trajectory, record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bpviz.declare import Array, Optimizer, Problem

EPOCHS = 300
EQUAL = 1e-12  # what two texts of one rule may differ by where roundoff does not grow
ACCIDENT = 1e-10  # from where noise has moved a run by more, its path tells nothing
LEAST = 10  # epochs over all runs, or nothing has been compared

_NOISE = 1e-15  # relative: some five roundings
_SEEDS = (1, 2, 3)
_SAFETY = 10  # times what noise does to a run
_AHEAD = 2  # epochs before the accident at which comparing ends
_HUGE = 1e100  # an error above is as good as infinite

COURSES: tuple[tuple[str, tuple[float, float]], ...] = (
    ("perceptron", (-4.0, -4.0)),
    ("perceptron", (-6.0, 2.0)),
    ("perceptron", (3.0, -2.0)),
    ("rosenbrock", (-1.2, 1.0)),
    ("beale", (1.0, 1.5)),  # at the usual (1, 1) a derivative is exactly 0, and one rounding decides its sign
    ("rastrigin", (2.1, -1.7)),
)
"""What is run: the published problem from three starts, and three of the classic test functions."""


class Beside(NamedTuple):
    """Two rules on one problem from one start.

    For ``epochs`` they are the same, as far as can be told; ``parts`` is the epoch at which they part, if they do.
    ``difference`` is that at this epoch, else the largest of all, as a part of the largest weight so far, and
    ``weight`` has it. ``roundoff`` is how far noise has moved either from itself by then. ``note`` says why there are
    no more epochs, if there might be.
    """

    problem: str
    start: tuple[float, float]
    epochs: int
    parts: int | None
    difference: float
    weight: str
    roundoff: float
    note: str

    @property
    def word(self) -> str:
        """For programs: ``part``, ``identical``, ``same`` or ``nothing to compare``."""
        if self.parts is not None:
            return "part"
        if not self.epochs:
            return "nothing to compare"
        return "same" if self.difference else "identical"


def side_by_side(one: Optimizer, other: Optimizer) -> list[Beside]:
    """Put two rules beside each other on every course."""
    return [_beside(one, other, PROBLEMS[name](), start) for name, start in COURSES]


def agree(compared: Sequence[Beside]) -> bool:
    """Tell whether two rules are the same as far as can be told, and enough could be compared."""
    return all(beside.parts is None for beside in compared) and sum(b.epochs for b in compared) >= LEAST


def _beside(one: Optimizer, other: Optimizer, problem: Problem, start: tuple[float, float]) -> Beside:
    for rule in (one, other):
        reason = declare.unsuitable(rule, problem)
        if reason:
            return Beside(problem.name, start, 0, None, 0.0, "", 0.0, reason)
    path, beside = _walk(one, problem, start), _walk(other, problem, start)
    rows = min(len(path.weights), len(beside.weights))
    apart = _apart(path.weights[:rows], beside.weights[:rows])
    moved = np.maximum(_moved(one, problem, path, rows), _moved(other, problem, beside, rows))
    told = int(np.count_nonzero(moved[np.minimum(np.arange(rows) + _AHEAD, rows - 1)] <= ACCIDENT))
    if not apart.any():
        told = rows  # the same to the last bit: what roundoff would do does not matter
    bounds = np.maximum(EQUAL, _SAFETY * moved)
    beyond = np.flatnonzero(~(apart.max(axis=1) <= bounds)[:told])
    if beyond.size:
        at = int(beyond[0])
        return _found(problem, start, apart, moved, at, parts=at)
    ends = f"{_ending(one, path)}, and {_ending(other, beside)}"
    if told == rows and len(path.weights) != len(beside.weights):
        return _found(problem, start, apart, moved, rows - 1, parts=rows, note=ends)
    if told < rows:
        return _found(problem, start, apart, moved, told - 1, note="then roundoff alone parts each from itself")
    return _found(problem, start, apart, moved, rows - 1, note="" if rows > EPOCHS else ends)


def _found(
    problem: Problem,
    start: tuple[float, float],
    apart: Array,
    moved: Array,
    last: int,
    *,
    parts: int | None = None,
    note: str = "",
) -> Beside:
    """Return what is found up to the epoch ``last``."""
    if last < 0:
        return Beside(problem.name, start, 0, None, 0.0, "", 0.0, note)
    seen = apart[: last + 1] if parts is None else apart[last : last + 1]
    _, weight = np.unravel_index(int(np.argmax(seen)), seen.shape)
    difference = float(seen.max())
    name = problem.weights[int(weight)] if difference else ""
    epochs = last if parts is None else parts - 1
    return Beside(problem.name, start, epochs, parts, difference, name, float(moved[last]), note)


class _Path(NamedTuple):
    """The weights of a run as long as its error is not huge, and how it ended."""

    weights: Array
    ending: str


def _walk(rule: Optimizer, problem: Any, start: tuple[float, float]) -> _Path:
    run = record(march(rule, problem, [start], error_threshold=None, max_epochs=EPOCHS))[0]
    return _Path(run.weights[: _sound(run)], run.ending.value)


def _sound(run: Trajectory) -> int:
    """Return how many epochs, with the start, have an error that is not huge."""
    huge = np.flatnonzero(~(run.errors <= _HUGE))
    return int(huge[0]) if huge.size else len(run.errors)


def _ending(rule: Optimizer, path: _Path) -> str:
    epochs = len(path.weights) - 1
    return f"{rule.name} {path.ending} after {epochs} {'epoch' if epochs == 1 else 'epochs'}"


def _apart(path: Array, other: Array) -> Array:
    """Return by how much each weight differs at each epoch ``(epochs, weights)``, as a part of the largest so far."""
    with np.errstate(all="ignore"):
        largest = np.maximum.accumulate(np.maximum(abs(path), abs(other)).max(axis=1))
        apart: Array = abs(other - path) / np.where(largest > 0, largest, 1.0)[:, None]
    return apart


def _moved(rule: Optimizer, problem: Problem, path: _Path, rows: int) -> Array:
    """Return how far noise has moved a rule from itself by each epoch ``(rows,)``; infinitely where it ends sooner."""
    moved = np.zeros(rows)
    for seed in _SEEDS:
        noisy = _walk(rule, _Noisy(problem, seed), (path.weights[0, 0], path.weights[0, 1])).weights
        both = min(rows, len(noisy))
        far = np.full(rows, math.inf)
        far[:both] = _apart(path.weights[:both], noisy[:both]).max(axis=1)
        moved = np.maximum(moved, far)
    answer: Array = np.maximum.accumulate(moved)
    return answer


class _Noisy:
    """A problem whose answers are off by a few roundings, and come from a place that is off by as much."""

    def __init__(self, problem: Problem, seed: int) -> None:
        self._problem = problem
        self._draw = np.random.default_rng(seed)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._problem, name)

    def rounded(self, a: Array) -> Array:
        off: Array = a * (1 + _NOISE * self._draw.uniform(-1, 1, a.shape))
        return off

    def at(self, w: Array, spare: Any = None) -> _NoisyPoint:
        return _NoisyPoint(self, self._problem.at(self.rounded(w), spare.point if spare else None))


@dataclass(frozen=True)
class _NoisyPoint:
    problem: _Noisy
    point: Any

    def error(self) -> Array:
        return self.problem.rounded(self.point.error())

    def gradient(self) -> Array:
        return self.problem.rounded(self.point.gradient())

    def hessian(self) -> Array:
        return self.problem.rounded(self.point.hessian())

    def residuals(self) -> Array:
        return self.problem.rounded(self.point.residuals())

    def jacobian(self) -> Array:
        return self.problem.rounded(self.point.jacobian())
