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


_ORDINALS = ("First", "Second", "Third", "Fourth", "Fifth")


class Plane(NamedTuple):
    """The error over a window: ``x (columns,)``, ``y (rows,)``, ``error (rows, columns)``, NaN where not finite.

    Errors and levels are what is above ``lowest``, the lowest error there is, or 0 where that is not known.
    ``lowest_minima``, ``other_minima (minima, 3)``: those within the window, across, up and error.
    """

    names: tuple[str, str]
    x: Array
    y: Array
    error: Array
    levels: Array  # rising
    logarithmic: bool  # each level is a factor above the one before
    lowest: float
    threshold: float | None  # None also where its contour would not be seen in this window
    lowest_minima: Array
    other_minima: Array
    held: str  # the other weights and their values, nothing if there are none

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
    """Return the error over ``window``, the other weights held where the first of ``runs`` ends.

    ``size`` is how many points each side of the grid has; twice as many where contours would have corners, and again.
    """
    names = results.weights
    held = _held(runs)
    for _ in range(_DOUBLINGS + 1):
        x, y = (np.linspace(*limits, size) for limits in window)
        error = error_grid(problem, x, y, pair, held)
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
    others = [f"{names[i]} = {held[i]:.4g}" for i in range(len(names)) if i not in pair]
    return Plane(
        (axis_name(names[pair[0]]), axis_name(names[pair[1]])),
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


def note(plane: Plane, what: str = "contour") -> str:
    """Say where the weights are held that have no axis: ``contour at b = 2``."""
    return f"{what} at {plane.held}" if plane.held else ""


_DOUBLINGS = 2


def lowest_of(problem: Problem, errors: Array) -> float | None:
    """Return the lowest error there is; None if that is not known, or if one of ``errors`` is below it after all."""
    lowest = problem.lowest
    if lowest is None or np.nanmin(errors, initial=np.inf) < lowest - _ROUNDING * max(1.0, abs(lowest)):
        return None
    return lowest


_ROUNDING = 1e-9  # of errors


def _is_smooth(error: Array, edges: Array, logarithmic: bool) -> bool:
    """Say whether contours will look like curves: a straight line between grid points is nowhere far from the error.

    Measured on every other point, against the points between, in bands; the error of a line falls with the square of
    its length.
    """
    if logarithmic:
        error, edges = np.log(error), np.log(edges)
    band = edges[1] - edges[0]
    off = np.concatenate([(np.abs(e[1:-1:2] - (e[:-2:2] + e[2::2]) / 2) / band / 4).ravel() for e in (error, error.T)])
    off = off[np.isfinite(off)]
    return not len(off) or float(np.quantile(off, 0.99)) < 0.1


def _can_be_seen(above: Array) -> bool:
    """Say whether the threshold has a contour that is more than a dot, by how far each error is above it."""
    below = above < 0
    return bool((above > 0).any()) and max(float(below.any(axis=axis).mean()) for axis in (0, 1)) > 0.02


def _minima(problem: Problem, pair: tuple[int, int], window: Window, lowest: float | None) -> tuple[Array, Array]:
    """Return the minima of error ``lowest`` and the others, ``(minima, 3)`` each, where they lie in the window."""
    known = [(*(minimum.at[i] for i in pair), minimum.error) for minimum in problem.minima]
    seen = np.array(known).reshape(-1, 3)
    seen = seen[within(seen[:, :2], window)]
    low = (
        np.abs(seen[:, 2] - lowest) <= _ROUNDING * max(1.0, abs(lowest)) if lowest is not None else seen[:, 2] < -np.inf
    )
    seen[:, 2] -= lowest or 0.0
    return seen[low], seen[~low]


def _held(runs: Sequence[Run]) -> Array:
    """Return where the first run that does not diverge ends, or where the first one starts if all do."""
    calm = [run.trajectory.weights[-1] for run in runs if run.trajectory.ending.word != "diverged"]
    held: Array = calm[0] if calm else runs[0].trajectory.weights[0]
    return held


def axis_name(weight: str) -> str:
    """Return what an axis calls a weight: ``w1`` is the first weight."""
    number = weight[1:]
    if weight[:1] == "w" and number.isdecimal() and 0 < int(number) <= len(_ORDINALS):
        return f"{_ORDINALS[int(number) - 1]} weight"
    return weight


def _levels(error: Array, bands: int) -> tuple[Array, bool]:
    """Return the edges of ``bands`` bands of error and whether they rise by a factor.

    Errors that span a factor of three or more get equal factors: the valley, where the paths end, is where errors are
    small. What lies deep in it, though, is a speck: if the lowest thousandth of the window would take a quarter of
    the bands, it gets one. At most ten decades are told apart.
    """
    low, high = float(np.nanmin(error, initial=np.inf)), float(np.nanmax(error, initial=-np.inf))
    if not low <= high:  # nothing finite
        low, high = 0.0, 1.0
    elif high - low <= 1e-9 * max(abs(low), abs(high)):  # a plain
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
    """Return about how many points on paper one unit of the window measures, across and up."""
    sides = np.array([high - low for low, high in window])
    return SIDE_POINTS / np.full(2, sides.max()) if equal_scales(window) else SIDE_POINTS / sides


def at_threshold(plane: Plane, place: Array, radius: Array) -> bool:
    """Tell whether the contour of the threshold comes as near to a place as ``radius``, across and up."""
    if plane.threshold is None:
        return False
    columns, rows = (
        slice(*np.searchsorted(axis, (middle - away, middle + away)))
        for axis, middle, away in zip((plane.x, plane.y), place, radius, strict=True)
    )
    near = plane.error[rows, columns] <= plane.threshold - plane.lowest
    return bool(near.any() and not near.all())
