"""Counts of evaluations per run and kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from bpviz.declare import KINDS

if TYPE_CHECKING:
    import numpy.typing as npt


Bill: TypeAlias = "tuple[tuple[int, ...], Mapping[str, npt.NDArray[np.int64]]]"
"""Counts at one epoch: one number per kind for all runs alike, and by kind the further counts of each run."""


def charged(bill: Bill, which: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the evaluations ``(which, kinds)`` of some rows of a block, kinds in the order of KINDS."""
    shared, own_of = bill
    counts = np.full((len(which), len(KINDS)), shared)
    for kind, own in own_of.items():
        counts[:, KINDS.index(kind)] += own[which]
    return counts


def bills(moments: Sequence[Bill], rows: Sequence[int]) -> npt.NDArray[np.int64]:
    """Return the evaluations ``(all rows, kinds)`` at some epochs, one below the other, kinds in the order of KINDS.

    ``rows`` has the number of rows of the block at each epoch.
    """
    counts = np.repeat(np.array([shared for shared, _ in moments], np.int64), rows, axis=0)
    first = 0
    for (_, own_of), many in zip(moments, rows, strict=True):
        for kind, own in own_of.items():
            counts[first : first + many, KINDS.index(kind)] += own
        first += many
    return counts
