"""Test that the lockfile of an output lists all source files that produced it."""

from __future__ import annotations

import contextlib
import importlib.metadata
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import bpviz
from bpviz import config, declare
from bpviz.declare import FIGURES, OPTIMIZERS, PROBLEMS, WRAPPERS
from bpviz.outputs import build, provenance
from bpviz.storage import hashing

HOME = Path(bpviz.__file__).parent
SETTINGS = {"clip-norm": {"largest": 1}, "mini-batches": {"batch_size": 2}}


@contextlib.contextmanager
def entered() -> Iterator[set[str]]:
    """Collect the source files of bpviz in which a function is called, by their paths in the package."""
    files: set[str] = set()

    def profile(frame: Any, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_name != "<module>":  # importing a module runs none of its functions
            files.add(frame.f_code.co_filename)

    names: set[str] = set()
    sys.setprofile(profile)
    try:
        yield names
    finally:
        sys.setprofile(None)
    names |= {Path(f).relative_to(HOME).as_posix() for f in files if f.startswith(f"{HOME}/")}


def uncovered(experiment: dict[str, Any], folder: Path) -> set[str]:
    """Return the source files that an experiment and its outputs use, but the lockfile does not list."""
    with entered() as names:
        read = config.from_mapping({"max_epochs": 2, "figures": [], **experiment})
        job = build.Job(read, folder, ("png",))
        build.plan([job])
        build.carry_out([job], lambda _, outcome: outcome)
    return names - set(provenance.code_of(read))


@pytest.fixture(autouse=True)
def everything_imported() -> None:
    """Import every rule first, so that no lookup of names imports modules while functions are traced."""
    for registry in (OPTIMIZERS, WRAPPERS, PROBLEMS, FIGURES):
        registry.find_all()


def problem_for(rule: Any) -> dict[str, Any]:
    """Return the problem of an experiment with a rule: the perceptron with a loss that the rule accepts."""
    for network in ({}, {"loss": "mse"}, {"loss": "half-mse"}):
        read = config.from_mapping({"algorithms": ["nelder-mead"], "figures": [], "network": network})
        if declare.unsuitable(rule, read.problem) is None:
            return {"network": network}
    raise AssertionError(f"{rule.name} suits no perceptron")


def test_lists_source_files_of_every_rule(tmp_path: Path) -> None:
    wrong = {
        name: uncovered({"algorithms": [name], **problem_for(rule)}, tmp_path) for name, rule in OPTIMIZERS.items()
    }
    assert {name: modules for name, modules in wrong.items() if modules} == {}


def test_lists_source_files_of_every_wrapper(tmp_path: Path) -> None:
    for name in WRAPPERS.names():
        wrapped = {"name": "gd", "with": [{"name": name, **SETTINGS.get(name, {})}]}
        assert (name, uncovered({"algorithms": [wrapped]}, tmp_path)) == (name, set())


@pytest.mark.slow
def test_lists_source_files_of_every_problem(tmp_path: Path) -> None:
    for name in set(PROBLEMS.names()) - {"perceptron"}:
        experiment = {"problem": name, "algorithms": ["nelder-mead"], "figures": ["contour"]}
        assert (name, uncovered(experiment, tmp_path)) == (name, set())


@pytest.mark.slow
@pytest.mark.parametrize("figure", sorted(FIGURES.names()))
def test_lists_source_files_of_every_figure(figure: str, tmp_path: Path) -> None:
    data = {"dataset": [[1, 0], [2, 1]]} if figure == "curve" else {}  # for problems with one weight
    assert uncovered({"algorithms": ["gd", "rprop"], "figures": [figure], **data}, tmp_path) == set()


def test_finds_unlisted_source_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = tuple(folder for folder in provenance.READING_AND_COMPUTING if folder != "numerics/*.py")
    monkeypatch.setattr(provenance, "READING_AND_COMPUTING", folders)
    assert uncovered({"algorithms": ["newton"]}, tmp_path) == {"numerics/linalg.py"}


def test_lists_the_modules_of_classes_and_their_shared_helpers() -> None:
    assert provenance.modules_of([OPTIMIZERS["adam"](), WRAPPERS["cosine"](OPTIMIZERS["gd"]())]) == [
        "declare/_*.py",
        "declare/layers.py",  # the base class of wrappers
        "optimizers/_*.py",
        "optimizers/adam.py",
        "optimizers/gradient_descent.py",
        "wrappers/_*.py",
        "wrappers/schedules.py",
    ]
    assert provenance.modules_of([Path()]) == []  # not of bpviz


def test_finds_changed_and_deleted_source_files() -> None:
    name = "storage/hashing.py"
    now = hashing.of_module(name)
    assert provenance.changed_code({name: now}) == []
    assert provenance.changed_code({name: "0" * 16, "gone.py": "1" * 16, "engine/loop.py": ""}) == [
        name,
        "gone.py",
        "engine/loop.py",
    ]


def test_rounds_computed_numbers_to_nine_digits() -> None:
    exact = {"label": "GD", "start": [1 / 3, -2.0], "epochs": 7, "evaluations": {"error": 7}, "ending": "diverged"}
    run = {**exact, "algorithm": "gd", "final_error": None, "weights": [1 / 3, None, -2e5 / 3, 1234567890.0]}
    rounded = [0.333333333, None, -66666.6667, 1234567890.0]
    assert provenance.rounded(run) == {**exact, "final_error": None, "weights": rounded}
    assert provenance.rounded({**run, "final_error": 2e-20 / 3})["final_error"] == 6.66666667e-21


def test_records_versions_of_used_libraries() -> None:
    common = {
        "bpviz": bpviz.__version__,
        "python": platform.python_version(),
        "numpy": importlib.metadata.version("numpy"),
        "matplotlib": importlib.metadata.version("matplotlib"),
    }
    own = config.from_mapping({"algorithms": ["gd"], "figures": []})
    assert provenance.versions(own) == common
    scipy = config.from_mapping({"algorithms": ["gd", "scipy:BFGS"], "figures": []})
    assert provenance.versions(scipy) == {**common, "scipy": importlib.metadata.version("scipy")}
