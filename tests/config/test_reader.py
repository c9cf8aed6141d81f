"""Test the config reader: experiments it returns, and the complete message of every mistake."""

from __future__ import annotations

import json
import math
import pickle
import re
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
EPOCHS = "(maximum number of epochs)"


def read(text: str, *overrides: str, folder: Path = Path(), name: str = "try") -> Experiment:
    return config.loads(dedent(text).encode(), "bad.yaml", folder, overrides, name)


def rejection(text: str | bytes, *overrides: str, folder: Path = Path()) -> ConfigError:
    data = text if isinstance(text, bytes) else dedent(text).encode()
    with pytest.raises(ConfigError) as caught:
        config.loads(data, "bad.yaml", folder, overrides)
    return caught.value


def first_lines(error: ConfigError) -> list[str]:
    """Return the messages without the lines of the config that they show."""
    return [str(mistake).split("\n", maxsplit=1)[0] for mistake in error.mistakes]


# -- experiments -------------------------------------------------------------------------------------------------------


def test_defaults_give_the_published_experiment():
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


def test_reads_every_key():
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


def test_default_start_has_one_number_per_weight():
    assert read("algorithms: [gd]\nnetwork: {bias: true}\nfigures: []").starts == ((-4.0, -4.0, -4.0),)
    assert read("algorithms: [gd]\ndataset: [[1, 2]]\nfigures: []").starts == ((-4.0,),)


def test_default_figures_are_those_of_every_kind():
    experiment = read("algorithms: [gd, rprop]")
    labels = [algorithm.label for algorithm in experiment.algorithms]
    assert list(experiment.figures) == [
        f for _, kind in FIGURES.items() for f in kind.defaults(experiment.problem, labels)
    ]


def test_reads_aliases():
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
def test_experiment_name_is_the_file_name_with_invalid_characters_replaced(tmp_path, stem, name):
    file = tmp_path / f"{stem}.yaml"
    file.write_bytes(b"\xef\xbb\xbfalgorithms: [gd]\nfigures: []")  # with a byte order mark
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
def test_scalars_follow_yaml_1_2(text, value):
    assert scalar(text) == value
    assert type(scalar(text)) is type(value)


def test_scalar_nan():
    assert math.isnan(scalar(".nan"))
    assert math.isnan(scalar(".NaN"))


# -- mistakes ----------------------------------------------------------------------------------------------------------


def test_message_shows_place_and_line():
    text = "\n" * 13 + "algorithms: [{momentum:  1, name: momentum}]"
    assert str(rejection(text)) == (
        f"bad.yaml:14:26: algorithms[0].momentum: expected a number in [0, 1), got 1 {KEPT}\n"
        "    algorithms: [{momentum:  1, name: momentum}]\n"
        "                             ^"
    )


