"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from bpviz.cli.errors import fail
from bpviz.outputs.names import FIGURE_FORMATS

if TYPE_CHECKING:
    from bpviz.config.discovery import FoundConfigs

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

LEVELS = ("inputs", "results", "pixels")  # of checks
TABLE_FORMATS = ("text", "md", "csv", "json", "latex", "typst", "html")


def plugin_option(command: F) -> F:
    """Add --plugin; the command passes its files to ``report_mistakes``."""
    return click.option(
        "--plugin",
        "plugins",
        multiple=True,
        metavar="FILE",
        type=click.Path(),
        help="Load algorithms and problems from a Python file, which is executed (repeatable).",
    )(command)


def set_option(command: F) -> F:
    """Add --set, whose values override those of configs."""
    return click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="Override a value of the config, such as algorithms.0.step=0.1 (repeatable).",
    )(command)


def _size(_context: click.Context, _option: click.Parameter, text: str | None) -> int | None:
    """Return the bytes of a size such as 500M or 2G."""
    from bpviz.execution.memory import parse

    size = None if text is None else parse(text)
    if text is not None and size is None:
        raise click.BadParameter(f"expected a size such as 500M or 2G, got {text!r}")
    return size


memory_option = click.option(
    "--memory",
    metavar="SIZE",
    callback=_size,
    help="Memory that experiments may use, such as 2G; those that need more are rejected.  [default: half of the "
    "free memory]",
)


def out_option(meaning: str = "Output folder.") -> Callable[[F], F]:
    """Return the option ``--out``."""
    return click.option(
        "--out", default="outputs", show_default=True, metavar="DIR", type=click.Path(file_okay=False), help=meaning
    )


def output_options(command: F) -> F:
    """Add the options of commands that run experiments."""
    for option in reversed(
        [
            out_option(),
            click.option(
                "--format",
                "formats",
                multiple=True,
                metavar="FORMAT",
                type=click.Choice(FIGURE_FORMATS + TABLE_FORMATS),
                help="Figure format (png, svg, pdf; default png) or format of the printed table (text, md, csv, json, "
                "latex, typst, html; default text); repeatable.",
            ),
            click.option("--no-figures", is_flag=True, help="Do not draw figures."),
            click.option(
                "--strict",
                is_flag=True,
                help="Exit with 1 if a run does not reach its threshold or an expectation of the config fails.",
            ),
            click.option(
                "--time", "timed", is_flag=True, help="Print the seconds each algorithm took (never written to files)."
            ),
            click.option(
                "--jobs",
                "-j",
                metavar="N",
                type=click.IntRange(1, 256),
                default=1,
                show_default=True,
                help="Number of worker processes.",
            ),
            memory_option,
            click.option("--quiet", "-q", is_flag=True, help="Print only the table."),
            click.option("--no-color", is_flag=True, help="Disable colors (also: set NO_COLOR)."),
        ]
    ):
        command = option(command)
    return command


class Options(NamedTuple):
    """The values of the output options."""

    pictures: tuple[str, ...]  # formats of figures
    printed: str  # format of the table
    no_figures: bool
    strict: bool
    timed: bool
    processes: int
    memory: int | None  # bytes; None for half of the free memory
    quiet: bool
    no_color: bool

    def memory_for(self, jobs: int) -> int | None:
        """Return the bytes that each of several experiments may use; None for any number."""
        from bpviz.execution.memory import budget

        return budget(self.memory, max(1, min(self.processes, jobs)))

    @classmethod
    def of(cls, formats: Sequence[str], jobs: int, **rest: Any) -> Options:
        printed = [f for f in TABLE_FORMATS if f in formats] or ["text"]
        if len(printed) > 1:
            raise click.UsageError(f"--format: expected at most one table format, got {' and '.join(printed)}")
        pictures = tuple(f for f in FIGURE_FORMATS if f in formats) or FIGURE_FORMATS[:1]
        return cls(pictures, printed[0], processes=jobs, **rest)


def sources(configs: Sequence[str]) -> FoundConfigs:
    """Find configs; exit with 2 if two of them would use the same output folder."""
    from bpviz.config.discovery import find
    from bpviz.messages.text import first_duplicate

    found = find(configs)
    same = first_duplicate([source.name for source in found.sources])
    if same and not found.mistakes:
        fail(f"two configs are named {same!r} and would use the same folder; rename one or use another --out for it")
    return found
