"""Checks that every evaluation is counted, and that a rule has no other access to its problem."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bpviz import declare
from bpviz.conformance.batch_invariance import run_together
from bpviz.conformance.fixtures import SHAPES, starts_for
from bpviz.declare import KINDS, restricted
from bpviz.engine import guard
from bpviz.engine.oracle import CountingOracle

if TYPE_CHECKING:
    import numpy.typing as npt

    from bpviz.conformance.fixtures import Findings
    from bpviz.declare import Array, Optimizer


class CountingProblem:
    """A problem that counts all its evaluations by kind, as evaluated samples summed over runs."""

    def __init__(self, problem: Any, evaluated: dict[str, int] | None = None, batch: int | None = None) -> None:
        self.problem = problem
        self.evaluated = dict.fromkeys(KINDS, 0) if evaluated is None else evaluated
        self.batch: int = problem.samples if batch is None else batch

    def __getattr__(self, name: str) -> Any:
        return getattr(self.problem, name)

    def at(self, w: Array, spare: Any = None) -> Any:
        return _CountingPoint(self, self.problem.at(w, None if spare is None else spare.point), len(w))

    def part(self, samples: npt.NDArray[np.int64]) -> CountingProblem:
        return CountingProblem(self.problem.part(samples), self.evaluated, len(samples))


class _CountingPoint:
    def __init__(self, problem: CountingProblem, point: Any, runs: int) -> None:
        self.problem = problem
        self.point = point
        self.runs = runs

    def __getattr__(self, kind: str) -> Any:
        self.problem.evaluated[kind] += self.runs * self.problem.batch
        return getattr(self.point, kind)


def every_evaluation_is_counted(rule: Optimizer) -> Findings:
    """Check for ten epochs of one run that the problem is evaluated as often as the oracle counts.

    Each epoch starts with a copy of the weights, so that the rule cannot reuse evaluations of the loop.
    """
    problem: Any = CountingProblem(SHAPES["37 x 3"])
    w = starts_for(problem.problem)[:1].copy(order="F")
    f = guard.oracle(rule, problem, 1, lambda: 1)
    oracle = f.for_rules()
    with np.errstate(all="ignore"):  # as the loop does
        state = rule.begin(w, oracle)
        for _ in range(10):
            w, state = rule.advance(w.copy(order="K"), state, oracle)
            if f.stuck is not None:
                break
    for kind, counted in zip(KINDS, f.counts()[0].tolist(), strict=True):
        made = -(-problem.evaluated[kind] // problem.samples)
        if made != counted:
            yield f"{kind}: wrong count of evaluations (got {counted}, expected {made})"


def rule_has_only_an_oracle(rule: Optimizer) -> Findings:
    """Check that the object passed to the innermost rule has the names of the Oracle protocol and no others."""
    found: dict[str, None] = {}
    problem = SHAPES["6 x 2"]
    run_together(_with_probe(rule, found), problem, starts_for(problem)[:3], error_threshold=None, max_epochs=3)
    yield from found


def _with_probe(optimizer: Optimizer, found: dict[str, None]) -> Optimizer:
    """Return the optimizer with an innermost rule that adds the violations of its oracle to ``found``."""
    made: Any = None
    for layer in declare.layers(optimizer):
        kind = type(layer) if made else _probe_class(type(layer), found)
        copy = object.__new__(kind)
        vars(copy).update({**vars(layer), "inner": made} if made else vars(layer))
        made = copy
    return made  # type: ignore[no-any-return]


def _probe_class(kind: Any, found: dict[str, None]) -> Any:
    def begin(self: Any, w: Array, f: Any) -> Any:
        found.update(dict.fromkeys(_violations(f)))
        return kind.begin(self, w, f)

    def advance(self: Any, w: Array, state: Any, f: Any) -> Any:
        found.update(dict.fromkeys(_violations(f)))
        return kind.advance(self, w, state, f)

    body = {"begin": begin, "advance": advance, "__module__": kind.__module__, "__doc__": kind.__doc__}
    return type(kind.__name__, (kind,), body)


def _violations(f: Any) -> Findings:
    """Yield what an oracle must not give to a rule: other names, owners of its functions, writable attributes."""
    for name in sorted(
        {*dir(CountingOracle), *vars(CountingOracle(SHAPES["6 x 2"], 1)), *dir(f)} - {*restricted.NAMES}
    ):
        if not name.startswith("__") and hasattr(f, name):
            yield f"f.{name}: accessible, but not in the Oracle protocol"
    for name in restricted.NAMES:
        if isinstance(getattr(getattr(f, name), "__self__", None), CountingOracle):
            yield f"f.{name}.__self__: accessible"
        try:
            setattr(f, name, getattr(f, name))
        except AttributeError:
            pass
        else:
            yield f"f.{name}: writable"
