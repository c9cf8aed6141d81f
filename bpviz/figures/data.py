"""The samples of a dataset with two features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from bpviz.declare import figure
from bpviz.figures import _style
from bpviz.figures._base import FigureRequest
from bpviz.figures._style import word

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from matplotlib.collections import PathCollection
    from matplotlib.figure import Figure

    from bpviz.declare import Array, Problem
    from bpviz.engine.results import Results


_MOST_CLASSES = 7  # targets with a color and a marker of their own
_FEW, _LARGE, _SMALL = 30, 90, 8  # samples with markers of the largest area, and areas in points²
_MOST_TICKS, _LONGEST_TICK = 20, 20  # names of classes at a color bar, and their characters


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


def _label(target: float, classes: Sequence[str]) -> str:
    """Return the legend label of a target, with the name of its class if it has one."""
    value = f"{target:.12g}"
    if not classes:
        return word("Target {value}", value=value)
    return word("Target {value} ({name})", value=value, name=classes[int(target)])


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

        dataset = _dataset(problem)
        targets = np.array(dataset.targets)
        classes = sorted(set(dataset.targets))
        if len(classes) > _MOST_CLASSES:
            classes = []
        one = len(targets) == 1
        title = word("Dataset (1 sample)") if one else word("Dataset ({count} samples)", count=len(targets))
        names, samples = tuple(dataset.feature_names), np.array(dataset.features)
        labels = [_label(target, dataset.classes) for target in classes]
        fit = len(dataset.classes) <= _MOST_TICKS and max(map(len, dataset.classes), default=0) <= _LONGEST_TICK
        return DataData(self.title_or(title), names, samples, targets, classes, labels, dataset.classes if fit else ())

    def draw(self, figure: Figure, data: DataData) -> list[PathCollection]:
        from bpviz.figures import _layout, _ticks

        look = _style.look()
        axes = _layout.axes(figure, xlabel=data.names[0], ylabel=data.names[1])
        axes.grid()
        axes.margins(0.08)
        small = min(1.0, (_FEW / len(data.samples)) ** 0.5)
        dots: dict[str, Any] = {
            "s": max(_LARGE * small, _SMALL) * look.lines**2,
            "edgecolors": look.theme.paper,
            "linewidths": 0.8 * small * look.lines,
            "zorder": 3,
        }
        if (abs(data.samples) > _ticks.LARGEST).any():  # too large for automatic limits
            axes.set(xlim=(-_ticks.LARGEST, _ticks.LARGEST), ylim=(-_ticks.LARGEST, _ticks.LARGEST))
        named, bar = [], None
        for place, (target, label) in enumerate(zip(data.classes, data.labels, strict=True)):
            style, own = look.sample(place), data.samples[data.targets == target]
            named.append((axes.scatter(*own.T, color=style.color, marker=style.marker, **dots), label))
        drawn = [scatter for scatter, _ in named]
        if not data.classes:
            x, y = data.samples.T
            drawn = [axes.scatter(x, y, c=data.targets.clip(-_ticks.LARGEST, _ticks.LARGEST), cmap="cividis", **dots)]
            bar = _layout.bar_axes(figure, axes)
            figure.colorbar(drawn[0], bar, label=word("Target"))
            if data.ticks:
                bar.set_yticks(range(len(data.ticks)), data.ticks)
            else:
                _ticks.use_numbers(bar.yaxis)
        _layout.frame(figure, axes, data.title, entries=named, bar=bar)
        return drawn
