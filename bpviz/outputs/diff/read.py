"""Outputs of experiments, read from folders."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpviz.config import ConfigError, Mistake
from bpviz.config.discovery import find
from bpviz.tables import schemas

if TYPE_CHECKING:
    from collections.abc import Callable


SUMMARY = "summary.json"


@dataclass(frozen=True)
class Outputs:
    """The outputs of an experiment: its runs as summary.json has them, and its figures as files, read when needed."""

    runs: list[dict[str, Any]]
    figures: Mapping[str, Callable[[], bytes]]


@dataclass(frozen=True)
class Side:
    """Experiments by name, and what they are called together: a folder, or a folder at a revision."""

    name: str
    experiments: Mapping[str, Outputs]
    single: bool = False  # one experiment, whatever the name of its folder


def sides(old: str, new: str) -> tuple[Side, Side]:
    """Return two folders of outputs. Raises ConfigError with what is wrong with either."""
    read = all_of([lambda: read_folder(old), lambda: read_folder(new)])
    return read[0], read[1]


def all_of(readings: Iterable[Callable[[], Side]]) -> list[Side]:
    """Return what was read; ConfigError with the mistakes of all."""
    read: list[Side] = []
    mistakes: list[Mistake] = []
    for reading in readings:
        try:
            read.append(reading())
        except ConfigError as error:
            mistakes += [mistake for mistake in error.mistakes if mistake not in mistakes]
    if mistakes:
        raise ConfigError(mistakes)
    return read


def read_folder(folder: str) -> Side:
    """Return the outputs in a folder. Raises ConfigError."""
    path = Path(folder)
    if not path.exists():
        raise mistake(folder, "no such folder")
    if not path.is_dir():
        raise mistake(folder, "this is a file, not a folder of outputs")
    try:
        inside = [path, *sorted(p for p in path.iterdir() if p.is_dir() and not p.is_symlink())]
        found = {
            p.relative_to(path).as_posix() + f"/{file.name}": file.read_bytes
            for p in inside
            for file in sorted(p.iterdir())
            if file.is_file() and (file.name == SUMMARY or file.suffix == ".png")
        }
    except OSError as error:
        raise mistake(folder, f"cannot be read: {error.strerror or error}") from None
    return side(folder, folder, {name.removeprefix("./"): reads for name, reads in found.items()})


def side(name: str, folder: str, found: Mapping[str, Callable[[], bytes]]) -> Side:
    """Return the experiments whose files, by their paths from ``folder``, were found there."""
    single = SUMMARY in found
    names = [""] if single else sorted(path.rpartition("/")[0] for path in found if path.endswith(f"/{SUMMARY}"))
    if not names:
        raise mistake(name, f"there are no outputs of bpviz: no {SUMMARY} here, nor in a folder of it")
    experiments: dict[str, Outputs] = {}
    mistakes: list[Mistake] = []
    for part in names:
        own = {path.rpartition("/")[2]: reads for path, reads in found.items() if path.rpartition("/")[0] == part}
        where = "/".join(filter(None, [name, part, SUMMARY]))
        try:
            runs = _runs(where, own.pop(SUMMARY))
        except ConfigError as error:
            mistakes += error.mistakes
        else:
            experiments[part or Path(os.path.abspath(folder)).name] = Outputs(runs, own)  # noqa: PTH100
    if mistakes:
        raise ConfigError(mistakes)
    return Side(name, experiments, single)


def mistake(file: str, message: str) -> ConfigError:
    """Return the ConfigError of one mistake about a file or folder as a whole."""
    return ConfigError([Mistake(file or "''", 0, 0, "", message)])


def _runs(where: str, read: Callable[[], bytes]) -> list[dict[str, Any]]:
    """Return the runs of a summary; ConfigError if it is none."""
    try:
        content = read()
        data = json.loads(content)
    except OSError as error:
        raise mistake(where, f"cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError):
        conflict = b"<<<<<<< " in content
        raise mistake(where, "has conflict markers of git in it" if conflict else "is damaged: not JSON") from None
    schema = data.get("schema") if isinstance(data, dict) else None
    if isinstance(schema, int) and schema > schemas.SUMMARY:
        raise mistake(where, "is of a newer bpviz")
    if schema != schemas.SUMMARY or not isinstance(data.get("runs"), list) or not all(map(_sound, data["runs"])):
        raise mistake(where, "is damaged: not a summary of bpviz")
    runs: list[dict[str, Any]] = data["runs"]
    return runs


def _sound(run: Any) -> bool:
    """Tell whether a run of a summary has all that is compared, each of its kind."""

    def number(x: Any) -> bool:
        return isinstance(x, int | float) and not isinstance(x, bool)

    return (
        isinstance(run, dict)
        and isinstance(run.get("label"), str)
        and isinstance(run.get("ending"), str)
        and isinstance(run.get("epochs"), int)
        and isinstance(run.get("settings", {}), dict)
        and isinstance(run.get("evaluations"), dict)
        and all(map(number, run["evaluations"].values()))
        and isinstance(run.get("start"), list)
        and all(map(number, run["start"]))
        and isinstance(run.get("weights"), list)
        and all(x is None or number(x) for x in run["weights"])
        and "final_error" in run
        and (run["final_error"] is None or number(run["final_error"]))
    )


def output_folders(paths: Sequence[str], out: Path) -> list[str]:
    """Return the folders of outputs that are meant: named themselves, or by their configs."""
    folders = []
    for path in paths or [str(out)]:
        given = Path(path)
        configs = given.suffix in (".yaml", ".yml") or (
            given.is_dir() and any(file.suffix in (".yaml", ".yml") for file in given.iterdir())
        )
        if configs:
            found = find([path])
            if found.mistakes:
                raise ConfigError(found.mistakes)
            folders += [str(out / source.name) for source in found.sources]
        else:
            folders.append(path)
    return list(dict.fromkeys(folders))
