"""Paths as lines: their visible part, and the pixels that they share with other paths."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bpviz import landscape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bpviz.declare import Array
    from bpviz.landscape.window import Window

_MERGED = 0.1  # points; epochs that are closer are drawn as one
_MANY = 1000  # moves; from this number on, moves between the same places are drawn once
_BEYOND = 0.1  # times the window: lines end outside the frame, so that their ends are not visible
_CELL = 0.35  # points; paths that are closer everywhere are the same path
_SAMPLES = 1_000_000


def line(paths: Sequence[Array], window: Window) -> Array:
    """Return the visible part of some paths as one line ``(points, 2)``, with NaN at gaps.

    It contains every epoch, except that epochs within a fraction of a pixel are merged.
    """
    unit = landscape.points_per_unit(window)
    tails, tips = [np.empty((0, 2))], [np.empty((0, 2))]
    for path in paths:
        kept = path[_apart(path, unit)]
        tail, tip, _ = landscape.clipped(kept[:-1], kept[1:], window, _BEYOND)
        tails.append(tail)
        tips.append(tip)
    return joined(*_without_repetitions(np.concatenate(tails), np.concatenate(tips), unit))


def _apart(path: Array, unit: Array) -> Array:
    """Return a mask of the places that are in another cell than the place before, and of both ends of the path."""
    with np.errstate(all="ignore"):
        cells = np.floor(path * unit / _MERGED)
    kept = np.ones(len(path), bool)
    kept[1:-1] = (cells[1:-1] != cells[:-2]).any(axis=1)
    return kept


def _without_repetitions(tails: Array, tips: Array, unit: Array) -> tuple[Array, Array]:
    """Return moves without those that go to and fro between the same places, if there are many moves."""
    if len(tails) < _MANY:
        return tails, tips
    cells = np.floor(np.concatenate([tails, tips], axis=1) * unit[[0, 1, 0, 1]] / _MERGED)
    back = (cells[:, 0] > cells[:, 2]) | ((cells[:, 0] == cells[:, 2]) & (cells[:, 1] > cells[:, 3]))
    cells[back] = cells[back][:, [2, 3, 0, 1]]
    first = np.sort(np.unique(cells, axis=0, return_index=True)[1])
    return tails[first], tips[first]


def joined(tails: Array, tips: Array) -> Array:
    """Return moves ``(moves, dimensions)`` as one line, with NaN where a move does not begin at the end of the last."""
    gaps = np.flatnonzero((tails[1:] != tips[:-1]).any(axis=1)) + 1
    gaps = np.append(0, gaps) if len(tails) else gaps
    inserted = np.stack([np.full_like(tails[gaps], np.nan), tails[gaps]], axis=1).reshape(-1, tails.shape[1])
    line: Array = np.insert(tips, np.repeat(gaps, 2), inserted, axis=0)[1:]
    return line


class Cells:
    """The cells of the window, about as large as pixels, that a line passes."""

    def __init__(self, line: Array, window: Window) -> None:
        unit = landscape.points_per_unit(window)
        low, high = np.array(window).T
        columns, rows = np.ceil((high - low) * unit / _CELL).astype(int)
        x, y = _samples((line - low) * unit / _CELL).T.astype(int)
        seen = (x >= 0) & (x < columns) & (y >= 0) & (y < rows)
        padded = rows + 2
        self._cells = np.unique((x[seen] + 1) * padded + y[seen] + 1)
        self._near = np.zeros((columns + 2) * padded, bool)  # these cells and their neighbors
        self._near[np.add.outer(np.add.outer((-padded, 0, padded), (-1, 0, 1)), self._cells)] = True

    def __len__(self) -> int:
        return len(self._cells)

    def covered(self, *others: Cells) -> float:
        """Return the share of these cells that are cells of others, or next to one."""
        if not len(self):
            return 0.0
        none = np.zeros(len(self), bool)
        return float(np.logical_or.reduce([none, *(other._near[self._cells] for other in others)]).mean())


def _samples(line: Array) -> Array:
    """Return places along a line ``(points, 2)``, at most one unit apart unless the line is very long."""
    tails, moves = line[:-1], np.diff(line, axis=0)
    lengths = np.hypot(*moves.T)
    kept = np.isfinite(lengths)
    tails, moves, lengths = tails[kept], moves[kept], lengths[kept]
    step = max(1.0, lengths.sum() / _SAMPLES)
    numbers = np.ceil(lengths / step).astype(int) + 1
    total = numbers.sum()
    part = (np.arange(total) - np.repeat(np.cumsum(numbers) - numbers, numbers)) / np.repeat(
        np.maximum(numbers - 1, 1), numbers
    )
    places: Array = np.repeat(tails, numbers, axis=0) + part[:, None] * np.repeat(moves, numbers, axis=0)
    return places
