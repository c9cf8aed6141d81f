"""bpviz run --check: report outputs that no longer match their configs"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bpviz.cli.errors import annotate, summarize
from bpviz.cli.options import LEVELS, Options, sources
from bpviz.cli.progress import run_jobs, waiting_message
from bpviz.cli.show import failed_expectations, print_unmet
from bpviz.messages.printing import echo, echo_json

if TYPE_CHECKING:
    from bpviz.config import Experiment
    from bpviz.outputs.build import Outcome
    from bpviz.outputs.drift import CheckResult
    from bpviz.outputs.drift.inputs import Subject

F = TypeVar("F", bound=Callable[..., Any])


def check_options(command: F) -> F:
    """Add the options of ``bpviz run --check``."""
    for option in reversed(
        [
            click.option(
                "--check",
                is_flag=True,
                help="Verify that outputs are up to date without writing them; exit with 1 if not.",
            ),
            click.option(
                "--level",
                type=click.Choice(LEVELS),
                default=LEVELS[-1],
                show_default=True,
                help="How much --check compares: `inputs` (file hashes), `results` (also rerun), `pixels` (also "
                "redraw).",
            ),
            click.option(
                "--drift",
                default="bpviz-drift",
                show_default=True,
                metavar="DIR",
                type=click.Path(file_okay=False),
                help="Folder for the visual diff of --check.",
            ),
        ]
    ):
        command = option(command)
    return command


def reject_incompatible(options: Options, *, force: bool, prune: bool) -> None:
    """Raise UsageError for options that cannot be combined with --check."""
    for given, name in ((force, "--force"), (prune, "--prune"), (options.timed, "--time")):
        if given:
            raise click.UsageError(f"{name} cannot be combined with --check (which writes no outputs)")
    if options.printed == "csv":
        raise click.UsageError("--format csv cannot be combined with --check; use --format json or --format md")


def check_outputs(
    configs: Sequence[str],
    overrides: Sequence[str],
    out: Path,
    options: Options,
    formats: Sequence[str],
    level: str,
    pictures: Path,
) -> None:
    """Check outputs, print a report, and exit with 1 if they have drifted."""
    from bpviz.outputs.drift.inputs import CheckOptions
    from bpviz.storage import atomic

    pictured = options.pictures if set(options.pictures) & set(formats) else ()
    given = CheckOptions(overrides, pictured, options.no_figures)
    atomic.check(out, ())
    with atomic.locked(out, waiting_message(out, options)):
        found = _check_all(configs, out, options, given, level)
    _print_report(found, options, level)
    unmet = options.strict and print_unmet(found)
    drifts = [(f"bpviz: drift ({drift.level})", drift.where) for result in found for drift in result.drifts]
    annotate([*drifts, *(failed_expectations(found) if options.strict else ())])
    skipped = [str(result.folder / name) for result in found for name in result.skipped] if options.strict else []
    if skipped:
        echo(f"figures skipped (--strict): {', '.join(skipped)}", err=True)
    failed = bool(drifts or unmet or skipped)
    if any(result.pictures for result in found):
        failed = not _write_page(found, options, level, pictures) or failed
    if failed:
        raise click.exceptions.Exit(1)


def _check_all(configs: Sequence[str], out: Path, options: Options, given: Any, level: str) -> list[CheckResult]:
    from bpviz.outputs.drift import inputs

    found = sources(configs)
    subjects = [inputs.Subject.of(source, out / source.name, given) for source in found.sources]
    read = [s for s in subjects if level != "inputs" or options.strict or not s.unchanged]
    experiments = found._replace(sources=[s.source for s in read]).experiments(given.overrides)
    by_source = dict(zip([s.source for s in read], experiments, strict=True))
    checks = [inputs.check(s, by_source.get(s.source)) for s in subjects]
    both = [(s, by_source[s.source], check) for s, check in zip(subjects, checks, strict=True) if s.source in by_source]
    if level != "inputs" or options.strict:  # a lockfile is no evidence of expectations that are met
        _recompute(both, options, level)
    gone = inputs.orphaned(out, checks, [Path(path) for path in configs if Path(path).is_dir()])
    return [*checks, *gone]


def _recompute(both: Sequence[tuple[Subject, Experiment, CheckResult]], options: Options, level: str) -> None:
    """Rerun experiments and redraw their figures in a temporary folder, and compare them with the outputs."""
    from shutil import rmtree
    from tempfile import TemporaryDirectory

    from bpviz.execution import memory
    from bpviz.outputs import build
    from bpviz.outputs.drift import recompute

    both = [(subject, experiment, check) for subject, experiment, check in both if subject.before]
    configs = [subject.source for subject, _, _ in both]
    memory.check([experiment for _, experiment, _ in both], options.memory_for(len(both)), configs)
    with TemporaryDirectory(prefix="bpviz-") as temporary:
        tasks = [
            recompute.task(subject, experiment, Path(temporary) / str(number), level, check)
            for number, (subject, experiment, check) in enumerate(both)
        ]
        jobs = [task.job for task in tasks]
        build.plan(jobs)

        def compare(number: int, outcome: Outcome) -> None:
            recompute.compare(tasks[number], outcome, level)
            rmtree(jobs[number].folder)

        run_jobs(jobs, compare, options)


def _print_report(found: Sequence[CheckResult], options: Options, level: str) -> None:
    from bpviz.outputs.drift import report

    if options.printed == "json":
        from bpviz import tables

        echo_json(tables.as_json(report.as_data(found, level)))
    elif options.printed == "md":
        echo(report.as_markdown(found, level), nl=False)
    else:
        text = report.as_text(found, notes=not options.quiet)
        if text:
            echo(text.rstrip("\n"))
        if not options.quiet:
            echo(report.verdict(found, level))
    summarize(lambda: report.as_markdown(found, level))


def _write_page(found: Sequence[CheckResult], options: Options, level: str, pictures: Path) -> bool:
    """Write the HTML page with the visual diff; return whether it could be written."""
    from bpviz.outputs.drift import html, report
    from bpviz.storage.atomic import UnwritableError

    try:
        written = html.write(pictures, found, report.verdict(found, level))
    except UnwritableError as error:
        echo(str(error), err=True)
        return False
    if not options.quiet:
        echo(f"see {written} for a visual diff", err=True)
    return True
