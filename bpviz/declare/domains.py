"""Domains of values: checks with their messages, conversion, and JSON Schema."""

from __future__ import annotations

import dataclasses
import itertools
import math
import re
from typing import Any

from bpviz.messages.suggestions import nearest
from bpviz.messages.text import join_words, quote_value


class Domain:
    """The set of values that a setting accepts.

    ``str`` of a domain is its short form in tables: ``[0, 1)``.
    """

    def complaint(self, value: object) -> str | None:
        """Check a value.

        Returns
        -------
        str or None
            ``expected ..., got ...`` if the value is not in the domain, None if it is.
        """
        raise NotImplementedError

    def hint(self, value: object) -> str:
        """Return a fix for a value with a complaint, such as ``; did you mean 'tanh'?``; "" if there is none."""
        return ""

    def convert(self, value: Any) -> Any:
        """Return an accepted value in its canonical type, for example a float for ``1``."""
        return value

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema (draft 7) of the accepted values."""
        raise NotImplementedError

    def bad(self) -> object:
        """Return a value that is not in the domain, for tests."""
        return {"not": "this"}

    def singular(self) -> str:
        """Return the noun phrase for one value in messages: ``a number in [0, 1)``."""
        return str(self)

    def plural(self) -> str:
        """Return the noun phrase for several values in messages: ``numbers in [0, 1)``."""
        return f"values, each {self.singular()}"

    def __str__(self) -> str:
        raise NotImplementedError


_INTERVAL = re.compile(r"(integer )?([\[(])\s*(-?[\w.+-]+)\s*,\s*(-?[\w.+-]+)\s*([\])])")


@dataclasses.dataclass(frozen=True)
class Interval(Domain):
    """An interval of finite numbers, such as ``[0, 1)``, ``(0, inf)`` or ``integer [1, inf)``.

    A bracket includes its end, a parenthesis excludes it. Infinities, NaN and bools are never in the interval. Values
    are converted to float, or to int if ``integer``.

    Parameters
    ----------
    low, high : float
        The ends; ``-inf`` and ``inf`` for none.
    with_low, with_high : bool
        Whether the interval includes the end.
    integer : bool
        Whether only integers are accepted, written as ``3`` or ``3.0``.
    """

    low: float
    high: float
    with_low: bool
    with_high: bool
    integer: bool = False

    @classmethod
    def parse(cls, text: str) -> Interval:
        """Return the interval that ``text`` denotes, for example ``"[0, 1)"`` or ``"integer [1, inf)"``.

        Raises
        ------
        ValueError
            If the text is not an interval.
        """
        match = _INTERVAL.fullmatch(text)
        if match is None:
            raise ValueError(f"expected an interval such as '[0, 1)' or 'integer [1, inf)', got {text!r}")
        integer, left, low, high, right = match.groups()
        return cls(float(low), float(high), left == "[", right == "]", integer is not None)

    def __contains__(self, value: float) -> bool:
        if not math.isfinite(value):
            return False
        above = value >= self.low if self.with_low else value > self.low
        below = value <= self.high if self.with_high else value < self.high
        return above and below

    def complaint(self, value: object) -> str | None:
        try:
            accepted = (
                isinstance(value, int | float)
                and not isinstance(value, bool)
                and float(value) in self
                and not (self.integer and isinstance(value, float) and not value.is_integer())
            )
        except OverflowError:  # an integer too large for a float
            accepted = False
        return None if accepted else f"expected {self.singular()}, got {quote_value(value)}"

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

    def singular(self) -> str:
        return f"{'an integer' if self.integer else 'a number'}{self._within()}"

    def plural(self) -> str:
        return f"{'integers' if self.integer else 'numbers'}{self._within()}"

    def _within(self) -> str:
        return f" in {self._range()}" if math.isfinite(self.low) or math.isfinite(self.high) else ""

    def _range(self) -> str:
        left, right = "[" if self.with_low else "(", "]" if self.with_high else ")"
        return f"{left}{self.low:g}, {self.high:g}{right}"

    def __str__(self) -> str:
        return f"integer {self._range()}" if self.integer else self._range()


@dataclasses.dataclass(frozen=True)
class Choice(Domain):
    """One of several words, such as ``Choice(("paper", "torch"))``.

    Parameters
    ----------
    words : tuple of str
        The accepted words, in the order in which messages list them.
    """

    words: tuple[str, ...]

    def complaint(self, value: object) -> str | None:
        if isinstance(value, str) and value in self.words:
            return None
        return f"expected {self}, got {quote_value(value)}"

    def hint(self, value: object) -> str:
        guess = nearest(value, self.words)
        return f"; did you mean {guess!r}?" if guess else ""

    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.words)}

    def bad(self) -> object:
        return "no such word"

    def __str__(self) -> str:
        return join_words(self.words)


@dataclasses.dataclass(frozen=True)
class Flag(Domain):
    """A bool: ``true`` or ``false`` in YAML. Numbers and words such as ``yes`` are rejected."""

    def complaint(self, value: object) -> str | None:
        return None if isinstance(value, bool) else f"expected true or false, got {quote_value(value)}"

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}

    def bad(self) -> object:
        return "perhaps"

    def __str__(self) -> str:
        return "true or false"


# Spaces other than that of ASCII, and the joiners of letters and emoji, which Python does not call printable.
_HARMLESS = dict.fromkeys([0xA0, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000, 0x200C, 0x200D])


@dataclasses.dataclass(frozen=True)
class Text(Domain):
    """A non-empty string on one line, of printable characters.

    Parameters
    ----------
    longest : int
        The maximum number of characters.
    """

    longest: int = 200

    def complaint(self, value: object) -> str | None:
        if not isinstance(value, str):
            return f"expected {self.singular()}, got {quote_value(value)}"
        if not value.strip():
            return f"expected a non-empty string, got {quote_value(value)}"
        if len(value) > self.longest:
            return f"expected at most {self.longest} characters, got {len(value)}"
        if not value.translate(_HARMLESS).isprintable():
            return f"expected printable characters on one line, got {quote_value(value)}"
        return None

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1, "maxLength": self.longest}

    def plural(self) -> str:
        return "strings"

    def __str__(self) -> str:
        return "a string"


FILE_NAME = r"[\w+=][\w .+=-]*"
"""Pattern of file names without suffix."""


@dataclasses.dataclass(frozen=True)
class FileName(Text):
    """A file name without folders and suffix, so that the file is always inside the output folder."""

    longest: int = 100

    def complaint(self, value: object) -> str | None:
        complaint = super().complaint(value)
        if complaint or not isinstance(value, str):
            return complaint
        if value[0] in ".-" or not re.fullmatch(r"[\w .+=-]+", value) or value != value.strip():
            return f"expected a file name (letters, digits, spaces and . + = - _), got {quote_value(value)}"
        return None

    def schema(self) -> dict[str, Any]:
        return {**super().schema(), "pattern": f"^{FILE_NAME}$"}

    def bad(self) -> object:
        return "../outside"

    def plural(self) -> str:
        return "file names"

    def __str__(self) -> str:
        return "a file name"


@dataclasses.dataclass(frozen=True)
class ListOf(Domain):
    """A list of values of one domain.

    Parameters
    ----------
    item : Domain
        The domain of every item.
    least, most : int, int or None
        The minimum and the maximum number of items; None for no maximum.
    rising : bool
        Whether every item must be greater than the one before.
    """

    item: Domain
    least: int = 0
    most: int | None = None
    rising: bool = False

    def complaint(self, value: object) -> str | None:
        if not isinstance(value, list | tuple):
            return f"expected {self}, got {quote_value(value)}"
        if len(value) < self.least or (self.most is not None and len(value) > self.most):
            return f"expected {self}, got a list of {len(value)}"
        for place, item in enumerate(value):
            complaint = self.item.complaint(item)
            if complaint:
                return f"item {place + 1}: {complaint}"
        if self.rising and any(b <= a for a, b in itertools.pairwise(value)):
            return f"expected increasing numbers, got [{', '.join(quote_value(v) for v in value)}]"
        return None

    def convert(self, value: Any) -> tuple[Any, ...]:
        return tuple(self.item.convert(item) for item in value)

    def schema(self) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": "array", "items": self.item.schema(), "minItems": self.least}
        if self.most is not None:
            schema["maxItems"] = self.most
        return schema

    def __str__(self) -> str:
        if self.most == self.least:
            return f"a list of {self.least} {self.item.plural()}"
        return f"a list of {f'{self.least} or more ' if self.least else ''}{self.item.plural()}"


@dataclasses.dataclass(frozen=True)
class Nullable(Domain):
    """A value of another domain, or null.

    Parameters
    ----------
    of : Domain
        The domain of a value that is not null.
    null : str
        The meaning of null, for tables: ``"the name of the file"``.
    """

    of: Domain
    null: str = "none"

    def complaint(self, value: object) -> str | None:
        return None if value is None else self.of.complaint(value)

    def hint(self, value: object) -> str:
        return self.of.hint(value)

    def convert(self, value: Any) -> Any:
        return None if value is None else self.of.convert(value)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [self.of.schema(), {"type": "null"}]}

    def bad(self) -> object:
        return self.of.bad()

    def __str__(self) -> str:
        return f"{self.of}, or null for {self.null}"
