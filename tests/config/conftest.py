"""Read configs whose data are in a CSV file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bpviz import config
from bpviz.config import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from bpviz.problems.datasets import Dataset


class CsvFolder:
    """A folder ``configs`` with a config that reads a CSV file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "configs"
        self.folder.mkdir()

    def dataset(self, data: str | bytes, options: str = "", path: str = "points.csv") -> Dataset:
        """Write the file and return the dataset of the config; ``options`` are keys next to ``csv``."""
        return self.experiment(data, options, path).problem.dataset

    def experiment(self, data: str | bytes, options: str = "", path: str = "points.csv") -> config.Experiment:
        (self.folder / path).write_bytes(data if isinstance(data, bytes) else data.encode())
        return self._read(path, options)

    def mistakes(self, data: str | bytes, options: str = "", path: str = "points.csv") -> list[str]:
        """Write the file and return the mistakes, with paths relative to the folder."""
        (self.folder / path).write_bytes(data if isinstance(data, bytes) else data.encode())
        return self.mistakes_of(path, options)

    def mistakes_of(self, path: str, options: str = "") -> list[str]:
        """Return the mistakes of a config with an existing file."""
        with pytest.raises(ConfigError) as caught:
            self._read(path, options)
        return [str(mistake).removeprefix(f"{self.folder}/") for mistake in caught.value.mistakes]

    def messages(self, data: str | bytes, options: str = "", path: str = "points.csv") -> list[str]:
        """Write the file and return the mistakes, or the notes if there are none."""
        try:
            return list(self.experiment(data, options, path).notes)
        except ConfigError as error:
            return [str(mistake) for mistake in error.mistakes]

    def _read(self, path: str, options: str) -> config.Experiment:
        comma = ", " if options else ""
        text = f"algorithms: [gd]\nfigures: []\ndataset: {{csv: {path}{comma}{options}}}"
        (self.folder / "try.yaml").write_text(text, encoding="utf-8")
        return config.load(self.folder / "try.yaml")


@pytest.fixture
def csv_folder(tmp_path: Path) -> CsvFolder:
    return CsvFolder(tmp_path)
