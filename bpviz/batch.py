"""Experiments -> files, in this process or in several.

A job is one experiment's runs and tables, or one of its figures. Jobs come back as they finish; what they write does
not depend on how many processes there are.
"""

from __future__ import annotations

import contextlib
import os
import platform
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from bpviz import __version__, config, declare, files, plugins, study, tables
from bpviz.config import ConfigError

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future
    from pathlib import Path

    from bpviz.config import Experiment
    from bpviz.results import Results

TABLES = ("summary.md", "summary.csv", "summary.json", "history.csv", "run.json")


class Outcome(NamedTuple):
    """What an experiment came to: its results, and the seconds each algorithm took, by label."""

    results: Results
    seconds: dict[str, float]


Said = Callable[[str], None]
"""Called with a few words whenever something has been done."""


def plan(
    experiments: Sequence[Experiment], out: Path, formats: Sequence[str], *, with_tables: bool = True
) -> list[Path]:
    """Return the folder of each experiment, after making sure that everything can be written.

    Raises files.UnwritableError.
    """
    written = {
        out / experiment.name: [
            *(TABLES if with_tables else ()),
            *(f"{figure.file_name()}.{suffix}" for figure in experiment.figures for suffix in formats),
        ]
        for experiment in experiments
    }
    for folder, names in written.items():
        files.check(folder, names)
    for folder in written:
        files.make(folder)
    for folder, names in written.items():
        files.check(folder, names)  # again: only a folder that is there refuses names too long for it
    return list(written)


def carry_out(
    experiments: Sequence[Experiment],
    folders: Sequence[Path],
    formats: Sequence[str],
    *,
    jobs: int = 1,
    with_tables: bool = True,
    said: Said = lambda words: None,
) -> list[Outcome]:
    """Run every experiment, write its tables and figures, and return what came out, in the order given."""
    if jobs == 1:
        outcomes = []
        for experiment, folder in zip(experiments, folders, strict=True):
            outcomes.append(compute(experiment, folder if with_tables else None))
            said(experiment.title)
            for number in range(len(experiment.figures)):
                said(draw(experiment, number, outcomes[-1].results, folder, formats))
        return outcomes
    with _workers(jobs) as pool:
        return _carry_out_with(pool, experiments, folders, formats, with_tables, said)


@contextlib.contextmanager
def _workers(jobs: int) -> Iterator[Executor]:
    """Hand out so many processes; they end with the block, at once if it is left by an exception such as Ctrl-C."""
    from concurrent.futures import ProcessPoolExecutor  # with what it imports, longer than many an experiment
    from multiprocessing import active_children, get_context

    known = (plugins.loaded(), declare.OPTIMIZERS.brought, declare.PROBLEMS.brought)
    with ProcessPoolExecutor(jobs, get_context("spawn"), _begin, known) as pool:
        try:
            yield pool
        except BaseException:
            for worker in active_children():
                worker.terminate()
            raise


def _begin(loaded: Sequence[plugins.Plugin], algorithms: dict[str, str], problems: dict[str, str]) -> None:
    """Let this worker know what its parent knows: the plugins, and what installed packages have brought."""
    _end_with_parent()
    sys.stdout = sys.stderr  # what a rule prints is no part of a table
    declare.OPTIMIZERS.brought.update(algorithms)
    declare.PROBLEMS.brought.update(problems)
    try:
        for plugin in loaded:
            plugins.start(plugin)
    except ConfigError as error:  # of a plugin that behaves otherwise here
        sys.stderr.write(f"{error}\n")
        sys.stderr.flush()
        os._exit(1)


def _end_with_parent() -> None:
    """Let this worker end when its parent is gone, even killed: it would wait for another job forever."""
    from multiprocessing import parent_process
    from threading import Thread

    def watch() -> None:
        parent = parent_process()
        if parent is not None:
            parent.join()
        os._exit(1)

    Thread(target=watch, daemon=True).start()


@contextlib.contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Start workers here: Ctrl-C, which a terminal sends to all, is then for their parent alone, who ends them."""
    if not hasattr(signal, "pthread_sigmask"):  # on Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _carry_out_with(
    pool: Executor,
    experiments: Sequence[Experiment],
    folders: Sequence[Path],
    formats: Sequence[str],
    with_tables: bool,
    said: Said,
) -> list[Outcome]:
    from concurrent.futures import FIRST_COMPLETED, wait

    with _deaf_to_interrupts():
        computing: dict[Future[Outcome], int] = {
            pool.submit(compute, experiment, folder if with_tables else None): number
            for number, (experiment, folder) in enumerate(zip(experiments, folders, strict=True))
        }
    drawing: set[Future[str]] = set()
    outcomes: dict[int, Outcome] = {}
    while computing or drawing:
        pending: set[Future[Any]] = {*computing, *drawing}
        done, _ = wait(pending, return_when=FIRST_COMPLETED)
        for future in done:
            if future in drawing:
                drawing.remove(future)
                said(future.result())
                continue
            number = computing.pop(future)
            experiment, outcome = experiments[number], future.result()
            outcomes[number] = outcome
            said(experiment.title)
            with _deaf_to_interrupts():
                drawing |= {
                    pool.submit(draw, experiment, i, outcome.results, folders[number], formats)
                    for i in range(len(experiment.figures))
                }
    return [outcomes[number] for number in range(len(experiments))]


def compute(experiment: Experiment, folder: Path | None) -> Outcome:
    """Run an experiment and write its tables."""
    seconds: dict[str, float] = {}
    results = study.run(experiment, seconds=seconds)
    if folder is not None:
        write_tables(experiment, results, folder)
    return Outcome(results, seconds)


def write_tables(experiment: Experiment, results: Results, folder: Path) -> None:
    """Write the tables of an experiment's results."""
    made_with = {"schema": tables.SCHEMA, "experiment": config.resolved(experiment), "versions": versions()}
    used = plugins.used(experiment)
    contents = (
        tables.summary_markdown(results.title, tables.table(results, exact=True)),
        tables.summary_csv(results),
        tables.as_json(tables.summary(results)),
        tables.history_csv(results),
        tables.as_json({**made_with, "plugins": used} if used else made_with),
    )
    for file, content in zip(TABLES, contents, strict=True):
        files.write(folder / file, content.encode())


def draw(experiment: Experiment, number: int, results: Results, folder: Path, formats: Sequence[str]) -> str:
    """Draw one figure of an experiment in every format and return the name of its file."""
    from bpviz.figures._render import rendered  # matplotlib only when something is drawn

    figure = experiment.figures[number]
    for suffix in formats:
        files.write(folder / f"{figure.file_name()}.{suffix}", rendered(figure, results, experiment.problem, suffix))
    return figure.file_name()


def versions() -> dict[str, str]:
    """Return the versions that results and figures may depend on."""
    from importlib.metadata import version  # slow to import

    return {
        "bpviz": __version__,
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "matplotlib": version("matplotlib"),
    }
