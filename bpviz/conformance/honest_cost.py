"""Checks that every evaluation is counted, and that a rule reaches nothing but its oracle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bpviz import declare
from bpviz.conformance.batch_invariance import together
from bpviz.conformance.fixtures import SHAPES, starts_for
from bpviz.declare import KINDS, restricted
from bpviz.engine import guard
from bpviz.engine.oracle import Oracle

if TYPE_CHECKING:
    import numpy.typing as npt

    from bpviz.conformance.fixtures import Findings
    from bpviz.declare import Array, Optimizer


class WatchedProblem:
    """A problem that counts its evaluations, by kind and in samples of one run: all evaluations, by whatever means."""

    def __init__(self, problem: Any, evaluated: dict[str, int] | None = None, batch: int | None = None) -> None:
        self.problem = problem
        self.evaluated = dict.fromkeys(KINDS, 0) if evaluated is None else evaluated
        self.batch: int = problem.samples if batch is None else batch

    def __getattr__(self, name: str) -> Any:
        return getattr(self.problem, name)

    def at(self, w: Array, spare: Any = None) -> Any:
        return _WatchedPoint(self, self.problem.at(w, None if spare is None else spare.point), len(w))

    def part(self, samples: npt.NDArray[np.int64]) -> WatchedProblem:
        return WatchedProblem(self.problem.part(samples), self.evaluated, len(samples))


class _WatchedPoint:
    def __init__(self, watched: WatchedProblem, point: Any, runs: int) -> None:
        self.watched = watched
        self.point = point
        self.runs = runs

    def __getattr__(self, kind: str) -> Any:
        self.watched.evaluated[kind] += self.runs * self.watched.batch
        return getattr(self.point, kind)


def every_evaluation_is_counted(rule: Optimizer) -> Findings:
    """Over ten epochs of one run, the problem is evaluated as often as the oracle counts.

    Each epoch starts at an array of its own, so that no evaluation of the loop serves the rule.
    """
    problem: Any = WatchedProblem(SHAPES["37 x 3"])
    w = starts_for(problem.problem)[:1].copy(order="F")
    f = guard.oracle(rule, problem, 1, lambda: 1)
    handed = f.for_rules()
    with np.errstate(all="ignore"):  # as the loop does
        state = rule.begin(w, handed)
        for _ in range(10):
            w, state = rule.advance(w.copy(order="K"), state, handed)
            if f.stuck is not None:
                break
    for kind, counted in zip(KINDS, f.counts()[0].tolist(), strict=True):
        made = -(-problem.evaluated[kind] // problem.samples)
        if made != counted:
            yield f"evaluations of the {kind}: {made} made, {counted} counted"


def only_an_oracle_is_handed_out(rule: Optimizer) -> Findings:
    """The object that a rule is handed, within its wrappers, has the names of the Oracle protocol and no others."""
    found: dict[str, None] = {}
    problem = SHAPES["6 x 2"]
    together(_peeking(rule, found), problem, starts_for(problem)[:3], error_threshold=None, max_epochs=3)
    yield from found


def _peeking(optimizer: Optimizer, found: dict[str, None]) -> Optimizer:
    """Return an optimizer whose innermost rule tries to get more of its oracle than it may, and notes its successes."""
    made: Any = None
    for layer in declare.layers(optimizer):
        kind = type(layer) if made else _peeking_class(type(layer), found)
        copy = object.__new__(kind)
        vars(copy).update({**vars(layer), "inner": made} if made else vars(layer))
        made = copy
    return made  # type: ignore[no-any-return]


def _peeking_class(kind: Any, found: dict[str, None]) -> Any:
    def begin(self: Any, w: Array, f: Any) -> Any:
        found.update(dict.fromkeys(_peeked(f)))
        return kind.begin(self, w, f)

    def advance(self: Any, w: Array, state: Any, f: Any) -> Any:
        found.update(dict.fromkeys(_peeked(f)))
        return kind.advance(self, w, state, f)

    body = {"begin": begin, "advance": advance, "__module__": kind.__module__, "__doc__": kind.__doc__}
    return type(kind.__name__, (kind,), body)


def _peeked(f: Any) -> Findings:
    """Yield the ways of access that an oracle must not give to a rule: names, owners of functions, settable values."""
    for name in sorted({*dir(Oracle), *vars(Oracle(SHAPES["6 x 2"], 1)), *dir(f)} - {*restricted.NAMES}):
        if not name.startswith("__") and hasattr(f, name):
            yield f"f.{name} can be used"
    for name in restricted.NAMES:
        if isinstance(getattr(getattr(f, name), "__self__", None), Oracle):
            yield f"f.{name}.__self__ can be used"
        try:
            setattr(f, name, getattr(f, name))
        except AttributeError:
            pass
        else:
            yield f"f.{name} can be set"
