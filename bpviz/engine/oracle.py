"""Evaluate problems for update rules and count the evaluations of every run.

An evaluation is of one of the KINDS (error, gradient, Hessian, residuals, Jacobian). It is counted once per run, kind
and array of weights: a repeated call with the same array returns the stored answer. The loop's own evaluations are not
counted, and what they compute is stored as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from bpviz.declare import KINDS
from bpviz.declare.interfaces import reasons_by_row
from bpviz.declare.restricted import ARITHMETIC, restricted
from bpviz.engine.counts import Bill, bills
from bpviz.numerics import linalg, random

if TYPE_CHECKING:
    import numpy.typing as npt

    from bpviz import declare
    from bpviz.declare import Array, Mask, Point, Problem


_NOTHING: Mapping[str, npt.NDArray[np.int64]] = {}
_NO_REASONS: Mapping[int, str] = MappingProxyType({})


class _Pass:
    """The answers at one array of weights."""

    __slots__ = ("answers", "billed", "paid", "point", "snapshot", "w")

    def __init__(self) -> None:
        self.w: Array | None = None
        self.point: Point | None = None
        self.answers: dict[str, Array] = {}
        self.billed: set[str] = set()  # kinds that are counted here for all runs
        self.paid: dict[str, Mask] = {}  # by kind, the runs for which it is counted here, if not for all
        self.snapshot: bytes | None = None  # the numbers of w, if a rule may have changed them since


class Oracle:
    """Evaluate a problem for a block of ``runs`` runs and count the evaluations of each run.

    ``error`` returns a column ``(runs, 1)``, ``gradient`` ``(runs, params)``, ``hessian`` ``(runs, params, params)``,
    ``residuals`` ``(runs, samples)`` and ``jacobian`` ``(runs, samples, params)``. With ``where`` (a mask over runs)
    only those runs are evaluated and counted; the other rows of the answer are NaN.

    It has all names of the protocol ``declare.Oracle``, and those that the loop uses. Rules are handed what
    ``for_rules`` returns, which has the former alone.
    """

    xp = np  # the array namespace rules are written in
    dot = staticmethod(linalg.dot)
    solve = staticmethod(linalg.solve)
    least_squares = staticmethod(linalg.least_squares)
    power = staticmethod(linalg.power)
    matvec = staticmethod(linalg.matvec)
    outer = staticmethod(linalg.outer)
    gram = staticmethod(linalg.gram)
    eigh = staticmethod(linalg.eigh)
    modified_cholesky = staticmethod(linalg.modified_cholesky)
    drawn = staticmethod(random.drawn)

    def __init__(self, problem: Problem, runs: int) -> None:
        self.problem = problem
        self.live = np.ones(runs, dtype=bool)  # runs that have not ended; the others may still be in the block
        self.stuck: Mask | None = None
        self.why: dict[int, str] = {}  # reasons of stuck runs, by row
        self._here = _Pass()  # where the loop evaluated last
        self._trial = _Pass()  # where else the optimizer evaluated last
        self._aside = _Pass()  # where it evaluated some runs last, if that is a third array
        self._spare: Point | None = None  # whose memory the next masked pass may use
        self._shared = dict.fromkeys(KINDS, 0)  # evaluations of all runs alike
        self._own: dict[str, npt.NDArray[np.int64]] = {}  # of some runs, or from before they joined this block
        self._sampled: dict[str, npt.NDArray[np.int64]] = {}  # samples evaluated on parts of the data
        self._whole: Oracle | None = None  # of a part of the data: the oracle that counts its evaluations as well
        self._batch = 0  # of a part of the data: its number of samples
        self._part_of: tuple[Any, npt.NDArray[np.int64]] | None = None  # a problem, and which samples each run sees

    # -- evaluations -------------------------------------------------------------------------------------------------

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

    def cannot_go_on(self, where: Mask, why: str | Mapping[int, str] = _NO_REASONS) -> None:
        """End the runs ``where (runs,)`` as stuck after this epoch.

        ``why`` is the reason, or has reasons by row. Without one, the reason is that no step reduces the error.
        """
        block = self if self._whole is None else self._whole
        if where.any():
            block.stuck = where if block.stuck is None else block.stuck | where
            block.why = {**block.why, **reasons_by_row(where, why)}  # an Epoch may have the old mapping

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
            if known.paid or self._whole is not None:
                self._correct(kind, known.paid.get(kind))
        answer = known.answers.get(kind)
        if answer is None:
            answer = known.answers[kind] = getattr(known.point, kind)()
        return answer

    def _correct(self, kind: str, paid: Mask | None) -> None:
        """Take back what is counted twice after an evaluation for all runs, and count it for the whole of the data."""
        if paid is not None:
            self._own[kind] = self._own[kind] - paid
        if self._whole is not None:
            self._whole._count_samples(kind, self._batch, None if paid is None else ~paid)

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
            self._set_aside(w)
        if kind not in known.billed:
            paid = known.paid.get(kind)
            new = where if paid is None else where & ~paid
            known.paid[kind] = where if paid is None else where | paid
            self._own[kind] = self._own.get(kind, 0) + new
            if self._whole is not None:
                self._whole._count_samples(kind, self._batch, new)
        which = np.flatnonzero(where)
        problem = self.problem
        if self._part_of is not None:
            whole, samples = self._part_of
            problem = whole.part(samples[:, which])
        self._spare = problem.at(linalg.take(w, which), self._spare)
        some: Array = getattr(self._spare, kind)()
        answer = np.full((len(w), *some.shape[1:]), np.nan)
        answer[which] = some
        return answer

    def _set_aside(self, w: Array) -> None:
        self._aside.w, self._aside.paid = w, {}

    @property
    def samples(self) -> int:
        """The number of samples of the problem's data; 0 without data."""
        return getattr(self.problem, "samples", 0)

    # -- part of the data --------------------------------------------------------------------------------------------

    def part(self, samples: npt.NDArray[np.int64]) -> Oracle:
        """Return an oracle for the same runs on some of the data.

        ``samples`` has the numbers of samples, ``(batch, 1)``, or each run's own, ``(batch, runs)``. An evaluation on b
        of n samples counts b / n here as well; the total of each run is rounded up.
        """
        shape = np.shape(samples)
        if len(shape) != 2 or shape[1] not in (1, len(self.live)):
            raise ValueError(f"f.part takes samples (batch, 1) or (batch, {len(self.live)}), got {shape}")
        problem: Any = self.problem
        part = self._on(problem.part(samples))
        part.live = self.live
        part._whole = self if self._whole is None else self._whole
        part._batch = shape[0]
        if shape[1] > 1:
            part._part_of = problem, samples
        return part

    def _on(self, problem: Problem) -> Oracle:
        """Return an oracle for the same runs on another problem."""
        return Oracle(problem, len(self.live))

    def _count_samples(self, kind: str, samples: int, where: Mask | None) -> None:
        """Count an evaluation on some samples, for the runs ``where`` or for all."""
        before = self._sampled.get(kind)
        if before is None:
            before = np.zeros(len(self.live), np.int64)
        self._sampled[kind] = before + (samples if where is None else samples * where)

    # -- the object that rules are handed ----------------------------------------------------------------------------

    def for_rules(self) -> declare.Oracle:
        """Return an oracle with the names of the protocol alone, for rules.

        Its functions are closures over methods of this one: a bound method would have it as its attribute ``__self__``.
        """
        evaluate, of_samples, give_up = self._ask, self.part, self.cannot_go_on

        def error(w: Array, where: Mask | None = None) -> Array:
            return evaluate("error", w, where)[:, None]

        def gradient(w: Array, where: Mask | None = None) -> Array:
            return evaluate("gradient", w, where)

        def hessian(w: Array, where: Mask | None = None) -> Array:
            return evaluate("hessian", w, where)

        def residuals(w: Array, where: Mask | None = None) -> Array:
            return evaluate("residuals", w, where)

        def jacobian(w: Array, where: Mask | None = None) -> Array:
            return evaluate("jacobian", w, where)

        def part(samples: npt.NDArray[np.int64]) -> declare.Oracle:
            return of_samples(samples).for_rules()

        def cannot_go_on(where: Mask, why: str | Mapping[int, str] = _NO_REASONS) -> None:
            give_up(where, why)

        return restricted(
            {
                **{name: getattr(self, name) for name in ARITHMETIC},
                "live": self.live_for_rules(),
                "samples": self.samples,
                "error": error,
                "gradient": gradient,
                "hessian": hessian,
                "residuals": residuals,
                "jacobian": jacobian,
                "cannot_go_on": cannot_go_on,
                "part": part,
            },
        )

    def live_for_rules(self) -> Mask:
        """Return the runs that have not ended, as an array that cannot be written on."""
        live = self.live.copy()
        live.flags.writeable = False
        return live

    # -- for the loop ------------------------------------------------------------------------------------------------

    def look(self, w: Array) -> Array:
        """Return the errors ``(runs,)`` at ``w`` without counting them; they are stored for evaluations at ``w``."""
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
        """Return the norms ``(runs,)`` of the gradients at the weights of the last ``look``, without counting them."""
        here = self._here
        gradient = here.answers.get("gradient")
        if gradient is None:
            gradient = here.answers["gradient"] = here.point.gradient()  # type: ignore[union-attr]
        return np.sqrt(linalg.dot(gradient, gradient)[:, 0])

    def bill(self) -> Bill:
        """Return the evaluations of each run so far."""
        if self._sampled:
            own, n = self._own.copy(), self.samples
            for kind, sampled in self._sampled.items():
                own[kind] = own.get(kind, 0) - (-sampled // n)  # rounded up
            return tuple(self._shared.values()), own
        return tuple(self._shared.values()), self._own.copy() if self._own else _NOTHING

    def counts(self) -> npt.NDArray[np.int64]:
        """Return the evaluations of each run so far, ``(runs, kinds)``, in the order of KINDS."""
        return bills([self.bill()], [len(self.live)])

    def take(self, keep: npt.NDArray[np.int64]) -> None:
        """Keep these rows of the block alone."""
        self._own = {kind: own[keep] for kind, own in self._own.items()}
        self._sampled = {kind: sampled[keep] for kind, sampled in self._sampled.items()}
        self.live = self.live[keep]
        self._forget()

    def join(self, other: Oracle) -> None:
        """Append the rows of ``other``, each with its own evaluations."""
        ahead = {kind: other._shared[kind] - self._shared[kind] for kind in KINDS}
        mine, theirs = len(self.live), len(other.live)
        self._own = _stacked(self._own, mine, other._own, theirs, ahead)
        self._sampled = _stacked(self._sampled, mine, other._sampled, theirs, dict.fromkeys(KINDS, 0))
        self.live = np.concatenate([self.live, other.live])
        self._forget()

    def _forget(self) -> None:
        self._here.w = self._trial.w = self._aside.w = None


def _stacked(
    above: Mapping[str, npt.NDArray[np.int64]],
    rows_above: int,
    below: Mapping[str, npt.NDArray[np.int64]],
    rows_below: int,
    ahead: Mapping[str, int],
) -> dict[str, npt.NDArray[np.int64]]:
    """Return counts by kind of two blocks in one array each, those of ``below`` plus ``ahead``; none of zeros only."""
    stacked = {}
    for kind in KINDS:
        upper = above.get(kind, np.zeros(rows_above, np.int64))
        lower = below.get(kind, np.zeros(rows_below, np.int64)) + ahead[kind]
        if upper.any() or lower.any():
            stacked[kind] = np.concatenate([upper, lower])
    return stacked


if TYPE_CHECKING:

    def _satisfies_the_protocol(oracle: Oracle) -> declare.Oracle:
        return oracle  # checked by mypy
