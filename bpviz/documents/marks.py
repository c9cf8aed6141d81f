"""Marked blocks of documents: where they begin and end, and what they ask for."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from bpviz.config import ConfigError, Mistake
from bpviz.messages.text import listed
from bpviz.storage.reading import UnreadableError, decode, read

LARGEST = 1 << 25
"""Bytes of a document that are read at most."""


_LONGEST = 4096  # characters of a line with a mark


class Kind(NamedTuple):
    """A kind of document: its comments, what of it is code, and the formats of tables and figures it can hold."""

    before: str  # what stands before a mark on its line
    after: str
    code: str  # begins a block of code; the group is what ends it
    tables: tuple[str, ...]  # the first is what is written if no other is asked for
    figures: tuple[str, ...]  # likewise, the first that is there


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
    """A word of a mark and the column where it begins."""

    text: str
    column: int


@dataclass
class Block:
    """A block of a document: its mark, the words of it, and the lines between it and its end."""

    line: int  # of the mark, from 1
    text: str  # of that line, without its end
    words: list[Word]
    indent: str
    ending: str  # of that line
    lines: list[str] = field(default_factory=list)

    @property
    def what(self) -> str:
        """What it holds, in words."""
        return f"the {' '.join(word.text for word in self.words[:3] if '=' not in word.text)}"


@dataclass
class Document:
    """A document in pieces: lines as they are, and blocks between them."""

    path: Path
    kind: Kind
    pieces: list[str | Block]
    bom: bytes = b""

    @property
    def blocks(self) -> list[Block]:
        return [piece for piece in self.pieces if isinstance(piece, Block)]

    def content(self, filled: Sequence[list[str]]) -> bytes:
        """Return it as bytes with these lines in its blocks."""
        inside = iter(filled)
        text = "".join("".join(next(inside)) if isinstance(piece, Block) else piece for piece in self.pieces)
        return self.bom + text.encode()


def read_document(path: str, mistakes: list[Mistake]) -> Document:
    """Return a document; what is wrong with its marks is added to ``mistakes``. ConfigError if it cannot be read."""
    kind = KINDS.get(Path(path).suffix.lower())
    if kind is None:
        known = listed(KINDS)
        raise ConfigError([Mistake(path or "''", 0, 0, "", f"not a document that has marks: one that ends in {known}")])
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
    code: re.Pattern[str] | None = None  # what ends the block of code we are in

    def wrong(line: int, column: int, message: str, excerpt: str) -> None:
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
                wrong(number, line.index(anywhere) + 1, "a mark stands alone on its line", line)
        if found is None:
            (pieces if block is None else block.lines).append(whole)
            continue
        begin = found.start(2)
        words = [Word(word[0].replace('"', ""), begin + word.start() + 1) for word in _WORD.finditer(found[2])]
        end = f"{kind.before} bpviz: end {kind.after}".rstrip()
        if [word.text for word in words] == ["end"]:
            if block is None:
                wrong(number, len(found[1]) + 1, "there is no block that ends here", line)
            block = None
            pieces.append(whole)
            continue
        if block is not None:
            message = f"a mark inside the block that begins in line {block.line}, which has no {end}"
            wrong(number, len(found[1]) + 1, message, line)
        block = Block(number, line, words, found[1], whole[len(line) :] or "\n")
        pieces += [whole, block]
    if block is not None:
        message = f"this block has no end, which is {end}"
        if code is not None:
            message += ", or it stands in a block of code"
        wrong(block.line, len(block.indent) + 1, message, block.text)
    return pieces


def _ending_of_code(kind: Kind, begins: str, rest: str) -> re.Pattern[str] | None:
    """Return what a line is that ends a block of code, None if the ``rest`` of the line that begins it does."""
    if kind is LATEX:
        end = re.compile(rf".*\\end\{{{re.escape(begins)}\}}.*")
        return None if end.fullmatch(rest) else end
    if kind is TYPST:
        return re.compile(rf".*{begins}.*")
    return re.compile(rf"[ \t>]*{re.escape(begins[0])}{{{len(begins)},}}")
