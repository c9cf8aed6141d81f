"""Built-in datasets by name."""

from __future__ import annotations

from bpviz.problems.data._named import Named
from bpviz.problems.data.curves import Circles, Moons, Spirals
from bpviz.problems.data.files import Digits, Iris
from bpviz.problems.data.points import Neuron, SixPoints, Xor

__all__ = ["DATASETS", "Named"]

DATASETS: dict[str, type[Named]] = {
    kind.name: kind for kind in (Circles, Digits, Iris, Moons, Neuron, SixPoints, Spirals, Xor)
}
