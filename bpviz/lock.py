"""What made the outputs of an experiment, kept beside them, so that the next run can tell what has changed, and why.

A lock is a small JSON file in the folder of the outputs. Contents stand in it by their digests (``bpviz.digest``),
results to nine digits. It holds neither times nor places: a checkout elsewhere, on another day, finds the same lock.
Nothing here imports NumPy: to find out that nothing has changed costs reading the files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from bpviz import digest, files

if TYPE_CHECKING:
    from pathlib import Path

NAME = "bpviz.lock.json"
SCHEMA = 1

# Whoever changes one of these changes what a config means, or what is computed from it.
READING = ("declare.py", "words.py", "config/*.py", "problems/*.py")
COMPUTING = (
    "rows.py",
    "chance.py",
    "oracle.py",
    "march.py",
    "study.py",
    "results.py",
    "tables.py",
    "linesearch.py",
    "problems/*.py",
    "optimizers/_*.py",
)
DRAWING = ("style.py", "surface.py", "figures/_*.py")


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
        data = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        reason = "has conflict markers of git in it" if _conflict(path) else f"cannot be read ({_why(error)})"
        raise LockError(f"{path} {reason}") from None
    schema = data.pop("schema", None) if isinstance(data, dict) else None
    if isinstance(schema, int) and schema > SCHEMA:
        raise LockError(f"{path} is of a newer bpviz")
    try:
        lock = Lock(**data)
    except TypeError:
        raise LockError(f"{path} is not a lock of bpviz") from None
    if schema != SCHEMA or not _sound(lock):
        raise LockError(f"{path} is not a lock of bpviz")
    return lock


def _why(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or "unreadable"
    return "it is not JSON"


def _conflict(path: Path) -> bool:
    try:
        return b"<<<<<<< " in path.read_bytes()
    except OSError:
        return False


def _sound(lock: Lock) -> bool:
    """Tell whether every part is of its kind, as deep as anybody looks."""
    mappings = (lock.inputs, lock.asked, lock.code, lock.files, lock.versions, lock.table, *_values(lock.files))
    lists = (lock.results, lock.left_over, lock.unmet, lock.unexpected, *_values(lock.table), *_items(lock.unexpected))
    texts = (
        lock.config,
        lock.experiment,
        *(text for mapping in (lock.inputs, lock.code, lock.versions) for text in _values(mapping)),
        *_items(lock.unmet),
    )
    return (
        all(isinstance(part, dict) for part in (*mappings, *_items(lock.results)))
        and all(isinstance(part, list) for part in lists)
        and all(isinstance(part, str) for part in (*texts, *_items(lock.left_over)))
        and set(lock.table) == {"titles", "rows", "numbers"}
        and all(len(part) == 5 for part in lock.unexpected)
        and all(isinstance(part.get("size"), int) for part in _values(lock.files))
        and all(isinstance(part.get("bytes"), str) for part in _values(lock.files))
    )


def _values(mapping: Any) -> list[Any]:
    return list(mapping.values()) if isinstance(mapping, dict) else []


def _items(sequence: Any) -> list[Any]:
    return sequence if isinstance(sequence, list) else []


def write(folder: Path, lock: Lock) -> None:
    """Write the lock of a folder; UnwritableError if that cannot be done."""
    text = json.dumps({"schema": SCHEMA, **asdict(lock)}, indent=1, sort_keys=True, ensure_ascii=False)
    files.write(folder / NAME, f"{text}\n".encode())


def without_left_over(lock: Lock) -> Lock:
    """Return a lock that knows of no files of earlier runs."""
    return replace(lock, left_over=[])


def written(content: bytes) -> dict[str, Any]:
    """Return what a lock says of a file with this content."""
    return {"bytes": digest.of_bytes(content), "size": len(content)}


def misplaced(lock: Lock, folder: Path) -> dict[str, str]:
    """Return the files of a lock that are not there as they were written, each with what is wrong.

    Sizes alone are compared: whoever wants to know for sure reads the files (``altered``).
    """
    wrong = {}
    for name in lock.files:
        try:
            size = (folder / name).stat().st_size
        except OSError:
            wrong[name] = "is missing"
        else:
            if size != lock.files[name]["size"]:
                wrong[name] = "was changed"
    return wrong


def altered(lock: Lock, folder: Path, name: str) -> str | None:
    """Return what is wrong with a file of a lock, None if it is as it was written."""
    try:
        content = (folder / name).read_bytes()
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    return None if digest.of_bytes(content) == lock.files[name]["bytes"] else "was changed"


def other_code(code: Mapping[str, str]) -> list[str]:
    """Return the modules, of those that a lock names, that are no longer what they were."""
    return [name for name, was in code.items() if _now(name) != was]


def _now(name: str) -> str:
    try:
        return digest.of_module(name)
    except OSError:  # gone
        return ""
