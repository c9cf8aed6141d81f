"""Find configs in files, folders and standard input, and read them; report the mistakes of all of them together."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bpviz.config.load import Places, file_name, loads
from bpviz.config.yaml_tree import LARGEST
from bpviz.messages.diagnostics import ConfigError, Mistake
from bpviz.storage.reading import UnreadableError, is_inside, read

if TYPE_CHECKING:
    from bpviz.experiment.spec import Experiment

_SUFFIXES = (".yaml", ".yml")


class Source(NamedTuple):
    """A config: its path and its bytes, and whether the user named its file or folder rather than a document."""

    path: str  # "-" for standard input
    data: bytes
    named: bool = True

    @property
    def name(self) -> str:
        """The name of the experiment."""
        return file_name("stdin" if self.path == "-" else Path(self.path).stem)

    @property
    def folder(self) -> Path:
        """The folder to which paths in the config are relative."""
        return Path(self.path).parent

    def experiment(self, overrides: Sequence[str] = ()) -> Experiment:
        """Return the Experiment; raise ConfigError if the config has mistakes."""
        try:
            return loads(self.data, self.label, self.folder, overrides, self.name)
        except ConfigError:
            if self.shown:
                raise
            hint = f"run `bpviz validate {shlex.quote(os.path.realpath(self.path))}`"
            message = f"not a valid config (not quoted, because it is outside the working directory); {hint}"
            raise ConfigError([Mistake(self.label, 0, 0, "", message)]) from None

    @property
    def shown(self) -> bool:
        """Whether messages may quote the config.

        A symbolic link, or a document, may lead to any file, such as one with secrets, which would appear in the log.
        """
        if self.path == "-":
            return True
        place, home = Path(os.path.abspath(self.path)), Path.cwd()  # noqa: PTH100  removes .. without following links
        return is_inside(place, home if not self.named or place.is_relative_to(home) else place.parent)

    @property
    def label(self) -> str:
        """The name in messages."""
        return "<stdin>" if self.path == "-" else self.path

    def places(self) -> Places:
        """Return the places of the values in the config."""
        return Places(self.data, self.label)


class FoundConfigs(NamedTuple):
    """Configs that were found, not yet checked; mistakes for unreadable files, and for folders without configs."""

    sources: list[Source]
    unread: list[Mistake]
    empty: list[Mistake]

    @property
    def mistakes(self) -> list[Mistake]:
        """The mistakes found before any config is read."""
        return [*self.unread, *self.empty]

    def experiments(self, overrides: Sequence[str] = ()) -> list[Experiment]:
        """Return the Experiments; raise ConfigError with the mistakes of all configs if there are any."""
        experiments: list[Experiment] = []
        mistakes = list(self.mistakes)
        for source in self.sources:
            try:
                experiments.append(source.experiment(overrides))
            except ConfigError as error:
                mistakes += error.mistakes
        if mistakes:
            raise ConfigError(mistakes)
        return experiments


def find(paths: Sequence[str]) -> FoundConfigs:
    """Find configs: files, folders (every .yaml and .yml file in them), or ``-`` for standard input."""
    sources: list[Source] = []
    mistakes: list[Mistake] = []
    empty: list[Mistake] = []
    for path in _files(paths, mistakes, empty):
        try:
            data = sys.stdin.buffer.read(LARGEST + 1) if path == "-" else read(Path(path), LARGEST)
            sources.append(Source(path, data))
        except UnreadableError as error:
            mistakes.append(Mistake(path, 0, 0, "", str(error)))
    return FoundConfigs(sources, mistakes, empty)


def _files(paths: Sequence[str], mistakes: list[Mistake], empty: list[Mistake]) -> list[str]:
    """Return the files, each once, in the given order; add mistakes for invalid paths and for folders without."""
    files: dict[str, None] = {}
    for path in paths:
        if not path:  # for Path, the working directory
            mistakes.append(Mistake("''", 0, 0, "", "expected the name of a file or folder, got ''"))
            continue
        if path == "-" or not Path(path).is_dir():
            files[path] = None
            continue
        try:
            found = sorted(str(file) for file in Path(path).iterdir() if file.suffix in _SUFFIXES and file.is_file())
        except OSError as error:
            mistakes.append(Mistake(path, 0, 0, "", f"cannot be read: {error.strerror or error}"))
            continue
        if not found:
            empty.append(Mistake(path, 0, 0, "", "no configs in this folder (no .yaml or .yml file)"))
        files.update(dict.fromkeys(found))
    return list(files)
