"""What changed, as a table and as data."""

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
    """Return what changed as a table, a row a difference; with ``several`` experiments their names stand in front."""
    many = Counter(label for label, _ in {(one.label, one.start) for one in changed})  # starts of each label
    titles = [*(["experiment"] if several else []), "Algorithm", "what", "old", "new", "change"]
    rows = []
    for one in changed:
        label = f"{one.label} from {tables.point(one.start)}" if many[one.label] > 1 else one.label
        front = [*([one.experiment] if several else []), label]
        if one.change != "changed":
            number, noun = (one.epochs, "epoch") if one.label else (one.runs, "run")
            there = f"{number} {noun}{'' if number == 1 else 's'}"
            old, new = ("", there) if one.change == "added" else (there, "")
            rows.append([*front, one.change, old, new, ""])
        for difference in one.differences:
            change = "" if difference.relative is None else f"{100 * difference.relative:+.3g}%"
            rows.append([*front, difference.what, *_told_apart(difference.old, difference.new), change])
    return Table(titles, rows, [*([False] if several else []), False, False, True, True, True])


def _told_apart(old: Any, new: Any) -> tuple[str, str]:
    """Return two values as text, to as many digits as it takes to tell one from the other, four at least."""
    for digits in range(4, 18):
        said = _said(old, digits), _said(new, digits)
        if said[0] != said[1]:
            break
    return said


def _said(value: Any, digits: int) -> str:
    if value is None:
        return "not finite"
    if isinstance(value, list):
        return f"({', '.join(_said(x, digits) for x in value)})"
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)


def as_data(old: Side, new: Side, changed: Sequence[Changed]) -> dict[str, Any]:
    """Return what changed as plain data, exact."""
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
