"""Reading of networks: the experiments, and the complete message of every mistake."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import jsonschema
import pytest
import yaml

from bpviz import config
from bpviz.config import ConfigError
from bpviz.config.resolved import resolved
from bpviz.config.schema import schema
from bpviz.problems.network.layers import Initial, Layer
from bpviz.problems.network.network import Network
from bpviz.problems.perceptron import Perceptron

XOR = """
dataset: [[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]]
network:
  layers: [{dense: 4, activation: tanh}, {dense: 1, bias: false}]
  loss: binary-cross-entropy
  initial: {kind: he, seed: 3}
algorithms: [gd]
figures: []
"""


CROSS_ENTROPY = "categorical-cross-entropy"
EXAMPLE = "[{dense: 7, activation: tanh}, {dense: 1}]"
GOT = "(got sigmoid)"
TOO_MANY = "bad.yaml:1:19: network.layers: expected at most 2,000,000 weights"


def read(text):
    return config.loads(dedent(text).encode(), "bad.yaml", Path())


def first_lines(text):
    with pytest.raises(ConfigError) as caught:
        read(text)
    return [str(mistake).split("\n", maxsplit=1)[0] for mistake in caught.value.mistakes]


def test_layers_give_a_network():
    problem = read(XOR).problem
    layers = (Layer(dense=4, activation="tanh", bias=True), Layer(dense=1, activation="sigmoid", bias=False))
    assert problem == Network(problem.dataset, layers, "binary-cross-entropy")
    assert problem.initial == Initial("he", seed=3)
    assert problem.shapes == ((2, 4, True), (4, 1, False))


def test_sizes_are_short_for_hidden_sigmoid_layers_without_biases():
    problem = read("network: [7, 5, 4]\nalgorithms: [gd]\nfigures: []").problem
    assert problem.shapes == ((2, 7, False), (7, 5, False), (5, 4, False), (4, 1, False))
    assert {layer.activation for layer in problem.layers} == {"sigmoid"}
    assert problem.loss == "mse"


def test_network_without_layers_is_the_perceptron():
    assert read("network: {bias: true}\nalgorithms: [gd]\nfigures: []").problem == Perceptron(bias=True)


def test_the_default_start_are_the_initial_weights():
    experiment = read(XOR)
    assert experiment.starts == (tuple(experiment.problem.initial.weights(experiment.problem.shapes).tolist()),)
    other = read(XOR.replace("seed: 3", "seed: 4"))
    assert other.starts != experiment.starts


def test_resolved_config_gives_an_equal_experiment():
    experiment = read(XOR)
    again = read(yaml.safe_dump(resolved(experiment)))
    assert again == experiment


@pytest.mark.parametrize("text", [XOR, "network: [7, 5]\nalgorithms: [gd]", "network: {bias: true}\nalgorithms: [gd]"])
def test_schema_accepts_networks(text):
    jsonschema.Draft7Validator(schema()).validate(yaml.safe_load(text))


@pytest.mark.parametrize(
    ("network", "messages"),
    [
        (
            "[7, 0, x]",
            [
                "bad.yaml:1:14: network[1]: expected an integer in [1, 100000], got 0 (units of a layer)",
                "bad.yaml:1:17: network[2]: expected an integer in [1, 100000], got 'x' (units of a layer)",
            ],
        ),
        ("[]", ["bad.yaml:1:10: network: expected sizes of hidden layers such as [7, 5, 4], got []"]),
        (
            "{layers: []}",
            [
                f"bad.yaml:1:19: network.layers: expected a list of layers such as {EXAMPLE}, got an empty list",
            ],
        ),
        (
            "{layers: [{activation: tanh}, 4, {dense: 2, units: 3}], lose: mse}",
            [
                "bad.yaml:1:20: network.layers[0]: missing key 'dense' (units of the layer)",
                "bad.yaml:1:40: network.layers[1]: expected a mapping such as {dense: 7, activation: tanh}, got 4",
                "bad.yaml:1:54: network.layers[2].units: unknown key of a layer; use one of dense, activation, bias",
                "bad.yaml:1:66: network.lose: unknown key of a network with layers; did you mean 'loss'?",
            ],
        ),
        (
            "{layers: [{dense: 3, activation: softmax}, {dense: 2}]}",
            [
                "bad.yaml:1:20: network.layers[0]: softmax is an activation of the last layer",
                "bad.yaml:1:53: network.layers[1]: the last layer has 2 units, but the dataset has one target",
            ],
        ),
        (
            "{layers: [{dense: 100000}, {dense: 100000}, {dense: 1}]}",
            [
                f"{TOO_MANY}, got 10,000,500,001 weights (80 GB per copy); use smaller layers",
            ],
        ),
        (
            "{layers: [{dense: 1}], initial: {kind: uniform, low: 2, high: 2}}",
            ["bad.yaml:1:72: network.initial.high: expected more than low (2), got 2"],
        ),
        (
            "{layers: [{dense: 1}], loss: categorical-cross-entropy}",
            [
                f"bad.yaml:1:20: network.layers[0]: {CROSS_ENTROPY} requires two or more units, one per class (got 1)",
                f"bad.yaml:1:39: network.loss: {CROSS_ENTROPY} requires activation softmax in the last layer {GOT}",
            ],
        ),
    ],
)
def test_mistakes_in_a_network(network, messages):
    assert first_lines(f"network: {network}\nalgorithms: [gd]\nfigures: []") == messages


def test_start_and_initial_exclude_each_other():
    text = "network: {layers: [{dense: 1}], initial: {seed: 2}}\nstart: [1, 2, 3]\nalgorithms: [gd]\nfigures: []"
    assert first_lines(text) == ["bad.yaml:1:42: network.initial: give either `start` or `initial` weights, not both"]


def test_names_of_many_weights_are_shortened():
    text = "network: [7, 5]\nstart: [1, 2]\nalgorithms: [gd]\nfigures: []"
    expected = "expected 54 numbers, one per weight (W1[1,1], W1[1,2], W1[2,1], ..., W3[1,5]), got 2"
    assert first_lines(text) == [f"bad.yaml:2:8: start: {expected}"]
