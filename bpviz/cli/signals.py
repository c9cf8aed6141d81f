"""End on SIGTERM and SIGHUP as on Ctrl-C: worker processes are ended, and temporary files are removed."""

from __future__ import annotations

import contextlib
import signal
from typing import Any

_SIGNALS = tuple(number for name in ("SIGTERM", "SIGHUP") if (number := getattr(signal, name, None)) is not None)


class TerminatedError(BaseException):
    """Raised in the main thread on a signal. Like KeyboardInterrupt, it is caught by no handler of errors."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number  # as shells report it


def raise_on_signals() -> None:
    """Raise TerminatedError on the first signal that asks this process to end, unless it is ignored (``nohup``)."""
    with contextlib.suppress(ValueError):  # not in the main thread
        for number in _SIGNALS:
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, _terminate)


def _terminate(number: int, _frame: Any) -> None:
    for other in _SIGNALS:
        signal.signal(other, signal.SIG_IGN)  # `timeout` sends its signal twice
    raise TerminatedError(number)
