"""Numbers, bools and marks of missing values in the cells of a CSV file."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from bpviz.config.yaml_tree import scalar

# In lower case. "." is written by SAS and Stata, "?" by the UCI collection, "#N/A" by Excel.
MISSING = frozenset(("", "?", "na", "n/a", "#n/a", "<na>", "nan", "-nan", "null", "none", "missing", "-", "--", "."))
BOOLS = {"true": 1.0, "false": 0.0}
_PLAIN = re.compile(r"[0-9eE.+ \n-]*")
_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+([eE][+-]?[0-9]+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2}([,.'\u2019\s])[0-9]{3}(\1[0-9]{3})*([.,][0-9]*)?")
_DOT = re.compile(r"[+-]?[0-9]*\.[0-9]+([eE][+-]?[0-9]+)?")
_INFINITE = re.compile(r"[+-]?\.?inf(inity)?", re.IGNORECASE)


def number(cell: str, decimal: str = ".") -> float | None:
    """Return the number in a cell, which may be infinite; None if there is none."""
    text = cell.strip().replace("\N{MINUS SIGN}", "-")
    if decimal == ",":
        if "." in text:
            return None
        text = text.replace(",", ".")
    if _INFINITE.fullmatch(text):
        return math.inf
    value = scalar(text)
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        return None
    try:
        return float(value)
    except OverflowError:  # an integer too large for a float
        return math.inf


def looks_like_data(cell: str) -> bool:
    """Return whether a cell is a number in any usual notation, or a mark of a missing one."""
    text = cell.strip()
    return text.lower() in MISSING or looks_like_number(text)


def looks_like_number(cell: str) -> bool:
    """Return whether a cell is a number in any usual notation."""
    text = cell.strip()
    return number(text) is not None or number(text, ",") is not None or with_thousands(text)


def with_thousands(cell: str) -> bool:
    """Return whether a cell may be a number with separators of thousands: ``1,200``."""
    return _THOUSANDS.fullmatch(cell.strip()) is not None


def decimal_mark(columns: Iterable[Sequence[str]], delimiter: str) -> str:
    """Return the decimal mark: a comma only if no cell has a point, and a comma cannot separate thousands."""
    found = False
    for cells in columns if delimiter != "," else ():
        text = "".join(cells)
        if "." in text and any(_DOT.fullmatch(cell.strip()) for cell in cells):
            return "."
        if "," in text:
            found = found or any(_COMMA.fullmatch(cell.strip()) and not with_thousands(cell) for cell in cells)
    return "," if found else "."


class Marks:
    """The usual marks of missing values and others, which may be numbers."""

    def __init__(self, others: Iterable[str] = ()) -> None:
        self._texts = MISSING | {other.strip().lower() for other in others}
        self.numbers = frozenset(value for other in others if (value := number(other)) is not None)

    def __contains__(self, cell: str) -> bool:
        return cell.strip().lower() in self._texts or bool(self.numbers and number(cell) in self.numbers)


class Column(NamedTuple):
    """The numbers of a column, NaN where there is none, and the rows whose cell is missing or something else."""

    values: list[float]
    missing: list[int]
    wrong: list[int]

    @property
    def has_numbers(self) -> bool:
        """Whether any cell is a number."""
        return len(self.missing) + len(self.wrong) < len(self.values)


def read_column(cells: Sequence[str], decimal: str, marks: Marks) -> Column:
    """Read a column of numbers, or of true and false, which become 1 and 0."""
    if not marks.numbers:
        values = _plain_numbers(cells, decimal)
        if values is not None:
            return Column(values, [], [])
    missing = [row for row, cell in enumerate(cells) if cell in marks]
    absent = set(missing)
    if all(cell.strip().lower() in BOOLS for row, cell in enumerate(cells) if row not in absent):
        return Column([BOOLS.get(cell.strip().lower(), math.nan) for cell in cells], missing, [])
    values = [math.nan if (value := number(cell, decimal)) is None else value for cell in cells]
    return Column(values, missing, [row for row, v in enumerate(values) if row not in absent and not math.isfinite(v)])


def _plain_numbers(cells: Sequence[str], decimal: str) -> list[float] | None:
    """Return the numbers of a column that has nothing but finite ones in plain notation."""
    text = "\n".join(cells)
    if decimal == ",":
        if "." in text:
            return None
        text = text.replace(",", ".")
        cells = text.split("\n")
    if not _PLAIN.fullmatch(text):
        return None
    try:
        values = list(map(float, cells))
    except ValueError:
        return None
    return values if all(map(math.isfinite, values)) else None
