"""Fit help and other text to the width of the terminal."""

from __future__ import annotations

import itertools
import os
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click

_NARROWEST = 40
_WIDEST = 120  # columns; longer lines are hard to read
_NOT_A_TERMINAL = 80

_NO_BREAK = "\N{NO-BREAK SPACE}"
_UNBROKEN = re.compile(r"[\[(][-+.\w]+(?:, [-+.\w]+)+[\])]")  # a point or an interval


def text_width() -> int:
    """Return the width of printed text in columns: two less than the terminal, or 78 if there is no terminal."""
    columns = int(os.environ["COLUMNS"]) if os.environ.get("COLUMNS", "").isdecimal() else 0
    if not columns and sys.stdout.isatty():
        columns = os.get_terminal_size(sys.stdout.fileno()).columns
    return min(max(columns or _NOT_A_TERMINAL, _NARROWEST), _WIDEST) - 2


def fold(text: str, width: int, hanging: int = 0) -> list[str]:
    """Break one line of text between words; later lines keep its indent and get ``hanging`` more columns of it."""
    from textwrap import wrap

    indent = len(text) - len(text.lstrip(" ")) + hanging
    text = _UNBROKEN.sub(lambda match: match[0].replace(" ", _NO_BREAK), text)
    lines = wrap(text, width, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)
    return [line.replace(_NO_BREAK, " ") for line in lines] or [""]


def split_width(left: Sequence[str], right: Sequence[str], width: int) -> int:
    """Return the width of the left of two columns with which their rows, folded to ``width``, have the fewest lines."""
    least = [max(len(part) for cell in cells for part in fold(cell, 1)) for cells in (left, right)]

    def cost(split: int) -> tuple[int, int]:
        free = width - split
        lines = sum(max(len(fold(a, split)), len(fold(b, max(free, 1)))) for a, b in zip(left, right, strict=True))
        return max(0, least[1] - free), lines

    return min(range(max(map(len, left)), least[0] - 1, -1), key=cost)  # of several, the largest


def fold_command(line: str, width: int) -> list[str]:
    """Break an example of a shell command so that it can still be copied: broken lines end in a backslash."""
    line = re.sub(r"( --?\w[\w-]*) (?!-)", rf"\1{_NO_BREAK}", line)  # keep an option and its value together
    *broken, last = fold(line, width - 2, hanging=4)
    return [*(f"{part} \\" for part in broken), last]


class Formatter(click.HelpFormatter):
    """The layout of ``--help``: as click's, but examples too are folded to the width."""

    def __init__(self, indent_increment: int = 2, width: int | None = None, max_width: int | None = None) -> None:
        super().__init__(indent_increment, width or text_width(), max_width)

    def write_text(self, text: str) -> None:
        paragraphs = [self._folded(part) if part.lstrip().startswith("\b") else part for part in text.split("\n\n")]
        super().write_text("\n\n".join(paragraphs))

    def _folded(self, paragraph: str) -> str:
        """Fold the lines of a paragraph that click prints as it is."""
        width = self.width - self.current_indent
        lines: list[str] = []
        for line in paragraph.split("\n"):
            term = re.match(r" *(\S+ {2,})", line)  # what follows it is a second column
            if len(line) > width and re.match(r" *bpviz ", line):
                lines += fold_command(line, width)
            else:
                lines += fold(line, width, hanging=len(term[1]) if term else 2)
        return "\n".join(lines)

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        super().write_dl(list(rows), min(col_max, max(self.width * 2 // 5, 20)), col_spacing)


class Context(click.Context):
    """A context whose help is laid out by ``Formatter``."""

    formatter_class = Formatter


class Command(click.Command):
    """A command whose help is laid out by ``Formatter``, and whose options never take another option as value."""

    context_class = Context

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        options = {name: option for option in self.get_params(ctx) for name in (*option.opts, *option.secondary_opts)}
        for name, value in itertools.pairwise(itertools.takewhile("--".__ne__, args)):
            option = options.get(name)
            if name.startswith("-") and value in options and isinstance(option, click.Option) and not option.is_flag:
                raise click.BadOptionUsage(name, f"Option {name!r} requires an argument, got {value!r}.", ctx)
        return super().parse_args(ctx, args)


class Group(click.Group):
    """A group that shows the whole first sentence of every command's help."""

    context_class = Context

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows: list[tuple[str, Any]] = [
            (name, command.get_short_help_str(limit=1000))
            for name in self.list_commands(ctx)
            if (command := self.get_command(ctx, name)) is not None
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
