"""Datasets from files in this folder; README.md has their sources and licenses."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bpviz.problems.data._named import Named
from bpviz.problems.datasets import Dataset

_HOME = Path(__file__).parent
_SIDE = 8  # pixels of a digit


@dataclass(frozen=True)
class Iris(Named):
    """150 iris flowers: lengths and widths of sepals and petals, of 3 species."""

    name = "iris"
    source = "R. A. Fisher, Annals of Eugenics 7(2), 1936, pp. 179-188"

    def all_rows(self) -> Dataset:
        return _iris()


@dataclass(frozen=True)
class Digits(Named):
    """1,797 handwritten digits of 8 x 8 pixels from 0 to 16.

    They are the test part of the data at UCI, written by other people than its training part.
    """

    name = "digits"
    source = "E. Alpaydin & C. Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998 (test part), CC BY 4.0"

    def all_rows(self) -> Dataset:
        return _digits()


@cache
def _iris() -> Dataset:
    lines = (_HOME / "iris.csv").read_text(encoding="utf-8").splitlines()
    (*names, _), *rows = (line.split(",") for line in lines)
    features = tuple(tuple(map(float, cells)) for *cells, _ in rows)
    classes = tuple(sorted({species for *_, species in rows}))
    targets = tuple(float(classes.index(species)) for *_, species in rows)
    return Dataset(Iris.name, features, targets, tuple(names), Iris.source, classes)


@cache
def _digits() -> Dataset:
    """Return the digits; each is stored as its pixels by rows and its class, one byte each."""
    import gzip  # here, because few configs use it

    content = gzip.decompress((_HOME / "digits.u8.gz").read_bytes())
    float_of = tuple(map(float, range(256)))  # the same objects for all pixels
    size = _SIDE * _SIDE
    rows = [content[start : start + size + 1] for start in range(0, len(content), size + 1)]
    return Dataset(
        Digits.name,
        tuple(tuple(float_of[pixel] for pixel in row[:size]) for row in rows),
        tuple(float_of[row[size]] for row in rows),
        tuple(f"pixel {y},{x}" for y in range(1, _SIDE + 1) for x in range(1, _SIDE + 1)),
        Digits.source,
        tuple(map(str, range(10))),
    )
