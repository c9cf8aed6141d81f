"""What a value may be: how it is checked, worded, described to editors, and gone wrong with in tests."""

from __future__ import annotations

import dataclasses
import itertools
import math
import re
from typing import Any

from bpviz.messages.suggestions import nearest
from bpviz.messages.text import listed, shown


class Domain:
    """What a value may be. It words its own complaint, its JSON Schema and a value that it refuses."""

    def complaint(self, value: object) -> str | None:
        """Return why ``value`` is refused, as the end of a sentence that starts with its place; None if it is fine."""
        raise NotImplementedError

    def convert(self, value: Any) -> Any:
        """Return an accepted value in the form the program keeps it."""
        return value

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema (draft 7) of the accepted values."""
        raise NotImplementedError

    def bad(self) -> object:
        """Return a value that is refused, for tests."""
        return {"not": "this"}

    def __str__(self) -> str:
        raise NotImplementedError


_INTERVAL = re.compile(r"(integer )?([\[(])\s*(-?[\w.+-]+)\s*,\s*(-?[\w.+-]+)\s*([\])])")


@dataclasses.dataclass(frozen=True)
class Interval(Domain):
    """An interval of numbers, written and read as mathematics does: ``[0, 1)``, ``(0, inf)``, ``integer [1, inf)``.

    Infinity itself is never inside, and a bool is not a number.
    """

    low: float
    high: float
    with_low: bool
    with_high: bool
    integer: bool = False

    @classmethod
    def parse(cls, text: str) -> Interval:
        match = _INTERVAL.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not an interval such as '[0, 1)' or 'integer [1, inf)'")
        integer, left, low, high, right = match.groups()
        return cls(float(low), float(high), left == "[", right == "]", integer is not None)

    def __contains__(self, value: float) -> bool:
        if not math.isfinite(value):
            return False
        above = value >= self.low if self.with_low else value > self.low
        below = value <= self.high if self.with_high else value < self.high
        return above and below

    def complaint(self, value: object) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"{shown(value)} is not a {self._kind()} in {self._range()}"
        if self.integer and isinstance(value, float) and math.isfinite(value) and not value.is_integer():
            return f"{shown(value)} is not a whole number in {self._range()}"
        try:
            inside = float(value) in self
        except OverflowError:  # an integer too large for a float
            inside = False
        return None if inside else f"{shown(value)} is not in {self._range()}"

    def convert(self, value: Any) -> float | int:
        return int(value) if self.integer else float(value)

    def schema(self) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": "integer" if self.integer else "number"}
        number = int if self.integer else float
        if math.isfinite(self.low):
            schema["minimum" if self.with_low else "exclusiveMinimum"] = number(self.low)
        if math.isfinite(self.high):
            schema["maximum" if self.with_high else "exclusiveMaximum"] = number(self.high)
        return schema

    def bad(self) -> object:
        if math.isfinite(self.low):
            return self.low - 1 if self.with_low else self.low
        if math.isfinite(self.high):
            return self.high + 1 if self.with_high else self.high
        return math.nan

    def _kind(self) -> str:
        return "whole number" if self.integer else "number"

    def _range(self) -> str:
        left, right = "[" if self.with_low else "(", "]" if self.with_high else ")"
        return f"{left}{self.low:g}, {self.high:g}{right}"

    def __str__(self) -> str:
        return f"integer {self._range()}" if self.integer else self._range()


@dataclasses.dataclass(frozen=True)
class Choice(Domain):
    """One word out of a few."""

    words: tuple[str, ...]

    def complaint(self, value: object) -> str | None:
        if isinstance(value, str) and value in self.words:
            return None
        guess = nearest(value, self.words)
        hint = f"; did you mean {guess!r}?" if guess else ""
        return f"{shown(value)} is not one of {', '.join(self.words)}{hint}"

    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.words)}

    def bad(self) -> object:
        return "no such word"

    def __str__(self) -> str:
        return listed(self.words)


@dataclasses.dataclass(frozen=True)
class Flag(Domain):
    """true or false."""

    def complaint(self, value: object) -> str | None:
        return None if isinstance(value, bool) else f"{shown(value)} is not true or false"

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}

    def bad(self) -> object:
        return "perhaps"

    def __str__(self) -> str:
        return "true or false"


@dataclasses.dataclass(frozen=True)
class Text(Domain):
    """A line of text, not empty."""

    longest: int = 200

    def complaint(self, value: object) -> str | None:
        if not isinstance(value, str):
            return f"{shown(value)} is not text"
        if not value.strip():
            return "the text is empty"
        if len(value) > self.longest:
            return f"the text has {len(value)} characters, more than {self.longest}"
        if not value.isprintable():
            return f"{shown(value)} has characters that cannot be printed on one line"
        return None

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1, "maxLength": self.longest}

    def __str__(self) -> str:
        return "text"


@dataclasses.dataclass(frozen=True)
class FileName(Text):
    """A file name without folders and suffix: it cannot lead out of the output folder."""

    longest: int = 100

    def complaint(self, value: object) -> str | None:
        complaint = super().complaint(value)
        if complaint or not isinstance(value, str):
            return complaint
        if value[0] in ".-" or not re.fullmatch(r"[\w .+=-]+", value) or value != value.strip():
            return f"{shown(value)} is not a plain file name of letters, digits and . + = - _"
        return None

    def schema(self) -> dict[str, Any]:
        return {**super().schema(), "pattern": r"^[\w+=][\w .+=-]*$"}

    def bad(self) -> object:
        return "../outside"

    def __str__(self) -> str:
        return "a file name"


@dataclasses.dataclass(frozen=True)
class Listed(Domain):
    """A list of values of one domain, with as many items as ``least`` to ``most``, distinct or ordered if asked."""

    item: Domain
    least: int = 0
    most: int | None = None
    rising: bool = False

    def complaint(self, value: object) -> str | None:
        if not isinstance(value, list | tuple):
            return f"{shown(value)} is not a list of {self._items()}"
        if len(value) < self.least or (self.most is not None and len(value) > self.most):
            return f"a list of {len(value)} is not {self}"
        for place, item in enumerate(value):
            complaint = self.item.complaint(item)
            if complaint:
                return f"item {place + 1}: {complaint}"
        if self.rising and any(b <= a for a, b in itertools.pairwise(value)):
            return f"[{', '.join(shown(v) for v in value)}] does not rise: each number must be above the one before"
        return None

    def convert(self, value: Any) -> tuple[Any, ...]:
        return tuple(self.item.convert(item) for item in value)

    def schema(self) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": "array", "items": self.item.schema(), "minItems": self.least}
        if self.most is not None:
            schema["maxItems"] = self.most
        return schema

    def _items(self) -> str:
        if self.most == self.least:
            return f"{self.least} values, each {self.item}"
        return f"values, each {self.item}"

    def __str__(self) -> str:
        least = "" if self.most == self.least else f"{self.least} or more "
        return f"a list of {least}{self._items()}"


@dataclasses.dataclass(frozen=True)
class Nullable(Domain):
    """A value of another domain, or null."""

    of: Domain
    null: str = "nothing"  # what null stands for

    def complaint(self, value: object) -> str | None:
        return None if value is None else self.of.complaint(value)

    def convert(self, value: Any) -> Any:
        return None if value is None else self.of.convert(value)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [self.of.schema(), {"type": "null"}]}

    def bad(self) -> object:
        return self.of.bad()

    def __str__(self) -> str:
        return f"{self.of}, or null for {self.null}"
