"""Files -> text, refusing what is too large, not there or not UTF-8."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from bpviz.messages.diagnostics import ConfigError, Document, Mistake

if TYPE_CHECKING:
    from pathlib import Path


class UnreadableError(Exception):
    """A file that cannot be read; the text says why."""


def read(path: Path, largest: int) -> bytes:
    """Return the bytes of a file; UnreadableError if that cannot be done or there are more than ``largest``."""
    try:
        with path.open("rb") as file:
            data = file.read(largest + 1)
    except FileNotFoundError:
        raise UnreadableError("no such file") from None
    except IsADirectoryError:
        raise UnreadableError("this is a folder, not a file") from None
    except PermissionError:
        raise UnreadableError("no permission to read this file") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL or half a character in the name
        raise UnreadableError(f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(data) > largest:
        raise UnreadableError(too_large(largest))
    return data


def too_large(largest: int) -> str:
    """Word the refusal of more than ``largest`` bytes."""
    return f"larger than {largest // 1024} KiB, which is as much as is read"


def decode(data: bytes, name: str) -> Document:
    """Return bytes as a Document; ConfigError if they are not UTF-8."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ConfigError([Mistake(name, 0, 0, "", "this is UTF-16; save it as UTF-8")])
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        return Document(name, data.decode())
    except UnicodeDecodeError as error:
        good = data[: error.start].decode()
        document = Document(name, good + data[error.start :].decode("latin-1"))  # its line is to be shown
        message = f"the byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8"
        raise ConfigError([document.place(len(good)).mistake("", message)]) from None
