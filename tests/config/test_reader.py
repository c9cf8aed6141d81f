"""Configs: what they give, and every mistake with its place.

The messages are compared whole: they are the part of this program that people read when they are already annoyed.
"""

from __future__ import annotations

import json
import math
import pickle
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

import jsonschema
import pytest
import yaml

from bpviz import config, declare
from bpviz.config import ConfigError, Experiment, Mistake
from bpviz.config.yaml_tree import scalar
from bpviz.declare import FIGURES, OPTIMIZERS, PROBLEMS, hyper, optimizer
from bpviz.optimizers.gradient_descent import GradientDescent, Momentum
from bpviz.problems.perceptron import Perceptron

if TYPE_CHECKING:
    from bpviz.declare.registry import Registry

KEPT = "(fraction of the last update kept, μ)"
EPOCHS = "(a run ends after this many epochs at the latest)"


def read(text: str, *overrides: str, folder: Path = Path(), name: str = "try") -> Experiment:
    return config.loads(dedent(text).encode(), "bad.yaml", folder, overrides, name)


def refusal(text: str | bytes, *overrides: str, folder: Path = Path()) -> ConfigError:
    data = text if isinstance(text, bytes) else dedent(text).encode()
    with pytest.raises(ConfigError) as caught:
        config.loads(data, "bad.yaml", folder, overrides)
    return caught.value


def said(error: ConfigError) -> list[str]:
    """Return the mistakes without the lines they show."""
    return [str(mistake).split("\n", maxsplit=1)[0] for mistake in error.mistakes]


# -- what a config gives -----------------------------------------------------------------------------------------------


def test_a_config_with_algorithms_alone_is_the_published_experiment():
    experiment = read("algorithms: [gd]\nfigures: []")
    assert experiment == Experiment(
        "try",
        "try",
        Perceptron(),
        ((-4.0, -4.0),),
        0.125,
        1000,
        (config.Algorithm("Gradient descent", GradientDescent()),),
        (),
    )


def test_every_key_is_read():
    experiment = read("""
        title: Two starts
        dataset: [[1, 2, 0], [3, 4, 1]]
        network: {activation: tanh, bias: true, loss: half-mse}
        start: [[1, 2, 3], [-.5, 1e-3, 0]]
        error_threshold: null
        max_epochs: 12
        algorithms:
          - {name: momentum, step: 1e-3, momentum: .5, label: Heavy ball}
          - gd
        figures:
          - {kind: paths, algorithms: [gd], save_as: gd-alone}
          - epochs
    """)
    assert experiment.title == "Two starts"
    problem = experiment.problem
    assert (problem.activation, problem.bias, problem.loss) == ("tanh", True, "half-mse")
    assert problem.dataset.features == ((1.0, 2.0), (3.0, 4.0))
    assert problem.dataset.targets == (0.0, 1.0)
    assert problem.dataset.feature_names == ("x1", "x2")
    assert experiment.starts == ((1.0, 2.0, 3.0), (-0.5, 0.001, 0.0))
    assert experiment.error_threshold is None
    assert experiment.max_epochs == 12
    assert experiment.algorithms[0] == config.Algorithm("Heavy ball", Momentum(step=0.001, momentum=0.5))
    assert experiment.algorithms[1].label == "Gradient descent"
    paths, epochs = experiment.figures
    assert (paths.name, paths.algorithms, paths.save_as, epochs.name) == ("paths", ("gd",), "gd-alone", "epochs")


def test_the_default_start_has_a_coordinate_for_every_weight():
    assert read("algorithms: [gd]\nnetwork: {bias: true}\nfigures: []").starts == ((-4.0, -4.0, -4.0),)
    assert read("algorithms: [gd]\ndataset: [[1, 2]]\nfigures: []").starts == ((-4.0,),)


def test_without_figures_every_kind_says_what_it_adds():
    experiment = read("algorithms: [gd, rprop]")
    labels = [algorithm.label for algorithm in experiment.algorithms]
    assert list(experiment.figures) == [
        f for _, kind in FIGURES.items() for f in kind.defaults(experiment.problem, labels)
    ]


def test_an_algorithm_can_be_an_alias_of_values_written_once():
    experiment = read("""
        algorithms:
          - {name: gd, step: &step 0.7}
          - {name: momentum, step: *step}
        figures: []
    """)
    assert [algorithm.optimizer.step for algorithm in experiment.algorithms] == [0.7, 0.7]


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("neupy", "neupy"),
        ("my try (2)", "my try -2"),
        ("..", "experiment"),
        ("-x", "x"),
        ("a\nb", "a-b"),
        ("日本", "日本"),
    ],
)
def test_the_name_is_that_of_the_file_made_fit_for_a_folder(tmp_path, stem, name):
    file = tmp_path / f"{stem}.yaml"
    file.write_bytes(b"\xef\xbb\xbfalgorithms: [gd]\nfigures: []")  # a byte order mark is fine
    assert config.load(file).name == name


# -- scalars -----------------------------------------------------------------------------------------------------------


# By YAML 1.2.2, section 10.3.2 (core schema).
@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[
            ("1e-3", 1e-3),
            ("5e-1", 0.5),
            ("1e3", 1000.0),
            ("-.5", -0.5),
            (".5", 0.5),
            ("+12.", 12.0),
            ("1.5E+3", 1500.0),
        ],
        *[("12", 12), ("-7", -7), ("017", 17), ("0o17", 15), ("0x1F", 31), ("1e400", math.inf)],
        *[("true", True), ("False", False), ("TRUE", True), ("null", None), ("~", None), ("", None)],
        *[
            (word, word)
            for word in ("no", "off", "yes", "on", "y", "tRUE", "nULL", "nan", "inf", "e3", ".", "-", "1e", "+-1")
        ],
        *[(word, word) for word in ("12:30", "2024-01-01", "1_000", "0b1", "08.5.1", "(-4, -4)", "１", "1 000")],
        *[
            (".inf", math.inf),
            ("-.Inf", -math.inf),
            ("+.INF", math.inf),
            ("9" * 5000, math.inf),
            ("0x" + "f" * 5000, math.inf),
        ],
    ],
)
def test_scalars_are_read_as_yaml_1_2_does(text, value):
    assert scalar(text) == value
    assert type(scalar(text)) is type(value)


def test_nan_is_recognised():
    assert math.isnan(scalar(".nan"))
    assert math.isnan(scalar(".NaN"))


# -- mistakes ----------------------------------------------------------------------------------------------------------


