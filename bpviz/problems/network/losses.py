"""Losses of networks: of one sample, as functions of the weighted sums z of the output layer.

A loss gives its value, its derivative by z and the derivative of that along a direction v of z. Arrays are ``(runs,
samples, outputs)``, targets ``(1 or runs, samples, outputs)``; the value is ``(runs, samples)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from bpviz.problems.network.activations import Sigmoid, softmax

if TYPE_CHECKING:
    from bpviz.declare import Array
    from bpviz.problems.network.activations import Activation


class Loss(Protocol):
    """The loss φ of each sample; the error is its mean over the samples.

    ``activation`` is that of every output, None if a prediction depends on the sums of all outputs. ``of_prediction``
    is the loss as a function of the predictions alone, and ``by_prediction`` its derivative.
    """

    activation: type[Activation] | None

    def of_prediction(self, p: Array, y: Array) -> Array: ...
    def by_prediction(self, p: Array, y: Array) -> Array: ...
    def predicted(self, z: Array) -> Array: ...
    def value(self, z: Array, p: Array, y: Array) -> Array: ...
    def slope(self, z: Array, p: Array, y: Array) -> Array: ...
    def slope_along(self, z: Array, p: Array, y: Array, v: Array) -> Array: ...


def _mean(losses: Array) -> Array:
    """Return the mean over the outputs."""
    mean: Array = losses.sum(axis=-1) / losses.shape[-1]
    return mean


def _per_output(derivatives: Array) -> Array:
    """Return the derivatives of a mean over the outputs."""
    shared: Array = derivatives / derivatives.shape[-1]
    return shared


def _times_log(y: Array, p: Array) -> Array:
    """Return y log p, which is 0 for y = 0."""
    return np.where(y == 0, 0.0, y * np.log(np.where(y == 0, 1.0, p)))


def _ratio(y: Array, p: Array) -> Array:
    """Return y / p, which is 0 for y = 0."""
    return np.where(y == 0, 0.0, y / np.where(y == 0, 1.0, p))


class _OfDifference:
    """A loss φ(d) of the difference d = a(z) - y, averaged over the outputs."""

    def __init__(self, activation: type[Activation]) -> None:
        self.activation = activation

    def predicted(self, z: Array) -> Array:
        return self.activation.value(z)

    def value(self, z: Array, p: Array, y: Array) -> Array:
        return self.of_prediction(p, y)

    def slope(self, z: Array, p: Array, y: Array) -> Array:
        return self.by_prediction(p, y) * self.activation.slope(z, p)

    def of_prediction(self, p: Array, y: Array) -> Array:
        raise NotImplementedError

    def by_prediction(self, p: Array, y: Array) -> Array:
        raise NotImplementedError


class Squares(_OfDifference):
    """φ = scale d², averaged over the outputs"""

    scale = 1.0

    def of_prediction(self, p: Array, y: Array) -> Array:
        d = p - y
        return _mean(self.scale * d * d)

    def by_prediction(self, p: Array, y: Array) -> Array:
        return _per_output(2 * self.scale * (p - y))

    def slope_along(self, z: Array, p: Array, y: Array, v: Array) -> Array:
        slope = self.activation.slope(z, p)
        return _per_output(2 * self.scale * (slope**2 + (p - y) * self.activation.curvature(z, p)) * v)


class HalfSquares(Squares):
    """φ = d²/2, averaged over the outputs"""

    scale = 0.5


class Absolute(_OfDifference):
    """φ = |d|, averaged over the outputs; the slope at d = 0 is defined as 0"""

    def of_prediction(self, p: Array, y: Array) -> Array:
        return _mean(abs(p - y))

    def by_prediction(self, p: Array, y: Array) -> Array:
        return _per_output(np.sign(p - y))

    def slope_along(self, z: Array, p: Array, y: Array, v: Array) -> Array:
        return _per_output(np.sign(p - y) * self.activation.curvature(z, p) * v)


class BinaryCrossEntropy:
    """φ = -y log p - (1 - y) log(1 - p) with p = sigmoid z, averaged over the outputs

    It equals max(z, 0) - y z + log(1 + exp -|z|), which is finite for every finite z.
    """

    activation = Sigmoid

    def of_prediction(self, p: Array, y: Array) -> Array:
        return -_mean(_times_log(y, p) + _times_log(1 - y, 1 - p))

    def by_prediction(self, p: Array, y: Array) -> Array:
        return _per_output(_ratio(1 - y, 1 - p) + _ratio(-y, p))

    def predicted(self, z: Array) -> Array:
        return Sigmoid.value(z)

    def value(self, z: Array, p: Array, y: Array) -> Array:
        return _mean(np.maximum(z, 0) - y * z + np.log1p(np.exp(-abs(z))))

    def slope(self, z: Array, p: Array, y: Array) -> Array:
        return _per_output(p - y)

    def slope_along(self, z: Array, p: Array, y: Array, v: Array) -> Array:
        return _per_output(p * (1 - p) * v)


class CategoricalCrossEntropy:
    """φ = -Σ y log p with p = softmax z, which equals log Σ exp z - Σ y z for targets that add up to 1"""

    activation = None

    def of_prediction(self, p: Array, y: Array) -> Array:
        losses: Array = -_times_log(y, p).sum(axis=-1)
        return losses

    def by_prediction(self, p: Array, y: Array) -> Array:
        return _ratio(-y, p)

    def predicted(self, z: Array) -> Array:
        return softmax(z)

    def value(self, z: Array, p: Array, y: Array) -> Array:
        top = z.max(axis=-1)
        losses: Array = top + np.log(np.exp(z - top[..., None]).sum(axis=-1)) - (y * z).sum(axis=-1)
        return losses

    def slope(self, z: Array, p: Array, y: Array) -> Array:
        return p - y

    def slope_along(self, z: Array, p: Array, y: Array, v: Array) -> Array:
        along: Array = p * (v - (p * v).sum(axis=-1, keepdims=True))
        return along
