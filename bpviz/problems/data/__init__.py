"""Built-in datasets by name."""

from __future__ import annotations

from bpviz.messages.suggestions import fold_name
from bpviz.problems.data._named import Named
from bpviz.problems.data.curves import Circles, Moons, Spirals
from bpviz.problems.data.files import Digits, Iris
from bpviz.problems.data.points import Neuron, SixPoints, Xor

__all__ = ["DATASETS", "Named", "find"]

DATASETS: dict[str, type[Named]] = {
    kind.name: kind for kind in (Circles, Digits, Iris, Moons, Neuron, SixPoints, Spirals, Xor)
}


def find(name: object) -> type[Named] | None:
    """Return the dataset with a name in any case and with any separators, None if there is none."""
    folded = fold_name(name) if isinstance(name, str) else None
    return next((kind for known, kind in DATASETS.items() if fold_name(known) == folded), None)
