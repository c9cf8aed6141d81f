"""The forward pass and the derivatives of networks."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from bpviz.problems.datasets import Dataset
from bpviz.problems.network import activations
from bpviz.problems.network.layers import ACTIVATIONS, LOSSES, OUTPUT, Layer
from bpviz.problems.network.network import Network

REFERENCES = Path(__file__).parents[2] / "references"
RECORDED = json.loads((REFERENCES / "networks.json").read_text(encoding="utf-8"))["networks"]
NUMBERS = range(len(RECORDED))


@pytest.fixture(scope="module")
def arrays():
    with np.load(REFERENCES / "networks.npz") as file:
        return dict(file)


def recorded(number, arrays):
    """Return a recorded network, and its weights, errors and gradients by torch."""
    told = RECORDED[number]
    x, y, *rest = (arrays[f"{number}.{name}"] for name in ("x", "y", "w", "error", "gradient"))
    dataset = Dataset("data", tuple(map(tuple, x.tolist())), tuple(map(float, y)), tuple("abcde"[: x.shape[1]]))
    return Network(dataset, tuple(Layer(**layer) for layer in told["layers"]), told["loss"]), *rest


def test_recorded_networks_have_every_activation_and_loss():
    layers = [layer for network in RECORDED for layer in network["layers"]]
    assert {network["loss"] for network in RECORDED} == set(LOSSES)
    assert {layer["activation"] for layer in layers} == {*ACTIVATIONS, "softmax"}
    assert {layer["bias"] for layer in layers} == {True, False}


@pytest.mark.parametrize("number", NUMBERS)
def test_error_and_gradient_equal_those_of_torch(number, arrays):
    network, w, error, gradient = recorded(number, arrays)
    assert network.conflicts() == []
    point = network.at(w)
    np.testing.assert_allclose(point.error(), error, rtol=1e-13)
    np.testing.assert_allclose(point.gradient(), gradient, rtol=1e-10, atol=1e-13 * abs(gradient).max())


@pytest.mark.parametrize("number", NUMBERS)
def test_gradient_is_the_derivative_of_the_error(number, arrays):
    network, w, _, _ = recorded(number, arrays)
    step = 1e-6
    errors = [network.at(w + sign * step * unit).error() for unit in np.eye(w.shape[1]) for sign in (1, -1)]
    differences = np.stack([(a - b) / (2 * step) for a, b in zip(errors[::2], errors[1::2], strict=True)], axis=1)
    np.testing.assert_allclose(network.at(w).gradient(), differences, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("number", NUMBERS)
def test_hessian_is_the_derivative_of_the_gradient(number, arrays):
    network, w, _, _ = recorded(number, arrays)
    step = 1e-6
    gradients = [network.at(w + sign * step * unit).gradient() for unit in np.eye(w.shape[1]) for sign in (1, -1)]
    differences = np.stack([(a - b) / (2 * step) for a, b in zip(gradients[::2], gradients[1::2], strict=True)], axis=2)
    hessian = network.at(w).hessian()
    np.testing.assert_allclose(hessian, differences, rtol=1e-6, atol=1e-7)
    v = np.random.default_rng(0).normal(size=w.shape)
    np.testing.assert_allclose(
        network.at(w).hessian_times(v), np.einsum("rpq,rq->rp", hessian, v), rtol=1e-10, atol=1e-12
    )


@pytest.mark.parametrize("number", [n for n in NUMBERS if "mse" in RECORDED[n]["loss"]])
def test_residuals_and_jacobian_give_error_and_gradient(number, arrays):
    network, w, _, _ = recorded(number, arrays)
    point = network.at(w)
    residuals, jacobian = point.residuals(), point.jacobian()
    assert jacobian.shape == (*residuals.shape, w.shape[1])
    np.testing.assert_allclose((residuals**2).sum(axis=1), point.error(), rtol=1e-13)
    half = np.einsum("rs,rsp->rp", residuals, jacobian)
    np.testing.assert_allclose(2 * half, point.gradient(), rtol=1e-10, atol=1e-14)
    step = 1e-6
    ahead, back = (network.at(w + sign * step * np.eye(w.shape[1])[0]).residuals() for sign in (1, -1))
    np.testing.assert_allclose(jacobian[:, :, 0], (ahead - back) / (2 * step), rtol=1e-6, atol=1e-8)


KINDS = ("error", "gradient", "hessian", "residuals", "jacobian")


@pytest.mark.parametrize("number", NUMBERS)
def test_a_run_has_the_same_bits_alone_and_in_blocks(number, arrays):
    """Also for weights in Fortran order, as the loop stores them, where NumPy would call other routines."""
    network, w, _, _ = recorded(number, arrays)
    others = np.random.default_rng(1).normal(size=(61, w.shape[1]))
    block = np.asfortranarray(np.concatenate([others, w[:1], others[:7]]))
    for kind in KINDS:
        if kind in network.offers:
            alone = getattr(network.at(w[:1]), kind)()[0]
            together = getattr(network.at(block), kind)()[len(others)]
            assert alone.tobytes() == together.tobytes(), kind


@pytest.mark.parametrize("number", NUMBERS)
def test_part_of_the_samples(number, arrays):
    """A part is the network on these samples, whether all runs share them or each has its own."""
    network, w, _, _ = recorded(number, arrays)
    samples = np.array([[0, 1], [1, 0], [1, 1]]) % network.samples
    own = network.part(samples).at(w)
    for run, column in enumerate(samples.T):
        dataset = Dataset(
            "part",
            tuple(network.dataset.features[i] for i in column),
            tuple(network.dataset.targets[i] for i in column),
            network.dataset.feature_names,
        )
        expected = Network(dataset, network.layers, network.loss).at(w[run : run + 1])
        shared = network.part(column[:, None]).at(w[run : run + 1])
        for kind in ("error", "gradient"):
            assert getattr(own, kind)()[run].tolist() == pytest.approx(getattr(expected, kind)()[0].tolist(), rel=1e-14)
            assert getattr(shared, kind)()[0].tobytes() == getattr(own, kind)()[run].tobytes()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_derivatives_of_activations(name):
    kind = getattr(activations, ACTIVATIONS[name])
    z = np.array([-7.3, -1.1, -0.2, 0.3, 1.7, 6.1])
    h = 1e-5
    a = kind.value(z)
    np.testing.assert_allclose(
        kind.slope(z, a), (kind.value(z + h) - kind.value(z - h)) / (2 * h), rtol=1e-7, atol=1e-9
    )
    bend = (kind.slope(z + h, kind.value(z + h)) - kind.slope(z - h, kind.value(z - h))) / (2 * h)
    np.testing.assert_allclose(kind.curvature(z, a), bend, rtol=1e-6, atol=1e-9)


def test_large_sums_do_not_overflow():
    z = np.array([[1000.0, -1000.0, 0.0]])
    assert activations.softmax(z).tolist() == [[1, 0, 0]]
    features, one = ((1.0,),), (Layer(dense=1, activation="sigmoid", bias=False),)
    point = Network(Dataset("d", features, (0.0,), ("x",)), one, "binary-cross-entropy").at(np.array([[800.0]]))
    assert point.error().tolist() == [800]
    three = (Layer(dense=3, activation="softmax", bias=False),)
    point = Network(Dataset("d", features, (1.0,), ("x",)), three, "categorical-cross-entropy").at(1000 * z / 1000)
    assert point.error().tolist() == [2000]
    assert math.isfinite(point.gradient().sum())


def test_output_activations_belong_to_known_losses():
    assert set(OUTPUT) < set(LOSSES)
