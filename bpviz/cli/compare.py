"""bpviz compare"""

from __future__ import annotations

from typing import Any

import click

from bpviz.cli.errors import report_mistakes
from bpviz.cli.layout import Command
from bpviz.cli.options import Options, output_options, plugin_option
from bpviz.cli.progress import lock_outputs, run_jobs
from bpviz.cli.show import Report, fail_if_unmet, print_notes, print_tables, written_status


def algorithm_names(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the names of algorithms that start with ``incomplete``."""
    from bpviz.declare import OPTIMIZERS

    return [name for name in OPTIMIZERS.names() if name.startswith(incomplete)]


def _problems(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    from bpviz.declare import PROBLEMS

    return [name for name in PROBLEMS.names() if name.startswith(incomplete)]


@click.command("compare", cls=Command)
@click.argument("algorithms", nargs=-1, required=True, metavar="ALGORITHM...", shell_complete=algorithm_names)
@click.option(
    "--problem",
    metavar="NAME",
    shell_complete=_problems,
    help="Test function to minimize, optionally with settings (NAME:key=value).  [default: perceptron]",
)
@click.option("--start", nargs=2, metavar="W1 W2", help="Initial weights (default: -4 -4 or the problem's own).")
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
def command(
    algorithms: tuple[str, ...],
    problem: str | None,
    start: tuple[str, str] | None,
    error_threshold: str | None,
    gradient_threshold: str | None,
    max_epochs: str | None,
    plugins: tuple[str, ...],
    out: str,
    **options: Any,
) -> None:
    """Compare algorithms on one problem, without a config.

    ALGORITHM is a name, optionally with settings (NAME:key=value,...); other settings have their defaults, which for
    published algorithms are the published values. All paths are drawn in one figure.

    \b
      bpviz compare gd momentum rprop irprop+
      bpviz compare gd:step=10 "momentum:step=0.1,momentum=0.95" newton --start 3 -2
      bpviz compare adam:step=0.1 cg-pr --problem rosenbrock
    """
    import contextlib
    from dataclasses import replace
    from pathlib import Path

    from bpviz.config import from_parts
    from bpviz.declare import FIGURES
    from bpviz.execution import memory

    chosen = Options.of(**options)
    with report_mistakes(plugins):
        experiment = from_parts(
            algorithms,
            problem=problem,
            start=start or (),
            error_threshold=error_threshold,
            gradient_threshold=gradient_threshold,
            max_epochs=max_epochs,
        )
        memory.check([experiment], chosen.memory_for(1))
        if not chosen.no_figures:
            experiment = replace(experiment, figures=(FIGURES["paths"](),))
        from bpviz.outputs.build import Job  # imports NumPy, not needed to report mistakes

        folder = Path(out) / experiment.name
        job = Job(experiment, folder, chosen.pictures, with_tables=False)
        with contextlib.ExitStack() as stack:
            if experiment.figures:
                lock_outputs(Path(out), [job], stack, chosen)
            reports = run_jobs([job], lambda _, outcome: Report.of_run(experiment, outcome, chosen), chosen)
        print_tables(reports, chosen)
        if experiment.figures and not chosen.quiet:
            click.echo(written_status(folder, job.files), err=True)
        if not chosen.quiet:
            print_notes(experiment.notes)
        fail_if_unmet(reports, chosen)
