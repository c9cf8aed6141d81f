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


def distances(place: Array, tails: Array, tips: Array) -> Array:
    """Return the distances ``(..., arrows)`` from ``place (..., 2)`` to the arrows ``tails -> tips (arrows, 2)``."""
    along = tips - tails
    length2 = np.maximum((along**2).sum(axis=1), 1e-300)
    place = place[..., None, :]
    part = np.clip(((place - tails) * along).sum(axis=-1) / length2, 0, 1)
    away: Array = np.hypot(*np.moveaxis(tails + part[..., None] * along - place, -1, 0))
    return away
