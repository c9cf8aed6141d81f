"""Read an output folder of `bpviz run` to export it to a tracker.

A run has an id that depends neither on the time and path of the export nor on the other algorithms and figures of the
config, and a hash of its content. With both, a tracker finds runs that were exported before and detects changes.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from bpviz.storage import hashing
from bpviz.storage.reading import UnreadableError
from bpviz.storage.reading import read as read_file
from bpviz.storage.untrusted import LARGEST_OUTPUT, parse
from bpviz.tables import point
from bpviz.tables.schemas import SUMMARY

EXPORT_VERSION = 1
"""Version of the exported data. Increase it when the data changes, so that the next export updates all runs."""

PICTURES = (".png", ".svg", ".pdf")
_TABLES = ("run.json", "summary.json", "summary.csv", "summary.md", "history.csv")
_NOT_OF_RUNS = ("title", "figures", "style", "labels", "expect")  # parts of an experiment that do not affect runs
_NOT_SETTINGS = ("name", "label", "color", "marker")  # keys of an algorithm that are not settings of its rule
_RERUN = "rerun its config with `bpviz run`"
_USE_OUTPUTS = "use a folder written by `bpviz run`, such as outputs/neupy"
_LONGEST = 250  # characters of a parameter; run.json has the full value


class OutputsError(Exception):
    """The reasons why a folder cannot be exported, one per line, each starting with the folder."""


@dataclass(frozen=True, eq=False)
class Run:
    """One algorithm from one start: its parameters and its results."""

    id: str
    name: str
    """The label, with the start if the experiment has several."""
    config: str
    """Hash of everything that determines the run; equal in all experiments that contain it."""
    params: dict[str, Any]
    """Algorithm, label, settings, start and the other settings of the experiment, as nested plain data."""
    summary: dict[str, float]
    ending: str
    metrics: tuple[str, ...]
    """Column names of ``history``: error, weights/w1, evaluations/gradient, ..."""
    history: list[tuple[float, ...]]
    """One row per epoch; the first is the start."""
    versions: dict[str, str]

    @property
    def algorithm(self) -> str:
        return str(self.params["algorithm"])

    @property
    def content(self) -> str:
        """Hash of all exported data."""
        parts = (self.name, self.config, self.params, self.summary, self.ending, self.metrics, self.versions)
        return hashing.of_data([EXPORT_VERSION, *parts, self.history])


@dataclass(frozen=True, eq=False)
class Outputs:
    """An output folder: its runs, and the overview with the files that all runs share."""

    folder: Path
    name: str
    """The name of the folder, by which trackers group runs."""
    title: str
    id: str
    config: str
    params: dict[str, Any]
    runs: list[Run]
    files: list[Path]
    """Tables, run.json and figures."""
    versions: dict[str, str]
    content: str
    """Hash of all exported data of the overview."""

    @property
    def pictures(self) -> list[Path]:
        """The figures that trackers can display, which are PNG files."""
        return [path for path in self.files if path.suffix == ".png"]


def place(folder: Path) -> Path:
    """Return the absolute path of a folder, without resolving symbolic links."""
    return Path(os.path.normpath(Path.cwd() / folder))


def parent(folder: Path) -> Path:
    """Return the parent of a folder, as a relative path where possible."""
    return folder.parent if folder.name not in ("", "..") else place(folder).parent


def find(folders: Iterable[Path]) -> list[Path]:
    """Return output folders without duplicates; a folder that is none itself is replaced by those in it."""
    found: dict[Path, Path] = {}
    for folder in folders:
        inner = (
            [] if _is_output_folder(folder) else sorted(path for path in folder.glob("*") if _is_output_folder(path))
        )
        found |= {place(path): path for path in inner or [folder]}
    return list(found.values())


def _is_output_folder(folder: Path) -> bool:
    return any(os.path.lexists(folder / name) for name in ("run.json", "summary.json"))


def read(folder: Path) -> Outputs:
    """Return the outputs in a folder. Raises OutputsError with all reasons why it cannot be exported."""
    _check(folder)
    resolved, summary = (_json(folder / name) for name in ("run.json", "summary.json"))
    try:
        versions = {str(name): str(version) for name, version in resolved["versions"].items()}
        experiment = {k: v for k, v in resolved["experiment"].items() if k not in ("start", *_NOT_OF_RUNS)}
        algorithms = {entry["label"]: dict(entry) for entry in experiment.pop("algorithms")}
        runs = list(_runs(folder, summary["runs"], algorithms, experiment, versions))
        title = str(summary["title"])
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        _refuse(folder, f"run.json and summary.json do not match; {_RERUN}")
    config = hashing.of_data([run.config for run in runs])
    name, files = place(folder).name, _files(folder)
    contents = {path.name: hashing.of_bytes(_bytes(path)) for path in files}
    return Outputs(
        folder=folder,
        name=name,
        title=title,
        id=hashing.of_data([name, "overview", config]),
        config=config,
        params=experiment,
        runs=runs,
        files=files,
        versions=versions,
        content=hashing.of_data([EXPORT_VERSION, title, config, versions, contents]),
    )


def _runs(
    folder: Path,
    entries: Sequence[Mapping[str, Any]],
    algorithms: Mapping[str, Mapping[str, Any]],
    experiment: Mapping[str, Any],
    versions: dict[str, str],
) -> Iterator[Run]:
    starts = [tuple(map(float, entry["start"])) for entry in entries]
    histories = _histories(folder / "history.csv", entries, starts)
    for entry, start, (metrics, history) in zip(entries, starts, histories, strict=True):
        label = str(entry["label"])
        settings = {key: value for key, value in algorithms[label].items() if key not in _NOT_SETTINGS}
        params = {"algorithm": entry["algorithm"], "label": label, "settings": settings, "start": list(start)}
        if algorithms[label]["name"] != entry["algorithm"]:
            raise ValueError(label)
        config = hashing.of_data([params, experiment])
        yield Run(
            id=hashing.of_data([place(folder).name, config]),
            name=f"{label} from {point(start)}" if len(set(starts)) > 1 else label,
            config=config,
            params={**params, **experiment},
            summary={"epochs": len(history) - 1, "final_error": history[-1][0]},
            ending=str(entry["ending"]),
            metrics=metrics,
            history=history,
            versions=versions,
        )


def _refuse(folder: Path, *reasons: str) -> NoReturn:
    raise OutputsError("\n".join(f"{folder}: {reason}" for reason in reasons))


def _files(folder: Path) -> list[Path]:
    pictures = sorted(path for path in folder.iterdir() if path.suffix in PICTURES and not path.name.startswith("."))
    return [*(folder / name for name in _TABLES), *pictures]


def _check(folder: Path) -> None:
    """Raise OutputsError if a path is not an output folder, lacks a file, or has a symbolic link instead of a file."""
    if not folder.is_dir():
        _refuse(folder, f"{'not a folder' if folder.exists() else 'no such folder'}; {_USE_OUTPUTS}")
    try:
        missing = [name for name in _TABLES if not os.path.lexists(folder / name)]
        links = [path.name for path in _files(folder) if path.is_symlink()]
    except OSError as error:
        _refuse(folder, f"cannot read the folder: {error.strerror or error}")
    if not _is_output_folder(folder):
        _refuse(folder, f"not an output folder of `bpviz run`; {_USE_OUTPUTS}")
    reasons = [f"missing {name}; {_RERUN}" for name in missing]
    reasons += [f"{name} is a symbolic link (expected a file); remove it" for name in links]
    if reasons:
        _refuse(folder, *reasons)


def _bytes(path: Path) -> bytes:
    try:
        return read_file(path, LARGEST_OUTPUT, links=False)
    except UnreadableError as error:
        _refuse(path.parent, f"cannot read {path.name} ({error})")


def _text(path: Path) -> str:
    try:
        return _bytes(path).decode("utf-8")
    except UnicodeDecodeError:
        _refuse(path.parent, f"invalid {path.name} (not UTF-8); {_RERUN}")


def _json(path: Path) -> dict[str, Any]:
    try:
        data = parse(_bytes(path))
    except UnreadableError:
        _refuse(path.parent, f"invalid {path.name} (not JSON); {_RERUN}")
    schema = data.get("schema") if isinstance(data, dict) else None
    if isinstance(schema, int) and schema > SUMMARY:
        versions = f"got schema {schema}, expected {SUMMARY}"
        _refuse(path.parent, f"{path.name} was written by a newer version of bpviz ({versions}); update bpviz")
    if schema != SUMMARY:
        _refuse(path.parent, f"invalid {path.name} (not written by `bpviz run`); {_RERUN}")
    return dict(data)


def _histories(
    path: Path, entries: Sequence[Mapping[str, Any]], starts: Sequence[tuple[float, ...]]
) -> list[tuple[tuple[str, ...], list[tuple[float, ...]]]]:
    """Return the names and values of the metrics of each run; values have one row per epoch."""
    numbers = {start: number for number, start in enumerate(dict.fromkeys(starts), start=1)}
    try:
        head, *rows = csv.reader(io.StringIO(_text(path), newline=""))
        kinds = [column.removesuffix("_evaluations") for column in head]
        found: dict[tuple[str, int], list[list[str]]] = {}
        for row in rows:
            found.setdefault((row[0], int(row[-1])), []).append(row)
        histories = []
        for entry, start in zip(entries, starts, strict=True):
            own = found.pop((entry["label"], numbers[start]))
            after = 3 + len(start)  # columns: label, epoch, error, weights, evaluations
            counted = [i for i in range(after, len(head) - 1) if kinds[i] in entry["evaluations"]]
            names = {2: "error", **{i: f"weights/{head[i].replace('/', '_')}" for i in range(3, after)}}
            names |= {i: f"evaluations/{kinds[i]}" for i in counted}
            values = [tuple(int(row[i]) if i in counted else float(row[i]) for i in names) for row in own]
            if entry["epochs"] != len(own) - 1 or [row[1] for row in own] != [str(e) for e in range(len(own))]:
                raise ValueError(f"{len(own) - 1} epochs")
            histories.append((tuple(names.values()), values))
    except (csv.Error, IndexError, KeyError, TypeError, ValueError):
        _refuse(path.parent, f"history.csv is damaged or does not match summary.json; {_RERUN}")
    return histories


def flat(params: Mapping[str, Any], before: str = "") -> dict[str, str | float | bool]:
    """Return nested parameters as strings, numbers and booleans under dotted names; long strings are truncated."""
    found: dict[str, str | float | bool] = {}
    for name, value in params.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{before}{name}.")
        elif isinstance(value, str | bool | int | float):
            found[before + name] = _short(value) if isinstance(value, str) else value
        else:
            found[before + name] = _short(json.dumps(value, ensure_ascii=False))
    return found


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}... (digest {hashing.of_bytes(text.encode())})"
