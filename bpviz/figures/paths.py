"""Paths of algorithms over the contour of the error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpviz.declare import figure, hyper
from bpviz.declare.domains import Flag, Interval, Listed, Nullable
from bpviz.figures._base import OfAlgorithms, OfPlane, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from bpviz.declare import Problem
    from bpviz.engine.results import Results
    from bpviz.figures._paths import PathsArtists, PathsData


@figure("paths", summary="paths of algorithms over the contour of the error")
class Paths(OfPlane, OfAlgorithms):
    """Arrows true to scale: one an epoch, or one for several epochs where a single one would be too short to see."""

    epochs: tuple[int, int] | None = hyper(
        None,
        Nullable(Listed(Interval.parse("integer [1, inf)"), 2, 2), "all of them"),
        "the first and the last epoch to show as arrows",
    )
    number_epochs: bool = hyper(False, Flag(), "whether the numbers of the epochs stand beside their arrows")
    levels: int = hyper(20, "integer [2, 200]", "how many bands of error the contour tells apart")

    @classmethod
    def defaults(cls, problem: Problem, labels: Sequence[str]) -> list[Paths]:
        if len(problem.weights) < 2:
            return []
        return [*(cls(algorithms=(label,)) for label in labels), *([cls()] if len(labels) > 1 else [])]

    def conflicts(self) -> list[tuple[str, str]]:
        wrong = super().conflicts()
        if self.epochs and self.epochs[0] > self.epochs[1]:
            wrong.append(("epochs", f"the first epoch, {self.epochs[0]}, comes after the last, {self.epochs[1]}"))
        return wrong

    def name_of_file(self) -> str:
        name = super().name_of_file()
        return f"{name}-epochs-{self.epochs[0]}-{self.epochs[1]}" if self.epochs else name

    def data(self, results: Results, problem: Problem) -> PathsData:
        from bpviz import landscape
        from bpviz.figures import _paths

        pair = self.pair(problem)
        algorithms = shown(results, self.algorithms)
        runs = [run for algorithm in algorithms for run in algorithm.runs]
        across, up = landscape.window_of(problem, runs, pair, self.epochs)
        window = (self.x or across, self.y or up)
        whole = self.epochs is self.x is self.y is None
        paths = [_paths.follow(algorithm, pair, self.epochs, window, results, whole) for algorithm in algorithms]
        plane = landscape.error_plane(problem, results, pair, runs, window, self.levels, size=121)
        numbers, places = _paths.places(paths if self.number_epochs else [], plane)
        title = self.title or self._headline([algorithm.label for algorithm in algorithms])
        return _paths.PathsData(title, _paths.note(paths, landscape.note(plane)), plane, paths, numbers, places)

    def _headline(self, labels: Sequence[str]) -> str:
        whose = labels[0] if len(labels) == 1 else f"{len(labels)} algorithms"
        if self.epochs is None:
            return f"Path of {whose}" if len(labels) == 1 else f"Paths of {whose}"
        first, last = self.epochs
        return f"{whose}, epoch {first}" if first == last else f"{whose}, epochs {first} to {last}"

    def draw(self, figure: Figure, data: PathsData) -> PathsArtists:
        from bpviz.figures import _paths

        return _paths.draw(figure, data)
