"""What a config says, once it is checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bpviz.declare import settings, spelled
from bpviz.problems.datasets import DATASETS, Dataset

if TYPE_CHECKING:
    from bpviz.declare import FigureRequest, Optimizer, Problem


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
    error_threshold: float | None
    max_epochs: int
    algorithms: tuple[Algorithm, ...]
    figures: tuple[FigureRequest, ...]


def resolved(experiment: Experiment) -> dict[str, Any]:
    """Return the config that says everything: JSON-ready, with every default filled in and the data written out.

    Reading it gives an equal Experiment again.
    """
    starts = [list(start) for start in experiment.starts]
    return {
        "title": experiment.title,
        "dataset": _dataset(experiment.problem.dataset),  # type: ignore[attr-defined]
        "network": settings(experiment.problem),
        "start": starts[0] if len(starts) == 1 else starts,
        "error_threshold": experiment.error_threshold,
        "max_epochs": experiment.max_epochs,
        "algorithms": [
            {"name": a.optimizer.name, "label": a.label, **spelled(a.optimizer)} for a in experiment.algorithms
        ],
        "figures": [{"kind": figure.name, **_listed(settings(figure))} for figure in experiment.figures],
    }


def _dataset(dataset: Dataset) -> str | dict[str, Any]:
    if DATASETS.get(dataset.name) == dataset:
        return dataset.name
    samples = zip(dataset.features, dataset.targets, strict=True)
    return {"rows": [[*x, y] for x, y in samples], "features": list(dataset.feature_names)}


def _listed(options: dict[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in options.items()}
