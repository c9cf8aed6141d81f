"""The files of `bpviz run` have the documented layout and contain the computed numbers exactly."""

from __future__ import annotations

import csv
import importlib.metadata
import json
import platform
import re
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner

import bpviz
from bpviz import config
from bpviz.cli import cli
from bpviz.declare import KINDS
from bpviz.experiment import runner
from bpviz.outputs import lockfile
from bpviz.outputs.build import TABLES
from bpviz.tables import files, schemas

CONFIG = r"""
title: "Every ending | from two starts"
dataset: [[1, 1, 1], [2, 2, 0], [0.3, 0.3, 0.5]]
network: {activation: linear, bias: true}
start: [[-4, -4.1, 1e-7], [0.25, 3, 1]]
error_threshold: 0.2
max_epochs: 40
algorithms:
  - {name: gd, step: 0.1}
  - {name: gd, step: 1e+6, label: 'too far, "much" | 遠い'}
  - {name: newton, penalty: 0}
  - {name: golden, tolerance: 0.3}
  - irprop+
  - {name: adam, step: 0.1, label: "−"}
figures: [{kind: errors, algorithms: [gd], save_as: err.ors}]
"""


def run_config(folder, text, *arguments):
    """Run a config with `bpviz run` and return its output folder."""
    (folder / "my test.yaml").write_text(text, encoding="utf-8")
    outcome = CliRunner().invoke(cli, ["run", str(folder / "my test.yaml"), "--out", str(folder / "out"), *arguments])
    assert outcome.exit_code == 0, outcome.output
    return folder / "out" / "my test"


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    return run_config(tmp_path_factory.mktemp("run"), CONFIG)


@pytest.fixture(scope="module")
def experiment():
    return config.loads(CONFIG.encode(), "test", Path())


@pytest.fixture(scope="module")
def results(experiment):
    return runner.run(experiment)


