"""bpviz schema"""

from __future__ import annotations

import click

from bpviz.cli.errors import mistakes_reported
from bpviz.cli.options import plugin_option


@click.command("schema")
@plugin_option
def command(plugins: tuple[str, ...]) -> None:
    """Print the JSON Schema of configs, for editors.

    \b
      bpviz schema > bpviz.schema.json
    Then begin a config with
      # yaml-language-server: $schema=bpviz.schema.json
    """
    import json

    from bpviz.config import schema
    from bpviz.declare import OPTIMIZERS, PROBLEMS

    with mistakes_reported(plugins):
        for registry in (OPTIMIZERS, PROBLEMS):
            registry.find_all()
        click.echo(json.dumps(schema(), indent=2, ensure_ascii=False))
