"""The specification of an experiment: problem, algorithms, starts and stopping criteria."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bpviz.figures._style import Look, Style

if TYPE_CHECKING:
    from bpviz.declare import Optimizer, Problem
    from bpviz.experiment.expectations import Expectation
    from bpviz.figures._base import FigureRequest


@dataclass(frozen=True)
class Algorithm:
    """An optimizer, its label in an experiment, and its color and marker in figures if they are given."""

    label: str
    optimizer: Optimizer
    color: str | None = None
    marker: str | None = None


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
    heading: str = ""  # above the titles of figures; empty for none
    style: Style = field(default_factory=Style)
    words: tuple[tuple[str, str], ...] = ()  # translations of words in figures
    data_files: tuple[str, ...] = field(
        default=(), compare=False
    )  # paths of CSV files, relative to the config's folder

    @property
    def error_to_reach(self) -> float | None:
        """The error at or below which a run stops; None for no threshold."""
        return None if self.error_threshold is None else self.error_threshold + (self.problem.lowest or 0.0)

    def look(self, figure: FigureRequest) -> Look:
        """Return the look of one of the figures."""
        return Look(
            figure.style.over(self.style) if figure.style else self.style,
            dict(self.words),
            self.heading,
            figure.title != "none",
            tuple((algorithm.color, algorithm.marker) for algorithm in self.algorithms),
        )

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