def test_reports_all_mistakes_in_the_order_of_the_file():
    error = rejection(
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
    assert first_lines(error) == [
        "bad.yaml:1:1: algoritms: unknown key; did you mean 'algorithms'?",
        (
            "bad.yaml:3:23: network.activation: expected sigmoid, tanh, relu, softplus or linear, got 'sigmoyd' "
            "(activation function a, applied to the weighted sum); did you mean 'sigmoid'?"
        ),
        (
            "bad.yaml:3:38: network.bias: expected true or false, got 'no' (whether to add a bias to the "
            "weighted sum, as one more weight); use false"
        ),
        f"bad.yaml:4:13: max_epochs: expected an integer in [1, inf), got 0.5 {EPOCHS}",
        f"bad.yaml:6:32: algorithms[0].momentum: expected a number in [0, 1), got 1 {KEPT}",
        "bad.yaml:6:35: algorithms[0].momentum: duplicate key (first given in line 6, column 22)",
        "bad.yaml:6:48: algorithms[0].lr: unknown setting of momentum; did you mean 'step'?",
        "bad.yaml:7:12: algorithms[1].name: unknown algorithm 'adma'; did you mean 'adam'?",
        "bad.yaml:8:31: algorithms[2].min_step: 2 is greater than max_step (1)",
        "bad.yaml:10:12: figures[0].kind: unknown figure 'path'; did you mean 'paths'?",
        (
            "bad.yaml:11:28: figures[1].save_as: expected a file name (letters, digits, spaces and . + = - _), "
            "got '../x' (file name without suffix)"
        ),
        (
            "bad.yaml:11:42: figures[1].epochs: expected a list of 2 integers in [1, inf), got a list of 1 (first "
            "and last epoch shown as arrows)"
        ),
    ]


def test_checks_names_in_figures_and_expectations_although_settings_are_invalid():
    error = rejection(
        """\
        algorithms:
          - {name: gd, step: 0}
          - {name: adam, step: -1, label: Mine}
          - {name: rprop, lable: x, label: Mine}
        figures:
          - {kind: paths, algorithms: [gdd], weights: [w1, w1], epochs: [5, 2]}
          - {kind: paths, algorithms: [Mine, adam, Gradient descent], weights: [w1, w9], levels: 1, save_as: other}
          - {kind: surface, weights: [w9, w1], elevation: 91}
        expect: {Mined: {epochs: 3}}
        """
    )
    assert [re.split(" \\((?!0, inf)", line)[0] for line in first_lines(error)] == [
        "bad.yaml:2:22: algorithms[0].step: expected a number in (0, inf), got 0",
        "bad.yaml:3:24: algorithms[1].step: expected a number in (0, inf), got -1",
        "bad.yaml:4:5: algorithms[2]: duplicate label 'Mine'",
        "bad.yaml:4:19: algorithms[2].lable: unknown setting of rprop; did you mean 'label'?",
        "bad.yaml:6:31: figures[0].algorithms: unknown algorithm 'gdd'; did you mean 'gd'?",
        "bad.yaml:6:47: figures[0].weights: duplicate weight 'w1'; use two different weights",
        "bad.yaml:6:65: figures[0].epochs: expected first epoch ≤ last epoch, got [5, 2]",
        "bad.yaml:7:72: figures[1].weights: unknown weight 'w9'",
        "bad.yaml:7:90: figures[1].levels: expected an integer in [2, 200], got 1",
        "bad.yaml:8:30: figures[2].weights: unknown weight 'w9'",
        "bad.yaml:8:51: figures[2].elevation: expected a number in [-90, 90], got 91",
        "bad.yaml:9:10: expect.Mined: 'Mined' is not an algorithm of this experiment; did you mean 'Mine'?",
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
def test_skips_checks_of_names_if_the_name_of_an_algorithm_is_unknown(entry):
    text = f"algorithms: [{entry}]\nfigures: [{{kind: paths, algorithms: [adam]}}]\nexpect: {{adam: {{epochs: 3}}}}"
    assert [mistake.line for mistake in rejection(text).mistakes] == [1]


@pytest.mark.parametrize("label", ["[x]", '"two\\nlines"', "null, step: 0", '""'])
def test_skips_default_figures_if_a_label_is_invalid(label):
    assert len(rejection(f"algorithms: [{{name: gd, label: {label}}}]").mistakes) == 1


def test_skips_checks_of_names_if_an_invalid_algorithm_has_wrappers():
    text = "algorithms: [{name: gd, step: 0, with: [clip-norm]}]\nfigures: [{kind: paths, algorithms: ['GD, clipped']}]"
    assert [mistake.line for mistake in rejection(text).mistakes] == [1]


KEYS = (
    "title, problem, dataset, network, penalty, start, error_threshold, gradient_threshold, max_epochs, algorithms, "
    "figures, style, labels, expect"
)
START = "(initial weights of every algorithm)"
ERROR = "(stop when error - known minimum ≤ this value)"
GD = "algorithms: [gd]\nfigures: []\n"
NAMED = "circles, digits, iris, moons, neuron, six-points, spirals or xor"
ONE_SOURCE = "give one of `name` (a built-in dataset), `csv` (path of a file) and `rows` (a list of samples)"
SAMPLE = "(one sample: features, then target)"


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        # numbers
        ("error_threshold: .nan", [f"3:18: error_threshold: expected a finite number, got .nan {ERROR}"]),
        ("error_threshold: 1e400", [f"3:18: error_threshold: expected a finite number, got 1e400 {ERROR}"]),
        ("error_threshold: nan", [f"3:18: error_threshold: expected a number in [0, inf), got 'nan' {ERROR}"]),
        ("error_threshold: true", [f"3:18: error_threshold: expected a number in [0, inf), got true {ERROR}"]),
        ("error_threshold: 0,3", [f"3:18: error_threshold: expected a number in [0, inf), got '0,3' {ERROR}; use 0.3"]),
        (
            "error_threshold: 1_000",
            [f"3:18: error_threshold: expected a number in [0, inf), got '1_000' {ERROR}; use 1000"],
        ),
        ("max_epochs: 1,000", [f"3:13: max_epochs: expected an integer in [1, inf), got '1,000' {EPOCHS}; use 1000"]),
        (
            "max_epochs: 5 // five",
            [f"3:13: max_epochs: expected an integer in [1, inf), got '5 // five' {EPOCHS}; use 5"],
        ),
        (
            "error_threshold: None",
            [f"3:18: error_threshold: expected a number in [0, inf), got 'None' {ERROR}; use null"],
        ),
        (
            "error_threshold: '1e-3'",
            [
                f"3:18: error_threshold: expected a number in [0, inf), got '1e-3' {ERROR}; remove the quotes: 1e-3",
            ],
        ),
        ("error_threshold: [1]", [f"3:18: error_threshold: expected a number in [0, inf), got a list {ERROR}"]),
        (
            "title: 2024",
            ["3:8: title: expected a string, got 2024 (title of tables, and above every figure); add quotes: '2024'"],
        ),
        # starts
        (
            "start: (-4, -4)",
            [f"3:8: start: expected a list of 1 or more numbers, got '(-4, -4)' {START}; use [-4, -4]"],
        ),
        ("start: -4 -4", [f"3:8: start: expected a list of 1 or more numbers, got '-4 -4' {START}; use [-4, -4]"]),
        ("start: [-4 -4]", [f"3:9: start[0]: expected a number, got '-4 -4' {START}; use -4, -4"]),
        ("start: [-4; −4]", [f"3:9: start[0]: expected a number, got '-4; −4' {START}; use -4, -4"]),
        (
            "start: (−4, –4)",
            [f"3:8: start: expected a list of 1 or more numbers, got '(−4, –4)' {START}; use [-4, -4]"],
        ),
        (
            "start: {w1: -4, w2: 2}",
            [f"3:8: start: expected a list of 1 or more numbers, got a mapping {START}; use [-4, 2]"],
        ),
        ("start: 3", [f"3:8: start: expected a list of 1 or more numbers, got 3 {START}"]),
        ("start: []", [f"3:8: start: expected a list of 1 or more numbers, got a list of 0 {START}"]),
        ("start: [1, x]", [f"3:12: start[1]: expected a number, got 'x' {START}"]),
        ("start: [1, -.inf]", [f"3:12: start[1]: expected a finite number, got -.inf {START}"]),
        ("start: [1]", ["3:8: start: expected 2 numbers, one per weight (w1, w2), got 1"]),
        ("start: [[1, 2], [1, 2, 3]]", ["3:17: start[1]: expected 2 numbers, one per weight (w1, w2), got 3"]),
        ("start: [[1, 2], 3]", [f"3:17: start[1]: expected a list of 1 or more numbers, got 3 {START}"]),
        (
            "start: [1, 2]\nnetwork: {bias: true}",
            ["3:8: start: expected 3 numbers, one per weight (w1, w2, b), got 2"],
        ),
        # networks
        ("network: sigmoid", ["3:10: network: expected a mapping of activation, bias and loss, got 'sigmoid'"]),
        ("network: {cost: mse}", ["3:11: network.cost: unknown key; did you mean 'loss'?"]),
        (
            "network: {loss: cross-entropy, activation: tanh}",
            ["3:17: network.loss: cross-entropy requires activation sigmoid (got tanh)"],
        ),
        (
            "network: {loss: cross-entropy}\ndataset: [[1, -1], [2, 1]]",
            [("3:17: network.loss: cross-entropy requires targets in [0, 1] (1 of 2 is outside); use targets 0 and 1")],
        ),
        # datasets
        ("dataset: six-point", ["3:10: dataset: unknown dataset 'six-point'; did you mean 'six-points'?"]),
        ("dataset: mnist", ["3:10: dataset: unknown dataset 'mnist'; did you mean 'digits'?"]),
        ("dataset: wine", [f"3:10: dataset: unknown dataset 'wine'; use {NAMED}, or your own data"]),
        ("dataset: a.csv", ["3:10: dataset: unknown dataset 'a.csv'; use {csv: a.csv} to read a file"]),
        ("dataset:", [f"3:9: dataset: expected the name of a dataset, got null; use {NAMED}, or your own data"]),
        ("dataset: []", ["3:10: dataset: expected a list of samples such as [[0.9, 0.3, 1]], got an empty list"]),
        ("dataset: {}", [f"3:10: dataset: {ONE_SOURCE}"]),
        (
            "dataset: [[1, 2], [1]]",
            [f"3:19: dataset[1]: expected a list of 2 or more numbers, got a list of 1 {SAMPLE}"],
        ),
        ("dataset: [[1, 2], [1, 2, 3]]", ["3:19: dataset[1]: expected 2 numbers, as in the rows above, got 3"]),
        (
            "dataset: [[1, 2], [.nan, x]]",
            [
                f"3:20: dataset[1][0]: expected a finite number, got .nan {SAMPLE}",
                f"3:26: dataset[1][1]: expected a number, got 'x' {SAMPLE}",
            ],
        ),
        (
            "dataset: {rows: [[1, 2, 3]], features: [a]}",
            ["3:17: dataset.rows: expected 2 feature names, one per column before the target, got 1"],
        ),
        ("dataset: {rows: [[1, 2, 3]], features: [a, a]}", ["3:40: dataset.features: duplicate name 'a'"]),
        (
            "dataset: {rows: [[1, 2]], target: a}",
            ["3:27: dataset.target: unknown key; use one of features, classes, scale, rows"],
        ),
        # problems, penalties and thresholds
        ("problem: rosenbrok", ["3:10: problem: unknown problem 'rosenbrok'; did you mean 'rosenbrock'?"]),
        ("problem: [beale]", ["3:10: problem: expected a name or a mapping with a name, got a list"]),
        (
            "problem: {name: rosenbrock, b: 0, c: 1}",
            [
                "3:32: problem.b: expected a number in (0, inf), got 0 (steepness of the walls)",
                "3:35: problem.c: unknown setting of rosenbrock; use one of name, a, b",
            ],
        ),
        (
            "problem: beale\ndataset: six-points\nnetwork: {bias: true}",
            [
                "4:1: dataset: give either `problem` or `dataset` and `network`, not both",
                "5:1: network: give either `problem` or `dataset` and `network`, not both",
            ],
        ),
        (
            "problem: beale\nstart: [1, 2, 3]",
            ["4:8: start: expected 2 numbers, one per weight (x, y), got 3"],
        ),
        ("penalty: 0.1", ["3:10: penalty: expected a mapping of l1 and l2, got 0.1"]),
        (
            "penalty: {l1: -1, l3: 0}",
            [
                "3:15: penalty.l1: expected a number in [0, inf), got -1 (weight of the L1 penalty Σ |wᵢ|, λ₁)",
                "3:19: penalty.l3: unknown key; use one of l1, l2",
            ],
        ),
        ("problem: saddle\nerror_threshold: x", [f"4:18: error_threshold: expected a number, got 'x' {ERROR}"]),
        (
            "problem: beale\nerror_threshold: -1",
            [f"4:18: error_threshold: expected a number in [0, inf), got -1 {ERROR}"],
        ),
        (
            "gradient_threshold: 0",
            [
                (
                    "3:21: gradient_threshold: expected a number in (0, inf), got 0 "
                    "(stop when the gradient norm ≤ this value)"
                ),
            ],
        ),
        # expectations
        ("expect: 5", ["3:9: expect: expected a mapping from algorithms to expected results, got 5"]),
        (
            "expect: {gdd: {epochs: 1}}",
            ["3:10: expect.gdd: 'gdd' is not an algorithm of this experiment; did you mean 'gd'?"],
        ),
        (
            "expect: {rprop: {epochs: 1}}",
            [
                ("3:10: expect.rprop: 'rprop' is not an algorithm of this experiment; use 'gd' or 'Gradient descent'"),
            ],
        ),
        (
            "expect: {gd: {epochs: '<5', error: '>.1'}}",
            [
                "3:23: expect.gd.epochs: expected a number or a mapping, got '<5' (epochs of each run); use {below: 5}",
                "3:36: expect.gd.error: expected a number or a mapping, got '>.1' (error of each run); use {above: .1}",
            ],
        ),
        ("expect: {gd: {epochs: {max: 5}}}", ["3:24: expect.gd.epochs.max: unknown bound; did you mean 'at_most'?"]),
        ("expect: {gd: 797}", ["3:14: expect.gd: expected a mapping of epochs, error, evaluations or ending, got 797"]),
        (
            "expect: {gd: {epoch: 1, ending: done}}",
            [
                "3:15: expect.gd.epoch: unknown quantity; did you mean 'epochs'?",
                (
                    "3:33: expect.gd.ending: expected reached, level, diverged, exhausted or stuck, got 'done' "
                    "(ending of each run)"
                ),
            ],
        ),
        (
            "expect: {gd: {epochs: {atmost: 5, below: -1}, ending: {below: 3}, error: {}}}",
            [
                "3:24: expect.gd.epochs.atmost: unknown bound; did you mean 'at_most'?",
                "3:42: expect.gd.epochs.below: expected an integer in [0, inf), got -1 (epochs of each run)",
                (
                    "3:55: expect.gd.ending: expected reached, level, diverged, exhausted or stuck, got a mapping "
                    "(ending of each run)"
                ),
                (
                    "3:74: expect.gd.error: expected one or more of exactly, at_most, at_least, below or above, got an "
                    "empty mapping"
                ),
            ],
        ),
        # keys
        ("treshold: 1", ["3:1: treshold: unknown key; did you mean 'error_threshold'?"]),
        ("tol: 1", ["3:1: tol: unknown key; did you mean 'error_threshold'?"]),
        ("iterations: 1", ["3:1: iterations: unknown key; did you mean 'max_epochs'?"]),
        ("lr: 0.1", ["3:1: lr: unknown key; put it into an entry of `algorithms`: {name: ..., step: ...}"]),
        ("with: [cosine]", ["3:1: with: unknown key; put it into an entry of `algorithms`: {name: ..., with: ...}"]),
        ("bias: true", ["3:1: bias: unknown key; put it below `network:`"]),
        ("layers: [3]", ["3:1: layers: unknown key; put it below `network:`"]),
        ("csv: a.csv", ["3:1: csv: unknown key; put it below `dataset:`"]),
        ("l2: 0.1", ["3:1: l2: unknown key; put it below `penalty:`"]),
        ("function: booth", ["3:1: function: unknown key; did you mean 'problem'?"]),
        (
            "zzz: 1",
            [f"3:1: zzz: unknown key; use one of {KEYS}"],
        ),
        (
            "a b\\e: 1",
            [(f"3:1: 'a b\\\\e': unknown key; use one of {KEYS}")],
        ),
        ("title: a\ntitle: b", ["4:1: title: duplicate key (first given in line 3, column 1)"]),
    ],
)
def test_messages(text, messages):
    assert first_lines(rejection(GD + text)) == [f"bad.yaml:{message}" for message in messages]


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("title: x", ["1:1: missing key 'algorithms'; add at least one algorithm, for example `algorithms: [gd]`"]),
        ("algorithms: []", ["1:13: algorithms: expected a list of one or more algorithms, got an empty list"]),
        ("algorithms: gd", ["1:13: algorithms: expected a list of one or more algorithms, got 'gd'; use [gd]"]),
        ("algorithms: [3]", ["1:14: algorithms[0]: expected a name or a mapping with a name, got 3"]),
        (
            "algorithms: [{step: 1}]",
            ["1:14: algorithms[0]: missing key 'name'; use a name from `bpviz list algorithms`"],
        ),
        (
            "algorithms: [{name: [gd]}]",
            [
                (
                    "1:21: algorithms[0].name: expected the name of an algorithm, got a list; "
                    "use a name from `bpviz list algorithms`"
                )
            ],
        ),
        ("algorithms: [SGD]", ["1:14: algorithms[0]: unknown algorithm 'SGD'; did you mean 'gd'?"]),
        (
            "algorithms: [gradient_descent]",
            ["1:14: algorithms[0]: unknown algorithm 'gradient_descent'; did you mean 'gd'?"],
        ),
        (
            "algorithms:\n- gd\n- {name: gd, step: 10}",
            [
                (
                    "3:3: algorithms[1]: duplicate label 'Gradient descent' (also of algorithms[0], in line 2, "
                    "column 3); "
                    "use another `label`"
                )
            ],
        ),
        ("algorithms: [gd]\nfigures:", ["2:9: figures: expected a list of figures, got null; use [] for none"]),
        (
            "algorithms: [gd]\nfigures: [{title: x}]",
            [f"2:11: figures[0]: missing key 'kind'; use one of {', '.join(FIGURES)}"],
        ),
        (
            "algorithms: [gd]\nfigures: [{kind: epochs, titel: x}]",
            ["2:26: figures[0].titel: unknown option of epochs; did you mean 'title'?"],
        ),
        (
            "algorithms: [gd]\nfigures: [epochs, {kind: errors, save_as: Epochs}]",
            [
                (
                    "2:19: figures[1]: duplicate file name 'Epochs' (also of figures[0], in line 2, column 11); "
                    "use another `save_as`"
                )
            ],
        ),
        (
            "algorithms: [{name: gd, label: A b}, {name: rprop, label: A-b}]",
            [
                (
                    "1:13: algorithms: duplicate file name 'paths-a-b' of two figures; "
                    "use labels that differ in more than punctuation"
                )
            ],
        ),
        (
            "algorithms: [gd]\nfigures: [{kind: paths, algorithms: [gd, rporp]}]",
            ["2:37: figures[0].algorithms: unknown algorithm 'rporp'"],
        ),
        ("", [" the file is empty; run `bpviz init` to create a starter config"]),
        ("# nothing\n", [" the file is empty; run `bpviz init` to create a starter config"]),
        (
            "- gd",
            ["1:1: expected a mapping with the key 'algorithms', got a list; put it below the key `algorithms:`"],
        ),
        ("gd", ["1:1: expected a mapping with the key 'algorithms', got 'gd'"]),
    ],
)
def test_messages_about_lists_and_whole_files(text, messages):
    assert first_lines(rejection(text)) == [f"bad.yaml:{message}" for message in messages]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a:\t1", "1:3: invalid YAML: unexpected tab; use spaces"),
        (
            "a: b: c",
            (
                "1:5: invalid YAML: unexpected colon; align the keys of a mapping in one column, and add "
                "quotes to text that contains ': '"
            ),
        ),
        (
            "a: [1, 2\nb: 3",
            "1:4: invalid YAML: missing ] of the bracket that opens here",
        ),
        ("a: ['x", "1:5: invalid YAML: missing closing quote of the text that begins here"),
        ("a: [1, {b: 2]", "1:13: invalid YAML: missing comma or }"),
        ("a: [\n  {b: 2\n   c: 3}]", "3:5: invalid YAML: missing comma or } (in the mapping that starts in line 2)"),
        ("a: [b", "1:4: invalid YAML: missing ] of the bracket that opens here"),
        (
            "a: 'it's'",
            "1:8: invalid YAML: unexpected text after the closing quote or bracket; add quotes around the whole text",
        ),
        ("a: {- b}", "1:5: invalid YAML: missing value, or unquoted text that starts with a sign of YAML; add quotes"),
        ("a: ? b", "1:4: invalid YAML: unquoted text cannot start with ?; add quotes"),
        (
            'a: "b\n  \\q"',
            (
                "2:4: invalid YAML: unknown escape sequence; use single quotes around text with a backslash "
                "(in the text that starts in line 1)"
            ),
        ),
        ("a: *b*", "1:6: invalid YAML: unquoted text cannot start with * or &; add quotes"),
        ("a: |b", "1:5: invalid YAML: unquoted text cannot start with | or >; add quotes"),
        (
            "a: - b",
            "1:4: invalid YAML: unexpected dash; begin a list in a line of its own, or add quotes to text",
        ),
        (" a: 1\nb: 2", "2:1: invalid YAML: the indentation does not match the lines above"),
        ("a: @x", "1:4: invalid YAML: unquoted text cannot start with @; add quotes"),
        (
            "a: 1\n  b: 2",
            (
                "2:4: invalid YAML: unexpected colon; align the keys of a mapping in one column, and add "
                "quotes to text that contains ': '"
            ),
        ),
        (
            "a:\n  b: 1\n c: 2",
            (
                "3:2: invalid YAML: the indentation does not match the lines above (in the mapping that "
                "starts in line 1)"
            ),
        ),
        (
            "%YAML 1." + "9" * 5000 + "\n---\na",
            "1:9: invalid YAML: number too large in an escape sequence or a directive",
        ),
        ("a: 1\n---\nb: 2", "2:1: expected one document, got a second one; move it to another file"),
        ("<<: {a: 1}", "1:1: unsupported merge key <<; write the settings out"),
        ("[a, b]: 1", "1:1: expected a word as key, got a list or a mapping"),
        ("a: &x 1\n*x : 1", "2:1: expected a word as key, got an alias"),
        ("a: &x [*x]", "1:8: alias *x refers to itself"),
        ("a: *x", "1:4: undefined alias *x; add the anchor &x before it"),
        (
            "a: !!python/name:os.system x",
            "1:4: unsupported tag '!!python/name:os.system'; remove it",
        ),
        ("a: !foo {b: 1}", "1:4: unsupported tag '!foo'; remove it"),
        ("a: b\x07c", "1:5: invalid character U+0007; remove it"),
    ],
)
def test_invalid_yaml_is_the_only_mistake(text, message):
    assert first_lines(rejection("\n" + text)) == ["bad.yaml:" + _one_line_down(message)]


