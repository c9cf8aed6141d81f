"""Values of the keys next to ``csv``: how a file is read, and which classes become targets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bpviz.declare.domains import Domain, ListOf, Text
from bpviz.messages.text import quote_value


@dataclass(frozen=True)
class Mark(Domain):
    """A character of a file, or a word for it; ``described`` lists what is accepted."""

    characters: Mapping[str, str]
    described: str

    def complaint(self, value: object) -> str | None:
        if isinstance(value, str) and value in self.characters:
            return None
        return f"expected {self}, got {quote_value(value)}"

    def convert(self, value: Any) -> str:
        return self.characters[value]

    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.characters)}

    def __str__(self) -> str:
        return self.described


DELIMITER = Mark(
    {mark: mark for mark in (",", ";", "|", ":", "\t", " ")} | {"tab": "\t", "space": " "},
    "',', ';', '|', ':', tab or space",
)
DECIMAL = Mark({".": ".", ",": ","}, "'.' or ','")


@dataclass(frozen=True)
class Label(Domain):
    """The text of a cell; in a config it may look like a number or a bool."""

    def complaint(self, value: object) -> str | None:
        if isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
            return None
        return Text().complaint(value)

    def convert(self, value: Any) -> str:
        return str(value)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [Text().schema(), {"type": ["number", "boolean"]}]}

    def plural(self) -> str:
        return "labels"

    def __str__(self) -> str:
        return "a label"


@dataclass(frozen=True)
class Missing(Domain):
    """What to do with rows in which a value is missing."""

    marks = ListOf(Label(), 1)

    def complaint(self, value: object) -> str | None:
        if value in ("error", "drop") or self.marks.complaint(value) is None:
            return None
        return f"expected {self}, got {quote_value(value)}"

    def convert(self, value: Any) -> str | tuple[str, ...]:
        return value if isinstance(value, str) else self.marks.convert(value)

    def hint(self, value: object) -> str:
        return "; did you mean 'drop'?" if value in ("skip", "ignore", "omit", "remove", "dropna") else ""

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [{"enum": ["error", "drop"]}, self.marks.schema()]}

    def __str__(self) -> str:
        return "error, drop or a list of marks"


CLASSES = ListOf(Label(), 2)
