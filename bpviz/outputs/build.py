"""Run experiments and write their tables, figures and lockfiles, in this process or in several worker processes.

A task is a whole experiment, the runs and tables of one, or one of its figures. The files do not depend on the number
of processes. Files that are up to date are not written: tables with the same content, and figures whose plotted data
and drawing code are those of the lockfile.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Concatenate, NamedTuple, ParamSpec, TypeVar

from bpviz import config, declare, tables
from bpviz.config import plugins
from bpviz.execution.processes import TASKS_AHEAD, interrupts_blocked, worker_pool
from bpviz.experiment import runner
from bpviz.experiment.limits import OutOfMemoryError
from bpviz.figures import _style
from bpviz.outputs import lockfile, provenance, rounding
from bpviz.outputs.lockfile import Lock, Origin
from bpviz.outputs.names import TABLES
from bpviz.outputs.provenance import code_of, modules_of, rounded, versions
from bpviz.storage import atomic, hashing
from bpviz.storage.reading import UnreadableError, read
from bpviz.tables import schemas

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future
    from pathlib import Path

    from bpviz.config import Experiment
    from bpviz.engine.results import Results


@dataclass(frozen=True)
class Job:
    """An experiment and its output folder.

    With an ``origin``, a lockfile is written. ``before`` is the existing lockfile; ``forced`` redraws figures that are
    up to date.
    """

    experiment: Experiment
    folder: Path
    formats: tuple[str, ...]
    with_tables: bool = True
    origin: Origin | None = None
    before: Lock | None = None
    forced: bool = False

    @property
    def files(self) -> list[str]:
        """The names of the tables and figures."""
        figures = [file for i in range(len(self.experiment.figures)) for file in self.figure_files(i).values()]
        return [*(TABLES if self.with_tables else ()), *figures]

    @property
    def written(self) -> list[str]:
        """The names of all files that are written, including the lockfile."""
        return [*self.files, *([lockfile.NAME] if self.origin else ())]

    def figure_files(self, number: int) -> dict[str, str]:
        """Return the file names of a figure by format."""
        name = self.experiment.figures[number].file_name()
        return {suffix: f"{name}.{suffix}" for suffix in self.formats}


class DrawnFile(NamedTuple):
    """A drawn file.

    Its record for the lockfile, whether the existing file already had this content, and what its fonts lack.
    """

    record: dict[str, Any]
    same: bool
    lacking: Any


class PendingFigure(NamedTuple):
    """A figure to draw: its formats, its data, and the hash of the data if a lockfile is written."""

    formats: tuple[str, ...]
    data: Any
    shows: str | None


@dataclass
class Outcome:
    """The results of an experiment and the state of its output files.

    Attributes
    ----------
    results : Results
        The runs.
    seconds : dict
        Seconds per algorithm, by label.
    summary : dict
        The results as ``summary.json`` contains them.
    runs : list
        The runs as ``summary.json`` in the output folder records them.
    updated : dict
        Reasons by name of the files that were written.
    redrawn : list
        Names of the figure files that were drawn, including those whose content did not change.
    kept : list
        Names of the tables that were not written because only the last digits of computed numbers differ.
    files : dict
        Records of all files for the lockfile, by name.
    pending : dict
        The figures that are not drawn yet, by their number in the experiment.
    shows : list
        The hash of the plotted data of each figure.
    lacking : list
        What fonts lack in the files that were drawn: see ``figures/_fonts.py``.
    """

    results: Results
    seconds: dict[str, float]
    summary: Mapping[str, Any]
    runs: list[Mapping[str, Any]] = field(default_factory=list)
    updated: dict[str, str] = field(default_factory=dict)
    redrawn: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    pending: dict[int, PendingFigure] = field(default_factory=dict)
    shows: list[str] = field(default_factory=list)
    lacking: list[Any] = field(default_factory=list)

    @property
    def note(self) -> str:
        """A sentence about the kept tables, empty if there are none."""
        number = len(self.kept)
        if not number:
            return ""
        differ = "1 file differs" if number == 1 else f"{number} files differ"
        return f"{differ} only in the last digits; kept"

    def pop_pending(self) -> Iterator[tuple[int, PendingFigure]]:
        """Remove the pending figures one by one and yield them with their numbers, to free the memory of their data."""
        for number in list(self.pending):
            yield number, self.pending.pop(number)

    def record(self, drawn: Mapping[str, DrawnFile]) -> None:
        """Record drawn files."""
        for file, (record, same, lacking) in drawn.items():
            self.files[file] = record
            self.lacking.append(lacking)
            self.redrawn.append(file)
            if same:
                del self.updated[file]


P = ParamSpec("P")
T = TypeVar("T")
Progress = Callable[[str], None]
"""A function that is called with the title or figure name of every finished task."""


def plan(jobs: Sequence[Job]) -> None:
    """Check that all files of jobs can be written, and create the output folders.

    Raises UnwritableError.
    """
    for job in jobs:
        atomic.check(job.folder, job.written)
    for out in dict.fromkeys(job.folder.parent for job in jobs):
        atomic.check(out, ())
    for job in jobs:
        atomic.make(job.folder)
    for job in jobs:
        atomic.check(job.folder, job.written)  # again: names that are too long are found only in an existing folder


def carry_out(
    jobs: Sequence[Job],
    collect: Callable[[int, Outcome], T],
    *,
    processes: int = 1,
    memory: int | None = None,
    progress: Progress = lambda title: None,
) -> list[T]:
    """Run experiments and write their files.

    Parameters
    ----------
    jobs : sequence of Job
        The experiments.
    collect : callable
        Called with the number and the outcome of every finished experiment. Only what it returns is kept, so that the
        memory does not grow with the number of experiments.
    processes : int
        Number of worker processes; 1 runs everything in this process.
    memory : int or None
        Bytes that each experiment may use.
    progress : callable
        Called with a title or figure name whenever a task is finished.

    Returns
    -------
    list
        The return values of ``collect``, in the order of the jobs.
    """
    try:
        if processes > 1:
            with worker_pool(processes) as pool:
                return _carry_out_with(pool, jobs, collect, TASKS_AHEAD * processes, memory, progress)
        return [collect(number, _carry_out(job, memory, progress)) for number, job in enumerate(jobs)]
    except BaseException:
        for job in jobs:
            atomic.remove_temporary_files(job.folder)  # of worker processes that were ended
            atomic.remove_empty(job.folder)
        raise


def _naming_experiment(task: Callable[Concatenate[Job, P], T]) -> Callable[Concatenate[Job, P], T]:
    """Decorate a task: if memory runs out, the message names the experiment."""

    @functools.wraps(task)
    def named(job: Job, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return task(job, *args, **kwargs)
        except OutOfMemoryError:
            raise
        except MemoryError as error:
            reason = f" ({error})" if str(error) else ""
            message = f"{job.experiment.name}: out of memory{reason}; use fewer epochs, starts or samples"
            raise OutOfMemoryError(message) from None

    return named


def _carry_out(job: Job, memory: int | None = None, progress: Progress = lambda title: None) -> Outcome:
    """Carry out a job in this process."""
    outcome = compute(job, memory)
    progress(job.experiment.title)
    for number, request in outcome.pop_pending():
        outcome.record(draw(job, number, request))
        progress(job.experiment.figures[number].file_name())
    _finish(job, outcome)
    return outcome


def _carry_out_with(
    pool: Executor,
    jobs: Sequence[Job],
    collect: Callable[[int, Outcome], T],
    most: int,
    memory: int | None,
    progress: Progress,
) -> list[T]:
    """Carry out jobs in a pool of worker processes with at most ``most`` experiments in progress.

    While more experiments than that are left, each is one task. The figures of the last ones are tasks of their own,
    so that no process is idle.
    """
    from concurrent.futures import FIRST_COMPLETED, wait

    whole: dict[Future[Outcome], int] = {}
    computing: dict[Future[Outcome], int] = {}
    drawing: dict[Future[dict[str, DrawnFile]], tuple[int, int]] = {}
    outcomes: dict[int, Outcome] = {}  # with figures that are being drawn
    kept: dict[int, T] = {}
    begun = 0
    while len(kept) < len(jobs):
        with interrupts_blocked():
            while begun < len(jobs) and len(whole) + len(computing) + len(drawing) < most:
                task, tasks = (_carry_out, whole) if len(jobs) - begun > most else (compute, computing)
                tasks[pool.submit(task, jobs[begun], memory)] = begun
                begun += 1
        pending: set[Future[Any]] = {*whole, *computing, *drawing}
        done, _ = wait(pending, return_when=FIRST_COMPLETED)
        for future in done:
            if future in whole:
                number = whole.pop(future)
                kept[number] = collect(number, future.result())
                for title in (jobs[number].experiment.title, *(f.file_name() for f in jobs[number].experiment.figures)):
                    progress(title)
                continue
            if future in drawing:
                number, figure = drawing.pop(future)
                outcomes[number].record(future.result())
                progress(jobs[number].experiment.figures[figure].file_name())
            else:
                number = computing.pop(future)
                outcome = outcomes[number] = future.result()
                progress(jobs[number].experiment.title)
                with interrupts_blocked():
                    drawing |= {
                        pool.submit(draw, jobs[number], figure, request): (number, figure)
                        for figure, request in outcome.pop_pending()
                    }
            if not any(number == job for job, _ in drawing.values()):
                _finish(jobs[number], outcomes[number])
                kept[number] = collect(number, outcomes.pop(number))
    return [kept[number] for number in range(len(jobs))]


@_naming_experiment
def compute(job: Job, memory: int | None = None) -> Outcome:
    """Run an experiment, write its tables, and return the outcome with the figures to draw.

    Raises OutOfMemoryError.
    """
    if job.experiment.figures:
        import bpviz.figures._render  # noqa: F401  sets up matplotlib before another import of it
    seconds: dict[str, float] = {}
    results = runner.run(job.experiment, seconds=seconds, memory=memory)
    summary = tables.summary(results)
    outcome = Outcome(results, seconds, summary, summary["runs"])
    unchanged = _update_tables(job, outcome) and _same_origin(job)
    for number, figure in enumerate(job.experiment.figures):
        look = job.experiment.look(figure)
        with _style.using(look):
            data = figure.data(outcome.results, job.experiment.problem)
        shows = None
        if job.origin is not None:
            options = {**declare.settings(figure), "style": None}  # it is part of the look
            shows = hashing.of_data([figure.name, options, look.plain(), data])
            if unchanged and job.before:  # then only rounding can have changed the plotted data
                recorded = {job.before.files.get(file, {}).get("shows") for file in job.figure_files(number).values()}
                shows = str(recorded.pop()) if len(recorded) == 1 and None not in recorded else shows
            outcome.shows.append(shows)
        formats = []
        for suffix, file in job.figure_files(number).items():
            reason = _figure_reason(job, number, file, outcome.shows)
            if reason:
                outcome.updated[file] = reason
                formats.append(suffix)
            elif job.before:
                outcome.files[file] = dict(job.before.files[file])
        if formats:
            outcome.pending[number] = PendingFigure(tuple(formats), data, shows)
    return outcome


def _update_tables(job: Job, outcome: Outcome) -> bool:
    """Write the tables that changed, and return whether the results are those of the existing tables.

    Results that differ only in the last digits are the same; the existing tables are then kept.
    """
    if not job.with_tables:
        return False
    contents = tables_of(job.experiment, outcome.results, outcome.summary)
    existing = _contents(job.folder, contents) if job.before else {}
    same = bool(existing) and (existing == contents or rounding.same_results(existing, contents))
    if same:
        runs = json.loads(existing["summary.json"])["runs"]
        page = rounding.with_numbers(contents["summary.md"].decode(), runs, outcome.runs).encode()
        kept = {**contents, **{file: existing[file] for file in rounding.RESULTS}, "summary.md": page}
        outcome.kept = [file for file in TABLES if kept[file] == existing[file] != contents[file]]
        outcome.runs, contents = runs, kept
    for file, content in contents.items():
        reason = _written_reason(job, file)
        if atomic.update(job.folder / file, content):
            outcome.updated[file] = reason
        outcome.files[file] = lockfile.written(content)
    return same


def _contents(folder: Path, new: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the tables of a folder; an empty dict if one cannot be read or is much larger than the new one."""
    try:
        return {file: read(folder / file, rounding.largest_size(content), links=False) for file, content in new.items()}
    except UnreadableError:
        return {}


