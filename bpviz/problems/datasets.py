"""Datasets for supervised learning, as plain numbers, so that reading a config does not import NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bpviz.problems.scaling import Scaling

_MOST_CLASSES = 10  # more are not listed


@dataclass(frozen=True)
class Dataset:
    """Samples for supervised learning: one row of features and one target per sample.

    ``classes`` are the names of targets 0, 1, ..., if they have any; ``notes`` tell how the samples were read.
    ``named`` is the built-in dataset with its settings that the samples are from, if any.
    """

    name: str
    features: tuple[tuple[float, ...], ...]
    targets: tuple[float, ...]
    feature_names: tuple[str, ...]
    source: str = ""
    classes: tuple[str, ...] = ()
    scaling: Scaling | None = None
    notes: tuple[str, ...] = field(default=(), compare=False)
    named: object = field(default=None, compare=False)

    @cached_property
    def inputs(self) -> tuple[tuple[float, ...], ...]:
        """The features as networks see them: scaled, if there is a scaling."""
        return self.scaling.apply(self.features) if self.scaling else self.features


def class_note(classes: Sequence[str]) -> str:
    """Return the note about the classes of targets 0, 1, ..."""
    if len(classes) > _MOST_CLASSES:
        return f"targets: {len(classes):,} classes = 0 to {len(classes) - 1} (see run.json)"
    return f"targets: {', '.join(f'{name} = {target}' for target, name in enumerate(classes))}"
