"""What the built-in datasets have in common."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from bpviz.declare import hyper
from bpviz.declare.domains import Interval, ListOf, Nullable
from bpviz.problems.datasets import Dataset, class_note

_ROWS = ListOf(Interval.parse("integer [0, inf)"), 2, 2, rising=True)


@dataclass(frozen=True)
class Named:
    """A built-in dataset with its settings."""

    name: ClassVar[str]
    source: ClassVar[str]

    rows: tuple[int, int] | None = hyper(None, Nullable(_ROWS, "all"), "first row, and the one after the last, from 0")

    def all_rows(self) -> Dataset:
        """Return the dataset with all rows."""
        raise NotImplementedError

    def dataset(self) -> Dataset:
        """Return the chosen rows. Targets are the numbers of the classes that occur in them."""
        data = replace(self.all_rows(), named=self)
        if self.rows is not None:
            part = slice(*self.rows)
            data = replace(data, features=data.features[part], targets=data.targets[part])
        if data.classes:
            numbers = sorted(set(data.targets))
            classes = tuple(data.classes[int(number)] for number in numbers)
            targets = tuple(float(numbers.index(target)) for target in data.targets)
            notes = () if all(name == str(number) for number, name in enumerate(classes)) else (class_note(classes),)
            data = replace(data, classes=classes, targets=targets, notes=notes)
        return data

    def conflicts(self) -> list[tuple[str, str]]:
        if self.rows is None:
            return []
        data, (first, end) = self.all_rows(), self.rows
        if end > len(data.targets):
            return [("rows", f"expected rows in [0, {len(data.targets)}], got [{first}, {end}]")]
        targets = set(data.targets[first:end])
        if data.classes and len(targets) == 1:
            one = data.classes[int(targets.pop())]
            return [("rows", f"expected rows of two or more classes, got only {one} in [{first}, {end}]")]
        return []
