"""Mistakes in configs and other documents: their places and their messages."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from bpviz.messages.text import display_width

# Number of mistakes shown in one message.
SHOWN = 40

# Maximum width of an excerpt in columns.
_WIDTH = 96

_LINE_END = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # the line ends of YAML


class Document:
    """A text in which mistakes are reported: a file, or a command-line argument, whose name is its text."""

    def __init__(self, name: str, text: str = "", *, argument: bool = False) -> None:
        self.name = name
        self.text = text
        self.argument = argument

    @cached_property
    def lines(self) -> list[str]:
        return _LINE_END.split(self.text)

    @cached_property
    def _starts(self) -> list[int]:
        """The index of the first character of each line."""
        return [0, *(match.end() for match in _LINE_END.finditer(self.text))]

    def place(self, index: int) -> Place:
        """Return the line and column of the character at ``index``."""
        line = bisect.bisect_right(self._starts, index)
        return Place(self, line, index - self._starts[line - 1] + 1)

    def index(self, line: int, column: int) -> int:
        """Return the index of the character at a line and column, which count from 1."""
        return self._starts[min(line, len(self._starts)) - 1] + max(column - 1, 0)


@dataclass(frozen=True, slots=True)
class Place:
    """A line and a column of a document, counted from 1; 0 stands for the whole document."""

    document: Document
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        if self.document.argument:
            return f"by {printable(self.document.name)}"
        return f"in line {self.line}, column {self.column}"

    def mistake(self, path: str, message: str) -> Mistake:
        """Return a mistake at this place, about the value at ``path`` in the config."""
        document = self.document
        if document.argument:
            return Mistake(document.name, 0, 0, path, message)
        excerpt = document.lines[self.line - 1] if 0 < self.line <= len(document.lines) else ""
        return Mistake(document.name, self.line, self.column, path, message, excerpt)


@dataclass(frozen=True)
class Mistake:
    """An invalid entry; ``str`` gives its place, its path in the config, the message and an excerpt of the line."""

    file: str
    line: int  # from 1; 0 for the whole file or an argument
    column: int  # from 1; 0 for the whole line
    path: str  # path of the value in the config: algorithms[1].momentum
    message: str
    excerpt: str = ""

    def __str__(self) -> str:
        place = ":".join([printable(self.file), *(str(n) for n in (self.line, self.column) if n)])
        text = ": ".join(part for part in (place, self.path, self.message) if part)
        return "\n".join([text, *self._excerpt_lines()])

    def _excerpt_lines(self) -> list[str]:
        if not self.excerpt.strip():
            return []
        caret = max(self.column - 1, 0)
        start = max(0, caret - _WIDTH * 2 // 3) if len(self.excerpt) > _WIDTH else 0
        left = "..." if start else ""
        right = "..." if len(self.excerpt) > start + _WIDTH else ""
        line = printable(self.excerpt[start : start + _WIDTH])
        lines = [f"    {left}{line}{right}".rstrip()]
        if self.column:
            lines.append(" " * (4 + len(left) + display_width(line[: caret - start])) + "^")
        return lines


class ConfigError(ValueError):
    """Raised for an invalid config, with all its mistakes."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__(self.mistakes)

    def __str__(self) -> str:
        messages = [str(mistake) for mistake in self.mistakes[:SHOWN]]
        more = len(self.mistakes) - SHOWN
        return "\n".join([*messages, f"... and {more} more"] if more > 0 else messages)


def printable(text: str) -> str:
    """Replace tabs by spaces and unprintable characters by U+FFFD, one by one, so that columns stay the same."""
    text = text.replace("\t", " ")
    return text if text.isprintable() else "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
