"""Test that hashes are equal for equal data, with computed numbers to nine digits, and differ otherwise."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

import bpviz
from bpviz.storage import hashing

PLAIN = {"b": [1, 2.5, None, True, "ü"], "a": ((0.1,), {})}


def test_hash_of_bytes_is_the_start_of_sha256():
    assert hashing.of_bytes(b"abc") == hashlib.sha256(b"abc").hexdigest()[:16]


def test_hash_does_not_depend_on_key_order_or_kind_of_sequence():
    assert hashing.of_data(PLAIN) == hashing.of_data({"a": [[0.1], {}], "b": (1, 2.5, None, True, "ü")})


@pytest.mark.parametrize(
    "other",
    [
        {"b": [1, 2.5, None, True, "u"], "a": ((0.1,), {})},
        {"b": [2.5, 1, None, True, "ü"], "a": ((0.1,), {})},
        {"b": [1, 2.5, None, 1, "ü"], "a": ((0.1,), {})},
        {"b": [1, 2.5, None, True, "ü"], "a": ((np.nextafter(0.1, 1),), {})},
        {"b": [1, 2.5, None, True, "ü"], "c": ((0.1,), {})},
    ],
)
def test_different_data_have_different_hashes(other):
    assert hashing.of_data(other) != hashing.of_data(PLAIN)


@pytest.mark.parametrize("number", [0.1234567, -4e-300, 3.0, 0.0, 123456.789e100])
def test_computed_numbers_are_hashed_to_nine_digits(number):
    def of(x):
        return hashing.of_data({"array": np.array([x, 1.0])})

    assert of(number * (1 + 1e-15)) == of(number)
    assert of(number * (1 + 1e-8)) != of(number) or number == 0


def test_computed_numbers_are_hashed_to_thirty_bits_of_the_mantissa():
    """So 0.75 is 0.75 · 2³⁰ units: a quarter of a unit does not change the hash, a whole unit does."""

    def of(x):
        return hashing.of_data(np.array([x]))

    assert of(0.75 + 2**-32) == of(0.75)
    assert of(0.75 + 2**-30) != of(0.75)


def test_non_finite_numbers_have_different_hashes():
    odd = [np.array([x]) for x in (np.nan, np.inf, -np.inf, 0.0, -1.0)]
    assert len({hashing.of_data(a) for a in odd}) == len(odd)


def test_hash_depends_on_shape_and_not_on_dtype():
    flat, column = np.zeros(4), np.zeros((4, 1))
    assert hashing.of_data(flat) != hashing.of_data(column)
    assert hashing.of_data(np.array([1, 2])) == hashing.of_data(np.array([1.0, 2.0]))


def test_modules_are_named_relative_to_the_package():
    home = Path(bpviz.__file__).parent
    found = hashing.modules("storage/hashing.py", "figures/_*.py")
    drawing = {f"figures/{path.name}" for path in (home / "figures").glob("_*.py")}
    assert list(found) == sorted({"storage/hashing.py", *drawing})
    assert found["storage/hashing.py"] == hashing.of_bytes((home / "storage/hashing.py").read_bytes())
