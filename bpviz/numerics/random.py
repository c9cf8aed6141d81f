"""Chance as a function of a seed and an epoch, and of nothing else: neither of what was asked before nor of neighbours.

Runs of one seed meet the same numbers at the same epoch, whatever algorithm makes them, so what is compared with the
same seed is compared on the same batches and under the same noise. A sweep over seeds varies the seed.
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
    """Return for each run what ``draw`` makes of the generator of its seed and epoch: ``(runs, ...)``.

    ``seed`` and ``epoch`` are whole numbers from 0 on: one for all runs, or a column ``(runs, 1)``. ``draw`` gives
    arrays of one shape, and is asked once for all runs of the same seed and epoch.
    """
    keys = np.stack([np.broadcast_to(np.asarray(key).reshape(-1), runs) for key in (seed, epoch)], axis=1)
    if (keys == keys[0]).all():  # as long as no run was born later than another
        same = np.asarray(draw(np.random.default_rng(keys[0].astype(np.int64).tolist())), np.float64)
        return np.broadcast_to(same.T[..., None], (*same.shape[::-1], runs)).T
    distinct, which = np.unique(keys.astype(np.int64), axis=0, return_inverse=True)
    numbers = np.stack([np.asarray(draw(np.random.default_rng(key.tolist())), np.float64) for key in distinct])
    answer: Array = numbers.T.take(which.reshape(-1), axis=-1).T  # runs contiguous, as everywhere
    return answer
