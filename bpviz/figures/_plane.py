"""The plane of two weights: which part of it is shown, the error over it, and its contour."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, LogNorm, Normalize
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from bpviz import style, surface
from bpviz.figures import _parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.contour import QuadContourSet
    from matplotlib.figure import Figure

    from bpviz.declare import Array, Problem
    from bpviz.engine.results import Results, Run
    from bpviz.figures._kind import Limits

    Window = tuple[Limits, Limits]

SIDE_POINTS = 300.0  # about what the longer side of a window measures on paper, in points of 1/72 inch
# Beyond so many halves of the window from its middle a run has left: a picture that held it would show nothing else.
_FAR, _FAR_FROM_MINIMA = 150.0, 3.0
_FARTHEST = 1e9  # the limit of what a config may ask to see: far beyond it, sums of two weights overflow
_NOTHING = np.empty((0, 2))
_ORDINALS = ("First", "Second", "Third", "Fourth", "Fifth")


class Plane(NamedTuple):
    """The error over a window: ``x (columns,)``, ``y (rows,)``, ``error (rows, columns)``, NaN where not finite.

    Errors and levels are what is above ``lowest``, the lowest error there is, or 0 where that is not known.
    ``lowest_minima``, ``other_minima (minima, 3)``: those within the window, across, up and error.
    """

    names: tuple[str, str]
    x: Array
    y: Array
    error: Array
    levels: Array  # rising
    logarithmic: bool  # each level is a factor above the one before
    lowest: float
    threshold: float | None  # None also where its contour would not be seen in this window
    lowest_minima: Array
    other_minima: Array
    held: str  # the other weights and their values, nothing if there are none

    @property
    def window(self) -> Window:
        return (float(self.x[0]), float(self.x[-1])), (float(self.y[0]), float(self.y[-1]))


def plane(
    problem: Problem,
    results: Results,
    pair: tuple[int, int],
    runs: Sequence[Run],
    window: Window,
    levels: int,
    size: int,
) -> Plane:
    """Return the error over ``window``, the other weights held where the first of ``runs`` ends.

    ``size`` is how many points each side of the grid has; twice as many where contours would have corners, and again.
    """
    names = results.weights
    held = _held(runs)
    for _ in range(_DOUBLINGS + 1):
        x, y = (np.linspace(*limits, size) for limits in window)
        error = surface.grid(problem, x, y, pair, held)
        error[~np.isfinite(error)] = np.nan
        lowest = lowest_of(problem, error)
        error = error if lowest is None else np.maximum(error - lowest, 0.0)
        edges, logarithmic = _levels(error, levels)
        error = np.clip(error, edges[0], edges[-1])
        if _is_smooth(error, edges, logarithmic):
            break
        size = 2 * size - 1
    threshold = results.error_threshold
    if threshold is not None and not _can_be_seen(error - (threshold - (lowest or 0.0))):
        threshold = None
    others = [f"{names[i]} = {held[i]:.4g}" for i in range(len(names)) if i not in pair]
    return Plane(
        (axis_name(names[pair[0]]), axis_name(names[pair[1]])),
        x,
        y,
        error,
        edges,
        logarithmic,
        lowest or 0.0,
        threshold,
        *_minima(problem, pair, window, lowest),
        ", ".join(others),
    )


def note(plane: Plane, what: str = "contour") -> str:
    """Say where the weights are held that have no axis: ``contour at b = 2``."""
    return f"{what} at {plane.held}" if plane.held else ""


_DOUBLINGS = 2


def lowest_of(problem: Problem, errors: Array) -> float | None:
    """Return the lowest error there is; None if that is not known, or if one of ``errors`` is below it after all."""
    lowest = problem.lowest
    if lowest is None or np.nanmin(errors, initial=np.inf) < lowest - _ROUNDING * max(1.0, abs(lowest)):
        return None
    return lowest


_ROUNDING = 1e-9  # of errors


def _is_smooth(error: Array, edges: Array, logarithmic: bool) -> bool:
    """Say whether contours will look like curves: a straight line between grid points is nowhere far from the error.

    Measured on every other point, against the points between, in bands; the error of a line falls with the square of
    its length.
    """
    if logarithmic:
        error, edges = np.log(error), np.log(edges)
    band = edges[1] - edges[0]
    off = np.concatenate([(np.abs(e[1:-1:2] - (e[:-2:2] + e[2::2]) / 2) / band / 4).ravel() for e in (error, error.T)])
    off = off[np.isfinite(off)]
    return not len(off) or float(np.quantile(off, 0.99)) < 0.1


def _can_be_seen(above: Array) -> bool:
    """Say whether the threshold has a contour that is more than a dot, by how far each error is above it."""
    below = above < 0
    return bool((above > 0).any()) and max(float(below.any(axis=axis).mean()) for axis in (0, 1)) > 0.02


def _minima(problem: Problem, pair: tuple[int, int], window: Window, lowest: float | None) -> tuple[Array, Array]:
    """Return the minima of error ``lowest`` and the others, ``(minima, 3)`` each, where they lie in the window."""
    known = [(*(minimum.at[i] for i in pair), minimum.error) for minimum in problem.minima]
    seen = np.array(known).reshape(-1, 3)
    seen = seen[within(seen[:, :2], window)]
    low = (
        np.abs(seen[:, 2] - lowest) <= _ROUNDING * max(1.0, abs(lowest)) if lowest is not None else seen[:, 2] < -np.inf
    )
    seen[:, 2] -= lowest or 0.0
    return seen[low], seen[~low]


def _held(runs: Sequence[Run]) -> Array:
    """Return where the first run that does not diverge ends, or where the first one starts if all do."""
    calm = [run.trajectory.weights[-1] for run in runs if run.trajectory.ending.word != "diverged"]
    held: Array = calm[0] if calm else runs[0].trajectory.weights[0]
    return held


def axis_name(weight: str) -> str:
    """Return what an axis calls a weight: ``w1`` is the first weight."""
    number = weight[1:]
    if weight[:1] == "w" and number.isdecimal() and 0 < int(number) <= len(_ORDINALS):
        return f"{_ORDINALS[int(number) - 1]} weight"
    return weight


def _levels(error: Array, bands: int) -> tuple[Array, bool]:
    """Return the edges of ``bands`` bands of error and whether they rise by a factor.

    Errors that span a factor of three or more get equal factors: the valley, where the paths end, is where errors are
    small. What lies deep in it, though, is a speck: if the lowest thousandth of the window would take a quarter of
    the bands, it gets one. At most ten decades are told apart.
    """
    low, high = float(np.nanmin(error, initial=np.inf)), float(np.nanmax(error, initial=-np.inf))
    if not low <= high:  # nothing finite
        low, high = 0.0, 1.0
    elif high - low <= 1e-9 * max(abs(low), abs(high)):  # a plain
        room = 0.05 * abs(high) or 1.0
        low, high = low - room, high + room
    elif low >= 0 and high > 3 * low:
        low = max(low, 1e-10 * high)
        shallow = float(np.nanquantile(error, 0.001))
        if shallow > low * (high / low) ** 0.25:
            low = min(shallow, high / 3)
        return np.geomspace(low, high, bands + 1), True
    return np.linspace(low, high, bands + 1), False


def points(run: Run, pair: tuple[int, int]) -> Array:
    """Return where a run was, epoch by epoch: ``(epochs + 1, 2)``."""
    return run.trajectory.weights[:, pair]


def home(problem: Problem, pair: tuple[int, int]) -> Window:
    """Return what is shown of two weights as long as runs stay in it."""
    across, up = (problem.window[min(i, 1)] for i in pair)
    return across, up


def window_of(
    problem: Problem, runs: Sequence[Run], pair: tuple[int, int], epochs: tuple[int, int] | None = None
) -> Window:
    """Return the window that shows these runs: the problem's own if all epochs lie in that.

    Otherwise one of the same proportions that holds the given epochs with a margin, and the problem's own window too
    if minima are known in it. A run that diverges, and what comes after a run has gone too far, count only if there is
    nothing else to show.
    """
    paths = [points(run, pair) for run in runs if run.trajectory.ending.word != "diverged"]
    paths = paths or [points(run, pair) for run in runs]
    if epochs:
        first, last = epochs
        paths = [path[first - 1 : last + 1] for path in paths if len(path) >= first] or paths
    own = home(problem, pair)
    left, right = np.array(own).T
    centre, half = (left + right) / 2, (right - left) / 2
    far = _FAR_FROM_MINIMA if problem.minima else _FAR
    seen = np.concatenate([path[: _until_gone(path, centre, far * half)] for path in paths])
    seen = seen.clip(-_FARTHEST, _FARTHEST)
    low, high = seen.min(axis=0), seen.max(axis=0)
    if epochs is None:
        if (np.abs(np.array([low, high]) - centre) <= 0.97 * half).all():
            return own
        if problem.minima:
            low, high = np.minimum(low, left), np.maximum(high, right)
    shape = half / half.max()
    half = shape * (0.58 * ((high - low) / shape).max() or half.max() / 2)
    middle = (low + high) / 2
    (left, bottom), (right, top) = (middle - half).tolist(), (middle + half).tolist()
    return (left, right), (bottom, top)


def _until_gone(path: Array, centre: Array, far: Array) -> int:
    with np.errstate(invalid="ignore"):
        gone = ~(np.abs(path - centre) <= far).all(axis=1)
    return max(1, int(gone.argmax())) if gone.any() else len(path)


def within(places: Array, window: Window, margin: float = 0.0) -> Any:
    """Return which of ``places (places, 2)`` lie in the window, widened on every side by so many times its size."""
    low, high = np.array(window).T
    room = margin * (high - low)
    return ((places >= low - room) & (places <= high + room)).all(axis=1)


def _is_equal(window: Window) -> bool:
    """Say whether a unit measures the same on both axes. If it did in a long window, one side would be a line."""
    (left, right), (bottom, top) = window
    return 0.4 < (top - bottom) / (right - left) < 2.5


def points_per_unit(window: Window) -> Array:
    """Return about how many points on paper one unit of the window measures, across and up."""
    sides = np.array([high - low for low, high in window])
    return SIDE_POINTS / np.full(2, sides.max()) if _is_equal(window) else SIDE_POINTS / sides


def clipped(tails: Array, tips: Array, window: Window) -> tuple[Array, Array, Any]:
    """Return the moves ``tails -> tips (moves, 2)`` that may be seen, and a mask of them.

    An end that lies far outside the window is drawn in along its move, to a place that still is outside: what is seen
    is true, and what is drawn is never so large that drawing it fails.
    """
    low, high = np.array(window).T
    low, high = low - 3 * (high - low), high + 3 * (high - low)  # so far outside that heads stay out of sight
    with np.errstate(all="ignore"):
        move = tips - tails
        ahead, back = _part_inside(tails, move, low, high), _part_inside(tips, -move, low, high)
        inside = ((low <= tails) & (tails <= high)).all(axis=1) | ((low <= tips) & (tips <= high)).all(axis=1)
        seen = np.isfinite(move).all(axis=1) & (inside | (ahead + back > 1)[:, 0])
        drawn_tips = np.where(ahead < 1, np.clip(tails + ahead * move, low, high), tips)
        drawn_tails = np.where(back < 1, np.clip(tips - back * move, low, high), tails)
    return drawn_tails[seen], drawn_tips[seen], seen


def _part_inside(start: Array, move: Array, low: Array, high: Array) -> Array:
    """Return which part of a move, 0 to 1, it takes to leave a box for good (Liang and Barsky): ``(moves, 1)``."""
    leaves = np.fmax((low - start) / move, (high - start) / move)  # fmax: a move along an edge divides 0 by 0
    part: Array = np.clip(leaves.min(axis=1, keepdims=True), 0.0, 1.0)
    return part


def distances(place: Array, tails: Array, tips: Array) -> Array:
    """Return how far ``place (..., 2)`` is from each of the arrows ``tails -> tips (arrows, 2)``: ``(..., arrows)``."""
    along = tips - tails
    length2 = np.maximum((along**2).sum(axis=1), 1e-300)
    place = place[..., None, :]
    part = np.clip(((place - tails) * along).sum(axis=-1) / length2, 0, 1)
    away: Array = np.hypot(*np.moveaxis(tails + part[..., None] * along - place, -1, 0))
    return away


def at_threshold(plane: Plane, place: Array, radius: Array) -> bool:
    """Tell whether the contour of the threshold comes as near to a place as ``radius``, across and up."""
    if plane.threshold is None:
        return False
    columns, rows = (
        slice(*np.searchsorted(axis, (middle - away, middle + away)))
        for axis, middle, away in zip((plane.x, plane.y), place, radius, strict=True)
    )
    near = plane.error[rows, columns] <= plane.threshold - plane.lowest
    return bool(near.any() and not near.all())


# -- drawing ---------------------------------------------------------------------------------------------------------


class PlaneArtists(NamedTuple):
    """What was drawn of a plane."""

    axes: Axes
    bar: Axes
    filled: QuadContourSet
    threshold: QuadContourSet | None
    minima: list[Line2D]  # the lowest, the others


@functools.cache
def _colours(names: tuple[str, ...]) -> Colormap:
    return LinearSegmentedColormap.from_list("error", names)


def scale(data: Plane, colours: tuple[str, ...] = style.ERROR_COLOURS) -> tuple[Colormap, Normalize]:
    """Return the colours of a plane's errors."""
    ends = data.levels[0], data.levels[-1]
    return _colours(colours), LogNorm(*ends) if data.logarithmic else Normalize(*ends)