def _one_line_down(message: str) -> str:
    line, _, rest = message.partition(":")
    rest = re.sub(r"(?<=that starts in line )\d", lambda number: str(int(number[0]) + 1), rest)
    return f"{int(line) + 1}:{rest}"


def test_rejects_bytes_that_are_not_utf_8():
    assert str(rejection("title: é\nstart: caf".encode() + b"\xe9")) == (
        "bad.yaml:2:11: invalid UTF-8 byte 0xe9; save the file as UTF-8\n    start: café\n              ^"
    )
    assert first_lines(rejection("title: x".encode("utf-16"))) == [
        "bad.yaml: encoded as UTF-16; save the file as UTF-8"
    ]


def test_rejects_unreadable_files(tmp_path):
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
    assert first_lines(rejection(b"#" * (config.LARGEST + 1))) == ["bad.yaml: file too large (limit 256 KiB)"]


# -- excerpts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "column", "shown"),
    [
        ("\tstep: 1", 8, "     step: 1\n           ^"),  # a tab is shown as one space
        ("日本: 1", 5, "    日本: 1\n          ^"),  # wide characters, two columns each
        ("e\u0301: 1", 5, "    e\u0301: 1\n       ^"),  # a combining accent
        ("a\x1b[31m: 1", 9, "    a\ufffd[31m: 1\n            ^"),  # escape sequences are replaced
        ("x" * 500, 300, "    ..." + "x" * 96 + "...\n" + " " * (7 + 64) + "^"),
        ("x" * 97, 1, "    " + "x" * 96 + "...\n    ^"),
        ("", 1, None),
        ("abc", 0, "    abc"),
    ],
)
def test_caret_is_under_the_place(line, column, shown):
    mistake = Mistake("a.yaml", 2, column, "x", "wrong", line)
    place = f"a.yaml:2:{column}" if column else "a.yaml:2"
    assert str(mistake) == "\n".join([f"{place}: x: wrong", *([shown] if shown else [])])


