"""What several commands share: options, messages and the way an experiment's outcome is shown."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, Protocol, TypeVar

import click

if TYPE_CHECKING:
    from contextlib import ExitStack
    from pathlib import Path

    from bpviz.batch import Job, Outcome
    from bpviz.config import Experiment, Mistake
    from bpviz.config.discovery import Found
    from bpviz.lock import Lock
    from bpviz.tables import Table

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

FIGURE_FORMATS = ("png", "svg", "pdf")
TABLE_FORMATS = ("text", "md", "csv", "json", "latex", "typst", "html")


def plugin_option(command: F) -> F:
    """Add --plugin, whose files a command hands to ``mistakes_reported``."""
    return click.option(
        "--plugin",
        "plugins",
        multiple=True,
        metavar="FILE",
        type=click.Path(),
        help="Python file with algorithms or problems of your own; it is executed. May be repeated.",
    )(command)


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
                "json, latex, typst, html; text if none is given). May be repeated.",
            ),
            click.option("--no-figures", is_flag=True, help="Draw nothing."),
            click.option(
                "--strict",
                is_flag=True,
                help="Exit with 1 if an algorithm does not reach the threshold or what the config expects of it.",
            ),
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


def fail(message: str, code: int = 2) -> NoReturn:
    """Say what is wrong and leave with an exit code."""
    say(message.rstrip("\n"), err=True)
    raise click.exceptions.Exit(code)


def say(message: str, *, err: bool = False) -> None:
    """Print something in which lines of a config may be, on one of which GitHub could find a command."""
    if os.environ.get("GITHUB_ACTIONS"):
        from bpviz.messages.github_actions import harmless

        message = harmless(message)
    click.echo(message, err=err)


def annotate(mistakes: Sequence[tuple[str, Mistake]]) -> None:
    """Show mistakes, each with a title, beside their lines, if GitHub is there to do so.

    On the standard error stream: GitHub reads both, and the other may go into a file.
    """
    from bpviz.messages import github_actions

    if github_actions.active():
        for line in github_actions.commands(mistakes):
            click.echo(line, err=True)


def summarize(text: Callable[[], str]) -> None:
    """Add Markdown to the summary of a job of GitHub, if there is one."""
    if os.environ.get("GITHUB_STEP_SUMMARY"):
        from bpviz.messages import github_actions

        warning = github_actions.summarize(text())
        if warning:
            click.echo(warning, err=True)


@contextlib.contextmanager
def mistakes_reported(plugins: Sequence[str] = ()) -> Iterator[None]:
    """Load plugin files, and turn mistakes into their messages: exit code 2, or 1 for what fails while it runs.

    What is wrong in a config, in a plugin or with a folder is a mistake. So is an exception that comes out of a plugin;
    any other is a mistake of ours.
    """
    from bpviz.config import ConfigError
    from bpviz.declare.entry_points import BrokenPluginError
    from bpviz.storage.atomic import UnwritableError

    try:
        if plugins:
            from bpviz.config.plugins import load_all

            load_all(plugins)
        yield
    except ConfigError as error:
        annotate([("bpviz: mistake", mistake) for mistake in error.mistakes])
        fail(str(error))
    except (UnwritableError, BrokenPluginError) as error:
        fail(str(error))
    except (Exception, SystemExit) as error:
        said = _excused(error)
        if said is None:
            raise
        fail(*said)


def _excused(error: BaseException) -> tuple[str, int] | None:
    """Return the message and the exit code of an exception that is not a mistake of ours, or None."""
    if "bpviz.engine.loop" in sys.modules:  # something has run
        from bpviz.engine.guard import RuleError

        if isinstance(error, RuleError):
            return str(error), 1
    if "concurrent.futures.process" in sys.modules:
        from concurrent.futures.process import BrokenProcessPool

        if isinstance(error, BrokenProcessPool):
            return "a parallel process has ended in the middle of its work; --jobs 1 may tell more", 1
    if "bpviz.config.plugins" in sys.modules:
        from bpviz.config.plugins import blamed

        said = blamed(error)
        return (said, 2) if said else None
    return None


class Options(NamedTuple):
    """What the output options ask for."""

    pictures: tuple[str, ...]  # formats of figures
    printed: str  # format of the table
    no_figures: bool
    strict: bool
    timed: bool
    processes: int
    quiet: bool
    no_color: bool

    @classmethod
    def of(cls, formats: Sequence[str], jobs: int, **rest: Any) -> Options:
        printed = [f for f in TABLE_FORMATS if f in formats] or ["text"]
        if len(printed) > 1:
            raise click.UsageError(f"the table can be printed in one format only, not as {' and '.join(printed)}")
        pictures = tuple(f for f in FIGURE_FORMATS if f in formats) or FIGURE_FORMATS[:1]
        return cls(pictures, printed[0], processes=jobs, **rest)


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


def carry_out(jobs: Sequence[Job], keep: Callable[[int, Outcome], T], options: Options) -> list[T]:
    """Run experiments and write their files, with a progress bar, and return what ``keep`` makes of what came out."""
    from bpviz import batch

    steps = sum(1 + len(job.experiment.figures) for job in jobs)
    aside = contextlib.redirect_stdout(sys.stderr)  # what a rule prints is no part of the table
    with _progress(steps, quiet=options.quiet, no_color=options.no_color) as said, aside:
        return batch.carry_out(jobs, keep, processes=options.processes, said=said)


def hold(out: Path, jobs: Sequence[Job], stack: ExitStack, options: Options) -> None:
    """Make sure that all files of jobs can be written, and have the folder of all outputs to ourselves until ``stack``
    ends, waiting for another run that has it."""
    from bpviz.storage import atomic

    if jobs:
        from bpviz import batch  # with NumPy, which whoever only removes files does without

        batch.plan(jobs)
    stack.enter_context(atomic.held(out, waiting(out, options)))
    for job in jobs:
        atomic.sweep(job.folder)


def waiting(out: Path, options: Options) -> Callable[[], None]:
    """Return the way to say that another process has a folder of outputs."""

    def said() -> None:
        if not options.quiet:
            click.echo(f"waiting for another bpviz that writes in {out}", err=True)

    return said


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


def sources(configs: Sequence[str]) -> Found:
    """Find configs; leave with 2 if two of them would share a folder."""
    from bpviz.config.discovery import find
    from bpviz.messages.text import twice

    found = find(configs)
    same = twice([source.name for source in found.sources])
    if same and not found.mistakes:
        fail(f"two configs are named {same!r} and would share a folder; rename one or run it with another --out")
    return found


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
    if ending.startswith(("reached", "ran all", "holds", "the same")):
        return "green"
    return "yellow" if ending.startswith(("ran out", "not", "nothing")) else "red"
