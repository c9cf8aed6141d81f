"""A CSV file -> a Dataset, every cell that is not a number with its row and column."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bpviz.config.yaml_tree import scalar
from bpviz.declare.domains import Text
from bpviz.messages.diagnostics import ConfigError, Document, Mistake, Place
from bpviz.messages.suggestions import nearest
from bpviz.messages.text import listed, shown
from bpviz.problems.datasets import Dataset
from bpviz.storage.reading import decode, read

if TYPE_CHECKING:
    from pathlib import Path

_LARGEST = 10 * 1024 * 1024  # bytes
_MOST_COLUMNS = 1000  # each may be a weight, and what is done with weights grows faster than their number
_MOST_MISTAKES = 20  # a wrong column is understood by then


class Table:
    """A CSV file whose first row names its columns.

    Raises ConfigError, with places in the CSV file, and UnreadableError.
    """

    def __init__(self, path: Path) -> None:
        self._document = decode(read(path, _LARGEST), str(path))
        self._rows = _rows(self._document)
        self._line, names = next(self._rows, (0, []))
        self.names = [name.strip() for name in names]
        complaint = _header(self.names)
        if complaint:
            raise ConfigError([self._mistake(complaint, self._line)])

    def unknown(self, name: str) -> str | None:
        """Return why ``name`` is not a column, or None if it is one."""
        if name in self.names:
            return None
        guess = nearest(name, self.names)
        hint = f"did you mean {guess!r}?" if guess else f"there are {listed(map(shown, self.names), 'and')}"
        return f"no column is named {shown(name)}; {hint}"

    def dataset(self, features: Sequence[str], target: str) -> Dataset:
        """Return the samples: ``features`` the columns of the inputs, ``target`` the one to predict."""
        columns = [(name, self.names.index(name)) for name in (*features, target)]
        samples: list[list[float]] = []
        mistakes: list[Mistake] = []
        for line, cells in self._rows:
            row = f"row {len(samples) + 1}"
            sample = []
            if len(cells) == len(self.names):
                for name, place in columns:
                    value = _number(cells[place].strip())
                    if isinstance(value, float):
                        sample.append(value)
                    else:
                        mistakes.append(self._mistake(f"{row}, column {shown(name)}: {value}", line, cells[:place]))
            else:
                message = f"{row} has {len(cells)} cells, and the first row names {len(self.names)} columns"
                mistakes.append(self._mistake(message, line))
            samples.append(sample)
            if len(mistakes) >= _MOST_MISTAKES:
                break
        if not samples:
            mistakes = [self._mistake("no rows under the names of the columns", self._line)]
        if mistakes:
            raise ConfigError(mistakes)
        return Dataset("data", tuple(tuple(s[:-1]) for s in samples), tuple(s[-1] for s in samples), tuple(features))

    def _mistake(self, message: str, line: int, before: Sequence[str] | None = None) -> Mistake:
        """Return a mistake of a line, and of the cell after the cells ``before`` if they are told."""
        column = 0
        if before is not None and '"' not in self._document.lines[line - 1]:  # quotes take room that cells do not show
            column = sum(len(cell) + 1 for cell in before) + 1
        return Place(self._document, line, column).mistake("", message)


def _rows(document: Document) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not blank, each with the number of the line it starts in."""
    reader = csv.reader(io.StringIO(document.text, newline=""))
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise ConfigError([Place(document, line).mistake("", f"not CSV: {error}")]) from None


def _header(names: Sequence[str]) -> str | None:
    """Return what is wrong with the first row, or None."""
    if not names:
        return "the file is empty"
    if all(not isinstance(scalar(name), str) for name in names):
        return "the first row has to name the columns, and this one has numbers"
    if len(names) == 1:
        if any(mark in names[0] for mark in ";\t"):
            return "one column alone; the cells of a CSV file are separated by commas"
        return "one column alone; there has to be a feature and a target"
    if len(names) > _MOST_COLUMNS:
        return f"{len(names):,} columns, more than the {_MOST_COLUMNS:,} that are read"
    for number, name in enumerate(names, start=1):
        complaint = Text().complaint(name)
        if complaint:
            return f"the name of column {number}: {complaint}"
        if name in names[: number - 1]:
            return f"two columns are named {shown(name)}"
    return None


def _number(cell: str) -> float | str:
    """Return the number in a cell, or what is wrong with it."""
    value = scalar(cell)
    if not cell:
        return "the cell is empty"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"{shown(cell)} is not a number"
    return float(value) if math.isfinite(value) else f"{cell[:40]} is not a finite number"
