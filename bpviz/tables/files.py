"""The tables of an experiment as CSV and JSON files for programs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from bpviz.declare import KINDS
from bpviz.tables import schemas
from bpviz.tables.columns import ALWAYS_SHOWN
from bpviz.tables.formats import as_csv

if TYPE_CHECKING:
    from bpviz.engine.results import Results


def summary_csv(results: Results) -> str:
    """Return the table as CSV with exact numbers: one row per run, with all settings and all kinds of evaluations."""
    columns, runs = summary_rows(results)
    settings, start = columns.index("settings"), columns.index("start")
    for row in runs:
        row[settings] = " ".join(f"{name}={_setting_text(value)}" for name, value in row[settings].items())
        row[start] = " ".join(map(repr, row[start]))
    return as_csv([columns, *runs])


def summary_rows(results: Results) -> tuple[list[str], list[list[Any]]]:
    """Return the names and the values of the columns of ``summary.csv``, one row per run."""
    columns = ["algorithm", "label", "settings", "start", "epochs", *(f"{kind}_evaluations" for kind in KINDS)]
    columns += ["final_error", *results.weights, "ending"]
    rows = [
        [
            run.algorithm,
            run.label,
            dict(run.settings),
            run.start,
            run.trajectory.epochs,
            *run.trajectory.evaluations.values(),
            run.trajectory.final_error,
            *run.trajectory.weights[-1].tolist(),
            run.trajectory.ending.word,
        ]
        for run in results.runs
    ]
    return columns, rows


def _setting_text(value: Any) -> str:
    """Return a setting as text without spaces: ``0.3``, or ``clip-norm(largest=1.0)+lookahead(...)`` for wrappers."""
    if not isinstance(value, list):
        return f"{value}"
    parts = [{**wrapper} for wrapper in value]
    return "+".join(f"{p.pop('name')}({','.join(f'{name}={setting}' for name, setting in p.items())})" for p in parts)


def history_csv(results: Results) -> str:
    """Return all epochs of all runs as tidy CSV: see ``history_rows``."""
    columns, rows = history_rows(results)
    return as_csv(itertools.chain([columns], rows))


def history_rows(results: Results) -> tuple[list[str], Iterator[list[Any]]]:
    """Return the names and the values of the columns of ``history.csv``, one row per epoch; epoch 0 is the start.

    The columns are label, epoch, error, the weights, the evaluations so far by kind, and the number of the start
    (from 1).
    """
    names = ["label", "epoch", "error", *results.weights, *(f"{kind}_evaluations" for kind in KINDS), "start"]
    return names, _history(results)


_ROWS_AT_ONCE = 4096  # rows as Python objects take many times as much memory as arrays


def _history(results: Results) -> Iterator[list[Any]]:
    starts = {start: number for number, start in enumerate(dict.fromkeys(run.start for run in results.runs), start=1)}
    for run in results.runs:
        path = run.trajectory
        for first in range(0, len(path.errors), _ROWS_AT_ONCE):
            columns = (a[first : first + _ROWS_AT_ONCE].tolist() for a in (path.errors, path.weights, path.counts))
            for epoch, (error, weights, counts) in enumerate(zip(*columns, strict=True), start=first):
                yield [run.label, epoch, error, *weights, *counts, starts[run.start]]


def summary(results: Results) -> dict[str, Any]:
    """Return the table as plain data with exact numbers; non-finite numbers become None."""
    runs = [
        {
            "algorithm": run.algorithm,
            "label": run.label,
            "settings": dict(run.settings),
            "start": list(run.start),
            "epochs": run.trajectory.epochs,
            "final_error": _finite(run.trajectory.final_error),
            "weights": [_finite(w) for w in run.trajectory.weights[-1].tolist()],
            "evaluations": {
                kind: count for kind, count in run.trajectory.evaluations.items() if count or kind in ALWAYS_SHOWN
            },
            "ending": run.trajectory.ending.word,
        }
        for run in results.runs
    ]
    return {"schema": schemas.SUMMARY, "title": results.title, "runs": runs}


def _finite(x: float) -> float | None:
    return x if math.isfinite(x) else None
