"""Tick labels are complete, differ from each other and do not overlap, on every axis."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from bpviz.figures import _layout, _render, _style, _ticks
from bpviz.figures._style import Look, Style

RANGES = [
    (-6, 6),
    (0, 1),
    (1e6, 1e6 + 1e-3),
    (-1e6 - 1e-3, -1e6),
    (1e-300, 1e300),
    (-2e8, 4e8),
    (0, 3e-9),
    (123456789, 123456790),
    (1.2345678, 1.2345679),
    (99999, 100001),
    (0.121, 0.139),  # no round number with one digit
    (-1e-300, 1e-300),
    (1e6, 1e6 + 1e-10),  # one number, up to rounding
]


def drawn(limits: tuple[float, float], size: tuple[float, float], log: bool) -> Any:
    """Return axes with these limits along x and y."""
    look = Look(Style(size=size))
    with _render._settings_of(look), _style.using(look):
        figure = _render.BpvizFigure(size)
        FigureCanvasAgg(figure)
        axes = _layout.axes(figure, xlabel="x", ylabel="y", xlim=limits, ylim=limits)
        if log:
            axes.set(xscale="log", yscale="log")
            for axis in (axes.xaxis, axes.yaxis):
                _ticks.use_round_numbers(axis)
            axes.minorticks_off()
        _layout.frame(figure, axes, "")
        figure.draw_without_rendering()
    return axes


@pytest.mark.slow
@pytest.mark.parametrize("size", [(7, 5.5), (3.4, 2.9), (12, 2.5)])
@pytest.mark.parametrize(
    ("limits", "log"), [(limits, log) for limits in RANGES for log in (False, True) if not log or limits[0] > 0]
)
def test_labels_differ_and_do_not_overlap(limits: tuple[float, float], size: tuple[float, float], log: bool) -> None:
    axes = drawn(limits, size, log)
    for axis in (axes.xaxis, axes.yaxis):
        low, high = axis.get_view_interval()
        texts = [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
        words = [text.get_text() for text in texts if text.get_text()]
        assert len({*words}) == len(words) >= 2
        boxes = [text.get_window_extent() for text in texts]
        assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
        assert axis.get_offset_text().get_text() == ""  # an offset is in the label of the axis


@pytest.mark.parametrize("limits", [limits for limits in RANGES if limits[1] - limits[0] > 1e-9])
def test_labels_are_the_places_of_their_ticks(limits: tuple[float, float]) -> None:
    """Up to a hundredth of the distance of two ticks; relative to the number in the label of the axis."""
    axes = drawn(limits, (7, 5.5), False)
    label = axes.get_xlabel().replace("−", "-").removeprefix("x").replace(" ", "")
    offset = -float(label) if label else 0.0
    ticks = axes.get_xticks()
    for tick, text in zip(ticks, axes.get_xticklabels(), strict=True):
        shown = offset + float(text.get_text().replace("−", "-"))
        assert shown == pytest.approx(tick, abs=0.02 * (ticks[1] - ticks[0]))


def test_offset_is_part_of_the_axis_label() -> None:
    assert drawn((1e6, 1e6 + 1e-3), (7, 5.5), False).get_xlabel() == "x − 1000000"
    assert drawn((-1e6 - 1e-3, -1e6), (7, 5.5), False).get_xlabel() == "x + 1000000"
    assert drawn((1e6 - 1e-5, 1e6 + 1e-3), (7, 5.5), False).get_xlabel() == "x − 1000000"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([-4, -2, 0, 2], ["−4", "−2", "0", "2"]),
        ([0, 0.5, 1], ["0.0", "0.5", "1.0"]),
        ([0, 1e-5, 2e-5], ["0", "1e−5", "2e−5"]),
        ([-1e-5, 0, 1e-5], ["−1e−5", "0", "1e−5"]),
        ([1e7, 2e7], ["1e7", "2e7"]),
        ([5.0], ["5"]),
        ([1.0, 1.0], ["1", ""]),
        ([], []),
    ],
)
def test_labels(values: list[float], expected: list[str]) -> None:
    assert _ticks.labels(values) == expected


def test_labels_of_logarithmic_axes_have_the_digits_that_they_need() -> None:
    texts = _ticks.Numbers(alike=False).format_ticks([1e-6, 0.01, 0.25, 1, 3000, 1e7])
    assert texts == ["1e-6", "0.01", "0.25", "1", "3000", "1e7"]
    assert _ticks.Numbers(alike=False).format_ticks([1, 1 + 1e-9]) == ["1", "1.000000001"]


@pytest.mark.parametrize("last", [0, 1, 7, 1000, 10**6, 10**12])
def test_epochs_have_round_ticks_that_fit(last: int) -> None:
    look = Look(Style(size=(3.0, 3.0)))
    with _render._settings_of(look), _style.using(look):
        figure = _render.BpvizFigure(look.size)
        FigureCanvasAgg(figure)
        axes = _layout.axes(figure)
        axes.set_xscale("symlog", linthresh=1)
        axes.set_xlim(0, last + 1)
        axes.xaxis.set_major_locator(_ticks.Epochs())
        axes.xaxis.set_major_formatter(_ticks.Numbers())
        figure.draw_without_rendering()
    ticks = axes.get_xticks().tolist()
    assert ticks[0] == 0
    assert all(f"{tick:e}"[0] in "01235" for tick in ticks)
    boxes = [text.get_window_extent() for text in axes.get_xticklabels()]
    assert not any(one.overlaps(other) for one, other in itertools.pairwise(boxes))
