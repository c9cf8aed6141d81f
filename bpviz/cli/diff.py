"""bpviz diff"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bpviz.cli.errors import mistakes_reported
from bpviz.cli.options import TABLE_FORMATS
from bpviz.cli.show import counted

if TYPE_CHECKING:
    from bpviz.outputs.diff import Side


@click.command("diff")
@click.argument("folders", nargs=-1, metavar="OLD NEW", type=click.Path())
@click.option(
    "--git", "revision", metavar="REVISION", help="Compare with the outputs of this git revision: HEAD~1, main, v1.0."
)
@click.option(
    "--out",
    default="outputs",
    show_default=True,
    metavar="DIR",
    type=click.Path(file_okay=False),
    help="Folder of the outputs, with --git.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(TABLE_FORMATS),
    default="text",
    show_default=True,
    help="Of the table printed.",
)
@click.option(
    "--figure",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="PNG file to be written: figures that differ, old and new beside each other.",
)
@click.option("--quiet", "-q", is_flag=True, help="Say nothing but the table.")
def command(
    folders: tuple[str, ...], revision: str | None, out: str, form: str, figure: str | None, quiet: bool
) -> None:
    """Show what changed between outputs.

    OLD and NEW are folders of outputs, of one experiment each or of several, matched by name. With --git there is one
    side less to name: what a revision has is compared with what is there, of all outputs or of those of folders and
    configs that are named.

    Only what differs is shown: settings, epochs, evaluations, final errors, end points, endings, and algorithms that
    came or went. Computed numbers differ if they do so by more than a relative 1e-9. The exit code is 1 if anything
    differs, but not for figures alone.

    \b
      bpviz diff outputs/neupy /tmp/trial/neupy
      bpviz diff --git HEAD~1
      bpviz diff --git main configs/neupy.yaml --figure neupy.png
    """
    if revision is None and len(folders) != 2:
        raise click.UsageError("give two folders of outputs, the old and the new, or --git REVISION")
    if figure is not None and not figure.lower().endswith(".png"):
        raise click.UsageError(f"--figure writes PNG: {figure!r} does not end in .png")
    with mistakes_reported():
        from bpviz import tables
        from bpviz.outputs import diff

        old, new = diff.sides(*folders) if revision is None else diff.since(revision, folders, Path(out))
        changed = diff.compare(old, new)
        said = _drawn(old, new, Path(figure)) if figure is not None else ""
    if form == "json":
        click.echo(tables.as_json(diff.as_data(old, new, changed)), nl=False)
    elif changed:
        several = len({*old.experiments, *new.experiments}) > 1 and not (old.single and new.single)
        click.echo(tables.rendered(diff.table(changed, several=several), form), nl=False)
    if not quiet:
        if not changed:
            click.echo("nothing differs", err=True)
        if said:
            click.echo(said, err=True)
    if changed:
        raise click.exceptions.Exit(1)


def _drawn(old: Side, new: Side, path: Path) -> str:
    """Draw figures that differ beside each other, and say so."""
    from bpviz.outputs.diff.images import side_by_side
    from bpviz.storage import atomic

    picture, number = side_by_side(old, new)
    if not picture:
        return "no figure differs"
    atomic.write(path, picture)
    return f"{counted(number, 'figure')} that {'differs' if number == 1 else 'differ'}, old and new, in {path}"
