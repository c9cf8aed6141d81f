"""Fill marked blocks of Markdown, HTML, LaTeX and Typst documents with current tables and figures.

Only the lines between marks are replaced; all other bytes of a document, including line endings, are preserved. Marks
in code blocks are ignored.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from bpviz import config, tables
from bpviz.config import ConfigError, Mistake
from bpviz.config.discovery import Source
from bpviz.declare import fields
from bpviz.documents.marks import HTML, LATEX, TYPST, Block, Document, Word, read_document
from bpviz.execution.memory import check
from bpviz.messages.suggestions import nearest
from bpviz.messages.text import join_words, quote_value
from bpviz.outputs import lockfile, status
from bpviz.outputs.lockfile import LockError
from bpviz.storage import atomic
from bpviz.storage.reading import UnreadableError, read
from bpviz.tables import Table

if TYPE_CHECKING:
    from bpviz.config import Experiment
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


class Embedded(NamedTuple):
    """A filled document: the number of its blocks, those that were out of date, and the new content."""

    path: Path
    blocks: int
    changes: list[Change]
    content: bytes


def embedded(paths: Sequence[str], out: Path, memory: int | None = None) -> list[Embedded]:
    """Return documents with filled blocks, from the outputs in ``out``; nothing is written.

    ``memory`` is the number of bytes that an experiment may use (None: any).

    Raises ConfigError with the mistakes of all documents.
    """
    mistakes: list[Mistake] = []
    documents = []
    for path in {os.path.realpath(path) if path else "": path for path in paths}.values():
        try:
            documents.append(read_document(path, mistakes))
        except ConfigError as error:
            mistakes += error.mistakes
    cache = _Cache(out, memory)
    made = []
    for document in documents:
        filled = []
        changes = []
        for block in document.blocks:
            try:
                lines = _lines(block, _Content(document, block, cache).text())
            except ConfigError as error:
                mistakes += (m for m in error.mistakes if m not in mistakes)
                continue
            filled.append(lines)
            if lines != block.lines:
                changes.append(Change(document.path, block.line, block.description, _difference(block.lines, lines)))
        if len(filled) == len(document.blocks):
            made.append(Embedded(document.path, len(filled), changes, document.content(filled)))
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


class _Cache:
    """A cache of the experiments and tables that marks refer to."""

    def __init__(self, out: Path, memory: int | None) -> None:
        self.out = out
        self._memory = memory
        self._sources: dict[str, Source] = {}
        self._experiments: dict[str, Experiment] = {}
        self._tables: dict[str, tuple[Table, list[str]]] = {}

    def source(self, path: Path) -> Source:
        """Return the source of a config; raise UnreadableError."""
        name = os.path.normpath(path)
        if name not in self._sources:
            self._sources[name] = Source(name, read(path, config.LARGEST, regular=True), named=False)
        return self._sources[name]

    def experiment(self, source: Source) -> Experiment:
        """Return the experiment of a config; raise ConfigError."""
        if source.path not in self._experiments:
            self._experiments[source.path] = source.experiment()
        return self._experiments[source.path]

    def table(self, source: Source) -> tuple[Table, list[str]]:
        """Return the table of a config and the algorithm of each row; run the experiment if outputs are out of date.

        Raises ConfigError.
        """
        if source.path not in self._tables:
            self._tables[source.path] = _from_outputs(source, self.out / source.name) or self._computed(source)
        return self._tables[source.path]

    def _computed(self, source: Source) -> tuple[Table, list[str]]:
        experiment = self.experiment(source)
        check([experiment], self._memory, [source])
        from bpviz.experiment import runner  # imports NumPy, which outputs that are up to date do not need

        results = runner.run(experiment, memory=self._memory)
        return tables.table(results), [run.algorithm for run in results.runs]


def _from_outputs(source: Source, folder: Path) -> tuple[Table, list[str]] | None:
    """Return the table of outputs and the algorithm of each row, None if the outputs are not up to date."""
    try:
        before = lockfile.read(folder)
        if before is None or before.asked.get("overrides") != []:
            return None
        now = status.up_to_date(source, folder, status.RunOptions(**before.asked))
        if now is None:
            return None
        runs = json.loads((folder / "summary.json").read_bytes())["runs"]
        names = [run["algorithm"] for run in runs]
    except (LockError, OSError, ValueError, TypeError, KeyError):
        return None
    table = Table(**now.table)
    return (table, names) if len(names) == len(table.rows) else None


class _Content:
    """Generates the content of a block."""

    def __init__(self, document: Document, block: Block, cache: _Cache) -> None:
        self.document = document
        self.block = block
        self.cache = cache
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
            return self.cache.source(path)
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
        table, names = self.cache.table(source)
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
        experiment = self.cache.experiment(source)
        figures = {figure.file_name(): figure for figure in experiment.figures}
        (word,) = words
        if word.text not in figures:
            guess = nearest(word.text, figures, {})
            hint = f"did you mean {guess!r}?" if guess else f"use {join_words(figures)}" if figures else "it has none"
            self.add_mistake(word, f"unknown figure {quote_value(word.text)} of {source.path}; {hint}")
        self.raise_mistakes()
        formats = (form,) if form else self.document.kind.figures
        folder = self.cache.out / source.name
        file = next((f for suffix in formats if (f := folder / f"{word.text}.{suffix}").is_file()), None)
        if file is None:
            missing = folder / f"{word.text}.{form or 'png'}"
            more = f" --format {form}" if form and form != "png" else ""
            more += "" if self.cache.out == Path("outputs") else f" --out {self.cache.out}"
            self.add_mistake(word, f"{missing} does not exist; run `bpviz run {source.path}{more}`")
            raise ConfigError(self.mistakes)
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
