"""A network as a drawing: the forward pass and backpropagation of one sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpviz.declare import figure, hyper
from bpviz.declare.domains import Nullable, Text
from bpviz.figures import _network
from bpviz.figures._base import FigureRequest, select, slug
from bpviz.figures._network import BIAS, NetworkArtists, NetworkData
from bpviz.figures._style import word
from bpviz.messages import suggestions, text

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from matplotlib.figure import Figure

    from bpviz.declare import Problem
    from bpviz.engine.results import Results
    from bpviz.problems.network.chain import Chain

_TITLE = "Backpropagation: {algorithm}, epoch {epoch}, sample {sample}"


@figure("network", summary="network with the forward pass and gradients of one sample")
class Network(FigureRequest):
    """The layers of a network after some epochs: units with weighted sum s, activation a and delta δ = dE/ds of a
    sample, and edges with weight and gradient.

    Of layers with more than 8 units, the first 3 and the last 2 are drawn; of more than 6 layers too. If the run ends
    before the epoch, its end is drawn.
    """

    epoch: int = hyper(0, "integer [0, 1000000000]", "epochs before the forward pass")
    sample: int = hyper(1, "integer [1, 1000000000]", "number of the sample")
    algorithm: str | None = hyper(None, Nullable(Text(), "the first"), "algorithm, by label or name")

    @classmethod
    def defaults(cls, problem: Problem, labels: Sequence[str]) -> list[Network]:
        return []

    def invalid_options(self, problem: Problem, algorithms: Collection[str]) -> list[tuple[str, str]]:
        wrong = super().invalid_options(problem, algorithms)
        if not hasattr(problem, "as_network"):
            return [*wrong, ("kind", f"network needs a perceptron or a network (the problem is {problem.name})")]
        samples = getattr(problem, "samples", 0)
        if self.sample > samples:
            wrong.append(("sample", f"expected at most {samples} (the samples of the dataset), got {self.sample}"))
        if self.algorithm is not None and self.algorithm not in algorithms:
            guess = suggestions.nearest(self.algorithm, algorithms)
            hint = f"; did you mean {guess!r}?" if guess else ""
            wrong.append(("algorithm", f"unknown algorithm {text.quote_value(self.algorithm)}{hint}"))
        return wrong

    def name_of_file(self) -> str:
        parts = [super().name_of_file(), *([slug(self.algorithm)] if self.algorithm else [])]
        parts += [f"epoch={self.epoch}"] if self.epoch else []
        parts += [f"sample={self.sample}"] if self.sample > 1 else []
        return "-".join(parts)

    def data(self, results: Results, problem: Any) -> NetworkData:
        import numpy as np

        from bpviz.problems.network.chain import chain

        run = select(results, (self.algorithm,) if self.algorithm else None)[0].runs[0]
        epoch = min(self.epoch, run.epochs)
        one = chain(problem, run.weights[epoch], self.sample - 1)
        layers = sorted({unit.layer for unit in one.units})
        names = [layer.activation for layer in problem.as_network().layers]
        last = len(names)
        headings = [
            f"{word('Output') if layer == last else word('Layer {number}', number=layer)}\n{names[layer - 1]}"
            if layer
            else f"{word('Inputs')}\n"
            for layer in layers
        ]
        numbers = [(unit.sum, unit.activation, unit.delta) for unit in one.units]
        edges = [(w.layer, w.unit, BIAS if w.source is None else w.source) for w in one.weights]
        return NetworkData(
            self.title_or(word(_TITLE, algorithm=run.label, epoch=epoch, sample=self.sample)),
            _note(one),
            layers,
            headings,
            [one.sizes[layer] for layer in layers],
            np.array([(unit.layer, unit.place) for unit in one.units]),
            np.array(numbers, np.float64),
            np.array(edges),
            np.array([w.value for w in one.weights]),
            np.array([w.gradient.value for w in one.weights]),
        )

    def draw(self, figure: Figure, data: NetworkData) -> NetworkArtists:
        return _network.draw(figure, data)


def _note(chain: Chain) -> str:
    agreeing, every = sum(d.agrees for d in chain.checked), len(chain.checked)
    values = {"error": f"{chain.error:.4g}", "agreeing": agreeing, "count": every}
    if len(chain.desired) > 1:
        return word("E = {error}; gradient check: {agreeing} of {count} derivatives agree", **values)
    template = "E = {error}, desired output {desired}; gradient check: {agreeing} of {count} derivatives agree"
    return word(template, desired=f"{chain.desired[0]:.4g}", **values)
