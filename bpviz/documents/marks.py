"""Find the marked blocks of documents."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from bpviz.config import ConfigError, Mistake
from bpviz.messages.text import join_words
from bpviz.storage.reading import UnreadableError, decode, read

LARGEST = 1 << 25
"""Maximum size of a document in bytes."""

_LONGEST = 4096  # maximum length of a line with a mark


class Kind(NamedTuple):
    """A kind of document: the syntax of its comments and code blocks, and its formats of tables and figures."""

    before: str  # starts a comment
    after: str  # ends a comment
    code: str  # regex that starts a code block; its group determines the end
    tables: tuple[str, ...]  # the first is the default
    figures: tuple[str, ...]  # the first that exists is the default


_FENCE = r"(`{3,}(?=[^`]*$)|~{3,})"

_VERBATIM = r"\\begin\{((?:[vV]erbatim|lstlisting|minted|comment)\*?)\}"

MARKDOWN = Kind("<!--", "-->", _FENCE, ("md", "text", "html"), ("png", "svg"))

HTML = Kind("<!--", "-->", "", ("html",), ("png", "svg"))

LATEX = Kind("%", "", _VERBATIM, ("latex",), ("pdf", "png"))

TYPST = Kind("//", "", r"(`{3,}(?=[^`]*$))", ("typst",), ("svg", "png"))

KINDS = {
    ".md": MARKDOWN,
    ".markdown": MARKDOWN,
    ".html": HTML,
    ".htm": HTML,
    ".tex": LATEX,
    ".typ": TYPST,
}

_WORD = re.compile(r'(?:[^\s"]|"[^"]*")+')


class Word(NamedTuple):
    """A word of a mark and its column."""

    text: str
    column: int


@dataclass
class Block:
    """A block of a document: its mark, the words of the mark, and the lines up to the end mark."""

    line: int  # of the mark, from 1
    text: str  # of that line, without its line ending
    words: list[Word]
    indent: str
    ending: str  # line ending of that line
    lines: list[str] = field(default_factory=list)

    @property
    def description(self) -> str:
        """The content in words: ``table CONFIG`` or ``figure CONFIG NAME``."""
        return " ".join(word.text for word in self.words[:3] if "=" not in word.text)


@dataclass
class Document:
    """A document as a list of blocks and of the lines outside them."""

    path: Path
    kind: Kind
    pieces: list[str | Block]
    bom: bytes = b""

    @property
    def blocks(self) -> list[Block]:
        return [piece for piece in self.pieces if isinstance(piece, Block)]

    def content(self, filled: Sequence[list[str]]) -> bytes:
        """Return the document as bytes, with the given lines in its blocks."""
        inside = iter(filled)
        text = "".join("".join(next(inside)) if isinstance(piece, Block) else piece for piece in self.pieces)
        return self.bom + text.encode()


def read_document(path: str, mistakes: list[Mistake]) -> Document:
    """Read a document and add the mistakes in its marks to ``mistakes``; raise ConfigError if it cannot be read."""
    kind = KINDS.get(Path(path).suffix.lower())
    if kind is None:
        endings = join_words(KINDS)
        raise ConfigError([Mistake(path or "''", 0, 0, "", f"unsupported document; use a file ending in {endings}")])
    try:
        data = read(Path(path), LARGEST)
    except UnreadableError as error:
        raise ConfigError([Mistake(path, 0, 0, "", str(error))]) from None
    bom = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
    text = decode(data, path).text
    return Document(Path(path), kind, _pieces(path, kind, text, mistakes), bom)


def _pieces(path: str, kind: Kind, text: str, mistakes: list[Mistake]) -> list[str | Block]:
    before, after = re.escape(kind.before), re.escape(kind.after)
    mark = re.compile(rf"( {{0,3}}){before}[ \t]*bpviz:[ \t]*(.*?)[ \t]*{after}[ \t]*")
    anywhere = f"{kind.before} bpviz:"
    pieces: list[str | Block] = []
    block: Block | None = None
    code: re.Pattern[str] | None = None  # the end of the current code block

    def add_mistake(line: int, column: int, message: str, excerpt: str) -> None:
        mistakes.append(Mistake(path, line, column, "", message, excerpt))

    for number, whole in enumerate(io.StringIO(text, newline=""), start=1):
        line = whole.rstrip("\r\n")
        found = None
        if code is not None:
            if code.fullmatch(line.strip()):
                code = None
        elif kind.code and (fence := re.match(rf"[ \t>]*{kind.code}", line)):
            code = _ending_of_code(kind, fence[1], line[fence.end() :])
        elif "bpviz:" in line and len(line) <= _LONGEST:
            found = mark.fullmatch(line)
            if found is None and anywhere in re.sub("`[^`]*`", "", line) and not line.startswith(("    ", "\t")):
                add_mistake(number, line.index(anywhere) + 1, "a mark must be alone on its line", line)
        if found is None:
            (pieces if block is None else block.lines).append(whole)
            continue
        begin = found.start(2)
        words = [Word(word[0].replace('"', ""), begin + word.start() + 1) for word in _WORD.finditer(found[2])]
        end = f"{kind.before} bpviz: end {kind.after}".rstrip()
        if [word.text for word in words] == ["end"]:
            if block is None:
                add_mistake(number, len(found[1]) + 1, "end mark without a block", line)
            block = None
            pieces.append(whole)
            continue
        if block is not None:
            message = f"mark inside the block of line {block.line}; add {end} before it"
            add_mistake(number, len(found[1]) + 1, message, line)
        block = Block(number, line, words, found[1], whole[len(line) :] or "\n")
        pieces += [whole, block]
    if block is not None:
        message = f"block without an end mark; add {end}"
        if code is not None:
            message += " (end marks in code blocks are ignored)"
        add_mistake(block.line, len(block.indent) + 1, message, block.text)
    return pieces


def _ending_of_code(kind: Kind, begins: str, rest: str) -> re.Pattern[str] | None:
    """Return a pattern of the line that ends a code block, None if it ends in the ``rest`` of its first line."""
    if kind is LATEX:
        end = re.compile(rf".*\\end\{{{re.escape(begins)}\}}.*")
        return None if end.fullmatch(rest) else end
    if kind is TYPST:
        return re.compile(rf".*{begins}.*")
    return re.compile(rf"[ \t>]*{re.escape(begins[0])}{{{len(begins)},}}")
