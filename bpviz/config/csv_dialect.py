"""The text of a CSV file, its delimiter, and the places of its cells.

The cells of a file outside the folder of its config must not appear in messages: the config may be part of a pull
request, and the file may contain secrets.
"""

from __future__ import annotations

import contextlib
import csv
import io
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from bpviz.messages.diagnostics import ConfigError, Mistake
from bpviz.messages.text import join_words, quote_value
from bpviz.storage.reading import decode, read

if TYPE_CHECKING:
    from pathlib import Path

LARGEST = 10 * 1024 * 1024  # bytes
_SAMPLE = 20_000  # characters from which the delimiter is guessed
_SEPARATOR_LINE = re.compile(r'"?sep=([^\w\s".+-]|[\t ])"?[,;\t ]*', re.IGNORECASE)  # Excel reads the delimiter from it
_COMMENT_SIGN = re.compile("# +")  # with which NumPy begins a header
_LINE_END = re.compile("\r\n|[\r\n]")
_WORD = re.compile(r'"((?:[^"]|"")*)"|([^\s"]\S*)')


class Row(NamedTuple):
    """The cells of a row, the number of its first line, and that of the line after it."""

    line: int
    end: int
    cells: list[str]


class CsvText:
    """The text of a CSV file. If the file is not ``shown``, messages quote nothing from it.

    Raise UnreadableError, or ConfigError with places in the file.
    """

    def __init__(self, path: Path, *, shown: bool = True, delimiter: str | None = None) -> None:
        self.name = str(path)
        self.shown = shown
        self.text = self._decoded(read(path, LARGEST))
        first = _LINE_END.search(self.text)
        separator = _SEPARATOR_LINE.fullmatch(self.text[: first.start()]) if first else None
        self._first_line = 2 if separator else 1
        self._start = first.end() if first and separator else 0
        sign = _COMMENT_SIGN.match(self.text, self._start)
        self._start = sign.end() if sign else self._start
        self.delimiter = delimiter or (separator[1] if separator else _delimiter(self.text[self._start :][:_SAMPLE]))

    def _decoded(self, data: bytes) -> str:
        try:
            return decode(data, self.name).text
        except ConfigError as error:
            line = error.mistakes[0].line
            if self.shown or not line:  # then the message is about the whole file
                raise
            raise ConfigError([self.mistake("not encoded as UTF-8; save the file as UTF-8", line)]) from None

    @cached_property
    def lines(self) -> list[str]:
        """The lines, which unlike those of YAML end with carriage returns and line feeds alone."""
        return _LINE_END.split(self.text)

    def rows(self) -> Iterator[Row]:
        """Yield the rows that are not empty, beginning with the header."""
        line = self._first_line
        reader = self._reader()
        for cells in self._checked(reader):
            end = self._first_line + reader.line_num
            if any(cells):
                yield Row(line, end, cells)
            line = end

    def cells(self) -> Iterator[list[str]]:
        """Yield the cells of the rows below the header that are not empty."""
        return islice(filter(any, self._checked(self._reader())), 1, None)

    def _reader(self) -> Any:
        lines = io.StringIO(self.text, newline="")
        lines.seek(self._start)
        return _reader(lines, self.delimiter)

    def _checked(self, reader: Any) -> Iterator[list[str]]:
        """Yield the rows of a reader; raise ConfigError at the beginning of one that is not CSV."""
        try:
            yield from reader
        except csv.Error as error:
            line = self._line_of_error()
            fix = "; add the missing closing quote" if '"' in self.lines[line - 1] else ""
            raise ConfigError([self.mistake(f"not CSV: {error}{fix}", line)]) from None

    def _line_of_error(self) -> int:
        line = self._first_line
        reader = self._reader()
        with contextlib.suppress(csv.Error):
            for _ in reader:
                line = self._first_line + reader.line_num
        return line

    def mistake(self, message: str, line: int = 0, cell: int | None = None) -> Mistake:
        """Return a mistake in the file, in a line, or at the cell with an index in it."""
        column = 0 if cell is None else self._column(line, cell)
        excerpt = self.lines[line - 1] if self.shown and 0 < line <= len(self.lines) else ""
        return Mistake(self.name, line, column, "", message, excerpt)

    def _column(self, line: int, cell: int) -> int:
        """Return where a cell of a line begins, counted from 1; 0 if quotes make that uncertain."""
        text = self.lines[line - 1]
        if '"' in text:
            return 0
        if self.delimiter == " ":
            return [match.start() for match in re.finditer(r"\S+", text)][cell] + 1
        before, own = text.split(self.delimiter)[:cell], text.split(self.delimiter)[cell]
        return sum(len(part) + 1 for part in before) + len(own) - len(own.lstrip()) + 1

    def quoted(self, texts: Iterable[str], last: str = "or") -> str:
        """Return texts of the file as messages quote them."""
        if self.shown:
            return join_words(map(quote_value, texts), last)
        return "text that is not shown (the file is outside the folder of the config)"


class _Words:
    """A reader of rows whose cells are separated by runs of spaces and tabs, such as that of the module csv."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = lines
        self.line_num = 0

    def __iter__(self) -> Iterator[list[str]]:
        for line in self._lines:
            self.line_num += 1
            if '"' in line:
                yield [match[1].replace('""', '"') if match[2] is None else match[2] for match in _WORD.finditer(line)]
            else:
                yield line.split()


def _reader(lines: Iterable[str], delimiter: str) -> Any:
    return _Words(lines) if delimiter == " " else csv.reader(lines, delimiter=delimiter, skipinitialspace=True)


def _delimiter(sample: str) -> str:
    """Return the delimiter with which the first rows are as long as the header; a comma if there is none."""
    lines = list(io.StringIO(sample, newline=""))
    lines = lines[:-1] if len(sample) == _SAMPLE else lines  # the last one is cut
    widths = {mark: _widths(lines, mark) for mark in (";", "|", ",", "\t", " ")}
    for surplus in (0, 1):  # R writes one cell more, the name of the row
        fitting = [m for m, (header, *rows) in widths.items() if header > 1 and set(rows) <= {header + surplus}]
        if fitting:  # spaces come last: they may be within the cells of a file with tabs
            return fitting[0]
    return max((",", ";", "|", "\t"), key=lambda mark: widths[mark][0])


def _widths(lines: Iterable[str], delimiter: str) -> list[int]:
    """Return the numbers of cells of rows; [0] if there are none."""
    try:
        return [len(cells) for cells in _reader(lines, delimiter) if any(cells)] or [0]
    except csv.Error:
        return [0]
