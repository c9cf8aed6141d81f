"""Run experiments with a progress bar."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from contextlib import ExitStack
    from pathlib import Path

    from bpviz.cli.options import Options, T
    from bpviz.outputs.build import Job, Outcome


def carry_out(jobs: Sequence[Job], keep: Callable[[int, Outcome], T], options: Options) -> list[T]:
    """Run experiments and write their files, with a progress bar, and return what ``keep`` makes of what came out."""
    from bpviz.outputs import build

    steps = sum(1 + len(job.experiment.figures) for job in jobs)
    aside = contextlib.redirect_stdout(sys.stderr)  # what a rule prints is no part of the table
    with _progress(steps, quiet=options.quiet, no_color=options.no_color) as said, aside:
        return build.carry_out(jobs, keep, processes=options.processes, progress=said)


def hold(out: Path, jobs: Sequence[Job], stack: ExitStack, options: Options) -> None:
    """Make sure that all files of jobs can be written, and have the folder of all outputs to ourselves until ``stack``
    ends, waiting for another run that has it."""
    from bpviz.storage import atomic

    if jobs:
        from bpviz.outputs import build  # with NumPy, which whoever only removes files does without

        build.plan(jobs)
    stack.enter_context(atomic.locked(out, waiting(out, options)))
    for job in jobs:
        atomic.sweep(job.folder)


def waiting(out: Path, options: Options) -> Callable[[], None]:
    """Return the way to say that another process has a folder of outputs."""

    def said() -> None:
        if not options.quiet:
            click.echo(f"waiting for another bpviz that writes in {out}", err=True)

    return said


@contextlib.contextmanager
def _progress(steps: int, *, quiet: bool, no_color: bool) -> Iterator[Callable[[str], None]]:
    """Show a progress bar on the standard error stream if it is a terminal, and hand out the way to move it."""
    if quiet or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield lambda words: None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import Progress

    with Progress(console=Console(stderr=True, no_color=no_color or None), transient=True) as bar:
        task = bar.add_task("starting", total=steps)
        yield lambda words: bar.update(task, advance=1, description=escape(words[:40]))
