"""What to run: algorithms, their starts, and when they stop."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bpviz.declare import Optimizer, Problem
    from bpviz.experiment.expectations import Expectation
    from bpviz.figures._base import FigureRequest


@dataclass(frozen=True)
class Algorithm:
    """An optimizer and the name it goes by in this experiment."""

    label: str
    optimizer: Optimizer


@dataclass(frozen=True)
class Experiment:
    """What a config says, checked and with every default filled in."""

    name: str  # of the output folder
    title: str
    problem: Problem
    starts: tuple[tuple[float, ...], ...]
    error_threshold: float | None  # counted from the lowest error there is
    max_epochs: int
    algorithms: tuple[Algorithm, ...]
    figures: tuple[FigureRequest, ...]
    gradient_threshold: float | None = None
    expectations: tuple[Expectation, ...] = ()
    data_files: tuple[str, ...] = field(default=(), compare=False)  # read besides the config, from its folder

    @property
    def error_to_reach(self) -> float | None:
        """The error at which a run has arrived."""
        return None if self.error_threshold is None else self.error_threshold + (self.problem.lowest or 0.0)
