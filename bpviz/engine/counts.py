"""Counts of evaluations per run and kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from bpviz.declare import KINDS

if TYPE_CHECKING:
    import numpy.typing as npt


BlockCounts: TypeAlias = "tuple[tuple[int, ...], Mapping[str, npt.NDArray[np.int64]]]"
"""Counts at one epoch: one number per kind for all runs alike, and by kind the further counts of each run."""


def counts_of_rows(block_counts: BlockCounts, which: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the evaluations ``(which, kinds)`` of some rows of a block, kinds in the order of KINDS."""
    shared, by_kind = block_counts
    counts = np.full((len(which), len(KINDS)), shared)
    for kind, row_counts in by_kind.items():
        counts[:, KINDS.index(kind)] += row_counts[which]
    return counts


def counts_of_epochs(epochs: Sequence[BlockCounts], rows: Sequence[int]) -> npt.NDArray[np.int64]:
    """Return the evaluations ``(all rows, kinds)`` at some epochs, one below the other, kinds in the order of KINDS.

    ``rows`` has the number of rows of the block at each epoch.
    """
    counts = np.repeat(np.array([shared for shared, _ in epochs], np.int64), rows, axis=0)
    first = 0
    for (_, by_kind), count in zip(epochs, rows, strict=True):
        for kind, row_counts in by_kind.items():
            counts[first : first + count, KINDS.index(kind)] += row_counts
        first += count
    return counts
