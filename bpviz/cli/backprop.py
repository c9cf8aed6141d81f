"""bpviz backprop"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from bpviz.cli.errors import fail, report_mistakes
from bpviz.cli.layout import Command, fold, text_width
from bpviz.cli.options import TABLE_FORMATS, Options, memory_option, out_option, plugin_option, set_option
from bpviz.cli.show import print_notes, written_status
from bpviz.cli.styled import print_table
from bpviz.messages.printing import echo, echo_json
from bpviz.outputs.names import FIGURE_FORMATS

if TYPE_CHECKING:
    from pathlib import Path

    from bpviz.config import Experiment
    from bpviz.engine.results import Run
    from bpviz.experiment.spec import Algorithm
    from bpviz.figures._base import FigureRequest
    from bpviz.tables.backpropagation import Section


@click.command("backprop", cls=Command)
@click.argument("config", metavar="CONFIG", type=click.Path(allow_dash=True))
@click.option(
    "--epoch", metavar="N", type=click.IntRange(0), default=0, show_default=True, help="Epochs before the forward pass."
)
@click.option(
    "--sample", metavar="K", type=click.IntRange(1), default=1, show_default=True, help="Number of the sample."
)
@click.option("--algorithm", metavar="LABEL", help="Algorithm, by label or name (default: the first of the config).")
@click.option(
    "--digits",
    metavar="N",
    type=click.IntRange(1, 17),
    default=6,
    show_default=True,
    help="Significant digits of numbers.",
)
@set_option
@plugin_option
@out_option()
@click.option(
    "--format",
    "formats",
    multiple=True,
    metavar="FORMAT",
    type=click.Choice(FIGURE_FORMATS + TABLE_FORMATS),
    help="Figure format (png, svg, pdf; default png) or format of the printed tables (text, md, csv, json, latex, "
    "typst, html; default text); repeatable.",
)
@click.option("--no-figures", is_flag=True, help="Do not draw the network.")
@memory_option
@click.option("--quiet", "-q", is_flag=True, help="Print only the tables.")
@click.option("--no-color", is_flag=True, help="Disable colors (also: set NO_COLOR).")
def command(
    config: str,
    epoch: int,
    sample: int,
    algorithm: str | None,
    digits: int,
    overrides: tuple[str, ...],
    plugins: tuple[str, ...],
    out: str,
    **options: Any,
) -> None:
    """Show one epoch of backpropagation in numbers and as a drawn network.

    CONFIG is a YAML file with a network, or - for standard input. The tables have the forward pass of a sample, the
    chain of derivatives of its error, and the change of each weight in the next epoch. A central difference next to
    each derivative checks it. ΔE for +1 is the change of the error if a weight is larger by 1: a derivative is a rate,
    so the two differ. Of layers with more than 8 units, the first 3 and the last 2 are shown.

    The figure is written to the folder backprop of the output folder.

    \b
      bpviz backprop neuron.yaml --digits 16
      bpviz backprop digits.yaml --epoch 10 --sample 3 --algorithm adam
    """
    from pathlib import Path

    from bpviz.config.discovery import find
    from bpviz.declare import FIGURES

    chosen = Options.of(**options, jobs=1, strict=False, timed=False)
    with report_mistakes(plugins):
        found = find([config])
        if len(found.sources) > 1:
            fail(f"{config}: expected one config, got a folder with {len(found.sources)}; use the path of a file")
        (experiment,) = found.experiments(overrides)
        one = _algorithm(experiment, found.sources[0].label, sample, algorithm)
        run = _run(experiment, one, epoch, chosen)
        _print(experiment, run, epoch, sample, digits, chosen)
        if not chosen.no_figures:
            request = FIGURES["network"](epoch=epoch, sample=sample, algorithm=algorithm)
            _draw(experiment, request, run, Path(out), chosen)
        if not chosen.quiet:
            print_notes(experiment.notes)


def _algorithm(experiment: Experiment, config: str, sample: int, name: str | None) -> Algorithm:
    """Return the algorithm with a label or name, the first by default; exit with 2 if the choice is invalid."""
    from bpviz.declare import FIGURES

    problem, every = experiment.problem, experiment.algorithms
    if not hasattr(problem, "as_network"):
        fail(f"{config}: expected a network, got the problem {problem.name}; use a config with `dataset` and `network`")
    words = dict.fromkeys(word for one in every for word in (one.label, one.optimizer.name))
    wrong = FIGURES["network"](sample=sample, algorithm=name).invalid_options(problem, words)
    if wrong:
        fail("\n".join(f"--{option}: {complaint}" for option, complaint in wrong))
    labeled = [one for one in every if name in (None, one.label)]
    return (labeled or [one for one in every if one.optimizer.name == name])[0]


def _run(experiment: Experiment, algorithm: Algorithm, epoch: int, options: Options) -> Run:
    """Run an algorithm until the epoch after ``epoch``; exit with 2 if it ends before ``epoch``."""
    from dataclasses import replace

    from bpviz.execution import memory
    from bpviz.experiment import runner

    short = replace(
        experiment,
        algorithms=(algorithm,),
        starts=experiment.starts[:1],
        max_epochs=min(epoch + 1, experiment.max_epochs),
    )
    memory.check([short], options.memory_for(1))
    (run,) = runner.run(short, memory=options.memory_for(1)).runs
    if run.epochs < epoch:
        from bpviz.tables import ending

        last = f"'{algorithm.label}' ended there: {ending(run)}"
        fail(f"--epoch: expected at most {run.epochs} ({last}), got {epoch}")
    return run


def _print(experiment: Experiment, run: Run, epoch: int, sample: int, digits: int, options: Options) -> None:
    """Print the tables, below a line that names the algorithm, the epoch and the sample."""
    from bpviz import tables
    from bpviz.problems.network.chain import TOLERANCE, chain

    one = chain(experiment.problem, run.weights[epoch], sample - 1)
    after = run.weights[epoch + 1] if run.epochs > epoch else None
    if options.printed == "json":
        where = {"algorithm": run.label, "epoch": epoch, "sample": sample, "samples": one.samples}
        echo_json(tables.as_json({**where, **tables.backpropagation_record(one, after)}))
        return
    sections = tables.backpropagation(one, after, digits)
    if options.printed != "text":
        echo("\n".join(tables.rendered(s.table, options.printed, s.title) for s in sections), nl=False)
        return
    starts = len(experiment.starts)
    start = f", from the first of {starts} starts" if starts > 1 else ""
    echo(f"{run.label}, epoch {epoch}, sample {sample} of {one.samples}{start}")
    _print_sections(sections, options)
    echo()
    if after is None:
        echo(f"No next epoch: {tables.ending(run)}")
    echo("\n".join(fold(tables.verdict(one, TOLERANCE), text_width())))


def _print_sections(sections: Sequence[Section], options: Options) -> None:
    from bpviz import tables

    for section in sections:
        echo()
        echo(section.title)
        if sys.stdout.isatty():
            print_table(section.table, no_color=options.no_color)
        else:
            echo(tables.as_text(section.table), nl=False)


def _draw(experiment: Experiment, request: FigureRequest, run: Run, out: Path, options: Options) -> None:
    """Write the figure of the network."""
    import contextlib
    from dataclasses import replace

    from bpviz.cli.progress import lock_outputs
    from bpviz.engine.results import Results
    from bpviz.figures import _style
    from bpviz.outputs.build import Job, PendingFigure, draw

    results = Results(experiment.title, experiment.problem.weights, experiment.error_to_reach, [run])
    named = replace(request, save_as=f"{experiment.name}-{request.file_name()}")
    job = Job(replace(experiment, figures=(named,)), out / "backprop", options.pictures, with_tables=False)
    with contextlib.ExitStack() as stack, _style.using(experiment.look(named)):
        data = named.data(results, experiment.problem)
        lock_outputs(out, [job], stack, options)
        draw(job, 0, PendingFigure(options.pictures, data, None))
    if not options.quiet:
        echo(written_status(job.folder, job.files), err=True)
