"""YAML -> Experiment, every mistake with its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bpviz.declare import FigureRequest, Optimizer, Problem


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
    error_threshold: float | None
    max_epochs: int
    algorithms: tuple[Algorithm, ...]
    figures: tuple[FigureRequest, ...]
