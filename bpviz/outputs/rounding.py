"""Compare the tables of two executions of an experiment up to rounding.

Another processor rounds the last digits of computed numbers differently. Tables that differ in nothing else are kept,
so that repeating an experiment elsewhere does not change committed files. Computed numbers (errors and weights) are
compared to the tolerance, all other cells and the layout of the files exactly.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from bpviz import tables
from bpviz.declare import KINDS
from bpviz.tables import tolerance

RESULTS = ("summary.csv", "summary.json", "history.csv")
"""The tables that are compared. They come from one execution: either all of them are kept or none."""


def same_results(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> bool:
    """Return whether two sets of tables, by file name, differ at most in the last digits of computed numbers.

    ``run.json`` must be among the tables: with other versions of the libraries, results count as other results.
    """
    try:
        before, now = ({name: content.decode() for name, content in side.items()} for side in (old, new))
        if json.loads(before["run.json"])["versions"] != json.loads(now["run.json"])["versions"]:
            return False
        largest = _largest_errors(now["history.csv"])
        return (
            _same_histories(before["history.csv"], now["history.csv"], largest)
            and _same_summaries(before["summary.json"], now["summary.json"], largest)
            and _same_summary_tables(before["summary.csv"], now["summary.csv"], largest)
        )
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError, csv.Error):
        return False  # bpviz did not write the old tables


def with_numbers(page: str, old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> str:
    """Return ``summary.md`` of new runs with the computed numbers of old runs, both as in ``summary.json``."""
    lines = page.splitlines(keepends=True)
    for number, (before, now) in enumerate(zip(old, new, strict=True), start=len(lines) - len(new)):
        cells = lines[number].split(" | ")
        numbers = list(zip(*([run["final_error"], *run["weights"]] for run in (before, now)), strict=True))
        for place, (was, value) in enumerate(numbers, start=len(cells) - 1 - len(numbers)):
            if cells[place] == repr(value):
                cells[place] = repr(was)
        lines[number] = " | ".join(cells)
    return "".join(lines)


def _rows(text: str) -> list[list[str]]:
    """Return the rows of a CSV file; ValueError if its layout is not that of bpviz."""
    rows = list(csv.reader(io.StringIO(text, newline="")))
    if tables.as_csv(rows) != text:
        raise ValueError("not as bpviz writes it")
    return rows


def _largest_errors(history: str) -> list[float]:
    """Return the largest absolute error of every run, in the order of the runs."""
    largest: dict[tuple[str, str], float] = {}
    for label, _, error, *_, start in _rows(history)[1:]:
        run = (label, start)
        largest[run] = max(largest.get(run, 0.0), abs(float(error)) if math.isfinite(float(error)) else 0.0)
    return list(largest.values())


def _same_histories(old: str, new: str, largest: Sequence[float]) -> bool:
    before, now = _rows(old), _rows(new)
    if before[0] != now[0]:
        return False
    counts = -len(KINDS) - 1  # the columns of evaluations, and of the start
    number = -1
    for a, b in zip(before[1:], now[1:], strict=True):
        number += b[1] == "0"  # every run begins with epoch 0
        if [*a[:2], *a[counts:]] != [*b[:2], *b[counts:]]:
            return False
        if not _same_numbers(a[2], b[2], a[3:counts], b[3:counts], largest[number]):
            return False
    return True


def _same_summary_tables(old: str, new: str, largest: Sequence[float]) -> bool:
    before, now = _rows(old), _rows(new)
    error = now[0].index("final_error")
    return before[0] == now[0] and all(
        a[:error] == b[:error]
        and a[-1] == b[-1]
        and _same_numbers(a[error], b[error], a[error + 1 : -1], b[error + 1 : -1], most)
        for a, b, most in zip(before[1:], now[1:], largest, strict=True)
    )


def _same_summaries(old: str, new: str, largest: Sequence[float]) -> bool:
    before, now = json.loads(old), json.loads(new)
    if tables.as_json(before) != old:
        return False
    runs = before.pop("runs"), now.pop("runs")
    return before == now and all(
        _same_numbers(a.pop("final_error"), b.pop("final_error"), a.pop("weights"), b.pop("weights"), most) and a == b
        for a, b, most in zip(*runs, largest, strict=True)
    )


def _same_numbers(old_error: Any, new_error: Any, old_weights: Any, new_weights: Any, largest: float) -> bool:
    errors = [_number(old_error)], [_number(new_error)]
    weights = list(map(_number, old_weights)), list(map(_number, new_weights))
    return _all_close(*errors, tolerance.for_error(errors[1][0], largest)) and _all_close(
        *weights, tolerance.for_weights(weights[1])
    )


def _number(cell: Any) -> float:
    return math.nan if cell is None else float(cell)


def _all_close(old: Sequence[float], new: Sequence[float], allowed: float) -> bool:
    return all(
        a == b or (math.isnan(a) and math.isnan(b)) or abs(a - b) <= allowed for a, b in zip(old, new, strict=True)
    )
