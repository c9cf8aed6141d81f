"""The names of the columns of a CSV file, and the columns that an experiment uses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from bpviz.config.csv_cells import looks_like_data, looks_like_number
from bpviz.declare.domains import Text
from bpviz.messages.diagnostics import ConfigError
from bpviz.messages.suggestions import nearest
from bpviz.messages.text import join_words, quote_value

if TYPE_CHECKING:
    from collections.abc import Collection

    from bpviz.config.csv_dialect import CsvText

_MOST_COLUMNS = 100_000
_MOST_LISTED = 20  # names in a message
_MOST_COMPARED = 1000  # names from which one is suggested
_MOST_FEATURES = 1000  # one weight each, and the cost of a run grows faster than their number
_SAMPLE = 100  # rows in which the names of rows are recognized
LIST_FEATURES = "list the columns to use as `features`"


class Columns(NamedTuple):
    """The indices of the columns that an experiment uses."""

    features: list[int]
    target: int

    @property
    def used(self) -> list[int]:
        """The features, followed by the target."""
        return [*self.features, self.target]


class Header:
    """The first row of a CSV file.

    Attributes
    ----------
    line : int
        Its line.
    names : list of str
        The names of the columns up to the last named one.
    width : int
        The number of cells of the row.
    """

    def __init__(self, text: CsvText) -> None:
        rows = list(islice(text.rows(), 1 + _SAMPLE))
        if not rows:
            raise ConfigError([text.mistake("the file is empty")])
        first, *sample = rows
        self._text = text
        self.line = first.line
        cells = [cell.strip() for cell in first.cells]
        self._first = 1 if _has_row_names(cells, [row.cells for row in sample]) else 0
        cells = [""] * self._first + cells
        self.width = len(cells)
        while cells and not cells[-1]:
            cells.pop()
        self.names = cells

    def require_names(self, listed: Collection[str]) -> None:
        """Raise ConfigError if the row does not name columns; ``listed`` are names that the config uses."""
        count = len(self.names) - self._first
        if count > _MOST_COLUMNS:
            self._fail(f"expected at most {_MOST_COLUMNS:,} columns, got {count:,}")
        numbers = [name for name in self.names if looks_like_number(name)]
        found = [name for name in listed if name in self.names]
        data = bool(self.names) and all(map(looks_like_data, self.names))
        if (data and len(found) < max(len(listed), 2)) or (numbers and listed and not found):
            self._fail_for_numbers([] if data else numbers)
        if count < 2:
            self._fail(
                f"expected 2 or more columns (features and a target), got {count}; separate cells by commas, "
                "semicolons, |, tabs or spaces, or set `delimiter`"
            )

    def unknown(self, name: str) -> str | None:
        """Return the message about a name in the config that is not the name of one column."""
        if self.names.count(name) == 1:
            return None
        if name in self.names:
            return f"{self.names.count(name)} columns are named {quote_value(name)}; rename them"
        if not self._text.shown:
            return f"unknown column {quote_value(name)}"
        names = [known for known in self.names[:_MOST_COMPARED] if known]
        guess = nearest(name, names)
        more = [f"one of {len(self.names) - _MOST_LISTED:,} more"] if len(self.names) > _MOST_LISTED else []
        use = join_words([*map(quote_value, names[:_MOST_LISTED]), *more])
        return f"unknown column {quote_value(name)}; {f'did you mean {guess!r}?' if guess else f'use {use}'}"

    def columns(self, features: Sequence[str] | None, target: str | None) -> Columns:
        """Return the columns with these names, by default the last one and all others.

        Raise ConfigError if a column that the config does not name has no proper name.
        """
        last = len(self.names) - 1 if target is None else self.names.index(target)
        chosen = [i for i in range(self._first, len(self.names)) if i != last]
        if features is not None:
            chosen = [self.names.index(name) for name in features]
        if len(chosen) > _MOST_FEATURES:
            self._fail(f"expected at most {_MOST_FEATURES:,} features, got {len(chosen):,}; {LIST_FEATURES}")
        unlisted = [*(chosen if features is None else ()), *([last] if target is None else ())]
        self._require_proper(unlisted, {*chosen, last})
        return Columns(chosen, last)

    def column(self, index: int) -> str:
        """Return how messages name a column."""
        return f"column {quote_value(self.names[index])}" if self._text.shown else f"column {index + 1}"

    def _require_proper(self, unlisted: Iterable[int], used: Collection[int]) -> None:
        names = {i: self.names[i] for i in sorted(unlisted)}
        numbers = [name for name in names.values() if looks_like_number(name)]
        if numbers:
            self._fail_for_numbers(numbers)
        for i, name in names.items():
            if not name:
                self._fail(f"column {i + 1} has no name; add one, or {LIST_FEATURES}")
            if any(j != i and self.names[j] == name for j in used):
                named = f"columns are named {quote_value(name)}" if self._text.shown else "columns have the same name"
                self._fail(f"{self.names.count(name)} {named}; rename them, or {LIST_FEATURES}")
            complaint = Text().complaint(name)
            if complaint:
                invalid = (
                    f"name of column {i + 1}: {complaint}" if self._text.shown else f"invalid name of column {i + 1}"
                )
                self._fail(f"{invalid}; {LIST_FEATURES}")

    def _fail_for_numbers(self, numbers: Sequence[str]) -> None:
        got = f"numbers ({self._text.quoted(numbers[:3], 'and')})" if numbers and self._text.shown else "numbers"
        fix = "add a header"
        if numbers:
            fix += ", or list the columns as `features` and `target` if these are their names"
        if self._counts_samples():
            fix = "replace this row, which gives the number of samples, by column names"
        self._fail(f"expected column names in the first row, got {got}; {fix}")

    def _counts_samples(self) -> bool:
        """Return whether the row has the numbers of rows and of features, then names of classes, as in scikit-learn."""
        counts, others = self.names[:2], self.names[2:]
        if not others or any(map(looks_like_number, others)):
            return False
        integers = all(re.fullmatch("[0-9]{1,9}", count) for count in counts)
        return integers and int(counts[0]) == sum(1 for _ in self._text.cells())

    def _fail(self, message: str) -> None:
        raise ConfigError([self._text.mistake(message, self.line)])


def _has_row_names(header: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Return whether rows begin with their names, for which the header has no cell, as R writes them."""
    if not rows or any(len(row) != len(header) + 1 for row in rows) or not any(row[-1].strip() for row in rows):
        return False
    names = [row[0].strip() for row in rows]
    return names == [str(i + 1) for i in range(len(names))] or not any(map(looks_like_data, names))
