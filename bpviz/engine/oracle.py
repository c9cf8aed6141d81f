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
from bpviz.engine.counts import BlockCounts, counts_of_epochs
from bpviz.numerics import linalg, random

if TYPE_CHECKING:
    import numpy.typing as npt

    from bpviz import declare
    from bpviz.declare import Array, Mask, Point, Problem


_NO_COUNTS: Mapping[str, npt.NDArray[np.int64]] = {}
_NO_REASONS: Mapping[int, str] = MappingProxyType({})


class _StoredAnswers:
    """The answers at one array of weights."""

    __slots__ = ("answers", "counted", "counted_rows", "point", "snapshot", "w")

    def __init__(self) -> None:
        self.w: Array | None = None
        self.point: Point | None = None
        self.answers: dict[str, Array] = {}
        self.counted: set[str] = set()  # kinds that are counted here for all runs
        self.counted_rows: dict[str, Mask] = {}  # by kind, the runs for which it is counted here, if not for all
        self.snapshot: bytes | None = None  # the numbers of w, if a rule may have changed them since


class CountingOracle:
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
        self._current = _StoredAnswers()  # where the loop evaluated last
        self._other = _StoredAnswers()  # where else the optimizer evaluated last
        self._masked = _StoredAnswers()  # where it evaluated some runs last, if that is a third array
        self._spare_point: Point | None = None  # whose memory the next masked evaluation may use
        self._shared_counts = dict.fromkeys(KINDS, 0)  # evaluations of all runs alike
        self._row_counts: dict[str, npt.NDArray[np.int64]] = {}  # of some runs, or from before they joined this block
        self._sample_counts: dict[str, npt.NDArray[np.int64]] = {}  # samples evaluated on parts of the data
        self._full_oracle: CountingOracle | None = None  # of a part of the data: the oracle of all of it, which counts
        self._batch_size = 0  # of a part of the data: its number of samples
        self._part_of: tuple[Any, npt.NDArray[np.int64]] | None = None  # a problem, and which samples each run sees

    # -- evaluations -------------------------------------------------------------------------------------------------

    def error(self, w: Array, where: Mask | None = None) -> Array:
        return self._evaluate("error", w, where)[:, None]

    def gradient(self, w: Array, where: Mask | None = None) -> Array:
        return self._evaluate("gradient", w, where)

    def hessian(self, w: Array, where: Mask | None = None) -> Array:
        return self._evaluate("hessian", w, where)

    def residuals(self, w: Array, where: Mask | None = None) -> Array:
        return self._evaluate("residuals", w, where)

    def jacobian(self, w: Array, where: Mask | None = None) -> Array:
        return self._evaluate("jacobian", w, where)

    def cannot_go_on(self, where: Mask, why: str | Mapping[int, str] = _NO_REASONS) -> None:
        """End the runs ``where (runs,)`` as stuck after this epoch.

        ``why`` is the reason, or has reasons by row. Without one, the reason is that no step reduces the error.
        """
        block = self if self._full_oracle is None else self._full_oracle
        if where.any():
            block.stuck = where if block.stuck is None else block.stuck | where
            block.why = {**block.why, **reasons_by_row(where, why)}  # an Epoch may have the old mapping

    def _evaluate(self, kind: str, w: Array, where: Mask | None) -> Array:
        stored = self._current if w is self._current.w else self._other
        if where is not None:
            where = where & self.live
            if not where.all():
                return self._evaluate_some(kind, w, where, stored)
        if w is not stored.w:
            self._reset(stored, w)
        if kind not in stored.counted:
            stored.counted.add(kind)
            self._shared_counts[kind] += 1
            if stored.counted_rows or self._full_oracle is not None:
                self._correct(kind, stored.counted_rows.get(kind))
        answer = stored.answers.get(kind)
        if answer is None:
            answer = stored.answers[kind] = getattr(stored.point, kind)()
        return answer

    def _correct(self, kind: str, counted_rows: Mask | None) -> None:
        """Take back what is counted twice after an evaluation for all runs, and count it for the whole of the data."""
        if counted_rows is not None:
            self._row_counts[kind] = self._row_counts[kind] - counted_rows
        if self._full_oracle is not None:
            self._full_oracle._count_samples(kind, self._batch_size, None if counted_rows is None else ~counted_rows)

    def _reset(self, stored: _StoredAnswers, w: Array) -> None:
        stored.w = w
        stored.point = self.problem.at(w, stored.point)
        stored.answers = {}
        stored.counted = set()
        stored.counted_rows = self._masked.counted_rows if w is self._masked.w else {}

    def _evaluate_some(self, kind: str, w: Array, where: Mask, stored: _StoredAnswers) -> Array:
        if w is not stored.w:
            stored = self._masked
        if w is not stored.w:
            self._reset_masked(w)
        if kind not in stored.counted:
            counted_rows = stored.counted_rows.get(kind)
            new = where if counted_rows is None else where & ~counted_rows
            stored.counted_rows[kind] = where if counted_rows is None else where | counted_rows
            self._row_counts[kind] = self._row_counts.get(kind, 0) + new
            if self._full_oracle is not None:
                self._full_oracle._count_samples(kind, self._batch_size, new)
        which = np.flatnonzero(where)
        problem = self.problem
        if self._part_of is not None:
            full_problem, samples = self._part_of
            problem = full_problem.part(samples[:, which])
        self._spare_point = problem.at(linalg.take(w, which), self._spare_point)
        some: Array = getattr(self._spare_point, kind)()
        answer = np.full((len(w), *some.shape[1:]), np.nan)
        answer[which] = some
        return answer

    def _reset_masked(self, w: Array) -> None:
        self._masked.w, self._masked.counted_rows = w, {}

    @property
    def samples(self) -> int:
        """The number of samples of the problem's data; 0 without data."""
        return getattr(self.problem, "samples", 0)

    # -- part of the data --------------------------------------------------------------------------------------------

    def part(self, samples: npt.NDArray[np.int64]) -> CountingOracle:
        """Return an oracle for the same runs on some of the data.

        ``samples`` has the numbers of samples, ``(batch, 1)``, or each run's own, ``(batch, runs)``. An evaluation on b
        of n samples counts b / n here as well; the total of each run is rounded up.
        """
        shape = np.shape(samples)
        if len(shape) != 2 or shape[1] not in (1, len(self.live)):
            raise ValueError(f"f.part takes samples (batch, 1) or (batch, {len(self.live)}), got {shape}")
        problem: Any = self.problem
        part = self._oracle_for(problem.part(samples))
        part.live = self.live
        part._full_oracle = self if self._full_oracle is None else self._full_oracle
        part._batch_size = shape[0]
        if shape[1] > 1:
            part._part_of = problem, samples
        return part

    def _oracle_for(self, problem: Problem) -> CountingOracle:
        """Return an oracle for the same runs on another problem."""
        return CountingOracle(problem, len(self.live))

    def _count_samples(self, kind: str, samples: int, where: Mask | None) -> None:
        """Count an evaluation on some samples, for the runs ``where`` or for all."""
        before = self._sample_counts.get(kind)
        if before is None:
            before = np.zeros(len(self.live), np.int64)
        self._sample_counts[kind] = before + (samples if where is None else samples * where)

    # -- the object that rules are handed ----------------------------------------------------------------------------

    def for_rules(self) -> declare.Oracle:
        """Return an oracle with the names of the protocol alone, for rules.

        Its functions are closures over methods of this one: a bound method would have it as its attribute ``__self__``.
        """
        evaluate, make_part, end_runs = self._evaluate, self.part, self.cannot_go_on

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
            return make_part(samples).for_rules()

        def cannot_go_on(where: Mask, why: str | Mapping[int, str] = _NO_REASONS) -> None:
            end_runs(where, why)

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

    def uncounted_errors(self, w: Array) -> Array:
        """Return the errors ``(runs,)`` at ``w`` without counting them; they are stored for evaluations at ``w``."""
        if w is self._other.w:
            self._current, self._other = self._other, self._current
        current = self._current
        if w is not current.w:
            self._reset(current, w)
        error = current.answers.get("error")
        if error is None:
            error = current.answers["error"] = current.point.error()  # type: ignore[union-attr]
        return error

    def uncounted_gradient_norms(self) -> Array:
        """Return the gradient norms ``(runs,)`` at the weights of the last ``uncounted_errors``."""
        current = self._current
        gradient = current.answers.get("gradient")
        if gradient is None:
            gradient = current.answers["gradient"] = current.point.gradient()  # type: ignore[union-attr]
        return np.sqrt(linalg.dot(gradient, gradient)[:, 0])

    def block_counts(self) -> BlockCounts:
        """Return the evaluations of each run so far."""
        if self._sample_counts:
            row_counts, n = self._row_counts.copy(), self.samples
            for kind, sampled in self._sample_counts.items():
                row_counts[kind] = row_counts.get(kind, 0) - (-sampled // n)  # rounded up
            return tuple(self._shared_counts.values()), row_counts
        return tuple(self._shared_counts.values()), self._row_counts.copy() if self._row_counts else _NO_COUNTS

    def counts(self) -> npt.NDArray[np.int64]:
        """Return the evaluations of each run so far, ``(runs, kinds)``, in the order of KINDS."""
        return counts_of_epochs([self.block_counts()], [len(self.live)])

    def take(self, keep: npt.NDArray[np.int64]) -> None:
        """Keep these rows of the block alone."""
        self._row_counts = {kind: row_counts[keep] for kind, row_counts in self._row_counts.items()}
        self._sample_counts = {kind: sampled[keep] for kind, sampled in self._sample_counts.items()}
        self.live = self.live[keep]
        self._clear()

    def join(self, other: CountingOracle) -> None:
        """Append the rows of ``other``, each with its own evaluations."""
        difference = {kind: other._shared_counts[kind] - self._shared_counts[kind] for kind in KINDS}
        rows, other_rows = len(self.live), len(other.live)
        self._row_counts = _stacked(self._row_counts, rows, other._row_counts, other_rows, difference)
        self._sample_counts = _stacked(
            self._sample_counts, rows, other._sample_counts, other_rows, dict.fromkeys(KINDS, 0)
        )
        self.live = np.concatenate([self.live, other.live])
        self._clear()

    def _clear(self) -> None:
        self._current.w = self._other.w = self._masked.w = None


def _stacked(
    above: Mapping[str, npt.NDArray[np.int64]],
    rows_above: int,
    below: Mapping[str, npt.NDArray[np.int64]],
    rows_below: int,
    difference: Mapping[str, int],
) -> dict[str, npt.NDArray[np.int64]]:
    """Return counts by kind of two blocks in one array each, with ``difference`` added below; none of zeros only."""
    stacked = {}
    for kind in KINDS:
        upper = above.get(kind, np.zeros(rows_above, np.int64))
        lower = below.get(kind, np.zeros(rows_below, np.int64)) + difference[kind]
        if upper.any() or lower.any():
            stacked[kind] = np.concatenate([upper, lower])
    return stacked


if TYPE_CHECKING:

    def _satisfies_the_protocol(oracle: CountingOracle) -> declare.Oracle:
        return oracle  # checked by mypy
