"""Run an Experiment and return its Results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from time import perf_counter
from typing import TYPE_CHECKING

from bpviz import declare
from bpviz.engine.loop import iterate
from bpviz.engine.results import Epoch, Results, Run, TooLongError, record
from bpviz.experiment import limits
from bpviz.messages.text import size_text

if TYPE_CHECKING:
    from bpviz.experiment.spec import Experiment

Listener = Callable[[str, Epoch], None]
"""Function called with an algorithm's label and each of its Epochs."""


def run(
    experiment: Experiment,
    listeners: Iterable[Listener] = (),
    seconds: dict[str, float] | None = None,
    memory: int | None = None,
) -> Results:
    """Run every algorithm of an experiment from every start.

    Parameters
    ----------
    experiment : Experiment
        The experiment to run.
    listeners : iterable of callable
        Functions called with the label of the algorithm and each Epoch.
    seconds : dict or None
        Filled with the time per algorithm, by label. It is not part of the results, which are reproducible.
    memory : int or None
        Bytes that the experiment may use. It changes no result.

    Returns
    -------
    Results
        One run per algorithm and start.

    Raises
    ------
    OutOfMemoryError
        If the paths become too long for ``memory``.
    """
    listeners = tuple(listeners)
    runs: list[Run] = []
    most = None if memory is None else memory // limits.PATH_BYTES
    for algorithm in experiment.algorithms:
        began = perf_counter()
        epochs = iterate(
            algorithm.optimizer,
            experiment.problem,
            experiment.starts,
            error_threshold=experiment.error_to_reach,
            gradient_threshold=experiment.gradient_threshold,
            max_epochs=experiment.max_epochs,
            block=limits.runs_at_once(algorithm.optimizer, experiment.problem, memory),
        )
        try:
            trajectories = record(_notifying(epochs, algorithm.label, listeners) if listeners else epochs, most)
        except TooLongError as error:
            allowed = size_text(memory or 0)
            message = f"the paths need more memory than allowed ({allowed}) from epoch {error.epoch:,} on"
            fix = f"lower max_epochs, raise a threshold, or {limits.RAISE}"
            raise limits.OutOfMemoryError(f"{experiment.name}: {algorithm.label}: {message}; {fix}") from None
        if most is not None:
            per_epoch = limits.numbers_per_epoch(experiment.problem)
            most -= sum(len(trajectory.errors) for trajectory in trajectories) * per_epoch
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
