"""bpviz completion"""

from __future__ import annotations

import click

_WHERE = {
    "bash": 'eval "$(bpviz completion bash)"        in ~/.bashrc',
    "zsh": 'eval "$(bpviz completion zsh)"         in ~/.zshrc',
    "fish": "bpviz completion fish > ~/.config/fish/completions/bpviz.fish",
}


@click.command("completion", epilog="\b\n" + "\n".join(_WHERE.values()))
@click.argument("shell", type=click.Choice(list(_WHERE)))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the script with which a shell completes commands.

    Options, algorithms and files are completed too.
    """
    from click.shell_completion import get_completion_class

    complete = get_completion_class(shell)
    if complete is None:  # click knows these three
        raise AssertionError(shell)
    click.echo(complete(context.find_root().command, {}, "bpviz", "_BPVIZ_COMPLETE").source())
