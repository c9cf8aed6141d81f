"""Short names for contents: equal for equal contents, whatever the machine, the folder or the time."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

_HOME = Path(__file__).parent.parent
_SHOWN = 16  # hexadecimal digits: enough that no two contents of a project will ever share them
_BITS = 30  # of a computed number that count, some nine digits: another processor's last bits make no difference


def of_bytes(content: bytes) -> str:
    """Return the digest of bytes as they are."""
    return hashlib.sha256(content).hexdigest()[:_SHOWN]


def of_data(data: Any) -> str:
    """Return the digest of plain data: mappings, sequences, texts, numbers, booleans, None, and arrays of numbers.

    A number in an array counts to nine digits, any other to its last: that one somebody wrote.
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
    import numpy as np  # nobody has an array without it

    mantissa, exponent = np.frexp(np.asarray(numbers, dtype=np.float64))
    kept = np.nan_to_num(np.round(mantissa * 2**_BITS), nan=-1, posinf=-2, neginf=-3).astype(np.int64)
    return [list(kept.shape), of_bytes(kept.tobytes() + exponent.astype(np.int32).tobytes())]


@cache
def of_module(name: str) -> str:
    """Return the digest of a module of this program by its name below the package: ``figures/_plane.py``."""
    return of_bytes((_HOME / name).read_bytes())


@cache
def modules(*patterns: str) -> dict[str, str]:
    """Return the digests of the modules below the package that match, by name: ``figures/_*.py``."""
    found = sorted({path.relative_to(_HOME).as_posix() for pattern in patterns for path in _HOME.glob(pattern)})
    return {name: of_module(name) for name in found}
