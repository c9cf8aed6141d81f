"""Compare SVG and PDF files up to rounding of their coordinates.

Another processor may round coordinates differently, and with them the names that matplotlib derives from a shape.
"""

from __future__ import annotations

import re
import zlib

TOLERANCE = 0.01
"""Largest difference between equal coordinates, in points."""

_LARGEST = 1 << 28  # bytes of a decompressed stream
_STREAM = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.DOTALL)
_TABLE = re.compile(rb"xref\n.*", re.DOTALL)  # of the places of objects in the file, which depend on their sizes
_NUMBER = re.compile(rb"(?<![\w.#])-?[0-9]+(?:\.[0-9]+)?(?![\w.])")
_NAME = re.compile(rb"(?<=[\"#])[A-Za-z]+[0-9a-f]{8,}(?=[\")])")


def same(old: bytes, new: bytes) -> bool:
    """Return whether two drawings in the same format are equal up to the tolerance."""
    try:
        before, now = _text(old), _text(new)
    except (zlib.error, ValueError):
        return False
    if _NUMBER.sub(b"0", before) != _NUMBER.sub(b"0", now):
        return False
    pairs = zip(_NUMBER.findall(before), _NUMBER.findall(now), strict=True)
    return all(a == b or abs(float(a) - float(b)) <= TOLERANCE for a, b in pairs)


def _text(drawing: bytes) -> bytes:
    """Return the text of a drawing: a PDF with decompressed streams, an SVG with numbered names."""
    if drawing.startswith(b"%PDF"):
        body = _TABLE.sub(b"", re.sub(rb"/Length [0-9]+|[0-9]+ 0 obj\n[0-9]+\nendobj", b"", drawing))
        return _STREAM.sub(lambda stream: b"stream\n" + _decompressed(stream[1]) + b"\nendstream", body)
    names: dict[bytes, bytes] = {}
    return _NAME.sub(lambda name: names.setdefault(name[0], b"name-%d" % len(names)), drawing)


def _decompressed(stream: bytes) -> bytes:
    if not stream.startswith(b"x"):  # not compressed
        return stream
    reader = zlib.decompressobj()
    data = reader.decompress(stream, _LARGEST)
    if reader.unconsumed_tail:
        raise ValueError("too large")
    return data
