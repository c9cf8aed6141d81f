"""Bar chart of the epochs and evaluations of each algorithm."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any, NamedTuple

from bpviz.declare import KINDS, figure
from bpviz.figures import _style
from bpviz.figures._base import OfAlgorithms, outcome, select
from bpviz.figures._style import word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.container import BarContainer
    from matplotlib.figure import Figure
    from matplotlib.text import Annotation

    from bpviz.declare import Array, Problem
    from bpviz.engine.results import Results


class EpochsData(NamedTuple):
    """Numbers ``(algorithms,)``, medians if there are several starts, and the texts next to their bars."""

    labels: list[str]
    places: list[int]
    epochs: Array
    evaluations: Array
    outcomes: list[str]
    counts: list[str]
    succeeded: list[bool]
    title: str
    note: str


class EpochsArtists(NamedTuple):
    """The artists, in the order of the algorithms."""

    epochs: BarContainer
    evaluations: BarContainer
    texts: list[Annotation]


@figure("epochs", summary="bar chart of epochs and evaluations per algorithm")
class Epochs(OfAlgorithms):
    """Two bars per algorithm: its epochs and its evaluations."""

    @classmethod
    def defaults(cls, problem: Problem, labels: Sequence[str]) -> list[Epochs]:
        return [cls()]

    def data(self, results: Results, problem: Problem) -> EpochsData:
        import numpy as np

        algorithms = select(results, self.algorithms)
        threshold = results.error_threshold
        starts = max(len(algorithm.runs) for algorithm in algorithms)
        trajectories = [[run.trajectory for run in algorithm.runs] for algorithm in algorithms]
        return EpochsData(
            [algorithm.label for algorithm in algorithms],
            [algorithm.place for algorithm in algorithms],
            np.array([np.median([t.epochs for t in ts]) for ts in trajectories]),
            np.array([np.median([t.counts[-1].sum() for t in ts]) for ts in trajectories]),
            [outcome(algorithm.runs, results) for algorithm in algorithms],
            [_evaluations(np.median([t.counts[-1] for t in ts], axis=0)) for ts in trajectories],
            [all(results.succeeded(run) for run in algorithm.runs) for algorithm in algorithms],
            self.title_or(_default_title(threshold)),
            word("bars and evaluation counts: medians of {count} starts", count=starts) if starts > 1 else "",
        )

    def draw(self, figure: Figure, data: EpochsData) -> EpochsArtists:
        import numpy as np

        from bpviz.figures import _labels, _layout, _ticks

        look = _style.look()
        axes = _layout.axes(figure, xlabel=word("Epochs (solid) and evaluations (pale), log scale"))
        rows = np.arange(len(data.labels))
        placement: dict[str, Any] = {"textcoords": "offset points", "va": "center_baseline"}
        colors = [look.algorithm(place).color for place in data.places]
        pale = [look.mixed(color, 0.35) for color in colors]
        bars, texts, lines = [], [], 1
        for numbers, labels, shift, color, points in (
            (data.epochs, data.outcomes, -_THICK / 2, colors, look.body),
            (data.evaluations, data.counts, _THICK / 2, pale, look.small),
        ):
            ends = np.maximum(numbers, _FOOT)
            bars.append(
                axes.barh(rows + shift, ends - _FOOT, _THICK, left=_FOOT, color=color, edgecolor=look.theme.paper)
            )
            wrapped = [_labels.wrapped(text, _layout.characters(44)) for text in labels]
            lines = max(lines, *(text.count("\n") + 1 for text in wrapped))
            texts += [
                axes.annotate(text, (end, row + shift), (4, 0), size=points, **placement)
                for text, end, row in zip(wrapped, ends, rows, strict=True)
            ]
        for patch, succeeded in zip(bars[0], data.succeeded, strict=True):
            patch.set_hatch("" if succeeded else "////")
        axes.set_xscale("log")
        most = max(data.epochs.max(), data.evaluations.max())
        axes.set_xlim(_FOOT, 10 * most + 1)  # contains every bar: artists outside have no extent
        _ticks.use_round_numbers(axes.xaxis, last=10 * max(most, 1.0))
        axes.minorticks_off()
        axes.set_yticks(rows, [_labels.wrapped(label, _layout.characters(24)) for label in data.labels])
        axes.set_ylim(len(rows) - 0.45, -0.55)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x")
        axes.spines[["top", "right", "left"]].set_visible(False)
        _layout.frame(
            figure,
            axes,
            data.title,
            data.note,
            height=1.6 + (0.4 + 0.25 * lines) * len(rows),
            fit=functools.partial(_make_room, axes, texts),
        )
        return EpochsArtists(bars[0], bars[1], texts)


# A logarithmic scale has no zero. Bars start at 0.5, so that a bar of 1 is visible and a bar of 0 has no length.
_FOOT = 0.5
_THICK = 0.38
_COUNTS = {
    "error": "{count} error",
    "gradient": "{count} gradient",
    "hessian": "{count} Hessian",
    "residuals": "{count} residuals",
    "jacobian": "{count} Jacobian",
}


def _default_title(threshold: float | None) -> str:
    from bpviz.figures import _ticks

    if threshold is None:
        return word("Epochs")
    return word("Epochs to reach error ≤ {error}", error=_ticks.number(threshold))


def _make_room(axes: Axes, texts: Sequence[Annotation]) -> None:
    """Set the upper limit of the axis at which every bar and its text fit."""
    figure: Any = axes.figure
    decades = []
    for text in texts:
        share = (text.get_window_extent().width + 8 / 72 * figure.dpi) / axes.bbox.width
        decades.append(math.log10(max(text.xy[0], 1.0) / _FOOT) / (1 - min(share, 0.9)))
    axes.set_xlim(_FOOT, _FOOT * math.pow(10.0, max(decades)))


def _evaluations(counts: Array) -> str:
    """Return the number of evaluations of each kind: ``31 error + 2 gradient evals``."""
    parts = [word(_COUNTS[kind], count=f"{count:.12g}") for kind, count in zip(KINDS, counts, strict=True) if count]
    return word("{evaluations} evals", evaluations=" + ".join(parts)) if parts else ""
