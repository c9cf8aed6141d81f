"""Compute and draw paths over contours."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bpviz import landscape
from bpviz.figures import _contour, _layout, _style
from bpviz.figures._base import AlgorithmRuns, outcome
from bpviz.messages import text

if TYPE_CHECKING:
    import numpy.typing as npt
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.quiver import Quiver
    from matplotlib.text import Text

    from bpviz.declare import Array
    from bpviz.engine.results import Results
    from bpviz.figures._contour import PlaneArtists
    from bpviz.landscape.plane import Plane
    from bpviz.landscape.window import Window

_LEAST_ARROW = 7.0  # points; if epochs move less, one arrow stands for several
_MOST_ARROWS = 2000
_DIGIT, _LINE = 6.6, 10.0  # points: the width of a digit and the height of a number next to an arrow


class Path(NamedTuple):
    """The paths of an algorithm's runs, concatenated.

    ``tails`` and ``tips (arrows, 2)``: an arrow leads from the weights before an epoch to those after it, or after
    ``per_arrow`` epochs; ``epochs (arrows,)`` has the number of the last epoch of each arrow. ``line (points, 2)`` has
    every epoch if arrows stand for several, and ``rest (points, 2)`` has every epoch if arrows show a range of epochs;
    both have NaN between two runs. ``starts`` and ``ends (runs, 2)`` are those within the window.
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
    starts: Array
    ends: Array


class PathsData(NamedTuple):
    """The plotted data. ``numbers`` are epochs and ``places (numbers, 2)`` their positions."""

    title: str
    note: str
    plane: Plane
    paths: list[Path]
    numbers: list[int]
    places: Array


class PathsArtists(NamedTuple):
    """The artists; arrows, lines and ends in the order of the algorithms."""

    plane: PlaneArtists
    arrows: list[Quiver]
    lines: list[Line2D]
    starts: Line2D
    ends: list[Line2D]
    numbers: list[Text]


# -- data ------------------------------------------------------------------------------------------------------------


def path_of(
    algorithm: AlgorithmRuns,
    pair: tuple[int, int],
    epochs: tuple[int, int] | None,
    window: Window,
    results: Results,
    whole: bool,
) -> Path:
    """Return the part of an algorithm's path that is visible in ``window``; ``whole`` if that should be all of it."""
    paths = [landscape.points(run, pair) for run in algorithm.runs]
    first, last = epochs or (1, max(map(len, paths)))
    parts = [path[first - 1 : last + 1] for path in paths]
    per_arrow = _epochs_per_arrow(parts, window)
    tails, tips, numbers = [], [], []
    for part in parts:
        ends = np.unique(np.append(np.arange(0, len(part), per_arrow), len(part) - 1)) if len(part) else np.arange(0)
        tail, tip, seen = landscape.clipped(part[ends[:-1]], part[ends[1:]], window)
        tails.append(tail)
        tips.append(tip)
        numbers.append(first - 1 + ends[1:][seen])
    ending = outcome(algorithm.runs, results)
    ended = np.array([path[np.isfinite(path).all(axis=1)][-1] for path in paths])
    if whole and not landscape.within(ended, window).all():
        ending += ", leaves the plot"
    started = np.array([path[0] for path in paths])
    return Path(
        algorithm.place,
        algorithm.label,
        ending,
        per_arrow,
        np.concatenate(tails),
        np.concatenate(tips),
        np.concatenate(numbers),
        _joined(parts if per_arrow > 1 else [], window),
        _joined(paths if epochs else [], window),
        started[landscape.within(started, window)],
        ended[landscape.within(ended, window)],
    )


