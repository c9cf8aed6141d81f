"""Compare the rules of bpviz with the recorded paths."""

from __future__ import annotations

import functools
import json
from typing import Any, NamedTuple

import numpy as np
from record import HERE, Case, difference, problems, run_name, unpacked
from record import PROBLEMS as RECORDED

from bpviz.declare import OPTIMIZERS, PROBLEMS, WRAPPERS
from bpviz.engine.loop import iterate
from bpviz.engine.results import Ending, Trajectory, record


class Compared(NamedTuple):
    """One run of a case, compared with the recorded path."""

    run: str
    updates: int  # number of compared updates
    largest: float  # difference relative to the largest weight so far; infinite if the rule ended earlier
    at: int  # update with the largest difference
    parted: int | None  # first update with a difference beyond its bound


@functools.cache
def manifest(family: str) -> dict[str, Any]:
    """Return the manifest of a family."""
    found: dict[str, Any] = json.loads((HERE / f"{family}.json").read_text(encoding="utf-8"))
    return found


@functools.cache
def _packed(family: str) -> dict[str, Any]:
    with np.load(HERE / f"{family}.npz") as paths:
        return dict(paths)


@functools.lru_cache(8)  # references of one rule are compared in succession
def _own(rule: str, settings: str, problem: str, updates: int) -> list[Trajectory]:
    made = _made(rule, **json.loads(settings))
    starts = RECORDED[problem].starts
    return record(iterate(made, PROBLEMS[problem](), starts, error_threshold=None, max_epochs=max(updates, 1)))


def _made(name: str, around: dict[str, Any] | None = None, **settings: Any) -> Any:
    return WRAPPERS[name](_made(**around), **settings) if around else OPTIMIZERS[name](**settings)


def compare(family: str, case: Case, updates: int | None = None) -> list[Compared]:
    """Compare every run of a case with its recorded path, over all updates or the first ones."""
    runs = manifest(family)["calls"][case.call]["runs"]
    paths = dict(
        zip(runs, unpacked(_packed(family)[case.call], [run["updates"] + 1 for run in runs.values()]), strict=True)
    )
    compared = []
    for name, problem in problems(case).items():
        of_problem = [run_name(name, start) for start in problem.starts]
        recorded = max(runs[run]["updates"] for run in of_problem)
        most = recorded if updates is None else min(recorded, updates)
        own = _own(case.rule, json.dumps(case.settings), name, most)
        for run, trajectory in zip(of_problem, own, strict=True):
            path = paths[run][: most + 1]
            bounds = np.zeros(len(path))
            for bound, first in runs[run]["bounds"].items():
                bounds[first:] = max(float(bound), case.tolerance)
            compared.append(_compared(run, path, _stretched(trajectory, len(path)), bounds))
    return compared


def _stretched(trajectory: Trajectory, rows: int) -> Any:
    """Return the first ``rows`` weights of a run; a stuck run keeps its last weights."""
    weights = trajectory.weights[:rows]
    if trajectory.ending is not Ending.STUCK:
        return weights
    return np.concatenate([weights, np.repeat(weights[-1:], rows - len(weights), axis=0)])


def _compared(run: str, path: Any, own: Any, bounds: Any) -> Compared:
    apart = np.full(len(path), np.inf)
    apart[: len(own)] = difference(path[: len(own)], own)
    at = int(np.argmax(apart))
    beyond = np.flatnonzero(~(apart <= bounds))
    return Compared(run, len(path) - 1, float(apart[at]), at, int(beyond[0]) if beyond.size else None)