def test_error_keeps_all_mistakes_and_shows_forty():
    error = ConfigError([Mistake("a.yaml", i, 1, "", f"wrong {i}") for i in range(1, 44)])
    assert len(error.mistakes) == 43
    assert str(error).splitlines()[-2:] == ["a.yaml:40:1: wrong 40", "... and 3 more"]
    assert pickle.loads(pickle.dumps(error)).mistakes == error.mistakes


def test_path_is_one_printable_line():
    error = rejection('"a\\nb\\e[1m": 1\nalgorithms: [gd]')
    assert error.mistakes[0].path == r"'a\nb\x1b[1m'"
    assert str(Mistake("a\nb\x1b.yaml", 0, 0, "", "wrong")) == "a\ufffdb\ufffd.yaml: wrong"


# -- declared settings -------------------------------------------------------------------------------------------------


def declared(registry: Registry) -> list[tuple[str, declare.Field]]:
    return [(name, field) for name, thing in registry.items() for field in declare.fields(thing).values()]


def _ids(value: object) -> str:
    return value.name if isinstance(value, declare.Field) else str(value)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_rejects_an_invalid_value_of_every_setting(name):
    for field in declare.fields(OPTIMIZERS[name]).values():
        bad = field.domain.bad()
        text, complaint = json.dumps(bad, default=str), field.complaint(bad)
        if isinstance(bad, float) and math.isnan(bad):
            text, complaint = ".nan", f"expected a finite number, got .nan ({field.meaning})"
        error = rejection(f"figures: []\nalgorithms:\n- name: {name}\n  {field.name}: {text}")
        column = len(field.name) + 5
        assert first_lines(error) == [f"bad.yaml:4:{column}: algorithms[0].{field.name}: {complaint}"]


