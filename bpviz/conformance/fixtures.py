"""Problems, starts and thresholds for the checks."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bpviz.problems.datasets import Dataset
from bpviz.problems.perceptron import ACTIVATIONS, LOSSES, Perceptron

if TYPE_CHECKING:
    from bpviz.declare import Array, Optimizer, Problem


Findings = Iterator[str]


def noise(samples: int, features: int) -> Dataset:
    """Return random data with targets in [0, 1], which are valid for every loss."""
    rng = np.random.default_rng(samples + features)
    x, y = rng.normal(size=(samples, features)) * [0.3 + i for i in range(features)], rng.uniform(size=samples)
    names = tuple(f"x{i + 1}" for i in range(features))
    return Dataset("noise", tuple(map(tuple, x.tolist())), tuple(y.tolist()), names)


def perceptrons() -> list[Any]:
    """Return a perceptron for every valid pair of activation and loss."""
    return [
        Perceptron(dataset=noise(37, 3), activation=activation, bias=True, loss=loss)
        for activation in ACTIVATIONS
        for loss in LOSSES
        if loss != "cross-entropy" or activation == "sigmoid"
    ]


# Samples x features. NumPy may add 8 or more numbers, and 128 or more, in a different order for one run than for many.
SHAPES: Mapping[str, Any] = {
    "6 x 2": Perceptron(),
    "1 x 1": Perceptron(dataset=noise(1, 1), activation="tanh", loss="half-mse"),
    "1 x 9": Perceptron(dataset=noise(1, 9)),
    "9 x 1": Perceptron(dataset=noise(9, 1), activation="softplus", bias=True),
    "200 x 2": Perceptron(dataset=noise(200, 2), loss="cross-entropy", bias=True),
    "140 x 2": Perceptron(dataset=noise(140, 2), activation="softplus"),
    "37 x 3": Perceptron(dataset=noise(37, 3), activation="tanh", bias=True),
}


# E = ((w1 - 3)² + (2 w2 + 2)²) / 2
BOWL: Any = Perceptron(
    dataset=Dataset("bowl", ((1.0, 0.0), (0.0, 2.0)), (3.0, -2.0), ("x1", "x2")), activation="linear"
)


def starts_for(problem: Problem, runs: int = 12) -> Array:
    """Return random starts ``(runs, params)``: some far from the minimum, two with an error that overflows soon."""
    rng = np.random.default_rng(runs)
    starts: Array = rng.normal(size=(runs, len(problem.weights))) * rng.choice([0.3, 2, 6], size=(runs, 1))
    starts[runs // 2] = 1e153
    starts[runs // 3] = 1e300
    return starts


def threshold_for(problem: Problem, starts: Array) -> float:
    """Return an error threshold that some runs meet at their start and others reach later."""
    with np.errstate(all="ignore"):
        errors = problem.at(starts).error()
    return float(np.quantile(errors[np.isfinite(errors)], 0.2))


def with_settings(rule: Optimizer, **settings: Any) -> Optimizer:
    """Return a copy of a rule with these settings replaced."""
    changed: Optimizer = dataclasses.replace(rule, **settings)  # type: ignore[type-var]
    return changed
