"""The loop. There is no other: recorders, summaries, progress bars and animations listen to it.

Runs travel in a block. A run that ends is frozen: it may still be carried along, but it is neither recorded nor billed.
When carrying frozen runs has cost as much as rebuilding, the block is rebuilt without them and filled up from the
starts that wait, so a few runs that never finish share one full block instead of dragging a nearly empty one each.
Since no row depends on another, nothing of this can be seen in the results.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import inf, isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from bpviz import declare
from bpviz.declare.restricted import replace
from bpviz.engine import guard
from bpviz.engine.results import ENDINGS, Ending, Epoch
from bpviz.numerics import linalg

if TYPE_CHECKING:
    import numpy.typing as npt

    from bpviz.declare import Array, Optimizer, Problem
    from bpviz.engine.results import Ints

_REACHED, _LEVEL, _DIVERGED, _EXHAUSTED, _STUCK = (
    ENDINGS.index(e) for e in (Ending.REACHED, Ending.LEVEL, Ending.DIVERGED, Ending.EXHAUSTED, Ending.STUCK)
)

# What one temporary of a block may take: large enough that Python's overhead hardly counts, small enough for the cache.
# Measured in docs/performance.md.
_BLOCK_BYTES = 1024 * 1024


_STRETCH = 16  # epochs between two looks at whether the block should be rebuilt


def march(
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

    A run ends at the first epoch whose error is at most ``error_threshold`` (None: never for that reason) or whose
    gradient is at most ``gradient_threshold`` long, after ``max_epochs``, when it stops being finite, or when its
    optimizer knows no next step. ``varied`` gives hyperparameters that differ from run to run, ``(runs,)`` each, by
    their names as ``--set`` writes them: ``step``, and ``with.0.last`` for what is around the rule.
    ``block`` is how many runs travel together; it changes the time this takes and nothing else.

    Raises ValueError if the problem cannot answer what the optimizer or the judge needs to ask, and guard.RuleError if
    one of them is not this package's and fails.
    """
    reason = declare.unsuitable(optimizer, problem)
    if gradient_threshold is not None:
        reason = reason or declare.without_gradient(problem)
    if reason:
        raise ValueError(reason)
    starts = linalg.block(starts)
    together = getattr(declare.layers(optimizer)[0], "together", len(starts) + 1)
    size = min(block or max(64, _BLOCK_BYTES // (8 * problem.width)), together)
    columns = {name: linalg.block(np.reshape(values, (-1, 1))) for name, values in (varied or {}).items()}
    threshold = -inf if error_threshold is None else error_threshold
    entered = 0
    travelling: _Block | None = None
    while True:
        room = size - len(travelling or ())
        if room > 0 and entered < len(starts):
            run = np.arange(entered, min(entered + room, len(starts)))
            entered += len(run)
            fresh = _Block(
                optimizer,
                _rows_of(columns, run),
                problem,
                run,
                linalg.take(starts, run),
                threshold,
                gradient_threshold,
                max_epochs,
            )
            with np.errstate(all="ignore"):
                at_start = fresh.judge()
            yield at_start
            fresh.drop_ended()
            if travelling:
                travelling.join(fresh)
            else:
                travelling = fresh
            continue
        if not travelling:
            return
        while not travelling.worth_dropping():
            yield from travelling.stretch()
        travelling.drop_ended()


def _rows_of(columns: dict[str, Array], which: Ints) -> dict[str, Array]:
    return {name: linalg.take(column, which) for name, column in columns.items()}


def _in_columns(optimizer: Optimizer, varied: dict[str, Array]) -> Optimizer:
    """Return the optimizer with every number as an array: a column ``(runs, 1)`` where it varies, else ``()``."""
    made: Any = None
    for depth, layer in enumerate(declare.layers(optimizer)):
        copy = object.__new__(type(layer))
        if depth:
            object.__setattr__(copy, "inner", made)
        path = f"with.{depth - 1}." if depth else ""
        for name, value in declare.settings(layer).items():
            column = np.array(value) if isinstance(value, float) else value
            object.__setattr__(copy, name, varied.get(path + name, column))
        made = copy
    return made  # type: ignore[no-any-return]


class _Block:
    """Runs that travel together."""

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
        self._take_up(optimizer, varied)
        self.born = np.zeros(len(run), np.int64)  # the clock at each run's epoch 0
        self.threshold = threshold
        self.threshold_array = np.array(threshold)  # which arrays are compared with sooner
        self.gradient_threshold = gradient_threshold
        self.looks_closer = gradient_threshold is not None  # at every epoch, however well all runs go on
        self.max_epochs = max_epochs
        self.alarm = max_epochs  # the clock at which a run first runs out of epochs
        self.frozen = 0
        self.carried = 0  # frozen rows times epochs since the last rebuilding
        self.ended_before = np.zeros(len(run), dtype=bool)
        self.broken = False  # a row is not finite any more: slow arithmetic that is best dropped at once
        with np.errstate(all="ignore"):
            self.state = self.optimizer.begin(w, self.f)

    def _take_up(self, rule: Optimizer, varied: dict[str, Array]) -> None:
        """Go on with these hyperparameters, one row a run."""
        self.rule, self.varied = rule, varied
        self.optimizer = guard.guarded(_in_columns(rule, varied), lambda: self.clock)

    def __len__(self) -> int:
        return len(self.run)

    def stretch(self) -> list[Epoch]:
        """Make a few epochs, until dropping the ended runs pays."""
        optimizer, f = self.optimizer, self.f
        epochs = []
        with np.errstate(all="ignore"):  # a run that overflows is a result, not a warning
            for _ in range(_STRETCH):
                self.clock += 1
                self.w, self.state = optimizer.advance(self.w, self.state, f)
                epochs.append(self.judge())
                if self.frozen:
                    self.carried += self.frozen
                    if self.worth_dropping():
                        break
        return epochs

    def judge(self) -> Epoch:
        """Look at the errors, freeze the runs that have ended and return the Epoch."""
        oracle, w = self.oracle, self.w
        error = oracle.look(w)
        ended, why = None, oracle.why
        if self.looks_closer or oracle.stuck is not None or self.clock >= self.alarm or not self._all_go_on(error, w):
            ended = self._freeze(error)
        if why:
            oracle.why = {}
        return Epoch(self.run, self.clock, self.born, w, error, oracle.bill(), ended, why)

    def _all_go_on(self, error: Array, w: Array) -> bool:
        """Say, as quickly as it can be said, whether every live run is finite and above the threshold."""
        if len(error) == 1:  # plain numbers beat a handful of calls on arrays
            return self.threshold < error.item() < inf and all(map(isfinite, w[0].tolist()))
        going = error > self.threshold_array  # not for NaN
        if self.frozen:
            going |= self.ended_before
        flat = w.T.ravel()
        return np.count_nonzero(going) == len(error) and isfinite(error.dot(error) + flat.dot(flat))

    def _freeze(self, error: Array) -> tuple[Ints, Ints] | None:
        oracle = self.oracle
        finite = np.isfinite(error)
        if np.count_nonzero(np.isfinite(self.w)) < self.w.size:
            finite &= np.isfinite(self.w).all(axis=1)
        self.broken = bool(np.count_nonzero(finite) < finite.size)
        ending = np.full(len(self), -1)
        if self.clock >= self.alarm:
            ending[self.clock - self.born >= self.max_epochs] = _EXHAUSTED
        if oracle.stuck is not None:
            ending[oracle.stuck] = _STUCK
            oracle.stuck = None
        if self.gradient_threshold is not None:
            ending[oracle.look_at_gradient() <= self.gradient_threshold] = _LEVEL
        ending[error <= self.threshold] = _REACHED
        if self.broken:
            ending[~finite] = _DIVERGED
        rows_ended = np.flatnonzero((ending >= 0) & oracle.live)
        if not rows_ended.size:
            return None
        oracle.live = oracle.live.copy()
        oracle.live[rows_ended] = False
        replace(self.f, "live", oracle.live_for_rules())
        self.ended_before = ~oracle.live
        self.frozen += rows_ended.size
        if self.clock >= self.alarm:
            self._set_alarm()
        return rows_ended, ending[rows_ended]

    def _set_alarm(self) -> None:
        self.alarm = int(self.born[self.oracle.live].min(initial=self.clock)) + self.max_epochs

    def worth_dropping(self) -> bool:
        """Say whether carrying frozen rows has cost as much by now as a rebuilt block will, about one epoch's work."""
        return self.broken or self.carried >= len(self) - self.frozen

    def drop_ended(self) -> None:
        """Go on without the frozen runs."""
        if not self.frozen:
            return
        keep = np.flatnonzero(self.oracle.live)
        self.w, self.state = linalg.take(self.w, keep), linalg.take(self.state, keep)
        self.run, self.born = self.run[keep], self.born[keep]
        self._take_up(self.rule, _rows_of(self.varied, keep))
        self.oracle.take(keep)
        replace(self.f, "live", self.oracle.live_for_rules())
        self.frozen = self.carried = 0
        self.ended_before = ~self.oracle.live
        self.broken = False

    def join(self, fresh: _Block) -> None:
        """Take in the runs of a block that is at its start."""
        self.w, self.state = linalg.join(self.w, fresh.w), linalg.join(self.state, fresh.state)
        self.run = np.concatenate([self.run, fresh.run])
        self.born = np.concatenate([self.born, fresh.born + self.clock])
        self._take_up(
            self.rule, {name: linalg.join(column, fresh.varied[name]) for name, column in self.varied.items()}
        )
        self.oracle.join(fresh.oracle)
        replace(self.f, "live", self.oracle.live_for_rules())
        self.ended_before = ~self.oracle.live
        self._set_alarm()