def test_the_message_of_the_issue():
    text = "\n" * 13 + "algorithms: [{momentum:  1, name: momentum}]"
    assert str(refusal(text)) == (
        f"bad.yaml:14:26: algorithms[0].momentum: 1 is not in [0, 1) {KEPT}\n"
        "    algorithms: [{momentum:  1, name: momentum}]\n"
        "                             ^"
    )


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file():
    error = refusal(
        """\
        algoritms: 3
        start: [1]
        network: {activation: sigmoyd, bias: no}
        max_epochs: 0.5
        algorithms:
          - {name: momentum, momentum: 1, momentum: 2, lr: 1}
          - {name: adma}
          - {name: irprop+, min_step: 2, max_step: 1}
        figures:
          - {kind: path}
          - {kind: paths, save_as: ../x, epochs: [3]}
        """
    )
    assert said(error) == [
        "bad.yaml:1:1: algoritms: unknown key; did you mean 'algorithms'?",
        (
            "bad.yaml:3:23: network.activation: 'sigmoyd' is not one of sigmoid, tanh, relu, softplus, linear; "
            "did you mean 'sigmoid'? (activation function a, applied to the weighted sum)"
        ),
        (
            "bad.yaml:3:38: network.bias: 'no' is not true or false; write false (whether to add a bias to the "
            "weighted sum, as one more weight)"
        ),
        f"bad.yaml:4:13: max_epochs: 0.5 is not a whole number in [1, inf) {EPOCHS}",
        f"bad.yaml:6:32: algorithms[0].momentum: 1 is not in [0, 1) {KEPT}",
        "bad.yaml:6:35: algorithms[0].momentum: repeated key; it is given first in line 6, column 22",
        "bad.yaml:6:48: algorithms[0].lr: unknown setting of momentum; did you mean 'step'?",
        "bad.yaml:7:12: algorithms[1].name: 'adma' is not the name of an algorithm; did you mean 'adam'?",
        "bad.yaml:8:31: algorithms[2].min_step: 2 is greater than max_step (1)",
        "bad.yaml:10:12: figures[0].kind: 'path' is not the name of a figure; did you mean 'paths'?",
        (
            "bad.yaml:11:28: figures[1].save_as: '../x' is not a plain file name of letters, digits and . + = - _ "
            "(file name, without a suffix)"
        ),
        (
            "bad.yaml:11:42: figures[1].epochs: a list of 1 is not a list of 2 values, each integer [1, inf) (the "
            "first and the last epoch to show as arrows)"
        ),
    ]


def test_what_figures_and_expectations_name_is_looked_up_although_settings_are_refused():
    error = refusal(
        """\
        algorithms:
          - {name: gd, step: 0}
          - {name: adam, step: -1, label: Mine}
          - {name: rprop, lable: x, label: Mine}
        figures:
          - {kind: paths, algorithms: [gdd], weights: [w1, w1], epochs: [5, 2]}
          - {kind: paths, algorithms: [Mine, adam, Gradient descent], weights: [w1, w9], levels: 1, save_as: other}
          - {kind: surface, weights: [w9, w1], elevation: 91}
        expect: {mine: {epochs: 3}}
        """
    )
    assert [line.split("; known")[0].split(" (")[0] for line in said(error)] == [
        "bad.yaml:2:22: algorithms[0].step: 0 is not in",
        "bad.yaml:3:24: algorithms[1].step: -1 is not in",
        "bad.yaml:4:5: algorithms[2]: 'Mine' is the label of algorithms[1] too",
        "bad.yaml:4:19: algorithms[2].lable: unknown setting of rprop; did you mean 'label'?",
        "bad.yaml:6:31: figures[0].algorithms: 'gdd' is not an algorithm of this experiment; did you mean 'gd'?",
        "bad.yaml:6:47: figures[0].weights: 'w1' stands on both axes",
        "bad.yaml:6:65: figures[0].epochs: the first epoch, 5, comes after the last, 2",
        "bad.yaml:7:72: figures[1].weights: 'w9' is not a weight of this problem, which has w1 and w2",
        "bad.yaml:7:90: figures[1].levels: 1 is not in [2, 200]",
        "bad.yaml:8:30: figures[2].weights: 'w9' is not a weight of this problem, which has w1 and w2",
        "bad.yaml:8:51: figures[2].elevation: 91 is not in [-90, 90]",
        "bad.yaml:9:10: expect.mine: 'mine' is not an algorithm of this experiment; did you mean 'Mine'?",
    ]


@pytest.mark.parametrize(
    "entry",
    [
        "{name: adma, step: 0}",
        "{step: 1}",
        "3",
        "{name: gd, label: [x]}",
        '{name: gd, label: "two\\nlines"}',
        "{name: [gd]}",
    ],
)
def test_nothing_is_said_of_names_where_an_algorithm_cannot_be_called(entry):
    text = f"algorithms: [{entry}]\nfigures: [{{kind: paths, algorithms: [adam]}}]\nexpect: {{adam: {{epochs: 3}}}}"
    assert [mistake.line for mistake in refusal(text).mistakes] == [1]


@pytest.mark.parametrize("label", ["[x]", '"two\\nlines"', "null, step: 0", '""'])
def test_the_figures_by_default_are_not_asked_of_a_label_that_is_refused(label):
    assert len(refusal(f"algorithms: [{{name: gd, label: {label}}}]").mistakes) == 1


def test_what_goes_around_a_refused_algorithm_may_be_in_its_label():
    text = "algorithms: [{name: gd, step: 0, with: [clip-norm]}]\nfigures: [{kind: paths, algorithms: ['GD, clipped']}]"
    assert [mistake.line for mistake in refusal(text).mistakes] == [1]


