"""The error over a plane of two weights: what is shown of it, its values and its levels. Draws nothing."""

from bpviz.landscape.grid import error_grid
from bpviz.landscape.plane import Plane, at_threshold, axis_name, error_plane, lowest_of, note, points_per_unit
from bpviz.landscape.window import (
    SIDE_POINTS,
    Limits,
    Window,
    clipped,
    distances,
    equal_scales,
    home,
    points,
    window_of,
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
    "distances",
    "equal_scales",
    "error_grid",
    "error_plane",
    "home",
    "lowest_of",
    "note",
    "points",
    "points_per_unit",
    "window_of",
    "within",
]
