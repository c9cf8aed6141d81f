"""Linear algebra row by row: row i of every answer depends on row i of the arguments alone, to the last bit.

BLAS and NumPy's pairwise sums choose their order of additions by the shape of the whole array, so that a run's last
bits would depend on its neighbours. These functions add in one fixed order. Blocks are kept with runs contiguous in
memory (``(runs, params)`` in Fortran order), which makes arithmetic between ``(runs, 1)`` and ``(runs, params)`` fast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from bpviz.declare import Array, Column


def block(w: npt.ArrayLike) -> Array:
    """Return weights ``(runs, params)`` as floats, runs contiguous in memory."""
    return np.asfortranarray(w, dtype=np.float64)


def total(a: Array, axis: int, out: Array | None = None) -> Array:
    """Add up ``a``, in C order with runs last, along another axis, first term first. The answer may come in ``out``.

    With two runs or more NumPy adds whole rows of runs in order. With one run it would see a single vector and add it
    pairwise, so that case goes through the running sum, whose order is fixed by its meaning.
    """
    if a.shape[-1] > 1:
        return np.add.reduce(a, axis, out=out)
    sums: Array = np.add.accumulate(a, axis)
    return sums[-1] if axis == 0 else sums[:, -1] if axis == 1 else sums[:, :, -1]


def dot(a: Array, b: Array) -> Array:
    """Return the inner product of each row of ``a`` and ``b (runs, params)`` as a column ``(runs, 1)``."""
    return total(np.ascontiguousarray((a * b).T), 0)[:, None]


def matvec(matrix: Array, v: Array) -> Array:
    """Return ``matrix[i] @ v[i]`` for ``matrix (runs, m, params)`` and ``v (runs, params)``: ``(runs, m)``."""
    return total(np.ascontiguousarray((matrix * v[:, None, :]).transpose(2, 1, 0)), 0).T


def power(a: Array, exponent: Column) -> Array:
    """Return ``a`` to a power, element by element.

    NumPy takes another way to a square and a root if there is one exponent for all, so every element gets its own.
    """
    raised: Array = np.power(a, exponent + np.zeros_like(a))
    return raised


def solve(matrix: Array, v: Array) -> Array:
    """Return x with ``matrix[i] @ x[i] = v[i]``, NaN in the rows whose matrix is singular.

    ``matrix (runs, params, params)``, ``v`` and x ``(runs, params)``.
    """
    try:
        return _solved(matrix, v)
    except np.linalg.LinAlgError:  # of the whole block, for the sake of a single row
        singular = np.linalg.slogdet(matrix).sign == 0
        return _solved(np.where(singular[:, None, None], np.nan, matrix), v)


def _solved(matrix: Array, v: Array) -> Array:
    return np.linalg.solve(matrix, v[..., None])[..., 0].astype(np.float64, copy=False)


def take(a: Any, which: npt.NDArray[np.int64]) -> Any:
    """Return the rows ``which`` (indices) of an array, or of every array of a tuple, however deep."""
    if isinstance(a, tuple):
        parts = [take(part, which) for part in a]
        return type(a)(*parts) if hasattr(a, "_fields") else tuple(parts)
    return a.T.take(which, axis=-1).T  # keeps the runs contiguous, as a[which] would not


def join(a: Any, b: Any) -> Any:
    """Put the rows of ``b`` under those of ``a``, for arrays or for tuples of arrays alike, however deep."""
    if isinstance(a, tuple):
        parts = [join(x, y) for x, y in zip(a, b, strict=True)]
        return type(a)(*parts) if hasattr(a, "_fields") else tuple(parts)
    return np.concatenate([a.T, b.T], axis=-1).T
