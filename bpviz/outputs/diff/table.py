"""Differences as a table and as JSON data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bpviz import tables
from bpviz.tables import Table, schemas

if TYPE_CHECKING:
    from bpviz.outputs.diff.compare import Changed
    from bpviz.outputs.diff.read import Side


def table(changed: Sequence[Changed], *, several: bool) -> Table:
    """Return a table with one row per difference; ``several`` adds a column of experiments."""
    many = Counter(label for label, _ in {(one.label, one.start) for one in changed})  # starts of each label
    titles = [*(["experiment"] if several else []), "Algorithm", "quantity", "old", "new", "change"]
    rows = []
    for one in changed:
        label = f"{one.label} from {tables.point(one.start)}" if many[one.label] > 1 else one.label
        front = [*([one.experiment] if several else []), label]
        if one.change != "changed":
            number, noun = (one.epochs, "epoch") if one.label else (one.runs, "run")
            size = f"{number} {noun}{'' if number == 1 else 's'}"
            old, new = ("", size) if one.change == "added" else (size, "")
            rows.append([*front, one.change, old, new, ""])
        for difference in one.differences:
            change = "" if difference.relative is None else f"{100 * difference.relative:+.3g}%"
            rows.append([*front, difference.what, *_distinct(difference.old, difference.new), change])
    return Table(titles, rows, [*([False] if several else []), False, False, True, True, True])


def _distinct(old: Any, new: Any) -> tuple[str, str]:
    """Return two values as text, with at least four digits and enough to distinguish them."""
    for digits in range(4, 18):
        texts = _text(old, digits), _text(new, digits)
        if texts[0] != texts[1]:
            break
    return texts


def _text(value: Any, digits: int) -> str:
    if value is None:
        return "non-finite"
    if isinstance(value, list):
        return f"({', '.join(_text(x, digits) for x in value)})"
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)


def as_data(old: Side, new: Side, changed: Sequence[Changed]) -> dict[str, Any]:
    """Return the differences as plain data for JSON, with exact numbers."""
    experiments: dict[str, dict[str, Any]] = {}
    for one in changed:
        whole = one.change if not one.label else "changed"
        of = experiments.setdefault(one.experiment, {"name": one.experiment, "change": whole, "runs": []})
        if one.label:
            of["runs"].append(
                {
                    "label": one.label,
                    "start": list(one.start),
                    "change": one.change,
                    "differences": [difference._asdict() for difference in one.differences],
                }
            )
    return {
        "schema": schemas.DIFF,
        "old": old.name,
        "new": new.name,
        "same": not changed,
        "experiments": list(experiments.values()),
    }
