"""Runs that wandb keeps offline, read back from its own files, record by record."""

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
    """Keep wandb's warnings from being errors, and its caches out of the home of whoever runs the tests."""
    for name in ("CACHE", "CONFIG", "DATA"):
        monkeypatch.setenv(f"WANDB_{name}_DIR", str(tmp_path / name))
    with contained():
        yield


def records(path: Path) -> Iterator[Any]:
    """Yield the records of a run's file, which is a log of LevelDB: blocks of 32 KiB, each with parts of records."""
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


class Kept:
    """What wandb keeps of a run, or of an overview, by its id."""

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


def test_every_epoch_of_every_run_is_there(study: Path) -> None:
    assert export(study) == "7 new"
    for run in read(study).runs:
        kept = Kept(study.parent, run.id)
        assert (kept.run.run_id, kept.run.display_name, kept.run.run_group) == (run.id, run.name, "study")
        assert (kept.run.project, kept.run.job_type, kept.exit.exit_code) == ("bpviz", run.algorithm, 0)
        assert [row["_step"] for row in kept.rows] == list(range(len(run.history)))
        assert [tuple(row[metric] for metric in run.metrics) for row in kept.rows] == run.history
        said = {name: kept.summary[name] for name in ("epochs", "final_error", "ending")}
        assert said == {"epochs": len(run.history) - 1, "final_error": run.history[-1][0], "ending": run.ending}
        assert {name: kept.config[name] for name in run.params} == run.params
        assert kept.config["versions"] == run.versions
        assert (kept.config["title"], kept.config["digest"]) == ("Two starts", run.config)
        assert list(kept.run.tags) == [f"bpviz {run.versions['bpviz']}", f"config {run.config}"]


def test_numbers_that_are_not_finite_stay_so(study: Path) -> None:
    export(study)
    far = Kept(study.parent, read(study).runs[0].id)
    assert far.rows[1]["error"] == far.summary["final_error"] == math.inf


def test_the_overview_has_the_files(study: Path) -> None:
    export(study)
    kept = Kept(study.parent, read(study).id)
    assert (kept.run.display_name, kept.run.run_group, kept.run.job_type) == ("study: overview", "study", "overview")
    sent = [item.path for record in kept.records for item in record.files.files]
    assert {"history.csv", "run.json", "summary.csv", "summary.json", "summary.md"} <= set(sent)
    (picture,) = [row["figures/errors.path"] for row in kept.rows]
    for name, original in {**{name: name for name in sent if "/" not in name}, picture: "errors.png"}.items():
        assert not (kept.folder / "files" / name).is_symlink(), "the folder can be sent from elsewhere"
        assert (kept.folder / "files" / name).read_bytes() == (study / original).read_bytes()


def test_nothing_is_told_of_this_machine(study: Path) -> None:
    export(study)
    written = {path.name for path in Kept(study.parent, read(study).runs[0].id).folder.rglob("*") if path.is_file()}
    assert not written & {"wandb-metadata.json", "requirements.txt", "output.log", "diff.patch"}


def test_a_second_export_changes_nothing_and_a_changed_run_replaces_the_old(study: Path, edit: Edit) -> None:
    export(study)
    before = sorted((study.parent / "wandb").glob("offline-run-*"))
    assert export(study) == "7 already there"
    assert sorted((study.parent / "wandb").glob("offline-run-*")) == before
    edit(study / "history.csv", "RPROP,1,22.29125,", "RPROP,1,22.5,")
    assert export(study) == "2 updated, 5 already there"
    assert len(list((study.parent / "wandb").glob("offline-run-*"))) == 7
    kept = Kept(study.parent, next(run.id for run in read(study).runs if run.name == "RPROP from (-4, -4)"))
    assert kept.rows[1]["error"] == 22.5


def test_an_export_that_was_broken_off_is_finished_by_the_next(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(ours, "_save", lambda run, outputs: 1 / 0)
        result = invoke("export", study, "--to", "wandb")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"wandb: {study} was not exported, or not all of it: division by zero\n"
    assert Kept(study.parent, read(study).id).exit.exit_code == 1
    assert export(study) == "1 updated, 6 already there"
    assert Kept(study.parent, read(study).id).exit.exit_code == 0


def test_where_and_under_what_project_the_environment_says(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_PROJECT", "mine")
    Path("there").mkdir()
    monkeypatch.setenv("WANDB_DIR", "there")
    result = invoke("export", study, "--to", "wandb")
    assert result.stdout == f"{study}: 6 runs and the overview in {Path('there/wandb')}: 7 new\n"
    assert result.stderr == f"next: wandb sync {Path('there/wandb')}/offline-run-*\n"
    assert Kept(Path("there"), read(study).id).run.project == "mine"
    result = invoke("export", study, "--to", "wandb", "--into", "here")
    assert result.stdout == f"{study}: 6 runs and the overview in {Path('here/wandb')}: 7 new\n"
    assert not (study.parent / "wandb").exists()


def test_when_wandb_is_disabled(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    result = invoke("export", study, "--to", "wandb")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        f"wandb: {study} was not exported, or not all of it: WANDB_MODE is disabled, and nothing would be written; "
        "unset it, or set it to offline\n"
    )


def test_online_without_a_key_nobody_is_asked_for_one(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("NETRC", os.devnull)
    result = invoke("export", study, "--to", "wandb")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"wandb: {study} was not exported, or not all of it: ")
    assert "login" in result.stderr


def test_a_place_where_nothing_can_be_written(study: Path) -> None:
    """wandb itself would write into the folder for temporary files, and say so in its log."""
    Path("file").touch()
    result = invoke("export", study, "--to", "wandb", "--into", "file/deeper")
    assert (result.exit_code, result.stdout) == (1, "")
    place = Path("file/deeper/wandb").absolute()
    assert result.stderr == (
        f"wandb: {study} was not exported, or not all of it: cannot write in {place}: Not a directory\n"
    )


def test_as_a_program_it_is_quiet(study: Path) -> None:
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


@pytest.mark.skipif(not shutil.which("unshare"), reason="needs unshare, to do without a network")
def test_without_any_network(study: Path) -> None:
    """Its work is done by a process of its own, which a test cannot look into; so it is left alone with it."""
    apart = ["unshare", "--map-root-user", "--net"]
    if subprocess.run([*apart, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this system does not let users do without a network")
    command = [sys.executable, "-m", "bpviz", "export", str(study), "--to", "wandb", "--quiet"]
    environment = {**os.environ, "PYTHONPATH": str(Path(ours.__file__).parents[2])}
    done = subprocess.run([*apart, *command], capture_output=True, encoding="utf-8", check=False, env=environment)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    assert Kept(study.parent, read(study).id).exit.exit_code == 0
    assert len(RUNS) + 1 == len(list((study.parent / "wandb").glob("offline-run-*")))
