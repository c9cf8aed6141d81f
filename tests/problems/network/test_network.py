"""Networks: their weights, initial weights and the numbers published for them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bpviz import declare
from bpviz.declare import KINDS, OPTIMIZERS
from bpviz.engine.loop import iterate
from bpviz.engine.results import record
from bpviz.problems.datasets import Dataset
from bpviz.problems.network.layers import Initial, Layer
from bpviz.problems.network.network import Network
from bpviz.problems.perceptron import Perceptron


def network(sizes, features, targets, *, activation="sigmoid", bias=False, loss="mse", initial=Initial()):  # noqa: B008
    names = tuple(f"x{i + 1}" for i in range(len(features[0])))
    layers = tuple(Layer(dense=size, activation=activation, bias=bias) for size in sizes)
    return Network(Dataset("data", features, targets, names), layers, loss, initial)


@pytest.fixture
def deep():
    """The published network: 3 inputs, hidden layers of 7, 5 and 4 units, one output, one sample, no biases."""
    return network((7, 5, 4, 1), ((0.1, 0.4, 4.1),), (0.2,))


def drawn_unit_by_unit(shapes, seed):
    """Return weights as the published program draws them: ``numpy.random.rand(inputs)`` for each unit."""
    draw = np.random.RandomState(seed)
    return np.concatenate([draw.rand(inputs) for inputs, units, _ in shapes for _ in range(units)])


# Iterations, prediction for (0.2, 3.1, 1.7) and the first epoch with an error of at most 1e-6, by an implementation in
# plain loops. The published program checks |prediction - target| <= 1e-7 before it moves the weights once more.
PUBLISHED = [(117, 0.199806395, 40), (125, 0.199159873, 46), (111, 0.199738518, 38), (109, 0.200178948, 37)]
PUBLISHED = [*PUBLISHED, (108, 0.199732140, 38)]


@pytest.mark.parametrize(("seed", "published"), list(enumerate(PUBLISHED)))
def test_reproduces_the_published_network_of_three_hidden_layers(seed, published, deep):
    iterations, prediction, small = published
    start = drawn_unit_by_unit(deep.shapes, seed)
    (run,) = record(iterate(OPTIMIZERS["gd"](step=0.7), deep, [start], error_threshold=None, max_epochs=iterations))
    assert int(np.argmax(run.errors <= 1e-14)) == iterations - 1
    assert int(np.argmax(run.errors <= 1e-6)) == small
    other = network((7, 5, 4, 1), ((0.2, 3.1, 1.7),), (0.2,))
    assert other.at(run.weights[-1:]).predictions().item() == pytest.approx(prediction, abs=1e-8)


def test_gradients_vanish_towards_the_first_layer(deep):
    """The norms of a plain implementation, for the weights of seed 0."""
    gradient = deep.at(drawn_unit_by_unit(deep.shapes, 0)[None]).gradient()[0]
    ends = np.cumsum([inputs * units for inputs, units, _ in deep.shapes])[:-1]
    norms = [np.linalg.norm(part) for part in np.split(gradient, ends)]
    assert norms == pytest.approx([6.01e-4, 1.61e-3, 2.02e-2, 0.367], rel=5e-3)


def test_one_neuron_by_hand():
    """x = (0.1, 0.3), y = 0.03, w = (0.5, 0.2), b = 1.83: every number from s = 1.94 by the chain rule."""
    neuron = network((1,), ((0.1, 0.3),), (0.03,), bias=True, loss="half-mse")
    start = (0.5, 0.2, 1.83)
    point = neuron.at(np.array([start]))
    p = 1 / (1 + math.exp(-1.94))
    assert point.predictions().item() == pytest.approx(0.8743521434846544, abs=1e-15)
    assert point.error().item() == pytest.approx(0.3564652711035652, abs=1e-15)
    chain = (p - 0.03) * p * (1 - p)
    expected = [0.009276092558183858, 0.027828277674551576, 0.09276092558183859]
    assert point.gradient()[0] == pytest.approx(expected, abs=1e-15)
    assert [0.1 * chain, 0.3 * chain, chain] == pytest.approx(expected, abs=1e-15)
    (run,) = record(iterate(OPTIMIZERS["gd"](step=0.01), neuron, [start], error_threshold=None, max_epochs=1))
    moved = [0.49990723907441814, 0.1997217172232545, 1.8290723907441817]
    assert run.weights[1] == pytest.approx(moved, abs=1e-15)
    assert run.errors[1] == pytest.approx(0.3563705907489474, abs=1e-15)


@pytest.mark.parametrize("loss", ["mse", "half-mse", "mae"])
@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "softplus", "linear"])
def test_network_of_one_unit_is_the_perceptron(activation, loss):
    perceptron = Perceptron(activation=activation, bias=True, loss=loss)
    data = perceptron.dataset
    one = network((1,), data.features, data.targets, activation=activation, bias=True, loss=loss)
    w = np.array([(-0.4, 0.3, 0.2), (1.3, -0.6, -0.9)])
    for kind in KINDS:
        if kind in perceptron.offers & one.offers:
            expected, got = (getattr(problem.at(w), kind)() for problem in (perceptron, one))
            np.testing.assert_allclose(got, expected, rtol=1e-13, atol=1e-15)


def test_names_of_weights_follow_their_order():
    """W1[2,3] is the weight of unit 2 of layer 1 for input 3: only that unit depends on it."""
    small = network((2, 1), ((0.5, -1.5, 2.0),), (0.3,), activation="linear", bias=True)
    assert small.weights == (
        *("W1[1,1]", "W1[1,2]", "W1[1,3]", "W1[2,1]", "W1[2,2]", "W1[2,3]", "b1[1]", "b1[2]"),
        *("W2[1,1]", "W2[1,2]", "b2[1]"),
    )
    w = dict.fromkeys(small.weights, 0.0)
    w |= {"W1[2,3]": 3.0, "b1[1]": 5.0, "W2[1,1]": 7.0, "W2[1,2]": 11.0, "b2[1]": 13.0}
    assert small.at(np.array([list(w.values())])).predictions().item() == 7 * 5 + 11 * 3 * 2 + 13


@pytest.mark.parametrize(
    ("initial", "variance"),
    [
        (Initial("glorot"), 2 / (300 + 200)),
        (Initial("glorot", "normal"), 2 / (300 + 200)),
        (Initial("he"), 2 / 300),
        (Initial("he", "normal"), 2 / 300),
        (Initial("lecun"), 1 / 300),
        (Initial("uniform", low=-0.5, high=1.5), 2**2 / 12),
    ],
)
def test_initial_weights_have_the_variance_of_their_kind(initial, variance):
    w = initial.weights([(300, 200, True)])
    weights, biases = np.split(w, [300 * 200])
    assert weights.var() == pytest.approx(variance, rel=0.02)
    if initial.kind == "uniform":
        assert -0.5 <= w.min() < -0.49
        assert 1.49 < w.max() <= 1.5
    else:
        assert not biases.any()
        bound = math.sqrt(3 * variance) if initial.distribution == "uniform" else math.inf
        assert abs(weights).max() <= bound
    assert initial.weights([(300, 200, True)]).tobytes() == w.tobytes()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_rule_trains_a_network_alone_and_in_a_block_with_the_same_bits(name, deep):
    """Or is refused with a reason."""
    optimizer = OPTIMIZERS[name]()
    if declare.unsuitable(optimizer, deep):
        assert not optimizer.needs <= deep.offers
        return
    starts = [drawn_unit_by_unit(deep.shapes, seed) for seed in range(3)]
    settings = {"error_threshold": None, "max_epochs": 5}
    together = record(iterate(optimizer, deep, starts, **settings))
    for start, run in zip(starts, together, strict=True):
        (alone,) = record(iterate(optimizer, deep, [start], **settings))
        assert alone.weights.tobytes() == run.weights.tobytes()
        assert (alone.counts.tolist(), alone.ending) == (run.counts.tolist(), run.ending)
    assert any(len(run.weights) > 1 for run in together)


@pytest.mark.parametrize(
    ("layers", "loss", "targets", "wrong"),
    [
        ([(2, "softmax"), (1, "sigmoid")], "mse", (0, 1), [("layers.0", "softmax is an activation of the last layer")]),
        (
            [(3, "softmax")],
            "mse",
            (0, 1),
            [
                ("loss", "softmax requires loss categorical-cross-entropy (got mse)"),
                ("layers.0", "the last layer has 3 units, but the dataset has one target"),
            ],
        ),
        (
            [(1, "relu")],
            "binary-cross-entropy",
            (0, 2),
            [
                ("loss", "binary-cross-entropy requires activation sigmoid in the last layer (got relu)"),
                ("loss", "binary-cross-entropy requires targets in [0, 1] (1 of 2 is outside); use targets 0 and 1"),
            ],
        ),
        (
            [(1, "softmax")],
            "categorical-cross-entropy",
            (0, 1),
            [("layers.0", "categorical-cross-entropy requires two or more units, one per class (got 1)")],
        ),
        (
            [(3, "softmax")],
            "categorical-cross-entropy",
            (0, 3),
            [("layers.0", "expected classes 0 to 2, one per unit (the dataset has 3)")],
        ),
    ],
)
def test_conflicts_of_layers_loss_and_targets(layers, loss, targets, wrong):
    built = tuple(Layer(dense=units, activation=activation) for units, activation in layers)
    assert Network(Dataset("d", ((1.0,), (2.0,)), targets, ("x",)), built, loss).conflicts() == wrong
