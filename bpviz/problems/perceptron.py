"""The perceptron: the mean loss of one neuron on a dataset, as a function of its weights."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from bpviz.declare import hyper, problem
from bpviz.declare.domains import Choice, Flag
from bpviz.problems import targets
from bpviz.problems.data.points import SixPoints

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from bpviz.declare import Array
    from bpviz.problems._neuron import Neuron, NeuronPoint
    from bpviz.problems.datasets import Dataset
    from bpviz.problems.network.network import Network

# The classes of _neuron by name, as text: reading a config must not import NumPy.
ACTIVATIONS = {"sigmoid": "Sigmoid", "tanh": "Tanh", "relu": "Relu", "softplus": "Softplus", "linear": "Linear"}
LOSSES = {"mse": "Squares", "half-mse": "HalfSquares", "cross-entropy": "CrossEntropy", "mae": "Absolute"}


@problem("perceptron", source="F. Rosenblatt, Psychological Review 65(6), 1958; with a continuous activation")
class Perceptron:
    """Single neuron on a dataset.

    The prediction is a(X w), or a(X w + b) with a bias; the error is the mean loss over the samples. The weights are
    w, one per feature, followed by the bias b if there is one.
    """

    dataset: Dataset = SixPoints().dataset()
    activation: str = hyper("sigmoid", Choice(tuple(ACTIVATIONS)), "activation function a, applied to the weighted sum")
    bias: bool = hyper(False, Flag(), "whether to add a bias to the weighted sum, as one more weight")
    loss: str = hyper("mse", Choice(tuple(LOSSES)), "loss of one sample; the error is the mean over all samples")

    window = ((-6.0, 6.0), (-6.0, 6.0))
    minima = ()  # unknown, since they depend on the data
    lowest = 0.0  # lower bound of every loss, whether or not the data allow it
    threshold = 0.125

    def conflicts(self) -> list[tuple[str, str]]:
        if self.loss != "cross-entropy":
            return []
        wrong = []
        if self.activation != "sigmoid":
            needed = "cross-entropy requires activation sigmoid"
            wrong.append(("loss", f"{needed} (got {self.activation})"))
        complaint = targets.probabilities_complaint(self.loss, self.dataset.targets)
        if complaint:
            wrong.append(("loss", complaint))
        return wrong

    @property
    def data_warning(self) -> str:
        """A sentence about targets that no weights can predict; "" if there are none."""
        return targets.range_warning(self.dataset.targets, self.activation, self.loss)

    @property
    def weights(self) -> tuple[str, ...]:
        names = tuple(f"w{i + 1}" for i in range(len(self.dataset.features[0])))
        return (*names, "b") if self.bias else names

    @property
    def start(self) -> tuple[float, ...]:
        return (-4.0,) * len(self.weights)

    @property
    def offers(self) -> frozenset[str]:
        squares = ("residuals", "jacobian") if self.loss in ("mse", "half-mse") else ()
        return frozenset(("error", "gradient", "hessian", *squares))

    @property
    def width(self) -> int:
        return len(self.dataset.targets) * len(self.weights)

    def array_elements(self, kind: str, runs: int) -> int:
        """Return how many array elements an evaluation takes: data, work arrays of all runs and, for some kinds, more.

        A Hessian is the sum over samples of products of features, which are stored once and once per run.
        """
        params, samples = len(self.weights), self.samples
        more = {"hessian": params * params * max(3, runs + 1), "jacobian": 2 * params * runs}.get(kind, 0)
        return samples * (2 * params + (5 + params) * runs + more)

    @property
    def samples(self) -> int:
        return len(self.dataset.targets)

    def part(self, samples: npt.NDArray[np.int64]) -> Neuron:
        return self._neuron.part(samples)

    def at(self, w: Array, spare: Any = None) -> NeuronPoint:
        return self._neuron.at(w, spare)

    def as_network(self) -> Network:
        """Return the same problem, with the same order of weights, as a network of one layer."""
        from bpviz.problems.network.layers import Layer
        from bpviz.problems.network.network import Network

        loss = "binary-cross-entropy" if self.loss == "cross-entropy" else self.loss
        return Network(self.dataset, (Layer(1, self.activation, self.bias),), loss)

    @cached_property
    def _neuron(self) -> Neuron:
        from bpviz.problems import _neuron  # NumPy only when something is computed

        activation, loss = (getattr(_neuron, kind) for kind in (ACTIVATIONS[self.activation], LOSSES[self.loss]))
        return _neuron.Neuron(self.dataset, activation, self.bias, loss())
