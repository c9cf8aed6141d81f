"""Which part of a plane of two weights is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bpviz.declare import Array, Problem
    from bpviz.engine.results import Run

Limits = tuple[float, float]
Window = tuple[Limits, Limits]


SIDE_POINTS = 300.0  # about what the longer side of a window measures on paper, in points of 1/72 inch


# Beyond so many halves of the window from its middle a run has left: a picture that held it would show nothing else.
_FAR, _FAR_FROM_MINIMA = 150.0, 3.0


_FARTHEST = 1e9  # the limit of what a config may ask to see: far beyond it, sums of two weights overflow


def points(run: Run, pair: tuple[int, int]) -> Array:
    """Return where a run was, epoch by epoch: ``(epochs + 1, 2)``."""
    return run.trajectory.weights[:, pair]


def home(problem: Problem, pair: tuple[int, int]) -> Window:
    """Return what is shown of two weights as long as runs stay in it."""
    across, up = (problem.window[min(i, 1)] for i in pair)
    return across, up


def window_of(
    problem: Problem, runs: Sequence[Run], pair: tuple[int, int], epochs: tuple[int, int] | None = None
) -> Window:
    """Return the window that shows these runs: the problem's own if all epochs lie in that.

    Otherwise one of the same proportions that holds the given epochs with a margin, and the problem's own window too
    if minima are known in it. A run that diverges, and what comes after a run has gone too far, count only if there is
    nothing else to show.
    """
    paths = [points(run, pair) for run in runs if run.trajectory.ending.word != "diverged"]
    paths = paths or [points(run, pair) for run in runs]
    if epochs:
        first, last = epochs
        paths = [path[first - 1 : last + 1] for path in paths if len(path) >= first] or paths
    own = home(problem, pair)
    left, right = np.array(own).T
    centre, half = (left + right) / 2, (right - left) / 2
    far = _FAR_FROM_MINIMA if problem.minima else _FAR
    seen = np.concatenate([path[: _until_gone(path, centre, far * half)] for path in paths])
    seen = seen.clip(-_FARTHEST, _FARTHEST)
    low, high = seen.min(axis=0), seen.max(axis=0)
    if epochs is None:
        if (np.abs(np.array([low, high]) - centre) <= 0.97 * half).all():
            return own
        if problem.minima:
            low, high = np.minimum(low, left), np.maximum(high, right)
    shape = half / half.max()
    half = shape * (0.58 * ((high - low) / shape).max() or half.max() / 2)
    middle = (low + high) / 2
    (left, bottom), (right, top) = (middle - half).tolist(), (middle + half).tolist()
    return (left, right), (bottom, top)


def _until_gone(path: Array, centre: Array, far: Array) -> int:
    with np.errstate(invalid="ignore"):
        gone = ~(np.abs(path - centre) <= far).all(axis=1)
    return max(1, int(gone.argmax())) if gone.any() else len(path)


def within(places: Array, window: Window, margin: float = 0.0) -> Any:
    """Return which of ``places (places, 2)`` lie in the window, widened on every side by so many times its size."""
    low, high = np.array(window).T
    room = margin * (high - low)
    return ((places >= low - room) & (places <= high + room)).all(axis=1)


def equal_scales(window: Window) -> bool:
    """Say whether a unit measures the same on both axes. If it did in a long window, one side would be a line."""
    (left, right), (bottom, top) = window
    return 0.4 < (top - bottom) / (right - left) < 2.5


def clipped(tails: Array, tips: Array, window: Window) -> tuple[Array, Array, Any]:
    """Return the moves ``tails -> tips (moves, 2)`` that may be seen, and a mask of them.

    An end that lies far outside the window is drawn in along its move, to a place that still is outside: what is seen
    is true, and what is drawn is never so large that drawing it fails.
    """
    low, high = np.array(window).T
    low, high = low - 3 * (high - low), high + 3 * (high - low)  # so far outside that heads stay out of sight
    with np.errstate(all="ignore"):
        move = tips - tails
        ahead, back = _part_inside(tails, move, low, high), _part_inside(tips, -move, low, high)
        inside = ((low <= tails) & (tails <= high)).all(axis=1) | ((low <= tips) & (tips <= high)).all(axis=1)
        seen = np.isfinite(move).all(axis=1) & (inside | (ahead + back > 1)[:, 0])
        drawn_tips = np.where(ahead < 1, np.clip(tails + ahead * move, low, high), tips)
        drawn_tails = np.where(back < 1, np.clip(tips - back * move, low, high), tails)
    return drawn_tails[seen], drawn_tips[seen], seen


def _part_inside(start: Array, move: Array, low: Array, high: Array) -> Array:
    """Return which part of a move, 0 to 1, it takes to leave a box for good (Liang and Barsky): ``(moves, 1)``."""
    leaves = np.fmax((low - start) / move, (high - start) / move)  # fmax: a move along an edge divides 0 by 0
    part: Array = np.clip(leaves.min(axis=1, keepdims=True), 0.0, 1.0)
    return part


def distances(place: Array, tails: Array, tips: Array) -> Array:
    """Return how far ``place (..., 2)`` is from each of the arrows ``tails -> tips (arrows, 2)``: ``(..., arrows)``."""
    along = tips - tails
    length2 = np.maximum((along**2).sum(axis=1), 1e-300)
    place = place[..., None, :]
    part = np.clip(((place - tails) * along).sum(axis=-1) / length2, 0, 1)
    away: Array = np.hypot(*np.moveaxis(tails + part[..., None] * along - place, -1, 0))
    return away
