"""Start and stop worker processes."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bpviz import declare
from bpviz.config import ConfigError, plugins
from bpviz.messages.printing import defuse_interpreter, echo

if TYPE_CHECKING:
    from concurrent.futures import Executor


TASKS_AHEAD = 4
"""Submitted tasks per worker process: enough to keep all busy, few enough to limit the results in memory."""

_SAFE_PATH = "PYTHONSAFEPATH"  # set for the start of a process, which then imports nothing from the working directory


@contextlib.contextmanager
def worker_pool(jobs: int) -> Iterator[Executor]:
    """Start ``jobs`` worker processes, and end them with the block, immediately if an exception leaves it (Ctrl-C)."""
    from concurrent.futures import ProcessPoolExecutor  # slow to import
    from multiprocessing import active_children, get_context

    loaded = (plugins.loaded(), declare.OPTIMIZERS.providers, declare.PROBLEMS.providers, os.environ.get(_SAFE_PATH))
    with _safe_path(), ProcessPoolExecutor(jobs, get_context("spawn"), _start_worker, loaded) as pool:
        try:
            yield pool
        except BaseException:
            for worker in active_children():
                worker.terminate()
            raise


@contextlib.contextmanager
def _safe_path() -> Iterator[None]:
    """Start Python processes without the working directory in ``sys.path``; a worker then gets the path of its parent.

    Else a file in the working directory, such as pickle.py, would be imported instead of the standard library's.
    """
    before = os.environ.get(_SAFE_PATH)
    os.environ[_SAFE_PATH] = "1"
    try:
        yield
    finally:
        _restore_safe_path(before)


def _restore_safe_path(before: str | None) -> None:
    if before is None:
        del os.environ[_SAFE_PATH]
    else:
        os.environ[_SAFE_PATH] = before


def _start_worker(
    loaded: Sequence[plugins.Plugin], algorithms: dict[str, str], problems: dict[str, str], safe_path: str | None
) -> None:
    """Load the parent's plugins in this worker, and the names that installed packages provide."""
    _restore_safe_path(safe_path)  # plugins may start processes
    _end_with_parent()
    defuse_interpreter()
    sys.stdout = sys.stderr  # printed text of rules must not mix with tables
    declare.OPTIMIZERS.providers.update(algorithms)
    declare.PROBLEMS.providers.update(problems)
    try:
        for plugin in loaded:
            plugins.start(plugin)
    except ConfigError as error:  # a plugin that behaves differently in a worker
        echo(str(error), err=True)
        os._exit(1)


def _end_with_parent() -> None:
    """End this worker when its parent has ended or was killed; otherwise it would wait for a task forever."""
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
    """Block SIGINT while workers start: they inherit the mask, so Ctrl-C reaches only the parent, which ends them."""
    if not hasattr(signal, "pthread_sigmask"):  # on Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
