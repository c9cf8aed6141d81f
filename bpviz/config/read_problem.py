"""Read the problem of a config (a function, or a dataset and a network), its starts and its thresholds."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bpviz import declare
from bpviz.config.read_dataset import read_dataset
from bpviz.config.read_network import read_network
from bpviz.config.schema import DISTANCE, KEYS, NUMBER, PENALTY
from bpviz.config.yaml_tree import Node, join_path
from bpviz.declare import PROBLEMS, Problem
from bpviz.declare.domains import ListOf, Nullable
from bpviz.problems import perceptron
from bpviz.problems.network.layers import FOR_CLASSES, LOSSES
from bpviz.problems.penalty import Penalized

if TYPE_CHECKING:
    from bpviz.config.values import Reader


def read_problem(reader: Reader, root: Node) -> Problem | None:
    """Read ``problem``, or ``dataset`` and ``network``, and ``penalty``."""
    given = root.value
    problem = _function(reader, root) if "problem" in given else _of_data(reader, root)
    penalty = given.get("penalty")
    values = reader.mapping(penalty, "penalty", PENALTY) if penalty else {}
    if problem is None or values is None:
        return None
    penalized: Any = Penalized(problem, **values)  # delegates the other attributes of a Problem
    return penalized if any(values.values()) else problem


def _function(reader: Reader, root: Node) -> Problem | None:
    both = [key for key in ("dataset", "network") if key in root.value]
    for key in both:
        reader.report(root.keys[key], key, "give either `problem` or `dataset` and `network`, not both")
    found = reader.lookup(root.value["problem"], "problem", PROBLEMS, "name")
    if found is None:
        return None
    entry, kind = found
    declared = declare.fields(kind)
    reader.check_keys(entry, "problem", ("name", *declared), f"setting of {kind.name}")
    problem: Problem | None = reader.build(kind, reader.fields(entry, "problem", declared), entry, "problem")
    return None if both else problem


def _of_data(reader: Reader, root: Node) -> Problem | None:
    data = root.value.get("dataset")
    dataset = read_dataset(reader, data, several=_accepts_classes(root)) if data else perceptron.Perceptron.dataset
    return read_network(reader, root, dataset)


def _accepts_classes(root: Node) -> bool:
    """Return whether the loss accepts more than two classes, or is invalid, which is reported when it is read."""
    network = root.value.get("network")
    loss = network.value.get("loss") if network and isinstance(network.value, dict) else None
    return loss is not None and (loss.value == FOR_CLASSES or loss.value not in (*LOSSES, *perceptron.LOSSES))


def read_starts(reader: Reader, node: Node | None, path: str, problem: Problem | None) -> tuple[tuple[float, ...], ...]:
    """Return the starts, one per run of each algorithm."""
    if node is None:
        return (tuple(problem.start),) if problem else ()
    before = len(reader.mistakes)
    several = isinstance(node.value, list) and any(isinstance(item.value, list) for item in node.value)
    points = [(item, join_path(path, i)) for i, item in enumerate(node.value)] if several else [(node, path)]
    weights = problem.weights if problem else ()
    for point, where in points:
        right = reader.accepts(point, where, ListOf(NUMBER, 1), KEYS["start"].meaning)
        if right and problem and len(point.value) != len(weights):
            numbers = f"{len(weights)} number{'s' * (len(weights) > 1)}"
            message = f"expected {numbers}, one per weight ({_listed(weights)}), got {len(point.value)}"
            reader.report(point.place, where, message)
    return tuple(ListOf(NUMBER).convert(point.plain) for point, _ in points) if len(reader.mistakes) == before else ()


_MOST_LISTED = 8


def _listed(names: tuple[str, ...]) -> str:
    """Return names separated by commas, the first and the last of many."""
    shown = names if len(names) <= _MOST_LISTED else (*names[:3], "...", names[-1])
    return ", ".join(shown)


def read_thresholds(
    reader: Reader, given: Mapping[str, Node], problem: Problem | None
) -> tuple[float | None, float | None]:
    """Return the error threshold, relative to the minimum of the error, and the gradient threshold."""
    of_error, of_gradient = KEYS["error_threshold"], KEYS["gradient_threshold"]
    if problem:
        allowed = of_error.domain if problem.lowest is None else Nullable(DISTANCE)
        of_error = dataclasses.replace(of_error, default=problem.threshold, domain=allowed)
    error, gradient = reader.field(given, of_error, ""), reader.field(given, of_gradient, "")
    reason = declare.without_gradient(problem) if problem and gradient else None
    if reason:
        reader.report(given["gradient_threshold"].place, "gradient_threshold", reason)
    return error, gradient
