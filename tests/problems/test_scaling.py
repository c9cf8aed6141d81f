"""Test scaling against exact arithmetic, and for numbers at the limits."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from bpviz.problems.scaling import Scaling


def scaled(kind, *column):
    rows = [(x,) for x in column]
    return [x for (x,) in Scaling.learn(kind, rows).apply(rows)]


def test_minmax_maps_to_0_and_1():
    assert scaled("minmax", 3, -1, 5, 1) == [4 / 6, 0, 1, 2 / 6]


def test_standard_gives_mean_0_and_deviation_1_of_the_population():
    column = (5.1, 4.9, -7.25, 6.3, 0.0)
    exact = [Fraction(x) for x in column]
    mean = sum(exact) / 5
    deviation = math.sqrt(sum((x - mean) ** 2 for x in exact) / 5)
    assert scaled("standard", *column) == pytest.approx([float(x - mean) / deviation for x in exact], rel=1e-15)


@pytest.mark.parametrize("kind", ["minmax", "standard"])
@pytest.mark.parametrize("value", [0.0, 0.1, -1e300, 5e-324])
def test_constant_feature_becomes_0(kind, value):
    assert scaled(kind, *[value] * 7) == [0] * 7


@pytest.mark.parametrize("size", [1e300, 1e-160, 1e-300, 5e-324])
def test_very_large_and_small_features_are_scaled(size):
    assert scaled("minmax", -size, size) == [0, 1]
    assert scaled("standard", -size, size) == [-1, 1]


def test_other_rows_are_scaled_as_those_learned_from():
    learned = Scaling.learn("minmax", [(0, 5), (10, 5)])
    assert learned.apply([(20, 5), (-5, 7)]) == ((2.0, 0.0), (-0.5, 0.0))


def test_columns_are_scaled_separately():
    rows = np.random.default_rng(1).normal([1, -20, 0], [1, 5, 0.001], (50, 3))
    found = np.array(Scaling.learn("standard", rows.tolist()).apply(rows.tolist()))
    assert found == pytest.approx((rows - rows.mean(axis=0)) / rows.std(axis=0), abs=1e-11)
