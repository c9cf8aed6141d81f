"""Test how many runs a block holds."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from bpviz.engine.blocks import block_size


@pytest.mark.parametrize(
    ("width", "runs"),
    [
        (1, 131_072),  # 1 MiB of 8-byte numbers
        (100, 1310),  # 131,072 / 100, rounded down
        (2048, 64),
        (10_000, 64),  # at least 64 runs, however large one is
    ],
)
def test_a_temporary_array_of_a_block_takes_one_mebibyte(width: int, runs: int) -> None:
    problem: Any = SimpleNamespace(width=width)
    assert block_size(problem) == runs
