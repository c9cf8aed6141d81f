"""Targets 0, 1, ... for the classes in a column of a CSV file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bpviz.config.csv_cells import BOOLS, number
from bpviz.declare.domains import Text


def targets(cells: Iterable[str], classes: Sequence[str]) -> list[float | None]:
    """Return 0 for cells of the first class, 1 for those of the second, and so on, None for others."""
    target_of = {_key(name): float(target) for target, name in enumerate(classes)}
    return [target_of.get(_key(cell)) for cell in cells]


def named(texts: Sequence[str], most: float = 2) -> tuple[str, ...] | None:
    """Return the classes of targets 0, 1, ...: false and true, or two to ``most`` texts by code point; None if not."""
    bools = {text.lower(): text for text in texts}
    if bools.keys() <= BOOLS.keys():
        return bools.get("false", "False"), bools.get("true", "True")
    if not 2 <= len(texts) <= most or any(Text().complaint(text) for text in texts):
        return None
    return tuple(sorted(texts))


def _key(text: str) -> str | float:
    """Return what equal classes have in common: a number, a bool or a text."""
    text = text.strip()
    value = number(text)
    if value is not None:
        return value
    return text.lower() if text.lower() in BOOLS else text
