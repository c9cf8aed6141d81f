"""Compare PNG files by their pixels."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import bpviz.figures._render  # noqa: F401  sets up matplotlib before another import of it
from bpviz.figures import _style

if TYPE_CHECKING:
    from bpviz.declare import Array

TOLERANCE = 2.0
"""Largest root mean square of the differences between equal images, in levels of 255."""

# Of an image, which then takes a gigabyte of memory. A small file can have many more.
_MOST_PIXELS = 1 << 25
_LONGEST_SIDE = 1 << 14

_VISIBLE = 8  # of 255; smaller differences are marked faintly


class UnreadableError(Exception):
    """A file is not a valid PNG, or too large to be compared."""


class Comparison(NamedTuple):
    """Two images ``(height, width, 3)`` in levels of 255, padded to the same size, and how they differ."""

    expected: Array
    actual: Array
    rms: float  # inf if the sizes differ
    description: str

    @property
    def same(self) -> bool:
        """Whether the images are equal up to the tolerance."""
        return self.rms <= TOLERANCE

    def difference(self) -> bytes:
        """Return the PNG of the difference: see difference."""
        return difference(self.expected, self.actual)


def compare(expected: Array, actual: Array) -> Comparison:
    """Compare two decoded images: see decode. Raise UnreadableError if they are too large together."""
    if expected.shape != actual.shape:
        sizes = [f"{image.shape[1]} x {image.shape[0]}" for image in (expected, actual)]
        description = f"size changed from {sizes[0]} to {sizes[1]} pixels"
        height, width = (max(expected.shape[i], actual.shape[i]) for i in (0, 1))
        if height * width > _MOST_PIXELS:
            raise UnreadableError(description)
        return Comparison(_padded(expected, height, width), _padded(actual, height, width), math.inf, description)
    rms = float(np.sqrt(np.mean((expected - actual) ** 2)))
    share = float(np.mean(np.any(expected != actual, axis=2)))
    description = f"RMS difference {rms:.3g}, tolerance {TOLERANCE:g}; {_percent(share)} of the pixels differ"
    return Comparison(expected, actual, rms, description)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"


def decode(content: bytes) -> Array:
    """Return the pixels of a PNG on white, ``(height, width, 3)`` in levels of 255; raise UnreadableError."""
    from matplotlib.image import imread

    width, height = (int.from_bytes(content[place : place + 4]) for place in (16, 20))  # in the header of a PNG
    if width * height > _MOST_PIXELS or max(width, height) > _LONGEST_SIDE:
        raise UnreadableError(f"image too large ({width} x {height} pixels)")
    try:
        pixels = np.asarray(imread(io.BytesIO(content), format="png"), dtype=np.float64)
    except Exception:  # noqa: BLE001  Pillow raises many kinds
        raise UnreadableError("not a valid PNG") from None
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[:, :, None], 3, axis=2)
    if pixels.shape[2] == 4:
        opaque = pixels[:, :, 3:]
        pixels = pixels[:, :, :3] * opaque + 1 - opaque
    return np.rint(255 * pixels[:, :, :3])


def _padded(pixels: Array, height: int, width: int) -> Array:
    """Return an image with white below and to its right."""
    padded = np.full((height, width, 3), 255.0)
    padded[: pixels.shape[0], : pixels.shape[1]] = pixels
    return padded


def difference(expected: Array, actual: Array) -> bytes:
    """Return a PNG of the actual image in pale gray, with differing pixels in red: the larger, the stronger."""
    pale = 255 - (255 - actual.mean(axis=2, keepdims=True)) * 0.3
    distance = np.abs(expected - actual).max(axis=2, keepdims=True)
    strength = np.where(distance > 0, np.clip(0.25 + distance / 160, 0, 1), 0) * np.where(distance < _VISIBLE, 0.5, 1)
    red = np.array([int(_style.Look().colors[3][i : i + 2], 16) for i in (1, 3, 5)], dtype=np.float64)
    return _encoded(pale * (1 - strength) + red * strength)


def _encoded(pixels: Array) -> bytes:
    from matplotlib.image import imsave

    metadata: Any = {"Software": None}  # without name and version of matplotlib
    file = io.BytesIO()
    imsave(file, np.rint(pixels).astype(np.uint8), format="png", metadata=metadata)
    return file.getvalue()
