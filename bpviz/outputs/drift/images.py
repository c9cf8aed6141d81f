"""PNG files compared by their pixels, and pictures of how things differ."""

from __future__ import annotations

import io
import math
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bpviz.figures import (
    _render,  # matplotlib as it comes, before anything else imports it
    _style,
)
from bpviz.figures.errors import Curve, Errors, ErrorsArtists, ErrorsData

if TYPE_CHECKING:
    from bpviz.declare import Array

_SEEN = 8  # of 255: a difference below is too small to be seen, and is marked all the same, faintly


class UnreadableError(Exception):
    """Bytes that are no PNG; the text says so."""


class Compared(NamedTuple):
    """Two pictures ``(height, width, 3)`` in levels of 255, made equal in size, and how they differ."""

    expected: Array
    actual: Array
    rms: float
    said: str

    def difference(self) -> bytes:
        """Return the PNG that marks where they differ, over a pale picture of what came."""
        return difference(self.expected, self.actual)


def compared(expected: bytes, actual: bytes) -> Compared:
    """Compare two PNG files by their pixels; UnreadableError if the expected one is none."""
    was, now = decoded(expected), decoded(actual)
    if was.shape != now.shape:
        said = f"its size: {was.shape[1]} x {was.shape[0]} pixels, and {now.shape[1]} x {now.shape[0]} now"
        height, width = (max(was.shape[i], now.shape[i]) for i in (0, 1))
        return Compared(_grown(was, height, width), _grown(now, height, width), math.inf, said)
    rms = float(np.sqrt(np.mean((was - now) ** 2)))
    share = float(np.mean(np.any(was != now, axis=2)))
    said = f"RMS {rms:.3g} of 255 in {_percent(share)} of its pixels"
    return Compared(was, now, rms, said)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"


def decoded(content: bytes) -> Array:
    """Return the pixels of a PNG ``(height, width, 3)`` in levels of 255, on white; UnreadableError if it is none."""
    from matplotlib.image import imread

    try:
        pixels = np.asarray(imread(io.BytesIO(content), format="png"), dtype=np.float64)
    except (OSError, SyntaxError, ValueError, EOFError, OverflowError, zlib.error):
        raise UnreadableError("is not a PNG that can be read") from None
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[:, :, None], 3, axis=2)
    if pixels.shape[2] == 4:
        opaque = pixels[:, :, 3:]
        pixels = pixels[:, :, :3] * opaque + 1 - opaque
    return np.rint(255 * pixels[:, :, :3])


def _grown(pixels: Array, height: int, width: int) -> Array:
    """Return a picture with as much white below and beside it as it needs."""
    grown = np.full((height, width, 3), 255.0)
    grown[: pixels.shape[0], : pixels.shape[1]] = pixels
    return grown


def difference(expected: Array, actual: Array) -> bytes:
    """Return the PNG of what came, pale and grey, with what differs on top in red: the more, the stronger."""
    pale = 255 - (255 - actual.mean(axis=2, keepdims=True)) * 0.3
    apart = np.abs(expected - actual).max(axis=2, keepdims=True)
    strength = np.where(apart > 0, np.clip(0.25 + apart / 160, 0, 1), 0) * np.where(apart < _SEEN, 0.5, 1)
    red = np.array([int(_style.COLORS[3][i : i + 2], 16) for i in (1, 3, 5)], dtype=np.float64)
    return _encoded(pale * (1 - strength) + red * strength)


def _encoded(pixels: Array) -> bytes:
    from matplotlib.image import imsave

    no_name: Any = {"Software": None}  # nor a version
    file = io.BytesIO()
    imsave(file, np.rint(pixels).astype(np.uint8), format="png", metadata=no_name)
    return file.getvalue()


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
