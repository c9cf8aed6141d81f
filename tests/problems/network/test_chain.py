"""The chain of derivatives, against hand calculation, plain loops and wrong derivatives."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bpviz.problems.datasets import Dataset
from bpviz.problems.network import backpropagation, losses
from bpviz.problems.network.chain import chain, shown_units
from bpviz.problems.network.layers import ACTIVATIONS, LOSSES, OUTPUT, Layer
from bpviz.problems.network.network import Network
from bpviz.problems.perceptron import Perceptron

NEURON = Perceptron(dataset=Dataset("one", ((0.1, 0.3),), (0.03,), ("a", "b")), bias=True, loss="half-mse")
SAMPLES = ((0.4, -1.1, 2.0), (1.3, 0.2, -0.7), (-0.6, 0.9, 0.5))


def network(*layers, loss="mse", targets=(0.0, 1.0, 1.0)):
    return Network(Dataset("three", SAMPLES, targets, ("a", "b", "c")), layers, loss)


def weights_of(problem):
    return np.random.default_rng(5).normal(0, 0.7, len(problem.weights))


def test_neuron_has_the_published_numbers():
    """The published example of one neuron, recomputed to all digits."""
    found = chain(NEURON, np.array([0.5, 0.2, 1.83]))
    assert found.error == pytest.approx(0.3564652711035652, abs=1e-15)
    *inputs, output = found.units
    assert [(unit.name, unit.activation, unit.sum) for unit in inputs] == [("x1", 0.1, None), ("x2", 0.3, None)]
    assert (output.name, output.layer) == ("p", 1)
    assert output.sum == pytest.approx(1.94, abs=1e-15)
    assert output.activation == pytest.approx(0.8743521434846544, abs=1e-15)
    expected = {
        "dE/dp": 0.8443521434846544,
        "dp/ds": 0.10986047266844473,
        "dE/ds": 0.8443521434846544 * 0.10986047266844473,
        "ds/dw1": 0.1,
        "ds/dw2": 0.3,
        "ds/db": 1.0,
        "dE/dw1": 0.009276092558183858,
        "dE/dw2": 0.027828277674551576,
        "dE/db": 0.09276092558183859,
    }
    assert {d.name: d.value for d in found.checked} == pytest.approx(expected, abs=1e-15)
    assert [d.name for d in found.checked] == list(expected)
    assert all(d.agrees for d in found.checked)


def test_growth_is_of_a_weight_that_is_larger_by_one():
    """The published derivatives are not the growth: the sigmoid is curved."""

    def error(w1, w2, b):
        return (1 / (1 + math.exp(-(0.1 * w1 + 0.3 * w2 + b))) - 0.03) ** 2 / 2

    start = (0.5, 0.2, 1.83)
    grown = [error(*(w + (i == j) for j, w in enumerate(start))) - error(*start) for i in range(3)]
    assert grown[:2] == pytest.approx([0.008990, 0.025284], abs=5e-7)
    assert [weight.growth for weight in chain(NEURON, np.array(start)).weights] == pytest.approx(grown, abs=1e-15)


def test_deltas_and_gradients_equal_those_of_plain_loops():
    problem = network(Layer(4, "tanh"), Layer(3, "sigmoid"), Layer(1, "linear"))
    w = weights_of(problem).tolist()
    x, y, rest = list(SAMPLES[1]), 1.0, iter(w)
    parameters, activations = [], [x]
    for inputs, units, name in ((3, 4, "tanh"), (4, 3, "sigmoid"), (3, 1, "linear")):
        matrix = [[next(rest) for _ in range(inputs)] for _ in range(units)]
        biases = [next(rest) for _ in range(units)]
        f = {"tanh": math.tanh, "sigmoid": lambda z: 1 / (1 + math.exp(-z)), "linear": float}[name]
        sums = [
            sum(m * a for m, a in zip(row, activations[-1], strict=True)) + b
            for row, b in zip(matrix, biases, strict=True)
        ]
        activations.append([f(z) for z in sums])
        parameters.append((matrix, biases))
    slopes = [[1 - a * a for a in activations[1]], [a * (1 - a) for a in activations[2]], [1.0]]
    deltas = [[2 * (activations[3][0] - y)]]
    for layer in (1, 0):
        matrix = parameters[layer + 1][0]
        back = [sum(d * row[i] for d, row in zip(deltas[0], matrix, strict=True)) for i in range(len(slopes[layer]))]
        deltas.insert(0, [b * s for b, s in zip(back, slopes[layer], strict=True)])
    found = chain(problem, np.array(w), 1)
    assert [u.delta for u in found.units if u.layer] == pytest.approx([d for layer in deltas for d in layer], rel=1e-12)
    expected = {}
    for number, layer in enumerate(deltas, 1):
        for unit, delta in enumerate(layer, 1):
            for source, a in enumerate(activations[number - 1], 1):
                expected[f"dE/dW{number}[{unit},{source}]"] = delta * a
            expected[f"dE/db{number}[{unit}]"] = delta
    assert {weight.gradient.name: weight.gradient.value for weight in found.weights} == pytest.approx(
        expected, rel=1e-12
    )
    assert [weight.value for weight in sorted(found.weights, key=lambda weight: weight.place)] == w


def test_differences_and_growth_are_those_of_the_error():
    problem = network(Layer(4, "tanh"), Layer(3, "sigmoid", bias=False), Layer(1, "linear"))
    w = weights_of(problem)
    part = problem.part(np.array([[1]]))

    def error(place, step):
        return part.at(w[None] + step * (np.arange(len(w)) == place)).error()[0]

    found = chain(problem, w, 1)
    assert found.error == error(0, 0)
    for one in found.weights:
        h = 2.0 ** (-52 / 3) * max(1, abs(w[one.place]))
        difference = (error(one.place, h) - error(one.place, -h)) / (2 * h)
        assert one.gradient.difference == pytest.approx(difference, rel=1e-9, abs=1e-9)
        assert one.growth == pytest.approx(error(one.place, 1) - error(one.place, 0), rel=1e-12, abs=1e-14)


def test_mean_gradient_is_the_mean_over_the_samples():
    problem = network(Layer(2, "softplus"), Layer(1))
    w = weights_of(problem)
    each = np.array([[weight.gradient.value for weight in chain(problem, w, k).weights] for k in range(3)])
    means = [weight.mean_gradient for weight in chain(problem, w, 2).weights]
    assert means == pytest.approx(each.mean(axis=0), rel=1e-13)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_all_derivatives_agree(activation, loss):
    last = OUTPUT.get(loss, "sigmoid")
    problem = network(Layer(4, activation), Layer(3, "tanh"), Layer(2 if last == "softmax" else 1, last), loss=loss)
    for sample in range(3):
        found = chain(problem, weights_of(problem), sample)
        assert [d for d in found.checked if not d.agrees] == []


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "softplus", "linear"])
def test_perceptron_is_a_network_with_the_same_error_and_gradient(activation):
    problem = Perceptron(Dataset("three", SAMPLES, (0.0, 1.0, 1.0), ("a", "b", "c")), activation, bias=True)
    w = weights_of(problem)[None]
    for one in (problem, Perceptron(problem.dataset, "sigmoid", bias=True, loss="cross-entropy")):
        mine, network = one.at(w), one.as_network().at(w)
        assert mine.error() == pytest.approx(network.error(), rel=1e-14)
        assert mine.gradient() == pytest.approx(network.gradient(), rel=1e-13)


@pytest.mark.parametrize("factor", [1.0001, 0.999, -1.0, 0.0])
def test_wrong_derivatives_differ(factor, monkeypatch):
    right = backpropagation.LayeredPoint._slope
    monkeypatch.setattr(backpropagation.LayeredPoint, "_slope", lambda *given: factor * right(*given))
    problem = network(Layer(4, "tanh"), Layer(1))
    found = chain(problem, weights_of(problem), 0)
    assert {d.name for d in found.checked if not d.agrees} == {
        *(f"dE/ds1[{unit}]" for unit in range(1, 5)),
        *(weight.gradient.name for weight in found.weights if weight.layer == 1),
    }


def test_wrong_derivative_of_the_loss_differs(monkeypatch):
    monkeypatch.setattr(losses.HalfSquares, "by_prediction", lambda self, p, y: y - p)
    found = chain(NEURON, np.array([0.5, 0.2, 1.83]))
    assert [d.name for d in found.checked if d.agrees] == ["dp/ds", "ds/dw1", "ds/dw2", "ds/db"]


@pytest.mark.parametrize("distance", [1e-3, 1e-6, 1e-9, 1e-12, 0])
def test_rounding_near_a_minimum_is_no_difference(distance):
    """Near a minimum the difference has fewer digits than the derivative."""
    w = np.array([0.5, 0.2, math.log(0.03 / 0.97) - 0.11 + distance])
    assert all(d.agrees for d in chain(NEURON, w).checked)


@pytest.mark.parametrize("loss", ["binary-cross-entropy", "categorical-cross-entropy"])
@pytest.mark.parametrize("size", [10, 30, 300])
def test_saturated_outputs_agree(loss, size):
    last = Layer(2 if loss.startswith("cat") else 1, OUTPUT[loss])
    problem = network(last, loss=loss)
    w = np.sign(weights_of(problem)) * size
    for sample in range(3):
        for d in chain(problem, w, sample).weights:
            assert d.gradient.agrees, d


@pytest.mark.parametrize("sum", [-30.0, -15.0, 15.0, 30.0])
@pytest.mark.parametrize("target", [0.0, 0.3, 1.0])
def test_derivative_by_a_prediction_near_0_or_1(sum, target):
    """There the logarithm of the loss leaves no room for the usual step."""
    dataset = Dataset("one", ((1.0,),), (target,), ("a",))
    found = chain(Perceptron(dataset=dataset, loss="cross-entropy"), np.array([sum])).derivatives[0]
    p = 1 / (1 + math.exp(-sum))
    assert found.value == pytest.approx((p - target) / (p * (1 - p)), rel=1e-2)
    assert found.difference == pytest.approx(found.value, rel=1e-2)
    assert found.agrees


def test_diverged_weights_agree_with_nothing():
    found = chain(NEURON, np.array([np.nan, np.inf, 1.0]))
    assert not any(weight.gradient.agrees for weight in found.weights)


def test_large_layers_are_shown_by_first_and_last_units():
    assert shown_units(8) == list(range(8))
    assert shown_units(500) == [0, 1, 2, 498, 499]
    problem = network(Layer(500, "relu"), Layer(1))
    found = chain(problem, weights_of(problem))
    assert [unit.place for unit in found.units if unit.layer == 1] == [0, 1, 2, 498, 499]
    assert [weight.name for weight in found.weights][-7:] == [
        *("b1[500]", "W2[1,1]", "W2[1,2]", "W2[1,3]", "W2[1,499]", "W2[1,500]", "b2[1]"),
    ]
    w = weights_of(problem)
    gradient = problem.part(np.array([[0]])).at(w[None]).gradient()[0]
    assert all(gradient[problem.weights.index(one.name)] == one.gradient.value for one in found.weights)
    assert all(w[problem.weights.index(one.name)] == one.value for one in found.weights)


def test_thousands_of_layers_are_shown_by_the_first_and_last():
    problem = network(*[Layer(1, "linear")] * 2000)
    found = chain(problem, np.ones(len(problem.weights)) * 0.5)
    assert sorted({unit.layer for unit in found.units}) == [0, 1, 2, 3, 1999, 2000]
