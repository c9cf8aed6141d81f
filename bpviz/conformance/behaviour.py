"""Checks of the behavior of a rule: its evaluations, its state and its endings."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from bpviz import declare
from bpviz.conformance.batch_invariance import (
    _differences,
    run_separately,
    run_together,
)
from bpviz.conformance.fixtures import BOWL, SHAPES, Findings, starts_for, with_settings
from bpviz.declare import KINDS, restricted
from bpviz.declare.domains import Interval
from bpviz.engine import guard
from bpviz.engine.oracle import CountingOracle
from bpviz.engine.results import Ending, Trajectory
from bpviz.messages.text import join_words

if TYPE_CHECKING:
    import numpy.typing as npt

    from bpviz.declare import Array, Mask, Optimizer, Problem


def state_arrays(state: Any) -> list[Any]:
    """Return the arrays of a state, a tuple of arrays and nested tuples."""
    return [a for part in state for a in state_arrays(part)] if isinstance(state, tuple) else [state]


def make_read_only(*arrays: Array) -> None:
    """Make arrays read-only."""
    for a in arrays:
        a.flags.writeable = False


class RecordingOracle(CountingOracle):
    """An oracle that records the kinds of evaluations and returns read-only arrays."""

    def __init__(self, problem: Problem, runs: int) -> None:
        super().__init__(problem, runs)
        self.kinds: set[str] = set()

    def _evaluate(self, kind: str, w: Array, where: Mask | None) -> Array:
        self.kinds.add(kind)
        answer = super()._evaluate(kind, w, where)
        make_read_only(answer)
        return answer


def _run_epochs(
    rule: Optimizer, w: Array, f: CountingOracle, later: Optimizer | None = None, epochs: int = 3
) -> Iterator[tuple[Array, Any]]:
    """Yield weights and state at the start and after each epoch, until all runs are stuck.

    ``later`` is another rule that replaces ``rule`` after ``begin``.
    """
    oracle = f.for_rules()
    with np.errstate(all="ignore"):  # as the loop does
        state = rule.begin(w, oracle)
    yield w, state
    for _ in range(epochs):
        with np.errstate(all="ignore"):
            w, state = (later or rule).advance(w, state, oracle)
            f.uncounted_errors(w)
        yield w, state
        if f.stuck is not None:
            f.live, f.stuck = f.live & ~f.stuck, None
            restricted.replace(oracle, "live", f.live_for_rules())
        if not f.live.any():
            return


def rule_runs(rule: Optimizer) -> Findings:
    """Check that the rule suits perceptrons and runs for 20 epochs without an exception."""
    for problem in (SHAPES["6 x 2"], SHAPES["37 x 3"]):
        reason = declare.unsuitable(rule, problem)
        if reason:
            yield reason
            return
        run_together(rule, problem, starts_for(problem), error_threshold=None, max_epochs=20)


def evaluations_match_needs(rule: Optimizer) -> Findings:
    """Check for three epochs that the rule evaluates the kinds in ``needs``, and that read-only arrays suffice."""
    problem = SHAPES["37 x 3"]
    w = starts_for(problem, runs=5)[:2].copy(order="F")
    f = RecordingOracle(problem, 2)
    make_read_only(w)
    for there, state in _run_epochs(rule, w, f):
        if there.shape != (2, 4):
            yield f"advance returns weights of the wrong shape (got {there.shape}, expected (2, 4))"
            return
        make_read_only(there, *state_arrays(state))
    if f.kinds != rule.needs:
        yield f"needs lists {_kinds(rule.needs)}, but the rule evaluates {_kinds(f.kinds)}; {_declare(f.kinds)}"


def counts_match_needs(rule: Optimizer) -> Findings:
    """Check for five epochs of one run that exactly the kinds in ``needs`` are counted, and that no count decreases."""
    run = run_together(rule, SHAPES["6 x 2"], [(-4, -4)], error_threshold=None, max_epochs=5)[0]
    counted = {kind for kind, times in run.evaluations.items() if times}
    if counted != rule.needs:
        listed_kinds = f"(got {_kinds(rule.needs)}, expected {_kinds(counted)})"
        yield f"needs does not match the counted evaluations {listed_kinds}; {_declare(counted)}"
    if (np.diff(run.counts, axis=0) < 0).any():
        yield "a count of evaluations decreases from one epoch to the next"


def _kinds(kinds: set[str] | frozenset[str]) -> str:
    return join_words([kind for kind in KINDS if kind in kinds], "and") or "nothing"


def _declare(kinds: set[str]) -> str:
    words = " ".join(kind for kind in KINDS if kind in kinds)
    return f'use needs="{words}"'


def state_is_tuple_of_arrays(rule: Optimizer) -> Findings:
    """Check the state of five runs at the start and after each of three epochs."""
    problem = SHAPES["37 x 3"]
    w = starts_for(problem)[:5]
    for _, state in _run_epochs(rule, w, CountingOracle(problem, 5)):
        complaint = guard.state_complaint(state, 5)
        if complaint:
            yield complaint
            return


def start_below_threshold_takes_no_epoch(rule: Optimizer) -> Findings:
    """Check that a run whose start is below the error threshold ends at epoch 0."""
    run = run_together(rule, SHAPES["6 x 2"], [(2.6, -3.5)], error_threshold=0.125, max_epochs=5)[0]
    if (run.epochs, run.ending, run.weights.tolist()) != (0, Ending.REACHED, [[2.6, -3.5]]):
        yield _ending_differs("start below the threshold", run, Ending.REACHED)


def divergence_is_an_ending(rule: Optimizer) -> Findings:
    """Check that a run whose error overflows ends at its start without a warning, and leaves the next run unchanged."""
    rest: dict[str, Any] = {"error_threshold": None, "max_epochs": 6}
    over, fine = run_together(rule, BOWL, [(1e200, 1), (1, 1)], **rest)
    if (over.epochs, over.ending, over.final_error) != (0, Ending.DIVERGED, math.inf):
        yield _ending_differs("start with an infinite error", over, Ending.DIVERGED)
    yield from _differences("in a block with a diverged run", [fine], run_separately(rule, BOWL, [(1, 1)], **rest))


def _ending_differs(case: str, run: Trajectory, expected: Ending) -> str:
    got = f"{run.ending.word} after {run.epochs} epochs"
    return f"{case}: wrong ending (got {got}, expected {expected.word} after 0 epochs)"


def at_start_is_declared_correctly(rule: Optimizer) -> Findings:
    """Check that a change of the step between epochs changes the run, except where ``at_start`` is set."""
    for field in declare.fields(rule).values():
        a_number = isinstance(field.domain, Interval) and not field.domain.integer
        if not a_number or not (field.at_start or field.name == "step"):
            continue
        others = list(_with_scaled(rule, field.name))
        read = any(_paths(rule, other) != _paths(rule, rule) for other in others)
        if read and field.at_start:
            yield f"{field.name}: at_start=True, but it is read after the start; remove at_start=True"
        elif others and not read and not field.at_start:
            yield f"{field.name}: has no effect after the start; use hyper(..., at_start=True)"


def _with_scaled(rule: Optimizer, name: str) -> Iterator[Optimizer]:
    """Yield the rule with a smaller and with a larger value of a setting, if these are valid."""
    for factor in (0.25, 4):
        with contextlib.suppress(ValueError):
            yield with_settings(rule, **{name: getattr(rule, name) * factor})


def _paths(rule: Optimizer, later: Optimizer) -> list[bytes]:
    """Return the weights of each epoch if ``rule`` begins and ``later`` advances."""
    return [
        w.tobytes()
        for problem in (SHAPES["6 x 2"], SHAPES["37 x 3"])
        for w, _ in _run_epochs(
            rule, starts_for(problem)[:3].copy(order="F"), CountingOracle(problem, 3), later, epochs=15
        )
    ]


def recalls_is_declared_correctly(rule: Optimizer) -> Findings:
    """Check that the state has values evaluated at the returned weights exactly if ``recalls`` is set.

    Numbers in the state are compared with the evaluated ones by magnitude, within rounding, after the third epoch that
    moves the weights: a rule may first collect gradients.
    """
    problem = SHAPES["37 x 3"]
    w = starts_for(problem)[:2].copy(order="F")
    w, state = _after_moves(rule, w, CountingOracle(problem, 2), moves=3)
    kept = np.concatenate([_magnitudes(a) for a in ((), *state_arrays(state))])
    with np.errstate(all="ignore"):
        point = problem.at(w)
        answers = {kind: _magnitudes(getattr(point, kind)()) for kind in KINDS if kind in problem.offers}
        recalled = [kind for kind, a in answers.items() if (abs(a[:, None] - kept) <= 1e-12 * a[:, None]).any()]
    if recalled and not rule.recalls:
        values = join_words(recalled, "and")
        yield f"the state has the {values} at the returned weights; use @optimizer(..., recalls=True)"
    if rule.recalls and not recalled:
        yield "recalls=True, but the state has no value evaluated at the returned weights; remove recalls=True"


def _after_moves(rule: Optimizer, w: Array, f: CountingOracle, moves: int) -> tuple[Array, Any]:
    """Return weights and state after this many epochs that move the weights, or after the last of 30 epochs."""
    moved = 0
    for (before, _), after in itertools.pairwise(_run_epochs(rule, w, f, epochs=30)):
        moved += not np.array_equal(before, after[0])
        if moved == moves:
            break
    return after


def _magnitudes(a: npt.ArrayLike) -> Array:
    """Return the absolute values of the numbers of an array, without 0 and non-finite ones."""
    magnitudes: Array = abs(np.array(a, np.float64)).ravel()
    return magnitudes[np.isfinite(magnitudes) & (magnitudes > 0)]
