"""The levels above: results computed anew, and figures drawn anew, compared with what the lock and the folder hold."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from bpviz import tables
from bpviz.messages.text import listed
from bpviz.outputs import lockfile, provenance
from bpviz.outputs.build import TABLES, Job
from bpviz.outputs.drift import Change, Checked, Drift, Picture
from bpviz.outputs.drift.inputs import Subject, check_expectations
from bpviz.outputs.provenance import versions
from bpviz.tables import tolerance

if TYPE_CHECKING:
    from pathlib import Path

    from bpviz.config import Experiment
    from bpviz.outputs.build import Outcome
    from bpviz.outputs.lockfile import Lock

_CURVES = 7  # in one picture
_NAMED = 4  # modules


class Task(NamedTuple):
    """Outputs whose results, and figures, are made anew, aside."""

    subject: Subject
    before: Lock
    experiment: Experiment
    job: Job
    checked: Checked


def task(subject: Subject, experiment: Experiment, aside: Path, level: str, checked: Checked) -> Task:
    """Return what is to be done for a level in the folder ``aside``."""
    assert subject.before
    before = subject.before
    experiment = subject.as_asked(experiment)
    if level != "pixels":
        return Task(subject, before, experiment, Job(replace(experiment, figures=()), aside, (), False), checked)
    drawn = _minor(before.versions) == _minor(versions(experiment))
    formats = ("png",) if drawn and "png" in subject.asked.formats else ()
    return Task(subject, before, experiment, Job(experiment, aside, formats, False, origin=before.origin), checked)


def _minor(made_with: Mapping[str, str]) -> str:
    """Return the minor version of matplotlib: ``3.10``."""
    return ".".join(made_with.get("matplotlib", "unknown").split(".")[:2])


def compare(task: Task, outcome: Outcome, level: str) -> None:
    """Note what is other now."""
    checked, before = task.checked, task.before
    runs = tables.summary(outcome.results)["runs"]
    check_expectations(checked, task.experiment, runs, tables.unmet(outcome.results))
    missing = [name for name in _files(task) if name not in before.files]
    checked.drifts += [
        Drift(
            "results",
            replace(_at(task, ""), file=str(task.subject.folder / lockfile.NAME), message=f"{name} is missing"),
        )
        for name in missing
    ]
    _results(task, outcome, runs)
    if level == "pixels":
        _pixels(task, outcome)
    if checked.at("results") or checked.at("pixels"):
        checked.notes += _why(task)


def _files(task: Task) -> list[str]:
    """Return the names of all files of an experiment."""
    figures = [figure.file_name() for figure in task.experiment.figures]
    return [*TABLES, *(f"{name}.{suffix}" for name in figures for suffix in task.subject.asked.formats)]


def _at(task: Task, path: str) -> Any:
    """Return the place of a value of the config, as a mistake with nothing said yet."""
    return task.subject.source.written().place(path).mistake(path, "")


def _why(task: Task) -> Iterator[str]:
    """Yield what may be behind a difference besides the config."""
    folder, before = task.subject.folder, task.before
    code = provenance.other_code(before.code)
    if code:
        more = [f"{len(code) - _NAMED} more"] if len(code) > _NAMED + 1 else []
        named = [*code[:_NAMED], *more] if more else code
        yield f"{folder}: since the outputs were made, bpviz's own {listed(named, 'and')} changed"
    now = versions(task.experiment)
    other = [
        f"{name} {now[name]} (was {before.versions.get(name)})"
        for name in now
        if before.versions.get(name) != now[name]
    ]
    if other:
        yield f"{folder}: this runs {listed(other, 'and')}"
    if not code and not other and not task.checked.at("inputs"):
        yield f"{folder}: neither the config nor bpviz nor a version has changed since the outputs were made"


# -- results ---------------------------------------------------------------------------------------------------------


def _results(task: Task, outcome: Outcome, runs: Sequence[Mapping[str, Any]]) -> None:
    was = {_key(run): run for run in task.before.results}
    starts = len({json.dumps(run["start"]) for run in runs}) > 1
    labels = [algorithm.label for algorithm in task.experiment.algorithms]
    parted = []
    for number, run in enumerate(runs):
        label = run["label"]
        said = f"{label} from {tables.point(run['start'])}" if starts else label
        place = _at(task, f"algorithms[{labels.index(label)}]")
        recorded = was.pop(_key(run), None)
        if recorded is None:
            task.checked.drifts.append(Drift("results", replace(place, message=f"{said} is not among the results")))
            continue
        largest = max((abs(e) for e in outcome.results.runs[number].errors.tolist() if math.isfinite(e)), default=0.0)
        changes = [Change(said, *change) for change in _changes(recorded, run, largest, outcome.results.weights)]
        if changes:
            words = listed([f"{c.what} {c.now} (was {c.was})" for c in changes], "and")
            task.checked.drifts.append(Drift("results", replace(place, message=f"{said} came to {words}")))
            task.checked.changes += changes
            parted.append(number)
    for recorded in was.values():
        message = f"{recorded.get('label')} is among the results, and is not run any more"
        task.checked.drifts.append(Drift("results", replace(_at(task, "algorithms"), message=message)))
    if parted:
        task.checked.pictures += _curves(task, outcome, parted)


def _key(run: Mapping[str, Any]) -> str:
    return json.dumps([run.get("label"), run.get("start")])


def _changes(
    was: Mapping[str, Any], now: Mapping[str, Any], largest: float, names: Sequence[str]
) -> Iterator[tuple[str, str, str]]:
    """Yield what differs between a run of a lock and the run now, whose errors were at most ``largest``.

    ``names`` are those of the weights.
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
        yield "error", _shown(was.get("final_error")), _shown(error)
    before, after = was.get("weights"), now["weights"]
    before = before if isinstance(before, list) and len(before) == len(after) else [None] * len(after)
    scale = tolerance.for_weights(after)
    for name, w, v in zip(names, before, after, strict=True):
        if not same(w, v, scale):
            yield name, _shown(w), _shown(v)


