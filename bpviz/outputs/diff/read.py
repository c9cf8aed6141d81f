"""Read outputs from folders."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpviz.config import ConfigError, Mistake
from bpviz.config.discovery import find
from bpviz.outputs import summaries
from bpviz.storage.reading import UnreadableError
from bpviz.storage.reading import read as read_file
from bpviz.storage.untrusted import LARGEST_OUTPUT

if TYPE_CHECKING:
    from collections.abc import Callable


SUMMARY = summaries.NAME


@dataclass(frozen=True)
class Outputs:
    """The outputs of an experiment: its runs as in summary.json, and functions that read its PNGs, by name."""

    runs: list[dict[str, Any]]
    figures: Mapping[str, Callable[[], bytes]]


@dataclass(frozen=True)
class Side:
    """One side of a comparison: the experiments of a folder, by name."""

    name: str  # of the folder, possibly with a revision
    experiments: Mapping[str, Outputs]
    single: bool = False  # whether the folder is that of one experiment, not of several


def sides(old: str, new: str) -> tuple[Side, Side]:
    """Read two output folders. Raises ConfigError with the mistakes of both."""
    read = all_of([lambda: read_folder(old), lambda: read_folder(new)])
    return read[0], read[1]


def all_of(readings: Iterable[Callable[[], Side]]) -> list[Side]:
    """Call all functions and return their results; raise ConfigError with the mistakes of all."""
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
    """Read an output folder. Raises ConfigError."""
    path = Path(folder)
    if not path.exists():
        raise mistake(folder, "no such folder")
    if not path.is_dir():
        raise mistake(folder, "expected an output folder, got a file")
    try:
        inside = [path, *sorted(p for p in path.iterdir() if p.is_dir() and not p.is_symlink())]
        found = {
            p.relative_to(path).as_posix() + f"/{file.name}": partial(read_file, file, LARGEST_OUTPUT, links=False)
            for p in inside
            for file in sorted(p.iterdir())
            if not file.is_dir() and (file.name == SUMMARY or file.suffix == ".png")
        }
    except OSError as error:
        raise mistake(folder, f"cannot be read: {error.strerror or error}") from None
    return side(folder, folder, {name.removeprefix("./"): reads for name, reads in found.items()})


def side(name: str, folder: str, found: Mapping[str, Callable[[], bytes]]) -> Side:
    """Return the experiments of a folder, given functions that read its files, by relative path."""
    single = SUMMARY in found
    names = [""] if single else sorted(path.rpartition("/")[0] for path in found if path.endswith(f"/{SUMMARY}"))
    if not names:
        raise mistake(name, f"no bpviz outputs found: no {SUMMARY} in this folder or its subfolders")
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
    """Return a ConfigError about a file or folder."""
    return ConfigError([Mistake(file or "''", 0, 0, "", message)])


def _runs(where: str, read: Callable[[], bytes]) -> list[dict[str, Any]]:
    """Return the runs of a summary.json; raise ConfigError if it is not valid."""
    try:
        runs: list[dict[str, Any]] = summaries.of_bytes(read())["runs"]
    except UnreadableError as error:
        raise mistake(where, str(error)) from None
    return runs


def output_folders(paths: Sequence[str], out: Path) -> list[str]:
    """Return the output folders that paths name, directly or by their configs."""
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
