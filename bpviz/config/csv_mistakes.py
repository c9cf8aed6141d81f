"""Mistakes in the cells of a CSV file: one per cause, at its first cell."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from bpviz.config.csv_cells import looks_like_number, number, with_thousands
from bpviz.messages.text import quote_value
from bpviz.problems.network.layers import FOR_CLASSES

if TYPE_CHECKING:
    from bpviz.config.csv_cells import Column
    from bpviz.config.csv_samples import Samples
    from bpviz.messages.diagnostics import Mistake

_MOST_COLUMNS = 4  # whose mistakes are shown
_MOST_CLASSES = 10  # more texts are hardly classes
ALL_CLASSES = f"loss {FOR_CLASSES} with one softmax unit per class"
"""The fix for more than two classes."""
_LIST_NUMBERS = "; list the columns of numbers as `features`"


def not_numbers(samples: Samples, read: Sequence[Column], decimal: str, *, listed: bool) -> list[Mistake]:
    """Return a mistake for each of the first columns with cells that are not numbers, and one for the others.

    ``listed`` is whether the config lists the features.
    """
    wrong = [(place, column) for place, column in enumerate(read) if column.wrong]
    mistakes = []
    for place, column in wrong[:_MOST_COLUMNS]:
        cell = samples.cells[place][column.wrong[0]]
        finite = "finite " if number(cell, decimal) is not None else ""
        message = f"expected a {finite}number, got {samples.text.quoted([cell.strip()])}"
        message += _first_of(len(column.wrong), "cells")
        if looks_like_number(cell):
            message += _notation(cell, decimal)
        elif not column.has_numbers and not listed:
            message += _LIST_NUMBERS
        mistakes.append(samples.mistake(place, column.wrong[0], message))
    more = len(wrong) - _MOST_COLUMNS
    if more > 0:
        message = f"{more:,} more {'column has' if more == 1 else 'columns have'} cells that are not numbers"
        mistakes.append(samples.text.mistake(message + ("" if listed else _LIST_NUMBERS), samples.header.line))
    return mistakes


def _notation(cell: str, decimal: str) -> str:
    """Return the fix for a number in a notation that is not accepted, as the end of a message."""
    fixes = ["remove the separators of thousands"] if with_thousands(cell) else []
    if decimal == "." and "," in cell and number(cell, ",") is not None:
        fixes.append('add `decimal: ","` to the dataset')
    return f"; {', or '.join(fixes)}" if fixes else ""


def missing_values(samples: Samples, read: Sequence[Column], rows: Collection[int]) -> Mistake:
    """Return the mistake about rows with missing values."""
    row = min(rows)
    place = next(place for place, column in enumerate(read) if row in column.missing and not column.wrong)
    cell = samples.cells[place][row].strip()
    got = samples.text.quoted([cell]) if cell else "an empty cell"
    fix = "fill it in, or add `missing: drop` to the dataset to leave out rows with missing values"
    return samples.mistake(place, row, f"expected a number, got {got}{_first_of(len(rows), 'rows')}; {fix}")


def wrong_classes(samples: Samples, texts: Sequence[str], mark: str, *, several: bool) -> Mistake:
    """Return the mistake about a target that is text.

    ``mark`` is a mark of a missing value in it, or empty; ``several`` is whether more than two classes are accepted.
    """
    text, target = samples.text, samples.cells[-1]
    listed = f" ({text.quoted(texts, 'and')})" if len(texts) <= _MOST_CLASSES else ""
    expected = f"expected numbers or two {'or more ' * several}classes, got"
    message = f"{expected} {len(texts):,} class{'es' * (len(texts) > 1)}{listed}"
    if len(texts) == 2 or (several and len(texts) > 2):
        message = f"{expected} text that is too long or not printable"
    elif len(texts) > 2:
        pair = ", ".join(map(quote_value, texts[:2])) if listed and text.shown else "A, B"
        message += f"; choose two, as in `classes: [{pair}]`, or use another column as `target`, or {ALL_CLASSES}"
    elif mark:
        message += f"; if {text.quoted([mark])} is one too, name both in `classes`"
    first = next(row for row, cell in enumerate(target) if cell.strip() == texts[0])
    return samples.mistake(len(samples.cells) - 1, first, message)


def _first_of(count: int, things: str) -> str:
    return f" (first of {count:,} such {things})" if count > 1 else ""
