"""The connected parts of the sets of small error on a grid, and the floors of valleys narrower than its spacing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from bpviz.declare import Array

    ErrorAt = Callable[[Array, Array], Array]

_TRIED, _ROUNDS = 9, 4  # a search along a line reduces its interval by 4 per round


def euler_numbers(error: Array, levels: Array) -> npt.NDArray[np.int64]:
    """Return the number of parts minus the number of holes of each set ``error <= level``.

    Grid points are connected if they are adjacent along x or y. By Euler's formula, the number is that of the points in
    the set, minus that of adjacent pairs, plus that of squares of four. NaN belongs to no set.
    """
    first = np.searchsorted(levels, error)  # the first set that contains a point
    across = np.maximum(first[:, 1:], first[:, :-1])
    up = np.maximum(first[1:], first[:-1])
    square = np.maximum(across[1:], across[:-1])
    points, pairs, more_pairs, squares = (
        np.bincount(part.ravel(), minlength=len(levels) + 1) for part in (first, across, up, square)
    )
    numbers: npt.NDArray[np.int64] = np.cumsum(points - pairs - more_pairs + squares)[: len(levels)]
    return numbers


def mean_widths(error: Array, levels: Array, spacing: Array) -> Array:
    """Return the mean width of each set ``error <= level``: that of a strip, or the radius of a disc.

    It is twice the area divided by the perimeter, which is π/4 of the number of sides of grid cells between a point in
    the set and one outside. ``spacing (2,)`` is the distance of grid points along x and y.
    """
    first = np.searchsorted(levels, error)
    area = np.cumsum(np.bincount(first.ravel(), minlength=len(levels) + 1)) * spacing.prod()
    perimeter = np.zeros(len(levels) + 1)
    for one, other, length in ((first[:, 1:], first[:, :-1], spacing[1]), (first[1:], first[:-1], spacing[0])):
        enters, leaves = (f(one, other).ravel() for f in (np.minimum, np.maximum))
        counts = [np.bincount(part, minlength=len(levels) + 1) for part in (enters, leaves)]
        perimeter += length * np.cumsum(counts[0] - counts[1])
    widths: Array = 2 * area / np.maximum(np.pi / 4 * perimeter, 1e-300)
    return widths[: len(levels)]


def with_valleys(error_at: ErrorAt, x: Array, y: Array, error: Array) -> Array:
    """Return ``error (rows, columns)`` with the floors of narrow valleys, which pass between grid points.

    Where a point is lower than the two adjacent ones in a row or column, the minimum between these is found with
    ``error_at(x, y)`` and given to the two points next to its place. The floor of a valley is thus a connected chain of
    points, however narrow the valley is.
    """
    deep = error.copy()
    _deepen_along_rows(error_at, x, y, error, deep)
    _deepen_along_rows(lambda up, across: error_at(across, up), y, x, error.T, deep.T)
    return deep


def _deepen_along_rows(error_at: ErrorAt, x: Array, y: Array, error: Array, deep: Array) -> None:
    before, here, after = error[:, :-2], error[:, 1:-1], error[:, 2:]
    row, column = np.nonzero((here <= before) & (here <= after) & (here < np.maximum(before, after)))  # no plateaus
    column += 1
    low, high = x[column - 1], x[column + 1]
    each = np.arange(len(row))
    place, floor = x[column], error[row, column]
    for _ in range(_ROUNDS):
        tried = np.linspace(low, high, _TRIED)
        found = error_at(tried, np.broadcast_to(y[row], tried.shape))
        best = np.where(np.isnan(found), np.inf, found).argmin(axis=0)
        place, floor = tried[best, each], np.fmin(floor, found[best, each])
        low, high = tried[np.maximum(best - 1, 0), each], tried[np.minimum(best + 1, _TRIED - 1), each]
    np.fmin.at(deep, (row, column), floor)
    np.fmin.at(deep, (row, np.where(place < x[column], column - 1, column + 1)), floor)


def with_pits(error_at: ErrorAt, x: Array, y: Array, error: Array) -> Array:
    """Return ``error (rows, columns)`` where points lower than the eight around them have the minimum between these."""
    deep = error.copy()
    inner, (rows, columns) = error[1:-1, 1:-1], error.shape
    around = [error[1 + i : rows - 1 + i, 1 + j : columns - 1 + j] for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j]
    higher = np.sum([inner < other for other in around], axis=0)
    row, column = np.nonzero((inner <= np.minimum.reduce(around)) & (higher >= 6))  # not the edge of a plateau
    row, column = row + 1, column + 1
    place = np.stack([x[column], y[row]])
    side = np.array([[x[1] - x[0]], [y[1] - y[0]]])
    offsets = np.linspace(-1, 1, _TRIED)
    grid = np.stack(np.meshgrid(offsets, offsets)).reshape(2, -1, 1)
    each = np.arange(len(row))
    for number in range(_ROUNDS):
        tried = place[:, None] + grid * (side * (2.0 / (_TRIED - 1)) ** number)[:, None]
        found = error_at(*tried)
        best = np.where(np.isnan(found), np.inf, found).argmin(axis=0)
        place = tried[:, best, each]
        deep[row, column] = np.fmin(deep[row, column], found[best, each])
    return deep
