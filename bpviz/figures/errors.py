"""The error per epoch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import figure
from bpviz.figures import _style
from bpviz.figures._base import OfAlgorithms, outcome, select
from bpviz.figures._style import word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from bpviz.declare import Array, Problem
    from bpviz.engine.results import Results
    from bpviz.landscape.window import Limits


class Curve(NamedTuple):
    """The errors ``(epochs + 1,)`` of one run relative to the lowest known error, NaN where they are not finite."""

    place: int
    text: str
    errors: Array

    @property
    def end(self) -> tuple[list[int], list[float]]:
        """The last epoch with a finite error, and that error."""
        last = max((epoch for epoch, error in enumerate(self.errors) if not math.isnan(error)), default=0)
        return [last], [float(self.errors[last])]


class ErrorsData(NamedTuple):
    """The plotted data: one curve per run.

    Errors are relative to ``lowest``, the lowest known error of the problem, or 0 if it is unknown.
    """

    curves: list[Curve]
    lowest: float
    threshold: float | None
    title: str

    @property
    def limits(self) -> Limits | None:
        """The limits of the axis of errors, None if no error is finite."""
        return _limits([curve.errors for curve in self.curves], self.lowest, self.threshold)


class ErrorsArtists(NamedTuple):
    """The artists, in the order of the curves."""

    curves: list[Line2D]
    ends: list[Line2D]
    threshold: Line2D | None


@figure("errors", summary="error per epoch, with the threshold")
class Errors(OfAlgorithms):
    """The error of each algorithm per epoch; axes are logarithmic where the values span a large range."""

    @classmethod
    def defaults(cls, problem: Problem, labels: Sequence[str]) -> list[Errors]:
        return [cls()]

    def data(self, results: Results, problem: Problem) -> ErrorsData:
        import numpy as np

        from bpviz import landscape

        algorithms = select(results, self.algorithms)
        errors = [
            [np.where(np.isfinite(run.trajectory.errors), run.trajectory.errors, np.nan) for run in algorithm.runs]
            for algorithm in algorithms
        ]
        lowest = landscape.lowest_of(problem, np.concatenate([one for runs in errors for one in runs]))
        if lowest is not None:
            errors = [[np.maximum(one - lowest, 0.0) for one in runs] for runs in errors]
        limits = _limits([one for runs in errors for one in runs], lowest or 0.0, results.error_threshold)
        curves = []
        for algorithm, runs in zip(algorithms, errors, strict=True):
            text = ", ".join([outcome(algorithm.runs, results), *_departures(runs, limits)])
            text = word("{label} ({outcome})", label=algorithm.label, outcome=text)
            curves += [Curve(algorithm.place, text, one) for one in runs]
        title = self.title_or(word("Error per epoch"))
        return ErrorsData(curves, lowest or 0.0, results.error_threshold, title)

    def draw(self, figure: Figure, data: ErrorsData) -> ErrorsArtists:
        from bpviz.figures import _labels, _layout, _legend

        look = _style.look()
        axes = _layout.axes(figure, xlabel=word("Epoch"), ylabel=_labels.error_label(data.lowest))
        axes.autoscale(False)  # sums of huge errors overflow
        axes.grid()
        axes.spines[["top", "right"]].set_visible(False)
        curves, ends, handles = [], [], {}
        for curve in data.curves:
            style = look.algorithm(curve.place)
            curves += axes.plot(curve.errors, color=style.color, dashes=style.dashes, linewidth=1.8 * look.lines)
            # The marker of a run that ends at its start lies on the frame, which would clip half of it.
            clip = curve.end[0] != [0]
            ends += axes.plot(*curve.end, color=style.color, zorder=4, clip_on=clip, **look.end(style))
            handles[curve.text] = _legend.handle(style, dashes=style.dashes)
        threshold = None
        if data.threshold is not None:
            above = data.threshold - data.lowest
            threshold = axes.axhline(above, color=look.theme.ink, linewidth=1.3 * look.lines, dashes=(4, 2), zorder=1)
            handles[_labels.threshold_label(data.threshold, data.lowest)] = threshold
        _scale_epochs(axes, max(len(curve.errors) for curve in data.curves) - 1)
        if limits := data.limits:
            _scale_errors(axes, limits)
        _layout.frame(figure, axes, data.title, entries=[(handle, text) for text, handle in handles.items()])
        return ErrorsArtists(curves, ends, threshold)


def _scale_epochs(axes: Axes, last: int) -> None:
    """Make the axis logarithmic from epoch 1 if a run is long, so that short runs stay visible next to it."""
    from bpviz.figures import _ticks

    if last > 30:
        axes.set_xscale("symlog", linthresh=1, linscale=0.35)
        axes.xaxis.set_major_locator(_ticks.Epochs())
        axes.xaxis.set_major_formatter(_ticks.Numbers(alike=False))
        axes.minorticks_off()
        axes.set_xlim(0, last * 1.15)
    else:
        axes.set_xlim(0, max(last, 1) * 1.03)
        _ticks.use_numbers(axes.xaxis, integer=True)


def _limits(curves: Sequence[Array], lowest: float, threshold: float | None) -> Limits | None:
    """Return the limits of the axis of errors: positive unless an error is negative; diverged runs may exceed them."""
    import numpy as np

    from bpviz.figures import _ticks

    lines = [] if threshold is None else [threshold - lowest]
    errors = np.concatenate([*curves, lines])
    errors = errors[np.isfinite(errors)].clip(-_ticks.LARGEST, _ticks.LARGEST)
    if not len(errors):
        return None
    starts = np.array([*(curve[0] for curve in curves), *lines])
    low = float(errors.min())
    high = min(float(errors.max()), 1e3 * float(np.nanmax(np.abs(starts), initial=0.0)))
    if low < 0 or not high > _ticks.SMALLEST:
        room = 0.05 * (high - low) or 1.0
        return low - room, high + room
    low = max(low, min([1e-18 * high, *(1e-6 * line for line in lines if line > 0)]))
    room = max((high / low) ** 0.06, 1.05)
    return max(low / room**2, _ticks.SMALLEST), min(high * room, _ticks.LARGEST)


def _departures(curves: Sequence[Array], limits: Limits | None) -> list[str]:
    """Return remarks about the curves of an algorithm that leave the limits."""
    import numpy as np

    from bpviz.figures import _remarks

    if not limits:
        return []
    paths = [np.column_stack([np.arange(len(curve)), curve]) for curve in curves]
    return _remarks.departures(paths, ((-1.0, float(max(map(len, paths)))), limits))


def _scale_errors(axes: Axes, limits: Limits) -> None:
    """Set the limits of the axis of errors, which is logarithmic if they are positive."""
    from bpviz.figures import _ticks

    axes.set_ylim(limits)  # before set_yscale, which would otherwise choose limits that include huge errors
    if limits[0] > 0:
        axes.set_yscale("log", nonpositive="clip")
        _ticks.use_round_numbers(axes.yaxis)
        axes.minorticks_off()
