"""The cells of a CSV file that an experiment uses, by column."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from bpviz.config.csv_header import LIST_FEATURES
from bpviz.messages.diagnostics import ConfigError, Mistake

if TYPE_CHECKING:
    from bpviz.config.csv_dialect import CsvText, Row
    from bpviz.config.csv_header import Columns, Header


_CHUNK = 1000  # rows


class Samples:
    """The cells of the used columns, features first, and the rows that they are from.

    Raise ConfigError if a row has too few or too many cells.

    Attributes
    ----------
    text : CsvText
        The file.
    header : Header
        Its first row.
    cells : list of list of str
        The cells of each column.
    rows : sequence of int
        The numbers of the rows below the header, from 0.
    """

    def __init__(self, text: CsvText, header: Header, columns: Columns, *, listed: bool) -> None:
        self.text = text
        self.header = header
        self._columns = columns.used
        named = len(header.names)
        allowed = header.width if listed else named  # columns without a name are used by no experiment
        self.cells: list[list[str]] = [[] for _ in self._columns]
        uneven = []
        rows = text.cells()
        while chunk := list(islice(rows, _CHUNK)):
            if any(len(row) != named for row in chunk):
                first = len(self.cells[0])
                uneven += [
                    first + i
                    for i, row in enumerate(chunk)
                    if len(row) < named or (len(row) > named and any(map(str.strip, row[allowed:])))
                ]
                chunk = [row + [""] * (named - len(row)) for row in chunk]
            by_column = list(zip(*chunk, strict=False))
            for cells, place in zip(self.cells, self._columns, strict=True):
                cells.extend(by_column[place])
        if uneven:
            raise ConfigError([self._uneven(uneven)])
        self.rows: Sequence[int] = range(len(self.cells[0]))
        if not self.rows:
            raise ConfigError([text.mistake("no rows below the header", header.line)])

    def keep(self, kept: Iterable[int]) -> None:
        """Keep the rows with these indices and remove the others."""
        kept = list(kept)
        self.cells = [[cells[i] for i in kept] for cells in self.cells]
        self.rows = [self.rows[i] for i in kept]

    def mistake(self, column: int, index: int, message: str) -> Mistake:
        """Return a mistake at the cell of a used column in the row with an index."""
        number = self.rows[index]
        place = self._columns[column]
        message = f"row {number + 1}, {self.header.column(place)}: {message}"
        return self.text.mistake(message, self._row(number).line, place)

    def _row(self, number: int) -> Row:
        return next(islice(self.text.rows(), number + 1, None))

    def _uneven(self, numbers: Sequence[int]) -> Mistake:
        row = self._row(numbers[0])
        named, width = len(self.header.names), self.header.width
        if named < len(row.cells) <= width:
            return self.text.mistake(f"column {named + 1} has no name; add one, or {LIST_FEATURES}", row.line)
        message = f"row {numbers[0] + 1}: expected {width} cells, as in the header, got {len(row.cells)}"
        if len(numbers) > 1:
            message += f" (first of {len(numbers):,} such rows)"
        if row.end > row.line + 1:
            message += "; add the missing closing quote"
        return self.text.mistake(message, row.line)
