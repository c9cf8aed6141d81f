"""Test `bpviz backprop`: its tables, formats, figure files and messages."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from bpviz.cli import cli

NEURON = """
dataset: [[0.1, 0.3, 0.03]]
network: {activation: sigmoid, bias: true, loss: half-mse}
start: [0.5, 0.2, 1.83]
error_threshold: null
max_epochs: 3
algorithms: [{name: gd, step: 0.01}, {name: gd, step: 0.02, label: twice}]
"""
XOR = """
dataset: [[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]]
network: {layers: [{dense: 2, activation: tanh}, {dense: 1}], loss: binary-cross-entropy}
error_threshold: 0.01
algorithms: [gd, rprop]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("neuron.yaml").write_text(NEURON)
    Path("xor.yaml").write_text(XOR)
    Path("function.yaml").write_text("problem: rosenbrock\nalgorithms: [gd]\n")
    return tmp_path


def call(text):
    return CliRunner().invoke(cli, ["backprop", *text.split()])


def printed(text):
    result = call(f"{text} --no-figures")
    assert result.exit_code == 0, result.output
    return result.stdout


def rows(text, title):
    """Return the rows of a table, by their first cell."""
    section = text.partition(f"\n{title}")[2].partition("\n\n")[0]
    cells = [re.split(r"\s{2,}", line.strip()) for line in section.splitlines()[2:]]
    return {name: rest for name, *rest in cells}


def test_tables_have_the_published_numbers():
    text = printed("neuron.yaml --digits 16")
    assert text.startswith("Gradient descent, epoch 0, sample 1 of 1\n")
    assert "E = 0.3564652711035652" in text
    (s, p, delta) = map(float, rows(text, "Forward pass")["p"])
    assert (s, p, delta) == pytest.approx((1.94, 0.8743521434846544, 0.09276092558183859), abs=1e-15)
    chain = {name: float(value) for name, (value, *_) in rows(text, "Chain").items()}
    assert chain == pytest.approx(
        {
            "dE/dp": 0.8443521434846544,
            "dp/ds": 0.10986047266844473,
            "dE/ds": 0.09276092558183859,
            "ds/dw1": 0.1,
            "ds/dw2": 0.3,
            "ds/db": 1,
        },
        abs=1e-15,
    )
    gradient = rows(text, "Gradient")
    values = {name: float(value) for name, (value, *_) in gradient.items()}
    derivatives = {"dE/dw1": 0.009276092558183858, "dE/dw2": 0.027828277674551576, "dE/db": 0.09276092558183859}
    assert values == pytest.approx(derivatives, abs=1e-15)
    assert {cells[-1] for cells in gradient.values()} == {"agrees"}
    assert float(gradient["dE/dw1"][-2]) == pytest.approx(0.008990, abs=5e-7)  # the growth for a step of 1
    update = {name: float(cells[-1]) for name, cells in rows(text, "Update").items()}
    moved = {"w1": 0.49990723907441814, "w2": 0.1997217172232545, "b": 1.8290723907441817}
    assert update == pytest.approx(moved, abs=1e-15)
    assert "\n9 of 9 derivatives agree with their central differences" in text


def test_lines_fit_80_columns():
    for text in ("neuron.yaml", "xor.yaml --sample 3", "xor.yaml --epoch 7 --algorithm rprop"):
        assert max(map(len, printed(text).splitlines())) <= 80


def test_epoch_is_that_of_the_run_of_the_algorithm():
    """By the chain rule the error after one epoch is 0.3563705907489474."""
    assert "E = 0.3563705907489474 " in printed("neuron.yaml --epoch 1 --digits 16")
    first = rows(printed("neuron.yaml --digits 12"), "Update")
    other = rows(printed("neuron.yaml --algorithm twice --digits 12"), "Update")
    for name, (_, change, _) in first.items():
        assert float(other[name][1]) == pytest.approx(2 * float(change), rel=1e-6)


def test_last_epoch_has_no_update():
    text = printed("neuron.yaml --epoch 3")
    assert "Update" not in text
    assert "\nNo next epoch: reached max_epochs\n" in text


def test_mean_gradient_has_a_column_and_makes_the_update():
    text = printed("xor.yaml --sample 3 --digits 12")
    assert "\nGradient dE/dw = delta · input (mean: of all 4 samples)\n" in text
    means = {name.removeprefix("dE/d"): float(cells[2]) for name, cells in rows(text, "Gradient").items()}
    changes = {name: float(cells[1]) for name, cells in rows(text, "Update").items()}
    assert changes == pytest.approx({name: -0.3 * mean for name, mean in means.items()}, rel=1e-9, abs=1e-15)
    assert "mean" not in printed("neuron.yaml")


