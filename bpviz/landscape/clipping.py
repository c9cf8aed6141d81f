"""The part of moves that a window shows."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from bpviz.landscape.plane import points_per_unit

if TYPE_CHECKING:
    from bpviz.declare import Array
    from bpviz.landscape.window import Window


_BEYOND = 3.0  # times the window, on each side: far enough to hide the heads of arrows
_COARSEST = 4 * 72 / 150  # points (4 pixels at 150 dpi); coordinates with a larger last place are not drawn
_FINE = _COARSEST / 100  # double precision suffices for coordinates with a smaller last place


def clipped(tails: Array, tips: Array, window: Window, beyond: float = _BEYOND) -> tuple[Array, Array, Any]:
    """Return the visible moves, cut at a box around the window.

    An end outside the box is moved along its move to the edge of the box. The visible part stays the same, and no
    coordinate is too large to draw. A move is omitted if both of its ends are so large that the last place of a double
    exceeds 4 pixels of the window: where it crosses the window would be a matter of rounding.

    Parameters
    ----------
    tails, tips : array (moves, 2)
        The ends of each move.
    window : Window
        The limits along x and y.
    beyond : float
        The distance of the box from the window, as a multiple of the window's size.

    Returns
    -------
    tails, tips : array (seen moves, 2)
        The ends of the moves that enter the box.
    seen : array of bool (moves,)
        A mask of these moves.
    """
    unit = points_per_unit(window)
    low, high = np.array(window).T
    low, high = low - beyond * (high - low), high + beyond * (high - low)
    with np.errstate(all="ignore"):
        move = tips - tails
        ahead, back = _part_inside(tails, move, low, high), _part_inside(tips, -move, low, high)
        inside = ((low <= tails) & (tails <= high)).all(axis=1) | ((low <= tips) & (tips <= high)).all(axis=1)
        spacings = [np.spacing(np.abs(ends)) * unit for ends in (tails, tips)]
        coarse = [spacing.max(axis=1) for spacing in spacings]
        drawable = np.isfinite(move).all(axis=1) & (np.minimum(*coarse) <= _COARSEST)
        seen = drawable & (inside | (ahead + back > 1)[:, 0])
        drawn_tips = np.where(ahead < 1, np.clip(tails + ahead * move, low, high), tips)
        drawn_tails = np.where(back < 1, np.clip(tips - back * move, low, high), tails)
        near = ((np.minimum(tails, tips) <= high) & (np.maximum(tails, tips) >= low)).all(axis=1)
    for i in np.flatnonzero(drawable & near & (np.maximum(*coarse) > _FINE)):
        part = _without_rounding(tails[i], tips[i], low, high)
        seen[i] = part is not None
        if part:
            drawn_tails[i], drawn_tips[i] = part
    return drawn_tails[seen], drawn_tips[seen], seen


def _part_inside(start: Array, move: Array, low: Array, high: Array) -> Array:
    """Return the fraction (0 to 1) of each move at which it leaves a box (Liang and Barsky): ``(moves, 1)``."""
    leaves = np.fmax((low - start) / move, (high - start) / move)  # fmax: a move along an edge divides 0 by 0
    part: Array = np.clip(leaves.min(axis=1, keepdims=True), 0.0, 1.0)
    return part


def _without_rounding(tail: Array, tip: Array, low: Array, high: Array) -> tuple[list[float], list[float]] | None:
    """Return the ends of the part of a move inside a box, None if there is none. The box overlaps the move's own box.

    In double precision the difference of two large coordinates loses the place at which the move crosses the window.
    """
    start = [Fraction(x) for x in tail.tolist()]
    move = [Fraction(x) - s for x, s in zip(tip.tolist(), start, strict=True)]
    enters, leaves = Fraction(0), Fraction(1)
    for s, m, *edges in zip(start, move, low.tolist(), high.tolist(), strict=True):
        if m:
            first, second = sorted((Fraction(edge) - s) / m for edge in edges)
            enters, leaves = max(enters, first), min(leaves, second)
    if enters > leaves:
        return None
    first_end, last_end = ([float(s + part * m) for s, m in zip(start, move, strict=True)] for part in (enters, leaves))
    return first_end, last_end
