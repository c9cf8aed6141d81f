"""bpviz init"""

from __future__ import annotations

import click


@click.command("init")
@click.argument("path", default="bpviz.yaml", metavar="[FILE]", type=click.Path())
@click.option("--force", is_flag=True, help="Overwrite the file if there is one.")
def command(path: str, force: bool) -> None:
    """Write a commented config to start from.

    FILE is bpviz.yaml if none is named. An existing file is not overwritten.
    """
    from pathlib import Path

    from bpviz.cli.errors import fail, mistakes_reported
    from bpviz.storage.atomic import write

    target = Path(path)
    if target.is_dir():
        fail(f"{target} is a folder; name a file in it")
    if (target.exists() or target.is_symlink()) and not force:
        fail(f"{target} exists; choose another name, or --force to overwrite it")
    with mistakes_reported():
        write(target, (Path(__file__).parent / "template.yaml").read_bytes())
    click.echo(f"wrote {target}; next: bpviz run {target}", err=True)
