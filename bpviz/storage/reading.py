"""Read files as text, with a size limit and messages for files that cannot be read."""

from __future__ import annotations

import codecs
import re
import stat
from typing import TYPE_CHECKING

from bpviz.messages.diagnostics import ConfigError, Document, Mistake

if TYPE_CHECKING:
    from pathlib import Path


class UnreadableError(Exception):
    """A file cannot be read; the text is the reason."""


def read(path: Path, largest: int, *, regular: bool = False) -> bytes:
    """Return the content of a file; raise UnreadableError if it cannot be read or exceeds ``largest`` bytes.

    With ``regular``, pipes, terminals and devices are rejected before they are opened.
    """
    try:
        if regular and not stat.S_ISREG(mode := path.stat().st_mode) and not stat.S_ISDIR(mode):
            raise UnreadableError("expected a regular file, got a pipe, terminal or device")
        with path.open("rb") as file:
            data = file.read(largest + 1)
    except FileNotFoundError:
        raise UnreadableError("no such file") from None
    except IsADirectoryError:
        raise UnreadableError("expected a file, got a folder") from None
    except PermissionError:
        raise UnreadableError("permission denied") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL or a lone surrogate in the name
        raise UnreadableError(f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(data) > largest:
        raise UnreadableError(too_large(largest))
    return data


def too_large(largest: int) -> str:
    """Return the message about a file of more than ``largest`` bytes."""
    return f"file too large (limit {largest // 1024} KiB)"


_CONFLICT_MARKER = re.compile(r"^(?:[<|>]{7} .*|={7}|[<|>]{7})\r?$", re.MULTILINE)


def conflict_marker(text: str) -> int | None:
    """Return the number of the first line that is a conflict marker of git, None if there is none."""
    found = _CONFLICT_MARKER.search(text)
    return text.count("\n", 0, found.start()) + 1 if found else None


_NOT_TEXT = {
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"%PDF-": "a PDF document",
    b"PK\x03\x04": "a ZIP archive or an Office document",
    b"\xd0\xcf\x11\xe0": "an Office document",
    b"\x1f\x8b": "a file compressed by gzip",
}
"""What files are that begin with these bytes."""

_NULS = re.compile(rb"(?:[^\0]\0){2}|(?:\0[^\0]){2}")  # two letters in UTF-16 without a byte order mark


def decode(data: bytes, name: str) -> Document:
    """Decode UTF-8 to a Document named ``name``; raise ConfigError if the bytes are not UTF-8."""
    kind = next((kind for start, kind in _NOT_TEXT.items() if data.startswith(start)), "")
    if kind:
        raise ConfigError([Mistake(name, 0, 0, "", f"expected a text file, got {kind}")])
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or _NULS.match(data):
        raise ConfigError([Mistake(name, 0, 0, "", "encoded as UTF-16; save the file as UTF-8")])
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        return Document(name, data.decode())
    except UnicodeDecodeError as error:
        good = data[: error.start].decode()
        document = Document(name, good + data[error.start :].decode("latin-1"))  # so that the message can show the line
        message = f"invalid UTF-8 byte 0x{data[error.start]:02x}; save the file as UTF-8"
        raise ConfigError([document.place(len(good)).mistake("", message)]) from None


def is_inside(path: Path, folder: Path) -> bool:
    """Return whether a file is in a folder or below it, all links resolved."""
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):  # a loop of links; a NUL in the name
        return False