@pytest.mark.parametrize(("kind", "field"), declared(FIGURES), ids=_ids)
def test_rejects_an_invalid_value_of_every_figure_option(kind, field):
    bad = json.dumps(field.domain.bad(), default=str)
    data = "dataset: [[1, 0], [2, 1]]" if kind == "curve" else "dataset: six-points"  # a curve is over one weight
    error = rejection(f"{data}\nalgorithms: [gd]\nfigures:\n- kind: {kind}\n  {field.name}: {bad}")
    assert {(m.line, m.path.split("[1")[0]) for m in error.mistakes} == {(5, f"figures[0].{field.name}")}


@pytest.mark.parametrize("field", declare.fields(Perceptron).values(), ids=_ids)
def test_rejects_an_invalid_value_of_every_network_setting(field):
    bad = field.domain.bad()
    error = rejection(f"{GD}network:\n  {field.name}: {json.dumps(bad)}")
    assert [(m.line, m.path) for m in error.mistakes] == [(4, f"network.{field.name}")]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_suggests_algorithms_by_synonym(name):
    for synonym in OPTIMIZERS[name].synonyms:
        if OPTIMIZERS.canonical(synonym) == name:  # differs only in separators, and is accepted
            continue
        assert rejection(f"algorithms: [{synonym}]").mistakes[0].message.endswith(f"did you mean {name!r}?")


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_suggests_step_for_learning_rate(name):
    (mistake,) = rejection(f"algorithms: [{{name: {name}, learning_rate: 1}}]\nfigures: []").mistakes
    assert ("did you mean 'step'?" in mistake.message) == ("step" in declare.fields(OPTIMIZERS[name]))


