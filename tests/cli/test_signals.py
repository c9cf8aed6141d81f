"""Test that signals become an exit code; tests/outputs/test_build.py sends them to processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from bpviz import cli
from bpviz.cli.signals import TerminatedError, raise_on_signals

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs signals")


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Restore the handlers of signals."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_signal_ends_a_command_quietly(
    number: signal.Signals, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(**_: object) -> None:
        try:
            signal.raise_signal(number)
        finally:
            signal.raise_signal(number)  # `timeout` sends it again while the program cleans up

    monkeypatch.setattr(cli.cli, "main", interrupted)
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == code
    assert capsys.readouterr() == ("", "")


def test_ignored_signal_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    raise_on_signals()
    signal.raise_signal(signal.SIGHUP)
    with pytest.raises(TerminatedError):
        signal.raise_signal(signal.SIGTERM)


def test_no_handler_of_errors_catches_it() -> None:
    assert not issubclass(TerminatedError, Exception)
