"""Measure the start-up time of commands against importing the libraries that they need."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator

from versus import Row, heading, versus

ENTRY = "from bpviz.cli import main; main()"  # the code of the script `bpviz`

# The modules of an installed program are already compiled, like those of its libraries. Those of a checkout are
# compiled at the first start, unless the environment forbids writing bytecode: then bpviz would be compiled every time.
_COMPILED = tempfile.TemporaryDirectory()
INSTALLED = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | {
    "PYTHONPYCACHEPREFIX": _COMPILED.name
}


def python(code: str, *arguments: str) -> Callable[[], object]:
    """Return a function that runs ``code`` in a new interpreter, in an empty folder."""

    def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-c", code, *arguments]
            subprocess.run(command, cwd=folder, env=INSTALLED, stdout=subprocess.DEVNULL, check=True)

    return run


def rows() -> Iterator[Row]:
    """Yield one row per benchmark."""
    yield versus("bpviz --help", python(ENTRY, "--help"), python("import click, yaml"), target=1.5, rounds=21)
    yield versus(
        "bpviz compare, four algorithms, no figures",
        python(ENTRY, "compare", "gd", "momentum", "rprop", "irprop+", "--no-figures"),
        python("import click, yaml, rich.table, rich.console, numpy"),
        target=1.5,
        rounds=21,
    )


if __name__ == "__main__":
    print(heading())
    for row in rows():
        print(row, flush=True)
