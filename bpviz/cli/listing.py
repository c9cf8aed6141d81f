"""bpviz list"""

from __future__ import annotations

import click

from bpviz.cli.errors import mistakes_reported
from bpviz.cli.options import plugin_option


@click.command("list")
@click.argument(
    "what", required=False, type=click.Choice(["algorithms", "wrappers", "problems", "datasets", "figures"])
)
@plugin_option
def command(what: str | None, plugins: tuple[str, ...]) -> None:
    """List algorithms, wrappers, problems, datasets and figures."""
    from bpviz.declare import FIGURES, OPTIMIZERS, PROBLEMS, WRAPPERS
    from bpviz.libraries import PREFIXES
    from bpviz.problems.datasets import DATASETS

    with mistakes_reported(plugins):
        for registry in (OPTIMIZERS, PROBLEMS):
            registry.find_all()
    found = {
        "algorithms": {name: rule.label for name, rule in OPTIMIZERS.items()},
        "wrappers": {name: first_line(wrapper) for name, wrapper in WRAPPERS.items()},
        "problems": {name: first_line(problem) for name, problem in PROBLEMS.items()},
        "datasets": {name: f"{len(data.targets)} samples; {data.source}" for name, data in sorted(DATASETS.items())},
        "figures": {name: kind.summary for name, kind in FIGURES.items()},
    }
    width = max(len(name) for things in found.values() for name in things)
    for number, (title, things) in enumerate((t, n) for t, n in found.items() if what in (None, t)):
        if what is None:
            click.echo(("\n" if number else "") + title)
        for name, meaning in things.items():
            click.echo(f"{'' if what else '  '}{name:{width}}  {meaning}")
    if what is None:
        click.echo("\nalgorithms of other libraries, if these are installed")
        for library, meaning in PREFIXES.items():
            click.echo(f"  {library + ':...':{width}}  {meaning}")


def first_line(documented: object) -> str:
    """Return the first line of a docstring."""
    return (documented.__doc__ or "").strip().partition("\n")[0]
