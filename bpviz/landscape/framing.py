"""The window around runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bpviz.landscape.window import default_window, equal_scales, points

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bpviz.declare import Array, Problem
    from bpviz.engine.results import Run
    from bpviz.landscape.window import Window

_FILLED = 0.4  # the share of a side that a path takes at least, along one of the axes
_MARGIN = 0.08  # of the extent of the path, on each side
_SLENDER = 100.0  # if the extents along the axes differ by a larger factor, each axis has its own scale
_ROUNDING = 1e-6  # an extent smaller than this part of the weight itself may be rounding, and does not set a scale
_FAR = 1e4  # multiple of half the default window, or of the distance of a start or end; excursions beyond it are cut
_NEAREST = 1e-6  # of the default window; over smaller parts, errors differ by little more than rounding
_FARTHEST = 1e100  # squares of larger limits overflow


def window_of(
    problem: Problem, runs: Sequence[Run], pair: tuple[int, int], epochs: tuple[int, int] | None = None
) -> Window:
    """Return the window for some runs.

    It contains every epoch of the runs that end with a smaller error than they start with, and the starts of the
    others, which may leave it. If all runs end with a larger error, it contains their epochs near the default window.

    - If these places lie in the problem's default window and span at least 40 % of one of its sides, the default window
      is returned.
    - Otherwise, the window fits the places with a margin of 8 % and has the proportions of the default window. If the
      extents along the two axes, relative to the default window, differ by a factor of more than 100, or 2.5 if
      the default window has no common scale, both axes fit.
    - Known minima are included while the places still span 40 % of a side.

    Parameters
    ----------
    problem : Problem
        The problem, with its default window and its known minima.
    runs : sequence of Run
        The runs to show.
    pair : tuple of int
        The indices of the weights on the x and y axes.
    epochs : tuple of int, optional
        First and last epoch; only these are contained, and the default window is not used.

    Returns
    -------
    Window
        The limits of x and of y, increasing and finite, also if weights are not.
    """
    default = default_window(problem, pair)
    own_low, own_high = np.array(default).T
    side = own_high - own_low
    with np.errstate(over="ignore", invalid="ignore"):
        places = _places(runs, pair, epochs, (own_low + own_high) / 2, side / 2)
    if not len(places):
        return _limits(own_low, own_high)
    low, high = places.min(axis=0), places.max(axis=0)
    extent = (high - low) / side
    inside = bool((low >= own_low + 0.015 * side).all() and (high <= own_high - 0.015 * side).all())
    if inside and not epochs and (extent.max() >= _FILLED or not extent.any()):
        return _limits(own_low, own_high)
    least_extent = extent.max() * (1 / _SLENDER if equal_scales(default) else _FILLED)
    own_scales = (extent < least_extent) & (high - low > _ROUNDING * np.maximum(abs(low), abs(high)))
    if own_scales.any():
        room = high - low
    else:
        low, high = _with_minima(problem, pair, low, high, side)
        room = (((high - low) / side).max() or 0.5 / (1 + 2 * _MARGIN)) * side
    middle = low + (high - low) / 2
    least = np.maximum(_NEAREST * side, 1e-9 * abs(middle))
    half = np.maximum((0.5 + _MARGIN) * room, least)
    return _limits(middle - half, middle + half)


def _limits(low: Array, high: Array) -> Window:
    (left, bottom), (right, top) = low.tolist(), high.tolist()
    return (left, right), (bottom, top)


def _places(
    runs: Sequence[Run], pair: tuple[int, int], epochs: tuple[int, int] | None, center: Array, half: Array
) -> Array:
    """Return the weights ``(places, 2)`` that the window contains."""
    falling = [run for run in runs if _falls(run)]
    if epochs:
        first, last = epochs
        paths = [points(run, pair) for run in falling or runs]
        paths = [path[first - 1 : last + 1] for path in paths if len(path) >= first] or paths
        near = [path[: _until_gone(path, path[0], _FAR * half)] for path in paths]
    elif falling:
        paths = [points(run, pair) for run in falling]
        reach = np.maximum(half, np.max([abs(path[[0, -1]] - center) for path in paths], axis=(0, 1)))
        near = [path[(abs(path - center) <= _FAR * reach).all(axis=1)] for path in paths]
        near += [start[None] for run in runs if (abs((start := points(run, pair)[0]) - center) <= 3 * reach).all()]
    else:
        paths = [points(run, pair) for run in runs]
        near = [path[: _until_gone(path, path[0], 3 * half)] for path in paths]
    places = np.concatenate(near)
    return places[np.isfinite(places).all(axis=1)].clip(-_FARTHEST, _FARTHEST)


def _falls(run: Run) -> bool:
    """Return whether a run ends with an error that is not above the one at its start."""
    errors = run.trajectory.errors
    return run.trajectory.ending.word != "diverged" and bool(errors[-1] <= errors[0])


def _until_gone(path: Array, center: Array, far: Array) -> int:
    gone = ~(abs(path - center) <= far).all(axis=1)
    return max(1, int(gone.argmax())) if gone.any() else len(path)


def _with_minima(problem: Problem, pair: tuple[int, int], low: Array, high: Array, side: Array) -> tuple[Array, Array]:
    """Return the limits of the places with the known minima that leave the places large enough."""
    extent = ((high - low) / side).max()
    middle = low + (high - low) / 2
    minima = np.array([[minimum.at[i] for i in pair] for minimum in problem.minima]).reshape(-1, 2)
    for minimum in minima[np.argsort((abs(minima - middle) / side).max(axis=1), kind="stable")]:
        wider_low, wider_high = np.minimum(low, minimum), np.maximum(high, minimum)
        if extent >= (1 + 2 * _MARGIN) * _FILLED * ((wider_high - wider_low) / side).max():
            low, high = wider_low, wider_high
    return low, high
