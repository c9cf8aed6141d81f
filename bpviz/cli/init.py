"""bpviz init"""

from __future__ import annotations

import click

from bpviz.cli.layout import Command
from bpviz.messages.printing import echo


@click.command("init", cls=Command)
@click.argument("path", default="bpviz.yaml", metavar="[FILE]", type=click.Path())
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
def command(path: str, force: bool) -> None:
    """Create a commented starter config.

    FILE is the config to create, bpviz.yaml by default. An existing file is not overwritten.
    """
    from pathlib import Path

    from bpviz.cli.errors import fail, report_mistakes
    from bpviz.storage.atomic import write

    target = Path(path)
    if target.is_dir():
        fail(f"{target} is a folder; use the name of a file")
    if (target.exists() or target.is_symlink()) and not force:
        fail(f"{target} already exists; use another name, or --force to overwrite it")
    with report_mistakes():
        write(target, (Path(__file__).parent / "template.yaml").read_bytes())
    echo(f"wrote {target}; next: bpviz run {target}", err=True)
