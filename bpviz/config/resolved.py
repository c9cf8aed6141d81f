"""Write an experiment as a complete config."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bpviz.declare import all_settings, given, settings
from bpviz.experiment.expectations import EXACTLY
from bpviz.figures._style import Style
from bpviz.problems.data import Named
from bpviz.problems.network.network import Network
from bpviz.problems.penalty import Penalized
from bpviz.problems.perceptron import Perceptron

if TYPE_CHECKING:
    from bpviz.declare import Problem
    from bpviz.experiment.expectations import Expectation
    from bpviz.experiment.spec import Algorithm, Experiment
    from bpviz.problems.datasets import Dataset


def resolved(experiment: Experiment) -> dict[str, Any]:
    """Return the complete config of an experiment: JSON-compatible, with all defaults and the data included.

    Reading it gives an equal Experiment.
    """
    starts = [list(start) for start in experiment.starts]
    return {
        "title": experiment.heading or None,
        **_problem(experiment.problem),
        "start": starts[0] if len(starts) == 1 else starts,
        "error_threshold": experiment.error_threshold,
        "gradient_threshold": experiment.gradient_threshold,
        "max_epochs": experiment.max_epochs,
        "algorithms": [
            {"name": a.optimizer.name, "label": a.label, **_colored(a), **all_settings(a.optimizer)}
            for a in experiment.algorithms
        ],
        "figures": [{"kind": figure.name, **_listed(settings(figure))} for figure in experiment.figures],
        "style": _listed(given(experiment.style)),
        "labels": dict(experiment.words),
        **_expected(experiment.expectations),
    }


def _problem(problem: Problem) -> dict[str, Any]:
    if isinstance(problem, Penalized):
        return {**_problem(problem.problem), "penalty": settings(problem)}
    if isinstance(problem, Network):
        layers = [settings(layer) for layer in problem.layers]
        return {"dataset": _dataset(problem.dataset), "network": {"layers": layers, **settings(problem)}}
    if isinstance(problem, Perceptron):
        return {"dataset": _dataset(problem.dataset), "network": settings(problem)}
    return {"problem": {"name": problem.name, **settings(problem)}}


def _dataset(dataset: Dataset) -> str | dict[str, Any]:
    more = {"scale": dataset.scaling.kind} if dataset.scaling else {}
    if isinstance(dataset.named, Named):
        chosen = {name: value for name, value in _listed(settings(dataset.named)).items() if value is not None} | more
        return {"name": dataset.named.name, **chosen} if chosen else dataset.named.name
    samples = zip(dataset.features, dataset.targets, strict=True)
    data = {"rows": [[*x, y] for x, y in samples], "features": list(dataset.feature_names)}
    return {**data, **({"classes": list(dataset.classes)} if dataset.classes else {}), **more}


def _expected(expectations: Sequence[Expectation]) -> dict[str, Any]:
    by_label: dict[str, dict[str, Any]] = {}
    for one in expectations:
        by_label.setdefault(one.label, {}).setdefault(one.quantity, {})[one.relation] = one.value
    for of_algorithm in by_label.values():
        for quantity, bounds in of_algorithm.items():
            if list(bounds) == [EXACTLY]:
                of_algorithm[quantity] = bounds[EXACTLY]
    return {"expect": by_label} if by_label else {}


def _colored(algorithm: Algorithm) -> dict[str, str]:
    looks = {"color": algorithm.color, "marker": algorithm.marker}
    return {name: value for name, value in looks.items() if value is not None}


def _listed(options: dict[str, Any]) -> dict[str, Any]:
    """Return options with lists for tuples and mappings for styles."""
    return {
        name: list(value) if isinstance(value, tuple) else _listed(given(value)) if isinstance(value, Style) else value
        for name, value in options.items()
    }
