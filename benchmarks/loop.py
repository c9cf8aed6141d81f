"""Measure the loop against hand-written loops: one run of 797 epochs, and blocks of 10,000 starts.

The hand-written loops solve only the published problem. Both sides must produce the same epochs and weights before they
are timed.
"""

from __future__ import annotations

import os

for _library in ("OPENBLAS", "MKL", "OMP", "VECLIB_MAXIMUM"):
    os.environ[f"{_library}_NUM_THREADS"] = "1"  # one thread on both sides; must be set before NumPy is imported

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from versus import Row, heading, versus

from bpviz.declare import OPTIMIZERS, PROBLEMS, Optimizer
from bpviz.engine.loop import iterate
from bpviz.engine.results import record, summarize

THRESHOLD = 0.125
X = np.array([[0.9, 0.3], [0.5, 0.3], [0.2, 0.1], [0.7, 0.5], [0.1, 0.8], [0.1, 0.9]])
Y = np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0])
N = len(Y)

RUNS = 10_000
MAX_EPOCHS = 2000
STARTS = np.random.default_rng(0).uniform(-6, 6, (RUNS, 2))


def one_run_by_hand(step: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights and errors of gradient descent from (-4, -4) at every epoch."""
    w = np.array([-4.0, -4.0])
    path, errors = [], []
    while True:
        p = 1 / (1 + np.exp(-(X @ w)))
        e = p - Y
        error = np.mean(e**2)
        path.append(w)
        errors.append(error)
        if error <= THRESHOLD:
            return np.array(path), np.array(errors)
        w = w - step * (2 / N * X.T @ (e * p * (1 - p)))


# A hand-written rule takes weights, gradient, error and state, and returns weights and state; shapes are (runs, ...).
Rule = Callable[[np.ndarray, np.ndarray, np.ndarray, tuple[np.ndarray, ...]], tuple[np.ndarray, tuple[np.ndarray, ...]]]


def gd(step: float) -> tuple[Rule, tuple[np.ndarray, ...]]:
    def rule(w: Any, g: Any, _error: Any, state: Any) -> Any:
        return w - step * g, state

    return rule, ()


def adam(step: float) -> tuple[Rule, tuple[np.ndarray, ...]]:
    epoch = 0

    def rule(w: Any, g: Any, _error: Any, state: Any) -> Any:
        nonlocal epoch
        epoch += 1
        m, v = state
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g**2
        return w - step * (m / (1 - 0.9**epoch)) / (np.sqrt(v / (1 - 0.999**epoch)) + 1e-8), (m, v)

    return rule, (np.zeros((RUNS, 2)), np.zeros((RUNS, 2)))


def irprop_plus(step: float) -> tuple[Rule, tuple[np.ndarray, ...]]:
    def rule(w: Any, g: Any, error: Any, state: Any) -> Any:
        last_g, delta, move, last_error = state
        same = g * last_g
        larger, smaller = np.minimum(1.2 * delta, 10), np.maximum(0.5 * delta, 1e-3)
        delta = np.where(same > 0, larger, np.where(same < 0, smaller, delta))
        back = np.where((error > last_error)[:, None], -move, 0)
        move = np.where(same < 0, back, -np.sign(g) * delta)
        return w + move, (np.where(same < 0, 0, g), delta, move, error)

    zeros = np.zeros((RUNS, 2))
    return rule, (zeros, np.full((RUNS, 2), step), zeros, np.full(RUNS, np.inf))


def sweep_by_hand(rule: Rule, state: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return the epochs and final weights of every start; finished runs are dropped at every epoch."""
    w, run = STARTS, np.arange(RUNS)
    epochs, weights = np.full(RUNS, MAX_EPOCHS), np.empty((RUNS, 2))
    for epoch in range(MAX_EPOCHS + 1):
        p = 1 / (1 + np.exp(-(w @ X.T)))
        e = p - Y
        error = np.mean(e**2, axis=1)
        done = error <= THRESHOLD
        if done.any():
            epochs[run[done]], weights[run[done]] = epoch, w[done]
            going = ~done
            w, run, p, e, error = w[going], run[going], p[going], e[going], error[going]
            state = tuple(s[going] for s in state)
        if epoch == MAX_EPOCHS or not len(run):
            break
        w, state = rule(w, 2 / N * (e * p * (1 - p)) @ X, error, state)
    weights[run] = w
    return epochs, weights


def rows() -> Iterator[Row]:
    """Yield one row per benchmark."""
    problem = PROBLEMS["perceptron"]()

    def one_run() -> tuple[np.ndarray, np.ndarray]:
        optimizer = OPTIMIZERS["gd"](step=0.3)
        (trajectory,) = record(iterate(optimizer, problem, [[-4, -4]], error_threshold=THRESHOLD, max_epochs=1000))
        return trajectory.weights, trajectory.errors

    ours, theirs = one_run(), one_run_by_hand(0.3)
    assert len(ours[1]) == len(theirs[1]) == 798
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)
    yield versus("gd, one run of 797 epochs, recorded", one_run, lambda: one_run_by_hand(0.3), target=1.5, rounds=51)

    def sweep(optimizer: Optimizer) -> tuple[np.ndarray, np.ndarray]:
        epochs = iterate(optimizer, problem, STARTS, error_threshold=THRESHOLD, max_epochs=MAX_EPOCHS)
        summary = summarize(epochs, RUNS, 2)
        return summary.epochs, summary.weights

    for name, by_hand, step in (("gd", gd, 0.3), ("adam", adam, 0.3), ("irprop+", irprop_plus, 0.1)):
        optimizer = OPTIMIZERS[name](step=step)
        ours, theirs = sweep(optimizer), sweep_by_hand(*by_hand(step))
        np.testing.assert_array_equal(ours[0], theirs[0])
        np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-6)
        yield versus(
            f"{name}, 10,000 starts",
            lambda o=optimizer: sweep(o),
            lambda h=by_hand, s=step: sweep_by_hand(*h(s)),
            target=1.0,
            rounds=5,
        )


if __name__ == "__main__":
    print(heading())
    for row in rows():
        print(row, flush=True)
