"""bpviz run"""

from __future__ import annotations

from typing import Any

import click

from bpviz.cli.shared import carry_out_and_show, fail, mistakes_reported, output_options


@click.command("run")
@click.argument("configs", nargs=-1, required=True, metavar="CONFIG...", type=click.Path(allow_dash=True))
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Replace a value of the config, for instance algorithms.0.step=0.1. May be repeated.",
)
@output_options
def command(configs: tuple[str, ...], overrides: tuple[str, ...], out: str, **options: Any) -> None:
    """Run experiments and write their figures and tables.

    CONFIG is a YAML file, a folder (every .yaml and .yml file in it) or - for the standard input. Each experiment gets
    a folder of its own, named after its file, in the output folder.

    \b
      bpviz run configs/neupy.yaml
      bpviz run configs/ --jobs 2 --format svg
      bpviz run configs/neupy.yaml --set algorithms.0.step=10 --out /tmp/trial
    """
    from pathlib import Path

    from bpviz.config.several import find

    with mistakes_reported():
        experiments = find(configs).experiments(overrides)
        same = _same_folder([e.name for e in experiments])
        if same:
            fail(f"two configs are named {same!r} and would share a folder; rename one or run it with another --out")
        carry_out_and_show(experiments, out=Path(out), with_tables=True, **options)


def _same_folder(names: list[str]) -> str | None:
    folded = [name.casefold() for name in names]  # some file systems do not tell upper from lower case
    return next((name for name, fold in zip(names, folded, strict=True) if folded.count(fold) > 1), None)
