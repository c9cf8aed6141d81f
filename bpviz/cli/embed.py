"""bpviz embed"""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from bpviz.cli.errors import mistakes_reported
from bpviz.cli.options import plugin_option
from bpviz.cli.show import counted


@click.command("embed")
@click.argument("documents", nargs=-1, required=True, metavar="DOCUMENT...", type=click.Path())
@click.option("--check", is_flag=True, help="Write nothing, and exit with 1 if a document is not current.")
@click.option(
    "--out",
    default="outputs",
    show_default=True,
    metavar="DIR",
    type=click.Path(file_okay=False),
    help="Folder of the outputs, where figures are and tables that need not be computed anew.",
)
@plugin_option
@click.option("--quiet", "-q", is_flag=True, help="Say nothing but what is not current.")
def command(documents: tuple[str, ...], check: bool, out: str, plugins: tuple[str, ...], quiet: bool) -> None:
    """Fill marked blocks of documents with current tables and figures.

    DOCUMENT is Markdown, HTML, LaTeX or typst, by the end of its name. A block stands between two marks, each alone on
    its line. In Markdown and HTML they are comments like these; in LaTeX they begin with %, in typst with //.

    \b
      <!-- bpviz: table configs/neupy.yaml -->
      <!-- bpviz: end -->
      <!-- bpviz: figure configs/neupy.yaml paths-all -->
      <!-- bpviz: end -->

    Configs are looked for from the folder of the document. A table can have format=text, columns=epochs,ending and
    algorithms=gd,rprop behind the config, a figure format=svg and alt="what is to be seen".

    \b
      bpviz embed README.md docs/*.md
      bpviz embed --check README.md docs/*.md
    """
    from bpviz.documents.fill import embedded, write

    with mistakes_reported(plugins):
        made = embedded(documents, Path(out))
        stale = [one for one in made if one.changes]
        if not check:
            for one in stale:
                write(one)
    if check:
        for one in stale:
            for change in one.changes:
                click.echo(change)
        if stale:
            options = "" if out == "outputs" else f" --out {shlex.quote(out)}"
            names = " ".join(shlex.quote(str(one.path)) for one in stale)
            click.echo(f"`bpviz embed{options} {names}` brings this up to date", err=True)
            raise click.exceptions.Exit(1)
    if quiet:
        return
    for one in stale:
        click.echo(f"{len(one.changes)} of {counted(one.blocks, 'block')} anew in {one.path}", err=True)
    blocks = sum(one.blocks for one in made if one not in stale)
    if blocks or not stale:
        verb = "is" if blocks == 1 else "are"
        click.echo(f"{counted(blocks, 'block')} {verb} current" if blocks else "no document has a block", err=True)