def draw_plane(figure: Figure, data: Plane) -> PlaneArtists:
    """Draw the contour with its colour bar."""
    colours, norm = scale(data)
    axes = _parts.axes(figure, facecolor=style.UNKNOWN, xlabel=data.names[0], ylabel=data.names[1])
    filled = axes.contourf(data.x, data.y, data.error, data.levels, cmap=colours, norm=norm)
    axes.contour(data.x, data.y, data.error, data.levels, colors=style.PALE, linewidths=0.4, alpha=0.6)
    bar = _parts.axes(figure)
    label = _parts.error_name(data.lowest)
    figure.colorbar(filled, bar, ticks=_ticks(data), format=lambda value, _: f"{value:g}", label=label)
    bar.minorticks_off()
    threshold = None
    if data.threshold is not None:
        line: dict[str, Any] = {"linewidths": 1.5, "linestyles": [(0, (4, 2))]}
        above = data.threshold - data.lowest
        threshold = axes.contour(data.x, data.y, data.error, [above], colors=style.INK, **line)
        bar.axhline(above, color=style.INK, linewidth=1.5, linestyle=(0, (2, 1)))
    minima = [
        *axes.plot(*data.lowest_minima[:, :2].T, linestyle="none", zorder=4.5, **style.LOWEST),
        *axes.plot(*data.other_minima[:, :2].T, linestyle="none", zorder=4.5, **style.OTHER),
    ]
    across, up = data.window
    axes.set(xlim=across, ylim=up)
    if _is_equal(data.window):
        axes.set_aspect("equal")
    return PlaneArtists(axes, bar, filled, threshold, minima)


