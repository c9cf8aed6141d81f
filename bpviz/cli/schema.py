"""bpviz schema"""

from __future__ import annotations

import click

from bpviz.cli.errors import report_mistakes
from bpviz.cli.layout import Command
from bpviz.cli.options import plugin_option
from bpviz.messages.printing import echo_json


@click.command("schema", cls=Command)
@plugin_option
def command(plugins: tuple[str, ...]) -> None:
    """Print the JSON Schema of configs.

    Editors use it for completion and validation. Write it to a file:

    \b
      bpviz schema > bpviz.schema.json

    and name the file in the first line of a config:

    \b
      # yaml-language-server: $schema=bpviz.schema.json
    """
    import json

    from bpviz.config import schema
    from bpviz.declare import OPTIMIZERS, PROBLEMS

    with report_mistakes(plugins):
        for registry in (OPTIMIZERS, PROBLEMS):
            registry.find_all()
        echo_json(json.dumps(schema(), indent=2, ensure_ascii=False) + "\n")
