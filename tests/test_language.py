"""Test that messages, help, docstrings and documents use plain words, and one word per concept.

docs/architecture.md has the glossary. BANNED lists words that are easy to find; each has the words to use instead.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import bpviz

ROOT = Path(__file__).parent.parent
MODULES = sorted(Path(bpviz.__file__).parent.rglob("*.py"))
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "action.yml")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted(Path(bpviz.__file__).parent.rglob("*.yaml")),
]

_UNIT = "run|epoch|file|line|row|start|figure|command|config|algorithm|rule|weight|sample|second|process|test|task|kind"


class Banned(NamedTuple):
    """A regular expression in which a space also matches a line break, the words to use, and a text that it matches."""

    pattern: str
    use: str
    example: str


BANNED = [
    # Quaint or ambiguous words.
    Banned("anew", "again", "figures drawn anew"),
    Banned("beside", "next to, with, besides", "the lock beside it"),
    Banned("otherwise than", "differently from", "rounds otherwise than"),
    Banned(
        "somebody|anybody|nobody|whoever|whosoever", "the user, another program; or the passive", "Whoever wants it"
    ),
    Banned("of yours|of (?:one's|somebody's|anybody's) own", "your, plugin, third-party", "a rule of yours"),
    Banned("so many", "the number of, at most N", "after so many epochs"),
    Banned("so (?:near|long)", "within, at most", "at most so long"),
    Banned("in vain", "without success, failed", "asked for in vain"),
    Banned("what (?:goes|stands|comes|came|went)", "name the thing", "what goes around it"),
    Banned(f"(?:one|an?|some) \\w+ an? (?:{_UNIT})", "per", "a row a run"),
    Banned(f"(?:one|once|twice|times|rows?|files?|epochs|evaluations) an? (?:{_UNIT})", "per", "once an epoch"),
    Banned("come to|comes to|came to|coming to", "reach, give, amount to, become", "what they came to"),
    Banned("hand(?:s|ed|ing)? (?:over|on)", "pass, return", "hands over its text"),
    Banned("says (?:so|otherwise|something else|the same|of)", "contains, means, reports", "says something else"),
    Banned("asked for", "given, requested", "it was asked for"),
    Banned("is fine|are fine", "is valid", "2 configs are fine"),
    Banned("other than (?:it|they) (?:was|were)", "changed", "7 values are other than they were"),
    Banned("leaves? with (?:[0-9]|its|code)", "exit with", "Leave with 1"),
    Banned("worded", "written, reported", "failures worded"),
    # Other words for a concept of the glossary.
    Banned("ran out of epochs", "reached max_epochs", "gd ran out of epochs"),
    Banned("stop(?:s|ped)? being finite", "diverged", "it stopped being finite"),
    Banned("level ground", "the gradient threshold", "reached level ground"),
    Banned("can(?:not| no longer) go on|could not go on", "stuck, cannot continue", "it cannot go on"),
    Banned("left over", "orphaned", "a file that is left over"),
    Banned("bills?|billed", "counts, counted", "on its bill"),
    Banned("charge[sd]?", "count, counted", "what a run is charged"),
    Banned("questions?", "evaluation, kind of evaluation", "a question asked twice"),
    Banned("lowest error|error is lowest", "minimum", "the lowest error"),
    Banned("(?:make|made|makes) small", "minimize", "a function to make small"),
    Banned("arrive[sd]?", "reach the threshold", "a run has arrived"),
    Banned("judges?", "the loop", "the judge looks"),
    Banned("neighbou?rs", "the other runs in the block", "depends on its neighbors"),
    Banned("travel(?:s|led)?", "are in one block", "runs travel together"),
    Banned("walks?|walked", "run, path, advance", "walks as torch does"),
    Banned("foreign", "library optimizer, third-party", "a foreign rule"),
    Banned("strangers?", "third-party code", "a stranger's rule"),
    Banned("goes around|go around|what is around|around a rule", "wraps", "goes around a rule"),
    Banned("colours?|coloured|behaviours?|normalis\\w+|minimis\\w+", "American spelling", "in colour"),
]
_SPACE = r"(?:[^\S\n]+\n?[^\S\n]*|\n[^\S\n]*)"  # but no blank line
_PATTERNS = [re.compile(rf"\b(?:{row.pattern})\b".replace(" ", _SPACE), re.IGNORECASE) for row in BANNED]
_ANY = re.compile(rf"\b(?:{'|'.join(row.pattern for row in BANNED)})\b".replace(" ", _SPACE))  # for lower-case text
_JOINED = re.compile(r"""["']\s*\n\s*f?["']""")  # between parts of a string on several lines


def _private(node: ast.AST) -> bool:
    return getattr(node, "name", "").startswith("_")


def _texts(module: Path) -> Iterator[tuple[int, str]]:
    """Yield the first line and the content of every string with more than one word, in a module with banned words.

    Strings with one word are mostly names. Docstrings of private functions and classes are not included.
    """
    source = module.read_text(encoding="utf-8")
    if not _ANY.search(_JOINED.sub("", source.lower())):
        return  # parsing takes much longer
    tree = ast.parse(source)
    skipped = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and _private(node) and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in skipped:
            continue
        if len(node.value.split()) > 1:
            yield node.lineno, node.value


def _found(path: Path, first: int, text: str) -> Iterator[str]:
    for row, pattern in zip(BANNED, _PATTERNS, strict=True):
        for match in pattern.finditer(text):
            line = first + text.count("\n", 0, match.start())
            words = " ".join(match[0].split())
            yield f"{path.relative_to(ROOT)}:{line}: {words!r}; use: {row.use}"


def _fail_if(found: list[str]) -> None:
    if found:
        pytest.fail("\n".join(found), pytrace=False)


def test_modules_use_plain_words() -> None:
    """In messages, help and docstrings."""
    found = [line for module in MODULES for first, text in _texts(module) for line in _found(module, first, text)]
    _fail_if(found)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_documents_use_plain_words(document: Path) -> None:
    _fail_if(list(_found(document, 1, document.read_text(encoding="utf-8"))))


def test_every_row_matches_its_example_and_not_its_replacement() -> None:
    for row, pattern in zip(BANNED, _PATTERNS, strict=True):
        assert pattern.search(row.example), row
        assert pattern.search(row.example.replace(" ", "\n    ")), f"{row}: should match across lines"
        assert not pattern.search(row.use), row


def test_finds_a_banned_word_in_a_message_and_in_a_docstring(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        'def f(n):\n    """Draw it\n\n    anew."""\n    return f"{n} files anew", "anew"\n', encoding="utf-8"
    )
    assert [first for first, text in _texts(module) for row in _PATTERNS if row.search(text)] == [2, 5]
    found = [line for first, text in _texts(module) for line in _found(ROOT / "module.py", first, text)]
    assert found == ["module.py:4: 'anew'; use: again", "module.py:5: 'anew'; use: again"]
