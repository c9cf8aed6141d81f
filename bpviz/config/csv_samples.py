"""The cells of a CSV file that an experiment uses, by column."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING

from bpviz.config.csv_header import LIST_FEATURES
from bpviz.messages.diagnostics import ConfigError, Mistake

if TYPE_CHECKING:
    from bpviz.config.csv_dialect import CsvText, Row
    from bpviz.config.csv_header import Columns, Header


class Samples:
    """The cells of the used columns, features first, and the rows that they are from.

    Raise ConfigError if a row has too few or too many cells.

    Attributes
    ----------
    cells : list of sequence of str
        The cells of each column.
    rows : sequence of int
        The numbers of the rows below the header, from 0.
    """

    def __init__(self, text: CsvText, header: Header, columns: Columns, *, listed: bool) -> None:
        self._text = text
        self._header = header
        self._columns = columns.used
        named = len(header.names)
        allowed = header.width if listed else named  # columns without a name are used by no experiment
        uneven: list[tuple[int, Row]] = []
        picked = []
        pick = itemgetter(*self._columns)
        for number, row in enumerate(self._data_rows()):
            if len(row.cells) == named or (len(row.cells) > named and not any(map(str.strip, row.cells[allowed:]))):
                picked.append(pick(row.cells))
            else:
                uneven.append((number, row))
        if uneven:
            raise ConfigError([self._uneven(*uneven[0], len(uneven))])
        if not picked:
            raise ConfigError([text.mistake("no rows below the header", header.line)])
        self.cells: list[Sequence[str]] = list(zip(*picked, strict=True))
        self.rows: Sequence[int] = range(len(picked))

    def keep(self, kept: Iterable[int]) -> None:
        """Keep the rows with these indices and remove the others."""
        kept = list(kept)
        self.cells = [[cells[i] for i in kept] for cells in self.cells]
        self.rows = [self.rows[i] for i in kept]

    def mistake(self, column: int, index: int, message: str) -> Mistake:
        """Return a mistake at the cell of a used column in the row with an index."""
        number = self.rows[index]
        place = self._columns[column]
        row = next(islice(self._data_rows(), number, None))
        message = f"row {number + 1}, {self._header.column(place)}: {message}"
        return self._text.mistake(message, row.line, place)

    def _data_rows(self) -> Iterator[Row]:
        return islice(self._text.rows(), 1, None)

    def _uneven(self, number: int, row: Row, count: int) -> Mistake:
        if len(self._header.names) < len(row.cells) <= self._header.width:
            message = f"column {len(self._header.names) + 1} has no name; add one, or {LIST_FEATURES}"
            return self._text.mistake(message, row.line)
        message = f"row {number + 1}: expected {self._header.width} cells, as in the header, got {len(row.cells)}"
        if count > 1:
            message += f" (first of {count:,} such rows)"
        if row.end > row.line + 1:
            message += "; add the closing quote"
        return self._text.mistake(message, row.line)
