"""Output folders: looked at before anything is computed, and written so that every file is whole, old or new."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class UnwritableError(Exception):
    """A place where nothing can be written, as a sentence."""


def prepare(out: Path, name: str, files: Iterable[str]) -> Path:
    """Return the folder ``out/name``, made if it is missing, after checking that ``files`` can be written in it.

    Raises UnwritableError if the folder cannot be made or written in, or if it or a file in it is a symbolic link: then
    writing could end somewhere else.
    """
    folder = out / name
    for path in (folder, *(folder / file for file in files)):
        if path.is_symlink():
            raise UnwritableError(f"{path} is a symbolic link to {path.readlink()}; remove it or choose another --out")
    for path in (folder / file for file in files):
        if path.is_dir():
            raise UnwritableError(f"{path} is a folder, and a file of that name is to be written")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        aside, file = _aside(folder / "writable")
        os.close(file)
        aside.unlink()
    except OSError as error:
        raise UnwritableError(f"cannot write in {folder}: {error.strerror or error}") from None
    return folder


def write(path: Path, content: bytes) -> None:
    """Replace a file by ``content`` at once: whoever reads it meets the old one or the new one, whole.

    Raises UnwritableError.
    """
    aside = None
    try:
        aside, handle = _aside(path)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except BaseException as error:
        if aside is not None:
            with contextlib.suppress(OSError):
                aside.unlink()
        if isinstance(error, OSError):
            raise UnwritableError(f"cannot write {path}: {error.strerror or error}") from None
        raise


def _aside(path: Path) -> tuple[Path, int]:
    """Open a new hidden file beside ``path``, this process's own; what a killed process left under its name goes."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    aside.unlink(missing_ok=True)
    return aside, os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
