"""Checks of how a rule behaves: what it asks, its state, its endings."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from bpviz import declare
from bpviz.conformance.batch_invariance import (
    _unequal,
    alone,
    together,
)
from bpviz.conformance.fixtures import BOWL, SHAPES, Findings, starts_for, with_settings
from bpviz.declare import KINDS, restricted
from bpviz.declare.domains import Interval
from bpviz.engine import guard
from bpviz.engine.oracle import Oracle
from bpviz.engine.results import Ending
from bpviz.messages.text import listed

if TYPE_CHECKING:
    import numpy.typing as npt

    from bpviz.declare import Array, Mask, Optimizer, Problem


def parts(state: Any) -> list[Any]:
    """Return the arrays of a state, however deep."""
    return [a for part in state for a in parts(part)] if isinstance(state, tuple) else [state]


def freeze(*arrays: Array) -> None:
    """Let nobody write on arrays."""
    for a in arrays:
        a.flags.writeable = False


class SpyOracle(Oracle):
    """Notes what it is asked, and hands out answers that cannot be written on."""

    def __init__(self, problem: Problem, runs: int) -> None:
        super().__init__(problem, runs)
        self.asked: set[str] = set()

    def _ask(self, kind: str, w: Array, where: Mask | None) -> Array:
        self.asked.add(kind)
        answer = super()._ask(kind, w, where)
        freeze(answer)
        return answer


def _by_hand(
    rule: Optimizer, w: Array, f: Oracle, later: Optimizer | None = None, epochs: int = 3
) -> Iterator[tuple[Array, Any]]:
    """Yield weights and state at the start and after each of a few epochs, fewer if no run goes on so long.

    The epochs are those of another rule, ``later``, if there is one.
    """
    handed = f.for_rules()
    with np.errstate(all="ignore"):  # as the loop does
        state = rule.begin(w, handed)
    yield w, state
    for _ in range(epochs):
        with np.errstate(all="ignore"):
            w, state = (later or rule).advance(w, state, handed)
            f.look(w)
        yield w, state
        if f.stuck is not None:
            f.live, f.stuck = f.live & ~f.stuck, None
            restricted.replace(handed, "live", f.live_for_rules())
        if not f.live.any():
            return


def it_runs(rule: Optimizer) -> Findings:
    """Twenty epochs pass; if a problem of this kind suits the rule at all."""
    for problem in (SHAPES["6 x 2"], SHAPES["37 x 3"]):
        reason = declare.unsuitable(rule, problem)
        if reason:
            yield reason
            return
        together(rule, problem, starts_for(problem), error_threshold=None, max_epochs=20)


def it_asks_what_it_needs_and_writes_on_nothing(rule: Optimizer) -> Findings:
    """Three epochs with a spy for an oracle and arrays that cannot be written on."""
    problem = SHAPES["37 x 3"]
    w = starts_for(problem, runs=5)[:2].copy(order="F")
    f = SpyOracle(problem, 2)
    freeze(w)
    for there, state in _by_hand(rule, w, f):
        if there.shape != (2, 4):
            yield f"the weights have the shape {there.shape} after an epoch, not (2, 4)"
            return
        freeze(there, *parts(state))
    if f.asked != rule.needs:
        yield f"it asks {_kinds(f.asked)}, and needs names {_kinds(rule.needs)}"


def only_what_is_needed_is_billed(rule: Optimizer) -> Findings:
    """Over five epochs of one run, every kind that is needed is charged and no other, and no bill shrinks."""
    run = together(rule, SHAPES["6 x 2"], [(-4, -4)], error_threshold=None, max_epochs=5)[0]
    billed = {kind for kind, times in run.evaluations.items() if times}
    if billed != rule.needs:
        yield f"it is charged for {_kinds(billed)}, and needs names {_kinds(rule.needs)}"
    if (np.diff(run.counts, axis=0) < 0).any():
        yield "a bill shrinks"


def _kinds(kinds: set[str] | frozenset[str]) -> str:
    return listed([kind for kind in KINDS if kind in kinds], "and") or "nothing"


def a_state_is_a_tuple_of_arrays_over_runs(rule: Optimizer) -> Findings:
    """At the start and after two epochs of five runs."""
    problem = SHAPES["37 x 3"]
    w = starts_for(problem)[:5]
    for _, state in _by_hand(rule, w, Oracle(problem, 5)):
        complaint = guard.state_complaint(state, 5)
        if complaint:
            yield complaint
            return


def a_start_below_the_threshold_takes_no_epoch(rule: Optimizer) -> Findings:
    """The judge looks at the start before anything else."""
    run = together(rule, SHAPES["6 x 2"], [(2.6, -3.5)], error_threshold=0.125, max_epochs=5)[0]
    if (run.epochs, run.ending, run.weights.tolist()) != (0, Ending.REACHED, [[2.6, -3.5]]):
        yield f"from a start below the threshold it makes {run.epochs} epochs and {run.ending.value}"


def divergence_is_a_result(rule: Optimizer) -> Findings:
    """A start whose error overflows ends there, without a warning; its neighbour does what it does alone."""
    rest: dict[str, Any] = {"error_threshold": None, "max_epochs": 6}
    over, fine = together(rule, BOWL, [(1e200, 1), (1, 1)], **rest)
    if (over.epochs, over.ending, over.final_error) != (0, Ending.DIVERGED, math.inf):
        yield f"from a start whose error overflows it makes {over.epochs} epochs and {over.ending.value}"
    yield from _unequal("beside one that overflows", [fine], alone(rule, BOWL, [(1, 1)], **rest))


def a_step_is_read_when_it_says(rule: Optimizer) -> Findings:
    """What changes the step between epochs changes the run, or ``at_start`` says that it does not."""
    for field in declare.fields(rule).values():
        a_number = isinstance(field.domain, Interval) and not field.domain.integer
        if not a_number or not (field.at_start or field.name == "step"):
            continue
        others = list(_others(rule, field.name))
        read = any(_later(rule, other) != _later(rule, rule) for other in others)
        if read and field.at_start:
            yield f"{field.name} is read after the start, and at_start says that it is not"
        elif others and not read and not field.at_start:
            yield f"{field.name} changes nothing after the start: say so, with hyper(..., at_start=True)"


def _others(rule: Optimizer, name: str) -> Iterator[Optimizer]:
    """Yield a rule with a smaller and a larger value of a setting, as far as it takes them."""
    for factor in (0.25, 4):
        with contextlib.suppress(ValueError):
            yield with_settings(rule, **{name: getattr(rule, name) * factor})


def _later(rule: Optimizer, later: Optimizer) -> list[bytes]:
    """Return the weights of each of a few epochs that begin with one rule and go on with another."""
    return [
        w.tobytes()
        for problem in (SHAPES["6 x 2"], SHAPES["37 x 3"])
        for w, _ in _by_hand(rule, starts_for(problem)[:3].copy(order="F"), Oracle(problem, 3), later, epochs=9)
    ]


def it_recalls_what_it_says(rule: Optimizer) -> Findings:
    """Answers at the weights that it hands over are in its state, or not, as ``recalls`` says.

    They are looked for by their size, up to roundings, alone or in a larger array.
    """
    problem = SHAPES["37 x 3"]
    w = starts_for(problem)[:2].copy(order="F")
    *_, (there, state) = _by_hand(rule, w, Oracle(problem, 2))
    kept = np.concatenate([_sizes(a) for a in ((), *parts(state))])
    with np.errstate(all="ignore"):
        point = problem.at(there)
        answers = {kind: _sizes(getattr(point, kind)()) for kind in KINDS if kind in problem.offers}
        recalled = [kind for kind, a in answers.items() if (abs(a[:, None] - kept) <= 1e-12 * a[:, None]).any()]
    if recalled and not rule.recalls:
        yield f"its state has the {listed(recalled, 'and')} at its new weights: say so, with recalls=True"
    if rule.recalls and not recalled:
        yield "it says that it recalls, and its state has no answer at its new weights"


def _sizes(a: npt.ArrayLike) -> Array:
    """Return how large the numbers of an array are, without those that tell nothing."""
    sizes: Array = abs(np.array(a, np.float64)).ravel()
    return sizes[np.isfinite(sizes) & (sizes > 0)]
