"""Paths of algorithms on the error as a surface in space."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from bpviz.declare import figure, hyper
from bpviz.figures._kind import OfAlgorithms, OfPlane, how_far, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from bpviz.declare import Array, Problem
    from bpviz.figures._plane import Plane
    from bpviz.results import Results


class Track(NamedTuple):
    """The path of one run: weights and error ``(epochs + 1, 3)``, NaN where it is outside the window."""

    place: int
    text: str
    points: Array


class SurfaceData(NamedTuple):
    """What is drawn: the surface and a track a run."""

    title: str
    plane: Plane
    tracks: list[Track]


class SurfaceArtists(NamedTuple):
    """What was drawn, in the order of the tracks."""

    surface: Any  # a Poly3DCollection; mplot3d tells type checkers nothing
    tracks: list[Line2D]


@figure("surface", summary="paths of algorithms on the error as a surface in space")
class Surface(OfPlane, OfAlgorithms):
    """The error as height over two weights, with the paths of algorithms on it."""

    elevation: float = hyper(30.0, "[-90, 90]", "degrees that the viewer stands above the plane of the weights")
    azimuth: float = hyper(-66.0, "[-360, 360]", "degrees that the viewer stands around the height axis")

    @classmethod
    def defaults(cls, problem: Problem, labels: Sequence[str]) -> list[Surface]:
        return [cls()] if len(problem.weights) >= 2 else []

    def data(self, results: Results, problem: Problem) -> SurfaceData:
        import numpy as np

        from bpviz.figures import _plane

        pair = self.pair(problem)
        algorithms = shown(results, self.algorithms)
        runs = [run for algorithm in algorithms for run in algorithm.runs]
        across, up = _plane.window_of(runs, pair)
        window = (self.x or across, self.y or up)
        tracks = []
        for algorithm in algorithms:
            text = f"{algorithm.label} ({how_far(algorithm.runs, results)})"
            for run in algorithm.runs:
                points = _plane.points(run, pair)
                track = np.column_stack([points, run.trajectory.errors])
                track[~_plane.within(points, window)] = np.nan
                tracks.append(Track(algorithm.place, text, track))
        plane = _plane.plane(problem, results, pair, runs, window, levels=20, size=41)
        whose = algorithms[0].label if len(algorithms) == 1 else f"{len(algorithms)} algorithms"
        return SurfaceData(self.title or f"{whose} on the error surface", plane, tracks)

    def draw(self, figure: Figure, data: SurfaceData) -> SurfaceArtists:
        import numpy as np
        from matplotlib.ticker import MaxNLocator

        from bpviz import style
        from bpviz.figures import _parts, _plane

        plane = data.plane
        colours, norm = _plane.scale(plane, style.SLOPE_COLOURS)
        # Paths are drawn after the surface, whatever lies in front: they lie on it, and half a path helps nobody.
        axes: Any = _parts.axes(figure, projection="3d", computed_zorder=False)
        surface = axes.plot_surface(
            *np.meshgrid(plane.x, plane.y),
            plane.error,
            cmap=colours,
            norm=norm,
            rcount=len(plane.y),
            ccount=len(plane.x),
            edgecolor=style.PAPER,
            linewidth=0.3,
            zorder=1,
        )
        tracks, named = [], {}
        for track in data.tracks:
            look = style.look(track.place)
            axes.plot(*track.points.T, color=style.PAPER, linewidth=4.0, zorder=2)
            tracks += axes.plot(*track.points.T, color=look.colour, linewidth=2.2, zorder=3)
            seen = track.points[np.isfinite(track.points).all(axis=1)]
            axes.plot(*seen[-1:].T, color=look.colour, linestyle="none", zorder=4, **_parts.end(look))
            axes.plot(*track.points[:1].T, linestyle="none", zorder=5, **style.START)
            named[track.text] = _parts.sign(look)
        axes.set(xlabel=plane.names[0], ylabel=plane.names[1], zlabel="Error")
        for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
            axis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))
            axis.labelpad = 8
        # mplot3d centres numbers at one distance from their axis: long ones would lie on it and on its name.
        axes.zaxis.set_major_formatter(lambda value, _: f"{value:.6g}")
        long = max(len(f"{value:.6g}") for value in axes.get_zticks())
        room = 3.2 * max(0, long - 4)
        axes.zaxis.set_tick_params(pad=3.5 + room)
        axes.zaxis.labelpad += 2 * room
        axes.view_init(self.elevation, self.azimuth)
        axes.set_box_aspect((1, 1, 0.62), zoom=0.95)
        _parts.frame(figure, axes, data.title, plane.held, [(sign, text) for text, sign in named.items()])
        return SurfaceArtists(surface, tracks)