KEYS = (
    "title, problem, dataset, network, penalty, start, error_threshold, gradient_threshold, max_epochs, algorithms, "
    "figures, expect"
)
START = "(where every algorithm starts)"
ERROR = "(a run ends at the first epoch whose error is at most this above the lowest known)"
GD = "algorithms: [gd]\nfigures: []\n"
SAMPLE = "(a sample: its features, then its target)"


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        # numbers
        ("error_threshold: .nan", [f"3:18: error_threshold: .nan is not a finite number {ERROR}"]),
        ("error_threshold: 1e400", [f"3:18: error_threshold: 1e400 is not a finite number {ERROR}"]),
        ("error_threshold: nan", [f"3:18: error_threshold: 'nan' is not a number in [0, inf) {ERROR}"]),
        ("error_threshold: true", [f"3:18: error_threshold: true is not a number in [0, inf) {ERROR}"]),
        ("error_threshold: 0,3", [f"3:18: error_threshold: '0,3' is not a number in [0, inf); write 0.3 {ERROR}"]),
        ("error_threshold: 1_000", [f"3:18: error_threshold: '1_000' is not a number in [0, inf); write 1000 {ERROR}"]),
        ("error_threshold: None", [f"3:18: error_threshold: 'None' is not a number in [0, inf); write null {ERROR}"]),
        (
            "error_threshold: '1e-3'",
            [
                (
                    f"3:18: error_threshold: '1e-3' is not a number in [0, inf); it is quoted: "
                    f"write 1e-3 without the quotes {ERROR}"
                )
            ],
        ),
        ("error_threshold: [1]", [f"3:18: error_threshold: a list is not a number in [0, inf) {ERROR}"]),
        (
            "title: 2024",
            ["3:8: title: 2024 is not text; write '2024', in quotes (what tables and figures are headed with)"],
        ),
        # starts
        ("start: (-4, -4)", [f"3:8: start: '(-4, -4)' is not a list of values, each a number; write [-4, -4] {START}"]),
        ("start: -4 -4", [f"3:8: start: '-4 -4' is not a list of values, each a number; write [-4, -4] {START}"]),
        ("start: 3", [f"3:8: start: 3 is not a list of values, each a number {START}"]),
        ("start: []", [f"3:8: start: a list of 0 is not a list of 1 or more values, each a number {START}"]),
        ("start: [1, x]", [f"3:12: start[1]: 'x' is not a number {START}"]),
        ("start: [1, -.inf]", [f"3:12: start[1]: -.inf is not a finite number {START}"]),
        ("start: [1]", ["3:8: start: 1 number, and the perceptron has 2 weights: w1, w2"]),
        ("start: [[1, 2], [1, 2, 3]]", ["3:17: start[1]: 3 numbers, and the perceptron has 2 weights: w1, w2"]),
        ("start: [[1, 2], 3]", [f"3:17: start[1]: 3 is not a list of values, each a number {START}"]),
        (
            "start: [1, 2]\nnetwork: {bias: true}",
            ["3:8: start: 2 numbers, and the perceptron has 3 weights: w1, w2, b"],
        ),
        # networks
        ("network: sigmoid", ["3:10: network: 'sigmoid' is not a mapping of activation, bias and loss"]),
        ("network: {cost: mse}", ["3:11: network.cost: unknown key; did you mean 'loss'?"]),
        (
            "network: {loss: cross-entropy, activation: tanh}",
            ["3:17: network.loss: cross-entropy requires activation sigmoid (got tanh)"],
        ),
        (
            "network: {loss: cross-entropy}\ndataset: [[1, -1], [2, 1]]",
            ["3:17: network.loss: cross-entropy requires targets in [0, 1] (the dataset has -1)"],
        ),
        # datasets
        ("dataset: six-point", ["3:10: dataset: 'six-point' is not the name of a dataset; did you mean 'six-points'?"]),
        ("dataset: mnist", ["3:10: dataset: 'mnist' is not the name of a dataset; known are six-points"]),
        ("dataset: a.csv", ["3:10: dataset: 'a.csv' is not the name of a dataset; for a file write {csv: a.csv}"]),
        ("dataset:", ["3:9: dataset: null is not the name of a dataset; known are six-points"]),
        ("dataset: []", ["3:10: dataset: an empty list is not a list of samples such as [[0.9, 0.3, 1]]"]),
        ("dataset: {}", ["3:10: dataset: a mapping here has either csv, the path of a file, or rows, a list"]),
        (
            "dataset: [[1, 2], [1]]",
            [f"3:19: dataset[1]: a list of 1 is not a list of 2 or more values, each a number {SAMPLE}"],
        ),
        ("dataset: [[1, 2], [1, 2, 3]]", ["3:19: dataset[1]: 3 numbers, and the rows above have 2"]),
        (
            "dataset: [[1, 2], [.nan, x]]",
            [
                f"3:20: dataset[1][0]: .nan is not a finite number {SAMPLE}",
                f"3:26: dataset[1][1]: 'x' is not a number {SAMPLE}",
            ],
        ),
        (
            "dataset: {rows: [[1, 2, 3]], features: [a]}",
            ["3:17: dataset.rows: 1 names of features, and the rows have 2 before the target"],
        ),
        ("dataset: {rows: [[1, 2, 3]], features: [a, a]}", ["3:40: dataset.features: a name is given twice"]),
        ("dataset: {rows: [[1, 2]], target: a}", ["3:27: dataset.target: unknown key; known are features, rows"]),
        # problems, penalties and thresholds
        ("problem: rosenbrok", ["3:10: problem: 'rosenbrok' is not the name of a problem; did you mean 'rosenbrock'?"]),
        ("problem: [beale]", ["3:10: problem: a list is not a name, or a mapping with a name"]),
        (
            "problem: {name: rosenbrock, b: 0, c: 1}",
            [
                "3:32: problem.b: 0 is not in (0, inf) (steepness of the walls)",
                "3:35: problem.c: unknown setting of rosenbrock; known are name, a, b",
            ],
        ),
        (
            "problem: beale\ndataset: six-points\nnetwork: {bias: true}",
            [
                "4:1: dataset: a problem stands for dataset and network; give it or them",
                "5:1: network: a problem stands for dataset and network; give it or them",
            ],
        ),
        (
            "problem: beale\nstart: [1, 2, 3]",
            ["4:8: start: 3 numbers, and the beale has 2 weights: x, y"],
        ),
        ("penalty: 0.1", ["3:10: penalty: 0.1 is not a mapping of l1 and l2"]),
        (
            "penalty: {l1: -1, l3: 0}",
            [
                "3:15: penalty.l1: -1 is not in [0, inf) (weight of the L1 penalty Σ |wᵢ|, λ₁)",
                "3:19: penalty.l3: unknown key; known are l1, l2",
            ],
        ),
        ("problem: saddle\nerror_threshold: x", [f"4:18: error_threshold: 'x' is not a number in (-inf, inf) {ERROR}"]),
        ("problem: beale\nerror_threshold: -1", [f"4:18: error_threshold: -1 is not in [0, inf) {ERROR}"]),
        (
            "gradient_threshold: 0",
            [
                (
                    "3:21: gradient_threshold: 0 is not in (0, inf) (a run ends at the first epoch whose gradient is "
                    "at most this long)"
                ),
            ],
        ),
        # expectations
        ("expect: 5", ["3:9: expect: 5 is not a mapping of algorithms and what they should come to"]),
        (
            "expect: {gdd: {epochs: 1}}",
            ["3:10: expect.gdd: 'gdd' is not an algorithm of this experiment; did you mean 'gd'?"],
        ),
        (
            "expect: {rprop: {epochs: 1}}",
            [
                (
                    "3:10: expect.rprop: 'rprop' is not an algorithm of this experiment; there are 'gd' and "
                    "'Gradient descent'"
                ),
            ],
        ),
        ("expect: {gd: 797}", ["3:14: expect.gd: 797 is not a mapping of epochs, error, evaluations or ending"]),
        (
            "expect: {gd: {epoch: 1, ending: done}}",
            [
                "3:15: expect.gd.epoch: unknown quantity; did you mean 'epochs'?",
                (
                    "3:33: expect.gd.ending: 'done' is not one of reached, level, diverged, exhausted, stuck (the "
                    "ending expected)"
                ),
            ],
        ),
        (
            "expect: {gd: {epochs: {atmost: 5, below: -1}, ending: {below: 3}, error: {}}}",
            [
                "3:24: expect.gd.epochs.atmost: unknown bound; did you mean 'at_most'?",
                "3:42: expect.gd.epochs.below: -1 is not in [0, inf) (the epochs expected)",
                (
                    "3:55: expect.gd.ending: a mapping is not one of reached, level, diverged, exhausted or stuck "
                    "(the ending expected)"
                ),
                "3:74: expect.gd.error: an empty mapping has none of exactly, at_most, at_least, below or above",
            ],
        ),
        # keys
        ("treshold: 1", ["3:1: treshold: unknown key; did you mean 'error_threshold'?"]),
        ("tol: 1", ["3:1: tol: unknown key; did you mean 'error_threshold'?"]),
        ("iterations: 1", ["3:1: iterations: unknown key; did you mean 'max_epochs'?"]),
        ("function: booth", ["3:1: function: unknown key; did you mean 'problem'?"]),
        (
            "zzz: 1",
            [f"3:1: zzz: unknown key; known are {KEYS}"],
        ),
        (
            "a b\\e: 1",
            [(f"3:1: 'a b\\\\e': unknown key; known are {KEYS}")],
        ),
        ("title: a\ntitle: b", ["4:1: title: repeated key; it is given first in line 3, column 1"]),
    ],
)
def test_messages(text, messages):
    assert said(refusal(GD + text)) == [f"bad.yaml:{message}" for message in messages]


