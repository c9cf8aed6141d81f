"""Parse YAML text into a tree of values with their places.

Scalars follow the core schema of YAML 1.2, as in editors: ``1e-3`` and ``-.5`` are numbers, ``no``, ``12:30`` and
dates are strings, ``017`` is 17. PyYAML implements YAML 1.1, so only its event parser is used (the one in Python,
because crafted input can crash the one in C). Nothing here recurses, and limits on size and depth protect against
hostile files.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from bpviz.messages.diagnostics import ConfigError, Document, Mistake, Place
from bpviz.messages.text import quote_value

if TYPE_CHECKING:
    import yaml

Event = Any
"""An event of PyYAML, whose types do not declare their attributes."""

LARGEST = 256 * 1024  # bytes of a config; parsing this many takes 1.5 s
_DEEPEST = 32  # levels of lists and mappings
_MOST = 100_000  # values, where those of an alias count at every use

# YAML 1.2.2, section 10.3.2. In addition, the minus sign −, which papers print, is accepted in numbers.
_NULL = re.compile(r"|~|null|Null|NULL")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_INTEGER = re.compile(r"[-+−]?[0-9]+|(?P<octal>0o[0-7]+)|(?P<hex>0x[0-9a-fA-F]+)")
_FLOAT = re.compile(r"[-+−]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+−]?[0-9]+)?")
_INFINITE = re.compile(r"([-+−]?)\.(inf|Inf|INF)")
_NAN = re.compile(r"\.(nan|NaN|NAN)")

# Messages for the most frequent syntax errors, clearer than the parser's, by a fragment of the parser's message.
_HINTS = {
    "mapping values are not allowed": (
        "unexpected colon; align the keys of a mapping in one column, and add quotes to text that contains ': '"
    ),
    "'\\t' that cannot start": "unexpected tab; use spaces",
    "'@' that cannot start": "unquoted text cannot start with @; add quotes",
    "'`' that cannot start": "unquoted text cannot start with `; add quotes",
    "'%' that cannot start": "unquoted text cannot start with %; add quotes",
    "expected alphabetic or numeric character": "unquoted text cannot start with * or &; add quotes",
    "expected chomping or indentation indicators": "unquoted text cannot start with | or >; add quotes",
    "mapping keys are not allowed": "unquoted text cannot start with ?; add quotes",
    "escape": "unknown escape sequence; use single quotes around text with a backslash",
    "expected the node content": "missing value, or unquoted text that starts with a sign of YAML; add quotes",
    "sequence entries are not allowed": "unexpected dash; begin a list in a line of its own, or add quotes to text",
    "expected ',' or ']'": "missing comma or ]",
    "expected ',' or '}'": "missing comma or }",
    "expected <block end>": "the indentation does not match the lines above",
    "expected '<document start>'": "the indentation does not match the lines above",
    "could not find expected ':'": "missing colon after a key, or missing closing quote",
    "end of stream": "unexpected end of file; add the missing closing quote or bracket",
}
_AFTER_THE_END = "unexpected text after the closing quote or bracket; add quotes around the whole text"
_CONTEXTS = {
    **dict.fromkeys(["flow sequence", "block sequence"], "list"),
    **dict.fromkeys(["flow mapping", "block mapping"], "mapping"),
    **dict.fromkeys(["quoted scalar", "double-quoted scalar", "plain scalar", "block scalar"], "text"),
}


def scalar(text: str) -> str | int | float | bool | None:
    """Return the value of unquoted ``text``."""
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text) or _FALSE.fullmatch(text):
        return text[0] in "tT"
    if match := _INTEGER.fullmatch(text):
        if len(text) > 250:  # near the largest float, and slow to convert
            return math.inf
        return int(text.replace("−", "-"), 8 if match["octal"] else 16 if match["hex"] else 10)
    if _FLOAT.fullmatch(text):
        return float(text.replace("−", "-"))
    if match := _INFINITE.fullmatch(text):
        return -math.inf if match[1] in ("-", "−") else math.inf
    return math.nan if _NAN.fullmatch(text) else text


@dataclass(frozen=True, slots=True)
class Node:
    """A value with its place. A list contains nodes; a mapping contains nodes by key."""

    value: Any
    place: Place
    text: str = ""  # the source text of a scalar
    quoted: bool = False
    keys: dict[str, Place] = field(default_factory=dict)  # of a mapping: the place of each key

    @property
    def plain(self) -> Any:
        """The value without places."""
        if isinstance(self.value, list):
            return [item.plain for item in self.value]
        if isinstance(self.value, dict):
            return {key: item.plain for key, item in self.value.items()}
        return self.value


def join_path(path: str, key: str | int) -> str:
    """Return the path of a part of the value at ``path``."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    key = key if re.fullmatch(r"[\w+-]{1,60}", key) else quote_value(key)
    return f"{path}.{key}" if path else key


def parse(document: Document) -> tuple[Node | None, list[Mistake]]:
    """Return the tree of a document, None if it is empty, and the mistakes that do not prevent parsing.

    Raise ConfigError for mistakes that do.
    """
    import yaml  # here, because `bpviz compare` reads no YAML file

    tree = _Tree(document)
    loader: Any = None
    try:
        loader = yaml.SafeLoader(document.text)
        while not loader.check_event(yaml.StreamEndEvent):
            tree.take(loader.get_event())
    except yaml.reader.ReaderError as error:
        message = f"invalid character U+{error.character:04X}; remove it"
        raise ConfigError([document.place(error.position).mistake("", message)]) from None
    except yaml.MarkedYAMLError as error:
        raise ConfigError([_syntax(document, error)]) from None
    except ConfigError:  # a ValueError, but not PyYAML's
        raise
    except (ValueError, OverflowError):  # PyYAML's: "\UFFFFFFFF", or a version with thousands of digits
        mark = loader.get_mark() if loader else None
        place = Place(document, mark.line + 1, mark.column + 1) if mark else Place(document)
        raise ConfigError(
            [place.mistake("", "invalid YAML: number too large in an escape sequence or a directive")]
        ) from None
    return tree.root, tree.mistakes


