"""Worker processes."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bpviz import declare
from bpviz.config import ConfigError, plugins

if TYPE_CHECKING:
    from concurrent.futures import Executor


TASKS_AHEAD = 4  # tasks a process that wait for it: none is idle, and only so many results are in memory


@contextlib.contextmanager
def worker_pool(jobs: int) -> Iterator[Executor]:
    """Hand out so many processes; they end with the block, at once if it is left by an exception such as Ctrl-C."""
    from concurrent.futures import ProcessPoolExecutor  # with what it imports, longer than many an experiment
    from multiprocessing import active_children, get_context

    known = (plugins.loaded(), declare.OPTIMIZERS.providers, declare.PROBLEMS.providers)
    with ProcessPoolExecutor(jobs, get_context("spawn"), _start_worker, known) as pool:
        try:
            yield pool
        except BaseException:
            for worker in active_children():
                worker.terminate()
            raise


def _start_worker(loaded: Sequence[plugins.Plugin], algorithms: dict[str, str], problems: dict[str, str]) -> None:
    """Let this worker know what its parent knows: the plugins, and what installed packages have brought."""
    _end_with_parent()
    sys.stdout = sys.stderr  # what a rule prints is no part of a table
    declare.OPTIMIZERS.providers.update(algorithms)
    declare.PROBLEMS.providers.update(problems)
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
def interrupts_blocked() -> Iterator[None]:
    """Start workers here: Ctrl-C, which a terminal sends to all, is then for their parent alone, who ends them."""
    if not hasattr(signal, "pthread_sigmask"):  # on Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
