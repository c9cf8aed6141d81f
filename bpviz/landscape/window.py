"""The window: the part of a plane of two weights that a figure shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bpviz.declare import Array, Problem
    from bpviz.engine.results import Run

Limits = tuple[float, float]
Window = tuple[Limits, Limits]


SIDE_POINTS = 300.0  # approximate length of the longer side of a window on paper, in points (1/72 inch)


# A run has left the window if its distance from the center exceeds this multiple of half the window; a window that
# included it would show no details.
_FAR, _FAR_FROM_MINIMA = 150.0, 3.0


_FARTHEST = 1e9  # the largest limit that a config may set; sums of much larger weights overflow


def points(run: Run, pair: tuple[int, int]) -> Array:
    """Return two weights of a run after each epoch: ``(epochs + 1, 2)``."""
    return run.trajectory.weights[:, pair]


def default_window(problem: Problem, pair: tuple[int, int]) -> Window:
    """Return the problem's own window for two weights."""
    across, up = (problem.window[min(i, 1)] for i in pair)
    return across, up


def window_of(
    problem: Problem, runs: Sequence[Run], pair: tuple[int, int], epochs: tuple[int, int] | None = None
) -> Window:
    """Return the window for some runs: the problem's own window if it contains all epochs.

    Otherwise return a window of the same proportions that contains the given epochs with a margin, and the problem's
    own window too if it has known minima. Diverged runs are ignored unless all runs diverged, and so are the epochs
    after a run has left the window by far.
    """
    paths = [points(run, pair) for run in runs if run.trajectory.ending.word != "diverged"]
    paths = paths or [points(run, pair) for run in runs]
    if epochs:
        first, last = epochs
        paths = [path[first - 1 : last + 1] for path in paths if len(path) >= first] or paths
    own = default_window(problem, pair)
    left, right = np.array(own).T
    center, half = (left + right) / 2, (right - left) / 2
    far = _FAR_FROM_MINIMA if problem.minima else _FAR
    seen = np.concatenate([path[: _until_gone(path, center, far * half)] for path in paths])
    seen = seen.clip(-_FARTHEST, _FARTHEST)
    low, high = seen.min(axis=0), seen.max(axis=0)
    if epochs is None:
        if (np.abs(np.array([low, high]) - center) <= 0.97 * half).all():
            return own
        if problem.minima:
            low, high = np.minimum(low, left), np.maximum(high, right)
    shape = half / half.max()
    half = shape * (0.58 * ((high - low) / shape).max() or half.max() / 2)
    middle = (low + high) / 2
    (left, bottom), (right, top) = (middle - half).tolist(), (middle + half).tolist()
    return (left, right), (bottom, top)


def _until_gone(path: Array, center: Array, far: Array) -> int:
    with np.errstate(invalid="ignore"):
        gone = ~(np.abs(path - center) <= far).all(axis=1)
    return max(1, int(gone.argmax())) if gone.any() else len(path)


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
