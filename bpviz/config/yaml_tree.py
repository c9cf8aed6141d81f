"""YAML text -> a tree of values that know where they stand.

Scalars are read by the core schema of YAML 1.2, as editors do: ``1e-3`` and ``-.5`` are numbers, ``no``, ``12:30`` and
dates are text, ``017`` is 17. PyYAML reads YAML 1.1: only its parser is used (the one in Python: the other can be
made to crash), event by event. Nothing recurses, and a hostile file is refused where it passes a limit.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from bpviz.messages.diagnostics import ConfigError, Document, Mistake, Place
from bpviz.messages.text import shown

if TYPE_CHECKING:
    import yaml

Event = Any
"""One of PyYAML's, whose types do not say what is in them."""

LARGEST = 256 * 1024  # bytes of a config; the parser takes a second and a half for so many
_DEEPEST = 32  # levels of lists and mappings
_MOST = 100_000  # values, those behind aliases counted wherever they are used

# YAML 1.2.2, section 10.3.2.
_NULL = re.compile(r"|~|null|Null|NULL")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_INTEGER = re.compile(r"[-+]?[0-9]+|(?P<octal>0o[0-7]+)|(?P<hex>0x[0-9a-fA-F]+)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"([-+]?)\.(inf|Inf|INF)")
_NAN = re.compile(r"\.(nan|NaN|NAN)")

# What people meet most often, in words that help more than the parser's.
_HINTS = {
    "mapping values are not allowed": (
        "a colon is not expected here; keys of one mapping start in one column, and text with ': ' in it is quoted"
    ),
    "'\\t' that cannot start": "a tab; YAML is indented with spaces",
    "'@' that cannot start": "a text that starts with @ stands in quotes",
    "'`' that cannot start": "a text that starts with ` stands in quotes",
    "'%' that cannot start": "a text that starts with % stands in quotes",
    "expected <block end>": "the indentation does not fit the lines above",
    "could not find expected ':'": "a key without a colon, or a quote that is not closed",
    "end of stream": "the text ends too early: a quote or a bracket is not closed",
}


def scalar(text: str) -> str | int | float | bool | None:
    """Return what an unquoted ``text`` stands for."""
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text) or _FALSE.fullmatch(text):
        return text[0] in "tT"
    if match := _INTEGER.fullmatch(text):
        if len(text) > 250:  # a float would hardly hold it, and Python would rather not
            return math.inf
        return int(text, 8 if match["octal"] else 16 if match["hex"] else 10)
    if _FLOAT.fullmatch(text):
        return float(text)
    if match := _INFINITE.fullmatch(text):
        return -math.inf if match[1] == "-" else math.inf
    return math.nan if _NAN.fullmatch(text) else text


@dataclass(frozen=True, slots=True)
class Node:
    """A value with its place; a list holds nodes, a mapping nodes by the text of their keys."""

    value: Any
    place: Place
    text: str = ""  # a scalar, as written
    quoted: bool = False
    keys: dict[str, Place] = field(default_factory=dict)  # of a mapping: where each key stands

    @property
    def plain(self) -> Any:
        """The value without places."""
        if isinstance(self.value, list):
            return [item.plain for item in self.value]
        if isinstance(self.value, dict):
            return {key: item.plain for key, item in self.value.items()}
        return self.value


