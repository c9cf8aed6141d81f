"""Shared fixtures: problems with known values, and a perceptron in plain floats, without NumPy."""

from __future__ import annotations

import contextlib
import math
import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from bpviz.cli import cli
from bpviz.config import plugins
from bpviz.conformance import contract, fixtures
from bpviz.declare import KINDS, OPTIMIZERS, PROBLEMS, Problem, entry_points, registry
from bpviz.engine.loop import iterate
from bpviz.engine.results import Trajectory, record
from bpviz.problems.datasets import Dataset
from bpviz.problems.perceptron import Perceptron

Vector = list[float]

# Background jobs of a shell ignore interrupts, and those of `nohup` hang-ups; so would the programs that tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-docs", action="store_true", help="update the generated blocks of the documents")
    parser.addoption("--contact-sheet", metavar="DIR", help="write pages with every kind of figure to a folder")


def pytest_configure(config: pytest.Config) -> None:
    """Keep bytecode in pytest's cache where the environment keeps it from the source folders.

    Else each of the hundred processes that tests start, xdist's workers first, compiles bpviz again.
    """
    if sys.dont_write_bytecode and hasattr(config, "cache"):
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = str(config.cache.mkdir("bytecode"))


# The files of `pytest -m core`, the first answer after a change: quick tests of every folder of the package; test_core
# runs every command. Those of tests/optimizers, one per family of update rules, belong to it too, except SLOWER.
CORE = {
    *("test_core.py", "test_language.py", "test_published.py", "test_startup.py"),
    *("config/test_csv_data.py", "config/test_csv_header.py", "config/test_read_algorithms.py"),
    *("config/test_reader.py", "declare/test_decorators.py"),
    *("engine/test_guard.py", "engine/test_loop.py", "engine/test_oracle.py", "engine/test_results.py"),
    *("experiment/test_expectations.py", "landscape/test_grid.py", "libraries/test_names.py"),
    *("messages/test_github_actions.py", "numerics/test_linesearch.py", "numerics/test_random.py"),
    *("problems/test_penalty.py", "problems/test_perceptron.py", "storage/test_atomic.py", "storage/test_hashing.py"),
    *("tables/test_files.py", "tables/test_formats.py", "trackers/test_export.py"),
    *("wrappers/test_answers.py", "wrappers/test_batches.py", "wrappers/test_moves.py"),
    *("wrappers/test_schedules.py", "wrappers/test_searches.py"),
}
SLOWER = {"test_twins.py", "test_references.py"}


@pytest.hookimpl(tryfirst=True)  # before -m selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        name = item.path.relative_to(Path(__file__).parent).as_posix()
        rule = name.startswith("optimizers/") and item.path.name not in SLOWER
        if (name in CORE or rule) and not item.get_closest_marker("slow"):
            item.add_marker("core")


@pytest.fixture
def six_points() -> Perceptron:
    """The published problem: sigmoid, no bias, mean squared error."""
    return Perceptron()


@pytest.fixture
def unequal() -> Perceptron:
    """A problem without symmetry: features and samples of different scale, a bias, tanh and half the squared error."""
    features = ((0.9, -1.7), (0.4, 2.3), (-1.3, 0.6), (0.2, 0.5), (-0.7, -3.1))
    dataset = Dataset("unequal", features, (0.8, -0.3, 0.45, 0.1, -0.9), ("x1", "x2"))
    return Perceptron(dataset=dataset, activation="tanh", bias=True, loss="half-mse")


@pytest.fixture
def bowl() -> Perceptron:
    """E = ((w1 - 3)² + (2 w2 + 2)²) / 2 from two samples: gradient (w1 - 3, 4 w2 + 4), Hessian diag(1, 4).

    Simple enough to compute epochs by hand, but without symmetry. The minimum is at (3, -1).
    """
    dataset = Dataset("bowl", ((1.0, 0.0), (0.0, 2.0)), (3.0, -2.0), ("x1", "x2"))
    return Perceptron(dataset=dataset, activation="linear")


