"""Results of runs: a Trajectory per run, or a Summary of many runs."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice, pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bpviz.declare import KINDS
from bpviz.engine.counts import counts_of_epochs, counts_of_rows

if TYPE_CHECKING:
    import numpy.typing as npt

    from bpviz.declare import Array
    from bpviz.engine.counts import BlockCounts

    Ints = npt.NDArray[np.int64]
    Counts = npt.NDArray[np.int64]


class Ending(enum.Enum):
    """Why a run ended. The value is the sentence that tables and messages show."""

    REACHED = "reached the error threshold"
    LEVEL = "reached the gradient threshold"
    DIVERGED = "diverged (non-finite error or weights)"
    EXHAUSTED = "reached max_epochs"
    STUCK = "stuck: no step reduces the error"

    @property
    def word(self) -> str:
        """The word used in files: ``reached``, ``level``, ``diverged``, ``exhausted`` or ``stuck``."""
        return self.name.lower()

    @property
    def short(self) -> str:
        """The sentence without its explanation, as in figures: ``diverged``, ``stuck``, ``reached max_epochs``, ..."""
        return self.value.partition(" (")[0].partition(":")[0]


ENDINGS = tuple(Ending)


class Epoch(NamedTuple):
    """The state of a block after an epoch (at its start for epoch 0). The arrays must not be modified.

    ``run (rows,)`` has the index of each row's run, in the order of the starts. ``clock`` counts the epochs of the
    block, and ``start_clock (rows,)`` has the clock at each run's start. ``ended`` has the rows that ended in this
    epoch and their endings as indices into ENDINGS, or None if no run ended. ``why`` has the reasons that the optimizer
    gave, by row. Rows that ended in an earlier epoch may still be present and must be ignored.
    """

    run: Ints
    clock: int
    start_clock: Ints
    w: Array
    error: Array
    block_counts: BlockCounts
    ended: tuple[Ints, Ints] | None
    why: Mapping[int, str] = MappingProxyType({})


@dataclass(frozen=True, eq=False, repr=False)
class Trajectory:
    """One run, epoch by epoch; row 0 is the start.

    Attributes
    ----------
    weights : ndarray of shape (epochs + 1, params)
        Weights after each epoch.
    errors : ndarray of shape (epochs + 1,)
        Error after each epoch.
    counts : ndarray of int, shape (epochs + 1, kinds)
        Evaluations up to and including each epoch, by kind in the order of KINDS.
    ending : Ending
        Why the run ended.
    why : str
        The optimizer's own reason if the run is stuck, or an empty string.
    """

    weights: Array
    errors: Array
    counts: Counts
    ending: Ending
    why: str = ""

    def __repr__(self) -> str:
        return f"<Trajectory: {self._summary()}>"

    def _summary(self) -> str:
        return f"{self.epochs} {'epoch' if self.epochs == 1 else 'epochs'}, {self.ending.value}"

    @property
    def epochs(self) -> int:
        """The number of epochs; the start is not one."""
        return len(self.errors) - 1

    @property
    def final_error(self) -> float:
        """The error after the last epoch."""
        return float(self.errors[-1])

    @property
    def evaluations(self) -> dict[str, int]:
        """The number of evaluations in the whole run, by kind."""
        return dict(zip(KINDS, self.counts[-1].tolist(), strict=True))


@dataclass(frozen=True, eq=False)
class Summary:
    """The last epoch of many runs, one row per run.

    ``epochs (runs,)`` are numbers of epochs, ``weights (runs, params)`` and ``errors (runs,)`` are final values,
    ``counts (runs, kinds)`` are evaluations and ``endings (runs,)`` are indices into ENDINGS.
    """

    epochs: npt.NDArray[np.int64]
    weights: Array
    errors: Array
    counts: Counts
    endings: npt.NDArray[np.int8]


def record(epochs: Iterable[Epoch], most: int | None = None) -> list[Trajectory]:
    """Consume epochs and return the Trajectory of each run, in the order of the starts.

    Raise TooLongError as soon as the trajectories have more than ``most`` numbers.
    """
    parts: list[_Part] = []
    last: dict[int, int] = {}  # by run, as it ends: the number of its last epoch, ...
    ending: dict[int, Ending] = {}
    why: dict[int, str] = {}
    remaining = iter(epochs)
    first = next(remaining, None)
    if first is None:
        return []
    per_epoch = first.w.size + len(first.run) * (1 + len(KINDS))  # the first block is the largest
    length = max(1, min(_EPOCHS_PER_PART, _NUMBERS_PER_PART // per_epoch))
    remaining, numbers = chain([first], remaining), 0
    while blocks := list(islice(remaining, length)):
        parts.append(_Part.of(blocks))
        for e in blocks:
            if e.ended is not None:
                for row, end in zip(*(rows.tolist() for rows in e.ended), strict=True):
                    run = int(e.run[row])
                    last[run], ending[run] = e.clock - int(e.start_clock[row]), ENDINGS[end]
                    why[run] = e.why.get(row, "") if ending[run] is Ending.STUCK else ""
        numbers += parts[-1].numbers
        if most is not None and numbers > most:
            raise TooLongError(int(parts[-1].epoch.max()))
    sizes = np.array([last[run] + 1 for run in range(len(last))])
    weights, errors, counts = _joined(parts, sizes)
    bounds = [0, *np.cumsum(sizes).tolist()]
    own = [slice(*ends) for ends in pairwise(bounds)]
    return [Trajectory(weights[s], errors[s], counts[s], ending[run], why[run]) for run, s in enumerate(own)]


class TooLongError(Exception):
    """Trajectories have more numbers than allowed; ``epoch`` is the number of the last one."""

    def __init__(self, epoch: int) -> None:
        super().__init__(epoch)
        self.epoch = epoch


# A part of the epochs is turned into arrays at a time: objects take ten times as much memory as their numbers.
_EPOCHS_PER_PART = 4096
_NUMBERS_PER_PART = 2**23


class _Part(NamedTuple):
    """The rows of some epochs, one below the other: their runs, epochs, weights, errors and counts."""

    run: Ints
    epoch: Ints
    weights: Array
    errors: Array
    counts: Counts

    @classmethod
    def of(cls, blocks: Sequence[Epoch]) -> _Part:
        rows = [len(e.run) for e in blocks]
        return cls(
            np.concatenate([e.run for e in blocks]),
            np.repeat([e.clock for e in blocks], rows) - np.concatenate([e.start_clock for e in blocks]),
            np.concatenate([e.w for e in blocks]),
            np.concatenate([e.error for e in blocks]),
            counts_of_epochs([e.block_counts for e in blocks], rows),
        )

    @property
    def numbers(self) -> int:
        return self.weights.size + self.errors.size + self.counts.size

    def by_run(self, sizes: Ints) -> Ints:
        """Return the indices of the rows sorted by run, without those after the last epoch of a run."""
        order = np.argsort(self.run, kind="stable")  # keeps the rows of a run in the order of its epochs
        return order[self.epoch[order] < sizes[self.run[order]]]

    def recorded(self, rows: Ints) -> tuple[Array, Array, Counts]:
        return self.weights.take(rows, axis=0), self.errors.take(rows), self.counts.take(rows, axis=0)


def _joined(parts: list[_Part], sizes: Ints) -> tuple[Array, Array, Counts]:
    """Return weights, errors and counts of all runs, one run below the other with ``sizes (runs,)`` rows each.

    Rows after the last epoch of a run are dropped. Empties ``parts``, so that every number is held about once.
    """
    if len(parts) == 1:
        return parts[0].recorded(parts[0].by_run(sizes))
    first, total = np.cumsum(sizes) - sizes, int(sizes.sum())
    weights = np.empty((total, parts[0].weights.shape[1]))
    errors, counts = np.empty(total), np.empty((total, len(KINDS)), np.int64)
    while parts:
        part = parts.pop()
        rows = part.by_run(sizes)
        place = first[part.run[rows]] + part.epoch[rows]
        weights[place], errors[place], counts[place] = part.recorded(rows)
    return weights, errors, counts


def summarize(epochs: Iterable[Epoch], runs: int, params: int) -> Summary:
    """Consume the epochs of ``runs`` runs and return the last epoch of each run."""
    summary = Summary(
        np.zeros(runs, np.int64),
        np.full((runs, params), np.nan),
        np.full(runs, np.nan),
        np.zeros((runs, len(KINDS)), np.int64),
        np.zeros(runs, np.int8),
    )
    for e in epochs:
        if e.ended is not None:
            rows, endings = e.ended
            run = e.run[rows]
            summary.epochs[run] = e.clock - e.start_clock[rows]
            summary.weights[run] = e.w[rows]
            summary.errors[run] = e.error[rows]
            summary.counts[run] = counts_of_rows(e.block_counts, rows)
            summary.endings[run] = endings
    return summary


@dataclass(frozen=True, eq=False, repr=False)
class Run:
    """One run: an algorithm from one start.

    Attributes
    ----------
    algorithm : str
        Name of the algorithm, such as ``gd``.
    label : str
        Label in tables and figures, such as ``Gradient descent``.
    settings : mapping
        Settings of the algorithm, by name.
    start : tuple of float
        Initial weights.
    trajectory : Trajectory
        Weights, errors and evaluations per epoch, and the ending.
    """

    algorithm: str
    label: str
    settings: Mapping[str, Any]
    start: tuple[float, ...]
    trajectory: Trajectory

    def __repr__(self) -> str:
        return f"<Run {self.label!r}: {self.trajectory._summary()}>"

    @property
    def weights(self) -> Array:
        """Weights at the start and after each epoch, of shape ``(epochs + 1, params)``."""
        return self.trajectory.weights

    @property
    def errors(self) -> Array:
        """Errors at the start and after each epoch, of shape ``(epochs + 1,)``."""
        return self.trajectory.errors

    @property
    def counts(self) -> Counts:
        """Evaluations up to each epoch, of shape ``(epochs + 1, kinds)``; kinds are in the order of KINDS."""
        return self.trajectory.counts

    @property
    def epochs(self) -> int:
        """The number of epochs; the start is not one."""
        return self.trajectory.epochs

    @property
    def final_error(self) -> float:
        """The error after the last epoch."""
        return self.trajectory.final_error

    @property
    def evaluations(self) -> dict[str, int]:
        """The number of evaluations in the whole run, by kind."""
        return self.trajectory.evaluations

    @property
    def ending(self) -> Ending:
        """Why the run ended."""
        return self.trajectory.ending


@dataclass(frozen=True, eq=False)
class Results:
    """All runs of an experiment, by algorithm in the order of the config, then by start.

    Attributes
    ----------
    title : str
        Title of the experiment.
    weights : tuple of str
        Names of the weights.
    error_threshold : float or None
        Error at which runs stop. Unlike the setting of a config, it is not relative to the known minimum.
    runs : sequence of Run
        The runs.
    gradient_threshold : float or None
        Gradient norm at which runs stop.
    """

    title: str
    weights: tuple[str, ...]
    error_threshold: float | None
    runs: Sequence[Run]
    gradient_threshold: float | None = None

    @property
    def has_no_threshold(self) -> bool:
        """Whether the experiment sets neither an error threshold nor a gradient threshold."""
        return self.error_threshold is None and self.gradient_threshold is None

    def succeeded(self, run: Run) -> bool:
        """Return whether a run reached a threshold or, if the experiment sets none, reached max_epochs."""
        expected = (Ending.EXHAUSTED,) if self.has_no_threshold else (Ending.REACHED, Ending.LEVEL)
        return run.trajectory.ending in expected

    def of(self, label: str) -> list[Run]:
        """Return the runs of the algorithm with a label, one per start."""
        return [run for run in self.runs if run.label == label]
