"""Draw the contours of the error over a plane of two weights."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

import bpviz.figures._matplotlib  # noqa: F401  # isort: skip  before other imports of matplotlib

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, LogNorm, Normalize
from matplotlib.lines import Line2D

from bpviz.figures import _labels, _layout, _style, _ticks
from bpviz.figures._style import word
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


def scale(data: Plane, colors: tuple[str, ...] | None = None) -> tuple[Colormap, Normalize]:
    """Return the color map and the normalization of a plane's errors."""
    ends = data.levels[0], data.levels[-1]
    return _colors(colors or _style.look().theme.errors), LogNorm(*ends) if data.logarithmic else Normalize(*ends)


def draw_plane(figure: Figure, data: Plane) -> PlaneArtists:
    """Draw the contours and their color bar."""
    axes = _layout.axes(figure, **_labels.weight_labels(data.names))
    bar = _layout.bar_axes(figure, axes)
    artists = draw_contours(axes, bar, data)
    draw_bar(figure, bar, artists.filled, data)
    return artists


def draw_contours(axes: Axes, bar: Axes, data: Plane) -> PlaneArtists:
    """Draw the contours, which ``bar`` explains."""
    colors, norm = scale(data)
    look = _style.look()
    axes.set_facecolor(look.theme.unknown)
    filled = axes.contourf(data.x, data.y, data.error, data.levels, cmap=colors, norm=norm)
    if len(lined := levels_with_lines(data)):
        axes.contour(data.x, data.y, data.error, lined, colors=look.theme.pale, linewidths=0.4 * look.lines, alpha=0.6)
    threshold = None
    if data.threshold is not None:
        line: dict[str, Any] = {"linewidths": 1.5 * look.lines, "linestyles": [(0, (4, 2))]}
        threshold = axes.contour(
            data.x, data.y, data.error, [data.threshold - data.lowest], colors=look.theme.ink, **line
        )
    minima = [
        *axes.plot(*data.lowest_minima[:, :2].T, linestyle="none", zorder=_style.MINIMA_ORDER, **look.lowest),
        *axes.plot(*data.other_minima[:, :2].T, linestyle="none", zorder=_style.MINIMA_ORDER, **look.other),
    ]
    across, up = data.window
    axes.set(xlim=across, ylim=up)
    if equal_scales(data.window):
        axes.set_aspect("equal")
    return PlaneArtists(axes, bar, filled, threshold, minima)


def draw_bar(figure: Figure, bar: Axes, filled: QuadContourSet, data: Plane) -> None:
    """Draw the color bar of filled contours."""
    label = _labels.error_label(data.lowest)
    figure.colorbar(filled, bar, label=label)
    use = _ticks.use_round_numbers if data.logarithmic else _ticks.use_numbers
    use(bar.yaxis)
    bar.minorticks_off()
    if data.threshold is not None:
        look = _style.look()
        above = data.threshold - data.lowest
        bar.axhline(above, color=look.theme.ink, linewidth=1.5 * look.lines, linestyle=(0, (2, 1)))


def minima_legend(data: Plane) -> list[tuple[Line2D, str]]:
    """Return the legend entries of the minima."""
    look = _style.look()
    others = ("Other minimum", "Other minima") if len(data.lowest_minima) else ("Known minimum", "Known minima")
    return [
        (Line2D([], [], linestyle="none", **style), word(words[len(minima) > 1]))
        for minima, style, words in (
            (data.lowest_minima, look.lowest, ("Lowest minimum", "Lowest minima")),
            (data.other_minima, look.other, others),
        )
        if len(minima)
    ]


def threshold_legend(data: Plane) -> list[tuple[Line2D, str]]:
    """Return the legend entry of the threshold, if its contour is drawn."""
    if data.threshold is None:
        return []
    look = _style.look()
    line = Line2D([], [], color=look.theme.ink, linewidth=1.5 * look.lines, dashes=(3, 1.5))
    return [(line, _labels.threshold_at(_labels.threshold_label(data.threshold, data.lowest), data.section))]


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
        text = _labels.threshold_text(data.threshold, data.lowest)
        drawn.threshold.clabel(fmt=lambda _: text, manual=[place], fontsize=_style.look().small, inline_spacing=4)
