"""The command line: one module per command, which parses its arguments, calls the package and prints."""

from __future__ import annotations

import io
import os
import sys

import click

from bpviz._version import __version__
from bpviz.cli import (
    backprop,
    check,
    compare,
    completion,
    diff,
    embed,
    explain,
    export,
    init,
    listing,
    run,
    schema,
    validate,
)
from bpviz.cli.layout import Group
from bpviz.cli.signals import TerminatedError, raise_on_signals
from bpviz.messages.printing import defuse_interpreter, echo

EXIT_CODES = """\
\b
Exit codes:
  0    success
  1    a check failed, outputs differ, or a plugin algorithm raised an error
  2    invalid command line or config
  130  interrupted
  143  terminated
"""


@click.group(
    cls=Group,
    # With colors, click leaves escape sequences in its messages, and they are shown.
    context_settings={"help_option_names": ["-h", "--help"], "color": True},
    epilog=EXIT_CODES,
    no_args_is_help=True,
)
@click.version_option(__version__, "-V", "--version", message="bpviz %(version)s")
def cli() -> None:
    """Compare optimizers: their paths, epochs and evaluations, as figures and tables.

    \b
      bpviz compare gd momentum rprop irprop+
      bpviz run configs/neupy.yaml
    """


for _command in (
    run,
    compare,
    diff,
    embed,
    export,
    backprop,
    listing,
    explain,
    check,
    validate,
    schema,
    init,
    completion,
):
    cli.add_command(_command.command)


def main() -> None:
    """Run the command line and exit with its exit code."""
    defuse_interpreter()
    os.environ["NODEFAULTCURRENTDIRECTORYINEXEPATH"] = "1"  # Windows would look for git.exe in the working directory
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the parent process
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), "r+"))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # print ? for characters that the encoding lacks
    raise_on_signals()
    try:
        code = cli.main(standalone_mode=False)
        sys.stdout.flush()
        sys.exit(code if isinstance(code, int) else 0)
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(shown)
        echo(shown.getvalue(), err=True, nl=False)
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        echo("interrupted", err=True)
        sys.exit(130)
    except TerminatedError as error:
        sys.exit(error.exit_code)
    except MemoryError:
        echo("out of memory", err=True)
        sys.exit(1)
    except OSError as error:
        if not isinstance(error, BrokenPipeError):  # the reader, such as `head`, has closed the pipe
            echo(f"error: {error.strerror or error}", err=True)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # discard output that is still buffered
        sys.exit(1)
