"""The domain of paths of files, with fixes for URLs and for backslashes."""

from __future__ import annotations

import dataclasses
import re

from bpviz.declare.domains import Text
from bpviz.messages.text import quote_value


@dataclasses.dataclass(frozen=True)
class FilePath(Text):
    """The path of a file that exists on this machine."""

    longest: int = 1000

    def complaint(self, value: object) -> str | None:
        if isinstance(value, str) and is_url(value):
            return f"expected the path of a file, got the URL {quote_value(value)}"
        return super().complaint(value)

    def hint(self, value: object) -> str:
        if not isinstance(value, str):
            return ""
        if is_url(value):
            return "; download the file and use its path (bpviz downloads nothing)"
        path = with_slashes(value)
        return f"; use {path} (in double quotes, a backslash starts an escape sequence)" if path != value else ""

    def plural(self) -> str:
        return "paths of files"

    def __str__(self) -> str:
        return "the path of a file"


def is_url(text: str) -> bool:
    """Return whether a text is a URL, such as ``https://example.com/points.csv``."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text) is not None


# What a path of Windows in double quotes was before YAML read its backslashes: \n of data\new.csv.
_ESCAPED = {
    ord(character): f"/{letter}"
    for letter, character in zip("0abtnvfreNLP_", "\0\a\b\t\n\v\f\r\x1b\x85\u2028\u2029\xa0", strict=True)
}


def with_slashes(path: str) -> str:
    """Return a path of Windows with slashes, also if YAML has read its backslashes as escape sequences."""
    return path.translate(_ESCAPED).replace("\\", "/")
