"""What a config expects of its results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from bpviz.config.yaml_tree import Node, under
from bpviz.declare.domains import Interval
from bpviz.experiment.expectations import EXACTLY, QUANTITIES, RELATIONS, Expectation
from bpviz.messages.suggestions import nearest
from bpviz.messages.text import listed, shown

if TYPE_CHECKING:
    from bpviz.config.read_algorithms import Called
    from bpviz.config.values import Reader
    from bpviz.messages.diagnostics import Mistake


def read_expectations(reader: Reader, node: Node | None, called: Sequence[Called] | None) -> tuple[Expectation, ...]:
    """Return what a config expects of its algorithms."""
    if node is None or not reader.is_mapping(node, "expect", "algorithms and what they should come to"):
        return ()
    found: dict[tuple[str, str, str], Expectation] = {}
    for name, of_algorithm in node.value.items():
        path = under("expect", name)
        labels = [one.label for one in called or () if name in one]
        if called is not None and not labels:
            known = dict.fromkeys(word for one in called for word in (one.name, one.label))
            guess = nearest(name, known)
            hint = f"did you mean {guess!r}?" if guess else f"there are {listed(map(shown, known), 'and')}"
            reader.refuse(node.keys[name], path, f"{shown(name)} is not an algorithm of this experiment; {hint}")
        if not reader.is_mapping(of_algorithm, path, listed(QUANTITIES)):
            continue
        reader.known(of_algorithm, path, QUANTITIES, "quantity")
        for quantity, expected in of_algorithm.value.items():
            if quantity not in QUANTITIES:
                continue
            for relation, value, where in _bounds(reader, expected, under(path, quantity), quantity):
                for label in labels:
                    found[label, quantity, relation] = Expectation(label, quantity, relation, value, where)
    labels, quantities = [one.label for one in called or ()], list(QUANTITIES)
    order = sorted(found, key=lambda one: (labels.index(one[0]), quantities.index(one[1])))
    return tuple(found[one] for one in order)


def _bounds(reader: Reader, node: Node, path: str, quantity: str) -> Iterator[tuple[str, Any, Mistake]]:
    """Yield each relation that is asked of a quantity, with its value, and its place with nothing said yet."""
    domain = QUANTITIES[quantity].domain
    meaning = f"the {quantity} expected"
    if not isinstance(node.value, dict):
        if reader.accepts(node, path, domain, meaning):
            yield EXACTLY, domain.convert(node.plain), node.place.mistake(path, "")
        return
    if not isinstance(domain, Interval):
        reader.refuse(node.place, path, f"a mapping is not one of {domain} ({meaning})")
        return
    reader.known(node, path, RELATIONS, "bound")
    if not node.value:
        reader.refuse(node.place, path, f"an empty mapping has none of {listed(RELATIONS)}")
    for relation, bound in node.value.items():
        if relation in RELATIONS and reader.accepts(bound, under(path, relation), domain, meaning):
            yield relation, domain.convert(bound.plain), bound.place.mistake(under(path, relation), "")
