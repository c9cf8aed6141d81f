"""Run experiments and compare algorithms from Python.

The public names are those of ``bpviz`` itself: ``bpviz.run``, ``bpviz.compare``, ``bpviz.optimizer``.
"""

from __future__ import annotations

import dataclasses
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from bpviz import config, tables
from bpviz.config import ConfigError, Experiment, Mistake
from bpviz.config.plugins import load_all
from bpviz.declare import FIGURES
from bpviz.declare.domains import Choice
from bpviz.engine import results
from bpviz.execution.memory import budget, check, parse
from bpviz.experiment import runner
from bpviz.figures import _style
from bpviz.messages.text import join_words, quote_value
from bpviz.outputs import build

if TYPE_CHECKING:
    from types import EllipsisType

    import numpy.typing as npt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from bpviz.engine.results import Run

Files: TypeAlias = "str | os.PathLike[str] | Sequence[str | os.PathLike[str]]"

FORMATS = ("png", "svg", "pdf")

_ROWS = {"summary": tables.summary_rows, "history": tables.history_rows}


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Results(results.Results):
    """The results of an experiment.

    A collection of runs: ``results["gd"]`` is the run of an algorithm, ``len(results)`` the number of runs, and
    iteration yields runs in the order of the experiment. ``str(results)`` is the table that the commands print.

    Attributes
    ----------
    title : str
        Title of the experiment.
    runs : sequence of Run
        One run per algorithm and start. ``run.weights`` has the shape (epochs + 1, params) and ``run.errors`` the
        shape (epochs + 1,), where index 0 is the start.
    weights : tuple of str
        Names of the weights.
    error_threshold : float or None
        Error at which a run ends: the threshold of the experiment plus the known minimum of the problem.
    gradient_threshold : float or None
        Gradient norm at which a run ends.
    experiment : Experiment
        The experiment that was run.
    """

    experiment: Experiment = dataclasses.field(kw_only=True)

    def __getitem__(self, name: str) -> Run:
        """Return the run of an algorithm.

        Parameters
        ----------
        name : str
            Label of the algorithm, or its name if no algorithm has this label.

        Returns
        -------
        Run
            The run of the algorithm.

        Raises
        ------
        KeyError
            If there is no such algorithm, if several algorithms have this name, or if the algorithm has several runs
            (one per start), which ``results.of(label)`` returns.
        """
        runs = self.of(name) or [run for run in self.runs if run.algorithm == name]
        labels = list(dict.fromkeys(run.label for run in runs or self.runs))
        if len(runs) == 1:
            return runs[0]
        if not runs:
            raise KeyError(f"unknown algorithm {name!r} (expected {join_words(map(repr, labels))})")
        if len(labels) > 1:
            raise KeyError(
                f"{name!r} is the name of {len(labels)} algorithms; use a label: {join_words(map(repr, labels))}"
            )
        raise KeyError(f"{name!r} has {len(runs)} runs (one per start); use results.of({labels[0]!r})")

    def __contains__(self, name: object) -> bool:
        """Return whether a run has this label or algorithm name."""
        return any(name in (run.label, run.algorithm) for run in self.runs)

    def __iter__(self) -> Iterator[Run]:
        """Iterate over the runs: algorithm by algorithm, start by start."""
        return iter(self.runs)

    def __len__(self) -> int:
        """Return the number of runs."""
        return len(self.runs)

    def __str__(self) -> str:
        """Return the table of the runs as text aligned with spaces."""
        return tables.as_text(tables.table(self)).rstrip("\n")

    def __repr__(self) -> str:
        return f"<Results {self.title!r}: {len(self.runs)} {'run' if len(self.runs) == 1 else 'runs'}>"

    def _repr_html_(self) -> str:
        """Return the table of the runs as HTML, which notebooks show."""
        return tables.as_html(tables.table(self))

    def records(self, table: str = "summary") -> list[dict[str, Any]]:
        """Return the numbers as plain dictionaries, for instance for a data frame of any library.

        Parameters
        ----------
        table : {"summary", "history"}, default "summary"
            "summary" has one record per run, with the columns of ``summary.csv``: ``settings`` is a dictionary and
            ``start`` a tuple. "history" has one record per epoch, with the columns of ``history.csv``: epoch 0 is the
            start, evaluations are those so far, and ``start`` is the number of the start, from 1.

        Returns
        -------
        list of dict
            The records, in the order of the runs. All have the same keys.

        Raises
        ------
        ConfigError
            If the table is unknown.
        """
        columns, rows = self._rows(table)
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def to_pandas(self, table: str = "summary") -> DataFrame:
        """Return the numbers as a data frame of pandas, which has to be installed: ``pip install "bpviz[pandas]"``.

        Parameters
        ----------
        table : {"summary", "history"}, default "summary"
            The table, as for ``records``. The settings of "summary" become columns of their own, such as
            ``settings.step``, with NaN where an algorithm does not have the setting.

        Returns
        -------
        pandas.DataFrame
            One row per run or per epoch.

        Raises
        ------
        ConfigError
            If the table is unknown.
        ImportError
            If pandas is not installed.
        """
        columns, rows = self._rows(table)
        try:
            import pandas
        except ImportError:
            message = 'to_pandas requires pandas; install it with pip install "bpviz[pandas]"'
            raise ImportError(message, name="pandas") from None
        frame = pandas.DataFrame(rows, columns=columns)
        if "settings" not in columns:
            return frame
        settings = pandas.DataFrame(frame.pop("settings").tolist()).add_prefix("settings.")
        return pandas.concat([frame, settings], axis="columns")

    def _rows(self, table: str) -> tuple[list[str], Iterable[list[Any]]]:
        _check_choices("table", [table], tuple(_ROWS))
        return _ROWS[table](self)

    def figure(self, kind: str = "paths", *, ax: Axes | None = None, **options: Any) -> Figure:
        """Draw a figure.

        Parameters
        ----------
        kind : str, default "paths"
            Kind of figure, as listed by `bpviz list figures`.
        ax : matplotlib.axes.Axes, optional
            Axes to draw into. They keep their place, and get the title, the labels, and the legend inside. Default: a
            new figure.
        **options : object
            Options of the kind, as listed by `bpviz explain KIND`, for instance ``title``, ``algorithms`` and
            ``style={"theme": "dark"}``.

        Returns
        -------
        matplotlib.figure.Figure
            The figure, which a notebook shows as an image, or that of ``ax``. It is not registered with pyplot.

        Raises
        ------
        ConfigError
            If the kind or an option is unknown or invalid.
        ValueError
            If ``ax`` has the wrong projection, or if the figure needs several axes.
        """
        request = config.figure(self.experiment, kind, options)
        from bpviz.figures import _render  # matplotlib only when something is drawn

        look = self.experiment.look(request)
        with _style.using(look):
            data = request.data(self, self.experiment.problem)
        figure = _render.drawn(request, data, look, ax)
        _warn([_render.lacking(ax or figure, look)])
        return figure

    def save(self, folder: str | os.PathLike[str], formats: str | Sequence[str] = "png") -> Path:
        """Write the files that `bpviz run` writes, except for the lockfile: tables, run.json and figures.

        Parameters
        ----------
        folder : str or path-like
            Folder to write. It is created if it does not exist.
        formats : str or sequence of str, default "png"
            Formats of the figures: "png", "svg" or "pdf".

        Returns
        -------
        pathlib.Path
            The folder.

        Raises
        ------
        ConfigError
            If a format is unknown.
        OSError
            If the folder cannot be written.
        """
        chosen = [formats] if isinstance(formats, str) else list(formats)
        _check_choices("formats", chosen, FORMATS)
        path = Path(folder)
        job = build.Job(dataclasses.replace(self.experiment, name=path.name), path, tuple(chosen))
        build.plan([job])
        build.write_tables(job.experiment, self, path)
        lacking: list[Any] = []
        for number, figure in enumerate(job.experiment.figures):
            with _style.using(job.experiment.look(figure)):
                data = figure.data(self, job.experiment.problem)
            files = build.draw(job, number, build.PendingFigure(job.formats, data, None))
            lacking += [file.lacking for file in files.values()]
        _warn(lacking)
        return path


