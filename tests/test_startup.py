"""Test that commands import no slow packages that they do not need."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import bpviz
from bpviz.cli import cli

HOME = Path(bpviz.__file__).parent.parent
CONFIG = """
dataset: {csv: samples.csv}
start: [[-4, -4], [1, 2]]
algorithms: [gd, {name: rprop, min_step: 0}]
figures: [{kind: paths, algorithms: [rprop]}, errors]
"""
DATA = {
    "generated.yaml": "algorithms: [gd]\nfigures: []\ndataset: moons",
    "stored.yaml": "algorithms: [gd]\nfigures: []\ndataset: {name: digits, rows: [0, 2], scale: standard}",
}
HEAVY = ("numpy", "matplotlib", "rich", "jax", "optax", "scipy", "torch")


def imported_by(commands: list[list[str]], folder: Path) -> dict[str, list[str]]:
    """Run commands in one process; return the exit code and the slow packages imported so far, per command."""
    code = f"""
import sys
from bpviz.cli import cli
for arguments in {commands!r}:
    code = cli.main(arguments, standalone_mode=False)
    print("@", *arguments, "|", code or 0, *sorted({set(HEAVY)!r} & set(sys.modules)), flush=True)
"""
    (folder / "samples.csv").write_text("a,b,y\n0.9,0.3,1\n0.1,0.8,0\n")
    for name, config in {"one.yaml": CONFIG, **DATA}.items():
        (folder / name).write_text(config)
    environment = {**os.environ, "PYTHONPATH": str(HOME)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    output = [line[2:].split(" | ") for line in done.stdout.splitlines() if line.startswith("@ ")]
    return {arguments: found.split() for arguments, found in output}


def test_help_and_reading_commands_import_nothing_slow(tmp_path: Path) -> None:
    commands = [["--help"], *([name, "--help"] for name in cli.commands)]
    commands += [["list"], ["schema"], ["explain", "irprop+"], ["explain", "paths"], ["explain", "perceptron"]]
    commands += [["completion", "bash"], ["init", "new.yaml"], ["validate", "new.yaml", "one.yaml", *DATA]]
    refused = [["run", "missing.yaml"], ["run", "one.yaml", "--set", "start=5"], ["compare", "gd:step=-1"]]
    found = imported_by([*commands, *refused], tmp_path)
    assert found == {**{" ".join(c): ["0"] for c in commands}, **{" ".join(c): ["2"] for c in refused}}


def test_results_without_figures_import_only_numpy(tmp_path: Path) -> None:
    commands = [["compare", "gd", "rprop", "--no-figures"], ["compare", "newton", "--no-figures", "--format", "json"]]
    commands += [["run", "one.yaml", "--no-figures"], ["run", "one.yaml", "--no-figures", "--format", "md"]]
    found = imported_by(commands, tmp_path)
    assert found == {" ".join(arguments): ["0", "numpy"] for arguments in commands}
