"""Compare the results of two output folders.

Experiments are matched by the names of their folders, runs by label and start. Integers and text are compared exactly,
computed numbers to the tolerance (see tables/tolerance.py).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from bpviz.config import ConfigError, Mistake
from bpviz.declare import KINDS
from bpviz.tables import tolerance

if TYPE_CHECKING:
    from bpviz.outputs.diff.read import Side


class Difference(NamedTuple):
    """A value of a run that differs; ``relative`` is the relative change, None if there is none."""

    what: str
    old: Any
    new: Any
    relative: float | None


@dataclass(frozen=True)
class Changed:
    """An experiment or a run that was added, removed or changed."""

    experiment: str
    change: str  # added, removed or changed
    label: str = ""  # of a run; empty for an experiment as a whole
    start: tuple[float, ...] = ()
    epochs: int = 0  # of a run that was added or removed
    runs: int = 0  # of an experiment that was added or removed
    differences: list[Difference] = field(default_factory=list)


def compare(old: Side, new: Side) -> list[Changed]:
    """Return the differences, sorted by experiment; runs are in the order of the new side.

    Raises ConfigError if one side is a single experiment and the other has several.
    """
    if old.single and new.single:
        ((_, before),), ((name, now),) = old.experiments.items(), new.experiments.items()
        return list(_changed_runs(name, before.runs, now.runs))
    mistakes = [
        Mistake(one.name, 0, 0, "", f"outputs of one experiment, but {other.name} has several")
        for one, other in ((old, new), (new, old))
        if one.single
    ]
    if mistakes:
        raise ConfigError(mistakes)
    changed: list[Changed] = []
    for name in sorted({*old.experiments, *new.experiments}):
        if name not in old.experiments:
            changed.append(Changed(name, "added", runs=len(new.experiments[name].runs)))
        elif name not in new.experiments:
            changed.append(Changed(name, "removed", runs=len(old.experiments[name].runs)))
        else:
            changed += _changed_runs(name, old.experiments[name].runs, new.experiments[name].runs)
    return changed


def _changed_runs(name: str, old: list[dict[str, Any]], new: list[dict[str, Any]]) -> Iterator[Changed]:
    before, after = _by_name(old), _by_name(new)
    for key, run in after.items():
        label, start, _ = key
        if key not in before:
            yield Changed(name, "added", label, start, epochs=run["epochs"])
        elif differences := list(_differences(before[key], run)):
            yield Changed(name, "changed", label, start, differences=differences)
    for key, run in before.items():
        if key not in after:
            yield Changed(name, "removed", key[0], key[1], epochs=run["epochs"])


def _by_name(runs: list[dict[str, Any]]) -> dict[tuple[str, tuple[float, ...], int], dict[str, Any]]:
    """Return runs by label, start and their number among those with the same label and start."""
    named: dict[tuple[str, tuple[float, ...], int], dict[str, Any]] = {}
    times = Counter[tuple[str, tuple[float, ...]]]()
    for run in runs:
        key = (run["label"], tuple(run["start"]))
        named[*key, times[key]] = run
        times[key] += 1
    return named


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    settings = [old.get("settings", {}), new.get("settings", {})]
    for what in ("algorithm", *(name for name in settings[0] if name in settings[1])):
        before, after = (
            (settings[0][what], settings[1][what]) if what in settings[0] else (old.get(what), new.get(what))
        )
        if before != after:
            yield Difference(what, before, after, _relative(before, after))
    whole = [("epochs", old["epochs"], new["epochs"])]
    whole += [(f"{kind} evals", old["evaluations"].get(kind, 0), new["evaluations"].get(kind, 0)) for kind in KINDS]
    for what, before, after in whole:
        if before != after:
            yield Difference(what, before, after, _relative(before, after))
    before, after = old["final_error"], new["final_error"]
    if not _close([before], [after]):
        yield Difference("final error", before, after, _relative(before, after))
    before, after = old["weights"], new["weights"]
    if not _close(before, after):
        yield Difference("end point", before, after, _moved(before, after))
    if old["ending"] != new["ending"]:
        yield Difference("ending", old["ending"], new["ending"], None)


def _close(old: Sequence[float | None], new: Sequence[float | None]) -> bool:
    """Return whether the distance of two points is within the tolerance, relative to their distance from zero.

    Numbers that are not finite are None; they must be None in both.
    """
    if len(old) != len(new) or [x is None for x in old] != [x is None for x in new]:
        return False
    before, after = ([x for x in point if x is not None] for point in (old, new))
    return math.dist(before, after) <= tolerance.RELATIVE * max(math.hypot(*before), math.hypot(*after))


def _relative(old: Any, new: Any) -> float | None:
    numbers = all(isinstance(x, int | float) and not isinstance(x, bool) for x in (old, new))
    return _finite((float(new) - float(old)) / abs(float(old))) if numbers and old else None


def _finite(change: float) -> float | None:
    return change if math.isfinite(change) else None


def _moved(old: Sequence[float | None], new: Sequence[float | None]) -> float | None:
    """Return how far an end point moved, relative to its distance from zero."""
    before, after = ([x for x in point if x is not None] for point in (old, new))
    if len(before) != len(old) or len(after) != len(old) or not any(before):
        return None
    length = math.hypot(*before)
    return _finite(math.dist(before, after) / length) if length else None
