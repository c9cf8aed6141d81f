"""Report mistakes on the terminal and in CI."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NoReturn

import click

from bpviz.messages.printing import echo, echo_command

if TYPE_CHECKING:
    from bpviz.config import Mistake


def fail(message: str, code: int = 2) -> NoReturn:
    """Print an error message and exit with ``code``."""
    echo(message.rstrip("\n"), err=True)
    raise click.exceptions.Exit(code)


def annotate(mistakes: Sequence[tuple[str, Mistake]]) -> None:
    """In GitHub Actions, print an annotation for each pair of a title and a mistake."""
    from bpviz.messages import github_actions

    if github_actions.active():
        for line in github_actions.commands(mistakes):
            echo_command(line)


def summarize(text: Callable[[], str]) -> None:
    """In GitHub Actions, add Markdown to the job summary."""
    if os.environ.get("GITHUB_STEP_SUMMARY"):
        from bpviz.messages import github_actions

        warning = github_actions.summarize(text())
        if warning:
            echo(warning, err=True)


@contextlib.contextmanager
def report_mistakes(plugins: Sequence[str] = ()) -> Iterator[None]:
    """Load plugin files, and turn mistakes of the user into messages and exit codes.

    The exit code is 2 for an invalid config, a broken plugin or a folder that cannot be written, and 1 for an error
    during a run. Exceptions that are not raised by a plugin pass through: they are bugs of this package.
    """
    from bpviz.config import ConfigError
    from bpviz.declare.entry_points import BrokenPluginError
    from bpviz.storage.atomic import UnwritableError

    try:
        if plugins:
            from bpviz.config.plugins import load_all

            load_all(plugins)
        yield
    except ConfigError as error:
        annotate([("bpviz: mistake", mistake) for mistake in error.mistakes])
        fail(str(error))
    except (UnwritableError, BrokenPluginError) as error:
        fail(str(error))
    except (Exception, SystemExit) as error:
        known = _message_and_code(error)
        if known is None:
            raise
        fail(*known)


_CRASHED = "a worker process crashed or was killed (out of memory?); rerun with --jobs 1 to see the error"


def _message_and_code(error: BaseException) -> tuple[str, int] | None:
    """Return the message and the exit code of an exception, or None if it is a bug of this package."""
    if isinstance(error, MemoryError):
        return str(error) or "out of memory", 1
    if "bpviz.engine.loop" in sys.modules:  # only then can the exception be one of these
        from bpviz.engine.guard import RuleError

        if isinstance(error, RuleError):
            return str(error), 1
    if "concurrent.futures.process" in sys.modules:
        from concurrent.futures.process import BrokenProcessPool

        if isinstance(error, BrokenProcessPool):
            return _CRASHED, 1
    if "bpviz.config.plugins" in sys.modules:
        from bpviz.config.plugins import plugin_error

        message = plugin_error(error)
        return (message, 2) if message else None
    return None
