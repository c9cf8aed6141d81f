"""What a config says, once it is checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bpviz.config.expectations import EXACTLY
from bpviz.declare import settings, spelled
from bpviz.problems.datasets import DATASETS, Dataset
from bpviz.problems.penalty import Penalized
from bpviz.problems.perceptron import Perceptron

if TYPE_CHECKING:
    from bpviz.config.expectations import Expectation
    from bpviz.declare import Optimizer, Problem
    from bpviz.figures._kind import FigureRequest


@dataclass(frozen=True)
class Algorithm:
    """An optimizer and the name it goes by in this experiment."""

    label: str
    optimizer: Optimizer


@dataclass(frozen=True)
class Experiment:
    """What a config says, checked and with every default filled in."""

    name: str  # of the output folder
    title: str
    problem: Problem
    starts: tuple[tuple[float, ...], ...]
    error_threshold: float | None  # counted from the lowest error there is
    max_epochs: int
    algorithms: tuple[Algorithm, ...]
    figures: tuple[FigureRequest, ...]
    gradient_threshold: float | None = None
    expectations: tuple[Expectation, ...] = ()
    data_files: tuple[str, ...] = field(default=(), compare=False)  # read besides the config, from its folder

    @property
    def error_to_reach(self) -> float | None:
        """The error at which a run has arrived."""
        return None if self.error_threshold is None else self.error_threshold + (self.problem.lowest or 0.0)


def resolved(experiment: Experiment) -> dict[str, Any]:
    """Return the config that says everything: JSON-ready, with every default filled in and the data written out.

    Reading it gives an equal Experiment again.
    """
    starts = [list(start) for start in experiment.starts]
    return {
        "title": experiment.title,
        **_problem(experiment.problem),
        "start": starts[0] if len(starts) == 1 else starts,
        "error_threshold": experiment.error_threshold,
        "gradient_threshold": experiment.gradient_threshold,
        "max_epochs": experiment.max_epochs,
        "algorithms": [
            {"name": a.optimizer.name, "label": a.label, **spelled(a.optimizer)} for a in experiment.algorithms
        ],
        "figures": [{"kind": figure.name, **_listed(settings(figure))} for figure in experiment.figures],
        **_expected(experiment.expectations),
    }


def _problem(problem: Problem) -> dict[str, Any]:
    if isinstance(problem, Penalized):
        return {**_problem(problem.problem), "penalty": settings(problem)}
    if isinstance(problem, Perceptron):
        return {"dataset": _dataset(problem.dataset), "network": settings(problem)}
    return {"problem": {"name": problem.name, **settings(problem)}}


def _dataset(dataset: Dataset) -> str | dict[str, Any]:
    if DATASETS.get(dataset.name) == dataset:
        return dataset.name
    samples = zip(dataset.features, dataset.targets, strict=True)
    return {"rows": [[*x, y] for x, y in samples], "features": list(dataset.feature_names)}


def _expected(expectations: Sequence[Expectation]) -> dict[str, Any]:
    by_label: dict[str, dict[str, Any]] = {}
    for one in expectations:
        by_label.setdefault(one.label, {}).setdefault(one.quantity, {})[one.relation] = one.value
    for of_algorithm in by_label.values():
        for quantity, bounds in of_algorithm.items():
            if list(bounds) == [EXACTLY]:
                of_algorithm[quantity] = bounds[EXACTLY]
    return {"expect": by_label} if by_label else {}


def _listed(options: dict[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in options.items()}