@pytest.fixture
def fresh_registry(monkeypatch):
    """Restore the registered optimizers after the test."""
    OPTIMIZERS["gd"]
    monkeypatch.setattr(OPTIMIZERS, "_things", dict(OPTIMIZERS.items()))


@pytest.mark.usefixtures("fresh_registry")
def test_rejects_an_algorithm_whose_needs_the_problem_does_not_provide():
    @optimizer("needy", label="Needy", needs="residuals jacobian", source="this test")
    class Needy:
        step: float = hyper(1.0, "(0, inf)", "step size")

        def begin(self, w, f):
            return ()

        def advance(self, w, state, f):
            return w, state

    assert read("algorithms: [needy]\nfigures: []").algorithms[0].label == "Needy"
    assert first_lines(rejection("algorithms: [gd, needy]\nnetwork: {loss: mae}\nfigures: []")) == [
        (
            "bad.yaml:1:18: algorithms[1]: needy requires residuals and jacobian, which the problem "
            "perceptron does not provide"
        )
    ]


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


def test_override_changes_only_one_use_of_an_alias():
    experiment = read(
        "algorithms: [&a {name: gd, step: 1}, {name: rprop}]\nfigures: []\nstart: &b [1, 2]\n", "algorithms.0.step=2"
    )
    assert experiment.algorithms[0].optimizer.step == 2.0
    starts = read("algorithms: [gd]\nfigures: []\nstart: [&b [1, 2], *b]", "start.0.1=9").starts
    assert starts == ((1.0, 9.0), (1.0, 2.0))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("algorithms.0.momentum=1", f"algorithms[0].momentum: expected a number in [0, 1), got 1 {KEPT}"),
        ("algorithms.0.momentun=1", "algorithms[0].momentun: unknown setting of momentum; did you mean 'momentum'?"),
        ("algorithms.1.step=1", "algorithms: unknown entry '1'; use index 0"),
        ("algorithms.x.step=1", "algorithms: unknown entry 'x'; use index 0"),
        ("algorithms.²=1", "algorithms: unknown entry '²'; use index 0"),
        ("figures.0.title=1", "figures: unknown entry '0'; the list is empty"),
        ("algorithm.0.step=1", "algorithm: no such list in the config; did you mean 'algorithms'?"),
        ("start.0=1", "start: no such list in the config"),
        ("error_treshold=1", "error_treshold: unknown key; did you mean 'error_threshold'?"),
        ("error_threshold=-1", f"error_threshold: expected a number in [0, inf), got -1 {ERROR}"),
        (
            "error_threshold='1'",
            f"error_threshold: expected a number in [0, inf), got '1' {ERROR}; remove the quotes: 1",
        ),
        ("max_epochs.x=1", "max_epochs: expected a mapping with the key 'x', got 100"),
        ("title=@", "invalid YAML: unquoted text cannot start with @; add quotes"),
        ("title={a: 1, a: 2}", "a: duplicate key (first given by --set title={a: 1, a: 2})"),
        ("step", "expected key=value, for example error_threshold=0.1 or algorithms.0.step=0.1"),
        ("=1", "expected key=value, for example error_threshold=0.1 or algorithms.0.step=0.1"),
        ("a..b=1", "expected key=value, for example error_threshold=0.1 or algorithms.0.step=0.1"),
        (".".join("a" * 11) + "=1", "expected key=value, for example error_threshold=0.1 or algorithms.0.step=0.1"),
    ],
)
def test_mistakes_in_an_override_quote_it(override, message):
    error = rejection("algorithms: [momentum]\nfigures: []\nmax_epochs: 100", override)
    assert str(error).splitlines()[0] == f"--set {override}: {message}"


