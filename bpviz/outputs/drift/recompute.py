"""Levels ``results`` and ``pixels`` of a check: run the algorithms and draw the figures again, and compare."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from bpviz import tables
from bpviz.messages.text import join_words
from bpviz.outputs import lockfile, provenance
from bpviz.outputs.build import TABLES, Job
from bpviz.outputs.drift import Change, CheckResult, Drift, Picture
from bpviz.outputs.drift.inputs import Subject, check_expectations
from bpviz.outputs.provenance import versions
from bpviz.tables import tolerance

if TYPE_CHECKING:
    from pathlib import Path

    from bpviz.config import Experiment
    from bpviz.outputs.build import Outcome
    from bpviz.outputs.lockfile import Lock

_CURVES = 7  # runs in one plot
_NAMED = 4  # source files that are listed


class Task(NamedTuple):
    """Outputs to check, and the job that repeats them in a temporary folder."""

    subject: Subject
    before: Lock
    experiment: Experiment
    job: Job
    checked: CheckResult


def task(subject: Subject, experiment: Experiment, temporary: Path, level: str, checked: CheckResult) -> Task:
    """Return the task that repeats the outputs, as far as a level compares them, in the folder ``temporary``."""
    assert subject.before
    before = subject.before
    experiment = subject.with_options(experiment)
    if level != "pixels":
        return Task(subject, before, experiment, Job(replace(experiment, figures=()), temporary, (), False), checked)
    drawn = _minor(before.versions) == _minor(versions(experiment))
    formats = ("png",) if drawn and "png" in subject.asked.formats else ()
    return Task(subject, before, experiment, Job(experiment, temporary, formats, False, origin=before.origin), checked)


def _minor(made_with: Mapping[str, str]) -> str:
    """Return the minor version of matplotlib, like ``3.10``."""
    return ".".join(made_with.get("matplotlib", "unknown").split(".")[:2])


def compare(task: Task, outcome: Outcome, level: str) -> None:
    """Compare the repeated results and figures with the recorded ones, and record the drifts."""
    checked, before = task.checked, task.before
    runs = tables.summary(outcome.results)["runs"]
    check_expectations(checked, task.experiment, runs, tables.unmet(outcome.results))
    missing = [name for name in _files(task) if name not in before.files]
    checked.drifts += [
        Drift(
            "results",
            replace(
                _at(task, ""),
                file=str(task.subject.folder / lockfile.NAME),
                message=f"{name} is not listed",
            ),
        )
        for name in missing
    ]
    _results(task, outcome, runs)
    if level == "pixels":
        _pixels(task, outcome)
    if checked.at("results") or checked.at("pixels"):
        checked.notes += _causes(task)


def _files(task: Task) -> list[str]:
    """Return the names of all files of an experiment."""
    figures = [figure.file_name() for figure in task.experiment.figures]
    return [*TABLES, *(f"{name}.{suffix}" for name in figures for suffix in task.subject.asked.formats)]


def _at(task: Task, path: str) -> Any:
    """Return the place of a value of the config, as a mistake without a message."""
    return task.subject.source.places().place(path).mistake(path, "")


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
        place = _at(task, f"algorithms[{labels.index(label)}]")
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
        task.checked.drifts.append(Drift("results", replace(_at(task, "algorithms"), message=message)))
    if differing:
        task.checked.pictures += _curves(task, outcome, differing)


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
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                found.setdefault((row["label"], int(row["start"])), []).append(float(row["error"]))
    except (OSError, ValueError, KeyError, TypeError, csv.Error):
        return {}
    return found


# -- pixels ----------------------------------------------------------------------------------------------------------


def _pixels(task: Task, outcome: Outcome) -> None:
    """Compare the plotted data of figures, and the pixels of those that were drawn again."""
    checked, before, formats = task.checked, task.before, task.subject.asked.formats
    explained = bool(provenance.changed_code(before.code)) or bool(checked.at("inputs"))
    rounded = []
    for number, figure in enumerate(task.experiment.figures):
        messages: list[str] = []
        name = figure.file_name()
        files = [f"{name}.{suffix}" for suffix in formats if f"{name}.{suffix}" in before.files]
        if task.job.formats and f"{name}.png" in files:
            messages += _image_drift(task, f"{name}.png")
        other = [file for file in files if before.files[file].get("shows") != outcome.shows[number]]
        if other and not explained:
            rounded += other
        elif other := [file for file in other if not messages or not file.endswith(".png")]:
            messages.append(f"plotted data changed: {', '.join(other)}")
        if messages:
            place = replace(_at(task, f"figures[{number}]"), message="; ".join(messages))
            checked.drifts.append(Drift("pixels", place))
    folder = task.subject.folder
    if "png" in formats and not task.job.formats and task.experiment.figures:
        checked.notes.append(
            f"{folder}: pixel comparison skipped (figures drawn with matplotlib {_minor(before.versions)}, "
            f"installed: {_minor(versions(task.experiment))})"
        )
    others = [name for name in _files(task) if name.endswith((".svg", ".pdf"))]
    if others:
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        checked.notes.append(f"{folder}: pixel comparison skipped for {others[0]}{more} (not PNG)")
    if rounded:
        checked.notes.append(
            f"{folder}: ignored: plotted data of {join_words(rounded, 'and')} differs only in the last digits "
            "(different CPU or NumPy version)"
        )


def _image_drift(task: Task, file: str) -> Iterator[str]:
    """Yield a message if a PNG differs from its redrawn version."""
    from bpviz.outputs import images

    try:
        expected = (task.subject.folder / file).read_bytes()
    except OSError:
        return  # reported at level inputs
    actual = (task.job.folder / file).read_bytes()
    try:
        found = images.compare(images.decode(expected), images.decode(actual))
    except images.UnreadableError as error:
        yield f"{file}: {error}"
        return
    if found.same:
        return
    task.checked.pictures.append(
        Picture(
            file.removesuffix(".png"),
            file,
            f"{found.description[0].upper()}{found.description[1:]}.",
            {"expected": expected, "actual": actual, "difference": found.difference()},
        )
    )
    yield f"{file}: {found.description}"
