"""Runs in the database of MLflow, read with MLflow, and with SQLite to check which runs are active."""

from __future__ import annotations

import json
import math
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bpviz.trackers import mlflow as ours
from bpviz.trackers._outputs import Run, flat, read
from bpviz.trackers._tracker import contained

from .conftest import RUNS, invoke

with contained():
    mlflow = pytest.importorskip("mlflow", reason="needs the trackers themselves: pip install --group trackers")

Edit = Callable[[Path, str, str], None]


@pytest.fixture(autouse=True)
def _contained() -> Iterator[None]:
    """Suppress MLflow's warnings when tests read runs, because warnings are errors."""
    with contained():
        yield


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the database, shared by tests because creating one takes seconds."""
    home = tmp_path_factory.mktemp("mlflow")
    with contained():
        client(home).search_experiments()
    return home


@pytest.fixture
def folder(study: Path, tmp_path: Path) -> Path:
    """An output folder with a unique name, which is a separate experiment in the shared database."""
    return study.rename(study.parent / tmp_path.name)


def export(folder: Path, home: Path, *, code: int = 0) -> str:
    """Export a folder and return the reported outcomes, or the error message if ``code`` is not 0."""
    result = invoke("export", folder, "--to", "mlflow", "--into", home)
    assert result.exit_code == code, result.output
    return result.stdout.strip().rpartition(": ")[2] if code == 0 else result.stderr


def client(home: Path) -> Any:
    return mlflow.MlflowClient(tracking_uri=f"sqlite:///{home / 'mlflow.db'}")


def found(home: Path, name: str) -> dict[str, Any]:
    """Return the runs of an MLflow experiment by name, and check that names are unique."""
    reading = client(home)
    runs = reading.search_runs([reading.get_experiment_by_name(name).experiment_id])
    named = {run.info.run_name: run for run in runs}
    assert len(named) == len(runs)
    return named


def test_all_epochs_of_all_runs_are_exported(folder: Path, home: Path) -> None:
    assert export(folder, home) == "7 new"
    there = found(home, folder.name)
    assert set(there) == {*RUNS, "overview"}
    for run in read(folder).runs:
        info, data = there[run.name].info, there[run.name].data
        assert (info.status, data.tags["bpviz.run"]) == ("FINISHED", run.id)
        for i, metric in enumerate(run.metrics):
            history = client(home).get_metric_history(info.run_id, metric)
            kept = {m.step: m.value for m in history}
            assert len(kept) == len(history) == len(run.history)
            for epoch, row in enumerate(run.history):
                assert kept[epoch] == row[i] or (math.isinf(row[i]) and math.isnan(kept[epoch]))
        assert data.metrics["epochs"] == len(run.history) - 1
        last = run.history[-1][0]
        assert data.metrics["final_error"] == data.metrics["error"] == last or math.isinf(last)


def test_parameters_and_tags(folder: Path, home: Path) -> None:
    export(folder, home)
    run = next(run for run in read(folder).runs if run.name == "RPROP from (3, -2)")
    data = found(home, folder.name)[run.name].data
    assert data.params == {name: str(value).replace("False", "false") for name, value in flat(run.params).items()}
    assert data.params["settings.max_step"] == "0.5"
    assert data.params["start"] == "[3.0, -2.0]"
    assert (data.params["error_threshold"], data.params["network.bias"]) == ("0.125", "false")
    tags = {name: value for name, value in data.tags.items() if name.startswith("bpviz.")}
    assert tags == {
        "bpviz.run": run.id,
        "bpviz.content": run.content,
        "bpviz.config": run.config,
        "bpviz.algorithm": "rprop",
        "bpviz.ending": "reached",
        **{f"bpviz.version.{name}": version for name, version in run.versions.items()},
    }


def test_non_finite_numbers(folder: Path, home: Path) -> None:
    """MLflow would store infinity as 1.8e308 and plot it."""
    export(folder, home)
    data = found(home, folder.name)[RUNS[0]].data
    assert math.isnan(data.metrics["error"])
    assert math.isnan(data.metrics["final_error"])
    assert (data.tags["bpviz.final_error"], data.tags["bpviz.ending"]) == ("inf", "diverged")
    grows = found(home, folder.name)["grows from (-4, -4)"].data
    assert grows.metrics["final_error"] > 1e60
    assert "bpviz.final_error" not in grows.tags


def test_overview_has_the_files(folder: Path, home: Path) -> None:
    export(folder, home)
    run = found(home, folder.name)["overview"]
    assert Path(run.info.artifact_uri.removeprefix("file://")).is_relative_to(home / "mlartifacts" / folder.name)
    listed = [item.path for item in client(home).list_artifacts(run.info.run_id) if not item.is_dir]
    assert sorted(listed) == ["history.csv", "run.json", "summary.csv", "summary.json", "summary.md"]
    assert [item.path for item in client(home).list_artifacts(run.info.run_id, "figures")] == ["figures/errors.png"]
    for name in (*listed, "figures/errors.png"):
        path = Path(client(home).download_artifacts(run.info.run_id, name))
        assert path.read_bytes() == (folder / Path(name).name).read_bytes()
    table = (folder / "summary.md").read_text(encoding="utf-8")
    assert (run.data.tags["bpviz.title"], run.data.tags["mlflow.note.content"]) == ("Two starts", table)


def test_second_export_skips_unchanged_runs_and_replaces_changed_ones(folder: Path, home: Path, edit: Edit) -> None:
    export(folder, home)
    before = {name: run.info.run_id for name, run in found(home, folder.name).items()}
    assert export(folder, home) == "7 unchanged"
    assert {name: run.info.run_id for name, run in found(home, folder.name).items()} == before
    edit(folder / "history.csv", "RPROP,1,22.29125,", "RPROP,1,22.5,")
    assert export(folder, home) == "2 updated, 5 unchanged"
    after = {name: run.info.run_id for name, run in found(home, folder.name).items()}
    assert {name for name in before if before[name] != after[name]} == {"RPROP from (-4, -4)", "overview"}
    errors = client(home).get_metric_history(after["RPROP from (-4, -4)"], "error")
    assert sorted((m.step, m.value) for m in errors)[:2] == [(0, 23.3), (1, 22.5)]
    assert [m.step for m in errors] == list(range(16))


def test_interrupted_export_is_completed_by_the_next(folder: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(run: Run, client: Any, run_id: str) -> None:
        if run.name == RUNS[3]:
            client.log_metric(run_id, "error", 1.0)
            raise KeyboardInterrupt
        epochs(run, client, run_id)

    epochs = ours._epochs
    with monkeypatch.context() as patch:
        patch.setattr(ours, "_epochs", broken)
        assert (
            invoke("export", folder, "--to", "mlflow", "--into", home).exit_code == 1
        )  # click's test runner turns the interrupt into exit code 1
    half = found(home, folder.name)
    assert set(half) == set(RUNS[:4])
    assert (half[RUNS[3]].info.status, "bpviz.content" in half[RUNS[3]].data.tags) == ("FAILED", False)
    assert export(folder, home) == "3 new, 1 updated, 3 unchanged"
    assert set(found(home, folder.name)) == {*RUNS, "overview"}
    assert all(run.info.status == "FINISHED" for run in found(home, folder.name).values())


def test_many_epochs_and_many_parameters(folder: Path, home: Path) -> None:
    """More than MLflow accepts in one batch: 1000 metrics, 100 parameters."""
    many = 1500
    summary, resolved = (json.loads((folder / f"{name}.json").read_bytes()) for name in ("summary", "run"))
    del summary["runs"][1:]
    summary["runs"][0] |= {"epochs": many}
    resolved["experiment"]["network"] |= {f"part {i}": i for i in range(230)}
    (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    (folder / "run.json").write_text(json.dumps(resolved), encoding="utf-8")
    head = (folder / "history.csv").read_text(encoding="utf-8").splitlines()[0]
    rows = [f"far / 遠い | a,{i},{i / 7},1,2,0,{i},0,0,0,1" for i in range(many + 1)]
    (folder / "history.csv").write_text("\n".join([head, *rows, ""]), encoding="utf-8")
    assert export(folder, home) == "2 new"
    run = found(home, folder.name)["far / 遠い | a"]
    assert [m.value for m in client(home).get_metric_history(run.info.run_id, "error")] == [
        i / 7 for i in range(many + 1)
    ]
    assert run.data.params["network.part 229"] == "229"


def test_names_that_mlflow_rejects_are_changed_and_stay_distinct() -> None:
    names = {"weights/a=b": 1, "weights/a<b": 2, "weights/..": 3, "weights/β": 4, "x" * 300: 5, "weights/": 6}
    allowed = ours._allowed(names)
    assert list(allowed.values()) == list(names.values())
    assert list(allowed)[:4] == ["weights/a_b", "weights/a_b_", "weights/_", "weights/β"]
    for name in allowed:
        mlflow.utils.validation._validate_metric_name(name)


def test_default_location_is_the_parent_folder(study: Path, home: Path) -> None:
    shutil.copy(home / "mlflow.db", study.parent)  # creating one takes seconds
    result = invoke("export", study, "--to", "mlflow")
    database = f"sqlite:///{study.parent / 'mlflow.db'}"
    assert result.stdout == f"{study}: 6 runs and the overview in {database}: 7 new\n"
    assert result.stderr == f"next: mlflow ui --backend-store-uri {database}\n"
    assert sorted(path.name for path in study.parent.iterdir()) == ["mlartifacts", "mlflow.db", "study"]
    assert sorted(path.name for path in Path().iterdir()) == ["outputs"], "nothing in the working directory"


def test_tracking_uri_of_the_environment_is_used(
    study: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(home / "mlflow.db", tmp_path / "theirs.db")
    server = f"sqlite:///{tmp_path / 'theirs.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    result = invoke("export", study, "--to", "mlflow")
    assert (result.stdout, result.stderr) == (f"{study}: 6 runs and the overview in {server}: 7 new\n", "")
    assert not (study.parent / "mlflow.db").exists()
    with sqlite3.connect(tmp_path / "theirs.db") as database:
        names = {name for (name,) in database.execute("select name from runs where lifecycle_stage = 'active'")}
    database.close()
    assert {*RUNS} <= names
    here = tmp_path / "here"
    here.mkdir()
    shutil.copy(home / "mlflow.db", here)
    assert invoke("export", study, "--to", "mlflow", "--into", here).stdout.endswith(": 7 new\n"), (
        "--into takes precedence"
    )


def test_unreachable_server_is_reported(study: Path, other: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    result = invoke("export", study, other, "--to", "mlflow")
    assert (result.exit_code, result.stdout) == (1, "")
    lines = result.stderr.splitlines()
    assert len(lines) == 2
    assert "secret" not in result.stderr
    for line, folder in zip(lines, (study, other), strict=True):
        assert line.startswith(f"mlflow: export of {folder} failed or is incomplete: API request to http://127.0.0.1:9")


@pytest.mark.parametrize("name", ["what?", "100%"])
def test_rejects_folder_that_cannot_be_in_a_database_uri(study: Path, name: str) -> None:
    result = invoke("export", study, "--to", "mlflow", "--into", name)
    assert result.exit_code == 1
    assert result.stderr == (
        f"mlflow: export of {study} failed or is incomplete: invalid folder for the database: "
        f"{Path(name).absolute()} (its path contains ? or %); set another one with --into\n"
    )
    assert sorted(path.name for path in Path().iterdir()) == ["outputs"]


def test_damaged_database_is_reported_and_kept(study: Path) -> None:
    (study.parent / "mlflow.db").write_text("not a database" * 100)
    result = invoke("export", study, "--to", "mlflow")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "file is not a database" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert (study.parent / "mlflow.db").read_text().startswith("not a database")


def test_command_prints_nothing_else_and_makes_no_network_requests(study: Path) -> None:
    """With warnings as errors, and without the environment variables by which MLflow detects tests."""
    code = """
import socket
from bpviz.cli import main
def looked_up(host, *arguments, **options):
    print("looked up", host)
    raise OSError("no network")
socket.getaddrinfo = looked_up
main()
"""
    tested = ("CI", "PYTEST", "GITHUB")  # MLflow sends no telemetry if these are set
    environment = {name: value for name, value in os.environ.items() if not name.startswith(tested)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, "export", str(study), "--to", "mlflow"],
        capture_output=True,
        encoding="utf-8",
        check=False,
        env={**environment, "PYTHONPATH": str(Path(ours.__file__).parents[2])},
    )
    database = f"sqlite:///{study.parent / 'mlflow.db'}"
    assert (done.returncode, done.stdout) == (
        0,
        f"{study}: 6 runs and the overview in {database}: 7 new\n",
    )
    assert done.stderr == f"next: mlflow ui --backend-store-uri {database}\n"
