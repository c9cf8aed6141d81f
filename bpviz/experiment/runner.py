"""From an Experiment to its Results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from time import perf_counter
from typing import TYPE_CHECKING

from bpviz import declare
from bpviz.engine.loop import march
from bpviz.engine.results import Epoch, Results, Run, record

if TYPE_CHECKING:
    from bpviz.experiment.spec import Experiment

Listener = Callable[[str, Epoch], None]
"""Called with an algorithm's label and each Epoch of its march."""


def run(experiment: Experiment, listeners: Iterable[Listener] = (), seconds: dict[str, float] | None = None) -> Results:
    """Run every algorithm of an experiment from every start.

    ``seconds`` is filled with the time each algorithm took, by label. It is no part of the results, which are the same
    every time.
    """
    listeners = tuple(listeners)
    runs = []
    for algorithm in experiment.algorithms:
        began = perf_counter()
        epochs = march(
            algorithm.optimizer,
            experiment.problem,
            experiment.starts,
            error_threshold=experiment.error_to_reach,
            gradient_threshold=experiment.gradient_threshold,
            max_epochs=experiment.max_epochs,
        )
        trajectories = record(_told(epochs, algorithm.label, listeners) if listeners else epochs)
        if seconds is not None:
            seconds[algorithm.label] = perf_counter() - began
        runs += [
            Run(algorithm.optimizer.name, algorithm.label, declare.spelled(algorithm.optimizer), start, trajectory)
            for start, trajectory in zip(experiment.starts, trajectories, strict=True)
        ]
    return Results(
        experiment.title, experiment.problem.weights, experiment.error_to_reach, runs, experiment.gradient_threshold
    )


def _told(epochs: Iterable[Epoch], label: str, listeners: tuple[Listener, ...]) -> Iterator[Epoch]:
    for epoch in epochs:
        for listener in listeners:
            listener(label, epoch)
        yield epoch
