"""Draw the contours of the error over a plane of two weights."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, LogNorm, Normalize
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from bpviz.figures import _layout, _style
from bpviz.landscape.plane import levels_with_lines
from bpviz.landscape.window import distances, equal_scales

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.contour import QuadContourSet
    from matplotlib.figure import Figure

    from bpviz.declare import Array
    from bpviz.landscape.plane import Plane

_NOTHING = np.empty((0, 2))


class PlaneArtists(NamedTuple):
    """The artists of a plane."""

    axes: Axes
    bar: Axes
    filled: QuadContourSet
    threshold: QuadContourSet | None
    minima: list[Line2D]  # those with the lowest error, the others


@functools.cache
def _colors(names: tuple[str, ...]) -> Colormap:
    return LinearSegmentedColormap.from_list("error", names)


def scale(data: Plane, colors: tuple[str, ...] = _style.ERROR_COLORS) -> tuple[Colormap, Normalize]:
    """Return the color map and the normalization of a plane's errors."""
    ends = data.levels[0], data.levels[-1]
    return _colors(colors), LogNorm(*ends) if data.logarithmic else Normalize(*ends)


def draw_plane(figure: Figure, data: Plane) -> PlaneArtists:
    """Draw the contours and their color bar."""
    colors, norm = scale(data)
    axes = _layout.axes(figure, facecolor=_style.UNKNOWN, xlabel=data.names[0], ylabel=data.names[1])
    filled = axes.contourf(data.x, data.y, data.error, data.levels, cmap=colors, norm=norm)
    if len(lined := levels_with_lines(data)):
        axes.contour(data.x, data.y, data.error, lined, colors=_style.PALE, linewidths=0.4, alpha=0.6)
    bar = _layout.axes(figure)
    label = _layout.error_label(data.lowest)
    figure.colorbar(filled, bar, ticks=_ticks(data), format=lambda value, _: f"{value:g}", label=label)
    bar.minorticks_off()
    threshold = None
    if data.threshold is not None:
        line: dict[str, Any] = {"linewidths": 1.5, "linestyles": [(0, (4, 2))]}
        above = data.threshold - data.lowest
        threshold = axes.contour(data.x, data.y, data.error, [above], colors=_style.INK, **line)
        bar.axhline(above, color=_style.INK, linewidth=1.5, linestyle=(0, (2, 1)))
    minima = [
        *axes.plot(*data.lowest_minima[:, :2].T, linestyle="none", zorder=4.5, **_style.LOWEST),
        *axes.plot(*data.other_minima[:, :2].T, linestyle="none", zorder=4.5, **_style.OTHER),
    ]
    across, up = data.window
    axes.set(xlim=across, ylim=up)
    if equal_scales(data.window):
        axes.set_aspect("equal")
    return PlaneArtists(axes, bar, filled, threshold, minima)


def minima_legend(data: Plane) -> list[tuple[Line2D, str]]:
    """Return the legend entries of the minima."""
    others = "Other" if len(data.lowest_minima) else "Known"
    return [
        (Line2D([], [], linestyle="none", **style), f"{which} {'minima' if len(minima) > 1 else 'minimum'}")
        for minima, style, which in (
            (data.lowest_minima, _style.LOWEST, "Lowest"),
            (data.other_minima, _style.OTHER, others),
        )
        if len(minima)
    ]


def threshold_legend(data: Plane) -> list[tuple[Line2D, str]]:
    """Return the legend entry of the threshold, if its contour is drawn."""
    if data.threshold is None:
        return []
    line = Line2D([], [], color=_style.INK, linewidth=1.5, dashes=(3, 1.5))
    where = f" at {data.fixed_at}" if data.fixed_at else ""
    return [(line, _layout.threshold_label(data.threshold, data.lowest) + where)]


def _ticks(data: Plane) -> list[float]:
    """Return round numbers for the color bar."""
    low, high = float(data.levels[0]), float(data.levels[-1])
    if data.logarithmic:
        return _layout.round_numbers(low, high)
    ticks = MaxNLocator(7, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    return [float(tick) for tick in ticks if low <= tick <= high]


def _along(line: Array) -> tuple[Array, Array]:
    """Return places along ``line (points, 2)`` and the straightness there (1: straight) over the length of a label."""
    half = 0.06
    length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    at = np.linspace(half, length[-1] - half, 40 if length[-1] > 2 * half else 0)
    before, here, after = (np.stack([np.interp(at + d, length, xs) for xs in line.T], 1) for d in (-half, 0.0, half))
    return here, np.hypot(*(after - before).T) / (2 * half)


def label_threshold(drawn: PlaneArtists, data: Plane, tails: Array = _NOTHING, tips: Array = _NOTHING) -> None:
    """Label the contour of the threshold where it is straight and far from the arrows ``tails -> tips`` and the frame.

    Call this after the axes are placed, because the label leaves a gap of its size in the contour.
    """
    if drawn.threshold is None or data.threshold is None:
        return
    low, high = np.array(data.window).T
    arrows = (tails - low) / (high - low), (tips - low) / (high - low)
    best, place = 0.02, None
    for path in drawn.threshold.get_paths():
        line = np.asarray(path.vertices)
        if not len(line):  # the errors around the contour are not finite
            continue
        places, straight = _along((line - low) / (high - low))
        from_frame = 1.5 * np.minimum(places, 1 - places).min(axis=1)
        room = np.minimum(from_frame, distances(places, *arrows).min(axis=1, initial=np.inf))
        good = room * straight**4
        if good.max(initial=0) > best:
            best, place = good.max(), low + places[good.argmax()] * (high - low)
    if place is not None:
        text = _layout.threshold_text(data.threshold, data.lowest)
        drawn.threshold.clabel(fmt=lambda _: text, manual=[place], fontsize=_style.SMALL, inline_spacing=4)
