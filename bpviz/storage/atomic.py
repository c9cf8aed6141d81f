"""Output folders: looked at before anything is computed, and written so that every file is whole, old or new."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class UnwritableError(OSError):
    """A place where nothing can be written, as a sentence."""


def check(folder: Path, files: Iterable[str]) -> None:
    """Raise UnwritableError if what is there already keeps ``files`` from being written in ``folder``.

    Symbolic links are refused, because writing could end somewhere else.
    """
    for path in (folder, *(folder / file for file in files)):
        try:
            mode = path.lstat().st_mode
        except FileNotFoundError:
            continue
        except OSError as error:
            raise UnwritableError(f"cannot write {path}: {error.strerror or error}") from None
        except ValueError:
            raise UnwritableError(f"cannot write {path}: the system cannot spell this name") from None
        if stat.S_ISLNK(mode):
            raise UnwritableError(f"{path} is a symbolic link to {path.readlink()}; remove it or choose another --out")
        if path is folder and not stat.S_ISDIR(mode):
            raise UnwritableError(f"{path} is a file, and a folder of that name is to be made")
        if path is not folder and stat.S_ISDIR(mode):
            raise UnwritableError(f"{path} is a folder, and a file of that name is to be written")


def make(folder: Path) -> None:
    """Make a folder if it is missing; UnwritableError if that cannot be done or nothing can be written in it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        aside, handle = _aside(folder)
        os.close(handle)
        aside.unlink(missing_ok=True)  # another run may have swept it away
    except OSError as error:
        raise UnwritableError(f"cannot write in {folder}: {error.strerror or error}") from None


def write(path: Path, content: bytes, *, precious: bool = False) -> None:
    """Replace a file by ``content`` at once: whoever reads it meets the old one or the new one, whole.

    A ``precious`` one cannot be made again: the new one is on the disk before the old one goes, and may be read,
    written and executed by whoever might before. Any other that a power cut leaves half on the disk is found by the
    digests of its lock and made again. Raises UnwritableError.
    """
    aside = None
    try:
        aside, handle = _aside(path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            if precious:
                file.flush()
                os.fsync(file.fileno())
        if precious:
            aside.chmod(stat.S_IMODE(path.stat().st_mode))
        aside.replace(path)
    except BaseException as error:
        if aside is not None:
            with contextlib.suppress(OSError):
                aside.unlink()
        if isinstance(error, OSError):
            raise UnwritableError(f"cannot write {path}: {error.strerror or error}") from None
        raise


def update(path: Path, content: bytes) -> bool:
    """Make a file hold ``content`` and tell whether it did not before; one that does is left as it is.

    Raises UnwritableError.
    """
    with contextlib.suppress(OSError):
        if path.read_bytes() == content:
            return False
    write(path, content)
    return True


@contextlib.contextmanager
def locked(folder: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Have a folder of outputs to oneself: another process that wants it waits, and so does this one, after saying so.

    The system lets go of it when the process ends, however that happens.
    """
    try:
        import fcntl

        handle = os.open(folder, os.O_RDONLY)
    except (ImportError, OSError):  # not on Windows
        yield
        return
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError:  # not on every file system of a network
            pass
        yield
    finally:
        os.close(handle)


def sweep(folder: Path) -> None:
    """Remove what killed processes left half-written in a folder that is held."""
    for part in folder.glob(".bpviz-*.part"):
        with contextlib.suppress(OSError):
            part.unlink()


def _aside(folder: Path) -> tuple[Path, int]:
    """Open a new hidden file in a folder, this process's own; what a killed process left under its name goes."""
    aside = folder / f".bpviz-{os.getpid()}.part"
    aside.unlink(missing_ok=True)
    return aside, os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
