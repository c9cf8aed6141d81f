"""The perceptron's arithmetic: one forward pass in reused memory, then whatever is asked.

Inside, arrays are ``(samples, runs)``: operations run along the runs, and sums over samples add in one order (see rows).
With z the weighted sum, p = a(z) the prediction, d = p - y its deviation and φ the loss of one sample as a function of z,

    error = mean φ,   gradient = mean φ' x,   Hessian = mean φ'' x xᵀ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bpviz import rows

if TYPE_CHECKING:
    from bpviz.declare import Array
    from bpviz.problems.datasets import Dataset


class Sigmoid:
    """a(z) = 1 / (1 + exp(-z))"""

    @staticmethod
    def value(z: Array, out: Array) -> Array:
        np.negative(z, out=out)
        np.exp(out, out=out)
        np.add(out, 1.0, out=out)
        return np.reciprocal(out, out=out)

    @staticmethod
    def slope(z: Array, p: Array, out: Array) -> Array:
        np.subtract(1.0, p, out=out)
        return np.multiply(out, p, out=out)

    @staticmethod
    def curvature(z: Array, p: Array, out: Array) -> Array:
        return np.multiply(p * (1.0 - p), 1.0 - 2.0 * p, out=out)


class Tanh:
    """a(z) = tanh z"""

    @staticmethod
    def value(z: Array, out: Array) -> Array:
        return np.tanh(z, out=out)

    @staticmethod
    def slope(z: Array, p: Array, out: Array) -> Array:
        np.multiply(p, p, out=out)
        return np.subtract(1.0, out, out=out)

    @staticmethod
    def curvature(z: Array, p: Array, out: Array) -> Array:
        return np.multiply(-2.0 * p, 1.0 - p * p, out=out)


class Relu:
    """a(z) = max(z, 0), with slope 0 at z = 0"""

    @staticmethod
    def value(z: Array, out: Array) -> Array:
        return np.maximum(z, 0.0, out=out)

    @staticmethod
    def slope(z: Array, p: Array, out: Array) -> Array:
        return np.heaviside(z, 0.0, out=out)

    @staticmethod
    def curvature(z: Array, p: Array, out: Array) -> Array:
        out.fill(0.0)
        return out


class Softplus:
    """a(z) = log(1 + exp z)"""

    @staticmethod
    def value(z: Array, out: Array) -> Array:
        return np.logaddexp(z, 0.0, out=out)

    @staticmethod
    def slope(z: Array, p: Array, out: Array) -> Array:
        return Sigmoid.value(z, out)

    @staticmethod
    def curvature(z: Array, p: Array, out: Array) -> Array:
        s = Sigmoid.value(z, np.empty_like(z))
        return np.multiply(s, 1.0 - s, out=out)


class Linear:
    """a(z) = z"""

    @staticmethod
    def value(z: Array, out: Array) -> Array:
        np.copyto(out, z)
        return out

    @staticmethod
    def slope(z: Array, p: Array, out: Array) -> Array:
        out.fill(1.0)
        return out

    @staticmethod
    def curvature(z: Array, p: Array, out: Array) -> Array:
        out.fill(0.0)
        return out


ACTIVATIONS: dict[str, type] = {
    "sigmoid": Sigmoid,
    "tanh": Tanh,
    "relu": Relu,
    "softplus": Softplus,
    "linear": Linear,
}


class Squares:
    """φ = scale d², so φ' = 2 scale d a' and φ'' = 2 scale (a'² + d a'')"""

    def __init__(self, scale: float) -> None:
        self.scale = scale
        self.slope_scale = 2.0 * scale

    def value(self, at: NeuronPoint, out: Array) -> Array:
        return np.multiply(at.d, at.d, out=out)

    def slope(self, at: NeuronPoint, out: Array) -> Array:
        at.activation.slope(at.z, at.p, out)
        return np.multiply(out, at.d, out=out)

    def curvature(self, at: NeuronPoint, out: Array) -> Array:
        slope = at.activation.slope(at.z, at.p, np.empty_like(out))
        at.activation.curvature(at.z, at.p, out)
        np.multiply(out, at.d, out=out)
        return np.add(out, slope * slope, out=out)


class Absolute:
    """φ = |d|, so φ' = sign(d) a' and φ'' = sign(d) a''; at d = 0 the slope is taken as 0"""

    scale = slope_scale = 1.0

    def value(self, at: NeuronPoint, out: Array) -> Array:
        return np.abs(at.d, out=out)

    def slope(self, at: NeuronPoint, out: Array) -> Array:
        at.activation.slope(at.z, at.p, out)
        return np.multiply(out, np.sign(at.d), out=out)

    def curvature(self, at: NeuronPoint, out: Array) -> Array:
        at.activation.curvature(at.z, at.p, out)
        return np.multiply(out, np.sign(at.d), out=out)


class CrossEntropy:
    """φ = -y log p - (1 - y) log(1 - p) with p = sigmoid z, that is log(1 + exp z) - y z: finite wherever z is.

    φ' = p - y and φ'' = p (1 - p).
    """

    scale = slope_scale = 1.0

    def value(self, at: NeuronPoint, out: Array) -> Array:
        np.logaddexp(at.z, 0.0, out=out)
        return np.subtract(out, at.y * at.z, out=out)

    def slope(self, at: NeuronPoint, out: Array) -> Array:
        np.copyto(out, at.d)
        return out

    def curvature(self, at: NeuronPoint, out: Array) -> Array:
        return Sigmoid.slope(at.z, at.p, out)


LOSSES: dict[str, Squares | Absolute | CrossEntropy] = {
    "mse": Squares(1.0),
    "half-mse": Squares(0.5),
    "cross-entropy": CrossEntropy(),
    "mae": Absolute(),
}


class Neuron:
    """A dataset as arrays, with what is done to it."""

    def __init__(self, dataset: Dataset, activation: str, bias: bool, loss: str) -> None:
        features = np.array(dataset.features, dtype=np.float64)
        if bias:
            features = np.column_stack([features, np.ones(len(features))])
        self.samples, self.params = features.shape
        self.x = np.ascontiguousarray(features.T)[:, :, None]  # (params, samples, 1)
        self.y = np.array(dataset.targets, dtype=np.float64)[:, None]
        self.activation = ACTIVATIONS[activation]
        self.loss = LOSSES[loss]

    def at(self, w: Array, spare: NeuronPoint | None = None) -> NeuronPoint:
        return NeuronPoint(self, w, spare)


class NeuronPoint:
    """The neuron at one block of weights. Answers are fresh arrays; what is kept between questions is not handed out."""

    def __init__(self, neuron: Neuron, w: Array, spare: NeuronPoint | None) -> None:
        runs = len(w)
        if spare is not None and spare.z.shape[1] == runs:
            self.z, self.p, self.d, self.work, self.products = spare.z, spare.p, spare.d, spare.work, spare.products
        else:
            shape = (neuron.samples, runs)
            self.z, self.p, self.d, self.work = (np.empty(shape) for _ in range(4))
            self.products = np.empty((neuron.params, *shape))
        self.neuron = neuron
        self.activation = neuron.activation
        self.y = neuron.y
        np.multiply(neuron.x, w.T[:, None, :], out=self.products)
        np.add.reduce(self.products, axis=0, out=self.z) if neuron.params > 1 else None
        self.activation.value(self.z, self.p)
        np.subtract(self.p, self.y, out=self.d)

    def error(self) -> Array:
        loss = self.neuron.loss
        return rows.total(loss.value(self, self.work), axis=0) * (loss.scale / self.neuron.samples)

    def gradient(self) -> Array:
        loss = self.neuron.loss
        slope = loss.slope(self, self.work)
        np.multiply(self.neuron.x, slope, out=self.products)
        g = rows.total(self.products, axis=1) * (loss.slope_scale / self.neuron.samples)
        return g.T

    def hessian(self) -> Array:
        loss, x = self.neuron.loss, self.neuron.x
        np.multiply(x, loss.curvature(self, self.work), out=self.products)
        h = rows.total(x[:, None] * self.products, axis=2) * (loss.slope_scale / self.neuron.samples)
        return np.ascontiguousarray(h.transpose(2, 0, 1))

    def residuals(self) -> Array:
        return (self.d * self._residual_scale()).T

    def jacobian(self) -> Array:
        slope = self.activation.slope(self.z, self.p, self.work)
        j = self.neuron.x * (slope * self._residual_scale())  # (params, samples, runs)
        return j.transpose(2, 1, 0)

    def _residual_scale(self) -> float:
        return float(np.sqrt(self.neuron.loss.scale / self.neuron.samples))
