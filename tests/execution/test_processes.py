"""Test worker processes: what they print, how they meet interrupts, and how they end."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from bpviz.execution.processes import interrupts_blocked, worker_pool


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_workers_print_to_stderr_and_end_with_the_block(capfd: pytest.CaptureFixture[str]) -> None:
    with worker_pool(1) as pool:
        pool.submit(print, "from a rule", flush=True).result()
        worker = pool.submit(os.getpid).result()
        assert worker != os.getpid()
    assert not _alive(worker)
    assert capfd.readouterr() == ("", "from a rule\n")


def test_an_exception_ends_workers_in_the_middle_of_a_task() -> None:
    workers: list[int] = []

    def interrupted() -> None:
        with worker_pool(1) as pool:
            workers.append(pool.submit(os.getpid).result())
            pool.submit(time.sleep, 600)
            raise KeyboardInterrupt

    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not _alive(workers[0])
    assert time.monotonic() - begin < 300  # it did not wait for the task


def test_workers_started_while_interrupts_are_blocked_ignore_them() -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    with worker_pool(1) as pool:
        with interrupts_blocked():
            future = pool.submit(signal.pthread_sigmask, signal.SIG_BLOCK, [])
        assert signal.SIGINT in future.result()
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before
    assert signal.SIGINT not in before


def test_processes_that_others_start_keep_their_path(monkeypatch: pytest.MonkeyPatch) -> None:
    for before in (None, "0"):
        monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
        if before is not None:
            monkeypatch.setenv("PYTHONSAFEPATH", before)
        with worker_pool(1) as pool:
            assert os.environ["PYTHONSAFEPATH"] == "1"
            assert pool.submit(os.getenv, "PYTHONSAFEPATH").result() == before
        assert os.environ.get("PYTHONSAFEPATH") == before


def test_signals_are_postponed_while_workers_start() -> None:
    """Also those that another thread receives: a mask is for one thread."""
    received: list[str] = []

    def interrupted() -> None:
        with interrupts_blocked():
            signal.raise_signal(signal.SIGINT)
            received.append("twice")

    before = signal.signal(signal.SIGTERM, lambda *_: received.append("once"))
    try:
        with interrupts_blocked():
            for _ in range(2):
                other = threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGTERM))
                other.start()
                other.join()
            time.sleep(0.01)
            assert received == []
        assert received == ["once"]
        with pytest.raises(KeyboardInterrupt):
            interrupted()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert received == ["once", "twice"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
