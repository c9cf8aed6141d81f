"""Arrange paths: all in one plot, or one plot per algorithm, and which of them hide others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bpviz import landscape
from bpviz.figures import _numbers, _style
from bpviz.figures._lines import Cells
from bpviz.figures._style import word

if TYPE_CHECKING:
    from bpviz.declare import Array
    from bpviz.engine.results import Results
    from bpviz.figures._base import AlgorithmRuns
    from bpviz.figures._paths import Path
    from bpviz.landscape.plane import Plane
    from bpviz.landscape.window import Window

_MOST_COLUMNS = 5
SCALE = 1.2  # of a plot in a grid of one column; in one of n columns it is the n-th part
_NUMBERED_STARTS = 5  # from this number on, starts are small and numbered
_HIDDEN = 0.9  # the share of a path under others from which on it is drawn wider, to be visible


class Panel(NamedTuple):
    """The paths over one plot of the contours.

    ``order`` has the indices of paths from the lowest to the uppermost, and ``above`` the levels of paths that hide
    each path almost completely, 0 if it is visible. ``starts (starts, 2)`` are those within the window, without
    repetitions. ``start_numbers`` and ``start_places``, with NaN for those without room, are empty if starts are not
    numbered. ``numbers`` are epochs and ``places (numbers, 2)`` their positions.
    """

    paths: list[Path]
    order: list[int]
    above: list[int]
    starts: Array
    start_numbers: list[int]
    start_places: Array
    numbers: list[int]
    places: Array


class PathsData(NamedTuple):
    """The plotted data: one panel with all algorithms, or a grid of one panel per algorithm.

    ``columns`` is the number of columns of a grid, 0 without one.
    """

    title: str
    note: str
    plane: Plane
    columns: int
    panels: list[Panel]

    @property
    def paths(self) -> list[Path]:
        return [path for panel in self.panels for path in panel.paths]


def columns(plots: int, window: Window) -> int:
    """Return the number of columns that makes a grid of plots about as wide as high, or fills a given size.

    Titles take a part of the height, so that plots of a given size of figure need more columns.
    """
    look = _style.look()
    most = max(1, round(_MOST_COLUMNS * look.breadth()))
    shape, most = (1.5 * look.size[0] / look.size[1], 2 * most) if look.exact else (1.0, most)
    return min(max(1, round(math.sqrt(plots * slenderness(window) * shape) + 0.2)), plots, most)


def slenderness(window: Window) -> float:
    """Return the height of a plot in a grid as a multiple of its width."""
    (left, right), (bottom, top) = window
    return (top - bottom) / (right - left) if landscape.equal_scales(window) else 1.0


def panel(
    paths: list[Path],
    algorithms: Sequence[AlgorithmRuns],
    pair: tuple[int, int],
    results: Results,
    plane: Plane,
    number_epochs: bool,
    scale: float,
) -> Panel:
    """Return the paths of some algorithms over a plot, with their starts and numbers."""
    window = plane.window
    paths, order, above = _stacked(paths, window)
    all_starts = {start: number for number, start in enumerate(dict.fromkeys(run.start for run in results.runs), 1)}
    shown = dict.fromkeys(run.start for algorithm in algorithms for run in algorithm.runs)
    starts = np.array(list(shown))[:, pair]
    seen = landscape.within(starts, window)
    starts, numbers = starts[seen], [all_starts[start] for start, there in zip(shown, seen, strict=True) if there]
    if len(shown) < _NUMBERED_STARTS:
        numbers = []
    epochs, places = _numbers.place_numbers(paths if number_epochs else [], plane, scale)
    return Panel(
        paths,
        order,
        above,
        starts,
        numbers,
        _numbers.place_start_numbers(starts if numbers else starts[:0], numbers, paths, plane, scale),
        epochs,
        places,
    )


def _stacked(paths: list[Path], window: Window) -> tuple[list[Path], list[int], list[int]]:
    """Return paths with a remark if others hide them, their order from below, and the levels of paths above each.

    Paths with short arrows are above those with long ones, and paths that share their pixels with others below, as
    they remain visible elsewhere.
    """
    cells = [Cells(path.line, window) for path in paths] if len(paths) > 1 else []
    order = sorted(range(len(paths)), key=lambda i: (paths[i].per_arrow > 1, -len(cells[i]) if cells else 0))
    above = [0] * len(paths)
    remarks: dict[int, str] = {}
    for position in range(len(cells) - 1, -1, -1):
        i, over = order[position], order[position + 1 :]
        shares = {j: cells[i].covered(cells[j]) for j in over}
        twins = [j for j, share in shares.items() if share == 1.0 and cells[j].covered(cells[i]) == 1.0]
        covers = [j for j in over if j not in twins]
        for twin in twins:
            remarks[max(i, twin)] = word("same path as {label}", label=paths[min(i, twin)].label)
        if cells[i].covered(*(cells[j] for j in covers)) == 1.0:
            whole = [paths[j].label for j in covers if shares[j] == 1.0]
            remarks.setdefault(
                i, word("covered by {label}", label=whole[0]) if whole else word("covered by other paths")
            )
        if cells[i].covered(*(cells[j] for j in over)) >= _HIDDEN:
            above[i] = 1 + max(above[j] for j, share in shares.items() if share >= (1 - _HIDDEN))
    remarked = [
        path._replace(outcome=f"{path.outcome}, {remarks[i]}") if i in remarks else path for i, path in enumerate(paths)
    ]
    return remarked, order, above
