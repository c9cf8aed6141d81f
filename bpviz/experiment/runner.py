"""Run an Experiment and return its Results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from time import perf_counter
from typing import TYPE_CHECKING

from bpviz import declare
from bpviz.engine.loop import iterate
from bpviz.engine.results import Epoch, Results, Run, record

if TYPE_CHECKING:
    from bpviz.experiment.spec import Experiment

Listener = Callable[[str, Epoch], None]
"""Function called with an algorithm's label and each of its Epochs."""


def run(experiment: Experiment, listeners: Iterable[Listener] = (), seconds: dict[str, float] | None = None) -> Results:
    """Run every algorithm of an experiment from every start.

    Parameters
    ----------
    experiment : Experiment
        The experiment to run.
    listeners : iterable of callable
        Functions called with the label of the algorithm and each Epoch.
    seconds : dict or None
        Filled with the time per algorithm, by label. It is not part of the results, which are reproducible.

    Returns
    -------
    Results
        One run per algorithm and start.
    """
    listeners = tuple(listeners)
    runs = []
    for algorithm in experiment.algorithms:
        began = perf_counter()
        epochs = iterate(
            algorithm.optimizer,
            experiment.problem,
            experiment.starts,
            error_threshold=experiment.error_to_reach,
            gradient_threshold=experiment.gradient_threshold,
            max_epochs=experiment.max_epochs,
        )
        trajectories = record(_notifying(epochs, algorithm.label, listeners) if listeners else epochs)
        if seconds is not None:
            seconds[algorithm.label] = perf_counter() - began
        runs += [
            Run(algorithm.optimizer.name, algorithm.label, declare.all_settings(algorithm.optimizer), start, trajectory)
            for start, trajectory in zip(experiment.starts, trajectories, strict=True)
        ]
    return Results(
        experiment.title, experiment.problem.weights, experiment.error_to_reach, runs, experiment.gradient_threshold
    )


def _notifying(epochs: Iterable[Epoch], label: str, listeners: tuple[Listener, ...]) -> Iterator[Epoch]:
    """Yield the epochs, after calling every listener with each."""
    for epoch in epochs:
        for listener in listeners:
            listener(label, epoch)
        yield epoch
