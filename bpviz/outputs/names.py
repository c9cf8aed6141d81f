"""The names of output files."""

from __future__ import annotations

import functools
import re

TABLES = ("summary.md", "summary.csv", "summary.json", "history.csv", "run.json")

FIGURE_FORMATS = ("png", "svg", "pdf")


def is_output(name: str) -> bool:
    """Return whether an output file of an experiment can have this name."""
    return name in TABLES or _figure().fullmatch(name) is not None


@functools.cache
def _figure() -> re.Pattern[str]:
    from bpviz.declare.domains import FILE_NAME  # here, because `bpviz --help` needs the formats alone

    return re.compile(rf"{FILE_NAME}\.(?:{'|'.join(FIGURE_FORMATS)})")
