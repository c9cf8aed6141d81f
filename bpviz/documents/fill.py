"""Fill marked blocks of Markdown, HTML, LaTeX and Typst documents with current tables and figures.

Only the lines between marks are replaced; all other bytes of a document, including line endings, are preserved. Marks
in code blocks are ignored.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from bpviz import tables
from bpviz.config import ConfigError, Mistake
from bpviz.declare import fields
from bpviz.documents.experiments import Experiments
from bpviz.documents.marks import HTML, LATEX, TYPST, Block, Document, Word, read_document
from bpviz.messages.suggestions import nearest
from bpviz.messages.text import join_words, quote_value
from bpviz.storage import atomic
from bpviz.storage.reading import UnreadableError
from bpviz.tables import Table

if TYPE_CHECKING:
    from bpviz.config import Experiment
    from bpviz.config.discovery import Source
    from bpviz.figures._base import FigureRequest


_DIFFERING = 20  # lines of a diff that are shown
_NAMED = 6  # algorithms that an alternative text lists


_SAFE = "/+=,"  # characters of a URL that are not percent-encoded, besides letters and digits
_OPTIONS = {"table": ("format", "columns", "algorithms"), "figure": ("format", "alt")}


class Change(NamedTuple):
    """A block that is out of date."""

    document: Path
    line: int
    block: str  # the mark in words
    difference: list[str]  # lines of a unified diff

    def __str__(self) -> str:
        more = len(self.difference) - _DIFFERING
        lines = [*self.difference[:_DIFFERING], *([f"... and {more} more"] if more > 0 else [])]
        return "\n".join([f"{self.document}:{self.line}: {self.block} is out of date", *(f"    {x}" for x in lines)])


class Stale(NamedTuple):
    """A block with a link to a figure that is not as its config makes it."""

    document: Path
    line: int
    block: str  # the mark in words
    config: str
    suffix: str  # of the figure's file
    reasons: list[str]

    def __str__(self) -> str:
        where = f"{self.document}:{self.line}: {self.block} is out of date"
        return "\n".join([where, *(f"    {reason}" for reason in self.reasons)])


class Embedded(NamedTuple):
    """A filled document: the number of its blocks, those that are out of date, and the new content.

    ``stale`` are the blocks whose figures are out of date, ``skipped`` the figures that could not be compared. Both are
    empty without a check.
    """

    path: Path
    blocks: int
    changes: list[Change]
    stale: list[Stale]
    skipped: list[Path]
    content: bytes


def embedded(paths: Sequence[str], out: Path, level: str | None = None, memory: int | None = None) -> list[Embedded]:
    """Return documents with filled blocks, from the outputs in ``out``; nothing is written.

    Parameters
    ----------
    paths : sequence of str
        The documents.
    out : Path
        The folder of all outputs.
    level : str or None
        How much is compared in a check: see drift. Without a check, outputs are used as they are if their lockfile
        says that they are up to date.
    memory : int or None
        The number of bytes that an experiment may use; None: any.

    Raises
    ------
    ConfigError
        With the mistakes of all documents.
    """
    mistakes: list[Mistake] = []
    documents = []
    for path in {os.path.realpath(path) if path else "": path for path in paths}.values():
        try:
            documents.append(read_document(path, mistakes))
        except ConfigError as error:
            mistakes += error.mistakes
    experiments = Experiments(out, level, memory)
    made = []
    for document in documents:
        filled = []
        changes = []
        stale: list[Stale] = []
        skipped: list[Path] = []
        for block in document.blocks:
            content = _Content(document, block, experiments)
            try:
                lines = _lines(block, content.text())
            except ConfigError as error:
                mistakes += (m for m in error.mistakes if m not in mistakes)
                continue
            filled.append(lines)
            if lines != block.lines:
                changes.append(Change(document.path, block.line, block.description, _difference(block.lines, lines)))
            stale += content.stale
            skipped += content.skipped
        if len(filled) == len(document.blocks):
            made.append(Embedded(document.path, len(filled), changes, stale, skipped, document.content(filled)))
    if mistakes:
        order = {path: number for number, path in enumerate(paths)}
        raise ConfigError(sorted(mistakes, key=lambda m: (order.get(m.file, len(order)), m.line, m.column)))
    return made


def write(one: Embedded) -> None:
    """Write a document atomically, through symbolic links. Raises UnwritableError."""
    atomic.write(Path(os.path.realpath(one.path)), one.content, precious=True)


def _lines(block: Block, text: str) -> list[str]:
    return [f"{block.indent if line else ''}{line}{block.ending}" for line in text.split("\n")[:-1]]


def _difference(before: list[str], now: list[str]) -> list[str]:
    """Return a unified diff without its header."""
    old, new = ([line.rstrip("\r\n") for line in lines] for lines in (before, now))
    if old == new:
        return ["line endings differ from those of the mark"]
    return list(difflib.unified_diff(old, new, n=1, lineterm=""))[2:]


class _Content:
    """Generates the content of a block."""

    def __init__(self, document: Document, block: Block, experiments: Experiments) -> None:
        self.document = document
        self.block = block
        self.experiments = experiments
        self.stale: list[Stale] = []
        self.skipped: list[Path] = []
        self.mistakes: list[Mistake] = []
        self.options: dict[str, Word] = {}

    def add_mistake(self, word: Word, message: str) -> None:
        self.mistakes.append(
            Mistake(str(self.document.path), self.block.line, word.column, "", message, self.block.text)
        )

    def raise_mistakes(self) -> None:
        """Raise ConfigError if there are mistakes."""
        if self.mistakes:
            raise ConfigError(self.mistakes)

    def text(self) -> str:
        """Return the content, with line feeds as line endings. Raises ConfigError."""
        first = self.block.words[0] if self.block.words else Word("", len(self.block.indent) + 1)
        makers: dict[str, tuple[Callable[[Source, Sequence[Word]], str], int, str]] = {
            "table": (self._table, 0, "table CONFIG"),
            "figure": (self._figure, 1, "figure CONFIG NAME"),
        }
        if first.text not in makers:
            guess = nearest(first.text, [*makers, "end"], {})
            hint = f"did you mean {guess!r}?" if guess else f"use {join_words([*makers, 'end'])}"
            self.add_mistake(first, f"unknown mark {quote_value(first.text)}; {hint}")
        self.raise_mistakes()
        maker, more, form = makers[first.text]
        plain: list[Word] = []
        for word in self.block.words[1:]:
            name, equals, value = word.text.partition("=")
            if not equals or len(plain) <= more:  # file names may contain =
                plain.append(word)
            else:
                self._option(first.text, name, Word(value, word.column))
        if len(plain) != 1 + more:
            self.add_mistake(plain[1 + more] if len(plain) > 1 + more else first, f"expected `{form} [KEY=VALUE...]`")
        self.raise_mistakes()
        return maker(self._source(plain[0]), plain[1:])

    def _option(self, mark: str, name: str, word: Word) -> None:
        allowed = _OPTIONS[mark]
        if name not in allowed:
            guess = nearest(name, allowed, {})
            hint = f"did you mean {guess!r}?" if guess else f"use {join_words(allowed)}"
            self.add_mistake(word, f"unknown option {quote_value(name)} of a {mark}; {hint}")
        elif name in self.options:
            self.add_mistake(word, f"duplicate option {quote_value(name)}")
        else:
            self.options[name] = word

    def _source(self, word: Word) -> Source:
        path = self.document.path.parent / word.text
        try:
            return self.experiments.source(path)
        except UnreadableError as error:
            self.add_mistake(word, f"{os.path.normpath(path)}: {error}")
            raise ConfigError(self.mistakes) from None

    def _format(self, allowed: Sequence[str], mark: str) -> str | None:
        """Return the value of the option ``format``, None if it is not given."""
        word = self.options.get("format")
        if word is not None and word.text not in allowed:
            self.add_mistake(
                word, f"invalid format {quote_value(word.text)} of a {mark} in this document; use {join_words(allowed)}"
            )
        return word.text if word else None

    def _table(self, source: Source, _: Sequence[Word]) -> str:
        allowed = self.document.kind.tables
        form = self._format(allowed, "table") or allowed[0]
        table, names = self.experiments.table(source)
        if "algorithms" in self.options:
            table = self._with_rows(table, names, self.options["algorithms"])
        if "columns" in self.options:
            table = self._with_columns(table, self.options["columns"])
        self.raise_mistakes()
        text = tables.rendered(table, form)
        if form != "text":
            return text
        fence = "`" * max(3, *(len(ticks) + 1 for ticks in re.findall("`+", text)), 3)
        return f"{fence}text\n{text}{fence}\n"

    def _with_rows(self, table: Table, names: list[str], word: Word) -> Table:
        chosen = [part.strip() for part in word.text.split(",")]
        labels = [row[0] for row in table.rows]
        for part in chosen:
            if part not in (*labels, *names):
                guess = nearest(part, [*labels, *names], {})
                hint = f"; did you mean {guess!r}?" if guess else ""
                self.add_mistake(word, f"unknown algorithm {quote_value(part)}{hint}")
        kept = [
            row for row, name, label in zip(table.rows, names, labels, strict=True) if name in chosen or label in chosen
        ]
        return table._replace(rows=kept)

    def _with_columns(self, table: Table, word: Word) -> Table:
        """Return a table with the column of algorithms and the given columns, in their order."""
        places = {title.replace(" ", "-").lower(): place for place, title in enumerate(table.titles)}
        kept = [0]
        for part in word.text.split(","):
            name = re.sub("[ _]", "-", part.strip().lower())
            if name not in places:
                guess = nearest(name, places, {})
                hint = f"did you mean {guess!r}?" if guess else f"use {join_words(list(places)[1:])}"
                self.add_mistake(word, f"unknown column {quote_value(part.strip())}; {hint}")
            elif places[name] not in kept:
                kept.append(places[name])
        return Table(
            [table.titles[i] for i in kept],
            [[row[i] for i in kept] for row in table.rows],
            [table.numbers[i] for i in kept],
        )

    def _figure(self, source: Source, words: Sequence[Word]) -> str:
        form = self._format(("png", "svg", "pdf"), "figure")
        experiment = self.experiments.experiment(source)
        figures = {figure.file_name(): figure for figure in experiment.figures}
        (word,) = words
        if word.text not in figures:
            guess = nearest(word.text, figures, {})
            hint = f"did you mean {guess!r}?" if guess else f"use {join_words(figures)}" if figures else "it has none"
            self.add_mistake(word, f"unknown figure {quote_value(word.text)} of {source.path}; {hint}")
        self.raise_mistakes()
        formats = (form,) if form else self.document.kind.figures
        folder = self.experiments.out / source.name
        file = next((f for suffix in formats if os.path.lexists(f := folder / f"{word.text}.{suffix}")), None)
        if file is None:
            missing = folder / f"{word.text}.{form or 'png'}"
            more = f" --format {form}" if form and form != "png" else ""
            more += "" if self.experiments.out == Path("outputs") else f" --out {self.experiments.out}"
            self.add_mistake(word, f"{missing} does not exist; run `bpviz run {source.path}{more}`")
            raise ConfigError(self.mistakes)
        verdict = self.experiments.verdict(source, figures[word.text], file)
        if verdict.reasons:
            block = self.block
            place = self.document.path, block.line, block.description
            self.stale.append(Stale(*place, source.path, file.suffix[1:], verdict.reasons))
        elif verdict.skipped:
            self.skipped.append(file)
        where = Path(os.path.relpath(file, self.document.path.parent)).as_posix()
        alt = self.options["alt"].text if "alt" in self.options else _alternative(experiment, figures[word.text])
        return self._image(where, " ".join(alt.split()), word)

    def _image(self, path: str, alt: str, word: Word) -> str:
        """Return the markup of an image in this kind of document."""
        kind = self.document.kind
        if kind is LATEX:
            if re.search(r"[%#{}\\^~$&\"]", path):
                self.add_mistake(word, f"LaTeX cannot include {quote_value(path)} (special characters); rename it")
                self.raise_mistakes()
            return f"\\includegraphics[width=\\linewidth, alt={{{tables.latex_text(alt)}}}]{{{path}}}\n"
        if kind is TYPST:
            return f"#image({tables.typst_string(path)}, alt: {tables.typst_string(alt)})\n"
        if kind is HTML:
            from html import escape

            return f'<img src="{escape(quote(path, safe=_SAFE))}" alt="{escape(alt)}">\n'
        return f"![{tables.markdown_text(alt)}]({quote(path, safe=_SAFE)})\n"


def _alternative(experiment: Experiment, figure: FigureRequest) -> str:
    """Return the alternative text of a figure: its title, or its kind and its algorithms."""
    if figure.title:
        return figure.title
    text = f"{experiment.title}: {figure.summary}"
    if "algorithms" not in fields(type(figure)):
        return text
    chosen = getattr(figure, "algorithms", None)
    labels = [a.label for a in experiment.algorithms if chosen is None or {a.label, a.optimizer.name} & set(chosen)]
    more = len(labels) - _NAMED
    return f"{text}: {join_words([*labels[:_NAMED], *([f'{more} more'] if more > 0 else [])], 'and')}"
