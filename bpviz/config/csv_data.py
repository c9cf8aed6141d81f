"""Read a Dataset from a CSV file; report every cause of a mistake once, at its first cell."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from itertools import compress
from typing import TYPE_CHECKING

from bpviz.config import csv_classes
from bpviz.config.csv_cells import Column, Marks, decimal_mark, looks_like_number, number, read_column, with_thousands
from bpviz.config.csv_header import Header
from bpviz.config.csv_samples import Samples
from bpviz.messages.diagnostics import ConfigError, Mistake
from bpviz.messages.suggestions import nearest
from bpviz.messages.text import quote_value
from bpviz.problems.datasets import Dataset, class_note

if TYPE_CHECKING:
    from bpviz.config.csv_dialect import CsvText

_MOST_COLUMNS = 4  # whose mistakes are shown
_MOST_CLASSES = 10  # more texts are hardly classes


class ClassError(ValueError):
    """A class of the config is in no row, or given twice; ``index`` is its place among the two."""

    def __init__(self, index: int, message: str) -> None:
        super().__init__(message)
        self.index = index


class Table:
    """A CSV file with a row of column names.

    Parameters
    ----------
    text : CsvText
        The file.
    decimal : str or None
        The decimal mark; None to recognize a comma by itself.
    missing : str or sequence of str
        "error"; "drop" to leave out rows with a missing value; or further marks of missing values, whose rows are left
        out too.
    """

    def __init__(self, text: CsvText, decimal: str | None = None, missing: str | Sequence[str] = "error") -> None:
        self._text = text
        self._decimal = decimal
        self._drops = missing != "error"
        self._marks = Marks(() if isinstance(missing, str) else missing)
        self.header = Header(text)

    def dataset(
        self, features: Sequence[str] | None, target: str | None, classes: Sequence[str] | None = None
    ) -> Dataset:
        """Return the samples.

        Parameters
        ----------
        features, target : sequence of str or None, str or None
            Names of columns; None for all others, and for the last one.
        classes : sequence of str or None
            The classes of targets 0 and 1. Rows of other classes are left out.

        Raises
        ------
        ConfigError
            If there are mistakes in the file.
        ClassError
            If a class is in no row, or given twice.
        """
        columns = self.header.columns(features, target)
        samples = Samples(self._text, self.header, columns, listed=features is not None)
        total = len(samples.rows)
        mistakes = []
        if classes:
            self._choose(samples, classes)
        elif texts := self._texts(samples.cells[-1]):
            classes = csv_classes.two(texts)
            if classes is None:
                mistakes.append(self._not_two_classes(samples, texts))
        notes = [self._class_note(classes)] if classes else []
        notes += _left_out(total - len(samples.rows), total, "other classes")

        decimal = self._decimal or decimal_mark(samples.cells, self._text.delimiter)
        read = [read_column(cells, decimal, self._marks) for cells in samples.cells[:-1]]
        if classes or not mistakes:
            read.append(self._targets(samples.cells[-1], decimal, classes))
        mistakes += self._wrong_cells(samples, read, decimal, listed=features is not None)
        missing = {row for column in read if not column.wrong for row in column.missing}
        if missing and not self._drops:
            mistakes.append(self._missing(samples, read, missing))
        elif len(missing) == len(samples.rows):
            mistakes.append(self._text.mistake("every row has a missing value", self.header.line))
        if mistakes:
            raise ConfigError(mistakes)

        notes += _left_out(len(missing), total, "missing values")
        kept = [row not in missing for row in range(len(samples.rows))]
        *inputs, targets = [list(compress(column.values, kept)) if missing else column.values for column in read]
        return Dataset(
            "data",
            tuple(zip(*inputs, strict=True)),
            tuple(targets),
            tuple(self.header.names[i] for i in columns.features),
            classes=tuple(classes or ()),
            notes=tuple(notes),
        )

    def _choose(self, samples: Samples, classes: Sequence[str]) -> None:
        """Keep the rows of two classes."""
        if csv_classes.targets(classes[1:], classes[:1]) == [0.0]:
            raise ClassError(1, f"duplicate class {quote_value(classes[1])}")
        targets = csv_classes.targets(samples.cells[-1], classes)
        for index, name in enumerate(classes):
            if index not in targets:
                guess = nearest(name, {cell.strip() for cell in samples.cells[-1]}, {}) if self._text.shown else None
                hint = f"; did you mean {guess!r}?" if guess else ""
                raise ClassError(index, f"no row has the class {quote_value(name)}{hint}")
        samples.keep(row for row, target in enumerate(targets) if target is not None)

    def _texts(self, cells: Sequence[str]) -> list[str]:
        """Return the different texts of a column that has nothing but texts."""
        first = next((cell for cell in cells if cell not in self._marks), "")
        if not first or looks_like_number(first):  # then texts are mistakes
            return []
        texts = dict.fromkeys(cell.strip() for cell in cells if cell not in self._marks)
        return [] if any(map(looks_like_number, texts)) else list(texts)

    def _targets(self, cells: Sequence[str], decimal: str, classes: Sequence[str] | None) -> Column:
        if not classes:
            return read_column(cells, decimal, self._marks)
        values = [math.nan if target is None else target for target in csv_classes.targets(cells, classes)]
        return Column(values, [row for row, value in enumerate(values) if math.isnan(value)], [])

    def _class_note(self, classes: Sequence[str]) -> str:
        return class_note(classes) if self._text.shown else "targets: two classes of the file = 0 and 1 (see run.json)"

    def _not_two_classes(self, samples: Samples, texts: Sequence[str]) -> Mistake:
        """Return the mistake about a target with one class or more than two."""
        listed = f" ({self._text.quoted(texts, 'and')})" if len(texts) <= _MOST_CLASSES else ""
        message = f"expected numbers or two classes, got {len(texts):,} class{'es' * (len(texts) > 1)}{listed}"
        if len(texts) == 2:
            message = "expected numbers or two classes, got text that is too long or not printable"
        elif len(texts) == 1 and (mark := next(filter(str.strip, self._missing_cells(samples)), "")):
            message += f"; if {self._text.quoted([mark.strip()])} is one too, name both in `classes`"
        elif len(texts) > 2:
            pair = ", ".join(texts[:2]) if listed and self._text.shown else "A, B"
            message += f"; choose two, as in `classes: [{pair}]`, or use another column as `target`"
        first = next(row for row, cell in enumerate(samples.cells[-1]) if cell.strip() == texts[0])
        return samples.mistake(len(samples.cells) - 1, first, message)

    def _missing_cells(self, samples: Samples) -> Iterator[str]:
        return (cell for cell in samples.cells[-1] if cell in self._marks)

    def _wrong_cells(self, samples: Samples, read: Sequence[Column], decimal: str, *, listed: bool) -> list[Mistake]:
        """Return a mistake for each of the first columns with cells that are not numbers, and one for the others."""
        wrong = [(place, column) for place, column in enumerate(read) if column.wrong]
        mistakes = []
        for place, column in wrong[:_MOST_COLUMNS]:
            cell = samples.cells[place][column.wrong[0]]
            message = self._expected_number(cell, decimal, len(column.wrong))
            if (
                not listed
                and not looks_like_number(cell)
                and len(column.wrong) + len(column.missing) == len(column.values)
            ):
                message += "; list the columns of numbers as `features`"
            mistakes.append(samples.mistake(place, column.wrong[0], message))
        more = len(wrong) - _MOST_COLUMNS
        if more > 0:
            hint = "" if listed else "; list the columns of numbers as `features`"
            message = f"{more:,} more {'column has' if more == 1 else 'columns have'} cells that are not numbers{hint}"
            mistakes.append(self._text.mistake(message, self.header.line))
        return mistakes

    def _expected_number(self, cell: str, decimal: str, count: int) -> str:
        value = number(cell, decimal)
        message = f"expected a {'finite ' if value is not None else ''}number, got {self._text.quoted([cell.strip()])}"
        message += _first_of(count, "cells")
        if with_thousands(cell):
            message += "; remove the separators of thousands"
        if decimal == "." and "," in cell and number(cell, ",") is not None:
            message += f'{", or" if with_thousands(cell) else ";"} add `decimal: ","` to the dataset'
        return message

    def _missing(self, samples: Samples, read: Sequence[Column], rows: Collection[int]) -> Mistake:
        row = min(rows)
        place = next(place for place, column in enumerate(read) if row in column.missing and not column.wrong)
        cell = samples.cells[place][row].strip()
        got = self._text.quoted([cell]) if cell else "an empty cell"
        fix = "fill it in, or add `missing: drop` to the dataset to leave out rows with missing values"
        return samples.mistake(place, row, f"expected a number, got {got}{_first_of(len(rows), 'rows')}; {fix}")


def _left_out(count: int, total: int, reason: str) -> list[str]:
    return [f"{count:,} of {total:,} rows left out ({reason})"] if count else []


def _first_of(count: int, things: str) -> str:
    return f" (first of {count:,} such {things})" if count > 1 else ""
