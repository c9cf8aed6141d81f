"""Mistakes, as commands report them: on the terminal and in CI."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from bpviz.config import Mistake


def fail(message: str, code: int = 2) -> NoReturn:
    """Say what is wrong and leave with an exit code."""
    say(message.rstrip("\n"), err=True)
    raise click.exceptions.Exit(code)


def say(message: str, *, err: bool = False) -> None:
    """Print something in which lines of a config may be, on one of which GitHub could find a command."""
    if os.environ.get("GITHUB_ACTIONS"):
        from bpviz.messages.github_actions import harmless

        message = harmless(message)
    click.echo(message, err=err)


def annotate(mistakes: Sequence[tuple[str, Mistake]]) -> None:
    """Show mistakes, each with a title, beside their lines, if GitHub is there to do so.

    On the standard error stream: GitHub reads both, and the other may go into a file.
    """
    from bpviz.messages import github_actions

    if github_actions.active():
        for line in github_actions.commands(mistakes):
            click.echo(line, err=True)


def summarize(text: Callable[[], str]) -> None:
    """Add Markdown to the summary of a job of GitHub, if there is one."""
    if os.environ.get("GITHUB_STEP_SUMMARY"):
        from bpviz.messages import github_actions

        warning = github_actions.summarize(text())
        if warning:
            click.echo(warning, err=True)


@contextlib.contextmanager
def mistakes_reported(plugins: Sequence[str] = ()) -> Iterator[None]:
    """Load plugin files, and turn mistakes into their messages: exit code 2, or 1 for what fails while it runs.

    What is wrong in a config, in a plugin or with a folder is a mistake. So is an exception that comes out of a plugin;
    any other is a mistake of ours.
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
        said = _excused(error)
        if said is None:
            raise
        fail(*said)


def _excused(error: BaseException) -> tuple[str, int] | None:
    """Return the message and the exit code of an exception that is not a mistake of ours, or None."""
    if "bpviz.engine.loop" in sys.modules:  # something has run
        from bpviz.engine.guard import RuleError

        if isinstance(error, RuleError):
            return str(error), 1
    if "concurrent.futures.process" in sys.modules:
        from concurrent.futures.process import BrokenProcessPool

        if isinstance(error, BrokenProcessPool):
            return "a parallel process has ended in the middle of its work; --jobs 1 may tell more", 1
    if "bpviz.config.plugins" in sys.modules:
        from bpviz.config.plugins import plugin_error

        said = plugin_error(error)
        return (said, 2) if said else None
    return None
