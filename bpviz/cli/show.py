"""How results of experiments are printed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import click

from bpviz.cli.errors import annotate, say

if TYPE_CHECKING:
    from pathlib import Path

    from bpviz.cli.options import Options
    from bpviz.config import Experiment, Mistake
    from bpviz.outputs.build import Outcome
    from bpviz.outputs.lockfile import Lock
    from bpviz.tables import Table


class Came(NamedTuple):
    """What an experiment came to, as it is printed, whether it ran now or its outputs were up to date."""

    title: str
    table: Table
    summary: Any  # as summary.json has it
    csv: str
    unmet: Sequence[str]  # runs that did not come to what they should
    unexpected: Sequence[Mistake]  # expectations that were not met

    @classmethod
    def now(cls, experiment: Experiment, outcome: Outcome, options: Options) -> Came:
        """Return what came out of a run."""
        from bpviz import tables

        results = outcome.results
        summary = tables.summary(results)
        return cls(
            results.title,
            tables.table(results, outcome.seconds if options.timed else None),
            summary,
            tables.summary_csv(results) if options.printed == "csv" else "",
            tables.unmet(results),
            [m for expectation in experiment.expectations for m in expectation.failures(summary["runs"])],
        )

    @classmethod
    def before(cls, config: str, folder: Path, lock: Lock) -> Came:
        """Return what is known of outputs that are up to date."""
        from bpviz import tables
        from bpviz.config import Mistake

        summary = json.loads((folder / "summary.json").read_bytes())
        return cls(
            summary["title"],
            tables.Table(**lock.table),
            summary,
            (folder / "summary.csv").read_text(encoding="utf-8"),
            lock.unmet,
            [Mistake(config, *of_mistake) for of_mistake in lock.unexpected],
        )


def counted(number: int, noun: str) -> str:
    """Return how many of something there are: ``1 file``, ``23 files``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def summary_of(came: Sequence[Came]) -> str:
    """Return tables of experiments, and what did not come to what it should, as Markdown."""
    from bpviz import tables

    text = "\n".join(tables.summary_markdown(one.title, one.table) for one in came)
    wrong = [*(sentence for one in came for sentence in one.unmet), *(str(m) for _, m in unexpected_of(came))]
    return text + tables.markdown_block("\n".join(wrong)) if wrong else text


class Expected(Protocol):
    """What did not come to what it should: see Came."""

    @property
    def unmet(self) -> Sequence[str]: ...
    @property
    def unexpected(self) -> Sequence[Mistake]: ...


def unmet_said(came: Sequence[Expected]) -> bool:
    """Say what did not come to what it should, and return whether there is such."""
    unmet = [sentence for one in came for sentence in one.unmet]
    if unmet:
        say("not reached, and --strict was given:\n  " + "\n  ".join(unmet), err=True)
    unexpected = unexpected_of(came)
    for _, mistake in unexpected:
        say(str(mistake), err=True)
    return bool(unmet or unexpected)


def unexpected_of(came: Sequence[Expected]) -> list[tuple[str, Mistake]]:
    """Return the expectations that were not met, each with a title."""
    return [("bpviz: not as expected", mistake) for one in came for mistake in one.unexpected]


def fail_if_unmet(came: Sequence[Came], options: Options) -> None:
    """Leave with 1 if --strict was asked for in vain."""
    if options.strict:
        annotate(unexpected_of(came))
        if unmet_said(came):
            raise click.exceptions.Exit(1)


def print_tables(came: Sequence[Came], options: Options) -> None:
    """Print the tables of experiments."""
    from bpviz import tables

    if options.printed == "json":
        summaries = [one.summary for one in came]
        click.echo(tables.as_json(summaries[0] if len(summaries) == 1 else summaries), nl=False)
        return
    for number, one in enumerate(came):
        if number:
            click.echo()
        if options.printed == "csv":
            click.echo(one.csv, nl=False)
        elif options.printed != "text":
            click.echo(tables.rendered(one.table, options.printed, one.title), nl=False)
        else:
            if len(came) > 1:
                click.echo(one.title)
            if sys.stdout.isatty():
                print_styled(one.table, no_color=options.no_color)
            else:
                click.echo(tables.as_text(one.table), nl=False)


def print_styled(table: Table, *, no_color: bool) -> None:
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
    if ending.startswith(("reached max_epochs", "not", "nothing", "skipped")):
        return "yellow"
    return "green" if ending.startswith(("reached", "passed", "identical", "equivalent")) else "red"
