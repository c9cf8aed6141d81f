"""What happened: a Trajectory for each run, or a Summary of many."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bpviz.declare import KINDS
from bpviz.engine.counts import bills, charged

if TYPE_CHECKING:
    import numpy.typing as npt

    from bpviz.declare import Array
    from bpviz.engine.counts import Bill

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
    """A block after an epoch (epoch 0: at its start), as listeners see it. Arrays must not be written on.

    ``run (rows,)``: which run each row is, by the order of the starts. ``ended``: the rows that ended in this epoch
    with their endings as indices into ENDINGS; None when none did. ``why``: what an optimizer gave as its reason, by
    row. Rows that ended earlier may still come along and mean nothing.
    """

    run: Ints
    clock: int
    born: Ints
    w: Array
    error: Array
    bill: Bill
    ended: tuple[Ints, Ints] | None
    why: Mapping[int, str] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Trajectory:
    """One run, epoch by epoch; epoch 0 is the start.

    ``weights (epochs + 1, params)``, ``errors (epochs + 1,)``, ``counts (epochs + 1, kinds)``: evaluations on the
    optimizer's bill up to and including each epoch, kinds in the order of KINDS. ``why`` is the reason that the
    optimizer gave if it could not go on, where it gave one.
    """

    weights: Array
    errors: Array
    counts: Counts
    ending: Ending
    why: str = ""

    @property
    def epochs(self) -> int:
        return len(self.errors) - 1

    @property
    def final_error(self) -> float:
        return float(self.errors[-1])

    @property
    def evaluations(self) -> dict[str, int]:
        """What the whole run was charged, by kind."""
        return dict(zip(KINDS, self.counts[-1].tolist(), strict=True))


@dataclass(frozen=True, eq=False)
class Summary:
    """How many runs ended: one row a run, nothing of the way there.

    ``epochs (runs,)``, ``weights (runs, params)``, ``errors (runs,)``, ``counts (runs, kinds)``, ``endings (runs,)`` as
    indices into ENDINGS.
    """

    epochs: npt.NDArray[np.int64]
    weights: Array
    errors: Array
    counts: Counts
    endings: npt.NDArray[np.int8]


def record(epochs: Iterable[Epoch]) -> list[Trajectory]:
    """Follow a march to its end and return every run's Trajectory, in the order of the starts."""
    seen = list(epochs)
    if not seen:
        return []
    rows = [len(e.run) for e in seen]
    run = np.concatenate([e.run for e in seen])
    number = np.repeat([e.clock for e in seen], rows) - np.concatenate([e.born for e in seen])
    weights = np.concatenate([e.w for e in seen])
    errors = np.concatenate([e.error for e in seen])
    counts = bills([e.bill for e in seen], rows)
    runs = int(run.max()) + 1
    last, ending, why = np.zeros(runs, np.int64), np.zeros(runs, np.int8), [""] * runs
    for e in seen:
        if e.ended is not None:
            over, endings = e.ended
            last[e.run[over]] = e.clock - e.born[over]
            ending[e.run[over]] = endings
            for row in over.tolist():
                why[e.run[row]] = e.why.get(row, "")
    # A run's rows come in the order of its epochs; those after its last are its neighbours' business.
    order = np.argsort(run, kind="stable")
    order = order[number[order] <= last[run[order]]]
    bounds = np.concatenate([[0], np.cumsum(last + 1)])
    return [
        Trajectory(weights[own], errors[own], counts[own], end, why[i] if end is Ending.STUCK else "")
        for i in range(len(last))
        for own, end in [(order[bounds[i] : bounds[i + 1]], ENDINGS[ending[i]])]
    ]


def summarize(epochs: Iterable[Epoch], runs: int, params: int) -> Summary:
    """Follow a march of ``runs`` runs to its end and keep how each ended."""
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
            summary.epochs[run] = e.clock - e.born[rows]
            summary.weights[run] = e.w[rows]
            summary.errors[run] = e.error[rows]
            summary.counts[run] = charged(e.bill, rows)
            summary.endings[run] = endings
    return summary


@dataclass(frozen=True, eq=False)
class Run:
    """A Trajectory with what made it: the algorithm, its label and settings, and the start."""

    algorithm: str
    label: str
    settings: Mapping[str, Any]
    start: tuple[float, ...]
    trajectory: Trajectory

    @property
    def weights(self) -> Array:
        """The weights ``(epochs + 1, params)`` at the start and after every epoch."""
        return self.trajectory.weights

    @property
    def errors(self) -> Array:
        """The errors ``(epochs + 1,)`` there."""
        return self.trajectory.errors

    @property
    def counts(self) -> Counts:
        """Evaluations ``(epochs + 1, kinds)`` by then, kinds in the order of KINDS."""
        return self.trajectory.counts

    @property
    def epochs(self) -> int:
        return self.trajectory.epochs

    @property
    def final_error(self) -> float:
        return self.trajectory.final_error

    @property
    def evaluations(self) -> dict[str, int]:
        """What the whole run was charged, by kind."""
        return self.trajectory.evaluations

    @property
    def ending(self) -> Ending:
        return self.trajectory.ending


@dataclass(frozen=True, eq=False)
class Results:
    """All runs of an experiment, algorithm by algorithm in the order of the config, start by start."""

    title: str
    weights: tuple[str, ...]
    error_threshold: float | None  # the error itself: what the experiment says, counted from the lowest there is
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
        """Return the runs of one algorithm, by its label."""
        return [run for run in self.runs if run.label == label]
