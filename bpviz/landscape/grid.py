"""The error on a grid of two weights, for contours and surfaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bpviz.engine.blocks import block_size

if TYPE_CHECKING:
    from bpviz.declare import Array, Problem


def error_grid(
    problem: Problem, x: Array, y: Array, pair: tuple[int, int] = (0, 1), fixed: Array | None = None
) -> Array:
    """Return the errors ``(len(y), len(x))`` where weight ``pair[0]`` is x and weight ``pair[1]`` is y.

    ``fixed (params,)`` gives the values of the other weights, 0 by default. Non-finite errors are returned unchanged.
    """
    across, up = pair
    size = block_size(problem)
    errors = np.empty(len(y) * len(x))
    point = None
    with np.errstate(all="ignore"):
        for first in range(0, len(errors), size):
            place = np.arange(first, min(first + size, len(errors)))
            w = np.empty((len(place), len(problem.weights)), order="F")
            w[:] = 0.0 if fixed is None else fixed
            w[:, across], w[:, up] = x[place % len(x)], y[place // len(x)]
            point = problem.at(w, point)
            errors[first : first + size] = point.error()
    return errors.reshape(len(y), len(x))
