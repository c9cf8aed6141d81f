"""YAML -> Experiment, every mistake with its place.

A file or the parts of a comparison (``sources``) become a tree of values that know where they stand (``yaml_tree``).
The tree is read (``reader``) against what is declared: the config's own keys in ``keys``, the settings of a thing where
the thing is defined. What is wrong is collected and reported together (``places``). Nothing here imports NumPy or
matplotlib.
"""

from bpviz.config.load import algorithm, figure, from_mapping, from_parts, from_values, load, loads
from bpviz.config.resolved import resolved
from bpviz.config.schema import keys_table, schema
from bpviz.config.yaml_tree import LARGEST
from bpviz.experiment.spec import Algorithm, Experiment
from bpviz.messages.diagnostics import ConfigError, Mistake

__all__ = [
    "LARGEST",
    "Algorithm",
    "ConfigError",
    "Experiment",
    "Mistake",
    "algorithm",
    "figure",
    "from_mapping",
    "from_parts",
    "from_values",
    "keys_table",
    "load",
    "loads",
    "resolved",
    "schema",
]