def test_penalty_is_part_of_the_mean_and_of_the_update():
    Path("penalty.yaml").write_text(NEURON + "penalty: {l2: 0.1}\n")
    text = printed("penalty.yaml --digits 12")
    assert "(mean: with the penalty)\n" in text
    means = {name.removeprefix("dE/d"): float(cells[2]) for name, cells in rows(text, "Gradient").items()}
    changes = {name: float(cells[1]) for name, cells in rows(text, "Update").items()}
    assert changes == pytest.approx({name: -0.01 * mean for name, mean in means.items()}, rel=1e-9)
    own = rows(printed("neuron.yaml --digits 12"), "Gradient")["dE/dw1"][0]
    assert rows(text, "Gradient")["dE/dw1"][0] == own


def test_json_has_every_number():
    record = json.loads(printed("xor.yaml --sample 2 --format json"))
    assert (record["algorithm"], record["epoch"], record["sample"], record["samples"]) == ("Gradient descent", 0, 2, 4)
    assert record["units_per_layer"] == [2, 2, 1]
    assert record["weights_in_all"] == len(record["weights"]) == 9
    for weight in record["weights"]:
        assert weight["gradient"]["agrees"] is True
        assert weight["new_value"] == pytest.approx(weight["value"] - 0.3 * weight["mean_gradient"], abs=1e-15)


@pytest.mark.parametrize(
    ("form", "part"),
    [
        ("md", "# Gradient dE/dw = dE/dp · dp/ds · ds/dw\n\n| derivative |"),
        ("html", "<caption>Gradient dE/dw = dE/dp · dp/ds · ds/dw</caption>"),
        ("csv", "\nderivative,value,central difference,ΔE for +1,check\n"),
        ("latex", "% Gradient dE/dw"),
        ("typst", "// Gradient dE/dw = dE/dp · dp/ds · ds/dw\n"),
    ],
)
def test_formats_of_tables(form, part):
    assert part in printed(f"neuron.yaml --format {form}")


def test_network_is_drawn_to_a_file_of_its_own():
    result = call("xor.yaml --epoch 2 --sample 3 --algorithm rprop --format svg --format pdf --out new")
    assert result.exit_code == 0, result.output
    name = "xor-network-rprop-epoch=2-sample=3"
    assert {path.name for path in Path("new/backprop").iterdir()} == {f"{name}.svg", f"{name}.pdf"}
    assert result.stderr == f"new/backprop: wrote 2 files; first figure new/backprop/{name}.pdf\n"
    assert not call("neuron.yaml --quiet").stderr
    assert [path.name for path in Path("outputs/backprop").iterdir()] == ["neuron-network.png"]


def test_config_lists_the_figure():
    Path("drawn.yaml").write_text(XOR + "figures: [{kind: network, epoch: 1, algorithm: rprop}]\nmax_epochs: 3\n")
    result = CliRunner().invoke(cli, ["run", "drawn.yaml"])
    assert result.exit_code == 0, result.output
    assert Path("outputs/drawn/network-rprop-epoch=1.png").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            "function.yaml",
            "function.yaml: expected a network, got the problem rosenbrock; use a config with `dataset` and `network`",
        ),
        ("neuron.yaml --sample 2", "--sample: expected at most 1 (the samples of the dataset), got 2"),
        (
            "neuron.yaml --epoch 4",
            "--epoch: expected at most 3 ('Gradient descent' ended there: reached max_epochs), got 4",
        ),
        ("neuron.yaml --algorithm twise", "--algorithm: unknown algorithm 'twise'; did you mean 'twice'?"),
        (".", ".: expected one config, got a folder with 3; use the path of a file"),
        ("missing.yaml", "missing.yaml: no such file"),
    ],
)
def test_mistakes_are_reported_before_anything_is_written(arguments, message):
    result = call(arguments)
    assert (result.exit_code, result.stderr, result.stdout) == (2, message + "\n", "")
    assert not Path("outputs").exists()


def test_run_that_ends_early_limits_the_epoch():
    result = call("xor.yaml --algorithm rprop --epoch 900")
    assert result.exit_code == 2
    assert re.fullmatch(
        r"--epoch: expected at most \d+ \('RPROP' ended there: reached the error threshold\), got 900\n", result.stderr
    )
