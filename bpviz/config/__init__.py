"""Read configs: YAML, Python values or command-line arguments to an Experiment, with the place of every mistake.

``load`` builds a tree of values with their places (``yaml_tree``, ``from_python``). ``reader`` checks the tree against
the declarations: ``schema`` declares the config's own keys, and the classes of algorithms, wrappers, problems and
figures declare their settings. All mistakes are reported together. Nothing here imports NumPy or matplotlib.
"""

from bpviz.config.from_arguments import algorithm, from_parts, from_values
from bpviz.config.load import figure, from_mapping, load, loads
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
