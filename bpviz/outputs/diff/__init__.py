"""Compare two output folders, or a git revision with the working tree."""

from bpviz.outputs.diff.compare import Changed, Difference, compare
from bpviz.outputs.diff.git import since
from bpviz.outputs.diff.read import Outputs, Side, sides
from bpviz.outputs.diff.table import as_data, table

__all__ = [
    "Changed",
    "Difference",
    "Outputs",
    "Side",
    "as_data",
    "compare",
    "sides",
    "since",
    "table",
]
