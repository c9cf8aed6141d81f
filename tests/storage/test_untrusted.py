"""Test that JSON that anyone may have edited is parsed strictly, and that its shape is checked."""

from __future__ import annotations

import os
from typing import Any

import pytest

from bpviz.storage.reading import UnreadableError
from bpviz.storage.untrusted import NUMBER, fits, parse


def test_parses_plain_data() -> None:
    assert parse('{"é": [1, -2.5e-3, null, true, "x"]}'.encode()) == {"é": [1, -0.0025, None, True, "x"]}
    assert parse(b"1" * 300) == int("1" * 300)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff",
        b"NaN",
        b"[-Infinity]",
        b"1e400",
        b"-1e400",
        b"1" * 301,
        b"[" * 100_000,
        b'{"a": 1, "a": 1}',
        b'{"a": {"b": 1, "b": 2}}',
    ],
)
def test_rejects_what_no_program_should_write(content: bytes) -> None:
    with pytest.raises(UnreadableError, match=r"^is not valid JSON$"):
        parse(content)


def test_names_conflict_markers() -> None:
    with pytest.raises(UnreadableError, match=r"^contains git conflict markers$"):
        parse(b"{\n<<<<<<< HEAD\n}")


def nested(levels: int) -> Any:
    data: Any = 1
    for _ in range(levels):
        data = {"a": [data]}
    return data


@pytest.mark.parametrize(
    ("data", "shape", "right"),
    [
        (1, int, True),
        (True, int, False),
        (1.0, int, False),
        ("a", str, True),
        ("\ud800", str, False),
        ("\udc80", os.fsencode, True),
        ("\ud800", os.fsencode, False),
        (5, os.fsencode, False),
        (None, NUMBER, True),
        (1, NUMBER, True),
        (True, NUMBER, False),
        ([1, 2], [int], True),
        ([1, "2"], [int], False),
        ({}, [int], False),
        ([1, "a"], (int, str), True),
        ([1], (int, str), False),
        ({"a": 1}, {str: int}, True),
        ({"\ud800": 1}, {str: int}, False),
        ({"a": "b"}, {str: int}, False),
        ([], {str: int}, False),
        ({"a": 1}, {"a": int}, True),
        ({"a": 1, "b": 2}, {"a": int}, False),
        ({}, {"a": int}, False),
        (nested(10), object, True),
        (nested(11), object, False),
        (nested(5000), object, False),
        ({"\ud800": 1}, object, False),
        ([{"a": "\ud800"}], object, False),
        ([None, 1.5, "é", True], object, True),
    ],
)
def test_shapes(data: Any, shape: Any, right: bool) -> None:
    assert fits(data, shape) is right
