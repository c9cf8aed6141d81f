"""Test built-in datasets in configs, their settings, several classes and scaling, and the message of every mistake."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import numpy as np
import pytest
import yaml

from bpviz import config
from bpviz.config import ConfigError
from bpviz.config.resolved import resolved
from bpviz.config.schema import schema
from bpviz.problems.data import DATASETS
from bpviz.problems.data.curves import Moons

ALL_CLASSES = "loss categorical-cross-entropy with one softmax unit per class"
SOFTMAX = "network: {layers: [{dense: 3, activation: softmax}], loss: categorical-cross-entropy}"


def read(dataset, network="", folder=None):
    text = f"algorithms: [gd]\nfigures: []\ndataset: {dataset}\n{network}"
    jsonschema.Draft7Validator(schema()).validate(yaml.safe_load(text))
    return config.loads(text.encode(), "c.yaml", folder or Path())


def mistakes(dataset, network=""):
    text = f"algorithms: [gd]\nfigures: []\ndataset: {dataset}\n{network}"
    with pytest.raises(ConfigError) as caught:
        config.loads(text.encode(), "c.yaml", Path())
    return [str(mistake).split("\n")[0] for mistake in caught.value.mistakes]


@pytest.mark.parametrize(
    ("dataset", "network", "written"),
    [
        ("moons", "", {"name": "moons", "samples": 200, "noise": 0.1, "seed": 1}),
        (
            "{name: circles, samples: 20, noise: 0, seed: 7, rows: [2, 9], scale: standard}",
            "",
            {"name": "circles", "rows": [2, 9], "samples": 20, "noise": 0.0, "seed": 7, "scale": "standard"},
        ),
        ("{name: six-points}", "", "six-points"),
        ("neuron", "", "neuron"),
        ("{name: iris, rows: [50, 150]}", "", {"name": "iris", "rows": [50, 150]}),
        ("iris", SOFTMAX, "iris"),
        ("{name: digits, scale: minmax}", SOFTMAX.replace("3", "10"), {"name": "digits", "scale": "minmax"}),
        (
            "{rows: [[1, 2, 0], [3, 5, 1]], scale: minmax}",
            "",
            {"rows": [[1.0, 2.0, 0.0], [3.0, 5.0, 1.0]], "features": ["x1", "x2"], "scale": "minmax"},
        ),
        (
            "{rows: [[1, 0], [2, 1], [3, 2]], classes: [c, a, b]}",
            SOFTMAX,
            {"rows": [[1.0, 0.0], [2.0, 1.0], [3.0, 2.0]], "features": ["x1"], "classes": ["c", "a", "b"]},
        ),
    ],
)
def test_resolved_config_has_name_and_settings_and_gives_an_equal_experiment(dataset, network, written):
    experiment = read(dataset, network)
    found = resolved(experiment)
    assert found["dataset"] == written
    again = config.loads(yaml.safe_dump(found).encode(), "c.yaml", Path())
    assert again == experiment
    assert resolved(again) == found
    assert again.problem.dataset.inputs == experiment.problem.dataset.inputs


@pytest.mark.parametrize("name", ["Six_Points", "sixpoints", "{name: SIX-POINTS}"])
def test_names_in_any_case(name):
    text = f"algorithms: [gd]\nfigures: []\ndataset: {name}"
    assert config.loads(text.encode(), "c.yaml", Path()) == read("six-points")


def test_settings_are_those_of_the_dataset():
    dataset = read("{name: moons, samples: 10, seed: 4}").problem.dataset
    assert dataset == Moons(samples=10, seed=4).dataset()


def test_rows_are_counted_from_0_and_exclude_the_end():
    whole, part = (read(dataset, SOFTMAX).problem.dataset for dataset in ("iris", "{name: iris, rows: [49, 51]}"))
    assert part.features == whole.features[49:51]
    assert (part.targets, part.classes) == ((0.0, 1.0), ("setosa", "versicolor"))


def test_targets_are_the_numbers_of_the_classes_in_the_rows():
    experiment = read("{name: iris, rows: [50, 150]}")
    assert set(experiment.problem.dataset.targets) == {0.0, 1.0}
    assert experiment.problem.dataset.classes == ("versicolor", "virginica")
    assert experiment.notes == ("targets: versicolor = 0, virginica = 1",)


def test_digits_have_no_note_about_classes():
    """Which would be that 0 is 0 and 1 is 1."""
    assert read("digits", SOFTMAX.replace("3", "10")).notes == ()


@pytest.mark.parametrize("name", DATASETS)
def test_scaled_inputs_are_learned_from_the_rows(name):
    network = "" if name == "neuron" else SOFTMAX.replace("3", "10")  # its target is no class
    dataset = read(f"{{name: {name}, scale: minmax}}", network).problem.dataset
    columns = list(zip(*dataset.inputs, strict=True))
    assert {(min(column), max(column)) for column in columns} <= {(0, 1), (0, 0)}
    assert dataset.features == DATASETS[name]().dataset().features


def test_scaling_is_what_networks_compute_with():
    rows = "rows: [[10, 0], [20, 1], [40, 1]]"
    for network in ("", "network: [2]"):
        scaled = read(f"{{{rows}, scale: minmax}}", network).problem
        by_hand = read("[[0, 0], [0.3333333333333333, 1], [1, 1]]", network).problem
        w = np.array([scaled.start])
        assert scaled.at(w).gradient().tobytes() == by_hand.at(w).gradient().tobytes()


@pytest.mark.parametrize("kind", ["minmax", "standard"])
def test_constant_features_have_a_note(kind):
    assert read(f"{{rows: [[7, 1, 0], [7, 2, 1]], scale: {kind}}}").notes == ("feature x1 is constant and scaled to 0",)
    both = read(f"{{rows: [[7, 1, 0], [7, 1, 1]], features: [a, b], scale: {kind}}}")
    assert both.notes == ("features a and b are constant and scaled to 0",)
    digits = read(f"{{name: digits, scale: {kind}}}", SOFTMAX.replace("3", "10")).problem.dataset
    constant = [column for column in zip(*digits.features, strict=True) if len(set(column)) == 1]
    assert len(constant) == 3  # pixels at the left and right edge that are always white


def test_csv_files_may_be_scaled_and_have_several_classes(tmp_path):
    (tmp_path / "data.csv").write_text("a,b,y\n1,9,rose\n3,9,lily\n2,9,Iris\n")
    dataset = read("{csv: data.csv, scale: minmax}", SOFTMAX, tmp_path).problem.dataset
    assert dataset.inputs == ((0.0, 0.0), (1.0, 0.0), (0.5, 0.0))
    assert (dataset.targets, dataset.classes) == ((2.0, 1.0, 0.0), ("Iris", "lily", "rose"))
    assert dataset.notes == ("targets: Iris = 0, lily = 1, rose = 2", "feature b is constant and scaled to 0")


def test_chosen_classes_have_targets_in_their_order(tmp_path):
    (tmp_path / "data.csv").write_text("a,y\n1,rose\n2,lily\n3,iris\n4,oak\n")
    dataset = read("{csv: data.csv, classes: [oak, iris, rose]}", SOFTMAX, tmp_path).problem.dataset
    assert (dataset.features, dataset.targets) == (((1.0,), (3.0,), (4.0,)), (2.0, 1.0, 0.0))


def test_classes_of_a_file_elsewhere_are_not_shown(tmp_path):
    (tmp_path / "data.csv").write_text("a,y\n1,rose\n2,lily\n3,iris\n")
    (tmp_path / "inner").mkdir()
    dataset = read("{csv: ../data.csv}", SOFTMAX, tmp_path / "inner").problem.dataset
    assert dataset.notes == ("targets: 3 classes of the file = 0 to 2 (see run.json)",)


@pytest.mark.parametrize(
    ("dataset", "network", "message"),
    [
        ("{name: moon}", "", "3:17: dataset.name: unknown dataset 'moon'; did you mean 'moons'?"),
        (
            "{name: [moons]}",
            "",
            (
                "3:17: dataset.name: expected the name of a dataset, got a list; use circles, digits, iris, moons, "
                "neuron, six-points, spirals or xor, or your own data"
            ),
        ),
        (
            "{name: moons, samples: 1}",
            "",
            (
                "3:33: dataset.samples: expected an integer in [2, 100000], got 1 (number of samples, of both classes "
                "in turn)"
            ),
        ),
        (
            "{name: moons, noise: -1}",
            "",
            (
                "3:31: dataset.noise: expected a number in [0, 10], got -1 (standard deviation of the normal noise "
                "added to each feature)"
            ),
        ),
        ("{name: xor, seed: 1}", "", "3:22: dataset.seed: unknown key; use one of rows, scale, name"),
        ("{name: iris, rows: [0, 151]}", "", "3:29: dataset.rows: expected rows in [0, 150], got [0, 151]"),
        (
            "{name: iris, rows: [3, 3]}",
            "",
            (
                "3:29: dataset.rows: expected increasing numbers, got [3, 3] (first row, and the one after the last, "
                "from 0)"
            ),
        ),
        (
            "{name: iris, rows: [5, 50]}",
            "",
            "3:29: dataset.rows: expected rows of two or more classes, got only setosa in [5, 50]",
        ),
        (
            "iris",
            "",
            (
                "3:10: dataset: expected two classes, got 3 (setosa, versicolor and virginica); select `rows` of two, "
                f"or use {ALL_CLASSES}"
            ),
        ),
        (
            "iris",
            "network: {layers: [{dense: 1}], loss: binary-cross-entropy}",
            (
                "3:10: dataset: expected two classes, got 3 (setosa, versicolor and virginica); select `rows` of two, "
                f"or use {ALL_CLASSES}"
            ),
        ),
        (
            "iris",
            SOFTMAX.replace("loss: categorical", "loss: categorial"),
            (
                "4:60: network.loss: expected mse, half-mse, mae, binary-cross-entropy or categorical-cross-entropy, "
                "got 'categorial-cross-entropy' (loss of one sample; the error is the mean over all samples); did you "
                "mean 'categorical-cross-entropy'?"
            ),
        ),
        (
            "{rows: [[1, a], [2, b], [3, c]]}",
            SOFTMAX,
            (
                "3:22: dataset.rows[0][1]: expected a number as target, got 'a' (first of 3 such rows); write 0, 1, 2, "
                "..., and name them as in {rows: [[0.9, 0.3, 1]], classes: [iris, lily, rose]}"
            ),
        ),
        (
            "iris",
            SOFTMAX.replace("3", "2"),
            "4:20: network.layers[0]: expected classes 0 to 1, one per unit (the dataset has 2)",
        ),
        (
            "{rows: [[1, 0], [2, 3]], classes: [a, b, c]}",
            SOFTMAX,
            "3:44: dataset.classes: classes require targets 0 to 2 (the dataset has 3)",
        ),
        (
            "{rows: [[1, 0], [2, 1]], classes: [a, b, a]}",
            SOFTMAX,
            "3:44: dataset.classes: duplicate class 'a'",
        ),
        (
            "{rows: [[1, 0], [2, 1]], scale: max}",
            "",
            (
                "3:42: dataset.scale: expected minmax or standard, got 'max' (scaling of each feature: to [0, 1], or "
                "to mean 0 and standard deviation 1); did you mean 'minmax'?"
            ),
        ),
        (
            "{rows: [[1e301, 0], [2, 1]], scale: minmax}",
            "",
            "3:46: dataset.scale: expected features of at most 1e+300 in size, got 1e+301 (x1)",
        ),
        ("{name: iris, classes: [a, b]}", "", "3:23: dataset.classes: unknown key; use one of rows, scale, name"),
        (
            "{name: moons, csv: a.csv}",
            "",
            (
                "3:10: dataset: give one of `name` (a built-in dataset), `csv` (path of a file) and `rows` (a list of "
                "samples)"
            ),
        ),
    ],
)
def test_mistakes(dataset, network, message):
    assert mistakes(dataset, network) == [f"c.yaml:{message}"]
