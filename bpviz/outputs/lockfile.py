"""The lockfile of an output folder, which records how its files were made.

The lockfile is a small JSON file with the hashes of inputs, source files and outputs, and the results to nine digits.
The next run compares it with the current state to determine which files are out of date, and why. It contains no
times and no absolute paths, so it is the same in every checkout. This module does not import NumPy, so that checking is
fast.
"""

from __future__ import annotations

import functools
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from bpviz.outputs.names import FIGURE_FORMATS, is_output
from bpviz.storage import atomic, hashing
from bpviz.storage.reading import MissingError, TooLargeError, UnreadableError, is_link
from bpviz.storage.reading import read as read_file
from bpviz.storage.untrusted import LARGEST_OUTPUT, NUMBER, fits, parse
from bpviz.tables import schemas

if TYPE_CHECKING:
    from pathlib import Path

NAME = "bpviz.lock.json"
LARGEST = 1 << 26  # bytes; a lockfile has about 6 KiB and 300 bytes per run


class Origin(NamedTuple):
    """The inputs and options of an experiment, as its lockfile records them: see Lock."""

    config: str
    inputs: Mapping[str, str]
    asked: Mapping[str, Any]


class LockError(Exception):
    """A lockfile cannot be used; the text is the reason."""


@dataclass(frozen=True)
class Lock:
    """The content of a lockfile.

    Attributes
    ----------
    config : str
        Path of the config relative to the output folder.
    inputs : mapping
        Hashes of the files that were read, by kind and name; ``config`` is the config itself.
    asked : mapping
        Options of the command line: see status.RunOptions.
    experiment : str
        Hash of the experiment with all defaults filled in.
    code : mapping
        Hashes of the source files of bpviz that read, computed and drew the experiment.
    results : list
        The runs, with computed numbers to nine digits.
    files : mapping
        Hash (``bytes``) and size of every output file; for figures also the hash of the plotted data (``shows``).
    versions : mapping
        Versions of bpviz, Python and the libraries.
    table : mapping
        The printed table.
    left_over : mapping
        Hash and size of orphaned files: written by an earlier run and no longer produced.
    """

    config: str
    inputs: Mapping[str, str]
    asked: Mapping[str, Any]
    experiment: str
    code: Mapping[str, str]
    results: list[dict[str, Any]]
    files: Mapping[str, Mapping[str, Any]]
    versions: Mapping[str, str]
    table: Mapping[str, Any]
    left_over: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def origin(self) -> Origin:
        return Origin(self.config, self.inputs, self.asked)


def read(folder: Path) -> Lock | None:
    """Return the lockfile of an output folder, None if there is none; raise LockError if it cannot be used.

    A pull request may contain any lockfile. Its names are those of files in the output folder, of source files of
    bpviz, and of inputs, of which only those that the config names may be read.
    """
    path = folder / NAME
    if is_link(folder):
        raise LockError(f"{folder} is a symbolic link (expected a folder)")
    if not os.path.lexists(path):
        return None
    try:
        content = read_file(path, LARGEST, links=False)
    except UnreadableError as error:
        raise LockError(f"{path} cannot be read ({error})") from None
    try:
        data = parse(content)
    except UnreadableError as error:
        raise LockError(f"{path} {error}") from None
    schema = data.get("schema") if isinstance(data, dict) else None
    if type(schema) is int and schema != schemas.LOCKFILE:
        age = "a newer" if schema > schemas.LOCKFILE else "an older"
        raise LockError(f"{path} was written by {age} version of bpviz")
    if schema != schemas.LOCKFILE or not _is_sound(data):
        raise LockError(f"{path} is not a valid lockfile")
    del data["schema"]
    return Lock(**data)


