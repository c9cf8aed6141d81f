"""Output folders: looked at before anything is computed, and written so that every file is whole, old or new."""

from __future__ import annotations

import contextlib
import os
import tempfile
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
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UnwritableError(f"cannot write in {folder}: {error.strerror or error}") from None
    return folder


def write(path: Path, content: bytes) -> None:
    """Replace a file by ``content`` at once: whoever reads it meets the old one or the new one, whole.

    Raises UnwritableError.
    """
    aside = None
    try:
        handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(aside, 0o666 & ~umask)  # noqa: PTH101  (mkstemp makes files for one user alone)
        os.replace(aside, path)  # noqa: PTH105
    except BaseException as error:
        if aside is not None:
            with contextlib.suppress(OSError):
                os.unlink(aside)  # noqa: PTH108
        if isinstance(error, OSError):
            raise UnwritableError(f"cannot write {path}: {error.strerror or error}") from None
        raise
