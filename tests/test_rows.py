"""Row by row linear algebra: right, and the same to the last bit whatever the neighbours and the memory layout."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pytest

from bpviz import rows

# Pairwise sums begin at 8 numbers and split at 128; 1000 runs are many vectors wide.
LENGTHS = [*range(1, 20), 31, 63, 64, 65, 127, 128, 129, 130]
RUNS = [1, 2, 3, 7, 8, 64, 1000]
ORDERS = ["C", "F"]


def noise(*shape):
    """Return numbers of very different size and both signs, so that the order of additions shows in the last bits."""
    rng = np.random.default_rng(sum(shape))
    return rng.normal(size=shape) * 10.0 ** rng.integers(-3, 4, size=shape)


def in_order(numbers):
    """Add up, first to last, one by one."""
    total = numbers[0]
    for number in numbers[1:]:
        total = total + number
    return total


@pytest.mark.parametrize("runs", RUNS)
def test_totals_are_added_in_order(runs):
    for length in LENGTHS:
        a = noise(3, length, runs)
        assert rows.total(a, 1).tolist() == in_order(list(a.transpose(1, 0, 2))).tolist()
        assert rows.total(a[0], 0).tolist() == in_order(list(a[0])).tolist()
        deep = noise(2, 2, length, runs)
        assert rows.total(deep, 2).tolist() == in_order(list(deep.transpose(2, 0, 1, 3))).tolist()


def test_the_test_above_could_fail():
    """NumPy's own sum of one run is not the sum in order, for some of these lengths: that is why rows exists."""
    assert any(np.add.reduce(a)[0] != in_order(a)[0] for a in (noise(length, 1) for length in LENGTHS))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("runs", RUNS)
def test_dot_products_do_not_depend_on_neighbours(runs, order):
    for params in LENGTHS:
        a, b = (np.array(noise(runs, params + k)[:, k:], order=order) for k in (0, 1))
        together = rows.dot(a, b)
        assert together.shape == (runs, 1)
        for i in {0, runs // 2, runs - 1}:
            assert rows.dot(a[i : i + 1], b[i : i + 1]).item() == together[i, 0], params
            assert together[i, 0] == in_order((a[i] * b[i]).tolist()), params


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("runs", RUNS)
def test_matrix_vector_products_do_not_depend_on_neighbours(runs, order):
    for params in (1, 2, 3, 9, 17, 130):
        matrix = np.array(noise(runs, 3, params), order=order)
        v = np.array(noise(runs, params), order=order)
        together = rows.matvec(matrix, v)
        assert together.shape == (runs, 3)
        for i in {0, runs // 2, runs - 1}:
            assert rows.matvec(matrix[i : i + 1], v[i : i + 1]).tolist() == together[i : i + 1].tolist(), params
            assert together[i].tolist() == [in_order((line * v[i]).tolist()) for line in matrix[i]], params


@pytest.mark.parametrize("runs", RUNS)
def test_solutions_do_not_depend_on_neighbours(runs):
    for params in (1, 2, 3, 9, 20):
        matrix, v = noise(runs, params, params), noise(runs, params)
        together = rows.solve(matrix, v)
        for i in {0, runs // 2, runs - 1}:
            assert rows.solve(matrix[i : i + 1], v[i : i + 1]).tolist() == together[i : i + 1].tolist()
            assert together[i] == pytest.approx(np.linalg.solve(matrix[i], v[i]), rel=1e-12)


def test_a_solution_by_hand():
    """2 x + y = 4 and x + 3 y = 7: x = 1, y = 2."""
    assert rows.solve(np.array([[[2.0, 1.0], [1.0, 3.0]]]), np.array([[4.0, 7.0]])) == pytest.approx(np.array([[1, 2]]))


@pytest.mark.parametrize("singular", [[[0, 0], [0, 0]], [[1, 2], [2, 4]], [[0, 0], [0, 3]]])
def test_a_singular_row_is_nan_and_its_neighbours_are_solved(singular):
    regular = [[2.0, 1.0], [1.0, 3.0]]
    matrix = np.array([regular, singular, regular, [[np.nan, 1], [1, 1]], [[-1, 4], [5, 0.3]]])
    v = np.array([[4.0, 7.0], [1, 1], [3, -2], [1, 1], [0.1, 7]])
    with np.errstate(invalid="ignore"):  # as in the loop
        x = rows.solve(matrix, v)
    assert np.isnan(x).all(axis=1).tolist() == [False, True, False, True, False]
    for i in (0, 2, 4):
        assert x[i].tolist() == rows.solve(matrix[i : i + 1], v[i : i + 1])[0].tolist()
    assert np.isnan(rows.solve(matrix[1:2], v[1:2])).all()


class Pair(NamedTuple):
    m: np.ndarray
    deep: tuple


def test_taking_rows_of_arrays_and_of_states():
    matrix = np.arange(24.0).reshape(4, 3, 2)
    which = np.array([2, 0])
    assert rows.take(matrix, which).tolist() == matrix[[2, 0]].tolist()
    assert rows.take(matrix[:, 0], which).tolist() == matrix[[2, 0], 0].tolist()
    assert rows.take(matrix[:, 0, 0], which).tolist() == matrix[[2, 0], 0, 0].tolist()
    taken = rows.take(Pair(matrix, (matrix[:, 0], ())), which)
    assert isinstance(taken, Pair)
    assert taken.m.tolist() == matrix[[2, 0]].tolist()
    assert taken.deep[0].tolist() == matrix[[2, 0], 0].tolist()
    assert taken.deep[1] == rows.take((), which) == ()


def test_joining_rows_of_arrays_and_of_states():
    upper, lower = np.arange(12.0).reshape(2, 3, 2), np.arange(100.0, 106.0).reshape(1, 3, 2)
    expected = [*upper.tolist(), *lower.tolist()]
    assert rows.join(upper, lower).tolist() == expected
    assert rows.join(upper[:, 0, 0], lower[:, 0, 0]).tolist() == [0, 6, 100]
    joined = rows.join(Pair(upper, (upper,)), Pair(lower, (lower,)))
    assert isinstance(joined, Pair)
    assert joined.m.tolist() == joined.deep[0].tolist() == expected
    assert rows.join((), ()) == ()


def test_what_is_taken_put_together_again_is_the_whole():
    a = noise(9, 4)
    keep = np.array([True, False, True, True, False, False, True, False, True])
    parts = rows.join(rows.take(a, np.flatnonzero(keep)), rows.take(a, np.flatnonzero(~keep)))
    assert parts.tolist() == [*a[keep].tolist(), *a[~keep].tolist()]


def test_blocks_have_their_runs_side_by_side_in_memory():
    a = rows.block([(1, 2), (3, 4), (5, 6)])
    assert a.dtype == np.float64
    for block in (a, rows.take(a, np.array([0, 2])), rows.join(a, a)):
        assert block.strides[0] == 8
    assert rows.dot(a, a).tolist() == [[5], [25], [61]]
    assert math.isclose(rows.matvec(a[None], a[:1])[0, 2], 17)


@pytest.mark.parametrize("exponent", [0.5, 2.0, -1.0, 1.0, 0.0, 0.75])
def test_a_power_is_the_same_with_one_exponent_for_all_and_one_for_each(exponent):
    a = np.random.default_rng(1).uniform(0, 5, size=(300, 1))
    each = rows.power(a, np.full((300, 1), exponent))
    assert rows.power(a, exponent).tobytes() == each.tobytes()
    assert each[17] == rows.power(a[17:18], exponent)[0]
