"""Print the results of experiments: tables, failed expectations and status lines."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import click

from bpviz.cli.errors import annotate
from bpviz.cli.styled import print_table
from bpviz.messages.diagnostics import printable
from bpviz.messages.printing import echo, echo_json
from bpviz.outputs.names import FIGURE_FORMATS

if TYPE_CHECKING:
    from pathlib import Path

    from bpviz.cli.options import Options
    from bpviz.config import Experiment, Mistake
    from bpviz.outputs.build import Outcome
    from bpviz.outputs.lockfile import Lock
    from bpviz.tables import Table


class Report(NamedTuple):
    """The printed results of an experiment, whether it was run or its outputs were up to date."""

    title: str
    table: Table
    summary: Any  # the content of summary.json
    csv: str
    unmet: Sequence[str]  # one sentence per run that did not reach its threshold
    unexpected: Sequence[Mistake]  # failed expectations of the config
    notes: Sequence[str] = ()  # on the data

    @classmethod
    def of_run(cls, experiment: Experiment, outcome: Outcome, options: Options) -> Report:
        """Return the report of an experiment that was run."""
        from bpviz import tables

        results, summary = outcome.results, outcome.summary
        return cls(
            results.title,
            tables.table(results, outcome.seconds if options.timed else None),
            summary,
            tables.summary_csv(results) if options.printed == "csv" else "",
            tables.unmet(results),
            [m for expectation in experiment.expectations for m in expectation.failures(summary["runs"])],
            experiment.notes,
        )

    @classmethod
    def of_outputs(cls, folder: Path, lock: Lock, options: Options) -> Report:
        """Return the report of outputs that are up to date; raise UnreadableError if they cannot be read.

        Its lists of failures are empty: a lockfile is no evidence that there are none.
        """
        from bpviz import tables
        from bpviz.outputs import summaries
        from bpviz.storage.reading import read

        summary = summaries.of_folder(folder)
        size = lock.files["summary.csv"]["size"]
        csv = read(folder / "summary.csv", size, links=False).decode() if options.printed == "csv" else ""
        notes = _recorded_notes(folder, lock.files["run.json"]["size"])
        return cls(summary["title"], tables.Table(**lock.table), summary, csv, (), (), notes)


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 file``, ``23 files``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def written_status(folder: Path, files: Collection[str]) -> str:
    """Return the status line of outputs that did not exist before."""
    return f"{folder}: wrote {counted(len(files), 'file')}{figure_hint(folder, files)}"


def print_notes(notes: Iterable[str], place: object = "") -> None:
    """Print notes on the data of an experiment."""
    for note in notes:
        echo(printable(f"{place}: {note}" if place else note), err=True)


def _recorded_notes(folder: Path, size: int) -> list[str]:
    """Return the notes in run.json; none if it has another form. Raises UnreadableError."""
    from bpviz.storage.reading import read
    from bpviz.storage.untrusted import parse

    record = parse(read(folder / "run.json", size, links=False))
    notes = record.get("notes") if isinstance(record, dict) else None
    return [note for note in notes if isinstance(note, str)] if isinstance(notes, list) else []


def figure_hint(folder: Path, files: Collection[str]) -> str:
    """Return ``; first figure PATH`` for the first figure by name, or an empty string if there is none."""
    figures = sorted(file for file in files if file.endswith(FIGURE_FORMATS))
    return f"; first figure {folder / figures[0]}" if figures else ""


def markdown_summary(reports: Sequence[Report]) -> str:
    """Return the tables of experiments, and the failed expectations, as Markdown."""
    from bpviz import tables

    text = "\n".join(tables.summary_markdown(report.title, report.table) for report in reports)
    failures = [sentence for report in reports for sentence in report.unmet]
    failures += [str(mistake) for _, mistake in failed_expectations(reports)]
    return text + tables.markdown_block("\n".join(failures)) if failures else text


class Failures(Protocol):
    """Missed thresholds and failed expectations: see Report."""

    @property
    def unmet(self) -> Sequence[str]: ...
    @property
    def unexpected(self) -> Sequence[Mistake]: ...


def print_unmet(reports: Sequence[Failures]) -> bool:
    """Print missed thresholds and failed expectations; return whether there are any."""
    unmet = [sentence for report in reports for sentence in report.unmet]
    if unmet:
        echo("threshold not reached (--strict):\n  " + "\n  ".join(unmet), err=True)
    failed = failed_expectations(reports)
    for _, mistake in failed:
        echo(str(mistake), err=True)
    return bool(unmet or failed)


def failed_expectations(reports: Sequence[Failures]) -> list[tuple[str, Mistake]]:
    """Return the failed expectations, each with the title of its annotation."""
    return [("bpviz: expectation failed", mistake) for report in reports for mistake in report.unexpected]


def fail_if_unmet(reports: Sequence[Report], options: Options) -> None:
    """Exit with 1 if --strict is set and a threshold was not reached or an expectation failed."""
    if options.strict:
        annotate(failed_expectations(reports))
        if print_unmet(reports):
            raise click.exceptions.Exit(1)


def print_tables(reports: Sequence[Report], options: Options) -> None:
    """Print the tables of experiments."""
    from bpviz import tables

    if options.printed == "json":
        summaries = [report.summary for report in reports]
        echo_json(tables.as_json(summaries[0] if len(summaries) == 1 else summaries))
        return
    for number, report in enumerate(reports):
        if number:
            echo()
        if options.printed == "csv":
            echo(report.csv, nl=False)
        elif options.printed != "text":
            echo(tables.rendered(report.table, options.printed, report.title), nl=False)
        else:
            if len(reports) > 1:
                echo(report.title)
            if sys.stdout.isatty():
                print_table(report.table, no_color=options.no_color)
            else:
                echo(tables.as_text(report.table), nl=False)
