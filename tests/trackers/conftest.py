"""Output folders of `bpviz run` for the tests of trackers."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bpviz.cli import cli

# Two starts; a run that diverges, one that exceeds single precision and one that reaches the threshold.
CONFIG = """
title: Two starts
dataset: [[0.9, 0.3, 1], [0.1, 0.8, 0]]
network: {activation: linear}
start: [[-4, -4], [3, -2]]
max_epochs: 40
algorithms:
  - {name: gd, step: 1e+200, label: "far / 遠い | a"}
  - {name: gd, step: 7, label: grows}
  - {name: rprop, max_step: 0.5}
figures: [{kind: errors}]
"""
LABELS = ("far / 遠い | a", "grows", "RPROP")
RUNS = [f"{label} from {start}" for label in LABELS for start in ("(-4, -4)", "(3, -2)")]


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(a) for a in arguments], catch_exceptions=False)


def written(folder: Path, config: str = CONFIG, *arguments: str) -> Path:
    """Run a config and return its output folder, ``folder``."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    path = folder.parent / f"{folder.name}.yaml"
    path.write_text(config, encoding="utf-8")
    result = invoke("run", path, "--out", folder.parent, "--quiet", *arguments)
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture(autouse=True)
def _no_user_trackers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the environment variables of trackers during a test."""
    for name in [*os.environ]:
        if name.startswith(("MLFLOW_", "WANDB_")):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("outputs") / "study")


@pytest.fixture
def study(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An output folder, as ``outputs/study`` in the working directory."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(original, tmp_path / "outputs/study")
    return Path("outputs/study")


@pytest.fixture
def other(study: Path) -> Path:
    """A copy of the output folder in the same parent."""
    return Path(shutil.copytree(study, study.parent / "other"))


@pytest.fixture
def edit() -> Callable[[Path, str, str], None]:
    """Return a function that replaces a string in a file."""

    def edit(path: Path, before: str, after: str) -> None:
        text = path.read_text(encoding="utf-8")
        assert before in text
        path.write_text(text.replace(before, after, 1), encoding="utf-8")

    return edit
