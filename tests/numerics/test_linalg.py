"""Test linear algebra: correct, and bit-identical for every number of runs and memory layout."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import plain_algebra
import pytest

from bpviz.numerics import linalg

# NumPy sums pairwise from 8 numbers and splits at 128; 1000 runs fill many SIMD vectors.
LENGTHS = [*range(1, 20), 31, 63, 64, 65, 127, 128, 129, 130]
RUNS = [1, 2, 3, 7, 8, 64, 1000]
ORDERS = ["C", "F"]


def noise(*shape):
    """Return numbers of both signs and very different magnitude, so that the order of additions shows in the sum."""
    rng = np.random.default_rng(sum(shape))
    return rng.normal(size=shape) * 10.0 ** rng.integers(-3, 4, size=shape)


def in_order(numbers):
    """Return the sum, added one by one from first to last."""
    total = numbers[0]
    for number in numbers[1:]:
        total = total + number
    return total


@pytest.mark.parametrize("runs", RUNS)
def test_total_adds_in_order(runs):
    for length in LENGTHS:
        a = noise(3, length, runs)
        assert linalg.total(a, 1).tolist() == in_order(list(a.transpose(1, 0, 2))).tolist()
        assert linalg.total(a[0], 0).tolist() == in_order(list(a[0])).tolist()
        deep = noise(2, 2, length, runs)
        assert linalg.total(deep, 2).tolist() == in_order(list(deep.transpose(2, 0, 1, 3))).tolist()


def test_numpy_sum_does_not_add_in_order():
    """For some of these lengths, so that the previous test can fail."""
    assert any(np.add.reduce(a)[0] != in_order(a)[0] for a in (noise(length, 1) for length in LENGTHS))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("runs", RUNS)
def test_dot_is_batch_invariant(runs, order):
    for params in LENGTHS:
        a, b = (np.array(noise(runs, params + k)[:, k:], order=order) for k in (0, 1))
        together = linalg.dot(a, b)
        assert together.shape == (runs, 1)
        for i in {0, runs // 2, runs - 1}:
            assert linalg.dot(a[i : i + 1], b[i : i + 1]).item() == together[i, 0], params
            assert together[i, 0] == in_order((a[i] * b[i]).tolist()), params


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("runs", RUNS)
def test_matvec_is_batch_invariant(runs, order):
    for params in (1, 2, 3, 9, 17, 130):
        matrix = np.array(noise(runs, 3, params), order=order)
        v = np.array(noise(runs, params), order=order)
        together = linalg.matvec(matrix, v)
        assert together.shape == (runs, 3)
        for i in {0, runs // 2, runs - 1}:
            assert linalg.matvec(matrix[i : i + 1], v[i : i + 1]).tolist() == together[i : i + 1].tolist(), params
            assert together[i].tolist() == [in_order((line * v[i]).tolist()) for line in matrix[i]], params


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("runs", RUNS)
def test_gram_is_batch_invariant(runs, order):
    for samples in LENGTHS:
        matrix = np.array(noise(runs, samples, 3), order=order)
        together = linalg.gram(matrix)
        assert together.shape == (runs, 3, 3)
        for i in {0, runs // 2, runs - 1}:
            assert linalg.gram(matrix[i : i + 1]).tolist() == together[i : i + 1].tolist(), samples
            columns = matrix[i].T
            assert together[i].tolist() == [[in_order((a * b).tolist()) for b in columns] for a in columns], samples


@pytest.mark.parametrize("runs", RUNS)
def test_least_squares_is_batch_invariant(runs):
    for m, params in ((1, 1), (2, 2), (5, 2), (9, 3), (130, 17)):
        matrix, v = noise(runs, m, params), noise(runs, m)
        together = linalg.least_squares(matrix, v)
        for i in {0, runs // 2, runs - 1}:
            assert linalg.least_squares(matrix[i : i + 1], v[i : i + 1])[0].tolist() == together[i].tolist()
            assert together[i] == pytest.approx(np.linalg.lstsq(matrix[i], v[i])[0], rel=1e-6)


def test_least_squares_is_nan_with_deficient_rank():
    """The line through (0, 1), (1, 2) and (2, 4) is 5/6 + 3/2 t. Three points at one t have no unique line."""
    matrix = np.array([[[1.0, 0.0], [1, 1], [1, 2]], [[1, 0], [1, 0], [1, 0]], [[np.nan, 0], [1, 1], [1, 2]]])
    with np.errstate(invalid="ignore"):  # as in the loop
        x = linalg.least_squares(matrix, np.array([[1.0, 2.0, 4.0]] * 3))
    assert x[0] == pytest.approx([5 / 6, 3 / 2])
    assert np.isnan(x[1:]).all()
    assert np.isnan(linalg.least_squares(matrix[:, :1], np.array([[1.0]] * 3))).all()


def test_outer_by_hand():
    assert linalg.outer(np.array([[1.0, 2.0], [0, 1]]), np.array([[3.0, 4.0, 5.0], [6, 7, 8]])).tolist() == [
        [[3, 4, 5], [6, 8, 10]],
        [[0, 0, 0], [6, 7, 8]],
    ]


@pytest.mark.parametrize("runs", RUNS)
def test_eigh_of_gram_matrices_is_batch_invariant(runs):
    for params in (1, 2, 3, 9, 20):
        matrix = linalg.gram(noise(runs, params, params))
        values, vectors = linalg.eigh(matrix)
        for i in {0, runs // 2, runs - 1}:
            alone = linalg.eigh(matrix[i : i + 1])
            assert [part[0].tolist() for part in alone] == [values[i].tolist(), vectors[i].tolist()]
            assert (np.diff(values[i]) >= 0).all()
            assert (vectors[i] * values[i]) @ vectors[i].T == pytest.approx(matrix[i], abs=1e-12 * abs(matrix[i]).max())
            assert vectors[i].T @ vectors[i] == pytest.approx(np.eye(params), abs=1e-12)


def test_eigh_is_nan_in_non_finite_rows_only():
    matrix = np.array([[[2.0, 0.0], [0.0, 3.0]], [[np.nan, 1], [1, 1]], [[np.inf, 1], [1, 1]], [[0, 1], [1, 0]]])
    values, vectors = linalg.eigh(matrix)
    assert (
        np.isnan(values).all(axis=1).tolist()
        == np.isnan(vectors).all(axis=(1, 2)).tolist()
        == [False, True, True, False]
    )
    assert values[0].tolist() == [2, 3]
    assert values[3] == pytest.approx([-1, 1])


@pytest.mark.parametrize("runs", RUNS)
def test_solve_is_batch_invariant(runs):
    for params in (1, 2, 3, 9, 20):
        matrix, v = noise(runs, params, params), noise(runs, params)
        together = linalg.solve(matrix, v)
        for i in {0, runs // 2, runs - 1}:
            assert linalg.solve(matrix[i : i + 1], v[i : i + 1]).tolist() == together[i : i + 1].tolist()
            assert together[i] == pytest.approx(np.linalg.solve(matrix[i], v[i]), rel=1e-12)


def test_solve_by_hand():
    """2 x + y = 4 and x + 3 y = 7: x = 1, y = 2."""
    assert linalg.solve(np.array([[[2.0, 1.0], [1.0, 3.0]]]), np.array([[4.0, 7.0]])) == pytest.approx(
        np.array([[1, 2]])
    )


@pytest.mark.parametrize("singular", [[[0, 0], [0, 0]], [[1, 2], [2, 4]], [[0, 0], [0, 3]]])
def test_solve_is_nan_in_singular_rows_only(singular):
    regular = [[2.0, 1.0], [1.0, 3.0]]
    matrix = np.array([regular, singular, regular, [[np.nan, 1], [1, 1]], [[-1, 4], [5, 0.3]]])
    v = np.array([[4.0, 7.0], [1, 1], [3, -2], [1, 1], [0.1, 7]])
    with np.errstate(invalid="ignore"):  # as in the loop
        x = linalg.solve(matrix, v)
    assert np.isnan(x).all(axis=1).tolist() == [False, True, False, True, False]
    for i in (0, 2, 4):
        assert x[i].tolist() == linalg.solve(matrix[i : i + 1], v[i : i + 1])[0].tolist()
    assert np.isnan(linalg.solve(matrix[1:2], v[1:2])).all()


class Pair(NamedTuple):
    m: np.ndarray
    deep: tuple


def test_take_rows_of_arrays_and_states():
    matrix = np.arange(24.0).reshape(4, 3, 2)
    which = np.array([2, 0])
    assert linalg.take(matrix, which).tolist() == matrix[[2, 0]].tolist()
    assert linalg.take(matrix[:, 0], which).tolist() == matrix[[2, 0], 0].tolist()
    assert linalg.take(matrix[:, 0, 0], which).tolist() == matrix[[2, 0], 0, 0].tolist()
    taken = linalg.take(Pair(matrix, (matrix[:, 0], ())), which)
    assert isinstance(taken, Pair)
    assert taken.m.tolist() == matrix[[2, 0]].tolist()
    assert taken.deep[0].tolist() == matrix[[2, 0], 0].tolist()
    assert taken.deep[1] == linalg.take((), which) == ()


def test_join_rows_of_arrays_and_states():
    upper, lower = np.arange(12.0).reshape(2, 3, 2), np.arange(100.0, 106.0).reshape(1, 3, 2)
    expected = [*upper.tolist(), *lower.tolist()]
    assert linalg.join(upper, lower).tolist() == expected
    assert linalg.join(upper[:, 0, 0], lower[:, 0, 0]).tolist() == [0, 6, 100]
    joined = linalg.join(Pair(upper, (upper,)), Pair(lower, (lower,)))
    assert isinstance(joined, Pair)
    assert joined.m.tolist() == joined.deep[0].tolist() == expected
    assert linalg.join((), ()) == ()


def test_join_reverses_take():
    a = noise(9, 4)
    keep = np.array([True, False, True, True, False, False, True, False, True])
    parts = linalg.join(linalg.take(a, np.flatnonzero(keep)), linalg.take(a, np.flatnonzero(~keep)))
    assert parts.tolist() == [*a[keep].tolist(), *a[~keep].tolist()]


def test_blocks_have_contiguous_runs():
    a = linalg.block([(1, 2), (3, 4), (5, 6)])
    assert a.dtype == np.float64
    for block in (a, linalg.take(a, np.array([0, 2])), linalg.join(a, a)):
        assert block.strides[0] == 8
    assert linalg.dot(a, a).tolist() == [[5], [25], [61]]
    assert math.isclose(linalg.matvec(a[None], a[:1])[0, 2], 17)


@pytest.mark.parametrize("exponent", [0.5, 2.0, -1.0, 1.0, 0.0, 0.75])
def test_power_is_equal_for_common_and_separate_exponents(exponent):
    a = np.random.default_rng(1).uniform(0, 5, size=(300, 1))
    each = linalg.power(a, np.full((300, 1), exponent))
    assert linalg.power(a, exponent).tobytes() == each.tobytes()
    assert each[17] == linalg.power(a[17:18], exponent)[0]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("runs", RUNS)
def test_outer(runs, order):
    a, b = np.array(noise(runs, 3), order=order), np.array(noise(runs, 5), order=order)
    together = linalg.outer(a, b)
    assert together.shape == (runs, 3, 5)
    for i in {0, runs // 2, runs - 1}:
        assert together[i].tolist() == [[x * y for y in b[i].tolist()] for x in a[i].tolist()]


def symmetric(runs, params):
    matrix = noise(runs, params, params)
    return matrix + matrix.transpose(0, 2, 1)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("runs", RUNS)
def test_eigh_is_batch_invariant(runs, order):
    for params in (1, 2, 3, 9, 20, 40)[: 6 if runs <= 8 else 4 if runs < 1000 else 3]:
        matrix = np.array(symmetric(runs, params), order=order)
        values, vectors = linalg.eigh(matrix)
        assert (np.diff(values) >= 0).all()
        for i in {0, runs // 2, runs - 1}:
            alone = linalg.eigh(matrix[i : i + 1])
            assert (alone[0][0].tolist(), alone[1][0].tolist()) == (values[i].tolist(), vectors[i].tolist()), params
            size = np.abs(values[i]).max()
            np.testing.assert_allclose(matrix[i] @ vectors[i], vectors[i] * values[i], atol=1e-13 * size)
            np.testing.assert_allclose(vectors[i].T @ vectors[i], np.eye(params), atol=1e-13)
            largest = vectors[i][np.abs(vectors[i]).argmax(axis=0), range(params)]
            assert (largest > 0).all()


def test_eigh_by_hand():
    """[[2, 2], [2, 5]] has the eigenvalues 1 and 6 with the eigenvectors (2, -1) and (1, 2), normalized."""
    values, vectors = linalg.eigh(np.array([[[2.0, 2.0], [2.0, 5.0]]]))
    assert values == pytest.approx(np.array([[1, 6]]))
    assert vectors * 5**0.5 == pytest.approx(np.array([[[2, 1], [-1, 2]]]))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_eigenvectors_are_nan_in_non_finite_rows_only(bad):
    matrix = symmetric(3, 4)
    matrix[1, 2, 2] = bad
    values, vectors = linalg.eigh(matrix)
    assert np.isnan(values[1]).all()
    assert np.isnan(vectors[1]).all()
    for i in (0, 2):
        alone = linalg.eigh(matrix[i : i + 1])
        assert (values[i].tolist(), vectors[i].tolist()) == (alone[0][0].tolist(), alone[1][0].tolist())
    assert np.isnan(linalg.eigh(matrix[1:2])[0]).all()


def test_eigh_is_nan_in_rows_without_convergence_only(monkeypatch):
    """LAPACK may not converge for one matrix, and NumPy then raises for the whole block."""
    matrix = symmetric(4, 3)
    expected = linalg.eigh(matrix)
    found = np.linalg.eigh

    def fail(block):
        if (block == matrix[2]).all(axis=(1, 2)).any():
            raise np.linalg.LinAlgError("Eigenvalues did not converge")
        return found(block)

    monkeypatch.setattr(np.linalg, "eigh", fail)
    values, vectors = linalg.eigh(matrix)
    for mine, whole in zip((values, vectors), expected, strict=True):
        assert np.isnan(mine[2]).all()
        assert mine[[0, 1, 3]].tolist() == whole[[0, 1, 3]].tolist()


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("runs", RUNS)
def test_modified_cholesky_equals_plain_implementation_and_is_batch_invariant(runs, order):
    for params in (1, 2, 3, 5, 9):
        matrix = np.array(symmetric(runs, params), order=order)
        least = 10.0 ** np.random.default_rng(runs).integers(-9, 2, size=(runs, 1))
        together = linalg.modified_cholesky(matrix, least)
        assert together.shape == (runs, params)
        for i in {0, runs // 2, runs - 1}:
            alone = linalg.modified_cholesky(matrix[i : i + 1], least[i, 0])
            assert alone[0].tolist() == together[i].tolist(), params
            twin = plain_algebra.modified_cholesky(matrix[i].tolist(), least[i, 0])
            np.testing.assert_allclose(together[i], twin, rtol=1e-9, atol=1e-12 * np.abs(matrix[i]).max())


def test_modified_cholesky_by_hand():
    """[[0, 1], [1, 0]]: β² = max(γ, ξ / √3) = 1/√3. The first pivot is θ²/β² = √3, the second |0 - 1/√3| = 1/√3."""
    e = linalg.modified_cholesky(np.array([[[0.0, 1.0], [1.0, 0.0]]]), 1e-8)
    assert e == pytest.approx(np.array([[3**0.5, 2 / 3**0.5]]))
    assert linalg.modified_cholesky(np.array([[[0.0, 0.0], [0.0, -3.0]]]), 0.5).tolist() == [[0.5, 6]]


def test_modified_cholesky_adds_nothing_to_positive_definite_matrices():
    matrix = symmetric(500, 4)
    e = linalg.modified_cholesky(matrix, 1e-3)
    assert (e >= 0).all()
    scale = np.abs(matrix).max(axis=(1, 2))[:, None]
    assert (np.linalg.eigvalsh(matrix + e[:, :, None] * np.eye(4)) > -1e-15 * scale).all()
    definite = matrix @ matrix + np.eye(4)
    assert (linalg.modified_cholesky(definite, 1e-3) == 0).all()
    matrix[7, 1, 1] = np.nan
    with np.errstate(invalid="ignore"):  # as in the loop
        again = linalg.modified_cholesky(matrix, 1e-3)
    assert np.isnan(again[7]).any()
    assert np.delete(again, 7, axis=0).tolist() == np.delete(e, 7, axis=0).tolist()
