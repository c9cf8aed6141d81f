"""How many runs a block holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bpviz.declare import Problem

# Size of one temporary array of a block: large enough that Python's overhead is small, small enough for the cache.
# Measured in docs/performance.md.
BLOCK_BYTES = 1024 * 1024
FEWEST_RUNS = 64
# Beyond this, one run is work enough, and more of them only take memory.
MOST_BYTES = 64 * 1024 * 1024


def block_size(problem: Problem) -> int:
    """Return how many runs, or points of a grid, to evaluate together on a problem.

    Results do not depend on it, only the time that they take.
    """
    size = 8 * problem.width
    return max(1, BLOCK_BYTES // size, min(FEWEST_RUNS, MOST_BYTES // size))
