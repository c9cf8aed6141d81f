"""The program from Python: run experiments and compare algorithms, and look at what came out.

What is here, and what is needed to write a rule, is found in ``bpviz`` itself: ``bpviz.run``, ``bpviz.optimizer``.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from bpviz import config, tables
from bpviz.config import ConfigError, Experiment, Mistake
from bpviz.config.plugins import load_all
from bpviz.declare import FIGURES
from bpviz.declare.domains import Choice
from bpviz.engine import results
from bpviz.experiment import runner
from bpviz.messages.text import listed, shown
from bpviz.outputs import build

if TYPE_CHECKING:
    from types import EllipsisType

    import numpy.typing as npt
    from matplotlib.figure import Figure

    from bpviz.engine.results import Run

Files: TypeAlias = "str | os.PathLike[str] | Sequence[str | os.PathLike[str]]"

FORMATS = ("png", "svg", "pdf")


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Results(results.Results):
    """What came out of an experiment: ``results["gd"].weights``, its table, its figures and its files."""

    experiment: Experiment = dataclasses.field(kw_only=True)

    def __getitem__(self, name: str) -> Run:
        """Return the run of an algorithm, by its label or its name. Where it has several, ``of`` has them all."""
        runs = self.of(name) or [run for run in self.runs if run.algorithm == name]
        labels = list(dict.fromkeys(run.label for run in runs or self.runs))
        if len(runs) == 1:
            return runs[0]
        if not runs:
            raise KeyError(
                f"{name!r} is not the label or the name of an algorithm here; there is {listed(labels, 'and')}"
            )
        if len(labels) > 1:
            raise KeyError(f"{name!r} is the name of several: {listed(map(repr, labels), 'and')}")
        raise KeyError(f"{name!r} has {len(runs)} runs, one a start; of({labels[0]!r}) returns them")

    def __contains__(self, name: object) -> bool:
        return any(name in (run.label, run.algorithm) for run in self.runs)

    def __iter__(self) -> Iterator[Run]:
        return iter(self.runs)

    def __len__(self) -> int:
        return len(self.runs)

    def __str__(self) -> str:
        return tables.as_text(tables.table(self)).rstrip("\n")

    def __repr__(self) -> str:
        return f"<Results {self.title!r}: {len(self.runs)} {'run' if len(self.runs) == 1 else 'runs'}>"

    def _repr_html_(self) -> str:
        return tables.as_html(tables.table(self))

    def figure(self, kind: str = "paths", **options: Any) -> Figure:
        """Return a figure with the options that `bpviz explain` lists for its kind. Raises ConfigError."""
        request = config.figure(self.experiment, kind, options)
        from bpviz.figures._render import drawn  # matplotlib only when something is drawn

        return drawn(request, request.data(self, self.experiment.problem))

    def save(self, folder: str | os.PathLike[str], formats: str | Sequence[str] = "png") -> Path:
        """Write what `bpviz run` writes, the tables and the experiment's figures, into a folder, and return that.

        Raises ConfigError, and OSError if the folder cannot be written in.
        """
        chosen = [formats] if isinstance(formats, str) else list(formats)
        wrong = [complaint for one in chosen if (complaint := Choice(FORMATS).complaint(one))]
        if wrong:
            raise ConfigError([Mistake("formats", 0, 0, "", complaint) for complaint in wrong])
        whole = Path(folder)
        job = build.Job(dataclasses.replace(self.experiment, name=whole.name), whole, tuple(chosen))
        build.plan([job])
        build.write_tables(job.experiment, self, whole)
        for number, figure in enumerate(job.experiment.figures):
            data = figure.data(self, job.experiment.problem)
            build.draw(job, number, build.PendingFigure(job.formats, data, None))
        return whole


def run(
    experiment: str | os.PathLike[str] | Mapping[str, Any] | Experiment,
    *,
    overrides: str | Sequence[str] = (),
    plugins: Files = (),
) -> Results:
    """Run an experiment: a YAML file, the same as a mapping, or one that has been read.

    ``overrides`` are as with ``--set``: "algorithms.0.step=10". ``plugins`` are Python files to execute first, as with
    ``--plugin``. Raises ConfigError for every mistake, and RuleError if a rule of one's own fails.
    """
    _load(plugins)
    overrides = [overrides] if isinstance(overrides, str) else list(overrides)
    if isinstance(experiment, Experiment):
        return _ran(
            config.from_mapping(config.resolved(experiment), overrides, experiment.name) if overrides else experiment
        )
    if isinstance(experiment, Mapping):
        return _ran(config.from_mapping(experiment, overrides))
    if isinstance(experiment, str | os.PathLike):
        return _ran(config.load(Path(experiment), overrides))
    message = f"{shown(experiment)} is no experiment: the name of a YAML file, a mapping, or an Experiment"
    raise ConfigError([Mistake("", 0, 0, "", message)])


def compare(
    *algorithms: Any,
    problem: str | Mapping[str, Any] | None = None,
    start: npt.ArrayLike | None = None,
    error_threshold: float | EllipsisType | None = ...,
    gradient_threshold: float | None = None,
    max_epochs: int | None = None,
    plugins: Files = (),
) -> Results:
    """Compare algorithms on the published problem: "gd", "momentum:step=0.1", or a mapping as in a config.

    ``problem`` names another, "rosenbrock", or is a mapping as in a config. ``start`` is a point or a list of points;
    an ``error_threshold`` of None lets every run make all its epochs. What is left out is what a config's default is.
    Raises ConfigError for every mistake, and RuleError if a rule of one's own fails.
    """
    _load(plugins)
    given = {
        "problem": problem,
        "start": start,
        "gradient_threshold": gradient_threshold,
        "max_epochs": max_epochs,
    }
    said: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    if error_threshold is not ...:
        said["error_threshold"] = error_threshold
    experiment = config.from_values(algorithms, said)
    return _ran(dataclasses.replace(experiment, figures=(FIGURES["paths"](),)))


def _load(files: Files) -> None:
    several = [files] if isinstance(files, str | os.PathLike) else files
    load_all([os.fspath(file) for file in several])


def _ran(experiment: Experiment) -> Results:
    came = runner.run(experiment)
    return Results(**vars(came), experiment=experiment)
