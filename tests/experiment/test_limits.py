"""Test what experiments need for certain, against memory that was measured and against formulas worked by hand."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from bpviz import config
from bpviz.declare import OPTIMIZERS, WRAPPERS
from bpviz.engine.loop import iterate
from bpviz.experiment import limits, runner
from bpviz.experiment.limits import OutOfMemoryError, block_bytes, excess, path_bytes, runs_at_once
from bpviz.experiment.observe import observed
from bpviz.problems.datasets import Dataset
from bpviz.problems.penalty import Penalized
from bpviz.problems.perceptron import Perceptron

if TYPE_CHECKING:
    from bpviz.config import Experiment

WITHOUT = "algorithms: [gd, adam]\nerror_threshold: null\nstart: [[1, 1], [2, 2], [3, 3]]\nfigures: []\n"


def experiment(text: str) -> Experiment:
    return config.loads(text.encode(), "test", Path(), name="test")


def wide(weights: int, samples: int) -> Perceptron:
    rng = np.random.default_rng(3)
    features = tuple(map(tuple, rng.normal(size=(samples, weights)).tolist()))
    targets = tuple(float(number % 2) for number in range(samples))
    return Perceptron(dataset=Dataset("wide", features, targets, tuple(f"x{i}" for i in range(weights))))


# -- paths and time --------------------------------------------------------------------------------------------------


def test_paths_without_a_threshold_have_all_epochs() -> None:
    """Six runs of 1001 rows: 2 weights, the error and 5 counts, in 32 bytes each."""
    assert path_bytes(experiment(WITHOUT + "max_epochs: 1000")) == 6 * 1001 * 8 * 32


@pytest.mark.parametrize("threshold", ["error_threshold: 0.1", "gradient_threshold: 1e-9\nerror_threshold: null"])
def test_a_run_with_a_threshold_may_end_at_once(threshold: str) -> None:
    may_end = experiment(f"algorithms: [gd]\nmax_epochs: 1000000000000000\n{threshold}\n")
    assert path_bytes(may_end) == 8 * 32
    assert excess(may_end, 128 * 1024**2) is None


def test_reports_paths_that_are_too_long() -> None:
    long = experiment(WITHOUT + "max_epochs: 1000000000000")
    assert excess(long, 2 * 1024**3) == (
        "max_epochs",
        (
            "the paths of 1,000,000,000,000 epochs of 6 runs without a threshold need 1.4 PiB of memory (allowed: 2.0 "
            "GiB); lower max_epochs, add a threshold, or raise the memory limit (--memory)"
        ),
    )
    few = experiment(WITHOUT + "max_epochs: 1000")
    assert excess(few, path_bytes(few)) is None
    assert excess(few, path_bytes(few) - 1) is not None


def test_reports_epochs_that_take_longer_than_a_day() -> None:
    """10¹² epochs of two microseconds are 23.1 days, for each of two algorithms."""
    long = experiment(WITHOUT + "max_epochs: 1000000000000")
    assert excess(long, None) == (
        "max_epochs",
        (
            "1,000,000,000,000 epochs of 6 runs without a threshold need at least 46 days (allowed: 24 hours); lower "
            "max_epochs or add a threshold"
        ),
    )
    assert excess(experiment(WITHOUT + "max_epochs: 21600000000"), None) is None  # 12 hours for each


def test_data_take_time() -> None:
    """Half a nanosecond for two features of a million samples, 10⁹ times, is 5.8 days."""
    rows = "dataset:\n" + "  - [1, 2, 0]\n" * 200
    fast, slow = (
        experiment(text + "max_epochs: 30000000000\nerror_threshold: null\nalgorithms: [gd]\n") for text in ("", rows)
    )
    assert limits.least_seconds(slow) == limits.least_seconds(fast)  # 400 numbers take less than a call of NumPy
    many = experiment(
        rows * 1 + "error_threshold: null\nmax_epochs: 1\nalgorithms: [gd]\nstart:\n" + "  - [1, 1]\n" * 1000
    )
    assert limits.least_seconds(many) == pytest.approx(400 * 1000 * limits.ELEMENT_SECONDS)


# -- blocks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(60, 60, 1), (40, 50, 4), (120, 3, 2)])
@pytest.mark.parametrize(
    "name",
    ["gd", "newton", "trust-exact", "gauss-newton", "levenberg-marquardt", "bfgs", "sr1", "nelder-mead", "powell"],
)
def test_estimate_is_close_to_the_memory_that_a_block_takes(
    name: str, shape: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "_SMALL", 0)
    weights, samples, runs = shape
    starts = np.random.default_rng(5).normal(size=(runs, weights)) / 10

    def measured() -> int:
        problem = wide(weights, samples)
        tracemalloc.start()
        try:
            for _ in iterate(OPTIMIZERS[name](), problem, starts, error_threshold=None, max_epochs=1, block=runs):
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    measured()  # imports what is needed
    taken = measured() - 100_000  # objects, whose number does not grow with the arrays
    estimated = block_bytes(OPTIMIZERS[name](), wide(weights, samples), runs)
    assert 0.45 * taken < estimated < 1.3 * max(taken, 150_000)


@pytest.mark.parametrize(
    ("name", "state"),
    [("gd", 0), ("momentum", 3 + 1), ("nelder-mead", 3 * 4 + 4), ("sr1", 1 + 3 + 9 + 1)],  # as their classes list it
)
def test_counts_the_elements_of_a_state(name: str, state: int) -> None:
    assert observed(OPTIMIZERS[name](), 3, 5).state == state


def test_every_rule_and_wrapper_can_be_observed() -> None:
    for name in OPTIMIZERS:
        assert observed(OPTIMIZERS[name](), 3, 5).state >= 0
    for name in WRAPPERS:
        wrapper: Any = WRAPPERS[name]
        assert observed(wrapper(OPTIMIZERS["momentum"]()), 3, 5).state >= 3 + 1


def test_observes_products_of_jacobians_and_mini_batches() -> None:
    assert observed(OPTIMIZERS["levenberg-marquardt"](), 3, 5).gram
    assert not observed(OPTIMIZERS["gauss-newton"](), 3, 5).gram
    batches: Any = WRAPPERS["mini-batches"]
    assert observed(batches(OPTIMIZERS["newton"](), batch_size=2), 3, 5).samples == 2
    assert observed(OPTIMIZERS["newton"](), 3, 5).samples == 5


def test_mini_batches_need_hessians_of_a_batch_only() -> None:
    problem, batches = wide(200, 400), WRAPPERS["mini-batches"]
    whole: Any = OPTIMIZERS["newton"]()
    part: Any = batches(whole, batch_size=4)
    assert block_bytes(part, problem, 1) < block_bytes(whole, problem, 1) / 20


def test_penalty_needs_what_its_problem_needs() -> None:
    problem, newton = wide(200, 400), OPTIMIZERS["newton"]()
    assert block_bytes(newton, Penalized(problem, 0.0, 0.1), 1) == block_bytes(newton, problem, 1) > 8 * 200**2 * 400


def test_third_party_algorithms_are_not_run() -> None:
    class Leap:
        """An algorithm of another module."""

        name, label, needs = "leap", "Leap", frozenset({"hessian"})

        def begin(self, w: Any, f: Any) -> Any:
            raise AssertionError

    leap: Any = Leap()
    assert block_bytes(leap, wide(200, 400), 1) >= 8 * 200**2 * 400


def test_reports_evaluations_that_are_too_large() -> None:
    large = replace(experiment("algorithms: [gd, newton]\n"), problem=wide(299, 200))
    found = excess(large, 300 * 1024**2)
    assert found is not None
    assert found.path == "algorithms[1]"
    assert found.message.startswith("Newton's method with 299 weights and 200 samples needs ")
    assert found.message.endswith(
        " MiB of memory (allowed: 300 MiB); use another algorithm, fewer features or samples, or raise the memory "
        "limit (--memory)"
    )


# -- runs ------------------------------------------------------------------------------------------------------------


def test_fewer_runs_advance_at_once_with_little_memory() -> None:
    problem, newton = wide(200, 100), OPTIMIZERS["newton"]()
    assert runs_at_once(newton, problem, None) is runs_at_once(newton, problem, 100 * 1024**3) is None
    few = runs_at_once(newton, problem, block_bytes(newton, problem, 8))
    assert few == 8
    assert runs_at_once(newton, problem, 1) == 1


def test_memory_changes_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_SMALL", 0)
    blocks = []

    def noting(*arguments: Any, block: int | None = None, **rest: Any) -> Any:
        blocks.append(block)
        return iterate(*arguments, block=block, **rest)

    monkeypatch.setattr(runner, "iterate", noting)
    problem, starts = wide(60, 40), np.random.default_rng(7).normal(size=(3, 60)) / 10
    few = replace(
        experiment("algorithms: [newton]\nmax_epochs: 3\n"), problem=problem, starts=tuple(map(tuple, starts.tolist()))
    )
    whole = runner.run(few)
    parts = runner.run(few, memory=block_bytes(OPTIMIZERS["newton"](), problem, 2))
    assert blocks == [None, 2]
    for one, other in zip(whole.runs, parts.runs, strict=True):
        assert one.weights.tolist() == other.weights.tolist()


def test_paths_that_become_too_long_end_the_experiment() -> None:
    never = experiment("algorithms: [gd]\nerror_threshold: 0\nmax_epochs: 1000000000\n")
    with pytest.raises(OutOfMemoryError) as caught:
        runner.run(never, memory=1024**2)
    assert str(caught.value) == (
        "test: Gradient descent: the paths need more memory than allowed (1.0 MiB) from epoch 8,191 on; lower "
        "max_epochs, raise a threshold, or raise the memory limit (--memory)"
    )


def test_all_algorithms_share_the_memory_of_paths() -> None:
    """The paths of 2000 epochs take 512 kB each."""
    both = experiment(WITHOUT.replace("start: [[1, 1], [2, 2], [3, 3]]\n", "") + "max_epochs: 2000\n")
    assert len(runner.run(both, memory=1_100_000).runs) == 2
    with pytest.raises(OutOfMemoryError, match="test: Adam: "):
        runner.run(both, memory=900_000)
