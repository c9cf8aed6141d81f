"""What several commands share: options, messages and the way an experiment's outcome is shown."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

if TYPE_CHECKING:
    from pathlib import Path

    from bpviz.batch import Outcome
    from bpviz.config import Experiment
    from bpviz.tables import Table

F = TypeVar("F", bound=Callable[..., Any])

FIGURE_FORMATS = ("png", "svg", "pdf")
TABLE_FORMATS = ("text", "md", "csv", "json")


def output_options(command: F) -> F:
    """Add the options that say what is written, where and how."""
    for option in reversed(
        [
            click.option(
                "--out",
                default="outputs",
                show_default=True,
                metavar="DIR",
                type=click.Path(file_okay=False),
                help="Folder of the outputs.",
            ),
            click.option(
                "--format",
                "formats",
                multiple=True,
                metavar="FORMAT",
                type=click.Choice(FIGURE_FORMATS + TABLE_FORMATS),
                help="Of the figures (png, svg, pdf; png if none is given) or of the table printed (text, md, csv, "
                "json; text if none is given). May be repeated.",
            ),
            click.option("--no-figures", is_flag=True, help="Draw nothing."),
            click.option("--strict", is_flag=True, help="Exit with 1 if an algorithm does not reach the threshold."),
            click.option(
                "--time", "timed", is_flag=True, help="Show how long each algorithm took, on the terminal only."
            ),
            click.option(
                "--jobs",
                "-j",
                metavar="N",
                type=click.IntRange(1, 256),
                default=1,
                show_default=True,
                help="Parallel processes.",
            ),
            click.option("--quiet", "-q", is_flag=True, help="Say nothing but the table."),
            click.option("--no-color", is_flag=True, help="No colours, as with NO_COLOR in the environment."),
        ]
    ):
        command = option(command)
    return command


def fail(message: str) -> NoReturn:
    """Say what is wrong and leave with exit code 2."""
    click.echo(message.rstrip("\n"), err=True)
    raise click.exceptions.Exit(2)


@contextlib.contextmanager
def mistakes_reported() -> Iterator[None]:
    """Turn a mistake in a config, or a folder that cannot be written, into its message and exit code 2."""
    from bpviz.config import ConfigError
    from bpviz.files import UnwritableError

    try:
        yield
    except (ConfigError, UnwritableError) as error:
        fail(str(error))


def carry_out_and_show(
    experiments: Sequence[Experiment],
    *,
    out: Path,
    formats: Sequence[str],
    no_figures: bool,
    strict: bool,
    timed: bool,
    jobs: int,
    quiet: bool,
    no_color: bool,
    with_tables: bool,
) -> None:
    """Run experiments, write their files, print their tables, and leave with 1 if ``strict`` was asked for in vain."""
    from dataclasses import replace

    from bpviz import batch, tables

    pictures = [f for f in FIGURE_FORMATS if f in formats] or ["png"]
    printed = [f for f in TABLE_FORMATS if f in formats] or ["text"]
    if len(printed) > 1:
        raise click.UsageError(f"the table can be printed in one format only, not as {' and '.join(printed)}")
    if no_figures:
        experiments = [replace(experiment, figures=()) for experiment in experiments]
    writing = with_tables or any(experiment.figures for experiment in experiments)
    folders = batch.plan(experiments, out, pictures, with_tables=with_tables) if writing else [out] * len(experiments)
    steps = sum(1 + len(experiment.figures) for experiment in experiments)
    with _progress(steps, quiet=quiet, no_color=no_color) as said:
        outcomes = batch.carry_out(experiments, folders, pictures, jobs=jobs, with_tables=with_tables, said=said)
    _print(outcomes, printed[0], timed=timed, no_color=no_color)
    if writing and not quiet:
        for folder, experiment in zip(folders, experiments, strict=True):
            files = len(experiment.figures) * len(pictures) + (len(batch.TABLES) if with_tables else 0)
            click.echo(f"{files} {'file' if files == 1 else 'files'} in {folder}", err=True)
    short = [
        f"{results.title}: {run.label} from {tables.point(run.start)} {tables.ending(run, results)}"
        for results, _ in outcomes
        for run in results.runs
        if not results.as_asked(run)
    ]
    if strict and short:
        click.echo("not reached, and --strict was given:\n  " + "\n  ".join(short), err=True)
        raise click.exceptions.Exit(1)


@contextlib.contextmanager
def _progress(steps: int, *, quiet: bool, no_color: bool) -> Iterator[Callable[[str], None]]:
    """Show a progress bar on the standard error stream if it is a terminal, and hand out the way to move it."""
    if quiet or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield lambda words: None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import Progress

    with Progress(console=Console(stderr=True, no_color=no_color or None), transient=True) as bar:
        task = bar.add_task("starting", total=steps)
        yield lambda words: bar.update(task, advance=1, description=escape(words[:40]))


def _print(outcomes: Sequence[Outcome], form: str, *, timed: bool, no_color: bool) -> None:
    from bpviz import tables

    if form == "json":
        summaries = [tables.summary(outcome.results) for outcome in outcomes]
        click.echo(tables.as_json(summaries[0] if len(summaries) == 1 else summaries), nl=False)
        return
    for number, (results, seconds) in enumerate(outcomes):
        if number:
            click.echo()
        if form == "csv":
            click.echo(tables.summary_csv(results), nl=False)
            continue
        table = tables.table(results, seconds if timed else None)
        if form == "md":
            click.echo(tables.summary_markdown(results.title, table), nl=False)
            continue
        if len(outcomes) > 1:
            click.echo(results.title)
        if sys.stdout.isatty():
            _print_styled(table, no_color=no_color)
        else:
            click.echo(tables.as_text(table), nl=False)


def _print_styled(table: Table, *, no_color: bool) -> None:
    """Print a table on a terminal, its texts folded to fit; run after run where it is too narrow for that."""
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
        styled.add_row(*map(Text, row[:-1]), Text(row[-1], style=_colour(row[-1])))
    if sum(most) > free:
        for column in styled.columns[1:-1]:
            column.width = column.min_width
    if sum(least) <= free:
        console.print(styled)
        return
    for row in table.rows:
        console.print(Text(row[0], style="bold"))
        said = [f"{title} {cell}, " for title, cell in zip(table.titles[1:-1], row[1:-1], strict=True) if cell]
        console.print(Padding(Text.assemble(*said, (row[-1], _colour(row[-1]))), (0, 0, 0, 2)))


def _words(texts: Iterable[str]) -> list[str]:
    return [word for text in texts for word in text.split()]


def _colour(ending: str) -> str:
    return "green" if ending.startswith(("reached", "ran all")) else "yellow" if ending.startswith("ran out") else "red"
