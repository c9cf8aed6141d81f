"""bpviz embed"""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from bpviz.cli.errors import report_mistakes
from bpviz.cli.layout import Command
from bpviz.cli.options import memory_option, plugin_option
from bpviz.cli.show import counted
from bpviz.messages.printing import echo


@click.command("embed", cls=Command)
@click.argument("documents", nargs=-1, required=True, metavar="DOCUMENT...", type=click.Path())
@click.option(
    "--check", is_flag=True, help="Verify that documents are up to date without writing them; exit with 1 if not."
)
@click.option(
    "--out",
    default="outputs",
    show_default=True,
    metavar="DIR",
    type=click.Path(file_okay=False),
    help="Output folder with the figures and tables to embed.",
)
@plugin_option
@memory_option
@click.option("--quiet", "-q", is_flag=True, help="Print only blocks that are out of date (with --check).")
def command(
    documents: tuple[str, ...], check: bool, out: str, plugins: tuple[str, ...], memory: int | None, quiet: bool
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
    missing or out of date is computed.

    \b
      bpviz embed README.md docs/*.md
      bpviz embed --check README.md docs/*.md
    """
    from bpviz.documents.fill import embedded, write
    from bpviz.execution.memory import budget

    with report_mistakes(plugins):
        results = embedded(documents, Path(out), budget(memory))
        outdated = [one for one in results if one.changes]
        if not check:
            for one in outdated:
                write(one)
    if check:
        for one in outdated:
            for change in one.changes:
                echo(change)
        if outdated:
            options = "" if out == "outputs" else f" --out {shlex.quote(out)}"
            names = " ".join(shlex.quote(str(one.path)) for one in outdated)
            echo(f"run `bpviz embed{options} {names}` to update", err=True)
            raise click.exceptions.Exit(1)
    if quiet:
        return
    for one in outdated:
        echo(f"{one.path}: updated {len(one.changes)} of {counted(one.blocks, 'block')}", err=True)
    blocks = sum(one.blocks for one in results if one not in outdated)
    if blocks or not outdated:
        echo(f"{counted(blocks, 'block')} up to date" if blocks else "no blocks found", err=True)