_SHAPE = {
    "schema": int,
    "config": os.fsencode,
    "inputs": {str: str},
    "asked": {"overrides": [str], "formats": [str], "figures": bool},
    "experiment": str,
    "code": {str: str},
    "results": [
        {
            "label": str,
            "start": [NUMBER],
            "epochs": int,
            "final_error": NUMBER,
            "weights": [NUMBER],
            "evaluations": {str: int},
            "ending": str,
        }
    ],
    "files": {str: {str: frozenset((str, int))}},
    "versions": {str: str},
    "table": {"titles": [str], "rows": [[str]], "numbers": [bool]},
    "left_over": {str: {str: frozenset((str, int))}},
}
_INPUT = re.compile(r"config|plugin .+|package [\w.-]+|data .+", re.DOTALL)


def _is_sound(data: Any) -> bool:
    """Return whether all values have the right types, and all names are of the kind that they belong to."""
    if not fits(data, _SHAPE):
        return False
    titles, rows, numbers = data["table"]["titles"], data["table"]["rows"], data["table"]["numbers"]
    formats, files = data["asked"]["formats"], (data["files"], data["left_over"])
    return (
        len(titles) > 1
        and all(len(part) == len(titles) for part in (numbers, *rows))
        and all(is_output(name) and _is_record(one) for of in files for name, one in of.items())
        and set(formats) <= set(FIGURE_FORMATS)
        and len(set(formats)) == len(formats)
        and all(map(_is_module, data["code"]))
        and all(map(_INPUT.fullmatch, data["inputs"]))
        and "\0" not in data["config"]
        and not data["config"].startswith("/")
    )


@functools.cache
def _is_module(name: str) -> bool:
    """Return whether a source or data file of bpviz can have this name."""
    return re.fullmatch(r"(?:\w+/)*\w+(?:\.py|\.csv|\.\w+\.gz)", name) is not None


def _is_record(record: Mapping[str, Any]) -> bool:
    """Return whether a record of a file has a hash and a size."""
    size = record.get("size")
    return (
        isinstance(record.get("bytes"), str)
        and type(size) is int
        and 0 <= size <= LARGEST_OUTPUT
        and isinstance(record.get("shows", ""), str)
    )


def write(folder: Path, lock: Lock) -> None:
    """Write the lockfile of an output folder; raise UnwritableError if that fails."""
    text = json.dumps({"schema": schemas.LOCKFILE, **asdict(lock)}, indent=1, sort_keys=True, ensure_ascii=False)
    atomic.write(folder / NAME, f"{text}\n".encode(errors="backslashreplace"))  # paths may have undecodable bytes


def without_orphans(lock: Lock) -> Lock:
    """Return a lock without orphaned files."""
    return replace(lock, left_over={})


def written(content: bytes) -> dict[str, Any]:
    """Return the record of a file with this content."""
    return {"bytes": hashing.of_bytes(content), "size": len(content)}


def damages(lock: Lock, folder: Path) -> dict[str, str]:
    """Return the files that are not as bpviz wrote them, by name: see damage."""
    return {name: found for name, record in lock.files.items() if (found := damage(record, folder / name))}


def damage(record: Mapping[str, Any], path: Path) -> str | None:
    """Return ``missing``, ``modified`` or ``unreadable``; None if a file is as its record says, and complete."""
    try:
        content = read_file(path, record["size"], links=False)
    except MissingError:
        return "missing"
    except TooLargeError:
        return "modified"
    except UnreadableError:
        return "unreadable"
    if len(content) != record["size"] or hashing.of_bytes(content) != record["bytes"]:
        return "modified"
    return None if _is_complete(path.suffix, content) else "unreadable"


_ENDS = {
    ".png": (b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"),
    ".svg": (b"<?xml ", b"</svg>\n"),
    ".pdf": (b"%PDF-", b"%%EOF\n"),
}


def _is_complete(suffix: str, content: bytes) -> bool:
    """Return whether the content of an output file has the format of its suffix, as far as that is quick to see."""
    if suffix in _ENDS:
        begin, end = _ENDS[suffix]
        return content.startswith(begin) and content.endswith(end)
    try:
        if suffix == ".json":
            parse(content)
        else:
            content.decode()
    except (UnreadableError, UnicodeDecodeError):
        return False
    return True
