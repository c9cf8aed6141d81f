"""Content hashes, independent of machine, path and time."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

_HOME = Path(__file__).parent.parent
_LENGTH = 16  # hexadecimal digits: collisions within a project are practically impossible
_BITS = 30  # of the mantissa of computed numbers, about nine digits: the last bits depend on the processor


def of_bytes(content: bytes) -> str:
    """Return the hash of bytes."""
    return hashlib.sha256(content).hexdigest()[:_LENGTH]


def of_data(data: Any) -> str:
    """Return the hash of plain data: mappings, sequences, strings, numbers, booleans, None and NumPy arrays.

    Numbers in arrays are computed and are hashed to about nine digits; other numbers are hashed exactly.
    """
    text = json.dumps(_plain(data), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return of_bytes(text.encode(errors="backslashreplace"))


def _plain(data: Any) -> Any:
    if hasattr(data, "dtype"):
        return _of_array(data)
    if isinstance(data, dict):
        return {str(name): _plain(value) for name, value in data.items()}
    if isinstance(data, list | tuple):
        return [_plain(value) for value in data]
    return data


def _of_array(numbers: Any) -> list[Any]:
    import numpy as np  # already imported where there is an array

    mantissa, exponent = np.frexp(np.asarray(numbers, dtype=np.float64))
    kept = np.nan_to_num(np.round(mantissa * 2**_BITS), nan=-1, posinf=-2, neginf=-3).astype(np.int64)
    return [list(kept.shape), of_bytes(kept.tobytes() + exponent.astype(np.int32).tobytes())]


@cache
def of_module(name: str) -> str:
    """Return the hash of a module of bpviz, named by its path in the package: ``figures/_plane.py``.

    Raises OSError if there is none.
    """
    return of_bytes((_HOME / name).read_bytes())


@cache
def modules(*patterns: str) -> dict[str, str]:
    """Return the hashes of the modules of bpviz that match glob patterns such as ``figures/_*.py``, by name."""
    found = sorted({path.relative_to(_HOME).as_posix() for pattern in patterns for path in _HOME.glob(pattern)})
    return {name: of_module(name) for name in found}
