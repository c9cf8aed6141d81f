"""The specification of an experiment: problem, algorithms, starts and stopping criteria."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bpviz.declare import Optimizer, Problem
    from bpviz.experiment.expectations import Expectation
    from bpviz.figures._base import FigureRequest


@dataclass(frozen=True)
class Algorithm:
    """An optimizer and its label in an experiment."""

    label: str
    optimizer: Optimizer


@dataclass(frozen=True)
class Experiment:
    """The checked content of a config, with all defaults filled in."""

    name: str  # the name of the output folder
    title: str
    problem: Problem
    starts: tuple[tuple[float, ...], ...]
    error_threshold: float | None  # relative to the minimum of the error
    max_epochs: int
    algorithms: tuple[Algorithm, ...]
    figures: tuple[FigureRequest, ...]
    gradient_threshold: float | None = None
    expectations: tuple[Expectation, ...] = ()
    data_files: tuple[str, ...] = field(
        default=(), compare=False
    )  # paths of CSV files, relative to the config's folder

    @property
    def error_to_reach(self) -> float | None:
        """The error at or below which a run stops; None for no threshold."""
        return None if self.error_threshold is None else self.error_threshold + (self.problem.lowest or 0.0)

    @property
    def warning(self) -> str:
        """A sentence about targets that no weights can predict; "" if there are none."""
        warning: str = getattr(self.problem, "data_warning", "")
        return warning

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on how the data were read: names of classes, rows left out; and the warning."""
        notes: tuple[str, ...] = getattr(getattr(self.problem, "dataset", None), "notes", ())
        return (*notes, self.warning) if self.warning else notes
