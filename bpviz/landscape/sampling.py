"""The error on a grid with enough points for contours that are smooth and have the parts of the function."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bpviz.landscape.grid import error_grid, errors_at
from bpviz.landscape.levels import levels_of
from bpviz.landscape.topology import euler_numbers, with_pits, with_valleys

if TYPE_CHECKING:
    from bpviz.declare import Array, Problem
    from bpviz.landscape.window import Window

_DOUBLINGS = 2
_MOST = 1e8  # array elements to compute for a refined grid, about two seconds
_FEW = 0.05  # multiple of the points per side
_ROUNDING = 1e-9  # relative, of errors


class Sample(NamedTuple):
    """Errors ``(rows, columns)`` relative to ``lowest`` and within ``levels``, NaN where they are not finite."""

    x: Array
    y: Array
    error: Array
    levels: Array
    logarithmic: bool
    lowest: float | None


def sample(
    problem: Problem, window: Window, pair: tuple[int, int], fixed: Array | None, bands: int, size: int
) -> Sample:
    """Return the error over ``window`` with the edges of ``bands`` bands.

    The grid has ``size`` points per side. This is doubled up to twice if contours would have corners, or if valleys are
    too narrow for the grid, so that sets of small error would fall apart, but not if this would take seconds. Valleys
    that are still too narrow are drawn as wide as the spacing of the grid.
    """

    def error_at(x: Array, y: Array) -> Array:
        return errors_at(problem, x, y, pair, fixed)

    finest = size << _DOUBLINGS
    while True:
        x, y = (np.linspace(*limits, size) for limits in window)
        error = error_grid(problem, x, y, pair, fixed)
        error[~np.isfinite(error)] = np.nan
        lowest = lowest_of(problem, error)
        levels, logarithmic = levels_of(_above(error, lowest), bands)

        def drawn(error: Array, lowest: float | None = lowest, levels: Array = levels) -> Array:
            return np.clip(_above(error, lowest), levels[0], levels[-1])

        coarse = drawn(error)
        bent = not _is_smooth(_in_bands(coarse, levels, logarithmic))
        pits = with_pits(error_at, x, y, error)
        narrow = False
        if not (_same_parts(levels, coarse, coarse[::2, ::2]) and _same_parts(levels, coarse, drawn(pits))):
            deep = drawn(with_pits(error_at, x, y, with_valleys(error_at, x, y, error)))
            if not _same_parts(levels, coarse, deep):
                lowered = _in_bands(coarse, levels, logarithmic) - _in_bands(deep, levels, logarithmic)
                narrow = bool((lowered > 0.5).sum() > _FEW * size)
                coarse = deep
        if not (bent or narrow) or 2 * size > finest or (2 * size) ** 2 * problem.width > _MOST:
            return Sample(x, y, coarse, levels, logarithmic, lowest)
        size = 2 * size - 1


def _above(error: Array, lowest: float | None) -> Array:
    return error if lowest is None else np.maximum(error - lowest, 0.0)


def lowest_of(problem: Problem, errors: Array) -> float | None:
    """Return the problem's lowest known error; None if it is unknown or if one of ``errors`` is below it."""
    lowest = problem.lowest
    if lowest is None or np.nanmin(errors, initial=np.inf) < lowest - rounding_of(lowest):
        return None
    return lowest


def rounding_of(error: float) -> float:
    """Return the difference from ``error`` that may be rounding."""
    return _ROUNDING * max(1.0, abs(error))


def _same_parts(levels: Array, error: Array, other: Array) -> bool:
    """Return whether the sets below each level have equal numbers of parts minus holes on two grids."""
    return bool((euler_numbers(error, levels) == euler_numbers(other, levels)).all())


def _in_bands(error: Array, levels: Array, logarithmic: bool) -> Array:
    """Return errors as multiples of the distance between two levels."""
    if logarithmic:
        error, levels = np.log(error), np.log(levels)
    bands: Array = error / (levels[1] - levels[0])
    return bands


def _is_smooth(bands: Array) -> bool:
    """Return whether contours will look smooth: linear interpolation between grid points is close to the error.

    The deviation is that of every other grid point from the line between its neighbors. It is divided by 4 to estimate
    the deviation between grid points, as it is quadratic in the spacing.
    """
    off = np.concatenate([(np.abs(e[1:-1:2] - (e[:-2:2] + e[2::2]) / 2) / 4).ravel() for e in (bands, bands.T)])
    off = off[np.isfinite(off)]
    return not len(off) or float(np.quantile(off, 0.99)) < 0.1
