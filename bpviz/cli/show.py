"""Print the results of experiments: tables, failed expectations and status lines."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import click

from bpviz.cli.errors import annotate, print_safely
from bpviz.cli.layout import split_width
from bpviz.messages.diagnostics import printable
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
        print_safely(printable(f"{place}: {note}" if place else note), err=True)


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
        print_safely("threshold not reached (--strict):\n  " + "\n  ".join(unmet), err=True)
    failed = failed_expectations(reports)
    for _, mistake in failed:
        print_safely(str(mistake), err=True)
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
        click.echo(tables.as_json(summaries[0] if len(summaries) == 1 else summaries), nl=False)
        return
    for number, report in enumerate(reports):
        if number:
            click.echo()
        if options.printed == "csv":
            click.echo(report.csv, nl=False)
        elif options.printed != "text":
            click.echo(tables.rendered(report.table, options.printed, report.title), nl=False)
        else:
            if len(reports) > 1:
                click.echo(report.title)
            if sys.stdout.isatty():
                print_styled(report.table, no_color=options.no_color)
            else:
                click.echo(tables.as_text(report.table), nl=False)


def print_styled(table: Table, *, no_color: bool) -> None:
    """Print a table on a terminal, with folded cells; on a narrow terminal, as one paragraph per row."""
    from rich import box
    from rich.cells import cell_len
    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table as Styled
    from rich.text import Text

    console = Console(no_color=no_color or None, highlight=False)
    styled = Styled(box=box.SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    label, *between, ending = columns = list(zip(table.titles, *table.rows, strict=True))
    unbroken = [_words(label), *([*_words([title]), *cells] for title, *cells in between), _words(ending)]
    least, most = ([max(map(cell_len, texts)) for texts in parts] for parts in (unbroken, columns))
    free = console.width - 2 * len(between) - 2
    for title, number, width in zip(table.titles, table.numbers, least, strict=True):
        styled.add_column(Text(title), justify="right" if number else "left", min_width=width)
    for row in table.rows:
        styled.add_row(*map(Text, row[:-1]), Text(row[-1], style=_color(row[-1])))
    if sum(most) > free:
        for column in styled.columns[1:-1]:
            column.width = column.min_width
        rest = free - sum(least[1:-1])
        styled.columns[0].width = split_width(label, ending, rest)
        styled.columns[-1].width = min(rest - styled.columns[0].width, most[-1])
    if sum(least) <= free:
        console.print(styled)
        return
    for row in table.rows:
        console.print(Text(row[0], style="bold"))
        parts = [f"{title} {cell}, " for title, cell in zip(table.titles[1:-1], row[1:-1], strict=True) if cell]
        console.print(Padding(Text.assemble(*parts, (row[-1], _color(row[-1]))), (0, 0, 0, 2)))


def _words(texts: Iterable[str]) -> list[str]:
    return [word for text in texts for word in text.split()]


def _color(ending: str) -> str:
    """Return the color of an ending or of a verdict of `bpviz check`."""
    if ending.startswith(("reached max_epochs", "nothing", "skipped")):
        return "yellow"
    good = ("reached", "passed", "identical", "equivalent")
    return "green" if ending.startswith(good) else "red"