def _epochs_per_arrow(paths: Sequence[Array], window: Window) -> int:
    """Return the number of epochs per arrow, 1, 2, 5, 10, ... or all, that makes arrows long enough to be visible.

    It is based on the epoch at half of the total length, so that many epochs with tiny moves have no effect.
    """
    moves = [landscape.clipped(path[:-1], path[1:], window)[:2] for path in paths]
    unit = landscape.points_per_unit(window)
    lengths = np.sort(np.concatenate([np.hypot(*(unit * (tips - tails)).T) for tails, tips in moves]))
    total = np.cumsum(lengths)
    if not len(total) or not total[-1] > 0:
        return 1
    typical = float(lengths[np.searchsorted(total, total[-1] / 2)])
    wanted = max(_LEAST_ARROW / typical, len(lengths) / _MOST_ARROWS)
    round_numbers = (n * 10**tens for tens in itertools.count() for n in (1, 2, 5))
    number: int = next(number for number in round_numbers if number >= wanted)
    return min(number, max(map(len, paths)) - 1)


def _joined(paths: Sequence[Array], window: Window) -> Array:
    """Return concatenated paths, with NaN between them and where they are far outside the window."""
    parts = [np.empty((0, 2))]
    for path in paths:
        parts += [np.where(landscape.within(path, window, margin=3.0)[:, None], path, np.nan), np.full((1, 2), np.nan)]
    return np.concatenate(parts)


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
        return f"one arrow per epoch ({', '.join(parts)})"
    if len(several) == 1:
        return f"one arrow per {next(iter(several))} epochs"
    parts = [f"{number} ({', '.join(labels)})" for number, labels in several.items()]
    return f"epochs per arrow: {', '.join(parts)}"


def place_numbers(paths: Sequence[Path], plane: Plane) -> tuple[list[int], Array]:
    """Return the epochs whose number fits next to their arrow, and the positions ``(numbers, 2)``.

    A number is a disc that must not touch an arrow, another number or the threshold. Long arrows are handled first.
    """
    window = plane.window
    unit = landscape.points_per_unit(window)
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


# -- drawing ---------------------------------------------------------------------------------------------------------


def draw(figure: Figure, data: PathsData) -> PathsArtists:
    """Draw the contours, the paths over them and the legend."""
    paths = data.paths
    plane = _contour.draw_plane(figure, data.plane)
    axes = plane.axes
    arrows, lines, ends = [], [], []
    for path in paths:
        style = _style.style(path.place)
        axes.plot(*path.rest.T, color=style.color, linewidth=0.8, alpha=0.45)
        lines += axes.plot(*path.line.T, color=style.color, linewidth=1.3, zorder=3.4)
        arrows.append(
            axes.quiver(
                *path.tails.T,
                *(path.tips - path.tails).T,
                color=style.color,
                edgecolor=style.outline,
                linewidth=0.35,
                zorder=3.5 if path.per_arrow > 1 else 3,  # draw short arrows over long ones
                **_style.ARROW,
            )
        )
    for path in paths:
        style = _style.style(path.place)
        ends += axes.plot(*path.ends.T, color=style.color, linestyle="none", zorder=4, **_layout.end_marker(style))
    started = np.concatenate([path.starts for path in paths])
    (starts,) = axes.plot(*started.T, linestyle="none", zorder=5, **_style.START)
    numbers = [
        axes.text(x, y, str(number), ha="center", va="center_baseline")
        for number, (x, y) in zip(data.numbers, data.places, strict=True)
    ]
    _layout.frame(figure, axes, data.title, data.note, _entries(data), plane.bar)
    tails, tips = (np.concatenate(both) for both in zip(*((path.tails, path.tips) for path in paths), strict=True))
    _contour.label_threshold(plane, data.plane, tails, tips)
    return PathsArtists(plane, arrows, lines, starts, ends, numbers)


def _entries(data: PathsData) -> list[tuple[Line2D, str]]:
    """Return the legend entries of the paths, the starts, the minima and the threshold."""
    entries = [
        (_layout.legend_handle(_style.style(path.place)), f"{path.label} ({path.outcome})") for path in data.paths
    ]
    if any(len(path.starts) for path in data.paths):
        entries.append(_layout.start_legend())
    return [*entries, *_contour.minima_legend(data.plane), *_contour.threshold_legend(data.plane)]
