"""Measure every first-order rule against torch.optim's eager loop, in one run of the published problem.

The torch loop performs the forward pass, the backward pass and an optimizer step, and records the error and the weights
of every epoch, as bpviz does. A rule that torch has is compared with torch's implementation, with settings for which
both produce the same path. Other rules are compared with the cheapest torch optimizer with similar state, or with SGD.
Rules with line searches or curvature estimates do more work per epoch and are excluded.
"""

from __future__ import annotations

import os

for _library in ("OPENBLAS", "MKL", "OMP", "VECLIB_MAXIMUM"):
    os.environ[f"{_library}_NUM_THREADS"] = "1"  # one thread on both sides; must be set before NumPy is imported

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from versus import Row, heading, versus

from bpviz.declare import OPTIMIZERS, PROBLEMS
from bpviz.engine.loop import iterate
from bpviz.engine.results import Trajectory, record

EPOCHS = 200
START = (-4.0, -4.0)

# name: torch's optimizer, and the settings of bpviz and of torch for which the rules are equivalent.
COUNTERPARTS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "gd": ("SGD", {"step": 0.3}, {"lr": 0.3}),
    "momentum": ("SGD", {"step": 0.3}, {"lr": 0.3, "momentum": 0.9}),
    "nesterov": ("SGD", {"step": 0.3, "convention": "torch"}, {"lr": 0.3, "momentum": 0.9, "nesterov": True}),
    "asgd": ("ASGD", {"step": 0.3, "average_after": 1e6 + 1}, {"lr": 0.3}),
    "adam": ("Adam", {"step": 0.1}, {"lr": 0.1}),
    "amsgrad": ("Adam", {"step": 0.1, "convention": "torch"}, {"lr": 0.1, "amsgrad": True}),
    "adamw": ("AdamW", {"step": 0.1, "weight_decay": 0.01, "convention": "torch"}, {"lr": 0.1}),
    "adamax": ("Adamax", {"step": 0.1}, {"lr": 0.1}),
    "nadam": ("NAdam", {"step": 0.1}, {"lr": 0.1}),
    "radam": ("RAdam", {"step": 0.1, "threshold": 5, "convention": "torch"}, {"lr": 0.1}),
    "adagrad": ("Adagrad", {"step": 0.1}, {"lr": 0.1}),
    "adadelta": ("Adadelta", {"decay": 0.9}, {}),
    "rmsprop": ("RMSprop", {"step": 0.1, "decay": 0.99, "convention": "torch"}, {"lr": 0.1}),
    "irprop-": ("Rprop", {"step": 0.1, "min_step": 1e-6, "max_step": 50}, {"lr": 0.1}),
}

# Rules that torch does not have, and torch's optimizer with similar state: running means of gradients and of their
# squares; sums of squares and the distance from the start; an average of the weights; gradient signs and updates.
KIN = {
    **dict.fromkeys(("adabelief", "adan", "ademamix", "adopt", "diffgrad", "lamb", "novograd", "qhadam"), "Adam"),
    **dict.fromkeys(("dadapt-adam", "prodigy", "schedule-free-adamw", "shampoo", "swats", "yogi"), "Adam"),
    **dict.fromkeys(("cocob", "dadapt-sgd", "dog", "dowg", "madgrad", "sm3"), "Adagrad"),
    **dict.fromkeys(("schedule-free-sgd",), "ASGD"),
    **dict.fromkeys(("irprop+", "quickprop", "rprop", "rprop-"), "Rprop"),
}


CURVATURE = ("l-bfgs-fixed",)  # evaluates only gradients, but estimates curvature from them


def torch_loop(name: str, arguments: dict[str, Any]) -> Callable[[], tuple[np.ndarray, list[float]]]:
    """Return a function that runs a torch optimizer and returns the weights and errors of every epoch."""
    import torch

    dataset = PROBLEMS["perceptron"]().dataset
    x = torch.tensor(dataset.features, dtype=torch.float64)
    y = torch.tensor(dataset.targets, dtype=torch.float64)

    def run() -> tuple[np.ndarray, list[float]]:
        w = torch.tensor(START, dtype=torch.float64, requires_grad=True)
        optimizer = getattr(torch.optim, name)([w], **arguments)
        path, errors = [], []

        def looked() -> Any:
            error = ((torch.sigmoid(x @ w) - y) ** 2).mean()
            path.append(w.detach().numpy().copy())
            errors.append(error.item())
            return error

        for _ in range(EPOCHS):
            optimizer.zero_grad()
            looked().backward()
            optimizer.step()
        looked()
        return np.array(path), errors

    return run


def run_of(name: str, settings: dict[str, Any]) -> Trajectory:
    """Return the same run by bpviz."""
    optimizer, problem = OPTIMIZERS[name](**settings), PROBLEMS["perceptron"]()
    (trajectory,) = record(iterate(optimizer, problem, [START], error_threshold=None, max_epochs=EPOCHS))
    return trajectory


def first_order() -> Iterator[str]:
    """Yield the rules with at most two gradients and one error per epoch, and without curvature estimates."""
    for name, rule in OPTIMIZERS.items():
        if "gradient" in rule.needs <= {"error", "gradient"} and name not in CURVATURE:
            run = run_of(name, {})
            if run.evaluations["gradient"] <= 2 * run.epochs and run.evaluations["error"] <= run.epochs:
                yield name


def rows() -> Iterator[Row]:
    """Yield one row per benchmark."""
    import torch

    torch.set_num_threads(1)
    for name in first_order():
        theirs, settings, arguments = COUNTERPARTS.get(name, (KIN.get(name, "SGD"), {}, {"lr": 0.1}))
        loop = torch_loop(theirs, arguments)
        if name in COUNTERPARTS:  # loose tolerance, because torch keeps some scalars in 32 bits
            np.testing.assert_allclose(run_of(name, settings).weights, loop()[0], rtol=1e-4, atol=1e-8)
        yield versus(
            f"{name}, one run, against torch's {theirs}",
            lambda n=name, s=settings: run_of(n, s),
            loop,
            target=0.5,
        )


if __name__ == "__main__":
    print(heading())
    for row in rows():
        print(row, flush=True)
