"""Read the network of a config: a perceptron, or a network of several layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpviz import declare
from bpviz.config.schema import INITIAL, LAYER, NETWORK, UNITS
from bpviz.config.yaml_tree import Node, join_path
from bpviz.messages.text import quote_value
from bpviz.problems.network.layers import Initial, Layer
from bpviz.problems.network.network import Network
from bpviz.problems.perceptron import Perceptron

if TYPE_CHECKING:
    from bpviz.config.values import Reader
    from bpviz.declare import Problem
    from bpviz.problems.datasets import Dataset

_SHORT_OUTPUT = Layer(dense=1, bias=False)


def read_network(reader: Reader, root: Node, dataset: Dataset | None) -> Problem | None:
    """Return the problem of training the config's network on a dataset."""
    node = root.value.get("network", Node({}, root.place))
    if isinstance(node.value, list):
        sizes = _sizes(reader, node)
        layers = (*(Layer(dense=size, bias=False) for size in sizes), _SHORT_OUTPUT) if sizes else None
        return _network(reader, node, dataset, layers, {})
    if not isinstance(node.value, dict) or "layers" not in node.value:
        values = reader.mapping(node, "network", declare.fields(Perceptron))
        if dataset is None or values is None:
            return None
        problem: Problem | None = reader.build(Perceptron, {"dataset": dataset, **values}, node, "network")
        return problem
    reader.check_keys(node, "network", NETWORK, "key of a network with layers")
    before = len(reader.mistakes)
    values = reader.fields(node, "network", declare.fields(Network))
    layers = _layers(reader, node.value["layers"])
    initial = _initial(reader, root, node)
    if values is None or len(reader.mistakes) > before:
        return None
    return _network(reader, node, dataset, layers, {**values, "initial": initial})


def _sizes(reader: Reader, node: Node) -> list[int]:
    """Return the sizes of the hidden layers of the short form."""
    right = [
        reader.accepts(item, join_path("network", i), UNITS, "units of a layer") for i, item in enumerate(node.value)
    ]
    if not right:
        reader.report(node.place, "network", "expected sizes of hidden layers such as [7, 5, 4], got []")
    return list(node.plain) if all(right) else []


def _layers(reader: Reader, node: Node) -> tuple[Layer, ...] | None:
    if not isinstance(node.value, list) or not node.value:
        expected = "expected a list of layers such as [{dense: 7, activation: tanh}, {dense: 1}]"
        reader.report(node.place, "network.layers", f"{expected}, got {quote_value(node.plain)}")
        return None
    layers = []
    for i, item in enumerate(node.value):
        path = join_path("network.layers", i)
        if not reader.is_mapping(item, path, "such as {dense: 7, activation: tanh}"):
            continue
        reader.check_keys(item, path, LAYER, "key of a layer")
        if "dense" not in item.value:
            reader.report(item.place, path, "missing key 'dense' (units of the layer)")
            continue
        layer = reader.build(Layer, reader.fields(item, path, LAYER), item, path)
        if layer is not None:
            layers.append(layer)
    return tuple(layers) if len(layers) == len(node.value) else None


def _initial(reader: Reader, root: Node, network: Node) -> Initial:
    node = network.value.get("initial")
    if node is None:
        return Initial()
    if "start" in root.value:
        reader.report(node.place, "network.initial", "give either `start` or `initial` weights, not both")
    path = "network.initial"
    return reader.build(Initial, reader.mapping(node, path, INITIAL), node, path) or Initial()


def _network(
    reader: Reader,
    node: Node,
    dataset: Dataset | None,
    layers: tuple[Layer, ...] | None,
    values: dict[str, Any],
) -> Problem | None:
    if dataset is None or layers is None:
        return None
    network = Network(dataset, layers, **values)
    wrong = network.conflicts()
    for field, complaint in wrong:
        name, _, number = field.partition(".")
        given = node.value.get(name, node) if isinstance(node.value, dict) else node
        place = given.value[int(number)].place if number and given is not node else given.place
        reader.report(
            place, join_path(join_path("network", name), int(number)) if number else f"network.{name}", complaint
        )
    return None if wrong else network
