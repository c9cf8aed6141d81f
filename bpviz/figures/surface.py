"""Paths of algorithms on the error surface in 3D."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from bpviz.declare import figure, hyper
from bpviz.figures._base import OfAlgorithms, OfPlane, outcome, select

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from bpviz.declare import Array, Problem
    from bpviz.engine.results import Results
    from bpviz.landscape.plane import Plane


class Track(NamedTuple):
    """The path of one run: weights and height ``(epochs + 1, 3)``, NaN outside the window."""

    place: int
    text: str
    points: Array


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
        from bpviz.figures import _layout

        pair = self.pair(problem)
        algorithms = select(results, self.algorithms)
        runs = [run for algorithm in algorithms for run in algorithm.runs]
        across, up = landscape.window_of(problem, runs, pair)
        window = (self.x or across, self.y or up)
        plane = landscape.error_plane(problem, results, pair, runs, window, levels=20, size=41)
        low, high = plane.levels[0], plane.levels[-1]
        logarithmic = plane.logarithmic and bool(high > _STEEP * low)

        def height(above: Array) -> Array:
            return np.log10(np.maximum(above, low)) if logarithmic else above.clip(-_layout.LARGEST, _layout.LARGEST)

        tracks = []
        for algorithm in algorithms:
            text = f"{algorithm.label} ({outcome(algorithm.runs, results)})"
            for run in algorithm.runs:
                points = landscape.points(run, pair)
                track = np.column_stack([points, height(run.trajectory.errors - plane.lowest)])
                track[~landscape.within(points, window)] = np.nan
                tracks.append(Track(algorithm.place, text, track))
        subject = algorithms[0].label if len(algorithms) == 1 else f"{len(algorithms)} algorithms"
        title = self.title or f"{subject} on the error surface"
        lowest, others = (
            np.column_stack([places[:, :2], height(places[:, 2])])
            for places in (plane.lowest_minima, plane.other_minima)
        )
        return SurfaceData(title, plane, height(plane.error), logarithmic, (lowest, others), tracks)

    def draw(self, figure: Figure, data: SurfaceData) -> SurfaceArtists:
        import numpy as np
        from matplotlib.colors import Normalize
        from matplotlib.ticker import MaxNLocator

        from bpviz import landscape
        from bpviz.figures import _contour, _layout, _style

        plane = data.plane
        colors, norm = _contour.scale(plane, _style.SLOPE_COLORS)
        # Paths are drawn after the surface, even where it would hide them: half a path is of no use.
        axes: Any = _layout.axes(figure, projection="3d", computed_zorder=False)
        surface = axes.plot_surface(
            *np.meshgrid(plane.x, plane.y),
            data.heights,
            cmap=colors,
            norm=Normalize(*np.log10(plane.levels[[0, -1]])) if data.logarithmic else norm,
            rcount=len(plane.y),
            ccount=len(plane.x),
            edgecolor=_style.PAPER,
            linewidth=0.3 * 40 / (len(plane.x) - 1),
            zorder=1,
        )
        tracks, handles = [], {}
        for track in data.tracks:
            style = _style.style(track.place)
            axes.plot(*track.points.T, color=_style.PAPER, linewidth=4.0, zorder=2)
            tracks += axes.plot(*track.points.T, color=style.color, linewidth=2.2, zorder=3)
            seen = track.points[np.isfinite(track.points).all(axis=1)]
            axes.plot(*seen[-1:].T, color=style.color, linestyle="none", zorder=4, **_layout.end_marker(style))
            axes.plot(*track.points[:1].T, linestyle="none", zorder=5, **_style.START)
            handles[track.text] = _layout.legend_handle(style)
        minima = [
            *axes.plot(*data.minima[0].T, linestyle="none", zorder=4.5, **_style.LOWEST),
            *axes.plot(*data.minima[1].T, linestyle="none", zorder=4.5, **_style.OTHER),
        ]
        axes.set(xlabel=plane.names[0], ylabel=plane.names[1], zlabel=_layout.error_label(plane.lowest))
        for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
            axis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))
            axis.labelpad = 8
        if data.logarithmic:
            ticks = _layout.round_numbers(plane.levels[0], plane.levels[-1])
            axes.set_zticks([math.log10(tick) for tick in ticks], [f"{tick:g}" for tick in ticks])
            long = max(len(f"{tick:g}") for tick in ticks)
        else:
            axes.zaxis.set_major_formatter(lambda value, _: f"{value:.6g}")
            long = max(len(f"{value:.6g}") for value in axes.get_zticks())
        # mplot3d centers tick labels at a fixed distance from the axis: long ones would overlap the axis and its label.
        room = 3.2 * max(0, long - 4)
        axes.zaxis.set_tick_params(pad=3.5 + room)
        axes.zaxis.labelpad += 2 * room
        axes.view_init(self.elevation, self.azimuth)
        axes.set_box_aspect((1, 1, 0.62), zoom=0.95)
        entries = [(handle, text) for text, handle in handles.items()]
        if any(np.isfinite(track.points[0]).all() for track in data.tracks):
            entries.append(_layout.start_legend())
        entries += _contour.minima_legend(plane)
        _layout.frame(figure, axes, data.title, landscape.fixed_weights_note(plane, "surface"), entries)
        return SurfaceArtists(surface, tracks, minima)
