"""The place of 3D axes, whose labels are around a projected cube."""

from __future__ import annotations

import itertools
from typing import Any

import bpviz.figures._matplotlib  # noqa: F401  # isort: skip  before other imports of matplotlib

import numpy as np
from matplotlib.transforms import Bbox


def fit(axes: Any, box: tuple[float, float, float, float]) -> None:
    """Give 3D axes the size and the place at which they fill a box in inches, with the labels around them."""
    figure = axes.figure
    across, up = figure.bbox.size
    left, bottom, right, top = (inches * figure.dpi for inches in box)
    x, y, wide, high = left, bottom, right - left, top - bottom
    for _ in range(2):  # labels have a fixed size, so one step is not enough
        axes.set_position((x / across, y / up, wide / across, high / up))
        axes.apply_aspect()
        boxes = [found for axis in (axes.xaxis, axes.yaxis, axes.zaxis) if (found := axis.get_tightbbox()) is not None]
        seen = Bbox.union([*boxes, _cube(axes)])
        factor = min((right - left) / seen.width, (top - bottom) / seen.height)
        middle = (x + wide / 2 - (seen.x0 + seen.x1) / 2, y + high / 2 - (seen.y0 + seen.y1) / 2)
        wide, high = wide * factor, high * factor
        x = (left + right) / 2 + middle[0] * factor - wide / 2
        y = (bottom + top) / 2 + middle[1] * factor - high / 2
    axes.set_position((x / across, y / up, wide / across, high / up))


def _cube(axes: Any) -> Bbox:
    """Return the box in pixels around the cube that the limits of 3D axes span."""
    corners = np.array(list(itertools.product(axes.get_xlim(), axes.get_ylim(), axes.get_zlim())))
    x, y, _, w = axes.get_proj() @ np.column_stack([corners, np.ones(len(corners))]).T
    places = axes.transData.transform(np.column_stack([x, y]) / w[:, None])
    return Bbox([places.min(axis=0), places.max(axis=0)])
