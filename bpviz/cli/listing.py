"""bpviz list"""

from __future__ import annotations

import click

from bpviz.cli.errors import report_mistakes
from bpviz.cli.layout import Command, Formatter
from bpviz.cli.options import plugin_option
from bpviz.messages.printing import echo


@click.command("list", cls=Command)
@click.argument(
    "kind", required=False, type=click.Choice(["algorithms", "wrappers", "problems", "datasets", "figures"])
)
@plugin_option
def command(kind: str | None, plugins: tuple[str, ...]) -> None:
    """List algorithms, wrappers, problems, datasets and figures.

    All kinds are listed by default. `bpviz explain NAME` shows the details of an entry.
    """
    from bpviz.declare import FIGURES, OPTIMIZERS, PROBLEMS, WRAPPERS
    from bpviz.libraries import PREFIXES
    from bpviz.problems.data import DATASETS

    with report_mistakes(plugins):
        for registry in (OPTIMIZERS, PROBLEMS):
            registry.find_all()
    found = {
        "algorithms": {name: rule.label for name, rule in OPTIMIZERS.items()},
        "wrappers": {name: summary(wrapper) for name, wrapper in WRAPPERS.items()},
        "problems": {name: summary(problem) for name, problem in PROBLEMS.items()},
        "datasets": {name: summary(kind) for name, kind in sorted(DATASETS.items())},
        "figures": {name: kind.summary for name, kind in FIGURES.items()},
    }
    formatter = Formatter()
    if kind is not None:
        formatter.write_dl(list(found[kind].items()))
    else:
        found["algorithms of other libraries (if installed)"] = {
            f"{library}:...": meaning for library, meaning in PREFIXES.items()
        }
        width = max(len(name) for things in found.values() for name in things)
        for title, things in found.items():
            with formatter.section(title):
                formatter.write_dl([(f"{name:{width}}", meaning) for name, meaning in things.items()])
    echo(formatter.getvalue(), nl=False)


def summary(documented: object) -> str:
    """Return the first line of a docstring without its final period."""
    return (documented.__doc__ or "").strip().partition("\n")[0].removesuffix(".")
