"""The memory and the time that an experiment needs, estimated before it runs.

Both are lower bounds. Of an algorithm, they count the arrays of one evaluation of each kind that it needs, and its
state; of a run without a threshold, the path and the time of ``max_epochs``. A run with a threshold may end earlier:
for it nothing is certain but the first epoch.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from bpviz import declare, libraries
from bpviz.declare import KINDS
from bpviz.declare.registry import is_own
from bpviz.engine.blocks import block_size
from bpviz.messages.text import size_text

if TYPE_CHECKING:
    from bpviz.declare import Optimizer, Problem
    from bpviz.experiment.observe import Observation
    from bpviz.experiment.spec import Experiment

# Measured; see docs/performance.md.
PATH_BYTES = 32  # per recorded number: the number itself, and its text in history.csv
STATE_COPIES = 3  # of the state of an algorithm, while an epoch computes the next one
EPOCH_SECONDS = 2e-6  # of the shortest epoch: a few calls of NumPy
ELEMENT_SECONDS = 2.5e-10  # per array element of an evaluation

MOST_SECONDS = 24 * 3600.0
"""Time above which an experiment is rejected, if it needs it for certain."""

_SMALL = 64 * 1024 * 1024  # bytes that are not worth a closer look at an algorithm


class OutOfMemoryError(MemoryError):
    """An experiment needs more memory than there is, or than it may use; the text is the message for the user."""


class Excess(NamedTuple):
    """Memory or time that an experiment may not use: the place in its config, and the message."""

    path: str
    message: str


def excess(experiment: Experiment, memory: int | None) -> Excess | None:
    """Return what an experiment needs for certain beyond ``memory`` bytes (None: any) or a day; None if it fits."""
    problem = experiment.problem
    if memory is not None:
        for number, algorithm in enumerate(experiment.algorithms):
            needed = block_bytes(algorithm.optimizer, problem, 1)
            if needed > memory:
                size = f"{len(problem.weights):,} weights and {getattr(problem, 'samples', 0):,} samples"
                needs = f"{algorithm.label} with {size} needs {size_text(needed)} of memory"
                fix = f"use another algorithm, fewer features or samples, or {RAISE}"
                return Excess(f"algorithms[{number}]", f"{needs} (allowed: {size_text(memory)}); {fix}")
        needed = path_bytes(experiment)
        if needed > memory:
            needs = f"the paths of {_runs(experiment)} need {size_text(needed)} of memory"
            fix = f"lower max_epochs, add a threshold, or {RAISE}"
            return Excess("max_epochs", f"{needs} (allowed: {size_text(memory)}); {fix}")
    seconds = least_seconds(experiment)
    if seconds > MOST_SECONDS:
        needs = f"{_runs(experiment)} need at least {_time(seconds)}"
        return Excess("max_epochs", f"{needs} (allowed: {_time(MOST_SECONDS)}); lower max_epochs or add a threshold")
    return None


RAISE = "raise the memory limit (--memory)"


def _runs(experiment: Experiment) -> str:
    runs = len(experiment.algorithms) * len(experiment.starts)
    return f"{experiment.max_epochs:,} epochs of {runs:,} {'run' if runs == 1 else 'runs'} without a threshold"


def _time(seconds: float) -> str:
    hours = seconds / 3600
    return f"{hours:.0f} hours" if hours < 72 else f"{hours / 24:,.0f} days"


def path_bytes(experiment: Experiment) -> int:
    """Return the bytes that the paths of all runs take for certain, in memory and on their way to files."""
    epochs = experiment.max_epochs if _has_no_threshold(experiment) else 0
    runs = len(experiment.algorithms) * len(experiment.starts)
    return (epochs + 1) * runs * numbers_per_epoch(experiment.problem) * PATH_BYTES


def numbers_per_epoch(problem: Problem) -> int:
    """Return how many numbers of an epoch are recorded: the weights, the error and the counts."""
    return len(problem.weights) + 1 + len(KINDS)


def least_seconds(experiment: Experiment) -> float:
    """Return the seconds that an experiment takes at least, on a fast processor."""
    problem, starts = experiment.problem, len(experiment.starts)
    of_epoch = max(EPOCH_SECONDS * math.ceil(starts / block_size(problem)), starts * problem.width * ELEMENT_SECONDS)
    epochs = experiment.max_epochs if _has_no_threshold(experiment) else 0
    return epochs * len(experiment.algorithms) * of_epoch


def _has_no_threshold(experiment: Experiment) -> bool:
    return experiment.error_threshold is None and experiment.gradient_threshold is None


def runs_at_once(optimizer: Optimizer, problem: Problem, memory: int | None) -> int | None:
    """Return how many runs may advance together within ``memory`` bytes; None for as many as is fastest."""
    if memory is None:
        return None
    most = block_size(problem)
    while most > 1 and block_bytes(optimizer, problem, most) > memory:
        most //= 2
    return most if most < block_size(problem) else None


def block_bytes(optimizer: Optimizer, problem: Problem, runs: int) -> int:
    """Return the bytes that an epoch of some runs takes at least: one evaluation, all answers, and the state."""
    params, samples = len(problem.weights), getattr(problem, "samples", 1)
    if 8 * params * params * (samples + STATE_COPIES) * runs <= _SMALL:
        return 8 * _evaluation(problem, "error", runs)
    use = _use(optimizer, params, samples)
    share = use.samples / samples
    evaluations = [_evaluation(problem, kind, runs) * share for kind in optimizer.needs]
    answers = sum(_answer(kind, params, use.samples) for kind in optimizer.needs)
    grams = 2 * params * params * use.samples if use.gram else 0
    elements = max(_evaluation(problem, "error", runs), *evaluations)
    return 8 * int(elements + runs * (answers + grams + STATE_COPIES * use.state))


def _evaluation(problem: Problem, kind: str, runs: int) -> int:
    """Return how many array elements an evaluation takes."""
    own = getattr(problem, "array_elements", None)
    if own is not None:
        return int(own(kind, runs))
    return runs * (problem.width + _answer(kind, len(problem.weights), getattr(problem, "samples", 1)))


def _answer(kind: str, params: int, samples: int) -> int:
    """Return the number of elements of an evaluated array of one run."""
    sizes = {"gradient": params, "hessian": params**2, "residuals": samples, "jacobian": samples * params}
    return sizes.get(kind, 1)


def _use(optimizer: Optimizer, params: int, samples: int) -> Observation:
    """Return what an algorithm does with memory on a problem with many weights, observed on problems with a few.

    The number of elements of its state is at most a polynomial of degree 2 in the number of weights, which three
    problems determine. Code of others is not observed, because that would run it.
    """
    from bpviz.experiment.observe import Observation, observed

    if libraries.required_packages(optimizer.name) or not all(is_own(type(one)) for one in declare.layers(optimizer)):
        return Observation(0, gram=False, samples=samples)
    first, second, third = (observed(optimizer, few, samples) for few in (2, 3, 4))
    slope, bend = second.state - first.state, third.state - 2 * second.state + first.state
    state = first.state + (params - 2) * slope + (params - 2) * (params - 3) // 2 * bend
    return third._replace(state=state)
