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
    return errors_at(problem, np.tile(x, (len(y), 1)), np.tile(y[:, None], (1, len(x))), pair, fixed)


def errors_at(
    problem: Problem, x: Array, y: Array, pair: tuple[int, int] = (0, 1), fixed: Array | None = None
) -> Array:
    """Return the errors at places, in the shape of ``x`` and ``y``; see ``error_grid``."""
    errors, size, point = np.empty(x.size), block_size(problem), None
    with np.errstate(all="ignore"):
        for first in range(0, x.size, size):
            part = slice(first, first + size)
            w = np.empty((len(errors[part]), len(problem.weights)), order="F")
            w[:] = 0.0 if fixed is None else fixed
            w[:, pair[0]], w[:, pair[1]] = x.ravel()[part], y.ravel()[part]
            point = problem.at(w, point)
            errors[part] = point.error()
    return errors.reshape(x.shape)
