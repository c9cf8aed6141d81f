"""The plane of two weights: which part of it is shown, the error over it, and its contour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, LogNorm, Normalize
from matplotlib.ticker import MaxNLocator

from bpviz import style, surface
from bpviz.figures import _parts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.contour import QuadContourSet
    from matplotlib.figure import Figure

    from bpviz.declare import Array, Problem
    from bpviz.figures._kind import Limits
    from bpviz.results import Results, Run

    Window = tuple[Limits, Limits]

SIDE = 6.0  # the usual window is [-6, 6] both ways
SIDE_POINTS = 300.0  # about what the longer side of a window measures on paper, in points of 1/72 inch
_FAR = 1000.0  # beyond this a run has left: a window that held it would show nothing else
_FARTHEST = 1e9  # the limit of what a config may ask to see: far beyond it, sums of two weights overflow
_NOTHING = np.empty((0, 2))
_ORDINALS = ("First", "Second", "Third", "Fourth", "Fifth")


class Plane(NamedTuple):
    """The error over a window: ``x (columns,)``, ``y (rows,)``, ``error (rows, columns)``, NaN where not finite."""

    names: tuple[str, str]
    x: Array
    y: Array
    error: Array
    levels: Array  # rising
    logarithmic: bool  # each level is a factor above the one before
    threshold: float | None  # None also where it is not among the errors of this window
    held: str  # the other weights and their values

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
    """Return the error over ``window``, the other weights held where the first of ``runs`` ends."""
    names = results.weights
    held = _held(runs)
    x, y = (np.linspace(*limits, size) for limits in window)
    error = surface.grid(problem, x, y, pair, held)
    error[~np.isfinite(error)] = np.nan
    edges, logarithmic = _levels(error, levels)
    threshold = results.error_threshold
    if threshold is not None and not np.nanmin(error, initial=np.inf) < threshold < np.nanmax(error, initial=-np.inf):
        threshold = None
    others = [f"{names[i]} = {held[i]:.4g}" for i in range(len(names)) if i not in pair]
    return Plane(
        (axis_name(names[pair[0]]), axis_name(names[pair[1]])),
        x,
        y,
        np.clip(error, edges[0], edges[-1]),
        edges,
        logarithmic,
        threshold,
        f"contour at {', '.join(others)}" if others else "",
    )


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
    small. At most ten decades are told apart.
    """
    low, high = float(np.nanmin(error, initial=np.inf)), float(np.nanmax(error, initial=-np.inf))
    if not low <= high:  # nothing finite
        low, high = 0.0, 1.0
    elif high - low <= 1e-9 * max(abs(low), abs(high)):  # a plain
        room = 0.05 * abs(high) or 1.0
        low, high = low - room, high + room
    elif low >= 0 and high > 3 * low:
        return np.geomspace(max(low, 1e-10 * high), high, bands + 1), True
    return np.linspace(low, high, bands + 1), False


def points(run: Run, pair: tuple[int, int]) -> Array:
    """Return where a run was, epoch by epoch: ``(epochs + 1, 2)``."""
    return run.trajectory.weights[:, pair]


def window_of(runs: Sequence[Run], pair: tuple[int, int], epochs: tuple[int, int] | None = None) -> Window:
    """Return a square that holds the given epochs of these runs with a margin; [-6, 6] if all epochs lie in that.

    A run that diverges, and what comes after a run has gone too far, count only if there is nothing else to show.
    """
    paths = [points(run, pair) for run in runs if run.trajectory.ending.word != "diverged"]
    paths = paths or [points(run, pair) for run in runs]
    if epochs:
        first, last = epochs
        paths = [path[first - 1 : last + 1] for path in paths if len(path) >= first] or paths
    seen = np.concatenate([path[: _until_gone(path)] for path in paths]).clip(-_FARTHEST, _FARTHEST)
    low, high = seen.min(axis=0), seen.max(axis=0)
    if epochs is None and np.abs([low, high]).max() <= 0.97 * SIDE:
        return (-SIDE, SIDE), (-SIDE, SIDE)
    half = 0.58 * (high - low).max() or SIDE / 2
    middle = (low + high) / 2
    (left, bottom), (right, top) = (middle - half).tolist(), (middle + half).tolist()
    return (left, right), (bottom, top)


def _until_gone(path: Array) -> int:
    with np.errstate(invalid="ignore"):
        gone = ~(np.abs(path) <= _FAR).all(axis=1)
    return max(1, int(gone.argmax())) if gone.any() else len(path)


def within(places: Array, window: Window, margin: float = 0.0) -> Any:
    """Return which of ``places (places, 2)`` lie in the window, widened on every side by so many times its size."""
    low, high = np.array(window).T
    room = margin * (high - low)
    return ((places >= low - room) & (places <= high + room)).all(axis=1)


