"""bpviz run --check"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bpviz.cli.errors import annotate, say, summarize
from bpviz.cli.options import Options, sources
from bpviz.cli.progress import carry_out, waiting
from bpviz.cli.show import unexpected_of, unmet_said

if TYPE_CHECKING:
    from bpviz.config import Experiment
    from bpviz.outputs.build import Outcome
    from bpviz.outputs.drift import Checked
    from bpviz.outputs.drift.inputs import Subject

F = TypeVar("F", bound=Callable[..., Any])

_LEVELS = ("inputs", "results", "pixels")


def check_options(command: F) -> F:
    """Add the options of a check."""
    for option in reversed(
        [
            click.option(
                "--check",
                is_flag=True,
                help="Write no outputs; exit with 1 if they are not what their configs make of them.",
            ),
            click.option(
                "--level",
                type=click.Choice(_LEVELS),
                default=_LEVELS[-1],
                show_default=True,
                help="Of --check: inputs compares digests only; results also runs every algorithm anew; pixels also "
                "draws every figure anew.",
            ),
            click.option(
                "--drift",
                default="bpviz-drift",
                show_default=True,
                metavar="DIR",
                type=click.Path(file_okay=False),
                help="Of --check: folder for pictures of what differs, made only if something does.",
            ),
        ]
    ):
        command = option(command)
    return command


def refuse_to_write(options: Options, *, force: bool, prune: bool) -> None:
    """Refuse options that make no sense with --check."""
    for asked, name in ((force, "--force"), (prune, "--prune"), (options.timed, "--time")):
        if asked:
            raise click.UsageError(f"--check writes no outputs; {name} has nothing to do with it")
    if options.printed == "csv":
        raise click.UsageError("a check prints no table; for programs there are --format json and --format md")


def checked(
    configs: Sequence[str],
    overrides: Sequence[str],
    out: Path,
    options: Options,
    formats: Sequence[str],
    level: str,
    pictures: Path,
) -> None:
    """Check outputs, say what has drifted, and leave with 1 if anything has."""
    from bpviz.outputs.drift.inputs import CheckOptions
    from bpviz.storage import atomic

    pictured = options.pictures if set(options.pictures) & set(formats) else ()
    given = CheckOptions(overrides, pictured, options.no_figures)
    with atomic.locked(out, waiting(out, options)):
        found = _found(configs, out, options, given, level)
    _say(found, options, level)
    unmet = options.strict and unmet_said(found)
    drifts = [(f"bpviz: drift of {drift.level}", drift.where) for one in found for drift in one.drifts]
    annotate([*drifts, *(unexpected_of(found) if options.strict else ())])
    failed = bool(drifts) or unmet
    if any(one.pictures for one in found):
        failed = _draw(found, options, level, pictures) or failed
    if failed:
        raise click.exceptions.Exit(1)


def _found(configs: Sequence[str], out: Path, options: Options, given: Any, level: str) -> list[Checked]:
    from bpviz.outputs.drift import inputs

    found = sources(configs)
    subjects = [inputs.Subject.of(source, out / source.name, given) for source in found.sources]
    read = [s for s in subjects if level != "inputs" or options.strict or not s.untouched]
    experiments = found._replace(sources=[s.source for s in read]).experiments(given.overrides)
    by_source = dict(zip([s.source for s in read], experiments, strict=True))
    checks = [inputs.check(s, by_source.get(s.source)) for s in subjects]
    both = [(s, by_source[s.source], check) for s, check in zip(subjects, checks, strict=True) if s.source in by_source]
    if level == "inputs":
        for subject, experiment, check in both:
            if subject.before and options.strict:
                inputs.check_expectations(check, experiment, subject.before.results, subject.before.unmet)
    else:
        _compute(both, options, level)
    gone = inputs.orphaned(out, checks, [Path(path) for path in configs if Path(path).is_dir()])
    return [*checks, *gone]


def _compute(both: Sequence[tuple[Subject, Experiment, Checked]], options: Options, level: str) -> None:
    """Make results, and figures, anew in a folder that is gone afterwards, and compare them."""
    from shutil import rmtree
    from tempfile import TemporaryDirectory

    from bpviz.outputs import build
    from bpviz.outputs.drift import recompute

    with TemporaryDirectory(prefix="bpviz-") as aside:
        tasks = [
            recompute.task(subject, experiment, Path(aside) / str(number), level, check)
            for number, (subject, experiment, check) in enumerate(both)
            if subject.before
        ]
        jobs = [task.job for task in tasks]
        build.plan(jobs)

        def compare(number: int, outcome: Outcome) -> None:
            recompute.compare(tasks[number], outcome, level)
            rmtree(jobs[number].folder)

        carry_out(jobs, compare, options)


def _say(found: Sequence[Checked], options: Options, level: str) -> None:
    from bpviz.outputs.drift import report

    if options.printed == "json":
        from bpviz import tables

        click.echo(tables.as_json(report.as_data(found, level)), nl=False)
    elif options.printed == "md":
        click.echo(report.as_markdown(found, level), nl=False)
    else:
        text = report.as_text(found, notes=not options.quiet)
        if text:
            say(text.rstrip("\n"))
        if not options.quiet:
            click.echo(report.verdict(found, level))
    summarize(lambda: report.as_markdown(found, level))


def _draw(found: Sequence[Checked], options: Options, level: str, pictures: Path) -> bool:
    """Write the page with what differs, and return whether that has failed."""
    from bpviz.outputs.drift import html, report
    from bpviz.storage.atomic import UnwritableError

    try:
        written = html.write(pictures, found, report.verdict(found, level))
    except UnwritableError as error:
        click.echo(str(error), err=True)
        return True
    if not options.quiet:
        click.echo(f"what differs can be seen in {written}", err=True)
    return False