def _syntax(document: Document, error: yaml.MarkedYAMLError) -> Mistake:
    mark, context = error.problem_mark or error.context_mark, error.context_mark
    if mark is None:
        return Place(document).mistake("", f"invalid YAML: {error.problem or error.context or 'invalid syntax'}")
    original = error.problem or error.context or "invalid syntax"
    message = next((hint for fragment, hint in _HINTS.items() if fragment in original), original)
    lines = document.lines
    if "expected <block end>" in original and lines[mark.line][: mark.column].rstrip()[-1:] in tuple("\"']}"):
        message = _AFTER_THE_END
    elif context and "end of stream" in original and "quoted" in str(error.context):
        message, mark = "missing closing quote of the text that begins here", context
    elif context and "<stream end>" in original and "missing comma" in message:
        message, mark = f"missing {message[-1]} of the bracket that opens here", context
    elif context and error.context and context.line < mark.line:
        if "missing comma" in message and _indent(lines[mark.line]) <= _indent(lines[context.line]):
            message, mark = f"missing {message[-1]} of the bracket that opens here", context
        else:
            part = error.context.removeprefix("while parsing a ").removeprefix("while scanning a ")
            message += f" (in the {_CONTEXTS.get(part, part)} that starts in line {context.line + 1})"
    return Place(document, mark.line + 1, mark.column + 1).mistake("", f"invalid YAML: {message}")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


class _Open:
    """A list or mapping that has not ended."""

    __slots__ = ("anchor", "height", "key", "node", "path", "size")

    def __init__(self, node: Node, path: str, anchor: str | None) -> None:
        self.node = node
        self.path = path
        self.anchor = anchor
        self.key: str | None = None  # the key whose value comes next
        self.size = self.height = 1


class _Tree:
    """Builds the tree of nodes from the parser's events."""

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
                self._fail(event, "expected one document, got a second one; move it to another file")
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, yaml.NodeEvent):
            tag: str | None = getattr(event, "tag", None)
            if tag is not None:
                tag = tag.replace("tag:yaml.org,2002:", "!!")
                self._fail(event, f"unsupported tag {quote_value(tag)}; remove it")
            if isinstance(event, yaml.ScalarEvent):
                self._scalar(event)
            else:
                self._begin(event, [] if isinstance(event, yaml.SequenceStartEvent) else {})
        elif isinstance(event, yaml.CollectionEndEvent):
            self._end()

    def _place(self, event: Event) -> Place:
        return Place(self.document, event.start_mark.line + 1, event.start_mark.column + 1)

    def _fail(self, event: Event, message: str) -> NoReturn:
        raise ConfigError([self._place(event).mistake("", message)])

    def _path(self) -> str:
        if not self._open:
            return ""
        parent = self._open[-1]
        if isinstance(parent.node.value, list):
            return join_path(parent.path, len(parent.node.value))
        return parent.path if parent.key is None else join_path(parent.path, parent.key)

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
            self._fail(event, "unsupported merge key <<; write the settings out")
        place = self._place(event)
        if key in parent.node.keys:
            message = f"duplicate key (first given {parent.node.keys[key]})"
            self.mistakes.append(place.mistake(join_path(parent.path, key), message))
        else:
            parent.node.keys[key] = place
        parent.key = key

    def _alias(self, event: Event) -> None:
        if event.anchor not in self._anchors:
            self._fail(event, f"undefined alias *{event.anchor[:60]}; add the anchor &{event.anchor[:60]} before it")
        anchored = self._anchors[event.anchor]
        if anchored is None:
            self._fail(event, f"alias *{event.anchor[:60]} refers to itself")
        self._add(event, *anchored)

    def _begin(self, event: Event, value: list[Node] | dict[str, Node]) -> None:
        if self._awaits_key():
            self._fail(event, "expected a word as key, got a list or a mapping")
        if len(self._open) == _DEEPEST:
            self._fail(event, f"nested more than {_DEEPEST} levels deep")
        self._count(event, 1)
        if event.anchor:
            self._anchors[event.anchor] = None
        self._open.append(_Open(Node(value, self._place(event)), self._path(), event.anchor))

    def _end(self) -> None:
        ended = self._open.pop()
        if ended.anchor:
            self._anchors[ended.anchor] = (ended.node, ended.size, ended.height)
        self._put(ended.node, ended.size, ended.height)

    def _awaits_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1].node.value, dict) and self._open[-1].key is None

    def _count(self, event: Event, values: int) -> None:
        self._values += values
        if self._values > _MOST:
            self._fail(event, f"more than {_MOST:,} values; use a CSV file for large data")

    def _add(self, event: Event, node: Node, size: int, height: int) -> None:
        if self._awaits_key():
            self._fail(event, "expected a word as key, got an alias")
        if len(self._open) + height > _DEEPEST:
            self._fail(event, f"nested more than {_DEEPEST} levels deep")
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
            parent.node.value.setdefault(parent.key, node)  # of duplicate keys, the first counts
            parent.key = None
