"""bpviz schema"""

from __future__ import annotations

import click


@click.command("schema")
def command() -> None:
    """Print the JSON Schema of configs, for editors.

    \b
      bpviz schema > bpviz.schema.json
    Then begin a config with
      # yaml-language-server: $schema=bpviz.schema.json
    """
    import json

    from bpviz.config import schema

    click.echo(json.dumps(schema(), indent=2, ensure_ascii=False))
