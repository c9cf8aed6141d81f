"""Reports of a check as text, JSON data and Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bpviz import tables
from bpviz.messages.github_actions import repository_path
from bpviz.outputs.drift import LEVELS, CheckResult
from bpviz.tables import Table, schemas


def verdict(found: Sequence[CheckResult], level: str) -> str:
    """Return the result of a check in one sentence."""
    drifts = sum(len(one.drifts) for one in found)
    drifted = sum(bool(one.drifts) for one in found)
    if not found:
        return "no experiments to check"
    checked = f"{_counted(len(found), 'experiment')} checked (level: {level})"
    drift = f"{_counted(drifts, 'drift')} in {_counted(drifted, 'experiment')}" if drifts else "no drift"
    return f"{checked}, {drift}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def as_text(found: Sequence[CheckResult], *, notes: bool = True) -> str:
    """Return all drifts with their places, and the notes."""
    lines = [str(drift.where) for one in found for drift in one.drifts]
    lines += [note for one in found for note in one.notes] if notes else []
    return "".join(f"{line}\n" for line in lines)


def as_data(found: Sequence[CheckResult], level: str) -> dict[str, Any]:
    """Return the report as plain data for JSON."""
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


def as_markdown(found: Sequence[CheckResult], level: str) -> str:
    """Return the report in Markdown: a table of the experiments, then the drifts and notes."""
    levels = LEVELS[: LEVELS.index(level) + 1]
    rows = [
        [one.title, repository_path(one.config) or one.config, *(_cell(one, each) for each in levels)] for one in found
    ]
    table = Table(["experiment", "config", *levels], rows, [False] * (2 + len(levels)))
    text = as_text(found)
    block = tables.markdown_block(text.rstrip("\n")) if text else ""
    return f"# bpviz: {verdict(found, level)}\n\n{tables.as_markdown(table)}{block}"


def _cell(one: CheckResult, level: str) -> str:
    drifts = len(one.at(level))
    if drifts:
        return _counted(drifts, "drift")
    skipped = level == "pixels" and any("skipped (figures drawn" in note for note in one.notes)
    return "skipped" if skipped else "no drift"
