"""The figures of a config."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bpviz import declare
from bpviz.config.yaml_tree import Node, under
from bpviz.declare import FIGURES, Problem
from bpviz.messages.text import shown

if TYPE_CHECKING:
    from bpviz.config.read_algorithms import Called
    from bpviz.figures._base import FigureRequest

from bpviz.config.values import Reader, unchecked


def read_figures(
    reader: Reader, root: Node, problem: Problem | None, called: Sequence[Called] | None
) -> tuple[FigureRequest, ...]:
    """Return the figures that a config lists, or a default set."""
    node = root.value.get("figures")
    if node is None:
        return _default_figures(reader, root, problem, called) if problem and called else ()
    if not isinstance(node.value, list):
        reader.refuse(node.place, "figures", f"{shown(node.plain)} is not a list of figures; [] draws none")
        return ()
    first: dict[str, int] = {}
    requests = []
    for i, item in enumerate(node.value):
        path = under("figures", i)
        request = read_figure(reader, item, path, problem, called)
        if request is None:
            continue
        requests.append(request)
        file = request.file_name()
        other = first.setdefault(file.casefold(), i)
        if other != i:
            message = f"saved as {file!r}, like figures[{other}] ({node.value[other].place})"
            reader.refuse(item.place, path, f"{message}; give one of them another `save_as`")
    return tuple(requests)


def _default_figures(
    reader: Reader, root: Node, problem: Problem, called: Sequence[Called]
) -> tuple[FigureRequest, ...]:
    labels = list(dict.fromkeys(one.label for one in called))  # of two that are the same it has been told
    requests = tuple(request for _, kind in FIGURES.items() for request in kind.defaults(problem, labels))
    files = [request.file_name().casefold() for request in requests]
    twice = sorted({file for file in files if files.count(file) > 1})
    if twice:
        message = f"two figures would be saved as {twice[0]!r}; give labels that differ in more than punctuation"
        reader.refuse(root.value["algorithms"].place, "algorithms", message)
    return requests


def read_figure(
    reader: Reader, node: Node, path: str, problem: Problem | None, called: Sequence[Called] | None
) -> FigureRequest | None:
    """Return what one entry of ``figures`` says; ``called``: what algorithms there are, if that is known."""
    named = reader.named(node, path, FIGURES, "kind")
    if named is None:
        return None
    entry, kind = named
    declared = declare.fields(kind)
    reader.known(entry, path, ("kind", *declared), f"option of {kind.name}")
    before = len(reader.mistakes)
    values = reader.accepted(entry, path, declared)
    request: FigureRequest | None = reader.made(kind, values if len(reader.mistakes) == before else None, entry, path)
    if problem is not None:
        asked = unchecked(kind, values)
        given = getattr(asked, "algorithms", None) or ()
        known = dict.fromkeys(given if called is None else (word for one in called for word in one))
        for name, complaint in asked.misfits(problem, known):
            reader.refuse_part(entry, path, name, complaint)
    return request
