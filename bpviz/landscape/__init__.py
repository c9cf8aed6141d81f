"""The error over a plane of two weights: its window, its values and its levels. Nothing is drawn here."""

from bpviz.landscape.clipping import clipped
from bpviz.landscape.framing import window_of
from bpviz.landscape.grid import error_grid, errors_at
from bpviz.landscape.plane import (
    Plane,
    at_threshold,
    error_plane,
    levels_with_lines,
    points_per_unit,
)
from bpviz.landscape.sampling import lowest_of
from bpviz.landscape.window import (
    SIDE_POINTS,
    Limits,
    Window,
    default_window,
    distances,
    equal_scales,
    points,
    within,
)

__all__ = [
    "SIDE_POINTS",
    "Limits",
    "Plane",
    "Window",
    "at_threshold",
    "clipped",
    "default_window",
    "distances",
    "equal_scales",
    "error_grid",
    "error_plane",
    "errors_at",
    "levels_with_lines",
    "lowest_of",
    "points",
    "points_per_unit",
    "window_of",
    "within",
]