def read_csv(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def refuse(word):
    raise AssertionError(f"{word} is not JSON")


def read_json(path):
    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


def test_output_folder_has_exactly_these_files(written):
    assert sorted(path.name for path in written.iterdir()) == sorted([*TABLES, lockfile.NAME, "err.ors.png"])
    assert (written / "err.ors.png").read_bytes().startswith(b"\x89PNG")


def test_config_covers_the_endings_without_gradient_threshold(written):
    assert {run["ending"] for run in read_json(written / "summary.json")["runs"]} == {
        *("reached", "diverged", "exhausted", "stuck")
    }


def test_summary_json(written, results):
    data = read_json(written / "summary.json")
    assert list(data) == ["schema", "title", "runs"]
    assert (data["schema"], data["title"]) == (1, "Every ending | from two starts")
    keys = ["algorithm", "label", "settings", "start", "epochs", "final_error", "weights", "evaluations", "ending"]
    assert len(data["runs"]) == len(results.runs) == 12
    for entry, run in zip(data["runs"], results.runs, strict=True):
        assert list(entry) == keys
        assert (entry["algorithm"], entry["label"], entry["settings"]) == (run.algorithm, run.label, run.settings)
        assert (tuple(entry["start"]), entry["epochs"]) == (run.start, run.trajectory.epochs)
        if entry["ending"] == "diverged":
            assert entry["final_error"] is None
        else:
            assert entry["final_error"] == run.trajectory.final_error
            assert entry["weights"] == run.trajectory.weights[-1].tolist()
        counts = run.trajectory.evaluations
        assert entry["evaluations"] == {kind: counts[kind] for kind in ("error", "gradient", "hessian")}
        assert entry["ending"] == run.trajectory.ending.word


def test_summary_csv_has_the_runs(written, results):
    rows = read_csv(written / "summary.csv")
    assert len(rows) == len(results.runs)
    for row, run in zip(rows, results.runs, strict=True):
        assert (row["algorithm"], row["label"], int(row["epochs"])) == (run.algorithm, run.label, run.trajectory.epochs)
        settings = dict(setting.split("=") for setting in row["settings"].split())
        assert {name: type(run.settings[name])(value) for name, value in settings.items()} == run.settings
        assert tuple(map(float, row["start"].split())) == run.start
        assert repr(float(row["final_error"])) == repr(run.trajectory.final_error)
        assert [row[name] for name in ("w1", "w2", "b")] == [repr(w) for w in run.trajectory.weights[-1].tolist()]
        assert {kind: int(row[f"{kind}_evaluations"]) for kind in KINDS} == run.trajectory.evaluations
        assert row["ending"] == run.trajectory.ending.word


def test_history_has_every_epoch_exactly(written, results):
    rows = read_csv(written / "history.csv")
    counters = [f"{kind}_evaluations" for kind in KINDS]
    assert list(rows[0]) == ["label", "epoch", "error", "w1", "w2", "b", *counters, "start"]
    expected = [
        [run.label, str(epoch), *map(repr, [error, *weights]), *map(str, counts), str(1 + (run.start[0] == 0.25))]
        for run in results.runs
        for t in [run.trajectory]
        for epoch, (error, weights, counts) in enumerate(
            zip(t.errors.tolist(), t.weights.tolist(), t.counts.tolist(), strict=True)
        )
    ]
    assert [list(row.values()) for row in rows] == expected


def test_history_agrees_with_start_and_summary(written):
    rows, ends = read_csv(written / "history.csv"), read_csv(written / "summary.csv")
    counters = [f"{kind}_evaluations" for kind in KINDS]
    firsts = [row for row in rows if row["epoch"] == "0"]
    lasts = [row for row, after in zip(rows, [*rows[1:], {"epoch": "0"}], strict=True) if after["epoch"] == "0"]
    for first, last, end in zip(firsts, lasts, ends, strict=True):
        assert [first[name] for name in ("w1", "w2", "b")] == end["start"].split()
        assert [first[name] for name in counters] == ["0"] * len(KINDS)
        shared = ["label", "w1", "w2", "b", *counters]
        assert [last[name] for name in shared] == [end[name] for name in shared]
        assert (last["epoch"], last["error"]) == (end["epochs"], end["final_error"])


def test_counts_never_decrease(written):
    rows = read_csv(written / "history.csv")
    for before, after in pairwise(rows):
        if after["epoch"] != "0":
            assert all(int(before[f"{kind}_evaluations"]) <= int(after[f"{kind}_evaluations"]) for kind in KINDS)


def test_summary_markdown_has_exact_numbers(written, results):
    title, blank, *lines = (written / "summary.md").read_text(encoding="utf-8").splitlines()
    assert (title, blank) == (r"# Every ending \| from two starts", "")
    cells = [re.split(r"(?<!\\) \| ", line.removeprefix("| ").removesuffix(" |")) for line in lines]
    head, rule, *rows = cells
    assert len(rule) == len(head)
    assert len(rows) == len(results.runs)
    for row, run in zip(rows, results.runs, strict=True):
        cells_by_title = dict(zip(head, row, strict=True))
        assert cells_by_title["final error"] == repr(run.trajectory.final_error)
        assert [cells_by_title[name] for name in ("w1", "w2", "b")] == [
            repr(w) for w in run.trajectory.weights[-1].tolist()
        ]
        assert cells_by_title["start"] == f"({', '.join(map(repr, run.start))})"
    assert rows[2][0] == r'too far, "much" \| 遠い'


def test_run_json_has_versions(written):
    data = read_json(written / "run.json")
    assert list(data) == ["schema", "experiment", "versions"]
    assert data["schema"] == schemas.SUMMARY == 1
    assert data["versions"] == {
        "bpviz": bpviz.__version__,
        "python": platform.python_version(),
        "numpy": importlib.metadata.version("numpy"),
        "matplotlib": importlib.metadata.version("matplotlib"),
    }


def test_experiment_in_run_json_reproduces_the_files(written, tmp_path):
    """JSON is YAML: the resolved experiment is a config."""
    resolved = read_json(written / "run.json")["experiment"]
    again = run_config(tmp_path, json.dumps(resolved))
    for file in (
        file for file in written.iterdir() if file.name != lockfile.NAME
    ):  # the lockfile has the hash of the config
        assert (again / file.name).read_bytes() == file.read_bytes(), file.name


def test_time_option_does_not_change_the_files(written, tmp_path):
    again = run_config(tmp_path, CONFIG, "--time")
    for file in written.iterdir():
        assert (again / file.name).read_bytes() == file.read_bytes(), file.name


@pytest.mark.parametrize("name", TABLES)
def test_files_are_utf8_with_unix_line_ends(written, name):
    content = (written / name).read_bytes()
    content.decode("utf-8")
    assert content.endswith(b"\n")
    assert b"\r" not in content
    assert b"\xef\xbb\xbf" not in content


def test_rejects_label_with_a_line_break(tmp_path):
    path = tmp_path / "one.yaml"
    path.write_text('algorithms: [{name: gd, label: "two\\nlines"}]')
    outcome = CliRunner().invoke(cli, ["run", str(path), "--out", str(tmp_path / "out")])
    assert outcome.exit_code == 2
    assert "expected printable characters on one line, got 'two\\nlines' (name in tables and legends)" in outcome.stderr
    assert not (tmp_path / "out").exists()


def test_run_without_epochs_has_one_row(tmp_path):
    folder = run_config(tmp_path, "algorithms: [newton]\nstart: [2.6, -3.5]\nfigures: []\n")
    (row,) = read_csv(folder / "history.csv")
    assert (row["epoch"], row["w1"], row["w2"]) == ("0", "2.6", "-3.5")
    (run,) = read_json(folder / "summary.json")["runs"]
    assert (run["epochs"], run["ending"], run["weights"]) == (0, "reached", [2.6, -3.5])
    assert run["evaluations"] == {"error": 0, "gradient": 0, "hessian": 0}


def test_history_does_not_depend_on_the_rows_that_are_made_at_once(experiment, monkeypatch):
    results = runner.run(experiment)
    whole = files.history_csv(results)
    monkeypatch.setattr(files, "_ROWS_AT_ONCE", 3)
    assert files.history_csv(results) == whole
    assert max(run.epochs for run in results.runs) > 6
