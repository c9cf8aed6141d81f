"""The command line: one thin module a command, each parses, calls and prints."""

from __future__ import annotations

import io
import os
import sys

import click

from bpviz._version import __version__
from bpviz.cli import check, compare, completion, diff, embed, explain, export, init, listing, run, schema, validate

EXIT_CODES = """\
\b
Exit codes:
  0    done
  1    what was asked for did not hold or was not done, outputs differ, or a rule of yours failed
  2    a mistake in the command line or in a config
  130  interrupted
"""


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EXIT_CODES,
    no_args_is_help=True,
)
@click.version_option(__version__, "-V", "--version", message="bpviz %(version)s")
def cli() -> None:
    """See and compare optimizers.

    \b
      bpviz run configs/neupy.yaml              figures and tables of an experiment
      bpviz compare gd momentum rprop irprop+   the same at once, without a file
    """


for _command in (run, compare, diff, embed, export, listing, explain, check, validate, schema, init, completion):
    cli.add_command(_command.command)


def main() -> None:
    """Run the command line and leave with its exit code."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started us
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), "r+"))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # where there is no η, a ? will do
    try:
        code = cli.main(standalone_mode=False)
        sys.stdout.flush()
        sys.exit(code if isinstance(code, int) else 0)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(2)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(130)
    except OSError as error:
        if not isinstance(error, BrokenPipeError):  # whoever reads our output may have seen enough
            click.echo(f"cannot go on: {error.strerror or error}", err=True)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still to be written
        sys.exit(1)
