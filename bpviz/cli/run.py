"""bpviz run"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from bpviz.cli.drift import check_options, checked, refuse_to_write
from bpviz.cli.errors import mistakes_reported, summarize
from bpviz.cli.options import Options, output_options, plugin_option, sources
from bpviz.cli.progress import carry_out, hold
from bpviz.cli.show import Came, counted, fail_if_unmet, print_tables, summary_of

if TYPE_CHECKING:
    from bpviz.outputs.build import Job, Outcome
    from bpviz.outputs.status import Orphan, Work

_FEW = 5  # experiments or files that are named one by one


@click.command("run")
@click.argument("configs", nargs=-1, required=True, metavar="CONFIG...", type=click.Path(allow_dash=True))
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Replace a value of the config, for instance algorithms.0.step=0.1. May be repeated.",
)
@click.option("--force", is_flag=True, help="Run and draw everything, whether or not it is up to date.")
@click.option("--prune", is_flag=True, help="Remove outputs that no config makes any more.")
@check_options
@plugin_option
@output_options
@click.pass_context
def command(
    context: click.Context,
    /,
    configs: tuple[str, ...],
    overrides: tuple[str, ...],
    plugins: tuple[str, ...],
    out: str,
    force: bool,
    prune: bool,
    check: bool,
    level: str,
    drift: str,
    **rest: Any,
) -> None:
    """Run experiments and write their figures and tables.

    CONFIG is a YAML file, a folder (every .yaml and .yml file in it) or - for the standard input. Each experiment gets
    a folder of its own, named after its file, in the output folder. What is up to date there is left alone.

    \b
      bpviz run configs/neupy.yaml
      bpviz run configs/ --jobs 2 --format svg
      bpviz run configs/neupy.yaml --set algorithms.0.step=10 --out /tmp/trial
      bpviz run mine.yaml --plugin my_rule.py
      bpviz run configs/ --check --level results
    """
    options = Options.of(**rest)
    if check:
        refuse_to_write(options, force=force, prune=prune)
        with mistakes_reported(plugins):
            checked(configs, overrides, Path(out), options, rest["formats"], level, Path(drift))
        return
    if any(context.get_parameter_source(name) is ParameterSource.COMMANDLINE for name in ("level", "drift")):
        raise click.UsageError("--level and --drift belong to --check")
    with mistakes_reported(plugins):
        came = _brought_up_to_date(configs, overrides, Path(out), options, force=force, prune=prune)
        print_tables(came, options)
        summarize(lambda: summary_of(came))
        fail_if_unmet(came, options)


def _brought_up_to_date(
    configs: Sequence[str], overrides: Sequence[str], out: Path, options: Options, *, force: bool, prune: bool
) -> list[Came]:
    """Make the outputs what the configs say, and return what each came to, in the order of the configs."""
    from bpviz.outputs import status
    from bpviz.storage import atomic

    atomic.check(out, ())
    found = sources(configs)
    found = found._replace(empty=[folder for folder in found.empty if not _left_outputs(Path(folder.file), out)])
    asked = status.RunOptions(list(overrides), list(options.pictures), not options.no_figures)
    anew = force or options.timed  # no lock knows times
    fresh = {} if anew else {s: lock for s in found.sources if (lock := status.up_to_date(s, out / s.name, asked))}
    stale = [source for source in found.sources if source not in fresh]
    done: dict[Any, tuple[Work, Came, dict[str, str]]] = {}
    jobs: list[Job] = []
    with contextlib.ExitStack() as stack:
        if stale or found.mistakes:
            experiments = found._replace(sources=stale).experiments(overrides)
            jobs = [
                status.job(source, experiment, out / source.name, asked, force=force)
                for source, experiment in zip(stale, experiments, strict=True)
            ]
        if stale or prune:
            hold(out, jobs, stack, options)
        if stale:
            work = [status.work_for(job) for job in jobs]

            def keep(number: int, outcome: Outcome) -> tuple[Work, Came, dict[str, str]]:
                return work[number], Came.now(experiments[number], outcome, options), outcome.updated

            done = dict(zip(stale, carry_out([each.job for each in work], keep, options), strict=True))
        known = {out / source.name: lock for source, lock in fresh.items()}
        orphans = list(status.orphans(out, [Path(path) for path in configs if Path(path).is_dir()], known))
        if prune:
            for orphan in orphans:
                status.prune(orphan)
    if not options.quiet:
        _say_what_was_done([out / source.name for source in fresh], [(work, anew) for work, _, anew in done.values()])
        _say_what_is_left_over(orphans, pruned=prune)
    return [
        done[source][1] if source in done else Came.before(source.path, out / source.name, fresh[source])
        for source in found.sources
    ]


def _left_outputs(folder: Path, out: Path) -> bool:
    """Tell whether a folder without configs had some: there are outputs to speak of."""
    from bpviz.outputs import status

    return any(orphan.config for orphan in status.orphans(out, [folder]))


def _say_what_was_done(fresh: Sequence[Path], done: Sequence[tuple[Work, dict[str, str]]]) -> None:
    if len(fresh) > _FEW:
        click.echo(f"{len(fresh)} of {counted(len(fresh) + len(done), 'experiment')} up to date", err=True)
    else:
        for folder in fresh:
            click.echo(f"{folder} is up to date", err=True)
    for work, anew in done:
        job = work.job
        if work.why is None:
            click.echo(f"{counted(len(job.files), 'file')} in {job.folder}", err=True)
            continue
        click.echo(f"{len(anew)} of {counted(len(job.files), 'file')} anew in {job.folder}: {work.why}", err=True)
        for reason in dict.fromkeys(anew.values()):
            names = [name for name, why in anew.items() if why == reason]
            more = len(names) - _FEW
            shown = [*names[:_FEW], f"{more} more"] if more > 1 else names
            click.echo(f"  {', '.join(shown)}: {reason}", err=True)


def _say_what_is_left_over(orphans: Sequence[Orphan], *, pruned: bool) -> None:
    for orphan in orphans:
        it = "it" if orphan.config or len(orphan.files) == 1 else "them"
        click.echo(f"{orphan}; {'removed' if pruned else f'--prune removes {it}'}", err=True)
