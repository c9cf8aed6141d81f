"""An output folder of `bpviz run`, read back: what a tracker is handed.

A run has an id that does not depend on when or where it was exported, nor on what else the config compares or draws,
and a digest of its contents. With the two a tracker finds what it was handed before, and sees whether that still holds.
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
from bpviz.tables import point
from bpviz.tables.schemas import SUMMARY

HANDED = 1
"""Version of what trackers are handed; raised when that changes, so that a re-export brings it up to date."""

PICTURES = (".png", ".svg", ".pdf")
_TABLES = ("run.json", "summary.json", "summary.csv", "summary.md", "history.csv")
_BESIDE = ("figures", "expect")  # parts of an experiment that change no run
_ANEW = "write the folder anew with `bpviz run`"
_LONGEST = 250  # characters of a parameter; the whole of it stands in run.json


class OutputsError(Exception):
    """What keeps a folder from being exported: a sentence a line, each with its folder."""


@dataclass(frozen=True, eq=False)
class Run:
    """One algorithm from one start: what was asked for, and what happened."""

    id: str
    name: str
    """Its label, and where it started if the experiment has several starts."""
    config: str
    """Digest of what bears upon it: the same in every experiment that asks for the same run."""
    params: dict[str, Any]
    """Algorithm, label, settings, start, and what the experiment says besides: plain data, nested."""
    summary: dict[str, float]
    ending: str
    metrics: tuple[str, ...]
    """Names of the columns of ``history``: error, weights/w1, evaluations/gradient, ..."""
    history: list[tuple[float, ...]]
    """A row an epoch, the start first."""
    versions: dict[str, str]

    @property
    def algorithm(self) -> str:
        return str(self.params["algorithm"])

    @property
    def content(self) -> str:
        """Digest of all that is handed over."""
        parts = (self.name, self.config, self.params, self.summary, self.ending, self.metrics, self.versions)
        return hashing.of_data([HANDED, *parts, self.history])


@dataclass(frozen=True, eq=False)
class Outputs:
    """A folder of outputs: its runs, and what belongs to all of them, the overview."""

    folder: Path
    name: str
    """Of the folder: what runs are grouped by."""
    title: str
    id: str
    config: str
    params: dict[str, Any]
    runs: list[Run]
    files: list[Path]
    """Tables, run.json and figures."""
    versions: dict[str, str]
    content: str
    """Digest of all that is handed over as the overview."""

    @property
    def pictures(self) -> list[Path]:
        """The figures that a browser shows as they are."""
        return [path for path in self.files if path.suffix == ".png"]


def place(folder: Path) -> Path:
    """Return the whole path of a folder as it was named: a symbolic link in it stays one."""
    return Path(os.path.normpath(Path.cwd() / folder))


def beside(folder: Path) -> Path:
    """Return the folder in which a folder lies, as short as it was named."""
    return folder.parent if folder.name not in ("", "..") else place(folder).parent


def find(named: Iterable[Path]) -> list[Path]:
    """Return folders of outputs: those named, each once, and of one that only has such folders in it, these."""
    found: dict[Path, Path] = {}
    for folder in named:
        inner = [] if _is_one(folder) else sorted(path for path in folder.glob("*") if _is_one(path))
        found |= {place(path): path for path in inner or [folder]}
    return list(found.values())


def _is_one(folder: Path) -> bool:
    return any(os.path.lexists(folder / name) for name in ("run.json", "summary.json"))


def read(folder: Path) -> Outputs:
    """Return what `bpviz run` wrote in a folder. Raises OutputsError with everything that is wrong there."""
    _look(folder)
    made_with, summary = (_json(folder / name) for name in ("run.json", "summary.json"))
    try:
        versions = {str(name): str(version) for name, version in made_with["versions"].items()}
        experiment = {k: v for k, v in made_with["experiment"].items() if k not in ("title", "start", *_BESIDE)}
        algorithms = {entry["label"]: dict(entry) for entry in experiment.pop("algorithms")}
        runs = list(_runs(folder, summary["runs"], algorithms, experiment, versions))
        title = str(summary["title"])
    except (AttributeError, KeyError, TypeError, ValueError):
        _refuse(folder, f"run.json and summary.json do not fit together; {_ANEW}")
    config = hashing.of_data([run.config for run in runs])
    name, listed = place(folder).name, _files(folder)
    contents = {path.name: hashing.of_bytes(_bytes(path)) for path in listed}
    return Outputs(
        folder=folder,
        name=name,
        title=title,
        id=hashing.of_data([name, "overview", config]),
        config=config,
        params=experiment,
        runs=runs,
        files=listed,
        versions=versions,
        content=hashing.of_data([HANDED, title, config, versions, contents]),
    )


def _runs(
    folder: Path,
    said: Sequence[Mapping[str, Any]],
    algorithms: Mapping[str, Mapping[str, Any]],
    experiment: Mapping[str, Any],
    versions: dict[str, str],
) -> Iterator[Run]:
    starts = [tuple(map(float, entry["start"])) for entry in said]
    histories = _histories(folder / "history.csv", said, starts)
    for entry, start, (metrics, history) in zip(said, starts, histories, strict=True):
        label = str(entry["label"])
        settings = {key: value for key, value in algorithms[label].items() if key not in ("name", "label")}
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


def _refuse(folder: Path, *complaints: str) -> NoReturn:
    raise OutputsError("\n".join(f"{folder}: {complaint}" for complaint in complaints))


def _files(folder: Path) -> list[Path]:
    pictures = sorted(path for path in folder.iterdir() if path.suffix in PICTURES and not path.name.startswith("."))
    return [*(folder / name for name in _TABLES), *pictures]


def _look(folder: Path) -> None:
    """Refuse what is no folder of outputs, or lacks a file of one, or has a symbolic link in the place of one."""
    if not folder.is_dir():
        what = "this is a file" if folder.exists() else "there is no such folder"
        _refuse(folder, f"{what}; name a folder that `bpviz run` wrote, such as outputs/neupy")
    try:
        missing = [name for name in _TABLES if not os.path.lexists(folder / name)]
        links = [path.name for path in _files(folder) if path.is_symlink()]
    except OSError as error:
        _refuse(folder, f"cannot be read: {error.strerror or error}")
    if not _is_one(folder):
        _refuse(folder, "`bpviz run` has not written this folder; name one that it wrote, such as outputs/neupy")
    complaints = [f"{name} is missing; {_ANEW}" for name in missing]
    complaints += [f"{name} is a symbolic link, and only files are exported; remove it" for name in links]
    if complaints:
        _refuse(folder, *complaints)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        _refuse(path.parent, f"{path.name} cannot be read: {error.strerror or error}")


def _text(path: Path) -> str:
    try:
        return _bytes(path).decode("utf-8")
    except UnicodeDecodeError:
        _refuse(path.parent, f"{path.name} is damaged: it is not UTF-8; {_ANEW}")


def _json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(_text(path))
    except (ValueError, RecursionError):
        _refuse(path.parent, f"{path.name} is damaged: it is not JSON; {_ANEW}")
    schema = data.get("schema") if isinstance(data, dict) else None
    if isinstance(schema, int) and schema > SUMMARY:
        _refuse(path.parent, f"{path.name} is of a newer bpviz (schema {schema}, not {SUMMARY}); update this one")
    if schema != SUMMARY:
        _refuse(path.parent, f"{path.name} is damaged: it is not of `bpviz run`; {_ANEW}")
    return dict(data)


def _histories(
    path: Path, said: Sequence[Mapping[str, Any]], starts: Sequence[tuple[float, ...]]
) -> list[tuple[tuple[str, ...], list[tuple[float, ...]]]]:
    """Return the metrics of each run, by name, and what they are at each epoch."""
    numbers = {start: number for number, start in enumerate(dict.fromkeys(starts), start=1)}
    try:
        head, *rows = csv.reader(io.StringIO(_text(path), newline=""))
        kinds = [column.removesuffix("_evaluations") for column in head]
        found: dict[tuple[str, int], list[list[str]]] = {}
        for row in rows:
            found.setdefault((row[0], int(row[-1])), []).append(row)
        histories = []
        for entry, start in zip(said, starts, strict=True):
            mine = found.pop((entry["label"], numbers[start]))
            after = 3 + len(start)  # label, epoch and error come first, then the weights
            counted = [i for i in range(after, len(head) - 1) if kinds[i] in entry["evaluations"]]
            shown = {2: "error", **{i: f"weights/{head[i].replace('/', '_')}" for i in range(3, after)}}
            shown |= {i: f"evaluations/{kinds[i]}" for i in counted}
            values = [tuple(int(row[i]) if i in counted else float(row[i]) for i in shown) for row in mine]
            if [row[1] for row in mine] != [str(epoch) for epoch in range(entry["epochs"] + 1)]:
                raise ValueError(f"{len(mine) - 1} epochs")
            histories.append((tuple(shown.values()), values))
    except (csv.Error, IndexError, KeyError, TypeError, ValueError):
        _refuse(path.parent, f"history.csv is damaged, or not of the run that summary.json is of; {_ANEW}")
    return histories


def flat(params: Mapping[str, Any], before: str = "") -> dict[str, str | float | bool]:
    """Return nested parameters under dotted names, each a text, a number or a boolean; a long text is cut short."""
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