NAMES = ", ".join(OPTIMIZERS)


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("title: x", ["1:1: algorithms are missing; give at least one, for instance `algorithms: [gd]`"]),
        ("algorithms: []", ["1:13: algorithms: an empty list is not a list of one or more algorithms"]),
        ("algorithms: gd", ["1:13: algorithms: 'gd' is not a list of one or more algorithms"]),
        ("algorithms: [3]", ["1:14: algorithms[0]: 3 is not a name, or a mapping with a name"]),
        ("algorithms: [{step: 1}]", [f"1:14: algorithms[0]: name is missing; known are {NAMES}"]),
        (
            "algorithms: [{name: [gd]}]",
            [f"1:21: algorithms[0].name: a list is not the name of an algorithm; known are {NAMES}"],
        ),
        ("algorithms: [SGD]", ["1:14: algorithms[0]: 'SGD' is not the name of an algorithm; did you mean 'gd'?"]),
        (
            "algorithms: [gradient_descent]",
            ["1:14: algorithms[0]: 'gradient_descent' is not the name of an algorithm; did you mean 'gd'?"],
        ),
        (
            "algorithms:\n- gd\n- {name: gd, step: 10}",
            [
                (
                    "3:3: algorithms[1]: 'Gradient descent' is the label of algorithms[0] too (in line 2, column 3); "
                    "give one of them another `label`"
                )
            ],
        ),
        ("algorithms: [gd]\nfigures:", ["2:9: figures: null is not a list of figures; [] draws none"]),
        (
            "algorithms: [gd]\nfigures: [{title: x}]",
            [f"2:11: figures[0]: kind is missing; known are {', '.join(FIGURES)}"],
        ),
        (
            "algorithms: [gd]\nfigures: [{kind: epochs, titel: x}]",
            ["2:26: figures[0].titel: unknown option of epochs; did you mean 'title'?"],
        ),
        (
            "algorithms: [gd]\nfigures: [epochs, {kind: errors, save_as: Epochs}]",
            [
                (
                    "2:19: figures[1]: saved as 'Epochs', like figures[0] (in line 2, column 11); "
                    "give one of them another `save_as`"
                )
            ],
        ),
        (
            "algorithms: [{name: gd, label: A b}, {name: rprop, label: A-b}]",
            [
                (
                    "1:13: algorithms: two figures would be saved as 'paths-a-b'; "
                    "give labels that differ in more than punctuation"
                )
            ],
        ),
        (
            "algorithms: [gd]\nfigures: [{kind: paths, algorithms: [gd, rporp]}]",
            ["2:37: figures[0].algorithms: 'rporp' is not an algorithm of this experiment"],
        ),
        ("", [" there is nothing in it; `bpviz init` writes a config to start from"]),
        ("# nothing\n", [" there is nothing in it; `bpviz init` writes a config to start from"]),
        ("- gd", ["1:1: a list is not a config: a mapping with algorithms in it"]),
        ("gd", ["1:1: 'gd' is not a config: a mapping with algorithms in it"]),
    ],
)
def test_messages_of_lists_and_of_whole_files(text, messages):
    assert said(refusal(text)) == [f"bad.yaml:{message}" for message in messages]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a:\t1", "1:3: not YAML: a tab; YAML is indented with spaces"),
        (
            "a: b: c",
            (
                "1:5: not YAML: a colon is not expected here; keys of one mapping start in one column, and text "
                "with ': ' in it is quoted"
            ),
        ),
        (
            "a: [1, 2\nb: 3",
            "2:2: not YAML: expected ',' or ']', but got ':' (while parsing a flow sequence that starts in line 1)",
        ),
        ("a: 'x", "1:6: not YAML: the text ends too early: a quote or a bracket is not closed"),
        ("a: @x", "1:4: not YAML: a text that starts with @ stands in quotes"),
        (
            "a: 1\n  b: 2",
            (
                "2:4: not YAML: a colon is not expected here; keys of one mapping start in one column, and text with "
                "': ' in it is quoted"
            ),
        ),
        (
            "a:\n  b: 1\n c: 2",
            (
                "3:2: not YAML: the indentation does not fit the lines above (while parsing a block mapping that "
                "starts in line 1)"
            ),
        ),
        ('a: "\\UFFFFFFFF"', "1:7: not YAML: a number in an escape or a directive is too large"),
        ("%YAML 1." + "9" * 5000 + "\n---\na", "1:9: not YAML: a number in an escape or a directive is too large"),
        ("a: 1\n---\nb: 2", "2:1: a second document starts here; a config is one document"),
        ("<<: {a: 1}", "1:1: merge keys (<<) are not accepted; write the settings out"),
        ("[a, b]: 1", "1:1: a key is a word, not a list or a mapping"),
        ("a: &x 1\n*x : 1", "2:1: a key is a word, not an alias"),
        ("a: &x [*x]", "1:8: the alias *x stands inside what it is a name for"),
        ("a: *x", "1:4: the alias *x has no anchor &x before it"),
        (
            "a: !!python/name:os.system x",
            "1:4: the tag '!!python/name:os.system' is not accepted; write the value alone",
        ),
        ("a: !foo {b: 1}", "1:4: the tag '!foo' is not accepted; write the value alone"),
        ("a: b\x07c", "1:5: the character U+0007 cannot stand in YAML"),
    ],
)
def test_what_is_not_yaml_here_is_the_only_mistake(text, message):
    assert said(refusal("\n" + text)) == ["bad.yaml:" + _one_line_down(message)]


def _one_line_down(message: str) -> str:
    line, _, rest = message.partition(":")
    rest = rest.replace("that starts in line 1", "that starts in line 2")
    return f"{int(line) + 1}:{rest}"


def test_bytes_that_are_not_utf8_are_shown_with_their_place():
    assert str(refusal("title: é\nstart: caf".encode() + b"\xe9")) == (
        "bad.yaml:2:11: invalid UTF-8 byte 0xe9; save the file as UTF-8\n    start: café\n              ^"
    )
    assert said(refusal("title: x".encode("utf-16"))) == ["bad.yaml: encoded as UTF-16; save the file as UTF-8"]


def test_files_that_cannot_be_read(tmp_path):
    large = tmp_path / "large.yaml"
    large.write_bytes(b"#" * (config.LARGEST + 1))
    for path, reason in (
        (tmp_path / "none.yaml", "no such file"),
        (tmp_path, "expected a file, got a folder"),
        (large, "file too large (limit 256 KiB)"),
        (Path("a\0b"), "cannot be read: embedded null byte"),
        (tmp_path / ("x" * 300), "cannot be read: File name too long"),
    ):
        with pytest.raises(ConfigError) as caught:
            config.load(path)
        assert caught.value.mistakes == (Mistake(str(path), 0, 0, "", reason),)
    assert str(caught.value) == f"{path}: {reason}"
    assert said(refusal(b"#" * (config.LARGEST + 1))) == ["bad.yaml: file too large (limit 256 KiB)"]


