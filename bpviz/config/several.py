"""Files, folders and the standard input -> Experiments, the mistakes of all of them together."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bpviz.config.places import ConfigError, Mistake
from bpviz.config.sources import load, loads
from bpviz.config.yaml_tree import LARGEST

if TYPE_CHECKING:
    from bpviz.config.experiment import Experiment

_SUFFIXES = (".yaml", ".yml")


def load_all(paths: Sequence[str], overrides: Sequence[str] = ()) -> list[Experiment]:
    """Return the Experiments of configs: files, folders (every .yaml and .yml file in them) or ``-``, the standard
    input.

    Raises ConfigError with the mistakes of all of them.
    """
    experiments: list[Experiment] = []
    mistakes: list[Mistake] = []
    for path in _files(paths, mistakes):
        try:
            if path == "-":
                data = sys.stdin.buffer.read(LARGEST + 1)
                experiments.append(loads(data, "<stdin>", Path(), overrides))
            else:
                experiments.append(load(Path(path), overrides))
        except ConfigError as error:
            mistakes += error.mistakes
    if mistakes:
        raise ConfigError(mistakes)
    return experiments


def _files(paths: Sequence[str], mistakes: list[Mistake]) -> list[str]:
    """Return the files meant, each once, in the order given; note folders without any."""
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
            mistakes.append(Mistake(path, 0, 0, "", "this folder has no configs: no file ending in .yaml or .yml"))
        files.update(dict.fromkeys(found))
    return list(files)
