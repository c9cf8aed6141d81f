"""Moves are cut at the window exactly, and omitted where doubles are too coarse."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from bpviz import landscape

WINDOW = ((-1.0, 1.0), (-1.0, 1.0))


def test_large_moves_are_cut_without_rounding() -> None:
    """The crossing of the lower edge, worked out with fractions: x = a + (-1 - b) (c - a) / (d - b)."""
    a, b, c, d = 1.2345678e13, -3.3456789e13, -1.2345678e13 + 0.5, 3.3456789e13
    a, b, c, d = (Fraction(x) for x in (a, b, c, d))
    (tail,), (tip,), seen = landscape.clipped(
        np.array([[float(a), float(b)]]), np.array([[float(c), float(d)]]), WINDOW, beyond=0.0
    )
    assert seen.tolist() == [True]
    slope = (c - a) / (d - b)
    assert tail.tolist() == pytest.approx([float(a + (-1 - b) * slope), -1.0], abs=1e-12)
    assert tip.tolist() == pytest.approx([float(a + (1 - b) * slope), 1.0], abs=1e-12)


@pytest.mark.parametrize(("pixels", "drawn"), [(3.9, True), (4.1, False)])
def test_moves_are_omitted_where_the_last_place_exceeds_four_pixels(pixels: float, drawn: bool) -> None:
    far = 2.0**50
    width = np.spacing(far) / pixels * 625  # of a window in which the last place of ``far`` has this number of pixels
    window = ((-width / 2, width / 2), (-width / 2, width / 2))
    ends = np.array([[far, 0.0]]), np.array([[-far, 0.0]])
    assert landscape.clipped(*ends, window)[2].tolist() == [drawn]


def test_moves_from_within_the_window_are_drawn_however_far_they_go() -> None:
    ends = np.array([[0.0, 0.0]]), np.array([[3e200, 1e200]])
    (tail,), (tip,), _ = landscape.clipped(*ends, WINDOW, beyond=0.0)
    assert tail.tolist() == [0.0, 0.0]
    assert tip.tolist() == pytest.approx([1.0, 1 / 3])


@pytest.mark.parametrize("far", [1e12, 3e12, 1e13, 1.1e13])
def test_moves_that_miss_the_window_are_not_drawn(far: float) -> None:
    """They are on x + y = 2 + 1 / 64, closer to the corner of the window than double precision can tell."""
    ends = np.array([[-far, far + 2.015625]]), np.array([[far + 2.015625, -far]])
    assert landscape.clipped(*ends, WINDOW, beyond=0.0)[2].tolist() == [False]
    ends = np.array([[-far, far + 1.984375]]), np.array([[far + 1.984375, -far]])
    assert landscape.clipped(*ends, WINDOW, beyond=0.0)[2].tolist() == [True]