# -- how a mistake is shown --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "column", "shown"),
    [
        ("\tstep: 1", 8, "     step: 1\n           ^"),  # a tab as one space
        ("日本: 1", 5, "    日本: 1\n          ^"),  # two columns each
        ("e\u0301: 1", 5, "    e\u0301: 1\n       ^"),  # an accent of its own
        ("a\x1b[31m: 1", 9, "    a\ufffd[31m: 1\n            ^"),  # a terminal's orders are not passed on
        ("x" * 500, 300, "    ..." + "x" * 96 + "...\n" + " " * (7 + 64) + "^"),
        ("x" * 97, 1, "    " + "x" * 96 + "...\n    ^"),
        ("", 1, None),
        ("abc", 0, "    abc"),
    ],
)
def test_the_caret_stands_under_the_place(line, column, shown):
    mistake = Mistake("a.yaml", 2, column, "x", "wrong", line)
    place = f"a.yaml:2:{column}" if column else "a.yaml:2"
    assert str(mistake) == "\n".join([f"{place}: x: wrong", *([shown] if shown else [])])


def test_an_error_keeps_its_mistakes_and_shows_the_first_forty():
    error = ConfigError([Mistake("a.yaml", i, 1, "", f"wrong {i}") for i in range(1, 44)])
    assert len(error.mistakes) == 43
    assert str(error).splitlines()[-2:] == ["a.yaml:40:1: wrong 40", "... and 3 more"]
    assert pickle.loads(pickle.dumps(error)).mistakes == error.mistakes


def test_a_path_is_one_safe_line():
    error = refusal('"a\\nb\\e[1m": 1\nalgorithms: [gd]')
    assert error.mistakes[0].path == r"'a\nb\x1b[1m'"
    assert str(Mistake("a\nb\x1b.yaml", 0, 0, "", "wrong")) == "a\ufffdb\ufffd.yaml: wrong"


# -- over what is declared ---------------------------------------------------------------------------------------------


def declared(registry: Registry) -> list[tuple[str, declare.Field]]:
    return [(name, field) for name, thing in registry.items() for field in declare.fields(thing).values()]


def _ids(value: object) -> str:
    return value.name if isinstance(value, declare.Field) else str(value)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_setting_refuses_a_bad_value_at_its_place(name):
    for field in declare.fields(OPTIMIZERS[name]).values():
        bad = field.domain.bad()
        text, complaint = json.dumps(bad, default=str), field.complaint(bad)
        if isinstance(bad, float) and math.isnan(bad):
            text, complaint = ".nan", f".nan is not a finite number ({field.meaning})"
        error = refusal(f"figures: []\nalgorithms:\n- name: {name}\n  {field.name}: {text}")
        column = len(field.name) + 5
        assert said(error) == [f"bad.yaml:4:{column}: algorithms[0].{field.name}: {complaint}"]


@pytest.mark.parametrize(("kind", "field"), declared(FIGURES), ids=_ids)
def test_every_option_refuses_a_bad_value_at_its_place(kind, field):
    bad = json.dumps(field.domain.bad(), default=str)
    error = refusal(f"algorithms: [gd]\nfigures:\n- kind: {kind}\n  {field.name}: {bad}")
    assert {(m.line, m.path.split("[1")[0]) for m in error.mistakes} == {(4, f"figures[0].{field.name}")}


@pytest.mark.parametrize("field", declare.fields(Perceptron).values(), ids=_ids)
def test_every_part_of_a_network_refuses_a_bad_value_at_its_place(field):
    bad = field.domain.bad()
    error = refusal(f"{GD}network:\n  {field.name}: {json.dumps(bad)}")
    assert [(m.line, m.path) for m in error.mistakes] == [(4, f"network.{field.name}")]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_synonyms_of_algorithms_are_suggested(name):
    for synonym in OPTIMIZERS[name].synonyms:
        assert refusal(f"algorithms: [{synonym}]").mistakes[0].message.endswith(f"did you mean {name!r}?")


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_lr_means_step_wherever_there_is_one(name):
    (mistake,) = refusal(f"algorithms: [{{name: {name}, learning_rate: 1}}]\nfigures: []").mistakes
    assert ("did you mean 'step'?" in mistake.message) == ("step" in declare.fields(OPTIMIZERS[name]))


@pytest.fixture
def fresh_registry(monkeypatch):
    """Let a test register optimizers of its own."""
    OPTIMIZERS["gd"]
    monkeypatch.setattr(OPTIMIZERS, "_things", dict(OPTIMIZERS.items()))


@pytest.mark.usefixtures("fresh_registry")
def test_an_algorithm_that_asks_what_the_problem_does_not_have_is_refused():
    @optimizer("needy", label="Needy", needs="residuals jacobian", source="this test")
    class Needy:
        step: float = hyper(1.0, "(0, inf)", "step size")

        def begin(self, w, f):
            return ()

        def advance(self, w, state, f):
            return w, state

    assert read("algorithms: [needy]\nfigures: []").algorithms[0].label == "Needy"
    assert said(refusal("algorithms: [gd, needy]\nnetwork: {loss: mae}\nfigures: []")) == [
        "bad.yaml:1:18: algorithms[1]: needy needs residuals and jacobian, which this perceptron does not have"
    ]


# -- CSV ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def csv_config(tmp_path):
    """Write a CSV file and return a function that reads a config beside it."""

    def read_csv(data: str | bytes, options: str = "") -> Experiment:
        (tmp_path / "points.csv").write_bytes(data if isinstance(data, bytes) else data.encode())
        (tmp_path / "try.yaml").write_text(f"{GD}dataset: {{csv: points.csv{options}}}")
        return config.load(tmp_path / "try.yaml")

    return read_csv


def test_csv_columns_by_default_and_by_name(csv_config):
    data = '\ufeffheight, width ,kind\r\n1.5,2,0\r\n\r\n"3", 1e-1 ,1\r\n'
    dataset = csv_config(data).problem.dataset
    assert (dataset.features, dataset.targets) == (((1.5, 2.0), (3.0, 0.1)), (0.0, 1.0))
    assert dataset.feature_names == ("height", "width")
    dataset = csv_config(data, ", features: [kind], target: height").problem.dataset
    assert (dataset.features, dataset.targets, dataset.feature_names) == (((0.0,), (1.0,)), (1.5, 3.0), ("kind",))
    assert csv_config(data, ", target: height").problem.dataset.feature_names == ("width", "kind")


CSV = "a,b,y\n1,2,0\n"


