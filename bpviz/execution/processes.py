"""Start and stop worker processes."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bpviz import declare
from bpviz.config import ConfigError, plugins
from bpviz.messages.printing import defuse_interpreter, echo

if TYPE_CHECKING:
    from concurrent.futures import Executor
    from types import FrameType


_ENDING = {number for name in ("SIGINT", "SIGTERM", "SIGHUP") if (number := getattr(signal, name, None)) is not None}

TASKS_AHEAD = 4
"""Submitted tasks per worker process: enough to keep all busy, few enough to limit the results in memory."""

_SAFE_PATH = "PYTHONSAFEPATH"  # set for the start of a process, which then imports nothing from the working directory


@contextlib.contextmanager
def worker_pool(jobs: int) -> Iterator[Executor]:
    """Start ``jobs`` worker processes, and end them with the block, immediately if an exception leaves it (Ctrl-C)."""
    from concurrent.futures import ProcessPoolExecutor  # slow to import
    from multiprocessing import active_children, get_context

    loaded = (plugins.loaded(), declare.OPTIMIZERS.providers, declare.PROBLEMS.providers, os.environ.get(_SAFE_PATH))
    with _safe_path():
        _start_resource_tracker()
        with ProcessPoolExecutor(jobs, get_context("spawn"), _start_worker, loaded) as pool:
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


def _start_resource_tracker() -> None:
    """Start the process in which multiprocessing keeps track of semaphores, with SIGHUP blocked.

    Ended by it, it would be started again, and print a traceback for each semaphore that it does not know.
    """
    if not hasattr(signal, "pthread_sigmask"):  # on Windows
        return
    from multiprocessing import resource_tracker

    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        resource_tracker.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


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
    """Postpone interrupts while workers start, so that every worker that has started is known and can be ended.

    Workers inherit the blocked SIGINT, so that Ctrl-C reaches only the parent, which ends them. Blocking alone does not
    postpone a signal, which another thread may receive for the process.
    """
    if not hasattr(signal, "pthread_sigmask") or threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[tuple[int, FrameType | None]] = []
    handlers = {number: handler for number in _ENDING if callable(handler := signal.getsignal(number))}
    for number in handlers:
        signal.signal(number, lambda number, frame: received.append((number, frame)))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for number, frame in received[:1]:
            handlers[number](number, frame)
