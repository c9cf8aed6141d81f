"""Compare two rules epoch by epoch: find the first epoch at which they differ by more than rounding explains.

Two implementations of the same rule round differently, and a run may amplify rounding differences until its path is
arbitrary. Therefore each rule is also compared with itself, run with noise of a few roundings on the weights and on the
evaluated values. The two rules may differ by ten times as much as noise moves either of them. The comparison ends where
noise moves one of them by more than 1e-10.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bpviz import declare
from bpviz.declare import PROBLEMS
from bpviz.engine.loop import iterate
from bpviz.engine.results import Trajectory, record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bpviz.declare import Array, Optimizer, Problem

EPOCHS = 300
TOLERANCE = 1e-12  # allowed difference where roundoff does not grow, relative to the largest weight
UNRELIABLE = 1e-10  # the comparison ends where noise moves a run by more
MIN_EPOCHS = 10  # compared epochs of all runs together that a claim of equivalence needs

_NOISE = 1e-15  # relative, about five roundings
_SEEDS = (1, 2, 3)
_SAFETY = 10  # factor on the effect of noise
_MARGIN = 2  # the comparison ends this many epochs before a path becomes unreliable
_HUGE = 1e100  # larger errors count as infinite

CASES: tuple[tuple[str, tuple[float, float]], ...] = (
    ("perceptron", (-4.0, -4.0)),
    ("perceptron", (-6.0, 2.0)),
    ("perceptron", (3.0, -2.0)),
    ("rosenbrock", (-1.2, 1.0)),
    ("beale", (1.0, 1.5)),  # at the usual (1, 1) a derivative is exactly 0, so that rounding decides its sign
    ("rastrigin", (2.1, -1.7)),
)
"""Problems and starts: the published problem from three starts, and three test functions."""


class Comparison(NamedTuple):
    """Two rules compared on one problem from one start.

    ``epochs`` is the number of epochs for which they are equivalent, ``differs_at`` the first epoch at which they
    differ, or None. ``difference`` is their difference at that epoch, or else the largest one, relative to the largest
    weight so far; ``weight`` is the name of the weight with this difference. ``roundoff`` is how far noise has moved
    either rule by then, also relative. ``note`` is the reason why no more epochs were compared.
    """

    problem: str
    start: tuple[float, float]
    epochs: int
    differs_at: int | None
    difference: float
    weight: str
    roundoff: float
    note: str

    @property
    def word(self) -> str:
        """The verdict: ``different``, ``identical``, ``equivalent`` or ``nothing to compare``."""
        if self.differs_at is not None:
            return "different"
        if not self.epochs:
            return "nothing to compare"
        return "equivalent" if self.difference else "identical"


def compare_rules(one: Optimizer, other: Optimizer) -> list[Comparison]:
    """Compare two rules on all CASES."""
    return [_compare(one, other, PROBLEMS[name](), start) for name, start in CASES]


def equivalent(compared: Sequence[Comparison]) -> bool:
    """Return whether no comparison found a difference, and at least MIN_EPOCHS epochs were compared."""
    return all(c.differs_at is None for c in compared) and sum(c.epochs for c in compared) >= MIN_EPOCHS


def _compare(one: Optimizer, other: Optimizer, problem: Problem, start: tuple[float, float]) -> Comparison:
    for rule in (one, other):
        reason = declare.unsuitable(rule, problem)
        if reason:
            return Comparison(problem.name, start, 0, None, 0.0, "", 0.0, reason)
    path, other_path = _path(one, problem, start), _path(other, problem, start)
    rows = min(len(path.weights), len(other_path.weights))
    apart = _differences(path.weights[:rows], other_path.weights[:rows])
    moved = np.maximum(_noise_effect(one, problem, path, rows), _noise_effect(other, problem, other_path, rows))
    reliable = int(np.count_nonzero(moved[np.minimum(np.arange(rows) + _MARGIN, rows - 1)] <= UNRELIABLE))
    if not apart.any():
        reliable = rows  # bit-identical paths are comparable however much roundoff would grow
    bounds = np.maximum(TOLERANCE, _SAFETY * moved)
    beyond = np.flatnonzero(~(apart.max(axis=1) <= bounds)[:reliable])
    if beyond.size:
        at = int(beyond[0])
        return _comparison(problem, start, apart, moved, at, differs_at=at)
    ends = f"{_ending(one, path)}; {_ending(other, other_path)}"
    if reliable == rows and len(path.weights) != len(other_path.weights):
        return _comparison(problem, start, apart, moved, rows - 1, differs_at=rows, note=ends)
    if reliable < rows:
        note = "beyond this, rounding error alone moves each path away from itself"
        return _comparison(problem, start, apart, moved, reliable - 1, note=note)
    return _comparison(problem, start, apart, moved, rows - 1, note="" if rows > EPOCHS else ends)


def _comparison(
    problem: Problem,
    start: tuple[float, float],
    apart: Array,
    moved: Array,
    last: int,
    *,
    differs_at: int | None = None,
    note: str = "",
) -> Comparison:
    """Return the comparison up to the epoch ``last``."""
    if last < 0:
        return Comparison(problem.name, start, 0, None, 0.0, "", 0.0, note)
    seen = apart[: last + 1] if differs_at is None else apart[last : last + 1]
    _, weight = np.unravel_index(int(np.argmax(seen)), seen.shape)
    difference = float(seen.max())
    name = problem.weights[int(weight)] if difference else ""
    epochs = last if differs_at is None else differs_at - 1
    return Comparison(problem.name, start, epochs, differs_at, difference, name, float(moved[last]), note)


class _Path(NamedTuple):
    """The weights of a run up to its first huge error, and its ending."""

    weights: Array
    ending: str


def _path(rule: Optimizer, problem: Any, start: tuple[float, float]) -> _Path:
    run = record(iterate(rule, problem, [start], error_threshold=None, max_epochs=EPOCHS))[0]
    return _Path(run.weights[: _usable_rows(run)], run.ending.value)


def _usable_rows(run: Trajectory) -> int:
    """Return the number of epochs, counting the start, before the first huge error."""
    huge = np.flatnonzero(~(run.errors <= _HUGE))
    return int(huge[0]) if huge.size else len(run.errors)


def _ending(rule: Optimizer, path: _Path) -> str:
    epochs = len(path.weights) - 1
    return f"{rule.name}: {epochs} {'epoch' if epochs == 1 else 'epochs'}, {path.ending}"


def _differences(path: Array, other: Array) -> Array:
    """Return the differences ``(epochs, weights)`` of two paths, relative to the largest weight so far."""
    with np.errstate(all="ignore"):
        largest = np.maximum.accumulate(np.maximum(abs(path), abs(other)).max(axis=1))
        apart: Array = abs(other - path) / np.where(largest > 0, largest, 1.0)[:, None]
    return apart


def _noise_effect(rule: Optimizer, problem: Problem, path: _Path, rows: int) -> Array:
    """Return how far noise moves the path of a rule by each epoch ``(rows,)``, infinity after the noisy run ends."""
    moved = np.zeros(rows)
    for seed in _SEEDS:
        noisy = _path(rule, _NoisyProblem(problem, seed), (path.weights[0, 0], path.weights[0, 1])).weights
        both = min(rows, len(noisy))
        far = np.full(rows, math.inf)
        far[:both] = _differences(path.weights[:both], noisy[:both]).max(axis=1)
        moved = np.maximum(moved, far)
    effect: Array = np.maximum.accumulate(moved)
    return effect


class _NoisyProblem:
    """A problem with noise of a few roundings on the weights it is evaluated at and on the evaluated values."""

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
    problem: _NoisyProblem
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
