"""The experiments that documents refer to: their tables, and whether their figures are up to date."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bpviz import config, tables
from bpviz.config.discovery import Source
from bpviz.execution.memory import check
from bpviz.outputs import lockfile, provenance, rounding, status, summaries
from bpviz.outputs.drift import inputs
from bpviz.outputs.lockfile import LockError
from bpviz.storage.reading import UnreadableError, read
from bpviz.tables import Table

if TYPE_CHECKING:
    from bpviz.config import Experiment
    from bpviz.engine.results import Results
    from bpviz.figures._base import FigureRequest


class Verdict(NamedTuple):
    """Why a figure is out of date, or whether it could not be compared."""

    reasons: list[str]
    skipped: bool = False


class Experiments:
    """The experiments of configs and their outputs in ``out``; each config is read, and run if need be, once.

    ``level`` is the level of a check, ``memory`` the number of bytes that an experiment may use: see fill.embedded.
    """

    def __init__(self, out: Path, level: str | None, memory: int | None) -> None:
        self.out = out
        self._level = level
        self._memory = memory
        self._sources: dict[str, Source] = {}
        self._experiments: dict[str, Experiment] = {}
        self._results: dict[str, Results] = {}
        self._tables: dict[str, tuple[Table, list[str]]] = {}

    def source(self, path: Path) -> Source:
        """Return the source of a config; raise UnreadableError."""
        name = os.path.normpath(path)
        if name not in self._sources:
            self._sources[name] = Source(name, read(path, config.LARGEST), named=False)
        return self._sources[name]

    def experiment(self, source: Source) -> Experiment:
        """Return the experiment of a config; raise ConfigError."""
        if source.path not in self._experiments:
            self._experiments[source.path] = source.experiment()
        return self._experiments[source.path]

    def results(self, source: Source) -> Results:
        """Return the results of a config, from a run; raise ConfigError."""
        if source.path not in self._results:
            experiment = self.experiment(source)
            check([experiment], self._memory, [source])
            from bpviz.experiment import runner  # imports NumPy, which outputs that are up to date do not need

            self._results[source.path] = runner.run(experiment, memory=self._memory)
        return self._results[source.path]

    def table(self, source: Source) -> tuple[Table, list[str]]:
        """Return the table of a config and the algorithm of each row; raise ConfigError.

        The table is that of the outputs if they are up to date. A check at level ``results`` or ``pixels`` runs the
        experiment, and uses the table of the outputs only if it has the same results.
        """
        if source.path not in self._tables:
            recorded = _from_outputs(source, self.out / source.name)
            if recorded is None or self._level in ("results", "pixels"):
                results = self.results(source)
                if recorded is None or not rounding.same_table(recorded[0]._asdict(), results):
                    recorded = tables.table(results), []
                recorded = recorded[0], [run.algorithm for run in results.runs]
            self._tables[source.path] = recorded
        return self._tables[source.path]

    def verdict(self, source: Source, figure: FigureRequest, file: Path) -> Verdict:
        """Return whether the file of a figure is as its config makes it, as far as the level of the check compares."""
        if self._level is None:
            return Verdict([])
        experiment = self.experiment(source)
        subject = inputs.Subject.of(source, file.parent, inputs.CheckOptions((), (), no_figures=False))
        checked = inputs.check(subject, experiment)
        reasons = [str(drift.where).partition("\n")[0] for drift in checked.drifts if _concerns(drift.where.file, file)]
        if subject.before and file.name not in subject.before.files:
            reasons.append(f"{file.parent / lockfile.NAME}: {file.name} is not listed")
        if reasons or self._level != "pixels" or subject.before is None:
            return Verdict(reasons)
        made_with = subject.before.versions
        from bpviz.figures._render import rendered  # imports matplotlib
        from bpviz.outputs.drift import figures

        if not figures.comparable(made_with, provenance.versions(experiment)):
            return Verdict([], skipped=True)
        data = figure.data(self.results(source), experiment.problem)
        drawn = rendered(figure, data, file.suffix[1:], experiment.look(figure))
        found = figures.difference(file, drawn.content)
        return Verdict([f"{file}: {found.message}"] if found else [])


def _concerns(place: str, file: Path) -> bool:
    """Return whether a drift at a place concerns a figure file, which one in another output file does not."""
    return Path(place).parent != file.parent or Path(place).name in (file.name, lockfile.NAME)


def _from_outputs(source: Source, folder: Path) -> tuple[Table, list[str]] | None:
    """Return the table of outputs and the algorithm of each row, None if the outputs are not up to date."""
    try:
        before = lockfile.read(folder)
        if before is None or before.asked["overrides"]:
            return None
        now = status.up_to_date(source, folder, status.RunOptions(**before.asked))
        names = [run["algorithm"] for run in summaries.of_folder(folder)["runs"]]
    except (LockError, UnreadableError):
        return None
    if now is None or len(names) != len(now.table["rows"]):
        return None
    return Table(**now.table), names
