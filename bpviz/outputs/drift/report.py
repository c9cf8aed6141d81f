"""Reports of a check as text, JSON data and Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bpviz import tables
from bpviz.messages.github_actions import repository_path
from bpviz.outputs.drift import LEVELS, CheckResult
from bpviz.tables import Table, schemas


def verdict(results: Sequence[CheckResult], level: str) -> str:
    """Return the result of a check in one sentence."""
    drifts = sum(len(result.drifts) for result in results)
    drifted = sum(bool(result.drifts) for result in results)
    if not results:
        return "no experiments to check"
    checked = f"{_counted(len(results), 'experiment')} checked (level: {level})"
    skipped = sum(len(result.skipped) for result in results)
    drift = f"{_counted(drifts, 'drift')} in {_counted(drifted, 'experiment')}" if drifts else "no drift"
    if skipped:
        drift = f"{_counted(skipped, 'figure file')} skipped, {drift if drifts else 'no drift in the rest'}"
    return f"{checked}, {drift}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def as_text(results: Sequence[CheckResult], *, notes: bool = True) -> str:
    """Return all drifts with their places, and the notes."""
    lines = [str(drift.where) for result in results for drift in result.drifts]
    lines += [note for result in results for note in result.notes] if notes else []
    return "".join(f"{line}\n" for line in lines)


def as_data(results: Sequence[CheckResult], level: str) -> dict[str, Any]:
    """Return the report as plain data for JSON."""
    return {
        "schema": schemas.DRIFT,
        "level": level,
        "drifts": sum(len(result.drifts) for result in results),
        "skipped": sum(len(result.skipped) for result in results),
        "experiments": [
            {
                "config": result.config or None,
                "outputs": str(result.folder),
                "drifts": [
                    {
                        "level": drift.level,
                        "file": drift.where.file,
                        "line": drift.where.line or None,
                        "column": drift.where.column or None,
                        "path": drift.where.path,
                        "message": drift.where.message,
                    }
                    for drift in result.drifts
                ],
                "skipped": result.skipped,
                "notes": result.notes,
            }
            for result in results
        ],
    }


def as_markdown(results: Sequence[CheckResult], level: str) -> str:
    """Return the report in Markdown: a table of the experiments, then the drifts and notes."""
    levels = LEVELS[: LEVELS.index(level) + 1]
    rows = [
        [result.title, repository_path(result.config) or result.config, *(_cell(result, each) for each in levels)]
        for result in results
    ]
    table = Table(["experiment", "config", *levels], rows, [False] * (2 + len(levels)))
    text = as_text(results)
    block = tables.markdown_block(text.rstrip("\n")) if text else ""
    return f"# bpviz: {verdict(results, level)}\n\n{tables.as_markdown(table)}{block}"


def _cell(result: CheckResult, level: str) -> str:
    drifts = len(result.at(level))
    skipped = len(result.skipped) if level == "pixels" else 0
    if drifts and skipped:
        return f"{_counted(drifts, 'drift')}, {skipped} skipped"
    return _counted(drifts, "drift") if drifts else f"{skipped} skipped" if skipped else "no drift"
