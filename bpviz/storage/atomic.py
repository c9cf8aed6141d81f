"""Check that output folders are writable, and write files atomically."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bpviz.storage.reading import UnreadableError, is_inside, is_link, read

if TYPE_CHECKING:
    from collections.abc import Iterable


class UnwritableError(OSError):
    """A file or folder cannot be written; the text is the message for the user."""


def check(folder: Path, files: Iterable[str]) -> None:
    """Raise UnwritableError if ``folder`` or its ``files`` cannot be written because of what exists there.

    Symbolic links are refused, because writing through them could change files elsewhere. Of the parents of ``folder``
    those in the working directory count, which a repository may contain, and those of a relative path.
    """
    for parent in folder.parents:
        if is_link(parent) and (not folder.is_absolute() or is_inside(parent.parent, Path.cwd())):
            raise _linked(parent)
    for path in (folder, *(folder / file for file in files)):
        try:
            mode = path.lstat().st_mode
        except FileNotFoundError:
            continue
        except OSError as error:
            raise UnwritableError(f"cannot write {path}: {error.strerror or error}") from None
        except ValueError:
            raise UnwritableError(f"cannot write {path}: invalid file name") from None
        if stat.S_ISLNK(mode):
            raise _linked(path)
        if path is folder and not stat.S_ISDIR(mode):
            raise UnwritableError(f"cannot create folder {path}: a file with that name exists")
        if path is not folder and stat.S_ISDIR(mode):
            raise UnwritableError(f"cannot write {path}: a folder with that name exists")


def _linked(path: Path) -> UnwritableError:
    return UnwritableError(f"{path} is a symbolic link to {path.readlink()}; remove it or choose another --out")


def make(folder: Path) -> None:
    """Create a folder if it is missing; raise UnwritableError if it cannot be created or is not writable."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary, handle = _open_temporary(folder)
        os.close(handle)
        temporary.unlink(missing_ok=True)  # another process may have removed it
    except OSError as error:
        raise UnwritableError(f"cannot write in {folder}: {error.strerror or error}") from None


def write(path: Path, content: bytes, *, precious: bool = False) -> None:
    """Replace a file atomically: readers see either the old or the new content, complete.

    Parameters
    ----------
    path : Path
        The file to write.
    content : bytes
        Its new content.
    precious : bool
        Whether the file cannot be generated again. Then the new content is flushed to disk before the old one is
        removed, and the permissions are preserved. Without it, a power failure may leave a damaged file, which the
        hashes in the lockfile reveal.

    Raises
    ------
    UnwritableError
        If the file cannot be written. The old content is then unchanged.
    """
    temporary = None
    try:
        temporary, handle = _open_temporary(path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            if precious:
                file.flush()
                os.fsync(file.fileno())
        if precious:
            temporary.chmod(stat.S_IMODE(path.stat().st_mode))
        temporary.replace(path)
    except BaseException as error:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink()
        if isinstance(error, OSError):
            raise UnwritableError(f"cannot write {path}: {error.strerror or error}") from None
        raise


def update(path: Path, content: bytes) -> bool:
    """Write a file unless it already has this content; return whether it was written.

    Raises UnwritableError.
    """
    with contextlib.suppress(UnreadableError):
        if read(path, len(content), links=False) == content:
            return False
    write(path, content)
    return True


@contextlib.contextmanager
def locked(folder: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold an exclusive lock on an output folder; call ``waiting`` before waiting for another process to release it.

    The system releases the lock when the process ends for any reason.
    """
    try:
        import fcntl

        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except (ImportError, OSError):  # Windows has no fcntl
        yield
        return
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError:  # some network file systems have no locks
            pass
        yield
    finally:
        os.close(handle)


def remove_temporary_files(folder: Path) -> None:
    """Remove the temporary files of killed processes from a folder that this process has locked."""
    for part in folder.glob(".bpviz-*.part"):
        with contextlib.suppress(OSError):
            part.unlink()


def remove_empty(folder: Path) -> None:
    """Remove a folder if it is empty."""
    with contextlib.suppress(OSError):
        folder.rmdir()


def _open_temporary(folder: Path) -> tuple[Path, int]:
    """Open a new hidden temporary file of this process; replace one that a killed process with the same id left."""
    temporary = folder / f".bpviz-{os.getpid()}.part"
    temporary.unlink(missing_ok=True)
    return temporary, os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
