"""Outputs to check together with the job that repeats them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.outputs.names import TABLES

if TYPE_CHECKING:
    from bpviz.config import Experiment, Mistake
    from bpviz.outputs.build import Job
    from bpviz.outputs.drift import CheckResult
    from bpviz.outputs.drift.inputs import Subject
    from bpviz.outputs.lockfile import Lock


class Task(NamedTuple):
    """Outputs to check, and the job that repeats them in a temporary folder."""

    subject: Subject
    before: Lock
    experiment: Experiment
    job: Job
    checked: CheckResult

    @property
    def files(self) -> list[str]:
        """The names of all files of the experiment."""
        figures = [figure.file_name() for figure in self.experiment.figures]
        return [*TABLES, *(f"{name}.{suffix}" for name in figures for suffix in self.subject.asked.formats)]

    def at(self, path: str) -> Mistake:
        """Return the place of a value of the config, as a mistake without a message."""
        return self.subject.source.places().place(path).mistake(path, "")
