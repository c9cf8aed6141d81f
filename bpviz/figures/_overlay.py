"""Draw the paths of algorithms over contours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bpviz import landscape
from bpviz.figures import _contour, _layout, _legend, _style
from bpviz.figures._style import word

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.quiver import Quiver
    from matplotlib.text import Text

    from bpviz.declare import Array
    from bpviz.figures._contour import PlaneArtists
    from bpviz.figures._panels import Panel, PathsData
    from bpviz.figures._paths import Path
    from bpviz.landscape.window import Window


class PathsArtists(NamedTuple):
    """The artists of a plot; arrows, lines and ends in the order of the algorithms."""

    plane: PlaneArtists
    arrows: list[Quiver]
    lines: list[Line2D]
    starts: Line2D
    ends: list[Line2D]
    numbers: list[Text]


def draw(figure: Figure, data: PathsData) -> PathsArtists:
    """Draw the contours, the paths over them and the legend."""
    (panel,) = data.panels
    plane = _contour.draw_plane(figure, data.plane)
    artists = draw_panel(plane, panel, data.plane.window)
    styles = [_style.style(path.place) for path in panel.paths]
    repeated = _legend.repeated(styles)
    handles = [_legend.handle(style, style.dashes if style in repeated else ()) for style in styles]
    algorithms = [
        (handle, word("{label} ({outcome})", label=path.label, outcome=path.outcome))
        for handle, path in zip(handles, panel.paths, strict=True)
    ]
    _layout.frame(figure, plane.axes, data.title, data.note, [*algorithms, *legend(data)], plane.bar)
    tails, tips = (
        np.concatenate(ends) for ends in zip(*((path.tails, path.tips) for path in panel.paths), strict=True)
    )
    _contour.label_threshold(plane, data.plane, tails, tips)
    return artists


def legend(data: PathsData) -> list[tuple[Line2D, str]]:
    """Return the legend entries of the starts, the minima and the threshold."""
    starts = [_legend.start()] if any(len(panel.starts) for panel in data.panels) else []
    if any(panel.start_numbers for panel in data.panels):
        starts = [(handle, word("Start (with its number in history.csv)")) for handle, _ in starts]
    return [*starts, *_contour.minima_legend(data.plane), *_contour.threshold_legend(data.plane)]


def draw_panel(plane: PlaneArtists, panel: Panel, window: Window, size: float = 1.0) -> PathsArtists:
    """Draw paths over contours; ``size`` scales arrows, lines and markers."""
    axes = plane.axes
    look = _style.look()
    size *= look.lines
    shaft = size * _thickness(panel, window)
    styles = [_style.style(path.place) for path in panel.paths]
    repeated = _legend.repeated(styles)
    arrows, lines, ends = [], [], []
    for i, path in enumerate(panel.paths):
        style = styles[i]
        zorder = _style.PATHS_ORDER + panel.order.index(i) / len(panel.paths)
        if len(path.rest):
            axes.plot(*path.rest.T, color=style.color, linewidth=0.8 * size, alpha=0.45, zorder=zorder)
        arrows.append(_draw_arrows(axes, path, style, shaft, window, zorder))
        # The line is above the arrows, because the outlines of short ones would hide it.
        width = max(1.3 * shaft, _LEAST_LINE) + _WIDER * min(panel.above[i], _MOST_ABOVE)
        lines += axes.plot(*path.line.T, color=style.color, linewidth=width, zorder=zorder + _NEXT)
        if style in repeated:
            _draw_marks(axes, path, style, window, zorder + 2 * _NEXT)
    marker = size * (0.7 if panel.start_numbers else 1.0)
    for i, path in enumerate(panel.paths):
        style = styles[i]
        shape = look.end(style)
        shape["markersize"] = marker * (
            shape["markersize"] / look.lines + _LARGER * _later_ends(panel.paths[i:], window)
        )
        ends += axes.plot(*path.ends.T, color=style.color, linestyle="none", zorder=_style.ENDS_ORDER, **shape)
    covered = _WIDER * min(max(panel.above, default=0), _MOST_ABOVE)  # by so much, the widest line is wider
    start = {**look.start, "markersize": marker / look.lines * look.start["markersize"] + covered}
    (starts,) = axes.plot(*panel.starts.T, linestyle="none", zorder=_style.STARTS_ORDER, **start)
    numbers = [
        axes.text(x, y, str(number), ha="center", va="center_baseline")
        for number, (x, y) in zip(panel.numbers, panel.places, strict=True)
    ]
    for number, (x, y) in zip(panel.start_numbers, panel.start_places, strict=True):
        if np.isfinite(x):
            axes.text(
                x,
                y,
                str(number),
                ha="center",
                va="center_baseline",
                size=_START_NUMBER * look.scale,
                zorder=_style.ENDS_ORDER,
            )
    return PathsArtists(plane, arrows, lines, starts, ends, numbers)


_LEAST_LINE = 1.0  # points
_NEXT = 0.01  # of the order of drawing
_WIDER, _MOST_ABOVE = 1.9, 3  # points by which a path is wider than one that hides it; for at most this many
_LARGER = 1.3  # points by which an end marker is larger than one that hides it
_START_NUMBER = 6.5  # points
_OUTLINED = 4.0  # points; outlines of shorter arrows would be larger than the arrows
_MUCH_INK = 0.06  # of the window's area; with more, arrows are thinner
_LEAST_THICKNESS = 0.45


def _thickness(panel: Panel, window: Window) -> float:
    """Return the factor that makes arrows thin where there are many."""
    unit, look = landscape.points_per_unit(window), _style.look()
    length = 0.0
    for path in panel.paths:
        tails, tips, _ = landscape.clipped(path.tails, path.tips, window, beyond=0.0)
        length += np.hypot(*(unit * (tips - tails)).T).sum()
    ink = length * 72 * look.arrow["width"] / np.prod(unit * np.ptp(window, axis=1))
    return float(np.clip(np.sqrt(_MUCH_INK / max(ink, 1e-9)), _LEAST_THICKNESS, 1.0))


def _draw_arrows(
    axes: Axes, path: Path, style: _style.AlgorithmStyle, shaft: float, window: Window, zorder: float
) -> Quiver:
    moves, look = path.tips - path.tails, _style.look()
    lengths = np.hypot(*(landscape.points_per_unit(window) * moves).T)
    return axes.quiver(
        *path.tails.T,
        *moves.T,
        color=style.color,
        edgecolor=style.outline,
        linewidth=np.where(lengths < _OUTLINED, 0.0, 0.35 * shaft),
        zorder=zorder,
        **{**look.arrow, "width": shaft / look.lines * look.arrow["width"]},
    )


def _draw_marks(axes: Axes, path: Path, style: _style.AlgorithmStyle, window: Window, zorder: float) -> None:
    """Draw dashes and markers along a path whose color another one has too."""
    axes.plot(
        *path.line.T,
        color=style.outline,
        linewidth=0.6 * _style.look().lines,
        dashes=style.dashes or (2, 4),
        zorder=zorder,
    )
    places = _spread(path.line, landscape.points_per_unit(window))
    look = _style.look()
    shape = {**look.end(style), "markersize": 4.0 * look.lines, "markeredgewidth": 0.4 * look.lines}
    axes.plot(*places.T, color=style.color, linestyle="none", zorder=zorder, **shape)


def _spread(line: Array, unit: Array) -> Array:
    """Return places at equal distances along a line."""
    moves = np.diff(line, axis=0)
    lengths = np.nan_to_num(np.hypot(*(unit * moves).T))
    along = np.cumsum(lengths)
    total = along[-1] if len(along) else 0.0
    apart = max(_SPREAD, total / _MOST_MARKS)
    at = np.arange(apart / 2, total, apart)
    i = np.searchsorted(along, at)
    part = 1 - (along[i] - at) / lengths[i]
    places: Array = line[i] + part[:, None] * moves[i]
    return places


_SPREAD = 45.0  # points between markers along a path, more if there would be many
_MOST_MARKS = 30


def _later_ends(paths: Sequence[Path], window: Window) -> int:
    """Return how many later paths have an end that covers an end of the first path."""
    unit = landscape.points_per_unit(window)
    first, *others = (path.ends * unit for path in paths)
    near = [np.hypot(*np.moveaxis(first[:, None] - ends, -1, 0)).min(initial=np.inf) < _SAME_END for ends in others]
    return min(sum(map(bool, near)), _MOST_ABOVE)


_SAME_END = 4.0  # points
