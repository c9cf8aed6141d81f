"""The window: the part of a plane of two weights that a figure shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from bpviz.declare import Array, Problem
    from bpviz.engine.results import Run

Limits = tuple[float, float]
Window = tuple[Limits, Limits]


SIDE_POINTS = 300.0  # approximate length of the longer side of a window on paper, in points (1/72 inch)


def points(run: Run, pair: tuple[int, int]) -> Array:
    """Return two weights of a run after each epoch: ``(epochs + 1, 2)``."""
    return run.trajectory.weights[:, pair]


def default_window(problem: Problem, pair: tuple[int, int]) -> Window:
    """Return the problem's own window for two weights."""
    across, up = (problem.window[min(i, 1)] for i in pair)
    return across, up


def within(places: Array, window: Window, margin: float = 0.0) -> Any:
    """Return a mask of the ``places (places, 2)`` in the window widened on each side by ``margin`` times its size."""
    low, high = np.array(window).T
    room = margin * (high - low)
    return ((places >= low - room) & (places <= high + room)).all(axis=1)


def equal_scales(window: Window) -> bool:
    """Return whether both axes get the same scale, which would make a long window too narrow."""
    (left, right), (bottom, top) = window
    return 0.4 < (top - bottom) / (right - left) < 2.5


def clipped(tails: Array, tips: Array, window: Window) -> tuple[Array, Array, Any]:
    """Return the moves ``tails -> tips (moves, 2)`` that may be visible, and a mask of them.

    An end far outside the window is moved along its arrow to a place that is still outside. The visible part stays
    the same, and no coordinate is too large to draw.
    """
    low, high = np.array(window).T
    low, high = low - 3 * (high - low), high + 3 * (high - low)  # far enough outside to hide the heads
    with np.errstate(all="ignore"):
        move = tips - tails
        ahead, back = _part_inside(tails, move, low, high), _part_inside(tips, -move, low, high)
        inside = ((low <= tails) & (tails <= high)).all(axis=1) | ((low <= tips) & (tips <= high)).all(axis=1)
        seen = np.isfinite(move).all(axis=1) & (inside | (ahead + back > 1)[:, 0])
        drawn_tips = np.where(ahead < 1, np.clip(tails + ahead * move, low, high), tips)
        drawn_tails = np.where(back < 1, np.clip(tips - back * move, low, high), tails)
    return drawn_tails[seen], drawn_tips[seen], seen


def _part_inside(start: Array, move: Array, low: Array, high: Array) -> Array:
    """Return the fraction (0 to 1) of each move at which it leaves a box (Liang and Barsky): ``(moves, 1)``."""
    leaves = np.fmax((low - start) / move, (high - start) / move)  # fmax: a move along an edge divides 0 by 0
    part: Array = np.clip(leaves.min(axis=1, keepdims=True), 0.0, 1.0)
    return part


def distances(place: Array, tails: Array, tips: Array) -> Array:
    """Return the distances ``(..., arrows)`` from ``place (..., 2)`` to the arrows ``tails -> tips (arrows, 2)``."""
    along = tips - tails
    length2 = np.maximum((along**2).sum(axis=1), 1e-300)
    place = place[..., None, :]
    part = np.clip(((place - tails) * along).sum(axis=-1) / length2, 0, 1)
    away: Array = np.hypot(*np.moveaxis(tails + part[..., None] * along - place, -1, 0))
    return away