class Landscape:
    """A problem that offers only an error, given as a function of ``w (runs, params)``."""

    name = "landscape"
    offers = frozenset({"error"})

    def __init__(self, function: Callable[[Any], Any], width: int) -> None:
        self.function = function
        self.width = width
        self.weights = tuple(f"w{i + 1}" for i in range(width))

    def at(self, w: Any, spare: Any = None) -> Any:
        return SimpleNamespace(error=lambda: self.function(w))


@pytest.fixture
def landscape() -> type[Landscape]:
    """Return a class that makes a problem from a function and its number of weights."""
    return Landscape


@pytest.fixture
def follow() -> Callable[..., Trajectory]:
    """Return a function that runs one algorithm, by name, from one start."""

    def follow(
        name: str,
        problem: Problem,
        start: Sequence[float],
        *,
        error_threshold: float | None = None,
        max_epochs: int = 1000,
        **settings: float,
    ) -> Trajectory:
        epochs = iterate(
            OPTIMIZERS[name](**settings), problem, [start], error_threshold=error_threshold, max_epochs=max_epochs
        )
        return record(epochs)[0]

    return follow


@contextlib.contextmanager
def _forgetting() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for known in (OPTIMIZERS, PROBLEMS):
            patch.setattr(known, "_things", dict(known.items()))
            patch.setattr(known, "providers", {})
        modules = set(sys.modules)
        entry_points.points.cache_clear()
        entry_points.groups.cache_clear()
        yield
    entry_points.points.cache_clear()
    entry_points.groups.cache_clear()
    plugins._LOADED.clear()
    registry.FILES.clear()
    for module in set(sys.modules) - modules:
        if module.startswith(("bpviz_plugin_", "leaps")):  # plugin files, and the package that tests pretend to install
            del sys.modules[module]


@pytest.fixture
def forgotten() -> Iterator[None]:
    """Remove the classes, plugins and modules that a test has registered, loaded and imported."""
    with _forgetting():
        yield


@pytest.fixture(scope="session")
def program() -> Callable[[str, Path], Result]:
    """Return a function that runs a command line in a folder, in this process, and forgets its plugins afterwards.

    A process takes a second to start where figures are drawn; tests/test_cli.py starts some.
    """

    def program(arguments: str, folder: Path) -> Result:
        with contextlib.chdir(folder), _forgetting():
            return CliRunner().invoke(cli, shlex.split(arguments), prog_name="bpviz", catch_exceptions=False)

    return program