@pytest.mark.parametrize(
    ("data", "options", "messages"),
    [
        (
            CSV + "1,two,0\n1,,\n",
            "",
            [
                "points.csv:3:3: row 2, column 'b': 'two' is not a number\n    1,two,0\n      ^",
                "points.csv:4:3: row 3, column 'b': the cell is empty\n    1,,\n      ^",
                "points.csv:4:4: row 3, column 'y': the cell is empty\n    1,,\n       ^",
            ],
        ),
        (CSV + '1,"two",0\n', "", ["points.csv:3: row 2, column 'b': 'two' is not a number\n    1,\"two\",0"]),
        (
            CSV + "nan,.inf,1e999\n",
            "",
            [
                "points.csv:3:1: row 2, column 'a': 'nan' is not a number\n    nan,.inf,1e999\n    ^",
                "points.csv:3:5: row 2, column 'b': .inf is not a finite number\n    nan,.inf,1e999\n        ^",
                "points.csv:3:10: row 2, column 'y': 1e999 is not a finite number\n    nan,.inf,1e999\n             ^",
            ],
        ),
        (
            CSV + "1,2\n1,2,3,4\n",
            "",
            [
                "points.csv:3: row 2 has 2 cells, and the first row names 3 columns\n    1,2",
                "points.csv:4: row 3 has 4 cells, and the first row names 3 columns\n    1,2,3,4",
            ],
        ),
        ("a,b\n", "", ["points.csv:1: no rows under the names of the columns\n    a,b"]),
        ("", "", ["points.csv: the file is empty"]),
        ("1,2\n3,4\n", "", ["points.csv:1: the first row has to name the columns, and this one has numbers\n    1,2"]),
        (
            "a;b\n1;2\n",
            "",
            ["points.csv:1: one column alone; the cells of a CSV file are separated by commas\n    a;b"],
        ),
        ("a\n1\n", "", ["points.csv:1: one column alone; there has to be a feature and a target\n    a"]),
        ("a,a,b\n1,2,3\n", "", ["points.csv:1: two columns are named 'a'\n    a,a,b"]),
        ("a,,b\n1,2,3\n", "", ["points.csv:1: the name of column 2: the text is empty\n    a,,b"]),
        (
            "a," * 100_000 + "b",
            "",
            [f"points.csv:1: 100,001 columns, more than the 1,000 that are read\n    {'a,' * 48}..."],
        ),
        (b"a,b\n\xff,1\n", "", ["points.csv:2:1: invalid UTF-8 byte 0xff; save the file as UTF-8\n    ÿ,1\n    ^"]),
        (
            CSV + '1,2,"' + "x" * 200_000,
            "",
            ['points.csv:3: not CSV: field larger than field limit (131072)\n    1,2,"' + "x" * 91 + "..."],
        ),
    ],
)
def test_mistakes_in_a_csv_file_stand_in_that_file(csv_config, tmp_path, data, options, messages):
    with pytest.raises(ConfigError) as caught:
        csv_config(data, options)
    assert [str(mistake).removeprefix(f"{tmp_path}/") for mistake in caught.value.mistakes] == messages


@pytest.mark.parametrize(
    ("options", "messages"),
    [
        (", target: z", ["3:36: dataset.target: no column is named 'z'; there are 'a', 'b' and 'y'"]),
        (", features: [a, bb]", ["3:42: dataset.features[1]: no column is named 'bb'; did you mean 'b'?"]),
        (", features: [a, y]", ["3:42: dataset.features[1]: 'y' is the target"]),
        (", features: [a, a]", ["3:38: dataset.features: a name is given twice"]),
        (
            ", features: [a, a, bb, y], target: y",
            [
                "3:38: dataset.features: a name is given twice",
                "3:45: dataset.features[2]: no column is named 'bb'; did you mean 'b'?",
                "3:49: dataset.features[3]: 'y' is the target",
            ],
        ),
        (", feature: [a]", ["3:28: dataset.feature: unknown key; did you mean 'features'?"]),
        (
            ", target: 3",
            ["3:36: dataset.target: 3 is not text; write '3', in quotes (column that the network is to predict)"],
        ),
    ],
)
def test_columns_that_are_not_there_are_mistakes_of_the_config(csv_config, tmp_path, options, messages):
    with pytest.raises(ConfigError) as caught:
        csv_config(CSV, options)
    assert said(caught.value) == [f"{tmp_path}/try.yaml:{message}" for message in messages]


def test_a_csv_file_that_cannot_be_read(tmp_path):
    (tmp_path / "large.csv").write_bytes(b"#" * (10 * 1024**2 + 1))
    for name, reason in (
        ("none.csv", "no such file"),
        (".", "expected a file, got a folder"),
        ("large.csv", "file too large (limit 10240 KiB)"),
    ):
        error = refusal(f"{GD}dataset: {{csv: {name}}}", folder=tmp_path)
        assert said(error) == [f"bad.yaml:3:16: dataset.csv: {tmp_path / name}: {reason}"]


def test_a_csv_file_full_of_text_is_not_told_cell_by_cell(csv_config):
    with pytest.raises(ConfigError) as caught:
        csv_config("a,b\n" + "x,y\n" * 1000)
    assert len(caught.value.mistakes) == 20


# -- overrides ---------------------------------------------------------------------------------------------------------


def test_overrides_are_read_like_the_config():
    experiment = read(
        "algorithms: [gd, {name: rprop, step: 3}]\nfigures: []\nstart: [0, 0]",
        *[
            "algorithms.0.step=1e-1",
            "algorithms[1].step=.5",
            "error_threshold=null",
            "start=[1, 2]",
            "network.activation=tanh",
        ],
        *["title=a = b", "max_epochs=", "max_epochs=7"],
    )
    assert [algorithm.optimizer.step for algorithm in experiment.algorithms] == [0.1, 0.5]
    assert (experiment.error_threshold, experiment.starts, experiment.title) == (None, ((1.0, 2.0),), "a = b")
    assert (experiment.problem.activation, experiment.max_epochs) == ("tanh", 7)


def test_an_override_leaves_other_users_of_an_alias_alone():
    experiment = read(
        "algorithms: [&a {name: gd, step: 1}, {name: rprop}]\nfigures: []\nstart: &b [1, 2]\n", "algorithms.0.step=2"
    )
    assert experiment.algorithms[0].optimizer.step == 2.0
    starts = read("algorithms: [gd]\nfigures: []\nstart: [&b [1, 2], *b]", "start.0.1=9").starts
    assert starts == ((1.0, 9.0), (1.0, 2.0))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("algorithms.0.momentum=1", f"algorithms[0].momentum: 1 is not in [0, 1) {KEPT}"),
        ("algorithms.0.momentun=1", "algorithms[0].momentun: unknown setting of momentum; did you mean 'momentum'?"),
        ("algorithms.1.step=1", "algorithms: '1' is not the number of an entry; there are 0 to 0"),
        ("algorithms.x.step=1", "algorithms: 'x' is not the number of an entry; there are 0 to 0"),
        ("algorithms.²=1", "algorithms: '²' is not the number of an entry; there are 0 to 0"),
        ("figures.0.title=1", "figures: '0' is not the number of an entry; there are none, it is empty"),
        ("algorithm.0.step=1", "algorithm: the config has no such list; did you mean 'algorithms'?"),
        ("start.0=1", "start: the config has no such list"),
        ("error_treshold=1", "error_treshold: unknown key; did you mean 'error_threshold'?"),
        ("error_threshold=-1", f"error_threshold: -1 is not in [0, inf) {ERROR}"),
        (
            "error_threshold='1'",
            f"error_threshold: '1' is not a number in [0, inf); it is quoted: write 1 without the quotes {ERROR}",
        ),
        ("max_epochs.x=1", "max_epochs: 100 has no part 'x'"),
        ("title=@", "not YAML: a text that starts with @ stands in quotes"),
        ("title={a: 1, a: 2}", "a: repeated key; it is given first by --set title={a: 1, a: 2}"),
        ("step", "write key=value, for instance error_threshold=0.1 or algorithms.0.step=0.1"),
        ("=1", "write key=value, for instance error_threshold=0.1 or algorithms.0.step=0.1"),
        ("a..b=1", "write key=value, for instance error_threshold=0.1 or algorithms.0.step=0.1"),
        (".".join("a" * 11) + "=1", "write key=value, for instance error_threshold=0.1 or algorithms.0.step=0.1"),
    ],
)
def test_mistakes_in_an_override_are_placed_by_it(override, message):
    error = refusal("algorithms: [momentum]\nfigures: []\nmax_epochs: 100", override)
    assert str(error).splitlines()[0] == f"--set {override}: {message}"


