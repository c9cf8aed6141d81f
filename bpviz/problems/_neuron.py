"""Computations of the perceptron: one forward pass in reused memory, then the requested derivatives.

Internally, arrays are ``(samples, runs)``: operations run along the runs, and sums over samples have a fixed order (see
numerics.linalg). With the weighted sum z, the prediction p = a(z), its deviation d = p - y and the loss φ of one sample
as a function of z,

    error = mean φ,   gradient = mean φ' x,   Hessian = mean φ'' x xᵀ.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np

from bpviz.numerics import linalg

if TYPE_CHECKING:
    import numpy.typing as npt

    from bpviz.declare import Array
    from bpviz.problems.datasets import Dataset


# Arrays, because Python numbers are converted in every call, which is noticeable for a single run.
_ZERO, _ONE = np.array(0.0), np.array(1.0)


class Activation(Protocol):
    """An activation function and its first two derivatives, written into ``out``; p is its value at z."""

    @staticmethod
    def value(z: Array, out: Array) -> None: ...
    @staticmethod
    def slope(z: Array, p: Array, out: Array) -> None: ...
    @staticmethod
    def curvature(z: Array, p: Array, out: Array) -> None: ...


class Loss(Protocol):
    """φ / scale, φ' / slope_scale and φ'' / slope_scale of every sample, each written into ``out``."""

    scale: float
    slope_scale: float

    def value(self, at: NeuronPoint, out: Array) -> None: ...
    def slope(self, at: NeuronPoint, out: Array) -> None: ...
    def curvature(self, at: NeuronPoint, out: Array) -> None: ...


class Sigmoid:
    """a(z) = 1 / (1 + exp(-z))"""

    @staticmethod
    def value(z: Array, out: Array) -> None:
        np.negative(z, out)
        np.exp(out, out)
        np.add(out, _ONE, out)
        np.divide(_ONE, out, out)  # np.reciprocal takes twice as long

    @staticmethod
    def slope(z: Array, p: Array, out: Array) -> None:
        np.subtract(_ONE, p, out)
        np.multiply(out, p, out)

    @staticmethod
    def curvature(z: Array, p: Array, out: Array) -> None:
        np.multiply(p * (1.0 - p), 1.0 - 2.0 * p, out)


class Tanh:
    """a(z) = tanh z"""

    @staticmethod
    def value(z: Array, out: Array) -> None:
        np.tanh(z, out)

    @staticmethod
    def slope(z: Array, p: Array, out: Array) -> None:
        np.multiply(p, p, out)
        np.subtract(_ONE, out, out)

    @staticmethod
    def curvature(z: Array, p: Array, out: Array) -> None:
        np.multiply(-2.0 * p, 1.0 - p * p, out)


class Relu:
    """a(z) = max(z, 0), with slope 0 at z = 0"""

    @staticmethod
    def value(z: Array, out: Array) -> None:
        np.maximum(z, _ZERO, out=out)

    @staticmethod
    def slope(z: Array, p: Array, out: Array) -> None:
        np.heaviside(z, _ZERO, out)

    @staticmethod
    def curvature(z: Array, p: Array, out: Array) -> None:
        out.fill(0.0)


class Softplus:
    """a(z) = log(1 + exp z)"""

    @staticmethod
    def value(z: Array, out: Array) -> None:
        np.logaddexp(z, _ZERO, out)

    @staticmethod
    def slope(z: Array, p: Array, out: Array) -> None:
        Sigmoid.value(z, out)

    @staticmethod
    def curvature(z: Array, p: Array, out: Array) -> None:
        s = np.empty_like(z)
        Sigmoid.value(z, s)
        np.multiply(s, 1.0 - s, out)


class Linear:
    """a(z) = z"""

    @staticmethod
    def value(z: Array, out: Array) -> None:
        np.copyto(out, z)

    @staticmethod
    def slope(z: Array, p: Array, out: Array) -> None:
        out.fill(1.0)

    @staticmethod
    def curvature(z: Array, p: Array, out: Array) -> None:
        out.fill(0.0)


class Squares:
    """φ = scale d², so φ' = 2 scale d a' and φ'' = 2 scale (a'² + d a'')"""

    scale, slope_scale = 1.0, 2.0

    def value(self, at: NeuronPoint, out: Array) -> None:
        np.multiply(at.d, at.d, out)

    def slope(self, at: NeuronPoint, out: Array) -> None:
        at.activation.slope(at.z, at.p, out)
        np.multiply(out, at.d, out)

    def curvature(self, at: NeuronPoint, out: Array) -> None:
        slope = np.empty_like(out)
        at.activation.slope(at.z, at.p, slope)
        at.activation.curvature(at.z, at.p, out)
        np.multiply(out, at.d, out)
        np.add(out, slope * slope, out)


class HalfSquares(Squares):
    """φ = d²/2"""

    scale, slope_scale = 0.5, 1.0


class Absolute:
    """φ = |d|, so φ' = sign(d) a' and φ'' = sign(d) a''; the slope at d = 0 is defined as 0"""

    scale = slope_scale = 1.0

    def value(self, at: NeuronPoint, out: Array) -> None:
        np.abs(at.d, out)

    def slope(self, at: NeuronPoint, out: Array) -> None:
        at.activation.slope(at.z, at.p, out)
        np.multiply(out, np.sign(at.d), out)

    def curvature(self, at: NeuronPoint, out: Array) -> None:
        at.activation.curvature(at.z, at.p, out)
        np.multiply(out, np.sign(at.d), out)


