"""Remarks in legends about runs that are partly outside the window."""

from __future__ import annotations

import numpy as np
import pytest

from bpviz.figures import _remarks

WINDOW = ((-1.0, 1.0), (-1.0, 1.0))
STAYS = [[0.5, 0.5], [0.2, 0.0], [0.0, 0.0]]
LEAVES = [[0.5, 0.5], [3.0, 0.0]]
DIVERGES = [[0.5, 0.5], [0.2, 0.3], [np.nan, np.inf]]
RETURNS = [[0.5, 0.5], [3.0, 0.0], [0.2, 0.1]]
ENTERS = [[2.0, 2.0], [0.5, 0.5]]
CROSSES = [[2.0, 0.0], [-2.0, 0.0]]
ABSENT = [[2.0, 2.0], [3.0, 2.0]]


@pytest.mark.parametrize(
    ("paths", "remarks"),
    [
        ([STAYS], []),
        ([LEAVES], ["leaves the plot"]),
        ([DIVERGES], ["leaves the plot"]),
        ([CROSSES], ["leaves the plot"]),
        ([RETURNS], ["leaves the plot and returns"]),
        ([ENTERS], ["starts outside the plot"]),
        ([ABSENT], ["not in this window"]),
        ([STAYS, LEAVES, STAYS], ["1 of 3 leaves the plot"]),
        ([LEAVES, LEAVES, STAYS], ["2 of 3 leave the plot"]),
        ([LEAVES, DIVERGES], ["all leave the plot"]),
        (
            [LEAVES, RETURNS, ABSENT],
            ["1 of 3 leaves the plot", "1 of 3 leaves the plot and returns", "1 of 3 not in this window"],
        ),
    ],
)
def test_departures(paths: list[list[list[float]]], remarks: list[str]) -> None:
    assert _remarks.departures([np.array(path) for path in paths], WINDOW) == remarks


def test_only_the_epochs_shown_can_be_absent() -> None:
    path = np.array([[2.0, 2.0], [3.0, 3.0], [0.5, 0.5]])
    assert _remarks.departures([path], WINDOW, (1, 1)) == ["not in this window"]
    assert _remarks.departures([path], WINDOW, (2, 2)) == ["starts outside the plot"]
    assert _remarks.departures([path], WINDOW, (4, 6)) == ["ends before epoch 4"]
    assert _remarks.departures([path, path], WINDOW, (4, 6)) == ["all end before epoch 4"]
