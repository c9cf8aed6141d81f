"""The error over a plane of two weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bpviz.landscape.grid import error_grid
from bpviz.landscape.window import SIDE_POINTS, equal_scales, within

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bpviz.declare import Array, Problem
    from bpviz.engine.results import Results, Run
    from bpviz.landscape.window import Window


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
    fixed: str  # the other weights and their values, empty if there are none

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
    """Return the error over ``window``; the other weights are fixed at the end of the first of ``runs``.

    ``size`` is the number of points per side of the grid. It is doubled up to twice if contours would have corners.
    """
    names = results.weights
    fixed = _fixed_weights(runs)
    for _ in range(_DOUBLINGS + 1):
        x, y = (np.linspace(*limits, size) for limits in window)
        error = error_grid(problem, x, y, pair, fixed)
        error[~np.isfinite(error)] = np.nan
        lowest = lowest_of(problem, error)
        error = error if lowest is None else np.maximum(error - lowest, 0.0)
        edges, logarithmic = _levels(error, levels)
        error = np.clip(error, edges[0], edges[-1])
        if _is_smooth(error, edges, logarithmic):
            break
        size = 2 * size - 1
    threshold = results.error_threshold
    if threshold is not None and not _can_be_seen(error - (threshold - (lowest or 0.0))):
        threshold = None
    others = [f"{names[i]} = {fixed[i]:.4g}" for i in range(len(names)) if i not in pair]
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
        ", ".join(others),
    )


_DOUBLINGS = 2


def lowest_of(problem: Problem, errors: Array) -> float | None:
    """Return the problem's lowest known error; None if it is unknown or if one of ``errors`` is below it."""
    lowest = problem.lowest
    if lowest is None or np.nanmin(errors, initial=np.inf) < lowest - _ROUNDING * max(1.0, abs(lowest)):
        return None
    return lowest


_ROUNDING = 1e-9  # relative, of errors


def _is_smooth(error: Array, edges: Array, logarithmic: bool) -> bool:
    """Return whether contours will look smooth: linear interpolation between grid points is close to the error.

    The deviation, in bands, is that of every other grid point from the line between its neighbors. It is divided by 4
    to estimate the deviation between grid points, as it is quadratic in the spacing.
    """
    if logarithmic:
        error, edges = np.log(error), np.log(edges)
    band = edges[1] - edges[0]
    off = np.concatenate([(np.abs(e[1:-1:2] - (e[:-2:2] + e[2::2]) / 2) / band / 4).ravel() for e in (error, error.T)])
    off = off[np.isfinite(off)]
    return not len(off) or float(np.quantile(off, 0.99)) < 0.1


def _can_be_seen(above: Array) -> bool:
    """Return whether the contour of the threshold is larger than a dot; ``above`` is the error minus the threshold."""
    below = above < 0
    return bool((above > 0).any()) and max(float(below.any(axis=axis).mean()) for axis in (0, 1)) > 0.02


def _minima(problem: Problem, pair: tuple[int, int], window: Window, lowest: float | None) -> tuple[Array, Array]:
    """Return the minima with error ``lowest`` and the other minima in the window, ``(minima, 3)`` each."""
    known = [(*(minimum.at[i] for i in pair), minimum.error) for minimum in problem.minima]
    seen = np.array(known).reshape(-1, 3)
    seen = seen[within(seen[:, :2], window)]
    low = (
        np.abs(seen[:, 2] - lowest) <= _ROUNDING * max(1.0, abs(lowest)) if lowest is not None else seen[:, 2] < -np.inf
    )
    seen[:, 2] -= lowest or 0.0
    return seen[low], seen[~low]


def _fixed_weights(runs: Sequence[Run]) -> Array:
    """Return the last weights of the first run that did not diverge, or the first start if all runs diverged."""
    last = [run.trajectory.weights[-1] for run in runs if run.trajectory.ending.word != "diverged"]
    fixed: Array = last[0] if last else runs[0].trajectory.weights[0]
    return fixed


def _levels(error: Array, bands: int) -> tuple[Array, bool]:
    """Return the edges of ``bands`` bands of error, and whether they are spaced by a constant factor.

    Errors that span a factor of three or more get logarithmic levels, because paths end where errors are small. The
    levels span at most ten decades. If the lowest thousandth of the window would take up a quarter of the bands, it
    gets a single band.
    """
    low, high = float(np.nanmin(error, initial=np.inf)), float(np.nanmax(error, initial=-np.inf))
    if not low <= high:  # no finite error
        low, high = 0.0, 1.0
    elif high - low <= 1e-9 * max(abs(low), abs(high)):  # constant
        room = 0.05 * abs(high) or 1.0
        low, high = low - room, high + room
    elif low >= 0 and high > 3 * low:
        low = max(low, 1e-10 * high)
        shallow = float(np.nanquantile(error, 0.001))
        if shallow > low * (high / low) ** 0.25:
            low = min(shallow, high / 3)
        return np.geomspace(low, high, bands + 1), True
    return np.linspace(low, high, bands + 1), False


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
