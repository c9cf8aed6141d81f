"""bpviz run"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from bpviz.cli.drift import check_options, check_outputs, reject_incompatible
from bpviz.cli.errors import report_mistakes, summarize
from bpviz.cli.layout import Command
from bpviz.cli.options import Options, output_options, plugin_option, set_option, sources
from bpviz.cli.progress import lock_outputs, run_jobs
from bpviz.cli.show import (
    Report,
    counted,
    fail_if_unmet,
    figure_hint,
    markdown_summary,
    print_notes,
    print_tables,
    written_status,
)
from bpviz.messages.printing import echo

if TYPE_CHECKING:
    from bpviz.config.discovery import Source
    from bpviz.outputs.build import Job, Outcome
    from bpviz.outputs.lockfile import Lock
    from bpviz.outputs.status import Orphan, Work

_FEW = 5  # experiments or files that are listed by name


@click.command("run", cls=Command)
@click.argument("configs", nargs=-1, required=True, metavar="CONFIG...", type=click.Path(allow_dash=True))
@set_option
@click.option("--force", is_flag=True, help="Rerun and redraw everything, even if it is up to date.")
@click.option("--prune", is_flag=True, help="Delete orphaned outputs, which no config produces any more.")
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

    CONFIG is a YAML file, a folder (all .yaml and .yml files in it) or - for standard input. Each experiment gets its
    own folder, named after its config, in the output folder. Outputs that are up to date are not written again.

    \b
      bpviz run configs/neupy.yaml
      bpviz run configs/ --jobs 2 --format svg
      bpviz run configs/neupy.yaml --set algorithms.0.step=10 --out /tmp/trial
      bpviz run mine.yaml --plugin my_rule.py
      bpviz run configs/ --check --level results
    """
    options = Options.of(**rest)
    if check:
        reject_incompatible(options, force=force, prune=prune)
        with report_mistakes(plugins):
            check_outputs(configs, overrides, Path(out), options, rest["formats"], level, Path(drift))
        return
    if any(context.get_parameter_source(name) is ParameterSource.COMMANDLINE for name in ("level", "drift")):
        raise click.UsageError("--level and --drift require --check")
    with report_mistakes(plugins):
        reports = _update_outputs(configs, overrides, Path(out), options, force=force, prune=prune)
        print_tables(reports, options)
        summarize(lambda: markdown_summary(reports))
        fail_if_unmet(reports, options)


def _update_outputs(
    configs: Sequence[str], overrides: Sequence[str], out: Path, options: Options, *, force: bool, prune: bool
) -> list[Report]:
    """Bring the outputs up to date, and return one report per config, in their order."""
    from bpviz.execution import memory
    from bpviz.outputs import status
    from bpviz.storage import atomic
    from bpviz.storage.reading import UnreadableError

    atomic.check(out, ())
    found = sources(configs)
    found = found._replace(empty=[folder for folder in found.empty if not _has_outputs(Path(folder.file), out)])
    run_options = status.RunOptions(list(overrides), list(options.pictures), not options.no_figures)
    requested = "--force" if force else "--time" if options.timed else "--strict" if options.strict else ""
    fresh: dict[Source, tuple[Lock, Report]] = {}
    for source in [] if requested else found.sources:  # lockfiles have no run times, and are no evidence for --strict
        with contextlib.suppress(UnreadableError):
            lock = status.up_to_date(source, out / source.name, run_options)
            if lock:
                fresh[source] = lock, Report.of_outputs(out / source.name, lock, options)
    outdated = [source for source in found.sources if source not in fresh]
    done: dict[Any, tuple[Work, Report, dict[str, str], str]] = {}
    jobs: list[Job] = []
    with contextlib.ExitStack() as stack:
        if outdated or found.mistakes:
            experiments = found._replace(sources=outdated).experiments(overrides)
            memory.check(experiments, options.memory_for(len(outdated)), outdated)
            jobs = [
                status.job(source, experiment, out / source.name, run_options, force=force)
                for source, experiment in zip(outdated, experiments, strict=True)
            ]
        if outdated or prune:
            lock_outputs(out, jobs, stack, options)
        if outdated:
            work = [status.work_for(job, requested) for job in jobs]

            def keep(number: int, outcome: Outcome) -> tuple[Work, Report, dict[str, str], str]:
                report = Report.of_run(experiments[number], outcome, options)
                return work[number], report, outcome.updated, outcome.note

            done = dict(zip(outdated, run_jobs([each.job for each in work], keep, options), strict=True))
        locks = {out / source.name: lock for source, (lock, _) in fresh.items()}
        orphans = list(status.orphans(out, [Path(path) for path in configs if Path(path).is_dir()], locks))
        kept = [status.prune(orphan) for orphan in orphans] if prune else None
    if not options.quiet:
        _print_status(locks, [(work, updated, note) for work, _, updated, note in done.values()])
        _print_orphans(orphans, kept)
    reports = [done[source][1] if source in done else fresh[source][1] for source in found.sources]
    if not options.quiet:
        for source, report in zip(found.sources, reports, strict=True):
            print_notes(report.notes, source.label)
    return reports


