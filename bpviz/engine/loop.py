"""The loop that advances all runs. Recorders, summaries, progress bars and animations read its epochs.

Runs advance together in a block. A run that has ended is frozen: it may stay in the block, but is neither recorded nor
counted. Once frozen runs have cost as much time as rebuilding the block, it is rebuilt without them and filled up with
further starts, so that a few long runs share one full block. Since no row depends on another, block sizes and
rebuilding do not change the results.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import inf, isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from bpviz import declare
from bpviz.declare.restricted import replace
from bpviz.engine import guard
from bpviz.engine.blocks import block_size
from bpviz.engine.results import ENDINGS, Ending, Epoch
from bpviz.numerics import linalg

if TYPE_CHECKING:
    import numpy.typing as npt

    from bpviz.declare import Array, Optimizer, Problem
    from bpviz.engine.results import Ints

_REACHED, _LEVEL, _DIVERGED, _EXHAUSTED, _STUCK = (
    ENDINGS.index(e) for e in (Ending.REACHED, Ending.LEVEL, Ending.DIVERGED, Ending.EXHAUSTED, Ending.STUCK)
)

_EPOCHS_PER_CHECK = 16  # epochs between two checks whether the block should be rebuilt


def iterate(
    optimizer: Optimizer,
    problem: Problem,
    starts: npt.ArrayLike,
    *,
    error_threshold: float | None,
    max_epochs: int,
    gradient_threshold: float | None = None,
    varied: Mapping[str, npt.ArrayLike] | None = None,
    block: int | None = None,
) -> Iterator[Epoch]:
    """Run ``optimizer`` on ``problem`` from each of ``starts (runs, params)`` and yield every Epoch.

    A run ends at the first epoch whose error is at most ``error_threshold`` (None: no threshold) or whose gradient
    norm is at most ``gradient_threshold``, after ``max_epochs``, when an error or a weight is not finite, or when the
    optimizer has no next step. ``varied`` gives hyperparameters that differ between runs, ``(runs,)`` each, by their
    names as ``--set`` spells them: ``step``, or ``with.0.last`` for a wrapper. ``block`` is the number of runs that
    advance together; it changes the time and no result.

    Raises ValueError if the problem lacks an evaluation that the optimizer or a threshold needs, and guard.RuleError if
    a third-party optimizer or problem fails.
    """
    reason = declare.unsuitable(optimizer, problem)
    if gradient_threshold is not None:
        reason = reason or declare.without_gradient(problem)
    if reason:
        raise ValueError(reason)
    starts = linalg.block(starts)
    most = getattr(declare.layers(optimizer)[0], "max_block_size", len(starts) + 1)
    size = min(block or block_size(problem), most)
    columns = {name: linalg.block(np.reshape(values, (-1, 1))) for name, values in (varied or {}).items()}
    threshold = -inf if error_threshold is None else error_threshold
    started = 0
    current: _Block | None = None
    while True:
        room = size - len(current or ())
        if room > 0 and started < len(starts):
            run = np.arange(started, min(started + room, len(starts)))
            started += len(run)
            new = _Block(
                optimizer,
                _select_rows(columns, run),
                problem,
                run,
                linalg.take(starts, run),
                threshold,
                gradient_threshold,
                max_epochs,
            )
            with np.errstate(all="ignore"):
                at_start = new.check_endings()
            yield at_start
            new.drop_ended()
            if current:
                current.join(new)
            else:
                current = new
            continue
        if not current:
            return
        while not current.should_rebuild():
            yield from current.advance_epochs()
        current.drop_ended()


def _select_rows(columns: dict[str, Array], which: Ints) -> dict[str, Array]:
    return {name: linalg.take(column, which) for name, column in columns.items()}


def with_array_settings(optimizer: Optimizer, varied: dict[str, Array]) -> Optimizer:
    """Return the optimizer with every number as an array: a column ``(runs, 1)`` where it varies, else ``()``."""
    inner: Any = None
    for depth, layer in enumerate(declare.layers(optimizer)):
        copy = object.__new__(type(layer))
        if depth:
            object.__setattr__(copy, "inner", inner)
        path = f"with.{depth - 1}." if depth else ""
        for name, value in declare.settings(layer).items():
            column = np.array(value) if isinstance(value, float) else value
            object.__setattr__(copy, name, varied.get(path + name, column))
        inner = copy
    return inner  # type: ignore[no-any-return]


class _Block:
    """Runs that advance together."""

    def __init__(
        self,
        optimizer: Optimizer,
        varied: dict[str, Array],
        problem: Problem,
        run: Ints,
        w: Array,
        threshold: float,
        gradient_threshold: float | None,
        max_epochs: int,
    ) -> None:
        self.run = run
        self.w = w
        self.clock = 0
        self.oracle = guard.oracle(optimizer, problem, len(run), lambda: self.clock)
        self.f = self.oracle.for_rules()
        self._set_optimizer(optimizer, varied)
        self.start_clock = np.zeros(len(run), np.int64)  # the value of clock at epoch 0 of each run
        self.threshold = threshold
        self.threshold_array = np.array(threshold)  # arrays compare faster with an array
        self.gradient_threshold = gradient_threshold
        self.checks_every_epoch = gradient_threshold is not None  # check for endings at every epoch
        self.max_epochs = max_epochs
        self.next_exhaustion = max_epochs  # the value of clock at which the next run reaches max_epochs
        self.frozen = 0
        self.frozen_row_epochs = 0  # frozen rows times epochs since the last rebuilding
        self.ended_before = np.zeros(len(run), dtype=bool)  # the frozen rows; only used while there are some
        self.has_non_finite = False  # a row is not finite: arithmetic with it is slow, so it is dropped at once
        with np.errstate(all="ignore"):
            self.state = self.optimizer.begin(w, self.f)

    def _set_optimizer(self, rule: Optimizer, varied: dict[str, Array]) -> None:
        """Use these hyperparameters, one row per run."""
        self.rule, self.varied = rule, varied
        self.optimizer = guard.guarded(with_array_settings(rule, varied), lambda: self.clock)

    def __len__(self) -> int:
        return len(self.run)

    def advance_epochs(self) -> list[Epoch]:
        """Advance by a few epochs, or until the block is worth rebuilding."""
        optimizer, f = self.optimizer, self.f
        epochs = []
        with np.errstate(all="ignore"):  # a run that overflows is a result, not a warning
            for _ in range(_EPOCHS_PER_CHECK):
                self.clock += 1
                self.w, self.state = optimizer.advance(self.w, self.state, f)
                epochs.append(self.check_endings())
                if self.frozen:
                    self.frozen_row_epochs += self.frozen
                    if self.should_rebuild():
                        break
        return epochs

    def check_endings(self) -> Epoch:
        """Compute the errors, freeze the runs that have ended and return the Epoch."""
        oracle, w = self.oracle, self.w
        error = oracle.uncounted_errors(w)
        ended, why = None, oracle.why
        if (
            self.checks_every_epoch
            or oracle.stuck is not None
            or self.clock >= self.next_exhaustion
            or not self._all_continue(error, w)
        ):
            ended = self._freeze(error)
        if why:
            oracle.why = {}
        # What Epoch(...) does as well, in twice the time.
        return tuple.__new__(
            Epoch, (self.run, self.clock, self.start_clock, w, error, oracle.block_counts(), ended, why)
        )

    def _all_continue(self, error: Array, w: Array) -> bool:
        """Return quickly whether every live run is finite and above the threshold."""
        if len(error) == 1:  # plain numbers are faster than calls on arrays
            return self.threshold < error.item() < inf and all(map(isfinite, w[0].tolist()))
        continues = error > self.threshold_array  # false for NaN
        if self.frozen:
            continues |= self.ended_before
        flat = w.T.ravel()
        return np.count_nonzero(continues) == len(error) and isfinite(error.dot(error) + flat.dot(flat))

    def _freeze(self, error: Array) -> tuple[Ints, Ints] | None:
        oracle = self.oracle
        finite = np.isfinite(error)
        if np.count_nonzero(np.isfinite(self.w)) < self.w.size:
            finite &= np.isfinite(self.w).all(axis=1)
        self.has_non_finite = bool(np.count_nonzero(finite) < finite.size)
        ending = np.full(len(self), -1)
        if self.clock >= self.next_exhaustion:
            ending[self.clock - self.start_clock >= self.max_epochs] = _EXHAUSTED
        if oracle.stuck is not None:
            ending[oracle.stuck] = _STUCK
            oracle.stuck = None
        if self.gradient_threshold is not None:
            ending[oracle.uncounted_gradient_norms() <= self.gradient_threshold] = _LEVEL
        ending[error <= self.threshold] = _REACHED
        if self.has_non_finite:
            ending[~finite] = _DIVERGED
        rows_ended = np.flatnonzero((ending >= 0) & oracle.live)
        if not rows_ended.size:
            return None
        oracle.live = oracle.live.copy()
        oracle.live[rows_ended] = False
        replace(self.f, "live", oracle.live_for_rules())
        self.ended_before = ~oracle.live
        self.frozen += rows_ended.size
        if self.clock >= self.next_exhaustion:
            self._set_next_exhaustion()
        return rows_ended, ending[rows_ended]

    def _set_next_exhaustion(self) -> None:
        self.next_exhaustion = int(self.start_clock[self.oracle.live].min(initial=self.clock)) + self.max_epochs

    def should_rebuild(self) -> bool:
        """Return whether frozen rows have cost as much as rebuilding the block, about the work of one epoch."""
        return self.has_non_finite or self.frozen_row_epochs >= len(self) - self.frozen

    def drop_ended(self) -> None:
        """Remove the frozen runs from the block."""
        if not self.frozen:
            return
        keep = np.flatnonzero(self.oracle.live)
        self.w, self.state = linalg.take(self.w, keep), linalg.take(self.state, keep)
        self.run, self.start_clock = self.run[keep], self.start_clock[keep]
        self._set_optimizer(self.rule, _select_rows(self.varied, keep))
        self.oracle.take(keep)
        replace(self.f, "live", self.oracle.live_for_rules())
        self.frozen = self.frozen_row_epochs = 0
        self.has_non_finite = False

    def join(self, new: _Block) -> None:
        """Append the runs of a block that is at its start."""
        self.w, self.state = linalg.join(self.w, new.w), linalg.join(self.state, new.state)
        self.run = np.concatenate([self.run, new.run])
        self.start_clock = np.concatenate([self.start_clock, new.start_clock + self.clock])
        self._set_optimizer(
            self.rule, {name: linalg.join(column, new.varied[name]) for name, column in self.varied.items()}
        )
        self.oracle.join(new.oracle)
        replace(self.f, "live", self.oracle.live_for_rules())
        self._set_next_exhaustion()