def _check_choices(argument: str, values: Sequence[str], words: tuple[str, ...]) -> None:
    """Raise ConfigError if one of the values of an argument is none of the words."""
    domain = Choice(words)
    complaints = [f"{complaint}{domain.hint(value)}" for value in values if (complaint := domain.complaint(value))]
    if complaints:
        raise ConfigError([Mistake(argument, 0, 0, "", complaint) for complaint in complaints])


def run(
    experiment: str | os.PathLike[str] | Mapping[str, Any] | Experiment,
    *,
    overrides: str | Sequence[str] = (),
    plugins: Files = (),
    memory: str | int | None = None,
) -> Results:
    """Run an experiment.

    Parameters
    ----------
    experiment : str, path-like, mapping or Experiment
        A config: the name of a YAML file, the same content as a mapping, or the experiment of earlier results. Arrays
        and numbers of NumPy are accepted as values of a mapping.
    overrides : str or sequence of str, optional
        Values that replace those of the config, as for ``--set``: "algorithms.0.step=10".
    plugins : str, path-like or sequence of these, optional
        Python files to execute first, as for ``--plugin``.
    memory : str or int, optional
        Memory that the experiment may use, in bytes or as for ``--memory``: "2G". Default: half of the free memory.

    Returns
    -------
    Results
        One run per algorithm and start.

    Raises
    ------
    ConfigError
        If the config or a plugin is invalid, or if the experiment needs more than ``memory``. ``error.mistakes`` lists
        all mistakes.
    MemoryError
        If runs with a threshold turn out to need more than ``memory``.
    RuleError
        If a third-party rule or problem fails while it runs.
    """
    most = _bytes(memory)
    _load(plugins)
    overrides = [overrides] if isinstance(overrides, str) else list(overrides)
    if isinstance(experiment, Experiment):
        if not overrides:
            return _run(experiment, most)
        changed = config.from_mapping(config.resolved(experiment), overrides, experiment.name)
        return _run(changed if changed.heading else dataclasses.replace(changed, title=experiment.title), most)
    if isinstance(experiment, Mapping):
        return _run(config.from_mapping(experiment, overrides), most)
    if isinstance(experiment, str | os.PathLike):
        return _run(config.load(Path(experiment), overrides), most)
    message = f"invalid experiment (got {quote_value(experiment)}, expected a file name, a mapping or an Experiment)"
    raise ConfigError([Mistake("", 0, 0, "", message)])


