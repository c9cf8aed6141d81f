"""The error over a plane of two weights: its window, its values and its levels. Nothing is drawn here."""

from bpviz.landscape.framing import window_of
from bpviz.landscape.grid import error_grid, errors_at
from bpviz.landscape.plane import (
    Plane,
    at_threshold,
    axis_name,
    error_plane,
    fixed_weights_note,
    levels_with_lines,
    points_per_unit,
)
from bpviz.landscape.sampling import lowest_of
from bpviz.landscape.window import (
    SIDE_POINTS,
    Limits,
    Window,
    clipped,
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
    "axis_name",
    "clipped",
    "default_window",
    "distances",
    "equal_scales",
    "error_grid",
    "error_plane",
    "errors_at",
    "fixed_weights_note",
    "levels_with_lines",
    "lowest_of",
    "points",
    "points_per_unit",
    "window_of",
    "within",
]
