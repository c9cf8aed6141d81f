"""Levels ``results`` and ``pixels`` of a check: run the algorithms and draw the figures again, and compare."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from bpviz import tables
from bpviz.config import Mistake
from bpviz.outputs import lockfile, provenance, rounding
from bpviz.outputs.build import Job, tables_of
from bpviz.outputs.drift import Change, CheckResult, Drift, Picture, figures
from bpviz.outputs.drift.inputs import Subject, check_expectations
from bpviz.outputs.drift.tasks import Task
from bpviz.outputs.names import FIGURE_FORMATS
from bpviz.outputs.provenance import versions
from bpviz.storage.reading import UnreadableError, read
from bpviz.storage.untrusted import LARGEST_OUTPUT
from bpviz.tables import tolerance

if TYPE_CHECKING:
    from pathlib import Path

    from bpviz.config import Experiment
    from bpviz.outputs.build import Outcome
    from bpviz.outputs.lockfile import Lock

_CURVES = 7  # runs in one plot
_NAMED = 4  # source files that are listed
_NOT_REPEATED = "differs from that of a fresh run of the config"


def task(subject: Subject, experiment: Experiment, temporary: Path, level: str, checked: CheckResult) -> Task:
    """Return the task that repeats the outputs, as far as a level compares them, in the folder ``temporary``."""
    assert subject.before
    before = subject.before
    if level != "inputs":
        checked.drifts += _unlisted(subject.folder, before, experiment)
    experiment = subject.with_options(experiment)
    if level != "pixels":
        return Task(subject, before, experiment, Job(replace(experiment, figures=()), temporary, (), False), checked)
    formats = tuple(subject.asked.formats) if figures.comparable(before.versions, versions(experiment)) else ()
    return Task(subject, before, experiment, Job(experiment, temporary, formats, False, origin=before.origin), checked)


def _unlisted(folder: Path, before: Lock, experiment: Experiment) -> Iterator[Drift]:
    """Yield the drifts of figures that exist but are not listed in the lockfile, so that no level compares them."""
    for figure in experiment.figures:
        for suffix in FIGURE_FORMATS:
            name = f"{figure.file_name()}.{suffix}"
            if name not in {**before.files, **before.left_over} and os.path.lexists(folder / name):
                message = f"not listed in {lockfile.NAME}; delete it, or draw it with --format {suffix}"
                yield Drift("results", Mistake(str(folder / name), 0, 0, "", message))


def compare(task: Task, outcome: Outcome, level: str) -> None:
    """Compare the repeated results and figures with the outputs, and record the drifts.

    At level ``inputs``, only the expectations are compared with the results.
    """
    checked, before = task.checked, task.before
    check_expectations(checked, task.experiment, outcome.runs, tables.unmet(outcome.results))
    if level == "inputs":
        return
    lock = str(task.subject.folder / lockfile.NAME)
    checked.drifts += [
        Drift("results", replace(task.at(""), file=lock, message=f"{name} is not listed"))
        for name in task.files
        if name not in before.files
    ]
    _results(task, outcome, outcome.runs)
    if not checked.drifts:  # others, such as a changed config, explain differences of the files
        checked.drifts += _tables(task, outcome)
        checked.drifts += [
            Drift("results", Mistake(lock, 0, 0, "", f"{name} is listed, but the config does not produce it"))
            for name in before.files
            if name not in task.files
        ]
        if not rounding.same_table(before.table, outcome.results):
            checked.drifts.append(Drift("results", Mistake(lock, 0, 0, "", f"the printed table {_NOT_REPEATED}")))
    if level == "pixels":
        figures.compare(task, outcome)
    if checked.at("results") or checked.at("pixels"):
        checked.notes += _causes(task)


def _causes(task: Task) -> Iterator[str]:
    """Yield notes about possible causes of a difference other than the config."""
    folder, before = task.subject.folder, task.before
    code = provenance.changed_code(before.code)
    if code:
        more = [f"{len(code) - _NAMED} more"] if len(code) > _NAMED + 1 else []
        named = [*code[:_NAMED], *more] if more else code
        yield f"{folder}: bpviz source files changed since the last run: {', '.join(named)}"
    now = versions(task.experiment)
    other = [
        f"{name} {before.versions.get(name)} -> {now[name]}" for name in now if before.versions.get(name) != now[name]
    ]
    if other:
        yield f"{folder}: versions changed since the last run: {', '.join(other)}"
    if not code and not other and not task.checked.at("inputs"):
        yield f"{folder}: config, bpviz source files and versions are unchanged since the last run"


# -- results ---------------------------------------------------------------------------------------------------------


def _results(task: Task, outcome: Outcome, runs: Sequence[Mapping[str, Any]]) -> None:
    was = {_key(run): run for run in task.before.results}
    starts = len({json.dumps(run["start"]) for run in runs}) > 1
    labels = [algorithm.label for algorithm in task.experiment.algorithms]
    differing = []
    for number, run in enumerate(runs):
        label = run["label"]
        name = f"{label} from {tables.point(run['start'])}" if starts else label
        place = task.at(f"algorithms[{labels.index(label)}]")
        recorded = was.pop(_key(run), None)
        if recorded is None:
            task.checked.drifts.append(Drift("results", replace(place, message=f"{name} has no recorded result")))
            continue
        largest = max((abs(e) for e in outcome.results.runs[number].errors.tolist() if math.isfinite(e)), default=0.0)
        changes = [Change(name, *change) for change in _changes(recorded, run, largest, outcome.results.weights)]
        if changes:
            words = ", ".join(f"{c.what} {c.was} -> {c.now}" for c in changes)
            task.checked.drifts.append(Drift("results", replace(place, message=f"{name}: {words}")))
            task.checked.changes += changes
            differing.append(number)
    for recorded in was.values():
        message = f"{recorded.get('label')} has a recorded result, but is not in the config"
        task.checked.drifts.append(Drift("results", replace(task.at("algorithms"), message=message)))
    if differing:
        task.checked.pictures += _curves(task, outcome, differing)


def _tables(task: Task, outcome: Outcome) -> Iterator[Drift]:
    """Yield the drifts of tables whose content is not that of the repeated results, up to rounding."""
    new = tables_of(task.experiment, outcome.results, outcome.summary)
    old = {}
    for name, content in new.items():
        with contextlib.suppress(UnreadableError):
            old[name] = read(task.subject.folder / name, rounding.largest_size(content), links=False)
    for name in rounding.differing(old, new):
        line = _first_difference(old.get(name, b""), new[name])
        place = Mistake(str(task.subject.folder / name), line, 0, "", f"the content {_NOT_REPEATED}")
        yield Drift("results", place)


def _first_difference(old: bytes, new: bytes) -> int:
    """Return the number of the first line that differs."""
    pairs = zip_longest(old.splitlines(), new.splitlines())
    return next((number for number, (was, now) in enumerate(pairs, start=1) if was != now), 1)


def _key(run: Mapping[str, Any]) -> str:
    return json.dumps([run.get("label"), run.get("start")])


def _changes(
    was: Mapping[str, Any], now: Mapping[str, Any], largest: float, names: Sequence[str]
) -> Iterator[tuple[str, str, str]]:
    """Yield the differences between a recorded run and the current one as (quantity, recorded, current).

    ``largest`` is the largest absolute error of the current run, ``names`` are the names of the weights.
    """
    for name in ("epochs", "ending"):
        if was.get(name) != now[name]:
            yield name, _shown(was.get(name)), _shown(now[name])
    evaluations = was.get("evaluations")
    evaluations = evaluations if isinstance(evaluations, dict) else {}
    for kind in {**now["evaluations"], **evaluations}:
        before, after = evaluations.get(kind, 0), now["evaluations"].get(kind, 0)
        if before != after:
            yield f"{kind} evaluations", _shown(before), _shown(after)
    error = now["final_error"]
    if not same(was.get("final_error"), error, tolerance.for_error(error, largest)):
        yield "final error", _shown(was.get("final_error")), _shown(error)
    before, after = was.get("weights"), now["weights"]
    before = before if isinstance(before, list) and len(before) == len(after) else [None] * len(after)
    scale = tolerance.for_weights(after)
    for name, w, v in zip(names, before, after, strict=True):
        if not same(w, v, scale):
            yield name, _shown(w), _shown(v)


def same(was: Any, now: float | None, allowed: float) -> bool:
    """Return whether a recorded number, rounded to nine digits, is within ``allowed`` of the current one."""
    if was is None or now is None:  # not finite
        return was is now
    if isinstance(was, bool) or not isinstance(was, int | float) or not math.isfinite(was):
        return False
    last = 10.0 ** (math.floor(math.log10(abs(was))) - tolerance.DIGITS + 1) if was else 0.0
    return abs(was - now) <= allowed + 0.5 * last * (1 + tolerance.RELATIVE)


def _shown(value: Any) -> str:
    if value is None:
        return "non-finite"
    return f"{value:.{tolerance.DIGITS}g}" if isinstance(value, float) else str(value)


def _curves(task: Task, outcome: Outcome, differing: Sequence[int]) -> Iterator[Picture]:
    """Yield a plot of the errors per epoch of runs that differ, with those recorded in history.csv."""
    from bpviz.outputs.drift.images import curves

    recorded = _history(task.subject.folder / "history.csv")
    results = outcome.results
    starts = list(dict.fromkeys(run.start for run in results.runs))
    pairs = []
    for number in differing[:_CURVES]:
        run = results.runs[number]
        was = recorded.get((run.label, starts.index(run.start) + 1))
        if was:
            label = f"{run.label} {tables.point(run.start)}" if len(starts) > 1 else run.label
            pairs.append((number, label, was, run.errors.tolist()))
    if not pairs:
        task.checked.notes.append(
            f"{task.subject.folder}: errors per epoch not plotted (history.csv is missing or damaged)"
        )
        return
    more = len(differing) - _CURVES
    caption = "Error per epoch: recorded in history.csv, now, and the absolute difference."
    caption += f" {more} more {'run differs' if more == 1 else 'runs differ'}." if more > 0 else ""
    yield Picture("results", "Error per epoch", caption, curves(pairs, results.error_threshold))


def _history(path: Path) -> dict[tuple[str, int], list[float]]:
    """Return the errors per epoch of every run in history.csv, by label and number of the start."""
    found: dict[tuple[str, int], list[float]] = {}
    try:
        text = read(path, LARGEST_OUTPUT, links=False).decode()
        for row in csv.DictReader(io.StringIO(text, newline="")):
            found.setdefault((row["label"], int(row["start"])), []).append(float(row["error"]))
    except (UnreadableError, ValueError, KeyError, TypeError, csv.Error):
        return {}
    return found
