"""Contours of the error over two weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpviz.declare import figure, hyper
from bpviz.figures._base import OfPlane, select
from bpviz.figures._style import word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from bpviz.declare import Problem
    from bpviz.engine.results import Results
    from bpviz.figures._contour import PlaneArtists
    from bpviz.landscape.plane import Plane


@figure("contour", summary="contours of the error over two weights")
class Contour(OfPlane):
    """Filled contours of the error over two weights, with the contour of the threshold."""

    levels: int = hyper(20, "integer [2, 200]", "number of contour levels")

    @classmethod
    def defaults(cls, problem: Problem, labels: Sequence[str]) -> list[Contour]:
        return [cls()] if len(problem.weights) >= 2 else []

    def data(self, results: Results, problem: Problem) -> Plane:
        from bpviz import landscape

        pair = self.pair(problem)
        across, up = landscape.default_window(problem, pair)
        window = (self.x or across, self.y or up)
        return landscape.error_plane(problem, results, pair, select(results)[0].runs, window, self.levels, size=121)

    def draw(self, figure: Figure, data: Plane) -> PlaneArtists:
        from bpviz.figures import _contour, _labels, _layout

        drawn = _contour.draw_plane(figure, data)
        title = self.title_or(word("Error contours"))
        _layout.frame(
            figure,
            drawn.axes,
            title,
            _labels.section_note("contour", data.section),
            _contour.minima_legend(data),
            drawn.bar,
        )
        _contour.label_threshold(drawn, data)
        return drawn
