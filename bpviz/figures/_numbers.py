"""Places for the numbers of epochs and of starts, next to what they number."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from bpviz import landscape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bpviz.declare import Array
    from bpviz.figures._paths import Path
    from bpviz.landscape.plane import Plane

_DIGIT, _LINE = 6.6, 10.0  # points: the width of a digit and the height of a number next to an arrow
_START_DIGIT, _START_LINE, _START_MARKER = 4.5, 7.0, 3.0  # points, for starts; the last is the radius of a marker


def place_numbers(paths: Sequence[Path], plane: Plane, scale: float) -> tuple[list[int], Array]:
    """Return the epochs whose number fits next to their arrow, and the positions ``(numbers, 2)``.

    A number is a disc that must not touch an arrow, another number or the threshold. Long arrows are handled first.
    """
    window = plane.window
    unit = scale * landscape.points_per_unit(window)
    none = np.empty((0, 2))
    tails = np.concatenate([none, *(path.tails for path in paths)]) * unit
    tips = np.concatenate([none, *(path.tips for path in paths)]) * unit
    numbers = [int(number) for path in paths for number in path.epochs]
    low, high = np.array(window).T * unit
    along = tips - tails
    lengths = np.hypot(*along.T)
    taken: list[tuple[Array, float]] = []
    chosen: list[int] = []
    for i in np.argsort(-lengths, kind="stable"):
        if not lengths[i] > 0:
            break
        radius = np.hypot(_DIGIT * len(str(numbers[i])), _LINE) / 2
        aside = np.array([-along[i, 1], along[i, 0]]) / lengths[i]
        for part, side, gap in _OFFSETS:
            place = tails[i] + part * along[i] + side * (radius + gap) * aside
            if (
                ((low + radius < place) & (place < high - radius)).all()
                and landscape.distances(place, tails, tips).min() > radius + 1
                and all(np.hypot(*(place - other)) > radius + room for other, room in taken)
                and not landscape.at_threshold(
                    plane, place / unit, (radius + _LINE / 2) / unit
                )  # which has a label too
            ):
                taken.append((place, radius))
                chosen.append(numbers[i])
                break
    return chosen, np.array([place for place, _ in taken]).reshape(-1, 2) / unit


# Candidate positions of a number: fraction along the arrow, side, gap in points.
_OFFSETS = [(part, side, gap) for gap in (2.0, 5.0) for part in (0.5, 0.35, 0.65) for side in (1, -1)]


def place_start_numbers(
    starts: Array, numbers: Sequence[int], paths: Sequence[Path], plane: Plane, scale: float
) -> Array:
    """Return positions ``(starts, 2)`` next to the starts for their numbers, NaN for those without room.

    Each number is as far as possible from arrows and markers, and does not overlap a marker or another number.
    """
    unit = scale * landscape.points_per_unit(plane.window)
    low, high = np.array(plane.window).T * unit
    tails, tips = (
        np.concatenate(ends) * unit for ends in zip(*((path.tails, path.tips) for path in paths), strict=True)
    )
    markers = np.concatenate([starts, *(path.ends for path in paths)]) * unit
    places = np.full((len(starts), 2), np.nan)
    taken = np.empty((0, 2))
    for i, start in enumerate(starts * unit):
        radius = np.hypot(_START_DIGIT * len(str(numbers[i])), _START_LINE) / 2
        tried = start + (_START_MARKER + 0.8 * radius) * _AROUND
        others = np.delete(markers, i, axis=0)
        room = np.minimum(_nearest(tried, others) - _START_MARKER - radius / 2, (_nearest(tried, taken) - 1.6 * radius))
        room[~((low + radius < tried) & (tried < high - radius)).all(axis=1)] = -1.0
        room = np.minimum(room, 2 * radius)
        clear = landscape.distances(tried, tails, tips).min(axis=1, initial=np.inf)
        best = int(np.argmax(np.where(room > 0, room / 2 + np.minimum(clear, 2 * radius), -1.0)))
        if room[best] > 0:
            places[i] = tried[best]
            taken = np.append(taken, tried[best : best + 1], axis=0)
    return places / unit


def _nearest(places: Array, others: Array) -> Array:
    """Return the distances ``(places,)`` to the nearest of the others."""
    away: Array = np.hypot(*np.moveaxis(places[:, None] - others, -1, 0)).min(axis=1, initial=np.inf)
    return away


_AROUND = np.array([(math.cos(angle), math.sin(angle)) for angle in np.arange(16) * math.pi / 8])
