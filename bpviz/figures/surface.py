"""Paths of algorithms on the error surface in 3D."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from bpviz.declare import figure, hyper
from bpviz.figures._base import OfAlgorithms, OfPlane, outcome, select
from bpviz.figures._style import word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from bpviz.declare import Array, Problem
    from bpviz.engine.results import Results, Run
    from bpviz.landscape.plane import Plane
    from bpviz.landscape.window import Window


class Track(NamedTuple):
    """The path of one run, as weights and height.

    ``points (points, 3)`` has every epoch in the window and the places where the path crosses its edge, with NaN
    where it is outside. ``start`` and ``end (0 or 1, 3)`` are empty if they are outside.
    """

    place: int
    text: str
    points: Array
    start: Array
    end: Array


class SurfaceData(NamedTuple):
    """The plotted data: the surface and one track per run.

    ``heights (rows, columns)`` are errors or their logarithms; ``minima`` are global and local minima
    ``(minima, 3)``, with such heights.
    """

    title: str
    plane: Plane
    heights: Array
    logarithmic: bool
    minima: tuple[Array, Array]
    tracks: list[Track]


class SurfaceArtists(NamedTuple):
    """The artists: tracks in the order of the data, global minima before local ones."""

    surface: Any  # a Poly3DCollection; mplot3d has no type hints
    tracks: list[Line2D]
    minima: list[Line2D]


_MANY_STARTS = 5  # from this number on, tracks are thin and markers small
_STEEP = 1e4  # if errors span a larger factor, heights are logarithms of errors


@figure("surface", summary="paths of algorithms on the error surface in 3D")
class Surface(OfPlane, OfAlgorithms):
    """The error as a surface over two weights, with the paths of algorithms on it."""

    elevation: float = hyper(30.0, "[-90, 90]", "camera elevation in degrees")
    azimuth: float = hyper(-66.0, "[-360, 360]", "camera azimuth in degrees")

    @classmethod
    def defaults(cls, problem: Problem, labels: Sequence[str]) -> list[Surface]:
        return [cls()] if len(problem.weights) >= 2 else []

    def data(self, results: Results, problem: Problem) -> SurfaceData:
        import numpy as np

        from bpviz import landscape
        from bpviz.figures import _ticks
        from bpviz.figures._lines import joined
        from bpviz.figures._remarks import departures

        pair = self.pair(problem)
        algorithms = select(results, self.algorithms)
        runs = [run for algorithm in algorithms for run in algorithm.runs]
        across, up = landscape.window_of(problem, runs, pair)
        window = (self.x or across, self.y or up)
        plane = landscape.error_plane(problem, results, pair, runs, window, levels=20, size=41)
        low, high = plane.levels[0], plane.levels[-1]
        logarithmic = plane.logarithmic and bool(high > _STEEP * low)

        def height(above: Array) -> Array:
            return np.log10(np.maximum(above, low)) if logarithmic else above.clip(-_ticks.LARGEST, _ticks.LARGEST)

        tracks = []
        for algorithm in algorithms:
            paths = [landscape.points(run, pair) for run in algorithm.runs]
            text = ", ".join([outcome(algorithm.runs, results), *departures(paths, window)])
            for run, path in zip(algorithm.runs, paths, strict=True):
                tails, tips = _visible_moves(problem, run, pair, window)
                for ends in (tails, tips):
                    ends[:, 2] = height(ends[:, 2] - plane.lowest)
                track = np.column_stack([path, height(run.trajectory.errors - plane.lowest)])
                finite = np.isfinite(path).all(axis=1)
                start, end = (ends[landscape.within(ends[:, :2], window)] for ends in (track[:1], track[finite][-1:]))
                tracks.append(
                    Track(
                        algorithm.place,
                        word("{label} ({outcome})", label=algorithm.label, outcome=text),
                        joined(tails, tips),
                        start,
                        end,
                    )
                )
        one = len(algorithms) == 1
        subject = algorithms[0].label if one else word("{count} algorithms", count=len(algorithms))
        title = self.title_or(word("{subject} on the error surface", subject=subject))
        lowest, others = (
            np.column_stack([places[:, :2], height(places[:, 2])])
            for places in (plane.lowest_minima, plane.other_minima)
        )
        return SurfaceData(title, plane, height(plane.error), logarithmic, (lowest, others), tracks)

    def draw(self, figure: Figure, data: SurfaceData) -> SurfaceArtists:
        import numpy as np
        from matplotlib.colors import Normalize
        from matplotlib.ticker import MaxNLocator

        from bpviz.figures import _contour, _labels, _layout, _legend, _style, _ticks

        plane, look = data.plane, _style.look()
        colors, norm = _contour.scale(plane, look.theme.slopes)
        # Paths are drawn after the surface, even where it would hide them: half a path is of no use.
        axes: Any = _layout.axes(figure, projection="3d", computed_zorder=False)
        surface = axes.plot_surface(
            *np.meshgrid(plane.x, plane.y),
            data.heights,
            cmap=colors,
            norm=Normalize(*np.log10(plane.levels[[0, -1]])) if data.logarithmic else norm,
            rcount=len(plane.y),
            ccount=len(plane.x),
            edgecolor=look.theme.paper,
            linewidth=0.3 * 40 / (len(plane.x) - 1),
            zorder=1,
        )
        tracks, handles = [], {}
        many = len({tuple(track.start.ravel()) for track in data.tracks}) >= _MANY_STARTS
        size = look.lines * (0.7 if many else 1.0)
        styles = {track.place: look.algorithm(track.place) for track in data.tracks}
        repeated = _legend.repeated(list(styles.values()))
        for track in data.tracks:
            style = styles[track.place]
            dashes = style.dashes if style in repeated else ()
            axes.plot(*track.points.T, color=look.theme.paper, linewidth=4.0 * size, zorder=2)
            tracks += axes.plot(*track.points.T, color=style.color, dashes=dashes, linewidth=2.2 * size, zorder=3)
            (end,) = axes.plot(*track.end.T, color=style.color, linestyle="none", zorder=5, **look.end(style))
            (start,) = axes.plot(*track.start.T, linestyle="none", zorder=4, **look.start)
            for marker in (end, start):
                marker.set_markersize(size / look.lines * marker.get_markersize())
            handles[track.text] = _legend.handle(style, dashes)
        minima = [
            *axes.plot(*data.minima[0].T, linestyle="none", zorder=4.5, **look.lowest),
            *axes.plot(*data.minima[1].T, linestyle="none", zorder=4.5, **look.other),
        ]
        axes.set(**_labels.weight_labels(plane.names), zlabel=_labels.error_label(plane.lowest))
        for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
            axis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))
            _ticks.state_offset(axis)
            axis.labelpad = 8 * look.scale
        if data.logarithmic:
            ticks = _ticks.round_numbers(plane.levels[0], plane.levels[-1])
            texts = [_ticks.number(tick) for tick in ticks]
            axes.set_zticks([math.log10(tick) for tick in ticks], texts)
        else:
            texts = axes.zaxis.get_major_formatter().format_ticks(axes.get_zticks())
        # mplot3d centers tick labels at a fixed distance from the axis: long ones would overlap the axis and its label.
        room = 3.2 * look.scale * max(0, max(map(len, texts)) - 4)
        axes.zaxis.set_tick_params(pad=3.5 * look.scale + room)
        axes.zaxis.labelpad += 2 * room
        axes.view_init(self.elevation, self.azimuth)
        axes.set_box_aspect((1, 1, 0.62), zoom=0.95)
        entries = [(handle, text) for text, handle in handles.items()]
        if any(len(track.start) for track in data.tracks):
            entries.append(_legend.start())
        entries += _contour.minima_legend(plane)
        _layout.frame(figure, axes, data.title, _labels.section_note("surface", plane.section), entries)
        return SurfaceArtists(surface, tracks, minima)


def _visible_moves(problem: Problem, run: Run, pair: tuple[int, int], window: Window) -> tuple[Array, Array]:
    """Return the tails and tips ``(moves, 3)`` of the moves of a run within the window: two weights and the error.

    The error where a move crosses the edge of the window is computed, so that the end of the track is on the surface.
    """
    import numpy as np

    from bpviz import landscape
    from bpviz.numerics import linalg

    weights, errors = run.trajectory.weights, run.trajectory.errors
    path = weights[:, pair]
    *cut, seen = landscape.clipped(path[:-1], path[1:], window, beyond=0.0)
    first = np.flatnonzero(seen)
    ends = []
    for places, epoch in zip(cut, (first, first + 1), strict=True):
        heights = errors[epoch]
        moved = np.flatnonzero((places != path[epoch]).any(axis=1))
        if len(moved):
            before = first[moved]
            with np.errstate(all="ignore"):
                part = np.hypot(*(places[moved] - path[before]).T) / np.hypot(*(path[before + 1] - path[before]).T)
                between = weights[before] + part[:, None] * (weights[before + 1] - weights[before])
                between[:, pair] = places[moved]
                heights[moved] = problem.at(linalg.block(between)).error()
        ends.append(np.column_stack([places, heights]))
    return ends[0], ends[1]
