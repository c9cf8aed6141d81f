"""bpviz validate"""

from __future__ import annotations

import click

from bpviz.cli.errors import report_mistakes
from bpviz.cli.layout import Command
from bpviz.cli.options import plugin_option, set_option
from bpviz.cli.show import print_notes
from bpviz.messages.printing import echo


@click.command("validate", cls=Command)
@click.argument("configs", nargs=-1, required=True, metavar="CONFIG...", type=click.Path(allow_dash=True))
@set_option
@plugin_option
@click.option("--quiet", "-q", is_flag=True, help="Print only errors.")
def command(configs: tuple[str, ...], overrides: tuple[str, ...], plugins: tuple[str, ...], quiet: bool) -> None:
    """Check configs without running them.

    All mistakes are reported at once, with file, line and column.

    CONFIG is a YAML file, a folder (all .yaml and .yml files in it) or - for standard input.
    """
    from bpviz.config.discovery import find

    with report_mistakes(plugins):
        found = find(configs)
        experiments = found.experiments(overrides)
    if not quiet:
        for source, experiment in zip(found.sources, experiments, strict=True):
            print_notes(experiment.notes, source.label)
        number = len(experiments)
        echo(f"{number} {'config is' if number == 1 else 'configs are'} valid")
