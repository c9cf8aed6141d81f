"""Read a Dataset from a CSV file; report every cause of a mistake once, at its first cell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import compress
from typing import TYPE_CHECKING

from bpviz.config import csv_classes, csv_mistakes
from bpviz.config.csv_cells import Column, Marks, decimal_mark, looks_like_number, read_column
from bpviz.config.csv_header import Header
from bpviz.config.csv_samples import Samples
from bpviz.messages.diagnostics import ConfigError
from bpviz.messages.suggestions import nearest
from bpviz.messages.text import quote_value
from bpviz.problems.datasets import Dataset, class_note

if TYPE_CHECKING:
    from bpviz.config.csv_dialect import CsvText
    from bpviz.messages.diagnostics import Mistake

_MOST_COMPARED = 1000  # classes from which one is suggested


class ClassError(ValueError):
    """A class of the config is in no row, or given twice; ``index`` is its place in the list."""

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
        self,
        features: Sequence[str] | None,
        target: str | None,
        classes: Sequence[str] | None = None,
        *,
        several: bool = False,
    ) -> Dataset:
        """Return the samples.

        Parameters
        ----------
        features, target : sequence of str or None, str or None
            Names of columns; None for all others, and for the last one.
        classes : sequence of str or None
            The classes of targets 0, 1, ... Rows of other classes are left out.
        several : bool
            Whether a target of text may have more than two classes.

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
        classes, notes, mistakes = self._classes(samples, classes, several)
        decimal = self._decimal or decimal_mark(samples.cells, self._text.delimiter)
        read = [read_column(cells, decimal, self._marks) for cells in samples.cells[:-1]]
        if classes or not mistakes:
            read.append(self._targets(samples.cells[-1], decimal, classes))
        mistakes += csv_mistakes.not_numbers(samples, read, decimal, listed=features is not None)
        missing = {row for column in read if not column.wrong for row in column.missing}
        if missing and not self._drops:
            mistakes.append(csv_mistakes.missing_values(samples, read, missing))
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

    def _classes(
        self, samples: Samples, chosen: Sequence[str] | None, several: bool
    ) -> tuple[Sequence[str] | None, list[str], list[Mistake]]:
        """Return the classes of the target, None if it is numbers, with notes and mistakes; keep only their rows."""
        if chosen:
            total = len(samples.rows)
            self._choose(samples, chosen)
            return chosen, [class_note(chosen), *_left_out(total - len(samples.rows), total, "other classes")], []
        texts = self._texts(samples.cells[-1])
        if not texts:
            return None, [], []
        found = csv_classes.named(texts, math.inf if several else 2)
        if found:
            return found, [class_note(found) if self._text.shown else _hidden(len(found))], []
        marks = (cell.strip() for cell in samples.cells[-1] if cell in self._marks)
        return None, [], [csv_mistakes.wrong_classes(samples, texts, next(filter(None, marks), ""), several=several)]

    def _choose(self, samples: Samples, classes: Sequence[str]) -> None:
        """Keep the rows of the classes."""
        for index, name in enumerate(classes):
            if csv_classes.targets([name], classes[:index]) != [None]:
                raise ClassError(index, f"duplicate class {quote_value(name)}")
        targets = csv_classes.targets(samples.cells[-1], classes)
        for index, name in enumerate(classes):
            if index not in targets:
                known = {cell.strip() for cell in samples.cells[-1]} if self._text.shown else set()
                guess = nearest(name, known, {}) if len(known) <= _MOST_COMPARED else None
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


def _hidden(classes: int) -> str:
    """Return the note about classes whose names must not be shown."""
    if classes == 2:
        return "targets: two classes of the file = 0 and 1 (see run.json)"
    return f"targets: {classes:,} classes of the file = 0 to {classes - 1} (see run.json)"


def _left_out(count: int, total: int, reason: str) -> list[str]:
    return [f"{count:,} of {total:,} rows left out ({reason})"] if count else []
