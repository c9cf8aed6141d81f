"""Run third-party rules and problems with checks, and report their errors with file and line.

Rules and problems of this package are tested against the contract instead, and run without these checks.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from bpviz import declare
from bpviz.declare import KINDS, entry_points, registry
from bpviz.declare.restricted import UnknownNameError
from bpviz.engine.oracle import CountingOracle

if TYPE_CHECKING:
    from bpviz.declare import Array, Mask, Optimizer, Problem
    from bpviz.engine.oracle import _StoredAnswers

_EXAMPLE = "for example w - step * g"


class RuleError(RuntimeError):
    """A third-party rule or problem failed while it ran; the text names it, its file and line, the epoch and why."""


def oracle(rule: Optimizer, problem: Problem, runs: int, clock: Callable[[], int]) -> CountingOracle:
    """Return the oracle of a block, with checks if the rule or the problem is third-party."""
    if _third_party(rule) is None and _third_party(problem) is None:
        return CountingOracle(problem, runs)
    return _GuardedOracle(rule, problem, runs, clock)


def guarded(rule: Optimizer, clock: Callable[[], int]) -> Optimizer:
    """Return a third-party rule with checks, or a rule of this package as it is. ``clock`` returns the epoch."""
    culprit = _third_party(rule)
    return rule if culprit is None else cast("Optimizer", _GuardedRule(rule, culprit, clock))


def _third_party(thing: Any) -> Any:
    """Return the third-party part of a rule or a problem: itself or a part of it; None if there is none."""
    return next((part for part in declare.components(thing) if not registry.is_own(type(part))), None)


class _GuardedRule:
    """A rule that gets arrays that cannot be written on, and whose return values are checked."""

    def __init__(self, rule: Optimizer, culprit: Any, clock: Callable[[], int]) -> None:
        self._rule = rule
        self._culprit = culprit  # the part that errors are reported about
        self._clock = clock

    def begin(self, w: Array, f: declare.Oracle) -> Any:
        _lock(w)
        before = _numbers(w)
        with _blaming(self._culprit, self._clock):
            state = self._rule.begin(w, f)
        self._refuse(_change_complaint("begin", before, w) or state_complaint(state, len(w)))
        return state

    def advance(self, w: Array, state: Any, f: declare.Oracle) -> tuple[Array, Any]:
        _lock((w, state))
        before = _numbers(w)
        with _blaming(self._culprit, self._clock):
            returned = self._rule.advance(w, state, f)
        self._refuse(_change_complaint("advance", before, w) or complaint_about(returned, w))
        after, state = returned
        _lock(after)
        return after, state

    def _refuse(self, complaint: str | None) -> None:
        if complaint:
            raise RuleError(f"{_named(self._culprit)}, {_when(self._clock)}: {complaint}")


class _GuardedOracle(CountingOracle):
    """An oracle that checks what a third-party rule passes to it, and what a third-party problem returns.

    A third-party rule may write on its own arrays after it has passed them: stored answers are for the numbers that an
    array had, and an array that has changed counts as a new one. Its answers are copies.
    """

    def __init__(self, rule: Optimizer, problem: Problem, runs: int, clock: Callable[[], int]) -> None:
        super().__init__(problem, runs)
        self._rule = rule
        self._needs = rule.needs
        self._of_third_party = _third_party(rule) is not None
        self._has_snapshots = False
        self._culprit = _third_party(problem)  # the part that errors are reported about
        self._clock = clock
        self._of_all_data = problem  # self.problem may be a part of it
        self._params = len(problem.weights)

    def _oracle_for(self, problem: Problem) -> CountingOracle:
        part = _GuardedOracle(self._rule, self._of_all_data, len(self.live), self._clock)
        part.problem = problem
        return part

    def _evaluate(self, kind: str, w: Array, where: Mask | None) -> Array:
        expected = (len(self.live), self._params)
        if kind not in self._needs:
            listed = repr(" ".join(k for k in KINDS if k in self._needs)) if self._needs else "nothing"
            method = "advance" if self._clock() else "begin"
            raise ValueError(f"{method} calls f.{kind}, but needs= lists only {listed}; add it to needs")
        if not _is_array(w) or w.shape != expected:
            raise ValueError(f"f.{kind} takes weights of shape {expected}, got {_described(w)}")
        if self._has_snapshots:
            self._clear_if_changed(w)
        with self._blaming_problem():
            answer = super()._evaluate(kind, w, where)
        self._check(kind, answer)
        if self._of_third_party:
            answer = answer.copy(order="K")  # or a rule could write on the stored answers
            answer.flags.writeable = False
        return answer

    def uncounted_errors(self, w: Array) -> Array:
        if self._has_snapshots:
            self._clear_if_changed(w)
        with self._blaming_problem():
            error = super().uncounted_errors(w)
        self._check("error", error)
        return error

    def uncounted_gradient_norms(self) -> Array:
        with self._blaming_problem():
            return super().uncounted_gradient_norms()

    def _reset(self, stored: _StoredAnswers, w: Array) -> None:
        super()._reset(stored, w)
        stored.snapshot = self._snapshot(w)

    def _reset_masked(self, w: Array) -> None:
        super()._reset_masked(w)
        self._masked.snapshot = self._snapshot(w)

    def _snapshot(self, w: Array) -> bytes | None:
        """Return the numbers of an array that a rule may change later, else None."""
        if not self._of_third_party or not _may_change(w):
            return None
        self._has_snapshots = True
        return _numbers(w)

    def _clear_if_changed(self, w: Array) -> None:
        for stored in (self._current, self._other, self._masked):
            if stored.w is w and stored.snapshot is not None and stored.snapshot != _numbers(w):
                stored.w = None

    def _blaming_problem(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext() if self._culprit is None else _blaming(self._culprit, self._clock)

    def _check(self, kind: str, answer: Array) -> None:
        if self._culprit is None:
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
            complaint = f"{kind} must return a float64 array of shape {expected}, got {_described(answer)}"
            raise RuleError(f"{_named(self._culprit)}, {_when(self._clock)}: {complaint}")


def complaint_about(returned: Any, w: Array) -> str | None:
    """Return the mistake in the return value of ``advance`` for weights ``w``, or None."""
    if not isinstance(returned, tuple) or len(returned) != 2:
        return f"advance must return a tuple (weights, state), got {_described(returned)}"
    after, state = returned
    if not _is_array(after) or after.shape != w.shape or after.dtype != np.float64:
        return f"advance must return weights as a float64 array of shape {w.shape}, got {_described(after)}"
    return state_complaint(state, len(w))


def state_complaint(state: Any, runs: int) -> str | None:
    """Return the mistake in a state, or None if it is a tuple of arrays with ``runs`` rows each, nested at will."""
    if not isinstance(state, tuple):
        return f"the state must be a tuple of arrays, such as (a, b), (a,) or (), got {_described(state)}"
    for part in state:
        complaint = None
        if isinstance(part, tuple):
            complaint = state_complaint(part, runs)
        elif not _is_array(part) or part.shape[:1] != (runs,):
            complaint = f"the state must hold arrays with one row per run ({runs} here), got {_described(part)}"
        if complaint:
            return complaint
    return None


def _change_complaint(method: str, before: bytes, w: Array) -> str | None:
    """Return the mistake of a method that has changed its weights, through another array with the same memory."""
    return None if _numbers(w) == before else f"{method} changed the weights in place; make new arrays, {_EXAMPLE}"


def _numbers(w: Array) -> bytes:
    return w.tobytes("A")  # in the order of the memory, which is fastest


def _may_change(w: Array) -> bool:
    """Return whether an array, or an array that it is a view of, can be written on."""
    a: Any = w
    while isinstance(a, np.ndarray):
        if a.flags.writeable:
            return True
        a = a.base
    return False


def _is_array(value: object) -> bool:
    return isinstance(value, np.ndarray)


def _described(value: object) -> str:
    """Return a value as messages describe it: ``an int64 array of shape (2,)``, ``a list``, ``0.5``."""
    if value is None or isinstance(value, int | float):
        return f"{value!r:.40}"
    if isinstance(value, np.ndarray):
        words = f"{value.dtype} array of shape {value.shape}"
    else:
        words = f"tuple of {len(value)}" if isinstance(value, tuple) else type(value).__name__
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def _lock(a: Any) -> None:
    """Make an array, or each array of a tuple, read-only, together with the arrays that it is a view of.

    They stay the same objects, since an oracle recognizes arrays by identity.
    """
    if isinstance(a, tuple):
        for part in a:
            _lock(part)
    else:
        while isinstance(a, np.ndarray):
            a.flags.writeable = False
            a = a.base


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
    place = entry_points.error_location(error, file) if error and file else None
    line = f":{place[1]}" if place else ""
    return f"{thing.name} ({file}{line})" if file else f"{thing.name}"


def _when(clock: Callable[[], int]) -> str:
    return f"epoch {clock()}" if clock() else "at the start"


def _words(error: BaseException) -> str:
    message = entry_points.describe_error(error)
    if isinstance(error, UnknownNameError):
        return str(error)
    if isinstance(error, ValueError) and "read-only" in message:
        return (
            f"w, the state and evaluated arrays must not be modified in place; make new arrays, {_EXAMPLE} ({message})"
        )
    return message
