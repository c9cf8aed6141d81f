"""Draw plots of results that differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bpviz.figures import _render  # sets up matplotlib before another import of it
from bpviz.figures.errors import Curve, Errors, ErrorsArtists, ErrorsData

if TYPE_CHECKING:
    from bpviz.declare import Array


class _Distances(Errors):
    """A figure of differences between errors, on a linear axis from 0."""

    def draw(self, figure: Any, data: ErrorsData) -> ErrorsArtists:
        artists = super().draw(figure, data)
        axes = figure.axes[0]
        axes.set_yscale("linear")
        axes.set_ylim(0, 1.08 * max((float(np.nanmax(curve.errors)) for curve in data.curves), default=0.0) or 1.0)
        return artists


def curves(
    pairs: Sequence[tuple[int, str, Sequence[float], Sequence[float]]], threshold: float | None
) -> dict[str, bytes]:
    """Return PNGs of the recorded errors per epoch, the current ones, and their absolute difference.

    Each of ``pairs`` is the number of a run, its label, its recorded errors and its current errors.
    """
    was = [Curve(place, f"{label} ({len(errors) - 1})", _finite(errors)) for place, label, errors, _ in pairs]
    now = [Curve(place, f"{label} ({len(errors) - 1})", _finite(errors)) for place, label, _, errors in pairs]
    differences = []
    for before, after, (place, label, _, _) in zip(was, now, pairs, strict=True):
        common = min(len(before.errors), len(after.errors))
        distance = np.abs(before.errors[:common] - after.errors[:common])
        differences.append(Curve(place, label, np.where(np.isfinite(distance), distance, 0.0)))
    drawn = {
        "expected": (Errors(), ErrorsData(was, 0.0, threshold, "Error per epoch, recorded")),
        "actual": (Errors(), ErrorsData(now, 0.0, threshold, "Error per epoch, now")),
        "difference": (_Distances(), ErrorsData(differences, 0.0, None, "Absolute difference")),
    }
    return {part: _render.rendered(figure, data, "png").content for part, (figure, data) in drawn.items()}


def _finite(errors: Sequence[float]) -> Array:
    array = np.asarray(errors, dtype=np.float64)
    return np.where(np.isfinite(array), array, np.nan)
