"""bpviz diff"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bpviz.cli.errors import report_mistakes
from bpviz.cli.layout import Command
from bpviz.cli.options import TABLE_FORMATS, out_option
from bpviz.cli.show import counted
from bpviz.messages.printing import echo, echo_json

if TYPE_CHECKING:
    from bpviz.outputs.diff import Side


@click.command("diff", cls=Command)
@click.argument("folders", nargs=-1, metavar="OLD NEW", type=click.Path())
@click.option(
    "--git",
    "revision",
    metavar="REVISION",
    help="Compare with the outputs committed in this git revision (such as HEAD~1).",
)
@out_option("Output folder to compare (with --git).")
@click.option(
    "--format",
    "form",
    type=click.Choice(TABLE_FORMATS),
    default="text",
    show_default=True,
    help="Format of the printed table.",
)
@click.option(
    "--figure",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Write a PNG with old and new versions of changed figures side by side.",
)
@click.option("--quiet", "-q", is_flag=True, help="Print only the table.")
def command(
    folders: tuple[str, ...], revision: str | None, out: str, form: str, figure: str | None, quiet: bool
) -> None:
    """Show differences between outputs.

    OLD and NEW are output folders, of one experiment each or of several, which are matched by name. With --git, the
    outputs in a revision are compared with the current ones; arguments, if any, are the folders or configs to compare.

    Only differences are shown: settings, epochs, evaluations, final errors, final weights, endings, and added or
    removed algorithms. Computed numbers differ if their relative difference exceeds 1e-9. The exit code is 1 if
    anything but figures differs.

    \b
      bpviz diff outputs/neupy /tmp/trial/neupy
      bpviz diff --git HEAD~1
      bpviz diff --git main configs/neupy.yaml --figure neupy.png
    """
    if revision is None and len(folders) != 2:
        raise click.UsageError("expected two output folders, OLD and NEW, or --git REVISION")
    if figure is not None and not figure.lower().endswith(".png"):
        raise click.UsageError(f"--figure: expected a file name ending in .png, got {figure!r}")
    with report_mistakes():
        from bpviz import tables
        from bpviz.outputs import diff

        old, new = diff.sides(*folders) if revision is None else diff.since(revision, folders, Path(out))
        changed = diff.compare(old, new)
        status = _write_figure(old, new, Path(figure)) if figure is not None else ""
    if form == "json":
        echo_json(tables.as_json(diff.as_data(old, new, changed)))
    elif changed:
        several = len({*old.experiments, *new.experiments}) > 1 and not (old.single and new.single)
        echo(tables.rendered(diff.table(changed, several=several), form), nl=False)
    if not quiet:
        if not changed:
            echo("no differences", err=True)
        if status:
            echo(status, err=True)
    if changed:
        raise click.exceptions.Exit(1)


def _write_figure(old: Side, new: Side, path: Path) -> str:
    """Write the old and new versions of changed figures side by side, and return a status line."""
    from bpviz.outputs.diff.images import side_by_side
    from bpviz.storage import atomic

    atomic.check(path.parent, ())
    picture, number = side_by_side(old, new)
    if not picture:
        return f"no changed figures; {path} not written"
    atomic.write(path, picture)
    return f"{path}: {counted(number, 'changed figure')}, old and new side by side"