def test_mistakes_of_the_file_come_before_those_of_overrides():
    error = refusal("algorithms: [momentum]\nfigures: []\nmax_epochs: 0", "algorithms.0.step=0", "start=[1]")
    assert [m.file for m in error.mistakes] == ["bad.yaml", "--set start=[1]", "--set algorithms.0.step=0"]


# -- compare -----------------------------------------------------------------------------------------------------------


def test_parts_make_the_published_experiment():
    experiment = config.from_parts(["gd", "momentum"])
    assert experiment == Experiment(
        "compare",
        "Gradient descent and Momentum",
        Perceptron(),
        ((-4.0, -4.0),),
        0.125,
        1000,
        (config.Algorithm("Gradient descent", GradientDescent()), config.Algorithm("Momentum", Momentum())),
        (),
    )


def test_parts_are_read_like_a_config():
    experiment = config.from_parts(
        ["gd:step=1e1", "momentum: step = .1, momentum=0.95, label=Heavy ball"],
        start=["3", "-.5"],
        error_threshold="null",
        max_epochs="5000",
    )
    assert experiment.starts == ((3.0, -0.5),)
    assert (experiment.error_threshold, experiment.max_epochs) == (None, 5000)
    assert experiment.algorithms == (
        config.Algorithm("Gradient descent", GradientDescent(step=10.0)),
        config.Algorithm("Heavy ball", Momentum(step=0.1, momentum=0.95)),
    )


def test_algorithms_of_one_label_are_told_apart_by_what_differs():
    experiment = config.from_parts(["momentum", "momentum:step=10", "gd", "momentum:momentum=0.123456789"])
    assert [algorithm.label for algorithm in experiment.algorithms] == [
        "Momentum (step 0.3, momentum 0.9)",
        "Momentum (step 10, momentum 0.9)",
        "Gradient descent",
        "Momentum (step 0.3, momentum 0.123456789)",
    ]


@pytest.mark.parametrize(
    ("algorithms", "options", "messages"),
    [
        (["gd:stepp=10"], {}, ["gd:stepp=10: stepp: unknown setting of gd; did you mean 'step'?"]),
        (["momentum:momentum=1"], {}, [f"momentum:momentum=1: momentum: 1 is not in [0, 1) {KEPT}"]),
        (["adma", "gd"], {}, ["adma: 'adma' is not the name of an algorithm; did you mean 'adam'?"]),
        (
            ["rprop:min_step=3,max_step=1"],
            {},
            ["rprop:min_step=3,max_step=1: min_step: 3 is greater than max_step (1)"],
        ),
        (["gd:"], {}, ["gd:: '' is not key=value; an example is momentum:step=0.1,momentum=0.95"]),
        (
            ["gd:step=1,step=2"],
            {},
            ["gd:step=1,step=2: 'step' is given twice; an example is momentum:step=0.1,momentum=0.95"],
        ),
        (["gd", "gd:step=0.3"], {}, ["gd:step=0.3: a second 'Gradient descent'; change a setting or give it a label"]),
        ([], {}, ["compare: give at least one algorithm"]),
        (["gd"], {"start": ["3"]}, ["--start 3: start: 1 number, and the perceptron has 2 weights: w1, w2"]),
        (["gd"], {"start": ["3", "x"]}, [f"--start 3 x: start[1]: 'x' is not a number {START}"]),
        (
            ["gd"],
            {"error_threshold": ".nan"},
            [f"--error-threshold .nan: error_threshold: .nan is not a finite number {ERROR}"],
        ),
        (
            ["gd"],
            {"max_epochs": "0"},
            [f"--max-epochs 0: max_epochs: 0 is not in [1, inf) {EPOCHS}"],
        ),
    ],
)
def test_mistakes_in_parts_are_placed_by_their_argument(algorithms, options, messages):
    with pytest.raises(ConfigError) as caught:
        config.from_parts(algorithms, **options)
    assert [str(mistake) for mistake in caught.value.mistakes] == messages


# -- what is derived ---------------------------------------------------------------------------------------------------


GOOD = {
    "short": "algorithms: [gd]",
    "every algorithm": "algorithms: [" + ", ".join(OPTIMIZERS) + "]",
    "every figure": "algorithms: [gd, rprop]\nfigures: [" + ", ".join(FIGURES) + "]",
    "rows": "dataset: [[1, 0], [0.1, 1]]\nalgorithms: [gd]\nfigures: []",
    "named rows": """
        dataset: {rows: [[1, 2, 0]], features: [a, b]}
        start: [[1, 2], [0.0000001, 3.0e+300]]
        algorithms: [gd]
    """,
    "settings": """
        title: "yes: a title"
        network: {activation: sigmoid, bias: true, loss: cross-entropy}
        error_threshold: null
        algorithms:
          - {name: adam, step: 0.1, beta1: 0, label: "no"}
          - {name: momentum, momentum: 0.999}
        figures:
          - {kind: paths, algorithms: [momentum], epochs: [11, 14], number_epochs: true, x: [-1, 0.001], save_as: a.b}
    """,
    "function": "problem: six-hump-camel\nerror_threshold: 0.1\nalgorithms: [gd]",
    "settings of a function": "problem: {name: quadratic, angle: -20}\ngradient_threshold: 0.1\nalgorithms: [gd]",
    "penalty": "network: {bias: true}\npenalty: {l1: 0.1, l2: 0.25}\nalgorithms: [gd]",
    "expectations": """
        algorithms: [gd, {name: gd, step: 10, label: fast}, rprop]
        expect:
          gd: {epochs: {at_least: 20, at_most: 900}, error: {below: 0.2}}
          fast: {epochs: 25, ending: reached}
          RPROP: {evaluations: 20}
    """,
    "penalty on a function": "problem: rosenbrock\npenalty: {l2: 1}\nerror_threshold: null\nalgorithms: [gd]",
}


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_the_resolved_config_gives_the_same_experiment(text):
    experiment = read(text)
    resolved = config.resolved(experiment)
    apart = {"problem"} if "network" in resolved else {"dataset", "network"}
    assert set(resolved) | {"penalty", "expect"} == {row[0] for row in config.keys_table()} - apart
    assert pickle.loads(pickle.dumps(experiment)) == experiment
    for written in (json.dumps(resolved), yaml.safe_dump(resolved, allow_unicode=True)):
        again = read(written)
        assert again == experiment
        assert config.resolved(again) == resolved