def test_mistakes_in_the_file_precede_those_in_overrides():
    error = rejection("algorithms: [momentum]\nfigures: []\nmax_epochs: 0", "algorithms.0.step=0", "start=[1]")
    assert [m.file for m in error.mistakes] == ["bad.yaml", "--set start=[1]", "--set algorithms.0.step=0"]


# -- compare -----------------------------------------------------------------------------------------------------------


def test_arguments_give_the_published_experiment():
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


def test_arguments_are_read_like_a_config():
    experiment = config.from_parts(
        ["gd:step=1e1", "momentum: step = .1, momentum=0.95, label=Heavy ball"],
        start="3 -.5",
        error_threshold="null",
        max_epochs="5000",
    )
    assert experiment.starts == ((3.0, -0.5),)
    assert (experiment.error_threshold, experiment.max_epochs) == (None, 5000)
    assert experiment.algorithms == (
        config.Algorithm("Gradient descent", GradientDescent(step=10.0)),
        config.Algorithm("Heavy ball", Momentum(step=0.1, momentum=0.95)),
    )


def test_equal_labels_are_extended_by_the_settings_that_differ():
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
        (["momentum:momentum=1"], {}, [f"momentum:momentum=1: momentum: expected a number in [0, 1), got 1 {KEPT}"]),
        (["adma", "gd"], {}, ["adma: unknown algorithm 'adma'; did you mean 'adam'?"]),
        (
            ["rprop:min_step=3,max_step=1"],
            {},
            ["rprop:min_step=3,max_step=1: min_step: 3 is greater than max_step (1)"],
        ),
        (["gd:"], {}, ["gd:: expected key=value, got ''; for example, use momentum:step=0.1,momentum=0.95"]),
        (
            ["gd:step=1,step=2"],
            {},
            ["gd:step=1,step=2: duplicate setting 'step'; for example, use momentum:step=0.1,momentum=0.95"],
        ),
        (
            ["gd", "gd:step=0.3"],
            {},
            ["gd:step=0.3: duplicate label 'Gradient descent'; change a setting or add a label"],
        ),
        ([], {}, ["compare: missing algorithm; give at least one"]),
        (["gd"], {"start": "3"}, ["--start 3: start: expected 2 numbers, one per weight (w1, w2), got 1"]),
        (["gd"], {"start": "3 x"}, [f"--start 3 x: start[1]: expected a number, got 'x' {START}"]),
        (
            ["gd"],
            {"error_threshold": ".nan"},
            [f"--error-threshold .nan: error_threshold: expected a finite number, got .nan {ERROR}"],
        ),
        (
            ["gd"],
            {"max_epochs": "0"},
            [f"--max-epochs 0: max_epochs: expected an integer in [1, inf), got 0 {EPOCHS}"],
        ),
    ],
)
def test_mistakes_in_arguments_quote_them(algorithms, options, messages):
    with pytest.raises(ConfigError) as caught:
        config.from_parts(algorithms, **options)
    assert [str(mistake) for mistake in caught.value.mistakes] == messages


# -- resolved configs and schema ---------------------------------------------------------------------------------------


