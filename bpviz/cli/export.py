"""bpviz export"""

from __future__ import annotations

import click


def _trackers(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    from bpviz.trackers._tracker import TRACKERS

    return [name for name in TRACKERS if name.startswith(incomplete)]


@click.command("export")
@click.argument("folders", nargs=-1, required=True, metavar="FOLDER...", type=click.Path())
@click.option(
    "--to",
    "name",
    required=True,
    metavar="TRACKER",
    shell_complete=_trackers,
    help="mlflow, wandb or tensorboard; each needs the extra of its name.",
)
@click.option("--into", metavar="DIR", type=click.Path(file_okay=False), help="Folder in which the tracker writes.")
@click.option("--quiet", "-q", is_flag=True, help="Say nothing if all is well.")
def command(folders: tuple[str, ...], name: str, into: str | None, quiet: bool) -> None:
    """Hand the outputs of runs to an experiment tracker.

    FOLDER is one that `bpviz run` wrote, or one with such folders in it. Every run becomes a run of the tracker, with
    every epoch, and the tables and figures one more, the overview. What is there already stays, what has changed is
    replaced. Nothing leaves this machine unless MLFLOW_TRACKING_URI or WANDB_MODE says so.

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
            read(folder)  # and again when it is its turn: together, many histories may not fit in memory
        except OutputsError as error:
            complaints.append(str(error))
    same = first_duplicate([place(folder).name for folder in named])
    if same:
        complaints.append(f"two folders are named {same!r} and would be one experiment; export one after the other")
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
            runs = f"{became.total() - 1} {'run' if became.total() == 2 else 'runs'} and the overview"
            counts = ", ".join(f"{became[outcome]} {outcome}" for outcome in OUTCOMES if became[outcome])
            click.echo(f"{folder}: {runs} in {tracker.where(folder)}: {counts}")
    if done and not quiet:
        for line in tracker.look(done):
            click.echo(f"next: {line}", err=True)
    if failures:
        click.echo("\n".join(failures), err=True)
        raise click.exceptions.Exit(1)
