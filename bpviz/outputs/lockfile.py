"""The lockfile of an output folder, which records how its files were made.

The lockfile is a small JSON file with the hashes of inputs, source files and outputs, and the results to nine digits.
The next run compares it with the current state to determine which files are out of date, and why. It contains no
times and no absolute paths, so it is the same in every checkout. This module does not import NumPy, so that checking is
fast.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from bpviz.storage import atomic, hashing
from bpviz.storage.reading import conflict_marker
from bpviz.tables import schemas

if TYPE_CHECKING:
    from pathlib import Path

NAME = "bpviz.lock.json"
LARGEST = 1 << 28  # bytes; a lockfile has about 6 KiB and 300 bytes per run


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
    unmet : list
        Messages about runs that did not reach their threshold.
    unexpected : list
        Failed expectations of the config as (line, column, path, message, excerpt).
    left_over : list
        Orphaned files: written by an earlier run and no longer produced.
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
    unmet: list[str]
    unexpected: list[list[Any]]
    left_over: list[str] = field(default_factory=list)

    @property
    def origin(self) -> Origin:
        return Origin(self.config, self.inputs, self.asked)


def read(folder: Path) -> Lock | None:
    """Return the lockfile of an output folder, None if there is none; raise LockError if it cannot be used."""
    path = folder / NAME
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LockError(f"{path} cannot be read ({error.strerror or error})") from None
    if len(content) > LARGEST:
        raise LockError(f"{path} is too large for a lockfile (limit {LARGEST >> 20} MiB)")
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        conflict = conflict_marker(content.decode(errors="replace"))
        reason = "contains git conflict markers" if conflict else "is not valid JSON"
        raise LockError(f"{path} {reason}") from None
    schema = data.get("schema") if isinstance(data, dict) else None
    if type(schema) is int and schema != schemas.LOCKFILE:
        age = "a newer" if schema > schemas.LOCKFILE else "an older"
        raise LockError(f"{path} was written by {age} version of bpviz")
    if schema != schemas.LOCKFILE or not _sound(data):
        raise LockError(f"{path} is not a valid lockfile")
    del data["schema"]
    return Lock(**data)


def _sound(data: Any) -> bool:
    """Return whether all values of a lockfile have the right types, and no file name leads to another folder."""
    if not _fits(data, _SHAPE):
        return False
    titles, rows, numbers = data["table"]["titles"], data["table"]["rows"], data["table"]["numbers"]
    names = [*data["files"], *data["left_over"]]
    return (
        all(isinstance(one.get("bytes"), str) and isinstance(one.get("size"), int) for one in data["files"].values())
        and all(len(part) == len(titles) for part in (numbers, *rows))
        and not any(name in {"", ".", ".."} or set(name) & set("/\\:\0") for name in names)
    )


_NUMBER = frozenset((int, float, type(None)))  # None if not finite
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
            "start": [_NUMBER],
            "epochs": int,
            "final_error": _NUMBER,
            "weights": [_NUMBER],
            "evaluations": {str: int},
            "ending": str,
        }
    ],
    "files": {str: {str: frozenset((str, int))}},
    "versions": {str: str},
    "table": {"titles": [str], "rows": [[str]], "numbers": [bool]},
    "unmet": [str],
    "unexpected": [(int, int, str, str, str)],
    "left_over": [str],
}
"""The types of a lockfile.

A frozenset lists alternative types; ``[x]`` is a list of x, a tuple a list of exactly these types, ``{str: x}`` a
mapping with any keys. ``os.fsencode`` stands for a path, in which undecodable bytes are lone surrogates.
"""


_BYTES_ALONE = re.compile("[\udc80-\udcff]")


def _fits(data: Any, shape: Any) -> bool:
    if isinstance(shape, type):
        return type(data) is shape and (not isinstance(data, str) or _whole(data))
    if shape is os.fsencode:
        return isinstance(data, str) and _whole(_BYTES_ALONE.sub("", data))
    if isinstance(shape, frozenset):
        return type(data) in shape
    if isinstance(shape, tuple):
        return isinstance(data, list) and len(data) == len(shape) and all(map(_fits, data, shape))
    if isinstance(shape, list):
        return isinstance(data, list) and all(_fits(part, shape[0]) for part in data)
    if not isinstance(data, dict):
        return False
    inner = shape.get(str)
    if inner is None:
        return data.keys() == shape.keys() and all(_fits(data[name], shape[name]) for name in shape)
    return all(map(_whole, data)) and all(_fits(part, inner) for part in data.values())


def _whole(text: str) -> bool:
    """Return whether a text has no lone surrogates, which cannot be printed."""
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)


def write(folder: Path, lock: Lock) -> None:
    """Write the lockfile of an output folder; raise UnwritableError if that fails."""
    text = json.dumps({"schema": schemas.LOCKFILE, **asdict(lock)}, indent=1, sort_keys=True, ensure_ascii=False)
    atomic.write(folder / NAME, f"{text}\n".encode(errors="backslashreplace"))  # paths may have undecodable bytes


def without_orphans(lock: Lock) -> Lock:
    """Return a lock without orphaned files."""
    return replace(lock, left_over=[])


def written(content: bytes) -> dict[str, Any]:
    """Return the record of a file with this content."""
    return {"bytes": hashing.of_bytes(content), "size": len(content)}


def damages(lock: Lock, folder: Path) -> dict[str, str]:
    """Return the files that are not as bpviz wrote them, by name: see damage."""
    return {name: found for name in lock.files if (found := damage(lock, folder, name))}


def damage(lock: Lock, folder: Path, name: str) -> str | None:
    """Return ``missing``, ``modified`` or ``unreadable``; None if a file is as bpviz wrote it."""
    try:
        content = (folder / name).read_bytes()
    except FileNotFoundError:
        return "missing"
    except OSError:
        return "unreadable"
    return None if hashing.of_bytes(content) == lock.files[name]["bytes"] else "modified"
