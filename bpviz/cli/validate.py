"""bpviz validate"""

from __future__ import annotations

import click

from bpviz.cli.errors import mistakes_reported
from bpviz.cli.options import plugin_option


@click.command("validate")
@click.argument("configs", nargs=-1, required=True, metavar="CONFIG...", type=click.Path(allow_dash=True))
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="As with `bpviz run`.")
@plugin_option
@click.option("--quiet", "-q", is_flag=True, help="Say nothing if all is well.")
def command(configs: tuple[str, ...], overrides: tuple[str, ...], plugins: tuple[str, ...], quiet: bool) -> None:
    """Check configs without running them.

    All mistakes are shown at once, each with its place.

    CONFIG is a YAML file, a folder (every .yaml and .yml file in it) or - for the standard input.
    """
    from bpviz.config.discovery import find

    with mistakes_reported(plugins):
        experiments = find(configs).experiments(overrides)
    if not quiet:
        number = len(experiments)
        click.echo(f"{number} {'config is' if number == 1 else 'configs are'} fine")
