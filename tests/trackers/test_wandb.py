"""Offline runs of wandb, read from its files record by record."""

from __future__ import annotations

import json
import math
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bpviz.trackers import wandb as ours
from bpviz.trackers._outputs import read
from bpviz.trackers._tracker import contained

from .conftest import RUNS, invoke

with contained():
    WHY = "needs the trackers themselves: pip install --group trackers"
    pytest.importorskip("wandb", reason=WHY)
    internal = pytest.importorskip("wandb.proto.wandb_internal_pb2", reason=WHY)

Edit = Callable[[Path, str, str], None]


@pytest.fixture(autouse=True)
def _contained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Suppress wandb's warnings, which would be errors, and keep its caches out of the home folder."""
    for name in ("CACHE", "CONFIG", "DATA"):
        monkeypatch.setenv(f"WANDB_{name}_DIR", str(tmp_path / name))
    with contained():
        yield


def records(path: Path) -> Iterator[Any]:
    """Yield the records of a run's file, a LevelDB log: blocks of 32 KiB that contain parts of records."""
    data = path.read_bytes()
    assert data[:4] == b":W&B"
    at, record = 7, b""
    while at + 7 <= len(data):
        left = 32768 - at % 32768
        if left < 7:  # no room for another part in this block
            at += left
            continue
        _, length, kind = struct.unpack("<IHB", data[at : at + 7])
        record += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # a whole record, or the last part of one
            yield internal.Record.FromString(record)
            record = b""
    assert (at, record) == (len(data), b"")


def value(item: Any) -> Any:
    return json.loads(item.value_json)


def key(item: Any) -> str:
    return item.key or ".".join(item.nested_key)


class Stored:
    """The data that wandb stored for a run or an overview with an id."""

    def __init__(self, home: Path, id: str) -> None:
        (self.folder,) = (home / "wandb").glob(f"offline-run-*-{id}")
        self.records = list(records(self.folder / f"run-{id}.wandb"))
        self.run = next(record.run for record in self.records if record.WhichOneof("record_type") == "run")
        self.config = {key(item): value(item) for item in self.run.config.update}
        self.rows = [
            {key(item): value(item) for item in record.history.item}
            for record in self.records
            if record.WhichOneof("record_type") == "history"
        ]
        self.summary: dict[str, Any] = {}
        for record in self.records:
            self.summary |= {key(item): value(item) for item in record.summary.update}
        (self.exit,) = (record.exit for record in self.records if record.WhichOneof("record_type") == "exit")


def export(folder: Path) -> str:
    result = invoke("export", folder, "--to", "wandb")
    assert result.exit_code == 0, result.output
    return result.stdout.strip().rpartition(": ")[2]


def test_all_epochs_of_all_runs_are_exported(study: Path) -> None:
    assert export(study) == "7 new"
    for run in read(study).runs:
        stored = Stored(study.parent, run.id)
        assert (stored.run.run_id, stored.run.display_name, stored.run.run_group) == (run.id, run.name, "study")
        assert (stored.run.project, stored.run.job_type, stored.exit.exit_code) == ("bpviz", run.algorithm, 0)
        assert [row["_step"] for row in stored.rows] == list(range(len(run.history)))
        assert [tuple(row[metric] for metric in run.metrics) for row in stored.rows] == run.history
        summary = {name: stored.summary[name] for name in ("epochs", "final_error", "ending")}
        assert summary == {"epochs": len(run.history) - 1, "final_error": run.history[-1][0], "ending": run.ending}
        assert {name: stored.config[name] for name in run.params} == run.params
        assert stored.config["versions"] == run.versions
        assert (stored.config["title"], stored.config["digest"]) == ("Two starts", run.config)
        assert list(stored.run.tags) == [f"bpviz {run.versions['bpviz']}", f"config {run.config}"]


def test_non_finite_numbers_are_kept(study: Path) -> None:
    export(study)
    far = Stored(study.parent, read(study).runs[0].id)
    assert far.rows[1]["error"] == far.summary["final_error"] == math.inf


def test_overview_has_the_files(study: Path) -> None:
    export(study)
    stored = Stored(study.parent, read(study).id)
    assert (stored.run.display_name, stored.run.run_group, stored.run.job_type) == (
        "study: overview",
        "study",
        "overview",
    )
    sent = [item.path for record in stored.records for item in record.files.files]
    assert {"history.csv", "run.json", "summary.csv", "summary.json", "summary.md"} <= set(sent)
    (picture,) = [row["figures/errors.path"] for row in stored.rows]
    for name, original in {**{name: name for name in sent if "/" not in name}, picture: "errors.png"}.items():
        assert not (stored.folder / "files" / name).is_symlink(), "the folder must be independent of the output folder"
        assert (stored.folder / "files" / name).read_bytes() == (study / original).read_bytes()


