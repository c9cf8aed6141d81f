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


def total(a: Array, axis: int) -> Array:
    """Add up ``a``, in C order with runs last, along another axis, first term first.

    With two runs or more NumPy adds whole rows of runs in order. With one run it would see a single vector and add it
    pairwise, so that case goes through the running sum, whose order is fixed by its meaning.
    """
    if a.shape[-1] > 1:
        added: Array = np.add.reduce(a, axis)
        return added
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


def least_squares(matrix: Array, v: Array) -> Array:
    """Return the x that makes ``matrix[i] @ x[i] - v[i]`` shortest, NaN in the rows where roundoff decides which does.

    ``matrix (runs, m, params)``, ``v (runs, m)`` and x ``(runs, params)``.
    """
    runs, m, params = matrix.shape
    if m < params:
        return np.full((runs, params), np.nan)
    q, r = np.linalg.qr(matrix)
    pivots = np.abs(np.linalg.diagonal(r))
    deficient = pivots.min(axis=1) <= m * np.finfo(np.float64).eps * pivots.max(axis=1)
    return solve(np.where(deficient[:, None, None], np.nan, r), matvec(q.transpose(0, 2, 1), v))


def outer(a: Array, b: Array) -> Array:
    """Return ``a[i] b[i]ᵀ`` for ``a (runs, m)`` and ``b (runs, params)``: ``(runs, m, params)``."""
    return a[:, :, None] * b[:, None, :]


def gram(matrix: Array) -> Array:
    """Return ``matrix[i]ᵀ @ matrix[i]`` for ``matrix (runs, m, params)``: ``(runs, params, params)``."""
    columns = matrix.transpose(1, 2, 0)
    return total(np.ascontiguousarray(columns[:, :, None] * columns[:, None]), 0).transpose(2, 0, 1)


def eigh(matrix: Array) -> tuple[Array, Array]:
    """Return the eigenvalues ``(runs, params)`` of symmetric matrices, rising, and eigenvectors in columns.

    The entry of an eigenvector that is largest, the first of them, is positive. Rows that are not finite give NaN.
    """
    runs, params, _ = matrix.shape
    values, vectors = np.full((runs, params), np.nan), np.full(matrix.shape, np.nan)
    finite = np.isfinite(matrix).all(axis=(1, 2))
    values[finite], found = _eigh(matrix[finite])
    largest = np.take_along_axis(found, np.abs(found).argmax(axis=1)[:, None, :], axis=1)
    vectors[finite] = found * np.sign(largest)
    return values, vectors


def _eigh(matrix: Array) -> tuple[Array, Array]:
    try:
        values, vectors = np.linalg.eigh(matrix)
        return values, vectors
    except np.linalg.LinAlgError:  # of the whole block, for the sake of a single row
        if len(matrix) == 1:
            return np.full(matrix.shape[:2], np.nan), np.full(matrix.shape, np.nan)
        pairs = [_eigh(matrix[i : i + 1]) for i in range(len(matrix))]
        return np.concatenate([values for values, _ in pairs]), np.concatenate([vectors for _, vectors in pairs])


def modified_cholesky(matrix: Array, least: npt.ArrayLike) -> Array:
    """Return diagonals e ≥ 0 ``(runs, params)`` that make ``matrix[i] + diag(e[i])`` positive definite.

    P. E. Gill, W. Murray & M. H. Wright, Practical Optimization, 1981, section 4.4.2.2: the LDLᵀ factorization of a
    symmetric matrix with the largest pivot first, each pivot made as large as ``least`` and as keeps L moderate. A
    matrix that is positive definite with pivots from ``least`` on gets e = 0.
    """
    params = matrix.shape[1]
    places = np.arange(params)
    size = np.abs(matrix)
    gamma, xi = (
        np.where(mask, size, 0).max(axis=(1, 2))[:, None] for mask in (np.eye(params) > 0, np.eye(params) == 0)
    )
    beta2 = np.maximum(np.maximum(gamma, xi / np.sqrt(max(params**2 - 1, 1))), np.finfo(np.float64).eps)
    rest, left, e = matrix, np.ones(matrix.shape[:2], dtype=bool), np.zeros(matrix.shape[:2])
    for _ in places:
        diagonal = np.where(left, np.abs(rest[:, places, places]), -1)
        pivot = diagonal.argmax(axis=1)[:, None]
        column = np.take_along_axis(rest, pivot[:, None, :], axis=2)[:, :, 0]
        c = np.take_along_axis(column, pivot, axis=1)
        left = left & (places != pivot)
        column = np.where(left, column, 0)
        theta = np.abs(column).max(axis=1)[:, None]
        d = np.maximum(np.maximum(np.abs(c), theta * theta / beta2), least)
        e = np.where(places == pivot, d - c, e)
        rest = rest - outer(column, column) / d[:, :, None]
    return e


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
