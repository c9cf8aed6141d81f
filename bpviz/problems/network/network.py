"""A network of dense layers: the mean loss of its predictions on a dataset, as a function of its weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from bpviz.declare import hyper
from bpviz.declare.domains import Choice
from bpviz.problems import targets
from bpviz.problems.network.layers import ACTIVATIONS, LOSSES, OUTPUT, SOFTMAX, Initial, Layer

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from bpviz.declare import Array, Minimum
    from bpviz.problems.datasets import Dataset
    from bpviz.problems.network.backpropagation import Layered, LayeredPoint

MOST_WEIGHTS = 2_000_000
_MOST_FOR_HESSIAN = 300  # weights; a Hessian takes a forward and backward pass per weight


@dataclass(frozen=True)
class Network:
    """Network of dense layers on a dataset.

    Each layer computes f(W a + b) from the activations a of the layer before it; the last layer predicts, and the error
    is the mean loss over the samples. The weights are, per layer, W unit by unit, then b: W1[2,3] belongs to unit 2 and
    input 3 of layer 1.
    """

    name: ClassVar[str] = "network"
    source: ClassVar[str] = "D. E. Rumelhart, G. E. Hinton & R. J. Williams, Nature 323, 1986, pp. 533-536"

    dataset: Dataset
    layers: tuple[Layer, ...]
    loss: str = hyper("mse", Choice(tuple(LOSSES)), "loss of one sample; the error is the mean over all samples")
    initial: Initial = field(default=Initial(), compare=False)  # determines nothing but the default start

    window: ClassVar[tuple[tuple[float, float], tuple[float, float]]] = ((-6.0, 6.0), (-6.0, 6.0))
    minima: ClassVar[tuple[Minimum, ...]] = ()  # unknown, since they depend on the data
    lowest: ClassVar[float] = 0.0  # lower bound of every loss, whether or not the data allow it
    threshold: ClassVar[float] = 0.125

    def conflicts(self) -> list[tuple[str, str]]:
        """Return (field, complaint) of layers, loss and targets that do not fit; layers as ``layers.2``."""
        if self.params > MOST_WEIGHTS:
            size = f"{self.params:,} weights ({8 * self.params / 1e9:,.3g} GB per copy)"
            return [("layers", f"expected at most {MOST_WEIGHTS:,} weights, got {size}; use smaller layers")]
        wrong = [
            (f"layers.{number}", f"{SOFTMAX} is an activation of the last layer")
            for number, layer in enumerate(self.layers[:-1])
            if layer.activation == SOFTMAX
        ]
        last, place = self.layers[-1], f"layers.{len(self.layers) - 1}"
        needed = OUTPUT.get(self.loss)
        if needed and last.activation != needed:
            wrong.append(
                ("loss", f"{self.loss} requires activation {needed} in the last layer (got {last.activation})")
            )
        if not needed and last.activation == SOFTMAX:
            wrong.append(("loss", f"{SOFTMAX} requires loss categorical-cross-entropy (got {self.loss})"))
        given = self.dataset.targets
        if self.loss == "categorical-cross-entropy":
            classes = range(last.dense)
            odd = next((target for target in given if target not in classes), None)
            if last.dense < 2:
                wrong.append((place, f"{self.loss} requires two or more units, one per class (got {last.dense})"))
            elif odd is not None:
                wrong.append((place, f"expected classes 0 to {last.dense - 1}, one per unit (the dataset has {odd:g})"))
        else:
            if last.dense != 1:
                wrong.append((place, f"the last layer has {last.dense} units, but the dataset has one target"))
            complaint = targets.probabilities_complaint(self.loss, given) if needed else ""
            if complaint:
                wrong.append(("loss", complaint))
        return wrong

    @property
    def data_warning(self) -> str:
        """A sentence about targets that no weights can predict; "" if there are none."""
        last = self.layers[-1].activation
        return "" if self.loss in OUTPUT else targets.range_warning(self.dataset.targets, last, self.loss)

    @cached_property
    def shapes(self) -> tuple[tuple[int, int, bool], ...]:
        """The inputs, the units and whether there are biases, of each layer."""
        inputs = [len(self.dataset.features[0]), *(layer.dense for layer in self.layers)]
        return tuple((n, layer.dense, layer.bias) for n, layer in zip(inputs, self.layers, strict=False))

    @property
    def params(self) -> int:
        return sum(units * (inputs + bias) for inputs, units, bias in self.shapes)

    @cached_property
    def weights(self) -> tuple[str, ...]:
        return tuple(self._names())

    def _names(self) -> Iterator[str]:
        for number, (inputs, units, bias) in enumerate(self.shapes, 1):
            for unit in range(1, units + 1):
                yield from (f"W{number}[{unit},{one}]" for one in range(1, inputs + 1))
            if bias:
                yield from (f"b{number}[{unit}]" for unit in range(1, units + 1))

    @cached_property
    def start(self) -> tuple[float, ...]:
        return tuple(self.initial.weights(self.shapes).tolist())

    @property
    def offers(self) -> frozenset[str]:
        hessian = ("hessian",) if self.params <= _MOST_FOR_HESSIAN else ()
        squares = ("residuals", "jacobian") if self.loss in ("mse", "half-mse") else ()
        return frozenset(("error", "gradient", *hessian, *squares))

    @property
    def width(self) -> int:
        """The weighted sums and activations of all samples, and the weights with their derivatives."""
        return 2 * self.samples * sum(units for _, units, _ in self.shapes) + 3 * self.params

    def array_elements(self, kind: str, runs: int) -> int:
        """Return how many array elements an evaluation takes: sums and activations, weights and derivatives of runs."""
        outputs = self.samples * self.layers[-1].dense
        more = {"hessian": 2 * self.params**2, "jacobian": 2 * outputs * self.params}.get(kind, 0)
        return runs * (self.width + more)

    @property
    def samples(self) -> int:
        return len(self.dataset.targets)

    def part(self, samples: npt.NDArray[np.int64]) -> Layered:
        return self._layered.part(samples)

    def as_network(self) -> Network:
        return self

    def at(self, w: Array, spare: Any = None) -> LayeredPoint:
        return self._layered.at(w)

    @cached_property
    def _layered(self) -> Layered:
        import numpy as np

        from bpviz.problems.network import activations, backpropagation, losses

        *hidden, last = [getattr(activations, ACTIVATIONS.get(one.activation, ""), None) for one in self.layers]
        layers = [backpropagation.Dense(*shape, kind) for shape, kind in zip(self.shapes, (*hidden, None), strict=True)]
        features = np.array(self.dataset.inputs, np.float64)[None]
        wanted = np.array(self.dataset.targets, np.float64)[None, :, None]
        kind = getattr(losses, LOSSES[self.loss])
        if self.loss == "categorical-cross-entropy":
            wanted = (wanted == np.arange(self.layers[-1].dense)).astype(np.float64)
        return backpropagation.Layered(layers, kind() if self.loss in OUTPUT else kind(last), features, wanted)
