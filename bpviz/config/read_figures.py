"""Read the figures of a config."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bpviz import declare
from bpviz.config.entry_forms import list_form
from bpviz.config.read_algorithms import canonical
from bpviz.config.yaml_tree import Node, join_path
from bpviz.declare import FIGURES, Problem
from bpviz.messages.text import quote_value

if TYPE_CHECKING:
    from bpviz.config.read_algorithms import Names
    from bpviz.figures._base import FigureRequest

from bpviz.config.values import Reader, unchecked


def read_figures(
    reader: Reader, root: Node, problem: Problem | None, names: Sequence[Names] | None
) -> tuple[FigureRequest, ...]:
    """Read the list ``figures``, or return the default figures if there is none."""
    node = root.value.get("figures")
    if node is None:
        return _default_figures(reader, root, problem, names) if problem and names else ()
    if not isinstance(node.value, list):
        form = list_form(node, FIGURES, "kind") or "[] for none"
        reader.report(node.place, "figures", f"expected a list of figures, got {quote_value(node.plain)}; use {form}")
        return ()
    first: dict[str, int] = {}
    requests = []
    for i, item in enumerate(node.value):
        path = join_path("figures", i)
        request = read_figure(reader, item, path, problem, names)
        if request is None:
            continue
        requests.append(request)
        file = request.file_name()
        other = first.setdefault(file.casefold(), i)
        if other != i:
            message = f"duplicate file name {file!r} (also of figures[{other}], {node.value[other].place})"
            reader.report(item.place, path, f"{message}; use another `save_as`")
    return tuple(requests)


def _default_figures(reader: Reader, root: Node, problem: Problem, names: Sequence[Names]) -> tuple[FigureRequest, ...]:
    labels = list(dict.fromkeys(one.label for one in names))  # duplicate labels are already reported
    requests = tuple(request for _, kind in FIGURES.items() for request in kind.defaults(problem, labels))
    files = [request.file_name().casefold() for request in requests]
    duplicates = sorted({file for file in files if files.count(file) > 1})
    if duplicates:
        message = (
            f"duplicate file name {duplicates[0]!r} of two figures; use labels that differ in more than punctuation"
        )
        reader.report(root.value["algorithms"].place, "algorithms", message)
    return requests


def read_figure(
    reader: Reader, node: Node, path: str, problem: Problem | None, names: Sequence[Names] | None
) -> FigureRequest | None:
    """Read one entry of ``figures``; ``names`` are those of the algorithms, None if unknown."""
    found = reader.lookup(node, path, FIGURES, "kind")
    if found is None:
        return None
    entry, kind = found
    declared = declare.fields(kind)
    reader.check_keys(entry, path, ("kind", *declared), f"option of {kind.name}")
    before = len(reader.mistakes)
    entry = _with_known_names(entry, names or ())
    values = reader.valid_fields(entry, path, declared)
    request: FigureRequest | None = reader.build(kind, values if len(reader.mistakes) == before else None, entry, path)
    if problem is not None:
        unverified = unchecked(kind, values)
        given = getattr(unverified, "algorithms", None) or ()
        accepted = dict.fromkeys(given if names is None else (word for one in names for word in one))
        for name, complaint in unverified.invalid_options(problem, accepted):
            reader.report_field(entry, path, name, complaint)
    return request


def _with_known_names(entry: Node, names: Sequence[Names]) -> Node:
    """Return an entry whose option ``algorithms`` has the labels and names as the algorithms have them."""
    chosen = entry.value.get("algorithms")
    if chosen is None or not isinstance(chosen.value, list):
        return entry
    words = [
        dataclasses.replace(word, value=canonical(word.value, names)) if isinstance(word.value, str) else word
        for word in chosen.value
    ]
    return dataclasses.replace(entry, value={**entry.value, "algorithms": dataclasses.replace(chosen, value=words)})
