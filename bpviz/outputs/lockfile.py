"""What made the outputs of an experiment, kept beside them, so that the next run can tell what has changed, and why.

A lock is a small JSON file in the folder of the outputs. Contents stand in it by their digests (``bpviz.digest``),
results to nine digits. It holds neither times nor places: a checkout elsewhere, on another day, finds the same lock.
Nothing here imports NumPy: to find out that nothing has changed costs reading the files.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from bpviz.storage import atomic, hashing
from bpviz.tables import schemas

if TYPE_CHECKING:
    from pathlib import Path

NAME = "bpviz.lock.json"
LARGEST = 1 << 28  # bytes; a lock with a run has some 6 KiB, each more run 300 bytes


class Origin(NamedTuple):
    """Where an experiment comes from, as its lock says it: see Lock."""

    config: str
    inputs: Mapping[str, str]
    asked: Mapping[str, Any]


class LockError(Exception):
    """A lock that cannot be used; the text says why."""


@dataclass(frozen=True)
class Lock:
    """What made some outputs.

    ``config`` is the path of the config from the folder of the outputs; ``inputs`` the digests of the files that were
    read, the config itself under its own name; ``asked`` what the command line said; ``experiment`` the digest of what
    was computed; ``code`` the digests of the modules it went through; ``results`` the runs, to nine digits; ``files``
    what was written, each with its size and digest, figures with the digest of what they show besides; ``versions``
    what computed and drew. ``table`` is what was printed, ``unmet`` says which runs did not come to what they should
    and ``unexpected`` which expectations of the config were not met, as (line, column, path, message, excerpt).
    ``left_over`` names files that an earlier run wrote and this one no longer does.
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
    """Return the lock of a folder of outputs, None if there is none; LockError if there is one that is no use."""
    path = folder / NAME
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LockError(f"{path} cannot be read ({error.strerror or error})") from None
    if len(content) > LARGEST:
        raise LockError(f"{path} is larger than a lock can be")
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        conflict = b"<<<<<<< " in content
        reason = "has conflict markers of git in it" if conflict else "cannot be read (it is not JSON)"
        raise LockError(f"{path} {reason}") from None
    schema = data.get("schema") if isinstance(data, dict) else None
    if isinstance(schema, int) and schema > schemas.LOCKFILE:
        raise LockError(f"{path} is of a newer bpviz")
    if schema != schemas.LOCKFILE or not _sound(data):
        raise LockError(f"{path} is not a lock of bpviz")
    del data["schema"]
    return Lock(**data)


def _sound(data: Any) -> bool:
    """Tell whether everything in a lock is of its kind, and no file of it is in another folder."""
    if not _fits(data, _SHAPE):
        return False
    titles, rows, numbers = data["table"]["titles"], data["table"]["rows"], data["table"]["numbers"]
    names = [*data["files"], *data["left_over"]]
    return (
        all(isinstance(one.get("bytes"), str) and isinstance(one.get("size"), int) for one in data["files"].values())
        and all(len(part) == len(titles) for part in (numbers, *rows))
        and not any(name in {"", ".", ".."} or set(name) & set("/\\:\0") for name in names)
    )


_NUMBER = frozenset((int, float, type(None)))  # None: which is not finite
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
"""Types, or sets of them; ``[x]`` is a list of x, a tuple a list of just these, ``{str: x}`` a mapping of any names.

``os.fsencode`` is a path: bytes in it that are no characters of this system are halves of characters in Python.
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
    """Tell whether a text has no half of a character in it, which cannot be printed."""
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)


def write(folder: Path, lock: Lock) -> None:
    """Write the lock of a folder; UnwritableError if that cannot be done."""
    text = json.dumps({"schema": schemas.LOCKFILE, **asdict(lock)}, indent=1, sort_keys=True, ensure_ascii=False)
    atomic.write(folder / NAME, f"{text}\n".encode(errors="backslashreplace"))  # paths may have bytes of no character


def without_left_over(lock: Lock) -> Lock:
    """Return a lock that knows of no files of earlier runs."""
    return replace(lock, left_over=[])


def written(content: bytes) -> dict[str, Any]:
    """Return what a lock says of a file with this content."""
    return {"bytes": hashing.of_bytes(content), "size": len(content)}


def misplaced(lock: Lock, folder: Path) -> dict[str, str]:
    """Return the files of a lock that are not there as they were written, each with what is wrong."""
    return {name: wrong for name in lock.files if (wrong := altered(lock, folder, name))}


def altered(lock: Lock, folder: Path, name: str) -> str | None:
    """Return what is wrong with a file of a lock, None if it is as it was written."""
    try:
        content = (folder / name).read_bytes()
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    return None if hashing.of_bytes(content) == lock.files[name]["bytes"] else "was changed"
