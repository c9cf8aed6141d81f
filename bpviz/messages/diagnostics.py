"""Where a value stands, and what a mistake there looks like to its reader."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from bpviz.messages.text import display_width

# Mistakes shown in one message: enough to see a pattern, few enough to read.
SHOWN = 40

# Columns of an excerpt.
_WIDTH = 96

_LINE_END = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # as YAML sees it


class Document:
    """A text that mistakes are found in: a file, or an argument of the command line, whose name shows all of it."""

    def __init__(self, name: str, text: str = "", *, argument: bool = False) -> None:
        self.name = name
        self.text = text
        self.argument = argument

    @cached_property
    def lines(self) -> list[str]:
        return _LINE_END.split(self.text)

    def place(self, index: int) -> Place:
        """Return the place of the character at ``index``."""
        before = _LINE_END.split(self.text[:index])
        return Place(self, len(before), len(before[-1]) + 1)


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in a document; line and column count from 1, 0 is the document as a whole."""

    document: Document
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        if self.document.argument:
            return f"by {printable(self.document.name)}"
        return f"in line {self.line}, column {self.column}"

    def mistake(self, path: str, message: str) -> Mistake:
        """Return the mistake of the value at ``path`` that stands here."""
        document = self.document
        if document.argument:
            return Mistake(document.name, 0, 0, path, message)
        excerpt = document.lines[self.line - 1] if 0 < self.line <= len(document.lines) else ""
        return Mistake(document.name, self.line, self.column, path, message, excerpt)


@dataclass(frozen=True)
class Mistake:
    """One thing that is wrong; ``str`` says where, what was given, what is allowed, and shows the line."""

    file: str
    line: int  # from 1; 0 for the whole file, or an argument
    column: int  # from 1; 0 for the whole line
    path: str  # of the value in the config: algorithms[1].momentum
    message: str
    excerpt: str = ""

    def __str__(self) -> str:
        place = ":".join([printable(self.file), *(str(n) for n in (self.line, self.column) if n)])
        said = ": ".join(part for part in (place, self.path, self.message) if part)
        return "\n".join([said, *self._shown_line()])

    def _shown_line(self) -> list[str]:
        if not self.excerpt.strip():
            return []
        caret = max(self.column - 1, 0)
        start = max(0, caret - _WIDTH * 2 // 3) if len(self.excerpt) > _WIDTH else 0
        left = "..." if start else ""
        right = "..." if len(self.excerpt) > start + _WIDTH else ""
        line = printable(self.excerpt[start : start + _WIDTH])
        shown = [f"    {left}{line}{right}".rstrip()]
        if self.column:
            shown.append(" " * (4 + len(left) + display_width(line[: caret - start])) + "^")
        return shown


class ConfigError(ValueError):
    """A config that cannot be used, with everything that is wrong with it."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__(self.mistakes)

    def __str__(self) -> str:
        said = [str(mistake) for mistake in self.mistakes[:SHOWN]]
        more = len(self.mistakes) - SHOWN
        return "\n".join([*said, f"... and {more} more"] if more > 0 else said)


def printable(text: str) -> str:
    """Return ``text`` on one line and safe for a terminal: one character for each, a tab as one space."""
    text = text.replace("\t", " ")
    return text if text.isprintable() else "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
