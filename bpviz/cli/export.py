"""bpviz export"""

from __future__ import annotations

import click

from bpviz.cli.layout import Command
from bpviz.cli.show import counted
from bpviz.messages.printing import echo


def _trackers(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    from bpviz.trackers._tracker import TRACKERS

    return [name for name in TRACKERS if name.startswith(incomplete)]


@click.command("export", cls=Command)
@click.argument("folders", nargs=-1, required=True, metavar="FOLDER...", type=click.Path())
@click.option(
    "--to",
    "name",
    required=True,
    metavar="TRACKER",
    shell_complete=_trackers,
    help="Tracker to use (mlflow, wandb or tensorboard); install the extra of the same name.",
)
@click.option(
    "--into",
    metavar="DIR",
    type=click.Path(file_okay=False),
    help="Folder for the files of the tracker (default: the tracker's own).",
)
@click.option("--quiet", "-q", is_flag=True, help="Print only errors.")
def command(folders: tuple[str, ...], name: str, into: str | None, quiet: bool) -> None:
    """Export outputs to an experiment tracker.

    FOLDER is an output folder of `bpviz run`, or a folder that contains some. Each run becomes a run of the tracker,
    with all its epochs; an additional run, the overview, has the tables and figures. Unchanged runs are skipped, and
    changed ones are replaced. Data stays on this machine unless MLFLOW_TRACKING_URI or WANDB_MODE selects a server.

    \b
      bpviz export outputs/neupy --to mlflow
      bpviz export outputs --to tensorboard --into board
    """
    from pathlib import Path

    from bpviz.cli.errors import fail
    from bpviz.messages.text import first_duplicate
    from bpviz.trackers._outputs import OutputsError, find, place, read
    from bpviz.trackers._tracker import OUTCOMES, TRACKERS, TrackingError, export, missing

    if name not in TRACKERS:
        raise click.BadParameter(TRACKERS.unknown(name), param_hint="'--to'")
    tracker = TRACKERS[name](Path(into) if into else None)
    named = find(map(Path, folders))
    complaints = [lacking] if (lacking := missing(TRACKERS[name])) else []
    for folder in named:
        try:
            read(folder)  # read again for the export: all histories together may not fit in memory
        except OutputsError as error:
            complaints.append(str(error))
    same = first_duplicate([place(folder).name for folder in named])
    if same:
        complaints.append(f"two folders are named {same!r} and would become one experiment; export them separately")
    if complaints:
        fail("\n".join(complaints))
    done, failures = [], []
    for folder in named:
        try:
            became = export(tracker, folder)
        except TrackingError as error:
            failures.append(str(error))
            continue
        done.append(folder)
        if not quiet:
            runs = f"{counted(became.total() - 1, 'run')} and the overview"
            counts = ", ".join(f"{became[outcome]} {outcome}" for outcome in OUTCOMES if became[outcome])
            echo(f"{folder}: {runs} in {tracker.where(folder)}: {counts}")
    if done and not quiet:
        for line in tracker.next_commands(done):
            echo(f"next: {line}", err=True)
    if failures:
        echo("\n".join(failures), err=True)
        raise click.exceptions.Exit(1)
