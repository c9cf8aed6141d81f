"""Files, folders and the standard input -> Experiments, the mistakes of all of them together."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bpviz.config.load import Written, file_name, loads
from bpviz.config.yaml_tree import LARGEST
from bpviz.messages.diagnostics import ConfigError, Mistake
from bpviz.storage.reading import UnreadableError, read

if TYPE_CHECKING:
    from bpviz.experiment.spec import Experiment

_SUFFIXES = (".yaml", ".yml")


class Source(NamedTuple):
    """A config as it was found: where, and its bytes."""

    path: str  # "-" is the standard input
    data: bytes

    @property
    def name(self) -> str:
        """The name of its experiment."""
        return file_name("stdin" if self.path == "-" else Path(self.path).stem)

    @property
    def folder(self) -> Path:
        """Where the paths in it start."""
        return Path(self.path).parent

    def experiment(self, overrides: Sequence[str] = ()) -> Experiment:
        """Return what it says; ConfigError if it is wrong."""
        return loads(self.data, self.said, self.folder, overrides, self.name)

    @property
    def said(self) -> str:
        """What messages call it."""
        return "<stdin>" if self.path == "-" else self.path

    def written(self) -> Written:
        """Return what is written in it, to find places."""
        return Written(self.data, self.said)


class Found(NamedTuple):
    """Configs that were found, not yet understood, what could not be read, and folders that have none."""

    sources: list[Source]
    unread: list[Mistake]
    empty: list[Mistake]

    @property
    def mistakes(self) -> list[Mistake]:
        """What is wrong before any config has been understood."""
        return [*self.unread, *self.empty]

    def experiments(self, overrides: Sequence[str] = ()) -> list[Experiment]:
        """Return what they say; ConfigError with the mistakes of all of them."""
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


def find(paths: Sequence[str]) -> Found:
    """Find configs: files, those in folders (every .yaml and .yml file) or ``-``, the standard input."""
    sources: list[Source] = []
    mistakes: list[Mistake] = []
    empty: list[Mistake] = []
    for path in _files(paths, mistakes, empty):
        try:
            data = sys.stdin.buffer.read(LARGEST + 1) if path == "-" else read(Path(path), LARGEST)
            sources.append(Source(path, data))
        except UnreadableError as error:
            mistakes.append(Mistake(path, 0, 0, "", str(error)))
    return Found(sources, mistakes, empty)


def _files(paths: Sequence[str], mistakes: list[Mistake], empty: list[Mistake]) -> list[str]:
    """Return the files meant, each once, in the order given; note what is none, and folders without any."""
    files: dict[str, None] = {}
    for path in paths:
        if not path:  # to Path the working directory
            mistakes.append(Mistake("''", 0, 0, "", "this is not the name of a file or a folder"))
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
            empty.append(Mistake(path, 0, 0, "", "this folder has no configs: no file ending in .yaml or .yml"))
        files.update(dict.fromkeys(found))
    return list(files)
