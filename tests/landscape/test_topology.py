"""Parts and holes of sets on a grid, and the floors of valleys narrower than its spacing."""

from __future__ import annotations

import numpy as np
import pytest

from bpviz.landscape.topology import euler_numbers, mean_widths, with_pits, with_valleys

SETS = [
    (["#..", "...", "..#"], 2),
    (["##.", ".#.", ".##"], 1),
    (["#..", ".#.", "..#"], 3),  # touching corners do not connect
    (["###", "#.#", "###"], 0),  # one part with one hole
    (["#####", "#.#.#", "#####"], -1),
    (["...", "...", "..."], 0),
    (["##", "##"], 1),
]


@pytest.mark.parametrize(("rows", "number"), SETS)
def test_parts_minus_holes(rows: list[str], number: int) -> None:
    error = np.array([[0.0 if character == "#" else 9.0 for character in row] for row in rows])
    assert euler_numbers(error, np.array([-1.0, 0.0, 1.0])).tolist() == [0, number, number]


def test_non_finite_errors_are_in_no_set() -> None:
    error = np.array([[0.0, np.nan, 0.0], [0.0, np.nan, 0.0]])
    assert euler_numbers(error, np.array([0.0, 1.0, 1e300])).tolist() == [2, 2, 2]


@pytest.mark.parametrize("slope", [-3.0, -0.7, 0.0, 0.37, 1.0, 2.5])
def test_narrow_valley_has_a_connected_floor(slope: float) -> None:
    """Below 1e-3, the valley |s x - y + 0.013| is at most 2e-3 wide; the grid has a spacing of 0.1."""
    side = np.linspace(-1, 1, 21)

    def error_at(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.abs(slope * x - y + 0.013) / np.hypot(slope, 1)

    error = error_at(*np.meshgrid(side, side))
    low = np.array([1e-3, 2.0])
    assert euler_numbers(error, low)[0] != 1
    deep = with_valleys(error_at, side, side, error)
    assert euler_numbers(deep, low)[0] == 1
    assert (deep <= error).all()
    assert (deep == error)[error > 0.1].all()  # one spacing away from the floor, nothing changes


def test_minimum_between_grid_points_is_found() -> None:
    side = np.linspace(-1, 1, 11)

    def error_at(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.hypot(x - 0.07, y + 0.12)

    error = error_at(*np.meshgrid(side, side))
    deep = with_pits(error_at, side, side, error)
    assert deep.min() < 1e-3 < error.min()
    assert (deep != error).sum() == 1


def test_mean_width_is_that_of_a_strip_or_the_radius_of_a_disc() -> None:
    x, y = np.meshgrid(np.linspace(-1, 1, 401), np.linspace(-2, 2, 401))
    spacing = np.array([2.0, 4.0]) / 400
    levels = np.array([0.1, 0.3, 0.9])
    strip = mean_widths(np.abs(y) + 0 * x, levels, spacing)
    np.testing.assert_allclose(np.pi / 4 * strip, 2 * levels, rtol=0.06)  # an axis-aligned side has no staircase
    np.testing.assert_allclose(mean_widths(np.hypot(x, y), levels, spacing), levels, rtol=0.06)


def test_plateaus_are_not_searched() -> None:
    tried = []

    def error_at(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        tried.append(x.size)
        return np.maximum(x + y, 0.0)

    side = np.linspace(-1, 1, 41)
    error = np.maximum(*np.broadcast_arrays(side + side[:, None], 0.0))
    for deepened in (with_valleys, with_pits):
        np.testing.assert_array_equal(deepened(error_at, side, side, error), error)
    assert sum(tried) < error.size * 4
