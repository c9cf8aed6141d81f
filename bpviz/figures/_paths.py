"""Compute paths over contours."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bpviz import landscape
from bpviz.figures import _labels, _remarks
from bpviz.figures._base import AlgorithmRuns, outcome
from bpviz.figures._lines import line
from bpviz.figures._style import word

if TYPE_CHECKING:
    import numpy.typing as npt

    from bpviz.declare import Array
    from bpviz.engine.results import Results
    from bpviz.landscape.window import Window

_LEAST_ARROW = 7.0  # points; if epochs move less, one arrow stands for several
_MOST_ARROWS = 2000
_BEND = 1.2  # points: the largest distance of an arrow from the epochs that it stands for


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
    moves = [landscape.clipped(path[:-1], path[1:], window, beyond=0.0)[:2] for path in paths]
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
        first, *others = ((number, _labels.listed(labels)) for number, labels in several.items())
        parts = [
            word("{labels}: one per {count} epochs", labels=first[1], count=first[0]),
            *(word("{labels}: one per {count}", labels=labels, count=number) for number, labels in others),
        ]
        listed, least = word("one arrow per epoch ({exceptions})", exceptions=", ".join(parts)), 1
    elif len(several) == 1:
        return word("one arrow per {count} epochs", count=next(iter(several)))
    else:
        numbers = ", ".join(f"{number} ({', '.join(labels)})" for number, labels in several.items())
        listed, least = word("epochs per arrow: {numbers}", numbers=numbers), min(several)
    if len(listed) < _LONGEST_NOTE:
        return listed
    return word("one arrow per {least} to {most} epochs", least=least, most=max(several))


_LONGEST_NOTE = 168  # characters, two lines
