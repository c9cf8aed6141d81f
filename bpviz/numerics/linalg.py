"""Batch-invariant linear algebra: row i of a result depends only on row i of the arguments, bit for bit.

BLAS and the pairwise sums of NumPy choose the order of additions by the shape of the whole array, so that the last bits
of a run would depend on the other runs. These functions add in a fixed order. Blocks are stored with contiguous runs
(``(runs, params)`` in Fortran order), which makes arithmetic between ``(runs, 1)`` and ``(runs, params)`` fast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from bpviz.declare import Array, Column


def block(w: npt.ArrayLike) -> Array:
    """Return weights ``(runs, params)`` as float64 with contiguous runs."""
    return np.asfortranarray(w, dtype=np.float64)


def total(a: Array, axis: int) -> Array:
    """Return the sum of ``a``, an array in C order whose last axis is runs, along another axis, added first to last.

    With two or more runs NumPy adds rows of runs in order. It would add a single run pairwise; therefore that case uses
    the cumulative sum, whose order is fixed.
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
    """Return ``a ** exponent``, element by element.

    NumPy computes squares and roots differently if all elements have a common exponent, so each element gets its own.
    """
    raised: Array = np.power(a, exponent + np.zeros_like(a))
    return raised


def solve(matrix: Array, v: Array) -> Array:
    """Return the solution x of ``matrix[i] @ x[i] = v[i]``, NaN in rows with a singular matrix.

    ``matrix`` has the shape ``(runs, params, params)``, ``v`` and x have ``(runs, params)``.
    """
    try:
        return _solved(matrix, v)
    except np.linalg.LinAlgError:  # raised for the block although only some rows cause it
        singular = np.linalg.slogdet(matrix).sign == 0
        return _solved(np.where(singular[:, None, None], np.nan, matrix), v)


def _solved(matrix: Array, v: Array) -> Array:
    return np.linalg.solve(matrix, v[..., None])[..., 0].astype(np.float64, copy=False)


def least_squares(matrix: Array, v: Array) -> Array:
    """Return the x that minimizes the norm of ``matrix[i] @ x[i] - v[i]``, NaN in rows with deficient rank.

    ``matrix`` has the shape ``(runs, m, params)``, ``v`` ``(runs, m)`` and x ``(runs, params)``.
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
    """Return the eigenvalues of symmetric matrices, ascending ``(runs, params)``, and eigenvectors in columns.

    The first entry of an eigenvector with the largest magnitude is positive. Non-finite rows give NaN.
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
    except np.linalg.LinAlgError:  # raised for the block although only some rows cause it
        if len(matrix) == 1:
            return np.full(matrix.shape[:2], np.nan), np.full(matrix.shape, np.nan)
        pairs = [_eigh(matrix[i : i + 1]) for i in range(len(matrix))]
        return np.concatenate([values for values, _ in pairs]), np.concatenate([vectors for _, vectors in pairs])


def modified_cholesky(matrix: Array, least: npt.ArrayLike) -> Array:
    """Return diagonals e ≥ 0 ``(runs, params)`` that make ``matrix[i] + diag(e[i])`` positive definite.

    P. E. Gill, W. Murray & M. H. Wright, Practical Optimization, 1981, section 4.4.2.2: the LDLᵀ factorization of a
    symmetric matrix with the largest pivot first, where each pivot is increased to at least ``least`` and enough to
    bound L. A matrix that is positive definite with pivots of at least ``least`` gets e = 0.
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
    """Return the rows ``which`` (indices) of an array, or of every array in a tuple of arrays and nested tuples."""
    if isinstance(a, tuple):
        parts = [take(part, which) for part in a]
        return type(a)(*parts) if hasattr(a, "_fields") else tuple(parts)
    return a.T.take(which, axis=-1).T  # unlike a[which], keeps the runs contiguous


def join(a: Any, b: Any) -> Any:
    """Return the rows of ``a`` followed by those of ``b``, for arrays or tuples of arrays and nested tuples."""
    if isinstance(a, tuple):
        parts = [join(x, y) for x, y in zip(a, b, strict=True)]
        return type(a)(*parts) if hasattr(a, "_fields") else tuple(parts)
    return np.concatenate([a.T, b.T], axis=-1).T