class CrossEntropy:
    """φ = -y log p - (1 - y) log(1 - p) with p = sigmoid z.

    This equals log(1 + exp z) - y z, computed as max(z, 0) - y z + log(1 + exp -|z|), which is finite for every finite
    z and accurate even where the prediction is correct.

    φ' = p - y and φ'' = p (1 - p).
    """

    scale = slope_scale = 1.0

    def value(self, at: NeuronPoint, out: Array) -> None:
        np.subtract(np.maximum(at.z, _ZERO), at.y * at.z, out)
        np.add(out, np.log1p(np.exp(-np.abs(at.z))), out)

    def slope(self, at: NeuronPoint, out: Array) -> None:
        np.copyto(out, at.d)

    def curvature(self, at: NeuronPoint, out: Array) -> None:
        Sigmoid.slope(at.z, at.p, out)


class Neuron:
    """A dataset as arrays, with its activation and loss."""

    def __init__(self, dataset: Dataset, activation: type[Activation], bias: bool, loss: Loss) -> None:
        features = np.array(dataset.inputs, dtype=np.float64)
        if bias:
            features = np.column_stack([features, np.ones(len(features))])
        self.activation = activation
        self.loss = loss
        self._see(np.ascontiguousarray(features.T)[:, :, None], np.array(dataset.targets, dtype=np.float64)[:, None])

    def _see(self, x: Array, y: Array) -> None:
        """Set features ``(params, samples, 1)`` and targets ``(samples, 1)``; the last axis is runs if they differ."""
        self.params, self.samples, _ = x.shape
        self.x, self.y = x, y
        self.error_scale = np.array(self.loss.scale / self.samples)
        self.slope_scale = self.loss.slope_scale / self.samples
        self.x_scaled = x * self.slope_scale
        self.residual_scale = np.sqrt(self.error_scale)

    @cached_property
    def xx_scaled(self) -> Array:
        """The scaled products of features for Hessians, ``(params, params, samples, 1)``."""
        products: Array = self.x[:, None] * self.x * self.slope_scale
        return products

    def part(self, samples: npt.NDArray[np.int64]) -> Neuron:
        """Return the neuron on some samples, given by index: ``(batch, 1)``, or ``(batch, runs)`` if runs differ."""
        part = object.__new__(Neuron)
        part.activation, part.loss = self.activation, self.loss
        part._see(self.x[:, samples, 0], self.y[samples, 0])
        return part

    def at(self, w: Array, spare: NeuronPoint | None = None) -> NeuronPoint:
        point = NeuronPoint(self) if spare is None or spare.neuron is not self else spare
        if point.runs != len(w):
            point.resize(len(w))
        point.go(w)
        return point


class NeuronPoint:
    """The neuron at one block of weights. Returned arrays are new; cached arrays are not exposed."""

    def __init__(self, neuron: Neuron) -> None:
        self.neuron = neuron
        self.activation = neuron.activation
        self.loss = neuron.loss
        self.runs = -1  # no layout yet
        self.memory = np.empty((5 + neuron.params, 0))

    def resize(self, runs: int) -> None:
        """Allocate work arrays for a number of runs, reusing the existing memory if it suffices."""
        size = self.neuron.samples * runs
        if size > self.memory.shape[1]:
            self.memory = np.empty((5 + self.neuron.params, size))
        parts = self.memory[:, :size].reshape(len(self.memory), self.neuron.samples, runs)
        self.runs = runs
        self.z, self.p, self.d, self.work, self.y = parts[:5]
        self.products = parts[5:]
        self.first, *self.others = self.products
        np.copyto(
            self.y, self.neuron.y
        )  # one per run, because subtracting arrays of equal shape takes a third of the time

    def go(self, w: Array) -> None:
        """Compute the forward pass at ``w``."""
        np.multiply(self.neuron.x, w.T[:, None], self.products)
        z = self.first
        for product in self.others:
            z = np.add(z, product, self.z)
        if z is not self.z:  # a single weight
            np.copyto(self.z, z)
        self.activation.value(self.z, self.p)
        np.subtract(self.p, self.y, self.d)

    def error(self) -> Array:
        self.loss.value(self, self.work)
        error: Array = linalg.total(self.work, 0) * self.neuron.error_scale
        return error

    def gradient(self) -> Array:
        self.loss.slope(self, self.work)
        np.multiply(self.neuron.x_scaled, self.work, self.products)
        return linalg.total(self.products, 1).T

    def hessian(self) -> Array:
        self.loss.curvature(self, self.work)
        hessian = linalg.total(self.neuron.xx_scaled * self.work, 2)
        return hessian.transpose(2, 0, 1)

    def residuals(self) -> Array:
        residuals: Array = self.d * self.neuron.residual_scale
        return residuals.T

    def jacobian(self) -> Array:
        self.activation.slope(self.z, self.p, self.work)
        jacobian: Array = self.neuron.x * (self.work * self.neuron.residual_scale)
        return jacobian.transpose(2, 1, 0)
