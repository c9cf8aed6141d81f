"""Compute paths over contours."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bpviz import landscape
from bpviz.figures import _numbers, _remarks
from bpviz.figures._base import AlgorithmRuns, outcome
from bpviz.figures._lines import Cells, line
from bpviz.messages import text

if TYPE_CHECKING:
    import numpy.typing as npt

    from bpviz.declare import Array
    from bpviz.engine.results import Results
    from bpviz.landscape.plane import Plane
    from bpviz.landscape.window import Window

_LEAST_ARROW = 7.0  # points; if epochs move less, one arrow stands for several
_MOST_ARROWS = 2000
_BEND = 1.2  # points: the largest distance of an arrow from the epochs that it stands for
_MOST_COLUMNS = 5
SCALE = 1.2  # of a plot in a grid of one column; in one of n columns it is the n-th part
_NUMBERED_STARTS = 5  # from this number on, starts are small and numbered


class Path(NamedTuple):
    """The paths of an algorithm's runs, concatenated.

    ``tails`` and ``tips (arrows, 2)``: an arrow leads from the weights before an epoch to those after it, or after
    ``per_arrow`` epochs, fewer where the path bends; ``epochs (arrows,)`` has the number of the last epoch of each
    arrow. ``line (points, 2)`` has every epoch shown, and ``rest (points, 2)`` has every epoch if only a range of them
    is shown; both have NaN at gaps. ``ends (runs, 2)`` are those within the window.
    """

    place: int
    label: str
    outcome: str
    per_arrow: int
    tails: Array
    tips: Array
    epochs: npt.NDArray[np.int64]
    line: Array
    rest: Array
    ends: Array


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


def path_of(
    algorithm: AlgorithmRuns,
    pair: tuple[int, int],
    epochs: tuple[int, int] | None,
    window: Window,
    results: Results,
    scale: float,
) -> Path:
    """Return the part of an algorithm's path that is visible in ``window``.

    ``scale`` is the size of the plot, relative to a figure of one plot.
    """
    paths = [landscape.points(run, pair) for run in algorithm.runs]
    first, last = epochs or (1, max(map(len, paths)))
    parts = [path[first - 1 : last + 1] for path in paths]
    unit = scale * landscape.points_per_unit(window)
    per_arrow = _epochs_per_arrow(parts, window, unit)
    tails, tips, numbers = [], [], []
    for part in parts:
        before, after = _arrows(part, unit, per_arrow)
        tail, tip, seen = landscape.clipped(part[before], part[after], window)
        tails.append(tail)
        tips.append(tip)
        numbers.append(first - 1 + after[seen])
    ended = np.array([path[np.isfinite(path).all(axis=1)][-1] for path in paths])
    return Path(
        algorithm.place,
        algorithm.label,
        ", ".join([outcome(algorithm.runs, results), *_remarks.departures(paths, window, epochs)]),
        per_arrow,
        np.concatenate(tails),
        np.concatenate(tips),
        np.concatenate(numbers),
        line(parts, window),
        line(paths if epochs else [], window),
        ended[landscape.within(ended, window)],
    )


def _epochs_per_arrow(paths: Sequence[Array], window: Window, unit: Array) -> int:
    """Return the number of epochs per arrow, 1, 2, 5, 10, ... or all, that makes arrows long enough to be visible.

    It is based on the epoch at half of the total length, so that many epochs with tiny moves have no effect.
    """
    moves = [landscape.clipped(path[:-1], path[1:], window)[:2] for path in paths]
    lengths = np.sort(np.concatenate([np.hypot(*(unit * (tips - tails)).T) for tails, tips in moves]))
    total = np.cumsum(lengths)
    if not len(total) or not total[-1] > 0:
        return 1
    typical = float(lengths[np.searchsorted(total, total[-1] / 2)])
    wanted = max(_LEAST_ARROW / typical, len(lengths) / _MOST_ARROWS)
    round_numbers = (n * 10**tens for tens in itertools.count() for n in (1, 2, 5))
    number: int = next(number for number in round_numbers if number >= wanted)
    return min(number, max(map(len, paths)) - 1)


def _arrows(path: Array, unit: Array, per_arrow: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the epochs before and after each arrow of a path.

    An arrow stands for ``per_arrow`` epochs. Where it would be beside the path, because the path bends, it stands only
    for the last of them.
    """
    ends = np.unique(np.append(np.arange(0, len(path), per_arrow), len(path) - 1)) if len(path) else np.arange(0)
    before, after = ends[:-1], ends[1:]
    while (bent := _bends(path, unit, before, after)).any():
        before = np.where(bent, after - (after - before) // 2, before)
    return before, after


def _bends(
    path: Array, unit: Array, before: npt.NDArray[np.int64], after: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Return a mask of the arrows that are far from one of their epochs."""
    inner = after - before - 1
    arrow = np.repeat(np.arange(len(before)), inner)
    epoch = np.arange(inner.sum()) - np.repeat(np.cumsum(inner) - inner, inner) + before[arrow] + 1
    with np.errstate(all="ignore"):
        tail, tip, place = (unit * path[i] for i in (before[arrow], after[arrow], epoch))
        along = tip - tail
        part = np.clip(((place - tail) * along).sum(axis=1) / np.maximum((along**2).sum(axis=1), 1e-300), 0, 1)
        away = np.hypot(*(tail + part[:, None] * along - place).T)
    bent = np.zeros(len(before), bool)
    bent[arrow[~(away <= _BEND)]] = True
    return bent


def columns(plots: int, window: Window) -> int:
    """Return the number of columns that makes a grid of plots about as wide as high."""
    return min(max(1, round(math.sqrt(plots * slenderness(window)) + 0.2)), plots, _MOST_COLUMNS)


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
            remarks[max(i, twin)] = f"same path as {paths[min(i, twin)].label}"
        if cells[i].covered(*(cells[j] for j in covers)) == 1.0:
            whole = [paths[j].label for j in covers if shares[j] == 1.0]
            remarks.setdefault(i, f"covered by {whole[0] if whole else 'other paths'}")
        if cells[i].covered(*(cells[j] for j in over)) >= _HIDDEN:
            above[i] = 1 + max(above[j] for j, share in shares.items() if share >= (1 - _HIDDEN))
    remarked = [
        path._replace(outcome=f"{path.outcome}, {remarks[i]}") if i in remarks else path for i, path in enumerate(paths)
    ]
    return remarked, order, above


_HIDDEN = 0.9  # the share of a path under others from which on it is drawn wider, to be visible


def note(paths: Sequence[Path], fixed_weights: str) -> str:
    """Return the note of a figure: the epochs per arrow if there are several, and the weights that have no axis."""
    several: dict[int, list[str]] = {}
    for path in paths:
        if path.per_arrow > 1:
            several.setdefault(path.per_arrow, []).append(path.label)
    return "; ".join(filter(None, [_arrows_note(several, len(paths)), fixed_weights]))


def _arrows_note(several: dict[int, list[str]], algorithms: int) -> str:
    """Return the epochs per arrow, given the labels of the algorithms with several."""
    if not several:
        return ""
    if sum(map(len, several.values())) < algorithms:
        first, *others = ((number, text.join_words(labels, "and")) for number, labels in several.items())
        parts = [
            f"{first[1]}: one per {first[0]} epochs",
            *(f"{labels}: one per {number}" for number, labels in others),
        ]
        listed = f"one arrow per epoch ({', '.join(parts)})"
        return listed if len(listed) < _LONGEST_NOTE else f"one arrow per 1 to {max(several)} epochs"
    if len(several) == 1:
        return f"one arrow per {next(iter(several))} epochs"
    listed = ", ".join(f"{number} ({', '.join(labels)})" for number, labels in several.items())
    if len(listed) < _LONGEST_NOTE:
        return f"epochs per arrow: {listed}"
    return f"one arrow per {min(several)} to {max(several)} epochs"


_LONGEST_NOTE = 168  # characters, two lines
