"""Test random numbers per seed and epoch."""

from __future__ import annotations

import numpy as np
import pytest

from bpviz.numerics.random import drawn


def three(rng):
    return rng.standard_normal(3)


def test_equals_numpy_generator_for_seed_and_epoch():
    expected = np.random.default_rng([7, 4]).standard_normal(3)
    np.testing.assert_array_equal(drawn(7, 4, three, 2), [expected, expected])


def test_is_batch_invariant():
    seeds, epochs = np.array([[5], [0], [5], [2**40]]), np.array([[1.0], [2.0], [3.0], [2.0]])
    together = drawn(seeds, epochs, three, 4)
    for i in range(4):
        np.testing.assert_array_equal(drawn(seeds[i : i + 1], epochs[i : i + 1], three, 1), together[i : i + 1])
    assert len(np.unique(together)) == 12  # different pairs draw different numbers
    order = [2, 0, 3, 1]
    np.testing.assert_array_equal(drawn(seeds[order], epochs[order], three, 4), together[order])


def test_draws_once_per_seed_and_epoch():
    calls = []
    drawn(3, np.array([[1], [1], [2]]), lambda rng: calls.append(rng) or rng.uniform(size=2), 3)
    assert len(calls) == 2


@pytest.mark.parametrize("shape", [(2,), (2, 3)])
def test_first_axis_is_runs(shape):
    assert drawn(np.zeros((5, 1)), 0, lambda rng: rng.uniform(size=shape), 5).shape == (5, *shape)
