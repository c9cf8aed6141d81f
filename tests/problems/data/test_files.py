"""Test the datasets in files: that they are the published ones, unchanged."""

from __future__ import annotations

import hashlib
import math
import re
import statistics
from collections import Counter
from pathlib import Path

import pytest

import bpviz
from bpviz.problems.data import DATASETS

FOLDER = Path(bpviz.__file__).parent / "problems" / "data"
README = (FOLDER / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def iris():
    return DATASETS["iris"]().dataset()


@pytest.fixture(scope="module")
def digits():
    return DATASETS["digits"]().dataset()


def test_files_have_the_recorded_hashes():
    recorded = dict(re.findall(r"^\| `(\S+)` \| `(\w+)` \|$", README, re.MULTILINE))
    files = [path for path in FOLDER.iterdir() if path.is_file() and path.suffix not in (".py", ".md")]
    assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files} == recorded
    assert all(f"## {name}\n" in README for name in recorded)
    assert README.count("\n- License: ") == README.count("\n- Source: ") == len(recorded)


def test_iris_has_the_summary_of_fishers_table(iris):
    """The means by species are those of table II in the paper."""
    means = {0: (5.006, 3.428, 1.462, 0.246), 1: (5.936, 2.770, 4.260, 1.326), 2: (6.588, 2.974, 5.552, 2.026)}
    for target, expected in means.items():
        rows = [row for row, own in zip(iris.features, iris.targets, strict=True) if own == target]
        assert len(rows) == 50
        assert [statistics.fmean(column) for column in zip(*rows, strict=True)] == pytest.approx(expected, abs=5e-13)
    assert [(min(column), max(column)) for column in zip(*iris.features, strict=True)] == [
        *((4.3, 7.9), (2.0, 4.4), (1.0, 6.9), (0.1, 2.5))
    ]
    assert iris.targets == (0.0,) * 50 + (1.0,) * 50 + (2.0,) * 50
    assert iris.classes == ("setosa", "versicolor", "virginica")


def test_iris_has_fishers_values_where_the_copy_at_uci_has_others(iris):
    assert (iris.features[34], iris.features[37]) == ((4.9, 3.1, 1.5, 0.2), (4.9, 3.6, 1.4, 0.1))


def test_digits_have_the_counts_that_uci_publishes_for_its_test_part(digits):
    counts = Counter(digits.targets)
    assert [counts[digit] for digit in range(10)] == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert {len(row) for row in digits.features} == {64}
    assert {pixel for row in digits.features for pixel in row} == set(range(17))
    assert digits.classes == tuple("0123456789")


def test_the_first_digit_looks_like_a_zero(digits):
    """Its middle is empty, surrounded by ink, and nearly symmetric."""
    rows = [digits.features[0][8 * y : 8 * y + 8] for y in range(8)]
    assert digits.targets[0] == 0
    assert all(row[0] == row[7] == 0 for row in rows)
    assert all(max(row[1:4]) > row[4] < max(row[5:7]) for row in rows[2:6])


def test_features_are_finite_floats(iris, digits):
    assert all(type(x) is float and math.isfinite(x) for data in (iris, digits) for row in data.features for x in row)
