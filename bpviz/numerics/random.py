"""Random numbers that depend only on a seed and an epoch, not on earlier draws or on other runs.

With the same seed, all algorithms get the same numbers at the same epoch, and are therefore compared on the same
batches and with the same noise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from bpviz.declare import Array


def drawn(
    seed: npt.ArrayLike, epoch: npt.ArrayLike, draw: Callable[[np.random.Generator], npt.ArrayLike], runs: int
) -> Array:
    """Return the random numbers ``(runs, ...)`` that ``draw`` takes from the generator of each run's seed and epoch.

    ``seed`` and ``epoch`` are integers >= 0, one for all runs or a column ``(runs, 1)``. ``draw`` returns arrays of one
    shape; it is called once per distinct pair of seed and epoch.
    """
    keys = np.stack([np.broadcast_to(np.asarray(key).reshape(-1), runs) for key in (seed, epoch)], axis=1)
    if (keys == keys[0]).all():  # all runs in the block started together
        same = np.asarray(draw(np.random.default_rng(keys[0].astype(np.int64).tolist())), np.float64)
        return np.broadcast_to(same.T[..., None], (*same.shape[::-1], runs)).T
    distinct, which = np.unique(keys.astype(np.int64), axis=0, return_inverse=True)
    numbers = np.stack([np.asarray(draw(np.random.default_rng(key.tolist())), np.float64) for key in distinct])
    drawn_per_run: Array = numbers.T.take(which.reshape(-1), axis=-1).T  # with contiguous runs
    return drawn_per_run
