"""What several commands share: options, messages and the way an experiment's outcome is shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from bpviz.cli.errors import fail

if TYPE_CHECKING:
    from bpviz.config.discovery import Found

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


def sources(configs: Sequence[str]) -> Found:
    """Find configs; leave with 2 if two of them would share a folder."""
    from bpviz.config.discovery import find
    from bpviz.messages.text import first_duplicate

    found = find(configs)
    same = first_duplicate([source.name for source in found.sources])
    if same and not found.mistakes:
        fail(f"two configs are named {same!r} and would share a folder; rename one or run it with another --out")
    return found
