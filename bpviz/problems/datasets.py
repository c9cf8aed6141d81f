"""Built-in datasets, as plain numbers, so that reading a config does not import NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Dataset:
    """Samples for supervised learning: one row of features and one target per sample.

    ``classes`` are the names of targets 0 and 1, if they have any; ``notes`` tell how the samples were read.
    """

    name: str
    features: tuple[tuple[float, ...], ...]
    targets: tuple[float, ...]
    feature_names: tuple[str, ...]
    source: str = ""
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=(), compare=False)


def class_note(classes: Sequence[str]) -> str:
    """Return the note about the classes of targets 0 and 1."""
    return f"targets: {classes[0]} = 0, {classes[1]} = 1"


DATASETS = {
    "six-points": Dataset(
        "six-points",
        ((0.9, 0.3), (0.5, 0.3), (0.2, 0.1), (0.7, 0.5), (0.1, 0.8), (0.1, 0.9)),
        (1.0, 1.0, 1.0, 0.0, 0.0, 0.0),
        ("First feature", "Second feature"),
        "Yurii Shevchuk, Visualize Algorithms based on the Backpropagation, NeuPy, 2015",
    ),
}