def _same_origin(job: Job) -> bool:
    """Return whether inputs, options and source files are those of the lockfile."""
    before = job.before
    return before is not None and before.origin == job.origin and not provenance.changed_code(before.code)


def tables_of(experiment: Experiment, results: Results, summary: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the contents of the tables of an experiment's results, by file name."""
    record: dict[str, Any] = {
        "schema": schemas.SUMMARY,
        "experiment": config.resolved(experiment),
        "versions": versions(experiment),
    }
    if experiment.notes:
        record["notes"] = experiment.notes
    used = plugins.used(experiment)
    contents = {
        "summary.md": tables.summary_markdown(results.title, tables.table(results, exact=True)),
        "summary.csv": tables.summary_csv(results),
        "summary.json": tables.as_json(summary),
        "history.csv": tables.history_csv(results),
        "run.json": tables.as_json({**record, "plugins": used} if used else record),
    }
    return {file: contents[file].encode(errors="backslashreplace") for file in TABLES}


def write_tables(experiment: Experiment, results: Results, folder: Path) -> None:
    """Write the tables of an experiment's results."""
    for file, content in tables_of(experiment, results, tables.summary(results)).items():
        atomic.write(folder / file, content)


def _written_reason(job: Job, file: str) -> str:
    """Return why a file is written whose content is not known to be the same."""
    return "content changed" if os.path.lexists(job.folder / file) else "new file"


def _figure_reason(job: Job, number: int, file: str, shows: list[str]) -> str:
    """Return why a file of a figure must be drawn; an empty string if it is up to date."""
    if job.before is None or file not in job.before.files:
        return _written_reason(job, file)
    if job.forced:
        return "redrawn because of --force"
    damage = lockfile.damage(job.before.files[file], job.folder / file)
    if damage:
        return f"{damage} file"
    if job.before.files[file].get("shows") != shows[number]:
        return "plotted data changed"
    code = [name for name, was in _drawing(job, number).items() if job.before.code.get(name) != was]
    return f"drawing code changed: {', '.join(code)}" if code else ""


def _drawing(job: Job, number: int) -> dict[str, str]:
    """Return the hashes of the modules that draw a figure."""
    return hashing.modules(*provenance.DRAWING, *modules_of([job.experiment.figures[number]]))


@_naming_experiment
def draw(job: Job, number: int, request: PendingFigure) -> dict[str, DrawnFile]:
    """Draw a figure of an experiment and return its files by name. Raises OutOfMemoryError."""
    from bpviz.figures._render import rendered  # imports matplotlib

    drawn = {}
    for suffix in request.formats:
        figure = job.experiment.figures[number]
        content, lacking = rendered(figure, request.data, suffix, job.experiment.look(figure))
        file = job.figure_files(number)[suffix]
        record = lockfile.written(content)
        if request.shows is not None:
            record["shows"] = request.shows
        drawn[file] = DrawnFile(record, not atomic.update(job.folder / file, content), lacking)
    return drawn


def _finish(job: Job, outcome: Outcome) -> None:
    """Write the lockfile, last: if a run is interrupted before, the next run finds the old lockfile and repeats it."""
    if job.origin is None:
        return
    results, runs, before = outcome.results, outcome.runs, job.before
    if before and outcome.kept and rounding.same_table(before.table, results):
        table = dict(before.table)  # a kept number may round to another one when shown with fewer digits
    else:
        table = tables.table(results)._asdict()
    earlier = {**before.left_over, **before.files} if before else {}
    made = Lock(
        **job.origin._asdict(),
        experiment=hashing.of_data(config.resolved(job.experiment)),
        code=code_of(job.experiment),
        results=[rounded(run) for run in runs],
        files={name: outcome.files[name] for name in job.files},
        versions=versions(job.experiment),
        table=table,
        left_over={
            name: record
            for name, record in earlier.items()
            if name not in job.files and os.path.lexists(job.folder / name)
        },
    )
    if made != before:
        lockfile.write(job.folder, made)