def named_minima(data: Plane) -> list[tuple[Line2D, str]]:
    """Return the legend of the minima."""
    others = "Other" if len(data.lowest_minima) else "Known"
    return [
        (Line2D([], [], linestyle="none", **look), f"{which} {'minima' if len(minima) > 1 else 'minimum'}")
        for minima, look, which in (
            (data.lowest_minima, style.LOWEST, "Lowest"),
            (data.other_minima, style.OTHER, others),
        )
        if len(minima)
    ]


def named_threshold(data: Plane) -> list[tuple[Line2D, str]]:
    """Return the legend of the threshold."""
    if data.threshold is None:
        return []
    line = Line2D([], [], color=style.INK, linewidth=1.5, dashes=(3, 1.5))
    return [(line, _parts.threshold_name(data.threshold, data.lowest))]


def _ticks(data: Plane) -> list[float]:
    """Return round numbers for the colour bar."""
    low, high = float(data.levels[0]), float(data.levels[-1])
    if data.logarithmic:
        return _parts.round_numbers(low, high)
    ticks = MaxNLocator(7, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    return [float(tick) for tick in ticks if low <= tick <= high]


def _along(line: Array) -> tuple[Array, Array]:
    """Return places along ``line (points, 2)`` and how straight it is there over a label's length; 1 is straight."""
    half = 0.06
    length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    at = np.linspace(half, length[-1] - half, 40 if length[-1] > 2 * half else 0)
    before, here, after = (np.stack([np.interp(at + d, length, xs) for xs in line.T], 1) for d in (-half, 0.0, half))
    return here, np.hypot(*(after - before).T) / (2 * half)


def label_threshold(drawn: PlaneArtists, data: Plane, tails: Array = _NOTHING, tips: Array = _NOTHING) -> None:
    """Write the threshold on its contour where it is straight, far from the arrows ``tails -> tips`` and the frame.

    Comes when the axes have their place, because the label makes a gap in the contour that fits it.
    """
    if drawn.threshold is None or data.threshold is None:
        return
    low, high = np.array(data.window).T
    arrows = (tails - low) / (high - low), (tips - low) / (high - low)
    best, place = 0.02, None
    for path in drawn.threshold.get_paths():
        places, straight = _along((path.vertices - low) / (high - low))
        from_frame = 1.5 * np.minimum(places, 1 - places).min(axis=1)
        room = np.minimum(from_frame, distances(places, *arrows).min(axis=1, initial=np.inf))
        good = room * straight**4
        if good.max(initial=0) > best:
            best, place = good.max(), low + places[good.argmax()] * (high - low)
    if place is not None:
        text = _parts.threshold_number(data.threshold, data.lowest)
        drawn.threshold.clabel(fmt=lambda _: text, manual=[place], fontsize=style.SMALL, inline_spacing=4)
