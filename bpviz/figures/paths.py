"""Paths of algorithms over error contours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpviz.declare import figure, hyper
from bpviz.declare.domains import Choice, Flag, Interval, ListOf, Nullable
from bpviz.figures import _style
from bpviz.figures._base import OfAlgorithms, OfPlane, select
from bpviz.figures._style import word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from bpviz.declare import Problem
    from bpviz.engine.results import Results
    from bpviz.figures._grid import GridArtists
    from bpviz.figures._overlay import PathsArtists
    from bpviz.figures._panels import PathsData


_GRID_FROM = 7  # algorithms; more paths in one plot hide each other


@figure("paths", summary="paths of algorithms over error contours")
class Paths(OfPlane, OfAlgorithms):
    """Arrows to scale: one per epoch, or one per several epochs if single ones would be too short to see."""

    epochs: tuple[int, int] | None = hyper(
        None,
        Nullable(ListOf(Interval.parse("integer [1, inf)"), 2, 2), "all"),
        "first and last epoch shown as arrows",
    )
    number_epochs: bool = hyper(False, Flag(), "whether to label arrows with their epochs")
    levels: int = hyper(20, "integer [2, 200]", "number of contour levels")

    layout: str | None = hyper(
        None,
        Nullable(Choice(("overlay", "grid")), f"grid from {_GRID_FROM} algorithms"),
        "all algorithms in one plot, or one plot per algorithm",
    )

    @classmethod
    def defaults(cls, problem: Problem, labels: Sequence[str]) -> list[Paths]:
        if len(problem.weights) < 2:
            return []
        return [*(cls(algorithms=(label,)) for label in labels), *([cls()] if len(labels) > 1 else [])]

    def conflicts(self) -> list[tuple[str, str]]:
        wrong = super().conflicts()
        if self.epochs and self.epochs[0] > self.epochs[1]:
            wrong.append(("epochs", f"expected first epoch ≤ last epoch, got {list(self.epochs)}"))
        return wrong

    def name_of_file(self) -> str:
        name = super().name_of_file()
        return f"{name}-epochs-{self.epochs[0]}-{self.epochs[1]}" if self.epochs else name

    def data(self, results: Results, problem: Problem) -> PathsData:
        from bpviz import landscape
        from bpviz.figures import _labels, _panels, _paths

        pair = self.pair(problem)
        algorithms = select(results, self.algorithms)
        runs = [run for algorithm in algorithms for run in algorithm.runs]
        across, up = landscape.window_of(problem, runs, pair, self.epochs)
        window = (self.x or across, self.y or up)
        grid = self.layout == "grid" or (self.layout is None and len(algorithms) >= _GRID_FROM)
        columns = _panels.columns(len(algorithms), window) if grid else 0
        scale = _style.look().room * (_panels.SCALE / columns if grid else 1.0)
        paths = [_paths.path_of(algorithm, pair, self.epochs, window, results, scale) for algorithm in algorithms]
        plane = landscape.error_plane(problem, results, pair, runs, window, self.levels, size=61 if grid else 121)
        groups = [([path], [algorithm]) for path, algorithm in zip(paths, algorithms, strict=True)]
        panels = [
            _panels.panel(*group, pair, results, plane, self.number_epochs, scale)
            for group in (groups if grid else [(paths, algorithms)])
        ]
        title = self.title_or(self._default_title([algorithm.label for algorithm in algorithms]))
        note = _paths.note([] if grid else paths, _labels.section_note("contour", plane.section))
        return _panels.PathsData(title, note, plane, columns, panels)

    def _default_title(self, labels: Sequence[str]) -> str:
        if self.epochs is None and len(labels) == 1:
            return word("Path of {algorithm}", algorithm=labels[0])
        if self.epochs is None:
            return word("Paths of {count} algorithms", count=len(labels))
        subject = labels[0] if len(labels) == 1 else word("{count} algorithms", count=len(labels))
        first, last = self.epochs
        if first == last:
            return word("{subject}, epoch {first}", subject=subject, first=first)
        return word("{subject}, epochs {first} to {last}", subject=subject, first=first, last=last)

    def draw(self, figure: Figure, data: PathsData) -> PathsArtists | GridArtists:
        from bpviz.figures import _grid, _overlay

        return _grid.draw(figure, data) if data.columns else _overlay.draw(figure, data)
