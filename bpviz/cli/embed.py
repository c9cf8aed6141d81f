"""bpviz embed"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from bpviz.cli.errors import report_mistakes
from bpviz.cli.layout import Command
from bpviz.cli.options import LEVELS, memory_option, out_option, plugin_option
from bpviz.cli.show import counted
from bpviz.messages.printing import echo

if TYPE_CHECKING:
    from bpviz.documents.fill import Change, Embedded, Stale


@click.command("embed", cls=Command)
@click.argument("documents", nargs=-1, required=True, metavar="DOCUMENT...", type=click.Path())
@click.option(
    "--check", is_flag=True, help="Verify that documents are up to date without writing them; exit with 1 if not."
)
@click.option(
    "--level",
    type=click.Choice(LEVELS),
    default=LEVELS[-1],
    show_default=True,
    help="How much --check compares: `inputs` (file hashes), `results` (also rerun for tables), `pixels` (also redraw "
    "figures).",
)
@out_option("Output folder with the figures and tables to embed.")
@plugin_option
@memory_option
@click.option("--quiet", "-q", is_flag=True, help="Print only blocks that are out of date (with --check).")
@click.pass_context
def command(
    context: click.Context,
    /,
    documents: tuple[str, ...],
    check: bool,
    level: str,
    out: str,
    plugins: tuple[str, ...],
    memory: int | None,
    quiet: bool,
) -> None:
    """Update tables and figures in marked blocks of documents.

    DOCUMENT is a Markdown, HTML, LaTeX or Typst file, recognized by its suffix. A block is enclosed by two marks, each
    on a line of its own. In Markdown and HTML, marks are comments like these; in LaTeX they start with %, in Typst
    with //.

    \b
      <!-- bpviz: table configs/neupy.yaml -->
      <!-- bpviz: end -->
      <!-- bpviz: figure configs/neupy.yaml paths-all -->
      <!-- bpviz: end -->

    Paths of configs are relative to the document. Options follow the config: format=text, columns=epochs,ending and
    algorithms=gd,rprop for a table; format=svg and alt="alternative text" for a figure. A table whose outputs are
    missing or out of date is computed. --check computes all tables and draws all figures again; --level inputs compares
    hashes instead, which is fast but trusts the outputs.

    \b
      bpviz embed README.md docs/*.md
      bpviz embed --check README.md docs/*.md
    """
    if not check and context.get_parameter_source("level") is ParameterSource.COMMANDLINE:
        raise click.UsageError("--level requires --check")
    from bpviz.documents.fill import embedded, write
    from bpviz.execution.memory import budget

    with report_mistakes(plugins):
        results = embedded(documents, Path(out), level if check else None, budget(memory))
        outdated = [one for one in results if one.changes]
        if not check:
            for one in outdated:
                write(one)
    if check:
        _print_outdated(results, "" if out == "outputs" else f" --out {shlex.quote(out)}")
    if quiet:
        return
    for one in outdated:
        echo(f"{one.path}: updated {len(one.changes)} of {counted(one.blocks, 'block')}", err=True)
    skipped = sum(len(one.skipped) for one in results)
    blocks = sum(one.blocks for one in results if one not in outdated) - skipped
    if blocks or not (outdated or skipped):
        echo(f"{counted(blocks, 'block')} up to date" if blocks else "no blocks found", err=True)
    if skipped:
        echo(f"{counted(skipped, 'figure')} skipped (drawn with another version of matplotlib)", err=True)


def _print_outdated(results: Sequence[Embedded], options: str) -> None:
    """Print the blocks that are out of date and the commands that update them, and exit with 1 if there are any."""
    for one in results:
        blocks: list[Change | Stale] = [*one.changes, *one.stale]
        for block in sorted(blocks, key=lambda block: block.line):
            echo(block)
    stale: dict[str, set[str]] = {}
    for one in results:
        for old in one.stale:
            stale.setdefault(old.config, set()).add(old.suffix)
    for config, suffixes in stale.items():
        formats = "".join(f" --format {suffix}" for suffix in sorted(suffixes)) if suffixes != {"png"} else ""
        echo(f"run `bpviz run{options} --force {_quoted([config])}{formats}` to redraw figures", err=True)
    outdated = [one.path for one in results if one.changes]
    if outdated:
        echo(f"run `bpviz embed{options} {_quoted(outdated)}` to update", err=True)
    if stale or outdated:
        raise click.exceptions.Exit(1)


def _quoted(paths: Iterable[object]) -> str:
    return " ".join(shlex.quote(str(path)) for path in paths)
