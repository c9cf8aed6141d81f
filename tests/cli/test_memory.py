"""Test what commands say of experiments that need too much memory or time, and where memory runs out."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

import bpviz
from bpviz import cli
from bpviz.experiment import runner
from bpviz.experiment.limits import OutOfMemoryError
from bpviz.figures import _render
from bpviz.outputs import build

HOME = Path(bpviz.__file__).parent.parent
Program = Callable[[str, Path], Result]

LONG = "max_epochs: 1000000000\nerror_threshold: null\nalgorithms: [gd]\nfigures: []\n"
QUICK = "max_epochs: 3\nalgorithms: [gd]\nfigures: [errors]\n"


def out_of_memory(*_: Any, **__: Any) -> Any:
    raise MemoryError("Unable to allocate 9.0 GiB")


# -- before anything runs --------------------------------------------------------------------------------------------

NEED = (
    "max_epochs: the paths of 1,000,000,000 epochs of 1 run without a threshold need 238 GiB of memory (allowed: 2.0 "
    "GiB); lower max_epochs, add a threshold, or raise the memory limit (--memory)"
)


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        ("run long.yaml --memory 2G", "long.yaml:1:13: "),
        ("run long.yaml --memory 4G --jobs 2 quick.yaml", "long.yaml:1:13: "),  # half of it for each process
        ("compare gd --max-epochs 1000000000 --error-threshold null --memory 2G", "compare: "),
        ("embed page.md --memory 2G", "long.yaml:1:13: "),
    ],
)
def test_rejects_what_needs_more_memory_than_allowed(
    arguments: str, place: str, tmp_path: Path, program: Program
) -> None:
    (tmp_path / "long.yaml").write_text(LONG)
    (tmp_path / "quick.yaml").write_text(QUICK)
    (tmp_path / "page.md").write_text("<!-- bpviz: table long.yaml -->\n<!-- bpviz: end -->\n")
    result = program(arguments, tmp_path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines()[0] == place + NEED
    assert len(list(tmp_path.iterdir())) == 3  # nothing was written


def test_check_rejects_what_needs_more_memory_than_allowed(tmp_path: Path, program: Program) -> None:
    (tmp_path / "a.yaml").write_text(QUICK)
    assert program("run a.yaml", tmp_path).exit_code == 0
    (tmp_path / "a.yaml").write_text(LONG)
    result = program("run a.yaml --check --memory 2G", tmp_path)
    assert (result.exit_code, result.stderr.splitlines()[0]) == (2, f"a.yaml:1:13: {NEED}")
    assert program("run a.yaml --check --level inputs --memory 2G", tmp_path).exit_code == 1  # runs nothing


def test_rejects_what_takes_longer_than_a_day(tmp_path: Path, program: Program) -> None:
    (tmp_path / "long.yaml").write_text(LONG.replace("1000000000", "1000000000000"))
    result = program("run long.yaml --memory 1000T", tmp_path)
    assert result.exit_code == 2
    assert result.stderr.startswith(
        "long.yaml:1:13: max_epochs: 1,000,000,000,000 epochs of 1 run without a threshold need at least 23 days "
        "(allowed: 24 hours); lower max_epochs or add a threshold\n"
    )


def test_rejects_an_invalid_size(tmp_path: Path, program: Program) -> None:
    result = program("compare gd --memory much", tmp_path)
    assert result.exit_code == 2
    assert "Invalid value for '--memory': expected a size such as 500M or 2G, got 'much'" in result.stderr


def test_many_epochs_with_a_threshold_run_as_before(tmp_path: Path, program: Program) -> None:
    (tmp_path / "a.yaml").write_text("max_epochs: 1000000000000\nalgorithms: [gd]\nfigures: []\n")
    result = program("run a.yaml --memory 128M", tmp_path)
    assert (result.exit_code, "797" in result.stdout) == (0, True)


# -- while it runs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_paths_that_become_too_long_leave_nothing(jobs: int, tmp_path: Path, program: Program) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text("max_epochs: 1000000000\nerror_threshold: 0\nalgorithms: [gd]\n")
    result = program(f"run a.yaml b.yaml --memory {jobs}M --jobs {jobs}", tmp_path)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr[1:] == (
        ": Gradient descent: the paths need more memory than allowed (1.0 MiB) from epoch 8,191 on; lower max_epochs, "
        "raise a threshold, or raise the memory limit (--memory)\n"
    )
    assert list((tmp_path / "outputs").iterdir()) == []


@pytest.mark.parametrize(("module", "name"), [(runner, "run"), (_render, "rendered"), (build, "tables_of")])
def test_message_names_the_experiment_whose_memory_runs_out(
    module: Any, name: str, tmp_path: Path, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.yaml").write_text(QUICK)
    monkeypatch.setattr(module, name, out_of_memory)
    result = program("run a.yaml", tmp_path)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "a: out of memory (Unable to allocate 9.0 GiB); use fewer epochs, starts or samples\n"


@pytest.mark.parametrize("place", ["bpviz.config.discovery.loads", "bpviz.config.discovery.read"])
def test_memory_that_runs_out_while_reading_is_no_traceback(
    place: str, tmp_path: Path, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.yaml").write_text(QUICK)
    monkeypatch.setattr(place, lambda *_: (_ for _ in ()).throw(MemoryError))
    result = program("validate a.yaml", tmp_path)
    assert (result.exit_code, result.stderr) == (1, "out of memory\n")


def test_memory_that_runs_out_anywhere_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli.cli, "main", out_of_memory)
    monkeypatch.setattr(cli, "raise_on_signals", lambda: None)  # in the process of the tests
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 1
    assert capsys.readouterr().err == "out of memory\n"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a limit of addresses")
@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_array_that_cannot_be_allocated_is_one_line(jobs: int, tmp_path: Path) -> None:
    """A Hessian of 900 weights and 200 samples takes products of 1.2 GiB."""
    row = ",".join(["1"] * 901)
    (tmp_path / "d.csv").write_text("\n".join([",".join(f"c{i}" for i in range(901)), *[row] * 200]))
    for name in ("a", "b")[:jobs]:
        (tmp_path / f"{name}.yaml").write_text("dataset: {csv: d.csv}\nalgorithms: [newton]\nfigures: []\n")
    command = [sys.executable, "-m", "bpviz", "run", *["a.yaml", "b.yaml"][:jobs], "--jobs", str(jobs), "--memory"]
    limited, allowed = (
        subprocess.run(
            ["sh", "-c", f"ulimit -v 1800000 && exec {shlex.join([*command, memory])}"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(HOME), "OPENBLAS_NUM_THREADS": "1"},
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
        for memory in ("1G", "1T")
    )
    assert (limited.returncode, limited.stdout) == (2, "")
    assert limited.stderr.startswith("a.yaml:2:14: algorithms[0]: Newton's method with 900 weights and 200 samples ")
    assert (allowed.returncode, allowed.stdout) == (1, "")
    assert allowed.stderr[1:].startswith(": out of memory (Unable to allocate 1.21 GiB for an array")
    assert allowed.stderr.count("\n") == 1


def test_message_survives_the_way_from_a_worker() -> None:
    import pickle

    error = pickle.loads(pickle.dumps(OutOfMemoryError("a: out of memory")))
    assert (type(error), str(error)) == (OutOfMemoryError, "a: out of memory")