def under(path: str, key: str | int) -> str:
    """Return the path of a part of what is at ``path``."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    key = key if re.fullmatch(r"[\w+-]{1,60}", key) else shown(key)
    return f"{path}.{key}" if path else key


def parse(document: Document) -> tuple[Node | None, list[Mistake]]:
    """Return the tree of a document, None if it is empty, and the mistakes that do not keep it from being read.

    Raises ConfigError for those that do.
    """
    import yaml  # here: a comparison reads none

    tree = _Tree(document)
    loader: Any = None
    try:
        loader = yaml.SafeLoader(document.text)
        while not loader.check_event(yaml.StreamEndEvent):
            tree.take(loader.get_event())
    except yaml.reader.ReaderError as error:
        message = f"the character U+{error.character:04X} cannot stand in YAML"
        raise ConfigError([document.place(error.position).mistake("", message)]) from None
    except yaml.MarkedYAMLError as error:
        raise ConfigError([_syntax(document, error)]) from None
    except ConfigError:  # ours, and a ValueError too
        raise
    except (ValueError, OverflowError):  # PyYAML's: "\UFFFFFFFF", or a version with thousands of digits
        mark = loader.get_mark() if loader else None
        place = Place(document, mark.line + 1, mark.column + 1) if mark else Place(document)
        raise ConfigError([place.mistake("", "not YAML: a number in an escape or a directive is too large")]) from None
    return tree.root, tree.mistakes


def _syntax(document: Document, error: yaml.MarkedYAMLError) -> Mistake:
    mark = error.problem_mark or error.context_mark
    place = Place(document, mark.line + 1, mark.column + 1) if mark else Place(document)
    said = error.problem or error.context or "not understood"
    words = next((words for fragment, words in _HINTS.items() if fragment in said), said)
    begun = error.context_mark
    if begun and error.context and mark and begun.line != mark.line:
        words += f" ({error.context} that starts in line {begun.line + 1})"
    return place.mistake("", f"not YAML: {words}")


class _Open:
    """A list or mapping whose end has not been seen."""

    __slots__ = ("anchor", "height", "key", "node", "path", "size")

    def __init__(self, node: Node, path: str, anchor: str | None) -> None:
        self.node = node
        self.path = path
        self.anchor = anchor
        self.key: str | None = None  # the one whose value is awaited
        self.size = self.height = 1


class _Tree:
    """Builds nodes out of the parser's events."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.root: Node | None = None
        self.mistakes: list[Mistake] = []
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Node, int, int] | None] = {}  # node, size, height; None while it is open
        self._documents = self._values = 0

    def take(self, event: Event) -> None:
        import yaml

        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                self._refuse(event, "a second document starts here; a config is one document")
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, yaml.NodeEvent):
            tag: str | None = getattr(event, "tag", None)
            if tag is not None:
                tag = tag.replace("tag:yaml.org,2002:", "!!")
                self._refuse(event, f"the tag {shown(tag)} is not accepted; write the value alone")
            if isinstance(event, yaml.ScalarEvent):
                self._scalar(event)
            else:
                self._begin(event, [] if isinstance(event, yaml.SequenceStartEvent) else {})
        elif isinstance(event, yaml.CollectionEndEvent):
            self._end()

    def _place(self, event: Event) -> Place:
        return Place(self.document, event.start_mark.line + 1, event.start_mark.column + 1)

    def _refuse(self, event: Event, message: str) -> NoReturn:
        raise ConfigError([self._place(event).mistake("", message)])

    def _path(self) -> str:
        if not self._open:
            return ""
        parent = self._open[-1]
        if isinstance(parent.node.value, list):
            return under(parent.path, len(parent.node.value))
        return parent.path if parent.key is None else under(parent.path, parent.key)

    def _scalar(self, event: Event) -> None:
        quoted = bool(event.style)
        if self._awaits_key():
            self._key(self._open[-1], event, quoted)
            return
        node = Node(event.value if quoted else scalar(event.value), self._place(event), event.value, quoted)
        if event.anchor:
            self._anchors[event.anchor] = (node, 1, 0)
        self._add(event, node, 1, 0)

    def _key(self, parent: _Open, event: Event, quoted: bool) -> None:
        key = event.value
        if key == "<<" and not quoted:
            self._refuse(event, "merge keys (<<) are not accepted; write the settings out")
        place = self._place(event)
        if key in parent.node.keys:
            message = f"repeated key; it is given first {parent.node.keys[key]}"
            self.mistakes.append(place.mistake(under(parent.path, key), message))
        else:
            parent.node.keys[key] = place
        parent.key = key

    def _alias(self, event: Event) -> None:
        if event.anchor not in self._anchors:
            self._refuse(event, f"the alias *{event.anchor[:60]} has no anchor &{event.anchor[:60]} before it")
        known = self._anchors[event.anchor]
        if known is None:
            self._refuse(event, f"the alias *{event.anchor[:60]} stands inside what it is a name for")
        self._add(event, *known)

    def _begin(self, event: Event, value: list[Node] | dict[str, Node]) -> None:
        if self._awaits_key():
            self._refuse(event, "a key is a word, not a list or a mapping")
        if len(self._open) == _DEEPEST:
            self._refuse(event, f"nested more than {_DEEPEST} levels deep")
        self._count(event, 1)
        if event.anchor:
            self._anchors[event.anchor] = None
        self._open.append(_Open(Node(value, self._place(event)), self._path(), event.anchor))

    def _end(self) -> None:
        done = self._open.pop()
        if done.anchor:
            self._anchors[done.anchor] = (done.node, done.size, done.height)
        self._put(done.node, done.size, done.height)

    def _awaits_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1].node.value, dict) and self._open[-1].key is None

    def _count(self, event: Event, values: int) -> None:
        self._values += values
        if self._values > _MOST:
            self._refuse(event, f"more than {_MOST:,} values; large data belongs in a CSV file")

    def _add(self, event: Event, node: Node, size: int, height: int) -> None:
        if self._awaits_key():
            self._refuse(event, "a key is a word, not an alias")
        if len(self._open) + height > _DEEPEST:
            self._refuse(event, f"nested more than {_DEEPEST} levels deep")
        self._count(event, size)
        self._put(node, size, height)

    def _put(self, node: Node, size: int, height: int) -> None:
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        parent.size += size
        parent.height = max(parent.height, height + 1)
        if isinstance(parent.node.value, list):
            parent.node.value.append(node)
        elif parent.key is not None:
            parent.node.value.setdefault(parent.key, node)  # the first of repeated keys stays
            parent.key = None