def test_the_resolved_config_says_every_default():
    resolved = config.resolved(read("algorithms: [gd]\nfigures: [epochs]"))
    assert resolved == {
        "title": "try",
        "dataset": "six-points",
        "network": {"activation": "sigmoid", "bias": False, "loss": "mse"},
        "start": [-4.0, -4.0],
        "error_threshold": 0.125,
        "gradient_threshold": None,
        "max_epochs": 1000,
        "algorithms": [{"name": "gd", "label": "Gradient descent", "step": 0.3}],
        "figures": [{"kind": "epochs", "save_as": None, "title": None, "algorithms": None}],
    }


@pytest.fixture(scope="module")
def validator():
    schema = json.loads(json.dumps(config.schema()))
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_the_schema_accepts_what_the_reader_accepts(validator, text):
    for data in (config.resolved(read(text)), json.loads(json.dumps(config.resolved(read(text))))):
        validator.validate(json.loads(json.dumps(data)))
    validator.validate(yaml.safe_load(text))


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"algorithms": []},
        {"algorithms": ["adma"]},
        {"algorithms": [{"step": 1}]},
        {"algorithms": [{"name": "gd", "momentum": 0.9}]},  # a setting of another rule
        {"algorithms": [{"name": "momentum", "momentum": 1}]},
        {"algorithms": ["gd"], "figures": ["bars"]},
        {"algorithms": ["gd"], "figures": [{"kind": "paths", "save_as": "../x"}]},
        {"algorithms": ["gd"], "step": 1},
        {"algorithms": ["gd"], "start": "(-4, -4)"},
        {"algorithms": ["gd"], "start": [[1, 2], 3]},
        {"algorithms": ["gd"], "dataset": "mnist"},
        {"algorithms": ["gd"], "dataset": [[1]]},
        {"algorithms": ["gd"], "dataset": {"csv": "a.csv", "rows": [[1, 2]]}},
        {"algorithms": ["gd"], "dataset": {"features": ["a"]}},
        {"algorithms": ["gd"], "network": {"bias": "no"}},
        {"algorithms": ["gd"], "error_threshold": -1},
        {"algorithms": ["gd"], "max_epochs": 1.5},
    ],
    ids=json.dumps,
)
def test_the_schema_refuses_what_the_reader_refuses(validator, bad):
    assert not validator.is_valid(bad)
    refusal(json.dumps(bad))


def test_the_table_of_keys_is_what_the_schema_has(validator):
    rows = config.keys_table()
    assert [row[0] for row in rows] == list(config.schema()["properties"])
    assert all(takes and meaning for _, _, takes, meaning in rows)
    defaults = {key: yaml.safe_load(default) for key, default, _, _ in rows if default}
    validator.validate({**defaults, "algorithms": ["gd"]})
    assert read(yaml.safe_dump({**defaults, "algorithms": ["gd"]})) == read("algorithms: [gd]")


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_problem_brings_its_start_and_its_threshold(name):
    experiment = read(f"problem: {name}\nalgorithms: [gd]")
    problem = PROBLEMS[name]()
    assert experiment.problem == problem
    assert experiment.starts == (problem.start,)
    assert experiment.error_threshold == problem.threshold
    assert config.resolved(experiment) == config.resolved(read(json.dumps(config.resolved(experiment))))


def test_a_threshold_is_a_distance_from_the_lowest_known_error():
    experiment = read("problem: six-hump-camel\nerror_threshold: 0.25\nalgorithms: [gd]")
    assert experiment.error_to_reach == -1.0316284534898774 + 0.25  # Dixon & Szegö 1978, to 16 digits
    assert read("problem: saddle\nerror_threshold: -3\nalgorithms: [gd]").error_to_reach == -3
    assert read("problem: saddle\nerror_threshold: null\nalgorithms: [gd]").error_to_reach is None


def test_a_penalty_of_nothing_is_none():
    assert read("penalty: {l1: 0}\nalgorithms: [gd]") == read("algorithms: [gd]")


# -- costs -------------------------------------------------------------------------------------------------------------


def in_new_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", dedent(code)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_reading_a_config_imports_neither_numpy_nor_matplotlib_nor_rich():
    loaded = in_new_python("""
        import sys
        from pathlib import Path
        from bpviz import config
        data = b"algorithms: [gd, rprop]"
        experiment = config.loads(data, "x", Path())
        config.resolved(experiment), config.schema(), config.keys_table(), config.from_parts(["gd"])
        print([name for name in ("numpy", "matplotlib", "rich", "csv") if name in sys.modules])
    """)
    assert loaded == "[]\n"


def test_a_comparison_does_not_import_yaml():
    assert in_new_python(
        "import sys; from bpviz.config import from_parts; from_parts(['gd']); print('yaml' in sys.modules)"
    ) == ("False\n")


def _chain(length: int, users: int, entry: str) -> bytes:
    """Return anchors that each use the one before."""
    lines = [f"a{i}: &a{i} " + entry.format(", ".join([f"*a{i - 1}"] * users)) for i in range(1, length)]
    return "\n".join(["a0: &a0 {x: 1}", *lines]).encode()


BOMBS = {
    "a file of 10 MB": (b"#" * 10_000_000, "file too large (limit 256 KiB)"),
    "30,000 brackets": (b"[" * 30_000, "nested more than 32 levels deep"),
    "30,000 dashes": (b"- " * 30_000, "nested more than 32 levels deep"),
    "30,000 braces": (b"{a: " * 30_000, "nested more than 32 levels deep"),
    "nine aliases of nine aliases": (
        _chain(30, 9, "[{}]"),
        "more than 100,000 values; large data belongs in a CSV file",
    ),
    "a chain of aliases": (_chain(900, 1, "[{}]"), "nested more than 32 levels deep"),
    "merge keys in merge keys": (
        _chain(9, 9, "{{<<: [{}]}}"),
        "merge keys (<<) are not accepted; write the settings out",
    ),
}


@pytest.mark.parametrize(("data", "message"), BOMBS.values(), ids=BOMBS)
def test_bombs_are_refused_quickly_and_in_little_memory(tmp_path, data, message):
    file = tmp_path / "bomb.yaml"
    file.write_bytes(data)

    def refused() -> None:
        with pytest.raises(ConfigError) as caught:
            config.load(file)
        assert [mistake.message for mistake in caught.value.mistakes] == [message]

    clock = time.process_time()
    refused()
    # The slowest, the brackets, takes 0.2 s, and more under coverage on a busy machine; unguarded, bombs take minutes.
    assert time.process_time() - clock < 5
    tracemalloc.start()  # makes everything slower, so in a second attempt
    try:
        refused()
        assert tracemalloc.get_traced_memory()[1] < 10e6  # each takes 1 MB, into which the file is read
    finally:
        tracemalloc.stop()