GOOD = {
    "short": "algorithms: [gd]",
    "every algorithm": "algorithms: [" + ", ".join(OPTIMIZERS) + "]",
    "styles": """
        title: Ein Vergleich
        algorithms: [{name: gd, color: Crimson, marker: s}, {name: rprop, marker: up}]
        style: {theme: paper, size: [3, 2.5], font: [Arial], colors: ["#07a", red], mathtext: true}
        labels: {Epoch: Epoche, "{count} epochs": "{count} Epochen"}
        figures: [{kind: errors, title: none, style: {theme: dark, dpi: 90, svg_text: true}}, epochs]
    """,
    "every figure": "algorithms: [gd, rprop]\nfigures: ["
    + ", ".join(kind for kind in FIGURES if kind != "curve")
    + "]",
    "one weight": "dataset: [[1, 0], [2, 1]]\nalgorithms: [gd, rprop]\nfigures: [curve]",
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
def test_resolved_config_gives_an_equal_experiment(text):
    experiment = read(text)
    resolved = config.resolved(experiment)
    apart = {"problem"} if "network" in resolved else {"dataset", "network"}
    assert set(resolved) | {"penalty", "expect"} == {row[0] for row in config.keys_table()} - apart
    assert pickle.loads(pickle.dumps(experiment)) == experiment
    for written in (json.dumps(resolved), yaml.safe_dump(resolved, allow_unicode=True)):
        again = read(written)
        assert again == experiment
        assert config.resolved(again) == resolved


def test_resolved_config_contains_every_default():
    resolved = config.resolved(read("algorithms: [gd]\nfigures: [epochs]"))
    assert resolved == {
        "title": None,
        "dataset": "six-points",
        "network": {"activation": "sigmoid", "bias": False, "loss": "mse"},
        "start": [-4.0, -4.0],
        "error_threshold": 0.125,
        "gradient_threshold": None,
        "max_epochs": 1000,
        "algorithms": [{"name": "gd", "label": "Gradient descent", "step": 0.3}],
        "figures": [{"kind": "epochs", "save_as": None, "title": None, "style": None, "algorithms": None}],
        "style": {},
        "labels": {},
    }


@pytest.fixture(scope="module")
def validator():
    schema = json.loads(json.dumps(config.schema()))
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_schema_accepts_valid_configs(validator, text):
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
def test_schema_rejects_invalid_configs(validator, bad):
    assert not validator.is_valid(bad)
    rejection(json.dumps(bad))


def test_table_of_keys_matches_the_schema(validator):
    rows = config.keys_table()
    assert [row[0] for row in rows] == list(config.schema()["properties"])
    assert all(takes and meaning for _, _, takes, meaning in rows)
    defaults = {key: yaml.safe_load(default) for key, default, _, _ in rows if default}
    validator.validate({**defaults, "algorithms": ["gd"]})
    assert read(yaml.safe_dump({**defaults, "algorithms": ["gd"]})) == read("algorithms: [gd]")


@pytest.mark.parametrize("name", PROBLEMS)
def test_start_and_threshold_default_to_those_of_the_problem(name):
    experiment = read(f"problem: {name}\nalgorithms: [gd]")
    problem = PROBLEMS[name]()
    assert experiment.problem == problem
    assert experiment.starts == (problem.start,)
    assert experiment.error_threshold == problem.threshold
    assert config.resolved(experiment) == config.resolved(read(json.dumps(config.resolved(experiment))))


def test_error_threshold_is_relative_to_the_known_minimum():
    experiment = read("problem: six-hump-camel\nerror_threshold: 0.25\nalgorithms: [gd]")
    assert experiment.error_to_reach == -1.0316284534898774 + 0.25  # Dixon & Szegö 1978, to 16 digits
    assert read("problem: saddle\nerror_threshold: -3\nalgorithms: [gd]").error_to_reach == -3
    assert read("problem: saddle\nerror_threshold: null\nalgorithms: [gd]").error_to_reach is None


def test_zero_penalty_is_no_penalty():
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


def test_compare_does_not_import_yaml():
    assert in_new_python(
        "import sys; from bpviz.config import from_parts; from_parts(['gd']); print('yaml' in sys.modules)"
    ) == ("False\n")


def _chain(length: int, users: int, entry: str) -> bytes:
    """Return anchors of which each uses the one before."""
    lines = [f"a{i}: &a{i} " + entry.format(", ".join([f"*a{i - 1}"] * users)) for i in range(1, length)]
    return "\n".join(["a0: &a0 {x: 1}", *lines]).encode()


BOMBS = {
    "a file of 10 MB": (b"#" * 10_000_000, "file too large (limit 256 KiB)"),
    "30,000 brackets": (b"[" * 30_000, "nested more than 32 levels deep"),
    "30,000 dashes": (b"- " * 30_000, "nested more than 32 levels deep"),
    "30,000 braces": (b"{a: " * 30_000, "nested more than 32 levels deep"),
    "nine aliases of nine aliases": (
        _chain(30, 9, "[{}]"),
        "more than 100,000 values; use a CSV file for large data",
    ),
    "a chain of aliases": (_chain(900, 1, "[{}]"), "nested more than 32 levels deep"),
    "merge keys in merge keys": (
        _chain(9, 9, "{{<<: [{}]}}"),
        "unsupported merge key <<; write the settings out",
    ),
}


@pytest.mark.parametrize(("data", "message"), BOMBS.values(), ids=BOMBS)
def test_rejects_yaml_bombs_quickly_and_in_little_memory(tmp_path, data, message):
    file = tmp_path / "bomb.yaml"
    file.write_bytes(data)

    def reject() -> None:
        with pytest.raises(ConfigError) as caught:
            config.load(file)
        assert [mistake.message for mistake in caught.value.mistakes] == [message]

    clock = time.process_time()
    reject()
    # The slowest, the brackets, takes 0.2 s, and more under coverage on a busy machine; without limits, minutes.
    assert time.process_time() - clock < 5
    tracemalloc.start()  # slow, so in a second attempt
    try:
        reject()
        assert tracemalloc.get_traced_memory()[1] < 10e6  # each takes 1 MB, for reading the file
    finally:
        tracemalloc.stop()
