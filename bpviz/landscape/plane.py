"""The error over a plane of two weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bpviz.landscape.sampling import rounding_of, sample
from bpviz.landscape.topology import mean_widths
from bpviz.landscape.window import SIDE_POINTS, equal_scales, within

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bpviz.declare import Array, Problem
    from bpviz.engine.results import Results, Run
    from bpviz.landscape.window import Window


class Section(NamedTuple):
    """Weights that have no axis, by name and rounded, which are those at the end or the start of a run of an algorithm.

    ``start`` is the number of the run's start, or 0 if the algorithm has only one run. ``several`` is whether several
    runs are shown.
    """

    weights: dict[str, str]
    label: str
    at_end: bool
    start: int
    several: bool


class Plane(NamedTuple):
    """The error over a window: ``x (columns,)``, ``y (rows,)``, ``error (rows, columns)``, NaN where not finite.

    Errors and levels are relative to ``lowest``, the lowest known error of the problem, or 0 if it is unknown.
    ``lowest_minima`` and ``other_minima (minima, 3)`` are the known minima within the window: x, y and error.
    """

    names: tuple[str, str]
    x: Array
    y: Array
    error: Array
    levels: Array  # increasing
    logarithmic: bool  # levels are spaced by a constant factor
    lowest: float
    threshold: float | None  # None if there is none, or if its contour is too small to be seen
    lowest_minima: Array
    other_minima: Array
    section: Section | None  # the other weights; None if there are none

    @property
    def window(self) -> Window:
        return (float(self.x[0]), float(self.x[-1])), (float(self.y[0]), float(self.y[-1]))


def error_plane(
    problem: Problem,
    results: Results,
    pair: tuple[int, int],
    runs: Sequence[Run],
    window: Window,
    levels: int,
    size: int,
) -> Plane:
    """Return the error over ``window``, with the edges of ``levels`` bands; ``size`` is that of ``sample``.

    The other weights are fixed at the end of the first of ``runs`` that did not diverge.
    """
    names = results.weights
    run, place = _fixing(runs)
    fixed = run.trajectory.weights[place]
    x, y, error, edges, logarithmic, lowest = sample(problem, window, pair, fixed, levels, size)
    threshold = results.error_threshold
    if threshold is not None and not _can_be_seen(error - (threshold - (lowest or 0.0))):
        threshold = None
    return Plane(
        (names[pair[0]], names[pair[1]]),
        x,
        y,
        error,
        edges,
        logarithmic,
        lowest or 0.0,
        threshold,
        *_minima(problem, pair, window, lowest),
        _section(run, place, pair, runs, results),
    )


def _fixing(runs: Sequence[Run]) -> tuple[Run, int]:
    """Return the run that fixes weights, and the row: the end of the first that did not diverge, or else a start."""
    for run in runs:
        if run.trajectory.ending.word != "diverged":
            return run, -1
    return runs[0], 0


def _section(run: Run, place: int, pair: tuple[int, int], runs: Sequence[Run], results: Results) -> Section | None:
    """Return the weights without an axis, which are those at a place of a run; None if there are none."""
    fixed = run.trajectory.weights[place]
    weights = {name: f"{fixed[i]:.4g}" for i, name in enumerate(results.weights) if i not in pair}
    if not weights:
        return None
    same = [other for other in results.runs if other.label == run.label]
    number = same.index(run) + 1 if len(same) > 1 else 0
    return Section(weights, run.label, at_end=place != 0, start=number, several=len(runs) > 1)


_LEAST_WIDTH = 4.0  # points


def levels_with_lines(plane: Plane) -> Array:
    """Return the levels whose contour lines do not hide the set between them: those of sets that are wide enough."""
    sides = np.array([len(plane.x), len(plane.y)]) - 1
    spacing = np.array([high - low for low, high in plane.window]) / sides * points_per_unit(plane.window)
    lined: Array = plane.levels[mean_widths(plane.error, plane.levels, spacing) > _LEAST_WIDTH]
    return lined


def _can_be_seen(above: Array) -> bool:
    """Return whether the contour of the threshold is larger than a dot; ``above`` is the error minus the threshold."""
    below = above < 0
    return bool((above > 0).any()) and max(float(below.any(axis=axis).mean()) for axis in (0, 1)) > 0.02


def _minima(problem: Problem, pair: tuple[int, int], window: Window, lowest: float | None) -> tuple[Array, Array]:
    """Return the minima with error ``lowest`` and the other minima in the window, ``(minima, 3)`` each."""
    known = [(*(minimum.at[i] for i in pair), minimum.error) for minimum in problem.minima]
    seen = np.array(known).reshape(-1, 3)
    seen = seen[within(seen[:, :2], window)]
    low = np.abs(seen[:, 2] - lowest) <= rounding_of(lowest) if lowest is not None else np.zeros(len(seen), bool)
    seen[:, 2] -= lowest or 0.0
    return seen[low], seen[~low]


def points_per_unit(window: Window) -> Array:
    """Return the approximate length of one unit of the window in points (1/72 inch), along x and y."""
    sides = np.array([high - low for low, high in window])
    return SIDE_POINTS / np.full(2, sides.max()) if equal_scales(window) else SIDE_POINTS / sides


def at_threshold(plane: Plane, place: Array, radius: Array) -> bool:
    """Return whether the contour of the threshold passes within ``radius`` (along x and y) of a place."""
    if plane.threshold is None:
        return False
    columns, rows = (
        slice(*np.searchsorted(axis, (middle - away, middle + away)))
        for axis, middle, away in zip((plane.x, plane.y), place, radius, strict=True)
    )
    near = plane.error[rows, columns] <= plane.threshold - plane.lowest
    return bool(near.any() and not near.all())
