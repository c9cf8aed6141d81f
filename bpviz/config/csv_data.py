"""Read a Dataset from a CSV file; report every cell that is not a number with its row and column."""

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
from bpviz.messages.text import join_words, quote_value
from bpviz.problems.datasets import Dataset
from bpviz.storage.reading import decode, read

if TYPE_CHECKING:
    from pathlib import Path

_LARGEST = 10 * 1024 * 1024  # bytes
_MOST_COLUMNS = 1000  # one weight each, and the cost of a run grows faster than their number
_MOST_MISTAKES = 20  # enough to recognize a wrong column


class Table:
    """A CSV file with a header row of column names.

    Raise ConfigError, with places in the CSV file, or UnreadableError.
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
        """Return the message for an unknown column, or None if ``name`` is a column."""
        if name in self.names:
            return None
        guess = nearest(name, self.names)
        hint = f"did you mean {guess!r}?" if guess else f"use {join_words(map(quote_value, self.names))}"
        return f"unknown column {quote_value(name)}; {hint}"

    def dataset(self, features: Sequence[str], target: str) -> Dataset:
        """Return the samples, given the names of the feature columns and of the target column."""
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
                        mistakes.append(
                            self._mistake(f"{row}, column {quote_value(name)}: {value}", line, cells[:place])
                        )
            else:
                message = f"{row}: expected {len(self.names)} cells, as in the header, got {len(cells)}"
                mistakes.append(self._mistake(message, line))
            samples.append(sample)
            if len(mistakes) >= _MOST_MISTAKES:
                break
        if not samples:
            mistakes = [self._mistake("no rows below the header", self._line)]
        if mistakes:
            raise ConfigError(mistakes)
        return Dataset("data", tuple(tuple(s[:-1]) for s in samples), tuple(s[-1] for s in samples), tuple(features))

    def _mistake(self, message: str, line: int, before: Sequence[str] | None = None) -> Mistake:
        """Return a mistake in a line, at the cell after the cells ``before`` if given."""
        column = 0
        if before is not None and '"' not in self._document.lines[line - 1]:  # quotes would shift the column
            column = sum(len(cell) + 1 for cell in before) + 1
        return Place(self._document, line, column).mistake("", message)


def _rows(document: Document) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of the first line and the cells of every row that is not blank."""
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
    """Return what is wrong with the header row, or None."""
    if not names:
        return "the file is empty"
    if all(not isinstance(scalar(name), str) for name in names):
        return "expected column names in the first row, got numbers; add a header"
    if len(names) == 1:
        fix = "; use commas to separate cells" if any(mark in names[0] for mark in ";\t") else ""
        return f"expected 2 or more columns (features and a target), got 1{fix}"
    if len(names) > _MOST_COLUMNS:
        return f"expected at most {_MOST_COLUMNS:,} columns, got {len(names):,}"
    for number, name in enumerate(names, start=1):
        complaint = Text().complaint(name)
        if complaint:
            return f"name of column {number}: {complaint}"
        if name in names[: number - 1]:
            return f"duplicate column {quote_value(name)}"
    return None


def _number(cell: str) -> float | str:
    """Return the number in a cell, or a message."""
    value = scalar(cell)
    if not cell:
        return "expected a number, got an empty cell"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"expected a number, got {quote_value(cell)}"
    return float(value) if math.isfinite(value) else f"expected a finite number, got {cell[:40]}"
