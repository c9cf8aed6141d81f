"""Declarations of the layers of a network and of its initial weights, without NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bpviz.declare import hyper
from bpviz.declare.domains import Choice, Flag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bpviz.declare import Array

# The classes of activations and losses by name, as text: reading a config must not import NumPy.
ACTIVATIONS = {
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "relu": "Relu",
    "leaky-relu": "LeakyRelu",
    "elu": "Elu",
    "gelu": "Gelu",
    "softplus": "Softplus",
    "linear": "Linear",
}
SOFTMAX = "softmax"
LOSSES = {
    "mse": "Squares",
    "half-mse": "HalfSquares",
    "mae": "Absolute",
    "binary-cross-entropy": "BinaryCrossEntropy",
    "categorical-cross-entropy": "CategoricalCrossEntropy",
}
FOR_CLASSES = "categorical-cross-entropy"
"""The loss for targets that are numbers of classes."""
OUTPUT = {"binary-cross-entropy": "sigmoid", "categorical-cross-entropy": SOFTMAX}
"""The activation of the last layer that a loss requires."""


@dataclass(frozen=True)
class Layer:
    """A dense layer: a = f(W x + b)."""

    dense: int = hyper(1, "integer [1, 100000]", "number of units")
    activation: str = hyper("sigmoid", Choice((*ACTIVATIONS, SOFTMAX)), "activation function f")
    bias: bool = hyper(True, Flag(), "whether to add a bias to each weighted sum")


@dataclass(frozen=True)
class Initial:
    """Random initial weights.

    uniform: between low and high. The others are scaled by the inputs n and the units m of a layer, and biases are 0:

    glorot: variance 2 / (n + m); he: variance 2 / n; lecun: variance 1 / n

    Source: X. Glorot & Y. Bengio, AISTATS 2010; K. He et al., ICCV 2015, arXiv:1502.01852; Y. LeCun et al., Efficient
    BackProp, 1998.
    """

    kind: str = hyper("glorot", Choice(("glorot", "he", "lecun", "uniform", "zeros")), "kind of random weights")
    distribution: str = hyper("uniform", Choice(("uniform", "normal")), "distribution of glorot, he and lecun")
    low: float = hyper(0.0, "[-1000, 1000]", "lower limit of uniform")
    high: float = hyper(1.0, "[-1000, 1000]", "upper limit of uniform")
    seed: int = hyper(1, "integer [0, 4294967295]", "seed of the random numbers")

    def conflicts(self) -> list[tuple[str, str]]:
        return [] if self.low < self.high else [("high", f"expected more than low ({self.low:g}), got {self.high:g}")]

    def weights(self, shapes: Sequence[tuple[int, int, bool]]) -> Array:
        """Return initial weights ``(params,)`` of layers given as (inputs, units, bias)."""
        import numpy as np

        draw = np.random.default_rng(self.seed)
        parts = [self._layer(draw, inputs, units, bias) for inputs, units, bias in shapes]
        return np.concatenate(parts)

    def _layer(self, draw: object, inputs: int, units: int, bias: bool) -> Array:
        import numpy as np

        assert isinstance(draw, np.random.Generator)
        size = inputs * units
        if self.kind == "zeros":
            return np.zeros(size + units * bias)
        if self.kind == "uniform":
            return draw.uniform(self.low, self.high, size + units * bias)
        variance = {"glorot": 2 / (inputs + units), "he": 2 / inputs, "lecun": 1 / inputs}[self.kind]
        if self.distribution == "normal":
            weights = draw.normal(0, variance**0.5, size)
        else:
            limit = (3 * variance) ** 0.5
            weights = draw.uniform(-limit, limit, size)
        return np.concatenate([weights, np.zeros(units * bias)])
