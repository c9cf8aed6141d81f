"""Test notes on data: on the terminal, in run.json, in a figure and as a warning in Python."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from click.testing import CliRunner

import bpviz
from bpviz.cli import cli
from bpviz.outputs import lockfile

CLASSES = "classes.yaml: targets: lily = 0, rose = 1"
RANGE = (
    "range.yaml: 2 of 2 targets are outside [0, 1], the range of sigmoid: the error cannot fall below 1; use "
    "activation linear, or targets 0 and 1 (two `classes` of a CSV file)"
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Write a config with classes and missing values, and one with targets that a sigmoid cannot predict."""
    monkeypatch.chdir(tmp_path)
    Path("points.csv").write_text("a,b,kind\n1,2,rose\n2,1,lily\n,1,lily\n")
    common = "max_epochs: 2\nalgorithms: [gd]\n"
    Path("classes.yaml").write_text(f"{common}figures: [data]\ndataset: {{csv: points.csv, missing: drop}}\n")
    Path("range.yaml").write_text(f"{common}figures: []\ndataset: [[1, -1], [2, 2]]\n")
    return tmp_path


def messages(*arguments):
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    return result.stderr.splitlines()


def test_run_prints_notes_each_time_and_records_them():
    notes = [CLASSES, "classes.yaml: 1 of 3 rows left out (missing values)", RANGE]
    first = messages("run", "classes.yaml", "range.yaml")
    assert first[-3:] == notes
    assert messages("run", "classes.yaml", "range.yaml")[-3:] == notes  # outputs that are up to date
    assert messages("run", "classes.yaml", "range.yaml", "--quiet") == []
    record = json.loads(Path("outputs/classes/run.json").read_text())
    assert record["notes"] == ["targets: lily = 0, rose = 1", "1 of 3 rows left out (missing values)"]
    assert record["experiment"]["dataset"]["classes"] == ["lily", "rose"]


@pytest.mark.parametrize("record", [[], {"notes": 3}, {"notes": [{}]}, {"notes": ["\x1b[31mred"]}])
def test_recorded_notes_of_another_form_do_no_harm(record):
    messages("run", "range.yaml")
    content = json.dumps(record).encode()
    Path("outputs/range/run.json").write_bytes(content)
    lock = json.loads(Path("outputs/range/bpviz.lock.json").read_text())
    lock["files"]["run.json"] |= lockfile.written(content)
    Path("outputs/range/bpviz.lock.json").write_text(json.dumps(lock))
    status, *notes = messages("run", "range.yaml")
    assert "up to date" in status
    assert notes == (["range.yaml: \N{REPLACEMENT CHARACTER}[31mred"] if record == {"notes": ["\x1b[31mred"]} else [])


def test_validate_prints_notes():
    assert messages("validate", "range.yaml") == [RANGE]
    assert messages("validate", "range.yaml", "--quiet") == []


def test_the_data_figure_names_classes():
    results = bpviz.run("classes.yaml")
    figure = results.figure("data")
    try:
        labels = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
        assert labels == ["Target 0 (lily)", "Target 1 (rose)"]
    finally:
        plt.close(figure)


def test_python_warns_of_targets_that_no_weights_predict():
    with pytest.warns(UserWarning, match=r"the error cannot fall below 1; use activation linear") as caught:
        bpviz.run("range.yaml")
    assert [warning.filename for warning in caught] == [__file__]
    assert bpviz.run("classes.yaml").experiment.notes == (
        "targets: lily = 0, rose = 1",
        "1 of 3 rows left out (missing values)",
    )
