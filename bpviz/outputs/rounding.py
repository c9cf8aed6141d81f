"""Compare the tables of two executions of an experiment up to rounding.

Another processor rounds the last digits of computed numbers differently. Tables that differ in nothing else are kept,
so that repeating an experiment elsewhere does not change committed files. Computed numbers (errors and weights) are
compared to the tolerance, all other cells and the layout of the files exactly.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bpviz import tables
from bpviz.declare import KINDS
from bpviz.storage.reading import UnreadableError
from bpviz.storage.untrusted import fits, parse
from bpviz.tables import tolerance
from bpviz.tables.columns import FINAL_ERROR, shown_error

if TYPE_CHECKING:
    from bpviz.engine.results import Results

RESULTS = ("summary.csv", "summary.json", "history.csv")
"""The tables that are compared. They come from one execution: either all of them are kept or none."""

# What reading a table raises that bpviz did not write.
_NOT_OURS = (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError, csv.Error, UnreadableError)


def largest_size(content: bytes) -> int:
    """Return the largest size of a table that differs from ``content`` only in digits, with a wide margin."""
    return 2 * len(content) + (1 << 16)


def same_results(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> bool:
    """Return whether two sets of tables, by file name, differ at most in the last digits of computed numbers.

    ``run.json`` must be among the tables: with other versions of the libraries, results count as other results.
    """
    try:
        versions = [parse(side["run.json"])["versions"] for side in (old, new)]
    except _NOT_OURS:
        return False
    return versions[0] == versions[1] and not set(RESULTS) & set(differing(old, new))


def differing(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> list[str]:
    """Return the names of the tables of ``new`` from which ``old`` differs in more than rounding.

    The versions in ``run.json`` are not compared. A table that is missing in ``old`` differs.
    """
    if old == new:
        return []
    found = []
    largest = _largest_errors(new["history.csv"].decode())
    for file, content in new.items():
        before = old.get(file)
        if before == content:
            continue
        try:
            same = before is not None and _SAME[file](before.decode(), content.decode(), largest)
            if same and file == "summary.md":
                runs = [parse(side["summary.json"])["runs"] for side in (old, new)]
                same = with_numbers(content.decode(), *runs).encode() == before
        except _NOT_OURS:
            same = False
        if not same:
            found.append(file)
    return found


def same_table(old: Mapping[str, Any], results: Results) -> bool:
    """Return whether a printed table is that of ``results``, up to the rounding of errors before they are shown."""
    new = tables.table(results)
    rows = old["rows"]
    if [old["titles"], old["numbers"], len(rows)] != [new.titles, new.numbers, len(new.rows)]:
        return False
    column = new.titles.index(FINAL_ERROR)
    for before, now, run in zip(rows, new.rows, results.runs, strict=True):
        error = run.trajectory.final_error
        allowed = tolerance.for_error(error, max((abs(e) for e in run.errors.tolist() if math.isfinite(e)), default=0))
        if before[column] in {shown_error(error + shift) for shift in (-allowed, allowed)}:
            now[column] = before[column]
        if before != now:
            return False
    return True


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
    before, now = parse(old.encode()), parse(new.encode())
    if tables.as_json(before) != old:
        return False
    runs = before.pop("runs"), now.pop("runs")
    return before == now and all(
        _same_numbers(a.pop("final_error"), b.pop("final_error"), a.pop("weights"), b.pop("weights"), most) and a == b
        for a, b, most in zip(*runs, largest, strict=True)
    )


def _same_records(old: str, new: str, _: Sequence[float]) -> bool:
    before, now = parse(old.encode()), parse(new.encode())
    return fits(before["versions"], {str: str}) and tables.as_json({**now, "versions": before["versions"]}) == old


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


_SAME: Mapping[str, Callable[[str, str, Sequence[float]], bool]] = {
    "summary.md": lambda *_: True,  # compared by means of summary.json
    "summary.csv": _same_summary_tables,
    "summary.json": _same_summaries,
    "history.csv": _same_histories,
    "run.json": _same_records,
}
