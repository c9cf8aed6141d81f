"""Find the true place of mistakes in YAML whose parser, or whose reader, blames another one.

A no-break space after a colon makes the parser complain about the next line. So the text is changed in the ways in
which configs are often miswritten, and read again: a change that leaves fewer mistakes was to blame for the others.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from bpviz.libraries import PREFIXES
from bpviz.messages import characters
from bpviz.messages.diagnostics import Document, Mistake, printable

_LONGEST = 80  # characters of the config in a message
_MOST = 20  # changes that are tried one by one
_BUDGET = 1_000_000  # characters that are read again in all, which takes 6 s

Score = tuple[float, ...]
"""How wrong a text is; a smaller one is better."""

_WORST: Score = (math.inf,)


class Edit(NamedTuple):
    """A replacement of a part of a text, and the message about the part, for the place ``at``."""

    start: int
    end: int
    text: str
    at: int
    message: str


Change = tuple[Edit, ...]
"""Edits that belong together, such as those of two quotes."""


def find(text: str, score: Callable[[str], Score], best: Score) -> list[Edit]:
    """Return the edits that are needed to leave fewer mistakes, in the order of the text; ``best`` is its own score."""
    found: list[Edit] = []
    reads = _BUDGET // (len(text) + 1)

    def score_with(changes: Iterable[Change]) -> Score:
        nonlocal reads
        reads -= 1
        return score(edited(text, _in_order(found, changes))) if reads >= 0 else _WORST

    before = -1
    while before < len(found):  # a change of one kind may help only after one of a later kind
        before = len(found)
        for kind in (_all_kinds, *_KINDS):
            changes = list(itertools.islice(_apart(kind(text), found), _MOST))
            kept, best = _needed(changes, best, score_with)
            found = _in_order(found, kept)
    return found


def _all_kinds(text: str) -> Iterator[Change]:
    for kind in _KINDS:
        yield from kind(text)


def _in_order(edits: Iterable[Edit], changes: Iterable[Change]) -> list[Edit]:
    return sorted([*edits, *(edit for change in changes for edit in change)])


def _apart(changes: Iterable[Change], found: Sequence[Edit]) -> Iterator[Change]:
    """Yield the changes that overlap neither with edits nor with each other."""
    taken = list(found)
    for change in changes:
        if not any(one.start < other.end and other.start < one.end for one in change for other in taken):
            taken += change
            yield change


def _needed(
    changes: list[Change], best: Score, score_with: Callable[[Iterable[Change]], Score]
) -> tuple[list[Change], Score]:
    """Return the changes that are needed for a better score than ``best``, and that score."""
    if changes and (together := score_with(changes)) < best:
        kept, best = changes, together
        for change in reversed(changes) if len(changes) > 1 else ():
            others = [other for other in kept if other is not change]
            if (without := score_with(others)) <= best:
                kept, best = others, without
        return kept, best
    kept = []
    for change in changes if len(changes) > 1 else ():
        if (better := score_with([*kept, change])) < best:
            kept, best = [*kept, change], better
    return kept, best


def edited(text: str, edits: Iterable[Edit]) -> str:
    """Return a text with edits, which are given in its order."""
    parts, end = [], 0
    for edit in edits:
        parts += [text[end : edit.start], edit.text]
        end = edit.end
    return "".join([*parts, text[end:]])


def original_index(index: int, edits: Iterable[Edit]) -> int:
    """Return the index in the original text of the character at ``index`` of the edited one."""
    shift = 0
    for edit in edits:
        if index < edit.start + shift + len(edit.text):
            return min(index - shift, edit.start) if index >= edit.start + shift else index - shift
        shift += len(edit.text) - (edit.end - edit.start)
    return index - shift


def mistakes(document: Document, edits: Sequence[Edit], rest: Iterable[Mistake]) -> list[Mistake]:
    """Return the mistakes that edits repair, and those of the edited text, ``rest``, at their original places."""
    if not edits:
        return list(rest)
    changed = Document(document.name, edited(document.text, edits))
    return [
        *(document.place(edit.at).mistake("", edit.message) for edit in edits if edit.message),
        *(
            document.place(original_index(changed.index(m.line, m.column), edits)).mistake(m.path, m.message)
            if m.file == document.name and m.line
            else m
            for m in rest
        ),
    ]


def _unusual_characters(text: str) -> Iterator[Change]:
    if text.isascii():
        return
    code = _COMMENT.sub(lambda comment: " " * len(comment[0]), text)
    paired = [match for pattern in _PAIRS for match in pattern.finditer(code)]
    for match in paired:
        yield tuple(_replaced(text, at) for at in (match.start(), match.end() - 1))
    inside = {at for match in paired for at in (match.start(), match.end() - 1)}
    for at, character in enumerate(code):
        if at not in inside and not character.isascii() and characters.stands_for(character) is not None:
            yield (_replaced(text, at),)


def _unusual_spaces(text: str) -> Iterator[Change]:
    """Yield the unusual spaces at the start of lines, which are not indentation, as parts to remove."""
    for match in re.finditer(r"^[^\S\n\t ]+", text, re.MULTILINE):
        message = f"unexpected {characters.described(match[0][0])}; remove it"
        yield (Edit(match.start(), match.end(), "", match.start(), message),)


def _replaced(text: str, at: int) -> Edit:
    if text[at].isascii():  # the other quote of a pair
        return Edit(at, at + 1, '"', at, "")
    return Edit(at, at + 1, characters.stands_for(text[at]) or "", at, characters.complaint(text[at]))


def _matches(pattern: str, replacement: str, message: str) -> Callable[[str], Iterator[Change]]:
    """Return a function that finds the changes of a kind: a pattern, its replacement, and the message about it.

    The place of the message is that of the group ``at``, or of the first character. ``replacement`` and ``message`` may
    contain the names of groups in braces.
    """
    compiled = re.compile(pattern, re.MULTILINE)

    def changes(text: str) -> Iterator[Change]:
        for match in compiled.finditer(text):
            groups = match.groupdict()
            shown = {name: _shown(group) for name, group in groups.items()}
            place = match.start("at" if "at" in groups else 0)
            yield (Edit(*match.span(), replacement.format(**groups), place, message.format(**shown)),)

    return changes


def _shown(text: str) -> str:
    """Return a part of a config as messages show it."""
    return printable(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}...")


def _backslashes(text: str) -> Iterator[Change]:
    for match in re.finditer(r'"([^"\n]+)"', text):
        formula = "$" in match[1] and "\\" in match[1]  # "$\\alpha$" is valid, but not meant so
        if not formula and "\\" not in _ESCAPE.sub("", match[1]):
            continue
        meant = match[1].replace("\\\\", "\\")
        path = meant.replace("\\", "/")
        single = f"'{_shown(meant)}'"
        fix = f"single quotes, {single}" if formula else f"{_shown(path)}, or single quotes for text: {single}"
        message = f"backslash in double quotes, where it starts an escape sequence; use {fix}"
        yield (Edit(match.start(), match.end(), f'"{path}"', match.start() + match[0].index("\\"), message),)


def _settings_below_a_name(text: str) -> Iterator[Change]:
    """Yield changes of `- gd` with settings indented below it into `- {name: gd, settings}`."""
    for match in _BELOW_A_NAME.finditer(text):
        keys = re.findall(r"^\w+(?=:)", text[: match.start("name")], re.MULTILINE)
        key = "kind" if keys[-1:] == ["figures"] else "name"
        settings = [_COMMENT.sub("", line).strip() for line in match["settings"].splitlines()]
        form = f"{{{key}: {match['name']}, {', '.join(filter(None, settings))}}}"
        message = f"missing key {key!r} before the settings of {_shown(match['name'])}; use {_shown(form)}"
        end = match.end("settings") - match["settings"].endswith("\n")
        yield (Edit(match.start("name"), end, form, match.start("name"), message),)


def _misaligned_dashes(text: str) -> Iterator[Change]:
    """Yield the dashes that are further to the right than the one of a word above, whose list they continue."""
    for match in _DASHES.finditer(text):
        message = "the dash is further to the right than the one above; align them"
        starts = [match.start("rest") + line.start() for line in re.finditer("^", match["rest"], re.MULTILINE)]
        deeper = len(match["deeper"])
        yield tuple(
            Edit(start + len(match["above"]), start + deeper, "", start + deeper, message if start == starts[0] else "")
            for start in starts
        )


_ESCAPE = re.compile(r"\\(?:[0abtnvfre\"/\\N_LP \t]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})")
_COMMENT = re.compile(r"(?:^|(?<=\s))#.*")
_PAIRS = [
    re.compile(pattern) for pattern in ('[“”„‟«»][^“”„‟«»"\n]*[“”„‟«»"]', '"[^“”"\n]*[“”]', "[‘’‚‛][^‘’‚‛'\n]*[‘’‚‛]")
]
_BELOW_A_NAME = re.compile(
    r"^(?P<indent>[ ]*)(?:- |problem: +)(?P<name>[A-Za-z][\w+.:-]*)[ ]*(?:#.*)?\n"
    r"(?P<settings>(?:(?P=indent)[ ]+[A-Za-z_]\w*: .*(?:\n|\Z))+)",
    re.MULTILINE,
)
_DASHES = re.compile(
    r"^(?P<above> *)- [^\s:]+ *\n(?P<rest>(?P<deeper>(?P=above) +)- .*(?:\n(?P=deeper)- .*)*)", re.MULTILINE
)
_KEY = r"(?<![^\s{\[,])(?P<key>[A-Za-z_]\w*)"
_VALUE = r"(?=(?P<value>[\[{].*|[^\s,}\]#]*))"

# The ways in which configs are miswritten. Each yields changes in the order of the text.
_KINDS: Sequence[Callable[[str], Iterator[Change]]] = (
    _unusual_characters,
    _unusual_spaces,
    _matches(
        rf"(?<![^\s{{\[,])(?!(?:{'|'.join(PREFIXES)}):)(?P<key>[A-Za-z_]\w*|\"\w+\"|'\w+'):(?P<at>)(?=[^\s:/\\,}}\]]){_VALUE}",
        r"{key}: ",
        r"missing space after the colon; use {key}: {value}",
    ),
    _matches(
        rf"{_KEY}[ \t]*(?P<at>:?=)>?[ \t]*(?=[^\s=]){_VALUE}",
        r"{key}: ",
        r"expected a colon, got {at}; use {key}: {value}",
    ),
    _matches(
        r"^(?P<indent>[ \t]*(?:- )?)(?P<key>[A-Za-z_]\w*)(?P<at>[ \t]+)(?=(?P<value>[^\s:=#][^:=#\n]*)$)",
        r"{indent}{key}: ",
        r"missing colon; use {key}: {value}",
    ),
    _matches(
        r"^(?P<indent>[ \t]*)-(?P<at>)(?=(?P<value>[A-Za-z{\[\"'].*)$)",
        r"{indent}- ",
        r"missing space after the dash; use - {value}",
    ),
    _matches(r"(?<=[^\s#'\"])#(?=.*$)", " #", "missing space before the comment; add one"),
    _matches(
        r"^(?P<head>(?:.*[:,\[{-] +)?)(?P<at>['\"])(?P<text>[^'\"\n]+)$",
        r"{head}{at}{text}{at}",
        r"missing closing quote; use {at}{text}{at}",
    ),
    _backslashes,
    _settings_below_a_name,
    _misaligned_dashes,
)
