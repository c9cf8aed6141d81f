"""The levels of contours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from bpviz.declare import Array


def levels_of(error: Array, bands: int) -> tuple[Array, bool]:
    """Return the edges of ``bands`` bands of error, and whether they are spaced by a constant factor.

    Errors that span a factor of three or more get logarithmic levels, because paths end where errors are small. The
    levels span at most ten decades. If the lowest thousandth of the window would take up a quarter of the bands, it
    gets a single band.
    """
    low, high = float(np.nanmin(error, initial=np.inf)), float(np.nanmax(error, initial=-np.inf))
    if not low <= high:  # no finite error
        low, high = 0.0, 1.0
    elif high - low <= 1e-9 * max(abs(low), abs(high)):  # constant
        room = 0.05 * abs(high) or 1.0
        low, high = low - room, high + room
    elif low >= 0 and high > 3 * low:
        low = max(low, 1e-10 * high)
        shallow = float(np.nanquantile(error, 0.001))
        if shallow > low * (high / low) ** 0.25:
            low = min(shallow, high / 3)
        return np.geomspace(low, high, bands + 1), True
    return np.linspace(low, high, bands + 1), False
