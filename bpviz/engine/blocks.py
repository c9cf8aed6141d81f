"""How many runs a block holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bpviz.declare import Problem

# Size of one temporary array of a block: large enough that Python's overhead is small, small enough for the cache.
# Measured in docs/performance.md.
BLOCK_BYTES = 1024 * 1024
FEWEST_RUNS = 64


def block_size(problem: Problem) -> int:
    """Return how many runs, or points of a grid, to evaluate together on a problem.

    Results do not depend on it, only the time that they take.
    """
    return max(FEWEST_RUNS, BLOCK_BYTES // (8 * problem.width))
