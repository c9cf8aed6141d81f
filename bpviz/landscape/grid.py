"""A grid of errors, for contours and surfaces: one more block of weights, no second way to evaluate a problem."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bpviz.numerics import linalg

if TYPE_CHECKING:
    from bpviz.declare import Array, Problem

_BLOCK_BYTES = 256 * 1024  # of one temporary, as in march


def error_grid(
    problem: Problem, x: Array, y: Array, pair: tuple[int, int] = (0, 1), held: Array | None = None
) -> Array:
    """Return the errors ``(len(y), len(x))`` where weight ``pair[0]`` is x and weight ``pair[1]`` is y.

    ``held (params,)`` gives the other weights; without it they are 0. An error that is not finite is
    there as it is: that is what the problem says.
    """
    across, up = pair
    w = np.empty((len(y) * len(x), len(problem.weights)), order="F")
    w[:] = 0.0 if held is None else held
    w[:, across] = np.tile(x, len(y))
    w[:, up] = np.repeat(y, len(x))
    size = max(64, _BLOCK_BYTES // (8 * problem.width))
    errors = np.empty(len(w))
    point = None
    with np.errstate(all="ignore"):
        for first in range(0, len(w), size):
            part = slice(first, first + size)
            point = problem.at(linalg.block(w[part]), point)
            errors[part] = point.error()
    return errors.reshape(len(y), len(x))
