"""What a check has found, as text, as data for programs and as Markdown for the summary of a job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bpviz import tables
from bpviz.messages.github_actions import repository_path
from bpviz.outputs.drift import LEVELS, Checked
from bpviz.tables import Table, schemas


def verdict(found: Sequence[Checked], level: str) -> str:
    """Return the one sentence that says it all."""
    drifts = sum(len(one.drifts) for one in found)
    drifted = sum(bool(one.drifts) for one in found)
    if not found:
        return "there is nothing to check"
    if drifts:
        return f"{_counted(drifts, 'drift')} in {drifted} of {_counted(len(found), 'experiment')}, level {level}"
    return f"{_counted(len(found), 'experiment')} without drift, level {level}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def as_text(found: Sequence[Checked], *, notes: bool = True) -> str:
    """Return all drifts, each with its place, and what is to be noted."""
    said = [str(drift.where) for one in found for drift in one.drifts]
    said += [note for one in found for note in one.notes] if notes else []
    return "".join(f"{line}\n" for line in said)


def as_data(found: Sequence[Checked], level: str) -> dict[str, Any]:
    """Return what was found as plain data, to become JSON."""
    return {
        "schema": schemas.DRIFT,
        "level": level,
        "drifts": sum(len(one.drifts) for one in found),
        "experiments": [
            {
                "config": one.config or None,
                "outputs": str(one.folder),
                "drifts": [
                    {
                        "level": drift.level,
                        "file": drift.where.file,
                        "line": drift.where.line or None,
                        "column": drift.where.column or None,
                        "path": drift.where.path,
                        "message": drift.where.message,
                    }
                    for drift in one.drifts
                ],
                "notes": one.notes,
            }
            for one in found
        ],
    }


def as_markdown(found: Sequence[Checked], level: str) -> str:
    """Return a report in Markdown: a table of the experiments, then all that is said of them."""
    levels = LEVELS[: LEVELS.index(level) + 1]
    rows = [
        [one.title, repository_path(one.config) or one.config, *(_said(one, each) for each in levels)] for one in found
    ]
    table = Table(["experiment", "config", *levels], rows, [False] * (2 + len(levels)))
    text = as_text(found)
    block = tables.markdown_block(text.rstrip("\n")) if text else ""
    return f"# bpviz: {verdict(found, level)}\n\n{tables.as_markdown(table)}{block}"


def _said(one: Checked, level: str) -> str:
    drifts = len(one.at(level))
    if drifts:
        return _counted(drifts, "drift")
    return "skipped" if level == "pixels" and any(": skipped: drawn with" in note for note in one.notes) else "same"
