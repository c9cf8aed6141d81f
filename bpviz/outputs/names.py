"""The names of output files."""

from __future__ import annotations

import re

from bpviz.declare.domains import FILE_NAME

TABLES = ("summary.md", "summary.csv", "summary.json", "history.csv", "run.json")

FIGURE_FORMATS = ("png", "svg", "pdf")

_FIGURE = re.compile(rf"{FILE_NAME}\.(?:{'|'.join(FIGURE_FORMATS)})")


def is_output(name: str) -> bool:
    """Return whether an output file of an experiment can have this name."""
    return name in TABLES or _FIGURE.fullmatch(name) is not None
