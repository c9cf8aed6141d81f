"""Datasets of a few samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bpviz.problems.data._named import Named
from bpviz.problems.datasets import Dataset

_NAMES = ("First feature", "Second feature")


class _Points(Named):
    samples: ClassVar[tuple[tuple[float, float, float], ...]]

    def all_rows(self) -> Dataset:
        features = tuple((first, second) for first, second, _ in self.samples)
        return Dataset(self.name, features, tuple(target for *_, target in self.samples), _NAMES, self.source)


@dataclass(frozen=True)
class SixPoints(_Points):
    """Six samples with two features, of two classes that a line can separate."""

    name = "six-points"
    source = "Yurii Shevchuk, Visualize Algorithms based on the Backpropagation, NeuPy, 2015"
    samples = (
        (0.9, 0.3, 1.0),
        (0.5, 0.3, 1.0),
        (0.2, 0.1, 1.0),
        (0.7, 0.5, 0.0),
        (0.1, 0.8, 0.0),
        (0.1, 0.9, 0.0),
    )


@dataclass(frozen=True)
class Neuron(_Points):
    """One sample, (0.1, 0.4) with target 0.7, to follow a single neuron."""

    name = "neuron"
    source = "An example of backpropagation by hand; its network is a sigmoid neuron without bias"
    samples = ((0.1, 0.4, 0.7),)


@dataclass(frozen=True)
class Xor(_Points):
    """The four corners of a square with target x1 XOR x2, which a single neuron cannot separate."""

    name = "xor"
    source = "M. Minsky & S. Papert, Perceptrons, MIT Press, 1969"
    samples = ((0.0, 0.0, 0.0), (0.0, 1.0, 1.0), (1.0, 0.0, 1.0), (1.0, 1.0, 0.0))
