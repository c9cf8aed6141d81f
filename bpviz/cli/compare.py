"""bpviz compare"""

from __future__ import annotations

import re
from typing import Any

import click
from click.core import ParameterSource

from bpviz.cli.errors import report_mistakes
from bpviz.cli.layout import Command
from bpviz.cli.options import Options, output_options, plugin_option
from bpviz.cli.progress import lock_outputs, run_jobs
from bpviz.cli.show import Report, fail_if_unmet, print_notes, print_tables, written_status
from bpviz.messages.printing import echo


def algorithm_names(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the names of algorithms that start with ``incomplete``."""
    from bpviz.declare import OPTIMIZERS

    return [name for name in OPTIMIZERS.names() if name.startswith(incomplete)]


def _problems(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    from bpviz.declare import PROBLEMS

    return [name for name in PROBLEMS.names() if name.startswith(incomplete)]


# What belongs to a start: a number, or a point in brackets. An algorithm may follow, which begins with a letter.
_NUMBERS = re.compile(r"[-+−–]?[.\d].*|[\[(].*", re.DOTALL)


class _Command(Command):
    """A command in which ``--start`` takes the numbers that follow it, in one argument or several."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        joined: list[str] = []
        for place, argument in enumerate(args):
            if argument == "--":
                joined += args[place:]
                break
            if joined[-2:-1] == ["--start"] and _NUMBERS.fullmatch(argument):
                joined[-1] += f" {argument}"
            else:
                joined.append(argument)
        return super().parse_args(ctx, joined)


@click.command("compare", cls=_Command)
@click.argument("algorithms", nargs=-1, required=True, metavar="ALGORITHM...", shell_complete=algorithm_names)
@click.option(
    "--problem",
    metavar="NAME",
    shell_complete=_problems,
    help="Test function to minimize, optionally with settings (NAME:key=value).  [default: perceptron]",
)
@click.option(
    "--data",
    metavar="FILE",
    type=click.Path(),
    help="CSV file to train the network on, with the target in the last column.",
)
@click.option("--features", metavar="COLUMN,...", help="Columns of the CSV file used as features (default: all).")
@click.option("--target", metavar="COLUMN", help="Column of the CSV file to predict (default: the last).")
@click.option(
    "--start", metavar="W1 W2 ...", help="Initial weights, one number each (default: -4 each or the problem's own)."
)
@click.option(
    "--error-threshold",
    metavar="ERROR",
    help="Stop when the error is within this distance of the minimum (default: 0.125 or the problem's own; "
    "`null` to disable).",
)
@click.option("--gradient-threshold", metavar="NORM", help="Stop when the gradient norm falls to this value.")
@click.option("--max-epochs", metavar="EPOCHS", help="Maximum number of epochs.  [default: 1000]")
@plugin_option
@output_options
@click.pass_context
def command(
    context: click.Context,
    /,
    algorithms: tuple[str, ...],
    problem: str | None,
    data: str | None,
    features: str | None,
    target: str | None,
    start: str | None,
    error_threshold: str | None,
    gradient_threshold: str | None,
    max_epochs: str | None,
    plugins: tuple[str, ...],
    out: str,
    **options: Any,
) -> None:
    """Compare algorithms on one problem, without a config.

    ALGORITHM is a name, optionally with settings (NAME:key=value,...); other settings have their defaults, which for
    published algorithms are the published values. The output folder gets a figure of all paths, and the tables that
    `bpviz run` writes; with --no-figures, only if --out is given.

    \b
      bpviz compare gd momentum rprop irprop+
      bpviz compare gd:step=10 "momentum:step=0.1,momentum=0.95" newton --start 3 -2
      bpviz compare adam:step=0.1 cg-pr --problem rosenbrock
      bpviz compare rprop adam:step=0.3 --data points.csv
    """
    import contextlib
    from dataclasses import replace
    from pathlib import Path

    from bpviz.config import from_parts
    from bpviz.declare import FIGURES
    from bpviz.execution import memory

    chosen = Options.of(**options)
    columns = {"features": features, "target": target}
    if data is None and (alone := [f"--{name}" for name, value in columns.items() if value is not None]):
        raise click.UsageError(f"{alone[0]} requires --data")
    if data is not None and problem is not None:
        raise click.UsageError("--data cannot be combined with --problem")
    writes = not chosen.no_figures or context.get_parameter_source("out") is ParameterSource.COMMANDLINE
    with report_mistakes(plugins):
        experiment = from_parts(
            algorithms,
            problem=problem,
            data=data,
            columns=columns,
            start=start,
            error_threshold=error_threshold,
            gradient_threshold=gradient_threshold,
            max_epochs=max_epochs,
        )
        memory.check([experiment], chosen.memory_for(1))
        if not chosen.no_figures:
            experiment = replace(experiment, figures=(FIGURES["paths"](),))
        from bpviz.outputs.build import Job  # imports NumPy, not needed to report mistakes

        folder = Path(out) / experiment.name
        job = Job(experiment, folder, chosen.pictures, with_tables=writes)
        with contextlib.ExitStack() as stack:
            if writes:
                lock_outputs(Path(out), [job], stack, chosen)
            reports = run_jobs([job], lambda _, outcome: Report.of_run(experiment, outcome, chosen), chosen)
        print_tables(reports, chosen)
        if writes and not chosen.quiet:
            echo(written_status(folder, job.files), err=True)
        if not chosen.quiet:
            print_notes(experiment.notes)
        fail_if_unmet(reports, chosen)
