"""bpviz compare"""

from __future__ import annotations

from typing import Any

import click

from bpviz.cli.errors import mistakes_reported
from bpviz.cli.options import Options, output_options, plugin_option
from bpviz.cli.progress import carry_out, hold
from bpviz.cli.show import Came, counted, fail_if_unmet, print_tables


def algorithm_names(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the algorithms that a word on the command line may become."""
    from bpviz.declare import OPTIMIZERS

    return [name for name in OPTIMIZERS.names() if name.startswith(incomplete)]


def _problems(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    from bpviz.declare import PROBLEMS

    return [name for name in PROBLEMS.names() if name.startswith(incomplete)]


@click.command("compare")
@click.argument("algorithms", nargs=-1, required=True, metavar="ALGORITHM...", shell_complete=algorithm_names)
@click.option("--problem", metavar="NAME", shell_complete=_problems, help="A test function, with settings if need be.")
@click.option("--start", nargs=2, metavar="W1 W2", help="Where to start; -4 -4, or the problem's own, if not given.")
@click.option(
    "--error-threshold",
    metavar="ERROR",
    help="Stop so near to the lowest error; 0.125, or the problem's own, if not given; null: never.",
)
@click.option("--gradient-threshold", metavar="LENGTH", help="Stop where the gradient is at most so long.")
@click.option("--max-epochs", metavar="EPOCHS", help="Stop after so many epochs, 1000 if not given.")
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
    """Compare algorithms on one problem, without a file.

    ALGORITHM is a name, or a name with settings; without settings it runs with its defaults, which for the published
    algorithms are the published ones. One combined figure is drawn.

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

    chosen = Options.of(**options)
    with mistakes_reported(plugins):
        experiment = from_parts(
            algorithms,
            problem=problem,
            start=start or (),
            error_threshold=error_threshold,
            gradient_threshold=gradient_threshold,
            max_epochs=max_epochs,
        )
        if not chosen.no_figures:
            experiment = replace(experiment, figures=(FIGURES["paths"](),))
        from bpviz.outputs.build import Job  # with NumPy, which whoever has made a mistake does without

        folder = Path(out) / experiment.name
        job = Job(experiment, folder, chosen.pictures, with_tables=False)
        with contextlib.ExitStack() as stack:
            if experiment.figures:
                hold(Path(out), [job], stack, chosen)
            came = carry_out([job], lambda _, outcome: Came.now(experiment, outcome, chosen), chosen)
        print_tables(came, chosen)
        if experiment.figures and not chosen.quiet:
            click.echo(f"{counted(len(job.files), 'file')} in {folder}", err=True)
        fail_if_unmet(came, chosen)
