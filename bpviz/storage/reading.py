"""Read regular files up to a size limit, with messages for files that cannot be read."""

from __future__ import annotations

import codecs
import os
import re
import stat
from typing import TYPE_CHECKING

from bpviz.messages.diagnostics import ConfigError, Document, Mistake

if TYPE_CHECKING:
    from pathlib import Path


class UnreadableError(Exception):
    """A file cannot be read; the text is the reason."""


class MissingError(UnreadableError):
    """There is no such file."""


class TooLargeError(UnreadableError):
    """A file is larger than expected."""


def read(path: Path, largest: int, *, links: bool = True) -> bytes:
    """Return the content of a regular file.

    Devices, terminals, pipes and sockets are refused before they are opened, because opening or reading them can have
    effects or never end.

    Parameters
    ----------
    path : Path
        The file.
    largest : int
        The largest size in bytes.
    links : bool
        Whether the file may be a symbolic link.

    Raises
    ------
    UnreadableError
        If it is not a regular file, cannot be read, or exceeds ``largest`` bytes.
    """
    try:
        _check_kind(path.stat(follow_symlinks=links))
        with os.fdopen(os.open(path, _FLAGS if links else _FLAGS | _NO_LINK), "rb") as file:
            status = os.fstat(file.fileno())
            _check_kind(status)  # again: another file may have taken its place
            size = min(status.st_size, largest)
            data = file.read(size + 1)
            if len(data) > size:  # it grows, or its size is not known before it is read, as in /proc
                data += file.read(largest + 1 - len(data))
    except FileNotFoundError:
        raise MissingError("no such file") from None
    except PermissionError:
        raise UnreadableError("permission denied") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL or a lone surrogate in the name
        raise UnreadableError(f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(data) > largest:
        raise TooLargeError(too_large(largest))
    return data


_FLAGS = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_BINARY", "O_CLOEXEC", "O_NOCTTY", "O_NONBLOCK"))
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}


def _check_kind(status: os.stat_result) -> None:
    kind = stat.S_IFMT(status.st_mode)
    if kind != stat.S_IFREG:
        raise UnreadableError(f"expected a file, got {_KINDS.get(kind, 'something else')}")


def is_link(path: Path) -> bool:
    """Return whether a path is a symbolic link; False if it has an invalid name."""
    return os.path.islink(path)  # noqa: PTH114  Path.is_symlink raises an error if the name is too long


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
