"""The error over the only weight of a problem, with the epochs of algorithms on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from bpviz.declare import figure, hyper
from bpviz.declare.domains import Nullable
from bpviz.figures import _style
from bpviz.figures._base import LIMITS, OfAlgorithms, outcome, select
from bpviz.figures._style import word

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.quiver import Quiver

    from bpviz.declare import Array, Problem
    from bpviz.engine.results import Results, Run
    from bpviz.figures._base import AlgorithmRuns
    from bpviz.landscape.window import Limits, Window


class Steps(NamedTuple):
    """The epochs of an algorithm's runs, each a move ``tails -> tips (epochs, 2)`` between points (weight, error).

    ``starts`` and ``ends (runs, 2)`` are those within the window.
    """

    place: int
    text: str
    tails: Array
    tips: Array
    starts: Array
    ends: Array


class CurveData(NamedTuple):
    """The plotted data: the curve ``(points, 2)`` and the steps of each algorithm on it.

    Errors are relative to ``lowest``, the lowest known error of the problem, or 0 if it is unknown. ``minimum (1, 2)``
    is the lowest point of the curve; it is empty if the curve falls to an edge of the window. ``threshold`` is None if
    there is none, or if it is far outside.
    """

    title: str
    name: str
    window: Window
    curve: Array
    lowest: float
    threshold: float | None
    minimum: Array
    steps: list[Steps]


class CurveArtists(NamedTuple):
    """The artists, in the order of the algorithms."""

    curve: Line2D
    lines: list[Line2D]
    arrows: list[Quiver]
    starts: Line2D
    ends: list[Line2D]
    minimum: Line2D
    threshold: Line2D | None


_POINTS = 1201  # of the curve
_LEAST_ARROW = 12.0  # points; shorter moves are lines without a head
_HEAD = {"headwidth": 5.5, "headlength": 6.0, "headaxislength": 5.2}  # as multiples of the width of the shaft


@figure("curve", summary="error over the only weight, with the steps of algorithms")
class Curve(OfAlgorithms):
    """The error as a curve, for problems with one weight; each epoch is an arrow between two points of the curve."""

    x: Limits | None = hyper(None, Nullable(LIMITS, "automatic limits"), "limits of the x axis")

    @classmethod
    def defaults(cls, problem: Problem, labels: Sequence[str]) -> list[Curve]:
        if len(problem.weights) != 1:
            return []
        return [*(cls(algorithms=(label,)) for label in labels), *([cls()] if len(labels) > 1 else [])]

    def invalid_options(self, problem: Problem, algorithms: Collection[str]) -> list[tuple[str, str]]:
        wrong = super().invalid_options(problem, algorithms)
        count = len(problem.weights)
        return wrong if count == 1 else [*wrong, ("kind", f"curve needs exactly one weight (the problem has {count})")]

    def name_of_file(self) -> str:
        name = super().name_of_file()
        return f"{name}-x={self.x[0]:g}_{self.x[1]:g}" if self.x else name

    def data(self, results: Results, problem: Problem) -> CurveData:
        import numpy as np

        from bpviz import landscape

        algorithms = select(results, self.algorithms)
        runs = [run for algorithm in algorithms for run in algorithm.runs]
        across = self.x or landscape.window_of(problem, runs, (0, 0))[0]
        visited = np.concatenate([run.trajectory.weights[:, 0] for run in runs])
        visited = visited[(visited >= across[0]) & (visited <= across[1])]
        x = np.union1d(np.linspace(*across, _POINTS), visited)  # narrow dips are drawn where runs find them
        error = landscape.errors_at(problem, x, x, (0, 0))
        error[~np.isfinite(error)] = np.nan
        lowest = landscape.lowest_of(problem, error)
        curve = np.column_stack([x, error - (lowest or 0.0)])
        paths = [[_path(run, lowest or 0.0) for run in algorithm.runs] for algorithm in algorithms]
        points = np.concatenate([path for several in paths for path in several])
        low, high = _heights(curve, points, across)
        threshold = results.error_threshold
        if threshold is not None:
            above = threshold - (lowest or 0.0)
            threshold = threshold if 2 * low - high < above < high else None
            low = min(low, above - 0.06 * (high - low)) if threshold is not None else low
        window = across, (low, high)
        bottom = curve[_bottom(curve[:, 1])]
        names = [algorithm.label for algorithm in algorithms]
        subject = names[0] if len(names) == 1 else word("{count} algorithms", count=len(names))
        return CurveData(
            self.title_or(word("Steps of {subject} on the error curve", subject=subject)),
            results.weights[0],
            window,
            curve,
            lowest or 0.0,
            threshold,
            bottom,
            [_steps(a, several, window, results) for a, several in zip(algorithms, paths, strict=True)],
        )

    def draw(self, figure: Figure, data: CurveData) -> CurveArtists:
        import numpy as np

        from bpviz.figures import _labels, _layout, _legend

        look = _style.look()
        axes = _layout.axes(figure, xlabel=_labels.weight_label(data.name), ylabel=_labels.error_label(data.lowest))
        axes.set(xlim=data.window[0], ylim=data.window[1])
        axes.grid()
        axes.spines[["top", "right"]].set_visible(False)
        (curve,) = axes.plot(*data.curve.T, color=look.theme.pale, linewidth=2.2 * look.lines, zorder=2)
        lines, arrows, ends, entries = [], [], [], []
        for steps in data.steps:
            style = look.algorithm(steps.place)
            gaps = np.full_like(steps.tails, np.nan)
            moves = np.stack([steps.tails, steps.tips, gaps], axis=1).reshape(-1, 2)
            dots: dict[str, Any] = {"marker": "o", "markersize": 3.2 * look.lines, "markeredgewidth": 0}
            lines += axes.plot(*moves.T, color=style.color, linewidth=1.3 * look.lines, zorder=3, **dots)
            long = _lengths(steps, data.window) > _LEAST_ARROW
            tails, tips = steps.tails[long], steps.tips[long]
            shape = {**look.arrow, **_HEAD, "width": 1.3 / 72 * look.lines}
            arrows.append(axes.quiver(*tails.T, *(tips - tails).T, color=style.color, zorder=3.5, **shape))
            marker = {"linestyle": "none", **look.end(style)}
            ends += axes.plot(*steps.ends.T, color=style.color, zorder=5, clip_on=False, **marker)
            entries.append((_legend.handle(style), steps.text))
        (minimum,) = axes.plot(*data.minimum.T, linestyle="none", zorder=4.5, **look.lowest)
        started = np.concatenate([steps.starts for steps in data.steps])
        (starts,) = axes.plot(*started.T, linestyle="none", zorder=4, clip_on=False, **look.start)
        if len(started):
            entries.append(_legend.start())
        if len(data.minimum):
            entries.append((minimum, word("Minimum")))
        threshold = None
        if data.threshold is not None:
            above = data.threshold - data.lowest
            threshold = axes.axhline(above, color=look.theme.ink, linewidth=1.3 * look.lines, dashes=(4, 2), zorder=1)
            entries.append((threshold, _labels.threshold_label(data.threshold, data.lowest)))
        _layout.frame(figure, axes, data.title, entries=entries)
        return CurveArtists(curve, lines, arrows, starts, ends, minimum, threshold)


def _path(run: Run, lowest: float) -> Array:
    """Return the points (weight, error) of a run after each epoch: ``(epochs + 1, 2)``."""
    import numpy as np

    return np.column_stack([run.trajectory.weights[:, 0], run.trajectory.errors - lowest])


def _heights(curve: Array, points: Array, across: Limits) -> Limits:
    """Return limits of the errors that contain every visible point, but not all of a steep curve around them."""
    import numpy as np

    from bpviz.figures import _ticks

    seen = points[(points[:, 0] >= across[0]) & (points[:, 0] <= across[1]), 1]
    errors = np.concatenate([curve[:, 1], seen])
    errors = errors[np.isfinite(errors)].clip(-_ticks.LARGEST, _ticks.LARGEST)
    if not len(errors):
        return 0.0, 1.0
    seen = seen[np.isfinite(seen)].clip(-_ticks.LARGEST, _ticks.LARGEST)
    low, high = float(errors.min()), float(errors.max())
    top = float(seen.max(initial=low))
    if top - low > 0.05 * (high - low):
        high = min(high, low + 1.3 * (top - low))
    room = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    return low - room, high + room


def _bottom(errors: Array) -> list[int]:
    """Return the index of the lowest error if it is not at an edge."""
    import numpy as np

    finite = np.isfinite(errors)
    if not finite.any():
        return []
    lowest = int(np.nanargmin(errors))
    edges = np.flatnonzero(finite)[[0, -1]]
    return [] if errors[lowest] >= errors[edges].min() else [lowest]


def _steps(algorithm: AlgorithmRuns, paths: Sequence[Array], window: Window, results: Results) -> Steps:
    """Return the visible moves of an algorithm."""
    import numpy as np

    from bpviz import landscape
    from bpviz.figures import _remarks

    moves = [landscape.clipped(path[:-1], path[1:], window)[:2] for path in paths]
    tails, tips = (np.concatenate(both) for both in zip(*moves, strict=True))
    outcomes = [outcome(algorithm.runs, results), *_remarks.departures(paths, window)]
    text = word("{label} ({outcome})", label=algorithm.label, outcome=", ".join(outcomes))
    starts = np.array([path[0] for path in paths])
    ends = np.array([path[np.isfinite(path).all(axis=1)][-1:] for path in paths if len(path)]).reshape(-1, 2)
    starts, ends = (places[landscape.within(places, window)] for places in (starts, ends))
    return Steps(algorithm.place, text, tails, tips, starts, ends)


def _lengths(steps: Steps, window: Window) -> Array:
    """Return the approximate lengths of moves on paper, in points."""
    import numpy as np

    from bpviz import landscape

    lengths: Array = np.hypot(*((steps.tips - steps.tails) * landscape.points_per_unit(window)).T)
    return lengths