def compare(
    *algorithms: Any,
    problem: str | Mapping[str, Any] | None = None,
    start: npt.ArrayLike | None = None,
    error_threshold: float | EllipsisType | None = ...,
    gradient_threshold: float | None = None,
    max_epochs: int | None = None,
    plugins: Files = (),
    memory: str | int | None = None,
) -> Results:
    """Compare algorithms on a problem.

    Parameters
    ----------
    *algorithms : str, mapping or optimizer
        Names ("gd"), names with settings ("momentum:step=0.1"), mappings as in a config, or rules.
    problem : str or mapping, optional
        Name of a test function, optionally with settings ("rosenbrock"), or a mapping as in a config. Default: the
        published problem, a perceptron with two weights on six points.
    start : array_like, shape (params,) or (starts, params), optional
        Initial weights, or several of them. Default: the start of the problem.
    error_threshold : float >= 0 or None, optional
        End a run when its error exceeds the known minimum by no more than this. None: never. Default: that of the
        problem.
    gradient_threshold : float >= 0, optional
        End a run when its gradient norm falls to this value. Default: never.
    max_epochs : int >= 1, optional
        Maximum number of epochs per run. Default: 1000.
    plugins : str, path-like or sequence of these, optional
        Python files to execute first, as for ``--plugin``.
    memory : str or int, optional
        Memory that the runs may use, in bytes or as for ``--memory``: "2G". Default: half of the free memory.

    Returns
    -------
    Results
        One run per algorithm and start.

    Raises
    ------
    ConfigError
        If an argument or a plugin is invalid, or if the runs need more than ``memory``. ``error.mistakes`` lists all
        mistakes.
    MemoryError
        If runs with a threshold turn out to need more than ``memory``.
    RuleError
        If a third-party rule or problem fails while it runs.
    """
    most = _bytes(memory)
    _load(plugins)
    given = {
        "problem": problem,
        "start": start,
        "gradient_threshold": gradient_threshold,
        "max_epochs": max_epochs,
    }
    values: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    if error_threshold is not ...:
        values["error_threshold"] = error_threshold
    experiment = config.from_values(algorithms, values)
    return _run(dataclasses.replace(experiment, figures=(FIGURES["paths"](),)), most)


def _warn(lacking: Sequence[Any]) -> None:
    """Warn about letters that the fonts of figures lack."""
    from bpviz.figures._render import remarks

    for remark in remarks(lacking):
        warnings.warn(remark, stacklevel=3)


def _load(files: Files) -> None:
    names = [files] if isinstance(files, str | os.PathLike) else files
    load_all([os.fspath(file) for file in names])


def _bytes(memory: str | int | None) -> int | None:
    """Return the bytes that an experiment may use."""
    size = parse(str(memory)) if memory is not None else None
    if memory is not None and size is None:
        message = f"expected a number of bytes or a size such as '2G', got {quote_value(memory)}"
        raise ConfigError([Mistake("memory", 0, 0, "", message)])
    return budget(size)


def _run(experiment: Experiment, memory: int | None) -> Results:
    if experiment.warning:
        warnings.warn(experiment.warning, stacklevel=3)
    check([experiment], memory)
    return Results(**vars(runner.run(experiment, memory=memory)), experiment=experiment)