def same(was: Any, now: float | None, allowed: float) -> bool:
    """Tell whether a number of a lock, which holds nine digits, is within ``allowed`` of what it is now."""
    if was is None or now is None:  # what is not finite
        return was is now
    if isinstance(was, bool) or not isinstance(was, int | float) or not math.isfinite(was):
        return False
    last = 10.0 ** (math.floor(math.log10(abs(was))) - tolerance.DIGITS + 1) if was else 0.0
    return abs(was - now) <= allowed + 0.5 * last * (1 + tolerance.RELATIVE)


def _shown(value: Any) -> str:
    if value is None:
        return "nothing finite"
    return f"{value:.{tolerance.DIGITS}g}" if isinstance(value, float) else str(value)


def _curves(task: Task, outcome: Outcome, parted: Sequence[int]) -> Iterator[Picture]:
    """Yield the errors by epoch of runs that came to something else, beside those that history.csv holds."""
    from bpviz.outputs.drift.images import curves

    recorded = _history(task.subject.folder / "history.csv")
    results = outcome.results
    starts = list(dict.fromkeys(run.start for run in results.runs))
    pairs = []
    for number in parted[:_CURVES]:
        run = results.runs[number]
        was = recorded.get((run.label, starts.index(run.start) + 1))
        if was:
            said = f"{run.label} {tables.point(run.start)}" if len(starts) > 1 else run.label
            pairs.append((number, said, was, run.errors.tolist()))
    if not pairs:
        task.checked.notes.append(f"{task.subject.folder}: history.csv does not hold the runs, so there is no picture")
        return
    more = len(parted) - _CURVES
    said = "The error by epoch as it is in history.csv, as it is now, and the distance between the two."
    said += f" {more} more runs differ." if more > 0 else ""
    yield Picture("results", "Error by epoch", said, curves(pairs, results.error_threshold))


def _history(path: Path) -> dict[tuple[str, int], list[float]]:
    """Return the errors by epoch of every run that a table holds, by label and number of the start."""
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
    """Compare what figures show, and the pixels of those that were drawn anew."""
    checked, before, formats = task.checked, task.before, task.subject.asked.formats
    theirs = bool(provenance.other_code(before.code)) or bool(checked.at("inputs"))
    rounded = []
    for number, figure in enumerate(task.experiment.figures):
        said: list[str] = []
        name = figure.file_name()
        files = [f"{name}.{suffix}" for suffix in formats if f"{name}.{suffix}" in before.files]
        if task.job.formats and f"{name}.png" in files:
            said += _drawn(task, f"{name}.png")
        other = [file for file in files if before.files[file].get("shows") != outcome.shows[number]]
        if other and not theirs:
            rounded += other
        elif other := [file for file in other if not said or not file.endswith(".png")]:
            shows = "shows" if len(other) == 1 else "show"
            said.append(f"{listed(other, 'and')} {shows} something else than there is to show now")
        if said:
            place = replace(_at(task, f"figures[{number}]"), message="; ".join(said))
            checked.drifts.append(Drift("pixels", place))
    folder = task.subject.folder
    if "png" in formats and not task.job.formats and task.experiment.figures:
        checked.notes.append(
            f"{folder}: skipped: drawn with {_minor(before.versions)}, running {_minor(versions(task.experiment))}"
        )
    others = [name for name in _files(task) if name.endswith((".svg", ".pdf"))]
    if others:
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        checked.notes.append(f"{folder}: skipped: {others[0]}{more}: only PNGs have pixels")
    if rounded:
        checked.notes.append(
            f"{folder}: not counted: {listed(rounded, 'and')} would show the same to all but the last digits, "
            "which another processor or another NumPy rounds otherwise"
        )


def _drawn(task: Task, file: str) -> Iterator[str]:
    """Yield how a PNG differs from what is drawn now."""
    from bpviz.outputs import images

    try:
        expected = (task.subject.folder / file).read_bytes()
    except OSError:
        return  # said at the first level
    actual = (task.job.folder / file).read_bytes()
    try:
        found = images.compare(images.decode(expected), images.decode(actual))
    except images.UnreadableError as error:
        yield f"{file} {error}"
        return
    if found.same:
        return
    said = f"{file} differs from what is drawn now by {found.said}"
    task.checked.pictures.append(
        Picture(
            file.removesuffix(".png"),
            file,
            f"{found.said[0].upper()}{found.said[1:]}.",
            {"expected": expected, "actual": actual, "difference": found.difference()},
        )
    )
    yield said
