"""What contours draw has as many connected parts as the function has, counted on a much finer grid."""

from __future__ import annotations

from typing import Any

import contourpy
import numpy as np
import pytest
from scipy import ndimage

from bpviz.declare import PROBLEMS
from bpviz.landscape import error_grid
from bpviz.landscape.sampling import sample

FINE = 1601  # points per side; figures are about 625 pixels wide, so that half a pixel is more than the spacing
SAME_PART = np.ones((3, 3))
TWO_WEIGHTS = [name for name in PROBLEMS if len(PROBLEMS[name]().weights) == 2]


def drawn_parts(x: Any, y: Any, error: Any, level: float) -> int:
    """Return the number of polygons that matplotlib fills for errors up to a level; holes are not counted."""
    kind = contourpy.FillType.OuterOffset
    polygons, _ = contourpy.contour_generator(x, y, np.ma.masked_invalid(error), fill_type=kind).filled(-1e300, level)
    return len(polygons)


def true_parts(error: Any, level: float) -> int | None:
    """Return the number of parts on the fine grid; None if one is narrower than half a pixel somewhere."""
    below = np.pad(error <= level, 2, mode="edge")
    parts = ndimage.label(below, SAME_PART)[1]
    wide = ndimage.label(ndimage.binary_opening(below, np.ones((2, 2))), SAME_PART)[1]
    return parts if parts == wide else None


def zoom(name: str) -> Any:
    """Return a window of half the size around a minimum, not centered."""
    f = PROBLEMS[name]()
    center = f.minima[0].at if f.minima else f.start
    return tuple((c - 0.3 * (b - a), c + 0.2 * (b - a)) for c, (a, b) in zip(center, f.window, strict=True))


def differences(name: str, window: Any) -> list[tuple[float, int, int]]:
    f = PROBLEMS[name]()
    x, y, error, levels, _, lowest = sample(f, window, (0, 1), None, 20, 121)
    fine = error_grid(f, *(np.linspace(*limits, FINE) for limits in window)) - (lowest or 0.0)
    found = [(level, drawn_parts(x, y, error, level), true_parts(fine, level)) for level in levels[:-1]]
    assert sum(true is not None for _, _, true in found) >= 10
    return [(level, drawn, true) for level, drawn, true in found if true is not None and drawn != true]


@pytest.mark.slow
@pytest.mark.parametrize("name", TWO_WEIGHTS)
@pytest.mark.parametrize("zoomed", [False, True])
def test_drawn_sets_have_the_parts_of_the_function(name: str, zoomed: bool) -> None:
    assert differences(name, zoom(name) if zoomed else PROBLEMS[name]().window) == []


def test_two_equal_minima_are_drawn_if_the_grid_has_one() -> None:
    """The lowest error of this function is at two places, and the grid is closer to one of them."""
    f = PROBLEMS["six-hump-camel"]()
    x, y, error, levels, *_ = sample(f, f.window, (0, 1), None, 20, 121)
    assert drawn_parts(x, y, error, levels[0]) == 2


def test_grid_is_refined_only_if_necessary() -> None:
    names = ("matyas", "perceptron", "quadratic", "griewank", "bukin")
    sizes = [len(sample(PROBLEMS[name](), PROBLEMS[name]().window, (0, 1), None, 20, 121).x) for name in names]
    assert sizes == [121, 121, 121, 241, 481]
    assert len(sample(PROBLEMS["griewank"](), PROBLEMS["griewank"]().window, (0, 1), None, 20, 41).x) == 161


def test_grid_of_a_large_problem_is_not_refined(monkeypatch: pytest.MonkeyPatch) -> None:
    f = PROBLEMS["rosenbrock"]()
    monkeypatch.setattr(type(f), "width", 10**4)
    x, y, error, levels, *_ = sample(f, f.window, (0, 1), None, 20, 121)
    assert len(x) == 121
    assert [drawn_parts(x, y, error, level) for level in levels] == [1] * len(levels)  # drawn wider, but in one part


def test_rosenbrock_is_one_banana_at_every_level() -> None:
    """E = 100 (y - x²)² + (1 - x)² has no saddle, so that every set below a level is connected."""
    f = PROBLEMS["rosenbrock"]()
    for size in (41, 121):  # of surfaces and of contours
        for window in (f.window, ((-0.5, 1.8), (-0.5, 3.0))):
            x, y, error, levels, *_ = sample(f, window, (0, 1), None, 20, size)
            assert [drawn_parts(x, y, error, level) for level in levels] == [1] * len(levels)
