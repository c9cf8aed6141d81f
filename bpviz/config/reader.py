"""Convert a tree of values into an Experiment and collect all mistakes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpviz.config.schema import CSV, KEYS, NETWORK, OF_ALGORITHMS, PENALTY, ROWS, SCALE
from bpviz.declare import OPTIMIZERS, fields
from bpviz.experiment.spec import Experiment
from bpviz.figures._style import Style
from bpviz.messages.suggestions import SYNONYMS, nearest
from bpviz.problems.perceptron import Perceptron

if TYPE_CHECKING:
    from bpviz.config.values import Reader
    from bpviz.config.yaml_tree import Node


from bpviz.config.read_algorithms import read_algorithms
from bpviz.config.read_expectations import read_expectations
from bpviz.config.read_figures import read_figures
from bpviz.config.read_problem import read_problem, read_starts, read_thresholds
from bpviz.config.read_style import check_formulas, check_styles, read_words


def read_experiment(reader: Reader, root: Node, name: str) -> Experiment | None:
    """Read a whole config; return None if there are mistakes."""
    given = root.value
    reader.check_keys(root, "", KEYS, "key", _advice_for_nested_key)
    title, max_epochs = (reader.field(given, KEYS[key], "") for key in ("title", "max_epochs"))
    title = None if title == "none" else title  # as in `title: none` of a figure
    problem = read_problem(reader, root)
    error_threshold, gradient_threshold = read_thresholds(reader, given, problem)
    starts = read_starts(reader, given.get("start"), "start", problem)
    algorithms, names = read_algorithms(reader, root, problem)
    figures = read_figures(reader, root, problem, names)
    style = reader.field(given, KEYS["style"], "") or Style()
    check_styles(reader, root, figures, style)
    words = read_words(reader, given.get("labels"))
    expectations = read_expectations(reader, given.get("expect"), names)
    if reader.mistakes or problem is None or algorithms is None:
        return None
    experiment = Experiment(
        name,
        title or name,
        problem,
        starts,
        error_threshold,
        max_epochs,
        algorithms,
        figures,
        gradient_threshold,
        expectations,
        heading=title or "",
        style=style,
        words=words,
        data_files=tuple(reader.data_files),
    )
    check_formulas(reader, root, experiment)
    return None if reader.mistakes else experiment


def _advice_for_nested_key(key: str) -> str:
    """Return where to put a key that belongs below another one; "" if there is no such place."""
    meant = {key} if nearest(key, KEYS) else {key, SYNONYMS.get(key, key)}
    below = {
        "network": {*fields(Perceptron), *NETWORK},
        "dataset": {*CSV, *ROWS, SCALE.name},
        "penalty": {*PENALTY},
        "style": {*fields(Style)},
    }
    for place, names in below.items():
        if meant.intersection(names):
            return f"put it below `{place}:`"
    settings = {*OF_ALGORITHMS, "with", *(name for _, kind in OPTIMIZERS.items() for name in fields(kind))}
    if found := meant & settings:
        return f"put it into an entry of `algorithms`: {{name: ..., {min(found)}: ...}}"
    return ""
