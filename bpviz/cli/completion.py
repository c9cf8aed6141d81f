"""bpviz completion"""

from __future__ import annotations

import click

from bpviz.cli.layout import Command
from bpviz.messages.printing import echo

_SET_UP = """\
\b
bash, in ~/.bashrc:
  eval "$(bpviz completion bash)"
zsh, in ~/.zshrc:
  eval "$(bpviz completion zsh)"
fish, once:
  bpviz completion fish > ~/.config/fish/completions/bpviz.fish
"""


@click.command("completion", cls=Command, epilog=_SET_UP)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print a shell completion script.

    It completes commands, options, names of algorithms and files.
    """
    from click.shell_completion import get_completion_class

    complete = get_completion_class(shell)
    if complete is None:  # click supports all three shells
        raise AssertionError(shell)
    echo(complete(context.find_root().command, {}, "bpviz", "_BPVIZ_COMPLETE").source())
