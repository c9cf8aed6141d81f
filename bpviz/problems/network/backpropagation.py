"""The forward pass of a network and backpropagation, for a block of runs.

With the activations a⁰ = x of a sample, the layers l = 1 ... L compute

    zˡ = Wˡ aˡ⁻¹ + bˡ,   aˡ = f(zˡ),

and with δˡ = ∂φ/∂zˡ, the derivatives of the loss φ of the sample follow from the last layer to the first:

    δˡ⁻¹ = (Wˡᵀ δˡ) f'(zˡ⁻¹),   ∂φ/∂Wˡ = δˡ aˡ⁻¹ᵀ,   ∂φ/∂bˡ = δˡ

D. E. Rumelhart, G. E. Hinton & R. J. Williams, Nature 323, 1986, pp. 533-536.

Arrays are ``(runs, samples, units)``. ``np.matmul`` calls BLAS once per run, with shapes that do not depend on the
number of runs, so that a run has the same bits in every block. This requires weights whose last axes are contiguous:
for others, NumPy chooses other routines. The samples are processed in slices of a fixed number, whose sums are added in
order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from bpviz.declare import Array
    from bpviz.problems.network.activations import Activation
    from bpviz.problems.network.losses import Loss

SLICE = 128
"""The number of samples that are processed together."""


class Dense(NamedTuple):
    """The shape and the activation of a layer; the activation of the last one belongs to the loss."""

    inputs: int
    units: int
    bias: bool
    activation: type[Activation] | None

    @property
    def params(self) -> int:
        return self.units * (self.inputs + self.bias)


class Parameters(NamedTuple):
    """The weights ``(runs, units, inputs)`` of a layer, and its biases ``(runs, 1, units)`` if it has any."""

    weights: Array
    biases: Array | None

    def plus_biases(self, z: Array) -> Array:
        return z if self.biases is None else z + self.biases

    def add(self, to_weights: Array, to_biases: Array) -> None:
        """Add to the parameters in place; ``to_biases`` has no effect without biases."""
        np.add(self.weights, to_weights, out=self.weights)
        if self.biases is not None:
            np.add(self.biases, to_biases, out=self.biases)


class Pass(NamedTuple):
    """The forward pass of a slice of samples: the activations a⁰ ... aᴸ and the weighted sums z¹ ... zᴸ."""

    activations: list[Array]
    sums: list[Array]
    targets: Array


class Layered:
    """A network with data: features ``(1 or runs, samples, inputs)`` and targets ``(1 or runs, samples, outputs)``."""

    def __init__(self, layers: Sequence[Dense], loss: Loss, features: Array, targets: Array) -> None:
        self.layers, self.loss = layers, loss
        self.features, self.targets = features, targets
        self.samples = features.shape[1]
        self.params = sum(layer.params for layer in layers)

    def part(self, samples: npt.NDArray[np.int64]) -> Layered:
        """Return the network on some samples, given by index: ``(batch, 1)``, or ``(batch, runs)`` if runs differ."""
        features, targets = (np.ascontiguousarray(a[0, samples.T]) for a in (self.features, self.targets))
        return Layered(self.layers, self.loss, features, targets)

    def at(self, w: Array, spare: object = None) -> LayeredPoint:
        return LayeredPoint(self, w)

    def split(self, w: Array) -> Iterator[Parameters]:
        """Yield the parameters of each layer, as views of ``w (runs, params)``, which is C-contiguous.

        ``w`` has, per layer, the weights unit by unit, then the biases.
        """
        first = 0
        for layer in self.layers:
            size = layer.units * layer.inputs
            weights = w[:, first : first + size].reshape(-1, layer.units, layer.inputs)
            first += size
            bias = w[:, None, first : first + layer.units] if layer.bias else None
            first += layer.units * layer.bias
            yield Parameters(weights, bias)


class LayeredPoint:
    """A network at one block of weights."""

    def __init__(self, network: Layered, w: Array) -> None:
        self.network = network
        self.w = np.ascontiguousarray(w)

    @cached_property
    def _weights(self) -> list[Parameters]:
        return list(self.network.split(self.w))

    @cached_property
    def passes(self) -> list[Pass]:
        """The forward passes of all slices."""
        network = self.network
        passes = []
        for first in range(0, network.samples, SLICE):
            a = network.features[:, first : first + SLICE]
            activations, sums = [a], []
            for layer, parameters in zip(network.layers, self._weights, strict=True):
                z = parameters.plus_biases(a @ parameters.weights.transpose(0, 2, 1))
                a = network.loss.predicted(z) if layer.activation is None else layer.activation.value(z)
                activations.append(a)
                sums.append(z)
            passes.append(Pass(activations, sums, network.targets[:, first : first + SLICE]))
        return passes

    def predictions(self) -> Array:
        """Return the predictions ``(runs, samples, outputs)``."""
        return np.concatenate([one.activations[-1] for one in self.passes], axis=1)

    def error(self) -> Array:
        error = np.zeros(len(self.w))
        for one in self.passes:
            losses = self.network.loss.value(one.sums[-1], one.activations[-1], one.targets)
            error += np.ascontiguousarray(losses).sum(axis=1)
        mean: Array = error / self.network.samples
        return mean

    def gradient(self) -> Array:
        gradient = np.zeros_like(self.w)
        layers = list(self.network.split(gradient))
        for one in self.passes:
            output = self.network.loss.slope(one.sums[-1], one.activations[-1], one.targets)
            for number, delta in self._deltas(one, output):
                layers[number].add(delta.transpose(0, 2, 1) @ one.activations[number], _sum_of_samples(delta))
        return _by_run(gradient / self.network.samples)

    def backward(self) -> list[Array]:
        """Return the δ ``(runs, samples, units)`` of each layer, from the first to the last."""
        loss = self.network.loss
        found = []
        for one in self.passes:
            output = loss.slope(one.sums[-1], one.activations[-1], one.targets)
            found.append([delta for _, delta in self._deltas(one, output)][::-1])
        return [np.concatenate(deltas, axis=1) for deltas in zip(*found, strict=True)]

    def _deltas(self, one: Pass, output: Array) -> Iterator[tuple[int, Array]]:
        """Yield the number of each layer, from 0, and its δ, starting with the last layer, whose δ is ``output``."""
        delta = output
        for number in reversed(range(len(self.network.layers))):
            yield number, delta
            if number:
                delta = (delta @ self._weights[number].weights) * self._slope(one, number - 1)

    def _slope(self, one: Pass, number: int) -> Array:
        """Return f'(z) of a hidden layer."""
        activation = self.network.layers[number].activation
        assert activation
        return activation.slope(one.sums[number], one.activations[number + 1])

    def residuals(self) -> Array:
        """Return the residuals ``(runs, samples · outputs)`` of a loss of squares; their squares add to the error."""
        scale = self._residual_scale()
        found = [scale * (one.activations[-1] - one.targets).reshape(len(self.w), -1) for one in self.passes]
        return np.concatenate(found, axis=1)

    def jacobian(self) -> Array:
        """Return the derivatives ``(runs, samples · outputs, params)`` of the residuals."""
        network, runs = self.network, len(self.w)
        outputs, scale = network.layers[-1].units, self._residual_scale()
        rows = np.zeros((outputs, runs, network.samples, network.params))
        for number, one in enumerate(self.passes):
            slope = network.loss.activation.slope(one.sums[-1], one.activations[-1])  # type: ignore[union-attr]
            for output, of_output in enumerate(rows):
                samples = np.zeros((runs, slope.shape[1], network.params))
                layers = list(network.split(samples.reshape(-1, network.params)))  # each sample as a run of its own
                delta = np.where(np.arange(outputs) == output, scale * slope, 0)
                for layer, d in self._deltas(one, delta):
                    products = d[..., None] * one.activations[layer][:, :, None, :]
                    layers[layer].add(products.reshape(-1, *products.shape[2:]), d.reshape(-1, 1, d.shape[2]))
                of_output[:, number * SLICE : (number + 1) * SLICE] = samples
        return rows.transpose(1, 2, 0, 3).reshape(runs, -1, network.params)

    def _residual_scale(self) -> float:
        scale: float = self.network.loss.scale  # type: ignore[attr-defined]
        return float(np.sqrt(scale / (self.network.samples * self.network.layers[-1].units)))

    def hessian(self) -> Array:
        """Return the Hessians ``(runs, params, params)``, one column per weight."""
        params = self.network.params
        columns = [
            self.hessian_times(np.broadcast_to(np.eye(params)[column], self.w.shape)) for column in range(params)
        ]
        hessian = np.stack(columns, axis=2)
        return (hessian + hessian.transpose(0, 2, 1)) / 2

    def hessian_times(self, v: Array) -> Array:
        """Return the products ``(runs, params)`` of the Hessians and ``v (runs, params)``.

        Each quantity of the forward pass and of backpropagation is differentiated along v; these derivatives are R{·}
        in B. A. Pearlmutter, Neural Computation 6(1), 1994, pp. 147-160.
        """
        network = self.network
        along = list(network.split(np.ascontiguousarray(v)))
        product = np.zeros_like(self.w)
        layers = list(network.split(product))
        for one in self.passes:
            r_sums, r_activations = self._forward_along(one, along)
            z, p = one.sums[-1], one.activations[-1]
            r_delta = network.loss.slope_along(z, p, one.targets, r_sums[-1])
            for number, delta in self._deltas(one, network.loss.slope(z, p, one.targets)):
                a, r_a = one.activations[number], r_activations[number]
                of_weights = r_delta.transpose(0, 2, 1) @ a + delta.transpose(0, 2, 1) @ r_a
                layers[number].add(of_weights, _sum_of_samples(r_delta))
                if number:
                    weights, r_weights = self._weights[number].weights, along[number].weights
                    bend = self._curvature(one, number - 1) * r_sums[number - 1]
                    r_delta = (r_delta @ weights + delta @ r_weights) * self._slope(one, number - 1)
                    r_delta = r_delta + (delta @ weights) * bend
        return _by_run(product / network.samples)

    def _forward_along(self, one: Pass, along: Sequence[Parameters]) -> tuple[list[Array], list[Array]]:
        """Return the derivatives of the weighted sums and of the activations along a direction of the weights."""
        sums, activations = [], [np.zeros_like(one.activations[0])]
        for number, layer in enumerate(self.network.layers):
            r = activations[-1] @ self._weights[number].weights.transpose(0, 2, 1)
            r = along[number].plus_biases(r + one.activations[number] @ along[number].weights.transpose(0, 2, 1))
            sums.append(r)
            if layer.activation:
                activations.append(self._slope(one, number) * r)
        return sums, activations

    def _curvature(self, one: Pass, number: int) -> Array:
        """Return f''(z) of a hidden layer."""
        activation = self.network.layers[number].activation
        assert activation
        return activation.curvature(one.sums[number], one.activations[number + 1])


def _sum_of_samples(delta: Array) -> Array:
    """Return the sums ``(runs, 1, units)`` over the samples, by BLAS, whose order does not depend on the runs."""
    return np.ones((1, delta.shape[1]), delta.dtype) @ delta


def _by_run(a: Array) -> Array:
    """Return ``a (runs, params)`` with contiguous runs, as rules compute."""
    return np.asfortranarray(a)
