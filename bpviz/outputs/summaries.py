"""Read ``summary.json``, which anyone may have edited. This module does not import NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpviz.storage.reading import UnreadableError, read
from bpviz.storage.untrusted import LARGEST_OUTPUT, NUMBER, fits, parse
from bpviz.tables import schemas

if TYPE_CHECKING:
    from pathlib import Path

NAME = "summary.json"

_REAL = frozenset((int, float))
_SHAPE = {
    "schema": int,
    "title": str,
    "runs": [
        {
            "algorithm": str,
            "label": str,
            "settings": {str: object},
            "start": [_REAL],
            "epochs": int,
            "final_error": NUMBER,
            "weights": [NUMBER],
            "evaluations": {str: int},
            "ending": str,
        }
    ],
}


def of_folder(folder: Path) -> dict[str, Any]:
    """Return the data of an output folder's summary; raise UnreadableError if it cannot be used."""
    return of_bytes(read(folder / NAME, LARGEST_OUTPUT, links=False))


def of_bytes(content: bytes) -> dict[str, Any]:
    """Return the data of a summary; raise UnreadableError if it is not valid."""
    data = parse(content)
    schema = data.get("schema") if isinstance(data, dict) else None
    if type(schema) is int and schema > schemas.SUMMARY:
        raise UnreadableError("was written by a newer version of bpviz")
    if schema != schemas.SUMMARY or not fits(data, _SHAPE):
        raise UnreadableError("is not a valid summary of bpviz")
    return dict(data)
