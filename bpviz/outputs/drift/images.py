"""Pictures of how results differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bpviz.figures import _render  # matplotlib as it comes, before anything else imports it
from bpviz.figures.errors import Curve, Errors, ErrorsArtists, ErrorsData

if TYPE_CHECKING:
    from bpviz.declare import Array


class _Distances(Errors):
    """A figure of distances between errors, on an axis that begins at 0."""

    def draw(self, figure: Any, data: ErrorsData) -> ErrorsArtists:
        artists = super().draw(figure, data)
        axes = figure.axes[0]
        axes.set_yscale("linear")
        axes.set_ylim(0, 1.08 * max((float(np.nanmax(curve.errors)) for curve in data.curves), default=0.0) or 1.0)
        return artists


def curves(
    pairs: Sequence[tuple[int, str, Sequence[float], Sequence[float]]], threshold: float | None
) -> dict[str, bytes]:
    """Return pictures of the errors by epoch that runs had and have, and of the distance between them.

    Each of ``pairs`` is the place of a run, what it is called, its errors then and now.
    """
    was = [Curve(place, f"{said} ({len(then) - 1})", _finite(then)) for place, said, then, _ in pairs]
    now = [Curve(place, f"{said} ({len(then) - 1})", _finite(then)) for place, said, _, then in pairs]
    apart = []
    for before, after, (place, said, _, _) in zip(was, now, pairs, strict=True):
        common = min(len(before.errors), len(after.errors))
        distance = np.abs(before.errors[:common] - after.errors[:common])
        apart.append(Curve(place, said, np.where(np.isfinite(distance), distance, 0.0)))  # where one is not finite
    drawn = {
        "expected": (Errors(), ErrorsData(was, 0.0, threshold, "Error by epoch, as recorded")),
        "actual": (Errors(), ErrorsData(now, 0.0, threshold, "Error by epoch, now")),
        "difference": (_Distances(), ErrorsData(apart, 0.0, None, "Distance between the two")),
    }
    return {part: _render.rendered(figure, data, "png") for part, (figure, data) in drawn.items()}


def _finite(errors: Sequence[float]) -> Array:
    array = np.asarray(errors, dtype=np.float64)
    return np.where(np.isfinite(array), array, np.nan)