@pytest.fixture
def short_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check the contract on two shapes and two neurons only, for tests that are not about its findings."""
    neurons = fixtures.perceptrons()[:2]
    shapes = {shape: fixtures.SHAPES[shape] for shape in ("6 x 2", "37 x 3")}
    monkeypatch.setattr(contract, "SHAPES", shapes)
    monkeypatch.setattr(contract, "perceptrons", lambda: neurons)


def _sigmoid(z: float) -> float:
    small = math.exp(-abs(z))
    return (1 if z > 0 else small) / (1 + small)


# name: a(z), a'(z), a''(z)
_ACTIVATIONS: dict[str, tuple[Callable[[float], float], ...]] = {
    "sigmoid": (
        _sigmoid,
        lambda z: _sigmoid(z) * (1 - _sigmoid(z)),
        lambda z: _sigmoid(z) * (1 - _sigmoid(z)) * (1 - 2 * _sigmoid(z)),
    ),
    "tanh": (math.tanh, lambda z: 1 - math.tanh(z) ** 2, lambda z: -2 * math.tanh(z) * (1 - math.tanh(z) ** 2)),
    "relu": (lambda z: max(z, 0.0), lambda z: 1.0 if z > 0 else 0.0, lambda _: 0.0),
    "softplus": (lambda z: math.log(1 + math.exp(z)), _sigmoid, lambda z: _sigmoid(z) * (1 - _sigmoid(z))),
    "linear": (lambda z: z, lambda _: 1.0, lambda _: 0.0),
}


def _sign(d: float) -> float:
    return (d > 0) - (d < 0)


# name: φ(p), φ'(p), φ''(p) for a prediction p of a target y
_LOSSES: dict[str, tuple[Callable[[float, float], float], ...]] = {
    "mse": (lambda p, y: (p - y) ** 2, lambda p, y: 2 * (p - y), lambda _p, _y: 2.0),
    "half-mse": (lambda p, y: (p - y) ** 2 / 2, lambda p, y: p - y, lambda _p, _y: 1.0),
    "mae": (lambda p, y: abs(p - y), lambda p, y: _sign(p - y), lambda _p, _y: 0.0),
    "cross-entropy": (
        lambda p, y: -y * math.log(p) - (1 - y) * math.log(1 - p),
        lambda p, y: (p - y) / (p * (1 - p)),
        lambda p, y: y / p**2 + (1 - y) / (1 - p) ** 2,
    ),
}


class Plain:
    """A perceptron in plain floats, sample by sample, by the chain rule. It counts its evaluations."""

    def __init__(self, problem: Perceptron) -> None:
        self.samples = [
            ((*x, 1.0) if problem.bias else x, y)
            for x, y in zip(problem.dataset.features, problem.dataset.targets, strict=True)
        ]
        self.activation = _ACTIVATIONS[problem.activation]
        self.loss = _LOSSES[problem.loss]
        self.weight = {"mse": 1.0, "half-mse": 0.5}.get(problem.loss, math.nan) / len(self.samples)  # of a square
        self.counts = dict.fromkeys(KINDS, 0)

    def _at(self, w: Sequence[float]) -> list[tuple[Sequence[float], float, float, float, float]]:
        """Return x, y and a, a', a'' at every sample."""
        sums = [sum(a * b for a, b in zip(w, x, strict=True)) for x, _ in self.samples]
        return [(x, y, *(a(z) for a in self.activation)) for (x, y), z in zip(self.samples, sums, strict=True)]

    def error(self, w: Sequence[float]) -> float:
        self.counts["error"] += 1
        return sum(self.loss[0](p, y) for _, y, p, _, _ in self._at(w)) / len(self.samples)

    def gradient(self, w: Sequence[float]) -> Vector:
        self.counts["gradient"] += 1
        at = self._at(w)
        return [sum(self.loss[1](p, y) * a1 * x[i] for x, y, p, a1, _ in at) / len(at) for i in range(len(w))]

    def hessian(self, w: Sequence[float]) -> list[Vector]:
        self.counts["hessian"] += 1
        _, slope, curvature = self.loss
        at = [(x, curvature(p, y) * a1**2 + slope(p, y) * a2) for x, y, p, a1, a2 in self._at(w)]
        every = range(len(w))
        return [[sum(bend * x[i] * x[j] for x, bend in at) / len(at) for j in every] for i in every]

    def residuals(self, w: Sequence[float]) -> Vector:
        self.counts["residuals"] += 1
        return [math.sqrt(self.weight) * (p - y) for _, y, p, _, _ in self._at(w)]

    def jacobian(self, w: Sequence[float]) -> list[Vector]:
        self.counts["jacobian"] += 1
        return [[math.sqrt(self.weight) * a1 * x_i for x_i in x] for x, _, _, a1, _ in self._at(w)]


@pytest.fixture
def plain() -> Callable[[Any], Plain]:
    """Return the plain-float version of a perceptron."""
    return Plain


@pytest.fixture
def differences() -> Callable[..., Any]:
    """Return a function that computes derivatives by finite differences."""

    def differences(f: Callable[[Any], Any], w: Any, h: Any) -> tuple[Any, Any]:
        """Return the derivatives of f by the weights, shape ``(runs, ..., params)``, and their rounding errors.

        f returns arrays ``(runs, ...)``. The differences are central, with an error of order h⁴; ``h`` is one step or
        one per weight. The rounding error is that of the largest number subtracted.
        """
        steps = np.broadcast_to(h, w.shape[1:])

        def at(i: int, k: int) -> Any:
            moved = w.copy()
            moved[:, i] += k * steps[i]
            return f(moved)

        each, rounding = [], []
        for i, step in enumerate(steps):
            ahead, back, far_ahead, far_back = (at(i, k) for k in (1, -1, 2, -2))
            each.append((8 * (ahead - back) - (far_ahead - far_back)) / (12 * step))
            largest = np.maximum(np.abs(far_ahead), np.abs(far_back))
            rounding.append(np.finfo(float).eps * largest / step)
        return np.stack(each, axis=-1), np.stack(rounding, axis=-1)

    return differences
