"""The error over the plane of two weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpviz.declare import figure, hyper
from bpviz.figures._base import OfPlane, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from bpviz.declare import Problem
    from bpviz.engine.results import Results
    from bpviz.figures._contour import PlaneArtists
    from bpviz.landscape.plane import Plane


@figure("contour", summary="the error over two weights, as a contour")
class Contour(OfPlane):
    """The error over two weights as a filled contour, with the contour of the threshold."""

    levels: int = hyper(20, "integer [2, 200]", "how many bands of error the contour tells apart")

    @classmethod
    def defaults(cls, problem: Problem, labels: Sequence[str]) -> list[Contour]:
        return [cls()] if len(problem.weights) >= 2 else []

    def data(self, results: Results, problem: Problem) -> Plane:
        from bpviz import landscape

        pair = self.pair(problem)
        across, up = landscape.home(problem, pair)
        window = (self.x or across, self.y or up)
        return landscape.error_plane(problem, results, pair, shown(results)[0].runs, window, self.levels, size=121)

    def draw(self, figure: Figure, data: Plane) -> PlaneArtists:
        from bpviz import landscape
        from bpviz.figures import _contour, _layout

        drawn = _contour.draw_plane(figure, data)
        title = self.title or "Error over two weights"
        _layout.frame(figure, drawn.axes, title, landscape.note(data), _contour.named_minima(data), drawn.bar)
        _contour.label_threshold(drawn, data)
        return drawn
