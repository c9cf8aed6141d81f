"""Run jobs with a progress bar, in a locked output folder."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from bpviz.cli.styled import progress_bar
from bpviz.messages.printing import echo

if TYPE_CHECKING:
    from contextlib import ExitStack
    from pathlib import Path

    from bpviz.cli.options import Options, T
    from bpviz.outputs.build import Job, Outcome


def run_jobs(jobs: Sequence[Job], keep: Callable[[int, Outcome], T], options: Options) -> list[T]:
    """Run jobs with a progress bar, and return ``keep(number, outcome)`` for each of them."""
    from bpviz.outputs import build

    lacking: list[Any] = []

    def kept(number: int, outcome: Outcome) -> T:
        lacking.extend(outcome.lacking)
        return keep(number, outcome)

    steps = sum(1 + len(job.experiment.figures) for job in jobs)
    redirected = contextlib.redirect_stdout(sys.stderr)  # output of plugins is not part of the table
    with _progress(steps, quiet=options.quiet, no_color=options.no_color) as advance, redirected:
        done = build.carry_out(
            jobs, kept, processes=options.processes, memory=options.memory_for(len(jobs)), progress=advance
        )
    if any(each.absent or each.letters for each in lacking) and not options.quiet:
        from bpviz.figures._render import remarks  # imports matplotlib

        for remark in remarks(lacking):
            echo(f"warning: {remark}", err=True)
    return done


def lock_outputs(out: Path, jobs: Sequence[Job], stack: ExitStack, options: Options) -> None:
    """Check that all files of jobs can be written, and lock the output folder until ``stack`` is closed.

    If another process has the lock, wait for it.
    """
    from bpviz.storage import atomic

    if jobs:
        from bpviz.outputs import build  # imports NumPy, not needed to delete files

        build.plan(jobs)
    stack.enter_context(atomic.locked(out, waiting_message(out, options)))
    for job in jobs:
        atomic.remove_temporary_files(job.folder)


def waiting_message(out: Path, options: Options) -> Callable[[], None]:
    """Return a function that prints that another process has locked the output folder."""

    def show() -> None:
        if not options.quiet:
            echo(f"waiting for another bpviz process to release {out}", err=True)

    return show


@contextlib.contextmanager
def _progress(steps: int, *, quiet: bool, no_color: bool) -> Iterator[Callable[[str], None]]:
    """Show a progress bar if standard error is a terminal; yield a function that advances it and sets its label."""
    if quiet or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield lambda words: None
        return
    with progress_bar(steps, no_color=no_color) as advance:
        yield advance
