"""Read the expected results in a config."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from bpviz.config.read_algorithms import canonical
from bpviz.config.yaml_tree import Node, join_path
from bpviz.declare.domains import Interval
from bpviz.experiment.expectations import EXACTLY, QUANTITIES, RELATIONS, Expectation
from bpviz.messages.suggestions import nearest
from bpviz.messages.text import join_words, quote_value

if TYPE_CHECKING:
    from bpviz.config.read_algorithms import Names
    from bpviz.config.values import Reader
    from bpviz.messages.diagnostics import Mistake


_BOUNDS = {"<=": "at_most", "≤": "at_most", ">=": "at_least", "≥": "at_least", "<": "below", ">": "above"}
_COMPARED = re.compile(rf"({'|'.join(_BOUNDS)})\s*(\S+)")


def read_expectations(reader: Reader, node: Node | None, names: Sequence[Names] | None) -> tuple[Expectation, ...]:
    """Read the mapping ``expect``; ``names`` are those of the algorithms, None if unknown."""
    if node is None or not reader.is_mapping(node, "expect", "from algorithms to expected results"):
        return ()
    found: dict[tuple[str, str, str], Expectation] = {}
    for name, of_algorithm in node.value.items():
        path = join_path("expect", name)
        labels = [one.label for one in names or () if canonical(name, names or ()) in one]
        if names is not None and not labels:
            accepted = dict.fromkeys(word for one in names for word in (one.name, one.label))
            guess = nearest(name, accepted)
            hint = f"did you mean {guess!r}?" if guess else f"use {join_words(map(quote_value, accepted))}"
            reader.report(node.keys[name], path, f"{quote_value(name)} is not an algorithm of this experiment; {hint}")
        if not reader.is_mapping(of_algorithm, path, f"of {join_words(QUANTITIES)}"):
            continue
        reader.check_keys(of_algorithm, path, QUANTITIES, "quantity")
        for quantity, expected in of_algorithm.value.items():
            if quantity not in QUANTITIES:
                continue
            for relation, value, where in _bounds(reader, expected, join_path(path, quantity), quantity):
                for label in labels:
                    found[label, quantity, relation] = Expectation(label, quantity, relation, value, where)
    labels, quantities = [one.label for one in names or ()], list(QUANTITIES)
    order = sorted(found, key=lambda one: (labels.index(one[0]), quantities.index(one[1])))
    return tuple(found[one] for one in order)


def _bounds(reader: Reader, node: Node, path: str, quantity: str) -> Iterator[tuple[str, Any, Mistake]]:
    """Yield each bound of a quantity: its relation, its value, and its place as a mistake with an empty message."""
    domain = QUANTITIES[quantity].domain
    meaning = f"{quantity} of each run"
    if not isinstance(node.value, dict):
        compared = _COMPARED.fullmatch(node.value) if isinstance(node.value, str) else None
        if compared and isinstance(domain, Interval):
            message = f"expected a number or a mapping, got {quote_value(node.value)}"
            bound = f"{{{_BOUNDS[compared[1]]}: {compared[2]}}}"
            reader.report(node.place, path, f"{message} ({meaning}); use {bound}")
        elif reader.accepts(node, path, domain, meaning):
            yield EXACTLY, domain.convert(node.plain), node.place.mistake(path, "")
        return
    if not isinstance(domain, Interval):
        reader.report(node.place, path, f"expected {domain}, got a mapping ({meaning})")
        return
    reader.check_keys(node, path, RELATIONS, "bound")
    if not node.value:
        reader.report(node.place, path, f"expected one or more of {join_words(RELATIONS)}, got an empty mapping")
    for relation, bound in node.value.items():
        if relation in RELATIONS and reader.accepts(bound, join_path(path, relation), domain, meaning):
            yield relation, domain.convert(bound.plain), bound.place.mistake(join_path(path, relation), "")