def _has_outputs(folder: Path, out: Path) -> bool:
    """Return whether a folder without configs had some, whose outputs still exist."""
    from bpviz.outputs import status

    return any(orphan.config for orphan in status.orphans(out, [folder]))


def _print_status(fresh: Mapping[Path, Lock], done: Sequence[tuple[Work, dict[str, str], str]]) -> None:
    """Print one line per experiment, and below it the reasons of updated files."""
    hint = "use --force to rerun and redraw"
    if len(fresh) > _FEW:
        echo(f"{len(fresh)} of {counted(len(fresh) + len(done), 'experiment')} up to date; {hint}", err=True)
    elif fresh:
        lines = [
            f"{folder}: up to date ({counted(len(lock.files), 'file')}{figure_hint(folder, lock.files)})"
            for folder, lock in fresh.items()
        ]
        echo("\n".join([f"{lines[0]}; {hint}"] if len(lines) == 1 else [*lines, hint]), err=True)
    for work, updated, note in done:
        job = work.job
        if work.why is None:
            echo(written_status(job.folder, job.files), err=True)
            continue
        echo(_updated_status(job, updated, work.why), err=True)
        for reason in dict.fromkeys(updated.values()):
            names = [name for name, why in updated.items() if why == reason]
            more = len(names) - _FEW
            listed = [*names[:_FEW], f"{more} more"] if more > 1 else names
            echo(f"  {', '.join(listed)}: {reason}", err=True)
        if note:
            echo(f"  {note}", err=True)


def _updated_status(job: Job, updated: Mapping[str, str], why: str) -> str:
    """Return the status line of outputs that existed before."""
    total = counted(len(job.files), "file")
    if not job.forced:
        return f"{job.folder}: updated {len(updated)} of {total} ({why}){figure_hint(job.folder, updated)}"
    figures = [file for number in range(len(job.experiment.figures)) for file in job.figure_files(number).values()]
    noun = "figure" if len(job.formats) == 1 else "figure file"
    redrawn = f"{counted(len(figures), noun)} redrawn" if figures else "rerun"
    reason = why if "--force" in why else f"--force; {why}"
    return f"{job.folder}: {redrawn}, {len(updated)} of {total} changed ({reason}){figure_hint(job.folder, figures)}"


def _print_orphans(orphans: Sequence[Orphan], kept: Sequence[Sequence[str]] | None) -> None:
    """Print one line per orphan; ``kept`` has the files of each that were not deleted, None if none was."""
    for number, orphan in enumerate(orphans):
        if kept is None:
            it = "it" if orphan.config or len(orphan.files) == 1 else "them"
            echo(f"{orphan}; use --prune to delete {it}", err=True)
        else:
            names = ", ".join(kept[number])
            echo(f"{orphan}; deleted{f', but kept {names} (modified)' if names else ''}", err=True)
