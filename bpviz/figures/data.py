"""The samples of a dataset with two features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from bpviz.declare import figure
from bpviz.figures._base import FigureRequest

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from matplotlib.collections import PathCollection
    from matplotlib.figure import Figure

    from bpviz.declare import Array, Problem
    from bpviz.engine.results import Results


_FEW, _LARGE, _SMALL = 30, 90, 8  # samples with markers of the largest area, and areas in points²

_MOST_TICKS, _LONGEST_TICK = 20, 20


class DataData(NamedTuple):
    """Samples ``(samples, 2)`` and their targets ``(samples,)``; no ``classes`` and labels if there are too many.

    ``ticks`` are the names of targets 0, 1, ... at a color bar, if they have names that fit.
    """

    title: str
    names: tuple[str, str]
    samples: Array
    targets: Array
    classes: list[float]
    labels: list[str]
    ticks: tuple[str, ...]


def _dataset(problem: Problem) -> Any:
    """Return the problem's dataset if it has one with two features, else None."""
    dataset = getattr(problem, "dataset", None)
    return dataset if dataset and len(dataset.features[0]) == 2 else None


@figure("data", summary="samples of a dataset with two features")
class Data(FigureRequest):
    """The samples at their two features; color and marker show the target, or color alone if there are many targets."""

    @classmethod
    def defaults(cls, problem: Problem, labels: Sequence[str]) -> list[Data]:
        return [cls()] if _dataset(problem) else []

    def invalid_options(self, problem: Problem, algorithms: Collection[str]) -> list[tuple[str, str]]:
        wrong = super().invalid_options(problem, algorithms)
        return wrong if _dataset(problem) else [*wrong, ("kind", "data needs a dataset with two features")]

    def data(self, results: Results, problem: Problem) -> DataData:
        import numpy as np

        from bpviz.figures import _style

        dataset = _dataset(problem)
        targets = np.array(dataset.targets)
        classes = sorted(set(dataset.targets))
        if len(classes) > len(_style.CLASSES):
            classes = []
        title = f"Dataset ({len(targets)} samples)" if len(targets) > 1 else "Dataset (1 sample)"
        names = [f" ({dataset.classes[int(target)]})" if dataset.classes else "" for target in classes]
        labels = [f"Target {target:g}{name}" for target, name in zip(classes, names, strict=True)]
        fit = len(dataset.classes) <= _MOST_TICKS and max(map(len, dataset.classes), default=0) <= _LONGEST_TICK
        ticks = dataset.classes if fit else ()
        return DataData(
            title, tuple(dataset.feature_names), np.array(dataset.features), targets, classes, labels, ticks
        )

    def draw(self, figure: Figure, data: DataData) -> list[PathCollection]:
        from bpviz.figures import _layout, _style

        across, up = (name[:1].upper() + name[1:] for name in data.names)
        axes = _layout.axes(figure, xlabel=across, ylabel=up)
        axes.grid()
        axes.margins(0.08)
        small = min(1.0, (_FEW / len(data.samples)) ** 0.5)
        size = max(_LARGE * small, _SMALL)
        dots: dict[str, Any] = {"s": size, "edgecolors": _style.PAPER, "linewidths": 0.8 * small, "zorder": 3}
        if (abs(data.samples) > _layout.LARGEST).any():  # too large for automatic limits
            axes.set(xlim=(-_layout.LARGEST, _layout.LARGEST), ylim=(-_layout.LARGEST, _layout.LARGEST))
        named, bar = [], None
        for style, target, label in zip(_style.CLASSES, data.classes, data.labels, strict=False):
            own = data.samples[data.targets == target]
            named.append((axes.scatter(*own.T, color=style.color, marker=style.marker, **dots), label))
        drawn = [scatter for scatter, _ in named]
        if not data.classes:
            x, y = data.samples.T
            drawn = [axes.scatter(x, y, c=data.targets.clip(-_layout.LARGEST, _layout.LARGEST), cmap="cividis", **dots)]
            bar = _layout.axes(figure)
            figure.colorbar(drawn[0], bar, label="Target")
            if data.ticks:
                bar.set_yticks(range(len(data.ticks)), data.ticks)
        _layout.frame(figure, axes, self.title or data.title, entries=named, bar=bar)
        return drawn
