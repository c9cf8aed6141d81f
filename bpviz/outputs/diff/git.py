"""Read outputs from a git revision."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from bpviz.config import ConfigError, Mistake
from bpviz.outputs.diff.read import SUMMARY, Side, all_of, mistake, output_folders, read_folder, side

if TYPE_CHECKING:
    from collections.abc import Callable


def since(revision: str, paths: Sequence[str], out: Path) -> tuple[Side, Side]:
    """Return the outputs of a git revision and those of the working tree.

    Parameters
    ----------
    revision : str
        The revision: ``HEAD~1``, ``main``, ``v1.0``.
    paths : sequence of str
        Output folders, or configs, whose outputs are in ``out``. All of ``out`` if empty.
    out : Path
        The folder of all outputs.

    Raises
    ------
    ConfigError
        If git fails, or a folder has no outputs. The working tree is never changed.
    """
    folders = output_folders(paths, out)
    repository = _Repository(folders[0], revision)
    pairs: list[tuple[Side, Side]] = []
    mistakes: list[Mistake] = []
    for folder in folders:
        try:
            pairs.append(_then_and_now(repository, folder))
        except ConfigError as error:
            mistakes += error.mistakes
    if mistakes:
        raise ConfigError(mistakes)
    if len(pairs) == 1:
        return pairs[0]
    then, now = (
        {name: one for side in of for name, one in side.experiments.items()} for of in zip(*pairs, strict=True)
    )
    return Side(revision, then), Side(", ".join(folders), now)


def _then_and_now(repository: _Repository, folder: str) -> tuple[Side, Side]:
    """Return the outputs of a folder at the revision and now; a side without the folder has no experiments."""
    name = f"{folder} at {repository.revision}"
    found = repository.files(folder)
    if not Path(folder).exists() and found:
        then = side(name, folder, found)
        return Side(name, then.experiments), Side(folder, {})
    if not found and Path(folder).exists():
        now = read_folder(folder)
        if now.single:
            return Side(name, {}), Side(folder, now.experiments)
        raise mistake(folder, f"no outputs at {repository.revision}")
    if not found:
        raise mistake(folder, f"no such folder in the working tree or at {repository.revision}")
    then, now = all_of([lambda: side(name, folder, found), lambda: read_folder(folder)])
    return then, now


def _work_tree(folder: str) -> Path:
    """Return the nearest parent of a folder that has ``.git``.

    Git would also accept a folder with the files of a bare repository, which can be part of a commit. The config in it
    can name commands that git runs.
    """
    inside = Path(os.path.realpath(folder))
    for parent in (inside, *inside.parents):
        if (parent / ".git").exists():
            return parent
    raise mistake(folder, "not in a git repository")


class _Repository:
    """The files of a git repository at a revision."""

    def __init__(self, folder: str, revision: str) -> None:
        self.revision = revision
        self._named = folder
        self._folder = _work_tree(folder)
        self.top = Path(os.fsdecode(self._git("rev-parse", "--show-toplevel").rstrip(b"\n")))
        if revision.startswith("-") or not revision:
            raise mistake(f"--git {revision}", "invalid revision")
        try:
            commit = self._git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        except ConfigError:
            shallow = self._git("rev-parse", "--is-shallow-repository").strip() == b"true"
            hint = " in this shallow clone; run `git fetch --unshallow`" if shallow else ""
            raise mistake(f"--git {revision}", f"unknown revision{hint}") from None
        self._commit = commit.decode().strip()

    def files(self, folder: str) -> dict[str, Callable[[], bytes]]:
        """Return the summaries and PNGs of a folder and its subfolders at the revision, by relative path."""
        inside = os.path.relpath(os.path.realpath(folder), os.path.realpath(self.top))
        where = PurePosixPath(Path(inside).as_posix())
        if where.parts[:1] == ("..",):
            raise mistake(folder, f"not in the repository {self.top}")
        found: dict[str, Callable[[], bytes]] = {}
        for entry in self._git("ls-tree", "-r", "-z", "--full-tree", self._commit, "--", f"{where}/").split(b"\0"):
            about, _, path = entry.partition(b"\t")
            mode, _, rest = about.decode().partition(" ")
            name = PurePosixPath(os.fsdecode(path))
            if mode not in ("100644", "100755"):
                continue
            below = name.relative_to(where)
            if len(below.parts) <= 2 and (below.name == SUMMARY or below.suffix == ".png"):
                found[str(below)] = self._reader(rest.split()[1])
        return found

    def _reader(self, blob: str) -> Callable[[], bytes]:
        return lambda: self._git("cat-file", "blob", blob)

    def _git(self, *arguments: str) -> bytes:
        """Return the output of a git command; raise ConfigError with its error message if it fails."""
        environment = {**os.environ, "LC_ALL": "C", "GIT_LITERAL_PATHSPECS": "1", "GIT_OPTIONAL_LOCKS": "0"}
        try:
            done = subprocess.run(
                ["git", "-C", str(self._folder), *arguments], capture_output=True, check=False, env=environment
            )
        except OSError as error:
            raise mistake("git", f"cannot be run: {error.strerror or error}") from None
        if done.returncode:
            message = " ".join(done.stderr.decode(errors="replace").split()).removeprefix("fatal: ")
            raise mistake(self._named, f"git failed: {message or f'exit code {done.returncode}'}")
        return done.stdout
