"""The only door from an optimizer to a problem: it answers questions and counts them.

A question is of one of the KINDS (error, gradient, Hessian, residuals, Jacobian). Every run pays for each kind it asks
at each point, once: asking again at the same array is answered from memory. The judge's looks share those passes but
are on nobody's bill.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from bpviz import chance, rows
from bpviz.declare import KINDS

if TYPE_CHECKING:
    import numpy.typing as npt

    from bpviz.declare import Array, Point, Problem

    Mask = npt.NDArray[np.bool_]


Bill: TypeAlias = "tuple[tuple[int, ...], Mapping[str, npt.NDArray[np.int64]]]"
"""A moment's counts: one number a kind for all runs alike, and by kind what each run was charged on top."""

_NOTHING: Mapping[str, npt.NDArray[np.int64]] = {}


class _Pass:
    """What is known at one array of weights."""

    __slots__ = ("answers", "billed", "paid", "point", "w")

    def __init__(self) -> None:
        self.w: Array | None = None
        self.point: Point | None = None
        self.answers: dict[str, Array] = {}
        self.billed: set[str] = set()  # kinds that all runs have been charged here
        self.paid: dict[str, Mask] = {}  # by kind, the runs that were charged here alone


class Oracle:
    """Answers for a block of ``runs`` runs and keeps each run's bill.

    ``error`` answers a column ``(runs, 1)``, ``gradient`` ``(runs, params)``, ``hessian`` ``(runs, params, params)``,
    ``residuals`` ``(runs, samples)`` and ``jacobian`` ``(runs, samples, params)``. With ``where`` (a mask over runs)
    only those runs are evaluated and billed; the other rows of the answer are NaN.
    """

    xp = np  # the array namespace rules are written in
    dot = staticmethod(rows.dot)
    solve = staticmethod(rows.solve)
    least_squares = staticmethod(rows.least_squares)
    power = staticmethod(rows.power)
    matvec = staticmethod(rows.matvec)
    outer = staticmethod(rows.outer)
    gram = staticmethod(rows.gram)
    eigh = staticmethod(rows.eigh)
    modified_cholesky = staticmethod(rows.modified_cholesky)
    drawn = staticmethod(chance.drawn)

    def __init__(self, problem: Problem, runs: int) -> None:
        self.problem = problem
        self.live = np.ones(runs, dtype=bool)  # runs that have not ended; the others may still be in the block
        self.stuck: Mask | None = None
        self.why: dict[int, str] = {}  # they are stuck, where somebody says so
        self._here = _Pass()  # where the judge looked last
        self._trial = _Pass()  # wherever else the optimizer asked last
        self._aside = _Pass()  # where it asked last for some runs only, if that is a third place
        self._spare: Point | None = None  # whose memory the next masked pass may use
        self._shared = dict.fromkeys(KINDS, 0)  # asked by all runs alike
        self._own: dict[str, npt.NDArray[np.int64]] = {}  # asked by some, or before they joined this block
        self._part_of: tuple[Any, npt.NDArray[np.int64]] | None = None  # a problem, and which samples each run sees

    # -- questions ---------------------------------------------------------------------------------------------------

    def error(self, w: Array, where: Mask | None = None) -> Array:
        return self._ask("error", w, where)[:, None]

    def gradient(self, w: Array, where: Mask | None = None) -> Array:
        return self._ask("gradient", w, where)

    def hessian(self, w: Array, where: Mask | None = None) -> Array:
        return self._ask("hessian", w, where)

    def residuals(self, w: Array, where: Mask | None = None) -> Array:
        return self._ask("residuals", w, where)

    def jacobian(self, w: Array, where: Mask | None = None) -> Array:
        return self._ask("jacobian", w, where)

    def cannot_go_on(self, where: Mask, why: str | Mapping[int, str] = MappingProxyType({})) -> None:
        """End the runs ``where (runs,)`` as stuck after this epoch.

        ``why`` is the reason, or has reasons by row. Without one, the reason is that no step reduces the error.
        """
        if where.any():
            self.stuck = where if self.stuck is None else self.stuck | where
            self.why.update(dict.fromkeys(np.flatnonzero(where).tolist(), why) if isinstance(why, str) else why)

    def _ask(self, kind: str, w: Array, where: Mask | None) -> Array:
        known = self._here if w is self._here.w else self._trial
        if where is not None:
            where = where & self.live
            if not where.all():
                return self._ask_some(kind, w, where, known)
        if w is not known.w:
            self._move(known, w)
        if kind not in known.billed:
            known.billed.add(kind)
            self._shared[kind] += 1
            if kind in known.paid:
                self._own[kind] = self._own[kind] - known.paid[kind]
        answer = known.answers.get(kind)
        if answer is None:
            answer = known.answers[kind] = getattr(known.point, kind)()
        return answer

    def _move(self, known: _Pass, w: Array) -> None:
        known.w = w
        known.point = self.problem.at(w, known.point)
        known.answers = {}
        known.billed = set()
        known.paid = self._aside.paid if w is self._aside.w else {}

    def _ask_some(self, kind: str, w: Array, where: Mask, known: _Pass) -> Array:
        if w is not known.w:
            known = self._aside
        if w is not known.w:
            known.w, known.paid = w, {}
        if kind not in known.billed:
            paid = known.paid.get(kind)
            known.paid[kind] = where if paid is None else where | paid
            self._own[kind] = self._own.get(kind, 0) + (where if paid is None else where & ~paid)
        which = np.flatnonzero(where)
        problem = self.problem
        if self._part_of is not None:
            whole, samples = self._part_of
            problem = whole.part(samples[:, which])
        self._spare = problem.at(rows.take(w, which), self._spare)
        some: Array = getattr(self._spare, kind)()
        answer = np.full((len(w), *some.shape[1:]), np.nan)
        answer[which] = some
        return answer

    # -- part of the data --------------------------------------------------------------------------------------------

    def part(self, samples: npt.NDArray[np.int64]) -> Oracle:
        """Return an oracle for the same runs on some of the data: ``samples (batch, 1)``, or each run's own
        ``(batch, runs)``.

        What it is asked stands on its own bill alone (``counts``); whoever asks it charges what that comes to here.
        """
        problem: Any = self.problem
        part = self._on(problem.part(samples))
        part.live = self.live
        if samples.shape[1] > 1:
            part._part_of = problem, samples
        return part

    def _on(self, problem: Problem) -> Oracle:
        """Return an oracle for the same runs on another problem."""
        return Oracle(problem, len(self.live))

    def counts(self) -> npt.NDArray[np.int64]:
        """Return what each run has been charged so far: ``(runs, kinds)``, in the order of KINDS."""
        return bills([self.bill()], [len(self.live)])

    def charge(self, counts: npt.NDArray[np.int64]) -> None:
        """Put ``(runs, kinds)`` evaluations on the bills, for what was asked elsewhere."""
        for kind, more in zip(KINDS, counts.T, strict=True):
            if more.any():
                self._own[kind] = self._own.get(kind, 0) + more

    # -- the judge and the loop --------------------------------------------------------------------------------------

    def look(self, w: Array) -> Array:
        """Return the errors ``(runs,)`` at ``w`` without a bill; the pass serves the next questions at ``w``."""
        if w is self._trial.w:
            self._here, self._trial = self._trial, self._here
        here = self._here
        if w is not here.w:
            self._move(here, w)
        error = here.answers.get("error")
        if error is None:
            error = here.answers["error"] = here.point.error()  # type: ignore[union-attr]
        return error

    def look_at_gradient(self) -> Array:
        """Return the norms ``(runs,)`` of the gradients where the judge has looked last, without a bill."""
        here = self._here
        gradient = here.answers.get("gradient")
        if gradient is None:
            gradient = here.answers["gradient"] = here.point.gradient()  # type: ignore[union-attr]
        return np.sqrt(rows.dot(gradient, gradient)[:, 0])

    def bill(self) -> Bill:
        """Return what each run has been charged so far."""
        return tuple(self._shared.values()), self._own.copy() if self._own else _NOTHING

    def take(self, keep: npt.NDArray[np.int64]) -> None:
        """Go on with these rows of the block alone."""
        self._own = {kind: own[keep] for kind, own in self._own.items()}
        self.live = self.live[keep]
        self._forget()

    def join(self, other: Oracle) -> None:
        """Go on with the rows of ``other`` under these, each with its own bill."""
        mine, theirs = len(self.live), len(other.live)
        for kind in KINDS:
            own = np.concatenate(
                [
                    self._own.get(kind, np.zeros(mine, np.int64)),
                    other._own.get(kind, np.zeros(theirs, np.int64)) + (other._shared[kind] - self._shared[kind]),
                ]
            )
            if own.any():
                self._own[kind] = own
        self.live = np.concatenate([self.live, other.live])
        self._forget()

    def _forget(self) -> None:
        self._here.w = self._trial.w = self._aside.w = None


def charged(bill: Bill, which: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the evaluations ``(which, kinds)`` of some rows of a block, kinds in the order of KINDS."""
    shared, own_of = bill
    counts = np.full((len(which), len(KINDS)), shared)
    for kind, own in own_of.items():
        counts[:, KINDS.index(kind)] += own[which]
    return counts


def bills(moments: Sequence[Bill], rows: Sequence[int]) -> npt.NDArray[np.int64]:
    """Return the evaluations ``(all rows, kinds)`` of some moments, one under the other, kinds in the order of KINDS.

    ``rows`` says how many rows the block had at each moment.
    """
    counts = np.repeat(np.array([shared for shared, _ in moments], np.int64), rows, axis=0)
    first = 0
    for (_, own_of), many in zip(moments, rows, strict=True):
        for kind, own in own_of.items():
            counts[first : first + many, KINDS.index(kind)] += own
        first += many
    return counts
