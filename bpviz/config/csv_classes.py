"""Targets 0 and 1 for two classes in a column of a CSV file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bpviz.config.csv_cells import BOOLS, number
from bpviz.declare.domains import Text


def targets(cells: Iterable[str], classes: Sequence[str]) -> list[float | None]:
    """Return 0 for cells of the first class, 1 for those of the second, None for others."""
    target_of = {_key(name): float(target) for target, name in enumerate(classes)}
    return [target_of.get(_key(cell)) for cell in cells]


def two(texts: Sequence[str]) -> tuple[str, str] | None:
    """Return the classes of targets 0 and 1: false and true, or two texts in alphabetical order; None if not two."""
    bools = {text.lower(): text for text in texts}
    if bools.keys() <= BOOLS.keys():
        return bools.get("false", "False"), bools.get("true", "True")
    if len(texts) != 2 or any(Text().complaint(text) for text in texts):
        return None
    return min(texts), max(texts)


def _key(text: str) -> str | float:
    """Return what equal classes have in common: a number, a bool or a text."""
    text = text.strip()
    value = number(text)
    if value is not None:
        return value
    return text.lower() if text.lower() in BOOLS else text