def test_no_information_about_the_machine_is_recorded(study: Path) -> None:
    export(study)
    written = {path.name for path in Stored(study.parent, read(study).runs[0].id).folder.rglob("*") if path.is_file()}
    assert not written & {"wandb-metadata.json", "requirements.txt", "output.log", "diff.patch"}


def test_second_export_skips_unchanged_runs_and_replaces_changed_ones(study: Path, edit: Edit) -> None:
    export(study)
    before = sorted((study.parent / "wandb").glob("offline-run-*"))
    assert export(study) == "7 unchanged"
    assert sorted((study.parent / "wandb").glob("offline-run-*")) == before
    edit(study / "history.csv", "RPROP,1,22.29125,", "RPROP,1,22.5,")
    assert export(study) == "2 updated, 5 unchanged"
    assert len(list((study.parent / "wandb").glob("offline-run-*"))) == 7
    stored = Stored(study.parent, next(run.id for run in read(study).runs if run.name == "RPROP from (-4, -4)"))
    assert stored.rows[1]["error"] == 22.5


def test_interrupted_export_is_completed_by_the_next(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(ours, "_save", lambda run, outputs: 1 / 0)
        result = invoke("export", study, "--to", "wandb")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"wandb: export of {study} failed or is incomplete: division by zero\n"
    assert Stored(study.parent, read(study).id).exit.exit_code == 1
    assert export(study) == "1 updated, 6 unchanged"
    assert Stored(study.parent, read(study).id).exit.exit_code == 0


def test_environment_sets_folder_and_project(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_PROJECT", "mine")
    Path("there").mkdir()
    monkeypatch.setenv("WANDB_DIR", "there")
    result = invoke("export", study, "--to", "wandb")
    assert result.stdout == f"{study}: 6 runs and the overview in {Path('there/wandb')}: 7 new\n"
    assert result.stderr == f"next: wandb sync {Path('there/wandb')}/offline-run-*\n"
    assert Stored(Path("there"), read(study).id).run.project == "mine"
    result = invoke("export", study, "--to", "wandb", "--into", "here")
    assert result.stdout == f"{study}: 6 runs and the overview in {Path('here/wandb')}: 7 new\n"
    assert not (study.parent / "wandb").exists()


def test_disabled_wandb_is_an_error(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    result = invoke("export", study, "--to", "wandb")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        f"wandb: export of {study} failed or is incomplete: nothing would be written (WANDB_MODE is disabled); "
        "unset WANDB_MODE or set it to offline\n"
    )


def test_online_without_a_key_does_not_prompt(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("NETRC", os.devnull)
    result = invoke("export", study, "--to", "wandb")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"wandb: export of {study} failed or is incomplete: ")
    assert "login" in result.stderr


def test_folder_that_is_not_writable(study: Path) -> None:
    """wandb itself would fall back to the folder for temporary files."""
    Path("file").touch()
    result = invoke("export", study, "--to", "wandb", "--into", "file/deeper")
    assert (result.exit_code, result.stdout) == (1, "")
    place = Path("file/deeper/wandb").absolute()
    assert result.stderr == (
        f"wandb: export of {study} failed or is incomplete: cannot write in {place}: Not a directory\n"
    )


def test_command_prints_nothing_else(study: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "bpviz", "export", str(study), "--to", "wandb"],
        capture_output=True,
        encoding="utf-8",
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(ours.__file__).parents[2])},
    )
    place = study.parent / "wandb"
    assert (done.returncode, done.stdout) == (0, f"{study}: 6 runs and the overview in {place}: 7 new\n")
    assert done.stderr == f"next: wandb sync {place}/offline-run-*\n"


@pytest.mark.skipif(not shutil.which("unshare"), reason="needs unshare to disable the network")
def test_without_network(study: Path) -> None:
    """wandb works in a separate process, so the network is disabled for the whole command."""
    isolate = ["unshare", "--map-root-user", "--net"]
    if subprocess.run([*isolate, "true"], capture_output=True, check=False).returncode:
        pytest.skip("unshare is not permitted on this system")
    command = [sys.executable, "-m", "bpviz", "export", str(study), "--to", "wandb", "--quiet"]
    environment = {**os.environ, "PYTHONPATH": str(Path(ours.__file__).parents[2])}
    done = subprocess.run([*isolate, *command], capture_output=True, encoding="utf-8", check=False, env=environment)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    assert Stored(study.parent, read(study).id).exit.exit_code == 0
    assert len(RUNS) + 1 == len(list((study.parent / "wandb").glob("offline-run-*")))
