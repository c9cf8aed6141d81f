"""Rules and problems that are not this package's run under guard: what goes wrong in them is said with its place.

Those of this package are held to the contract by tests, and pay nothing for it while they run.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from bpviz import declare
from bpviz.declare import entry_points, registry
from bpviz.engine.oracle import Oracle
from bpviz.messages.text import listed

if TYPE_CHECKING:
    from bpviz.declare import Array, Mask, Optimizer, Problem


class RuleError(RuntimeError):
    """A rule or a problem of somebody's own that failed while it ran; the text says which, where, when and how."""


def oracle(rule: Optimizer, problem: Problem, runs: int, clock: Callable[[], int]) -> Oracle:
    """Return the oracle of a block: one that looks closer if the rule or the problem is not this package's."""
    if _stranger(rule) is None and _stranger(problem) is None:
        return Oracle(problem, runs)
    return _GuardedOracle(rule, problem, runs, clock)


def guarded(rule: Optimizer, clock: Callable[[], int]) -> Optimizer:
    """Return a rule under guard, or as it is if it is this package's. ``clock`` tells which epoch it is."""
    stranger = _stranger(rule)
    return rule if stranger is None else cast("Optimizer", _GuardedRule(rule, stranger, clock))


def _stranger(thing: Any) -> Any:
    """Return what of a rule or a problem is not this package's: itself, or what it is made of; None if all is."""
    return next((part for part in declare.components(thing) if not registry.is_own(type(part))), None)


class _GuardedRule:
    """Stands before a rule: hands it arrays that cannot be written on, and looks at what it returns."""

    def __init__(self, rule: Optimizer, stranger: Any, clock: Callable[[], int]) -> None:
        self._rule = rule
        self._stranger = stranger  # whose mistakes they are
        self._clock = clock

    def begin(self, w: Array, f: Oracle) -> Any:
        _lock(w)
        with _blaming(self._stranger, self._clock):
            state = self._rule.begin(w, f)
        self._refuse(state_complaint(state, len(w)))
        return state

    def advance(self, w: Array, state: Any, f: Oracle) -> tuple[Array, Any]:
        _lock((w, state))
        with _blaming(self._stranger, self._clock):
            returned = self._rule.advance(w, state, f)
        self._refuse(complaint_about(returned, w))
        after, state = returned
        return after, state

    def _refuse(self, complaint: str | None) -> None:
        if complaint:
            raise RuleError(f"{_named(self._stranger)}, {_when(self._clock)}: {complaint}")


class _GuardedOracle(Oracle):
    """Sees to it that a rule asks what it needs, where it can be asked, and a problem answers what was asked."""

    def __init__(self, rule: Optimizer, problem: Problem, runs: int, clock: Callable[[], int]) -> None:
        super().__init__(problem, runs)
        self._rule = rule
        self._needs = rule.needs
        self._stranger = _stranger(problem)  # whose mistakes they are
        self._clock = clock
        self._whole = problem  # which this oracle may be on a part of
        self._params = len(problem.weights)

    def _on(self, problem: Problem) -> Oracle:
        part = _GuardedOracle(self._rule, self._whole, len(self.live), self._clock)
        part.problem = problem
        return part

    def _ask(self, kind: str, w: Array, where: Mask | None) -> Array:
        if kind not in self._needs:
            needs = listed(sorted(self._needs), "and") or "nothing"
            raise ValueError(f"f.{kind} is asked, and needs names {needs}")
        if not _is_array(w) or w.shape != (len(self.live), self._params):
            raise ValueError(f"f.{kind} is asked at {_what(w)}, not at weights {(len(self.live), self._params)}")
        with self._looking_at_the_problem():
            answer = super()._ask(kind, w, where)
        self._check(kind, answer)
        answer = answer.view()
        _lock(answer)
        return answer

    def look(self, w: Array) -> Array:
        with self._looking_at_the_problem():
            error = super().look(w)
        self._check("error", error)
        return error

    def look_at_gradient(self) -> Array:
        with self._looking_at_the_problem():
            return super().look_at_gradient()

    def _looking_at_the_problem(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext() if self._stranger is None else _blaming(self._stranger, self._clock)

    def _check(self, kind: str, answer: Array) -> None:
        if self._stranger is None:
            return
        runs, params, samples = len(self.live), self._params, np.shape(answer)[1:2]
        expected = {
            "error": (runs,),
            "gradient": (runs, params),
            "hessian": (runs, params, params),
            "residuals": (runs, *samples),
            "jacobian": (runs, *samples, params),
        }[kind]
        if not _is_array(answer) or answer.shape != expected or answer.dtype != np.float64:
            complaint = f"{kind} answers {_what(answer)}, not float64 {expected}"
            raise RuleError(f"{_named(self._stranger)}, {_when(self._clock)}: {complaint}")


def complaint_about(returned: Any, w: Array) -> str | None:
    """Return what is wrong with what ``advance`` returned for weights ``w``, or None."""
    if not isinstance(returned, tuple) or len(returned) != 2:
        return f"advance returns {_what(returned)}, not two things, the weights and the state"
    after, state = returned
    if not _is_array(after) or after.shape != w.shape or after.dtype != np.float64:
        return f"advance returns {_what(after)} for the weights, not float64 {w.shape}"
    return state_complaint(state, len(w))


def state_complaint(state: Any, runs: int) -> str | None:
    """Return what is wrong with a state, or None if it is a tuple of arrays, however deep, with ``runs`` rows each."""
    if not isinstance(state, tuple):
        return f"the state is {_what(state)}, not a tuple of arrays such as (a, b) or (a,) or ()"
    for part in state:
        complaint = None
        if isinstance(part, tuple):
            complaint = state_complaint(part, runs)
        elif not _is_array(part) or part.shape[:1] != (runs,):
            complaint = f"the state holds {_what(part)}, not an array whose first axis is runs, {runs} here"
        if complaint:
            return complaint
    return None


def _is_array(value: object) -> bool:
    return isinstance(value, np.ndarray)


def _what(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape}"
    return (
        "nothing"
        if value is None
        else f"{value!r:.40}"
        if isinstance(value, int | float)
        else f"a {type(value).__name__}"
    )


def _lock(a: Any) -> None:
    """Let nobody write on an array, or on any array of a tuple. They stay the arrays they are: an oracle knows them."""
    if isinstance(a, tuple):
        for part in a:
            _lock(part)
    else:
        a.flags.writeable = False


@contextlib.contextmanager
def _blaming(thing: Any, clock: Callable[[], int]) -> Iterator[None]:
    """Turn an exception of this block into a RuleError about a rule or a problem."""
    try:
        yield
    except RuleError:
        raise
    except (Exception, SystemExit) as error:
        raise RuleError(f"{_named(thing, error)}, {_when(clock)}: {_words(error)}") from error


def _named(thing: Any, error: BaseException | None = None) -> str:
    """Return a rule or a problem as messages name it: ``leap (my_rule.py:12)``."""
    module = type(thing).__module__
    file = registry.FILES.get(module) or getattr(sys.modules.get(module), "__file__", None)
    place = entry_points.last_place(error, file) if error and file else None
    line = f":{place[1]}" if place else ""
    return f"{thing.name} ({file}{line})" if file else f"{thing.name}"


def _when(clock: Callable[[], int]) -> str:
    return f"epoch {clock()}" if clock() else "at the start"


def _words(error: BaseException) -> str:
    said = entry_points.in_words(error)
    if isinstance(error, ValueError) and "read-only" in said:
        return f"w, the state and the answers must stay as they are; make new arrays, as w - step * g does ({said})"
    return said