def points_per_unit(window: Window) -> float:
    """Return about how many points on paper one unit of the window measures."""
    return SIDE_POINTS / max(high - low for low, high in window)


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
    """Return how far a place is from each of the arrows ``tails -> tips (arrows, 2)``."""
    along = tips - tails
    length2 = np.maximum((along**2).sum(axis=1), 1e-300)
    part = np.clip(((place - tails) * along).sum(axis=1) / length2, 0, 1)
    away: Array = np.hypot(*(tails + part[:, None] * along - place).T)
    return away


def at_threshold(plane: Plane, place: Array, radius: float) -> bool:
    """Tell whether the contour of the threshold comes as near to a place as ``radius``, along an axis."""
    if plane.threshold is None:
        return False
    columns, rows = (
        slice(*np.searchsorted(axis, (middle - radius, middle + radius)))
        for axis, middle in zip((plane.x, plane.y), place, strict=True)
    )
    near = plane.error[rows, columns] <= plane.threshold
    return bool(near.any() and not near.all())


# -- drawing ---------------------------------------------------------------------------------------------------------


class PlaneArtists(NamedTuple):
    """What was drawn of a plane."""

    axes: Axes
    bar: Axes
    filled: QuadContourSet
    threshold: QuadContourSet | None


def scale(data: Plane, colours: Sequence[str] = style.ERROR_COLOURS) -> tuple[Colormap, Normalize]:
    """Return the colours of a plane's errors."""
    ends = data.levels[0], data.levels[-1]
    return (
        LinearSegmentedColormap.from_list("error", colours),
        LogNorm(*ends) if data.logarithmic else Normalize(*ends),
    )


def draw_plane(figure: Figure, data: Plane) -> PlaneArtists:
    """Draw the contour with its colour bar."""
    colours, norm = scale(data)
    axes = _parts.axes(figure, facecolor=style.UNKNOWN, xlabel=data.names[0], ylabel=data.names[1])
    filled = axes.contourf(data.x, data.y, data.error, data.levels, cmap=colours, norm=norm)
    axes.contour(data.x, data.y, data.error, data.levels, colors=style.PALE, linewidths=0.4, alpha=0.6)
    bar = _parts.axes(figure)
    figure.colorbar(filled, bar, ticks=_ticks(data), format=lambda value, _: f"{value:g}", label="Error")
    bar.minorticks_off()
    threshold = None
    if data.threshold is not None:
        line: dict[str, Any] = {"linewidths": 1.5, "linestyles": [(0, (4, 2))]}
        threshold = axes.contour(data.x, data.y, data.error, [data.threshold], colors=style.INK, **line)
        bar.axhline(data.threshold, color=style.INK, linewidth=1.5, linestyle=(0, (2, 1)))
    across, up = data.window
    axes.set(xlim=across, ylim=up)
    if 0.4 < (up[1] - up[0]) / (across[1] - across[0]) < 2.5:  # else one of them would be a line
        axes.set_aspect("equal")
    return PlaneArtists(axes, bar, filled, threshold)


def _ticks(data: Plane) -> list[float]:
    """Return round numbers for the colour bar."""
    low, high = float(data.levels[0]), float(data.levels[-1])
    if data.logarithmic:
        return _parts.round_numbers(low, high)
    ticks = MaxNLocator(7, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    return [float(tick) for tick in ticks if low <= tick <= high]


def _along(line: Array) -> Iterator[tuple[Array, float]]:
    """Yield places along ``line (points, 2)`` and how straight it is there over a label's length; 1 is straight."""
    half = 0.06
    length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    for at in np.linspace(half, length[-1] - half, 40) if length[-1] > 2 * half else ():
        before, here, after = (np.array([np.interp(at + d, length, xs) for xs in line.T]) for d in (-half, 0.0, half))
        yield here, float(np.hypot(*(after - before))) / (2 * half)


def label_threshold(drawn: PlaneArtists, data: Plane, tails: Array = _NOTHING, tips: Array = _NOTHING) -> None:
    """Write the threshold on its contour where it is straight, far from the arrows ``tails -> tips`` and the frame.

    Comes when the axes have their place, because the label makes a gap in the contour that fits it.
    """
    if drawn.threshold is None:
        return
    low, high = np.array(data.window).T
    arrows = (tails - low) / (high - low), (tips - low) / (high - low)
    best, place = 0.02, None
    for path in drawn.threshold.get_paths():
        for candidate, straight in _along((path.vertices - low) / (high - low)):
            room = min([1.5 * np.minimum(candidate, 1 - candidate).min(), *distances(candidate, *arrows)])
            if room * straight**4 > best:
                best, place = room * straight**4, low + candidate * (high - low)
    if place is not None:
        drawn.threshold.clabel(fmt=lambda value: f"{value:g}", manual=[place], fontsize=style.SMALL, inline_spacing=4)
