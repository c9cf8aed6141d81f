"""The algorithms of a config, with the wrappers around them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

from bpviz import declare
from bpviz.config.schema import LABEL, MOST_WRAPPERS, WITH
from bpviz.config.values import Reader, spelled_out
from bpviz.config.yaml_tree import Node, under
from bpviz.declare import OPTIMIZERS, WRAPPERS, Problem
from bpviz.declare.entry_points import BrokenPluginError
from bpviz.experiment.spec import Algorithm
from bpviz.messages.text import shown


class Called(NamedTuple):
    """What figures and expectations may call an algorithm."""

    label: str
    name: str


def read_algorithm(reader: Reader, node: Node, path: str, problem: Problem | None) -> Algorithm | None:
    """Return what one entry of ``algorithms`` says."""
    named = reader.named(node, path, OPTIMIZERS, "name")
    if named is None:
        return None
    entry, kind = named
    before = len(reader.mistakes)
    declared = declare.fields(kind)
    reader.known(entry, path, ("name", "label", "with", *declared), f"setting of {kind.name}")
    label = reader.option(entry.value, LABEL, path)
    optimizer = reader.made(kind, reader.options(entry, path, declared), entry, path)
    reason = declare.unsuitable(kind, problem) if problem else None
    if reason:
        reader.refuse(node.place, path, reason)
    if optimizer is None and any(field.default is dataclasses.MISSING for field in declared.values()):
        return None  # what goes around it cannot be tried around a stand-in
    if "with" in entry.value:
        optimizer = _wrapped(reader, optimizer or kind(), entry.value["with"], under(path, "with"), problem)
    return Algorithm(label or optimizer.label, optimizer) if len(reader.mistakes) == before else None


def _wrapped(reader: Reader, optimizer: Any, node: Node, path: str, problem: Problem | None) -> Any:
    """Return the optimizer in the wrappers that are listed, the first inside."""
    if not isinstance(node.value, list):
        hint = f"; write [{node.value}]" if isinstance(node.value, str) and node.value in WRAPPERS else ""
        reader.refuse(node.place, path, f"{shown(node.plain)} is not {WITH.domain}{hint}")
        return optimizer
    if len(node.value) > MOST_WRAPPERS:
        reader.refuse(node.place, path, f"{len(node.value)} wrappers around one algorithm, more than {MOST_WRAPPERS}")
        return optimizer
    for i, item in enumerate(node.value):
        where = under(path, i)
        named = reader.named(item, where, WRAPPERS, "name")
        if named is None:
            continue
        entry, kind = named
        declared = declare.fields(kind)
        reader.known(entry, where, ("name", *declared), f"setting of {kind.name}")
        values = reader.options(entry, where, declared)
        wrapper = None if values is None else reader.made(kind, {"inner": optimizer, **values}, entry, where)
        for name, complaint in declare.misfits(wrapper, problem) if wrapper and problem else ():
            reader.refuse_part(entry, where, name, complaint)
        optimizer = wrapper or optimizer
    return optimizer


def read_algorithms(
    reader: Reader, root: Node, problem: Problem | None
) -> tuple[tuple[Algorithm, ...] | None, Sequence[Called] | None]:
    """Return the algorithms and what each is called, which can often be told although its settings are refused."""
    before = len(reader.mistakes)
    node = root.value.get("algorithms")
    if node is None:
        reader.refuse(root.place, "", "algorithms are missing; give at least one, for instance `algorithms: [gd]`")
        return None, None
    if not isinstance(node.value, list) or not node.value:
        reader.refuse(node.place, "algorithms", f"{shown(node.plain)} is not a list of one or more algorithms")
        return None, None
    first: dict[str, int] = {}
    chosen = []
    called = []
    for i, item in enumerate(node.value):
        path = under("algorithms", i)
        algorithm = read_algorithm(reader, item, path, problem)
        if algorithm is not None:
            chosen.append(algorithm)
        names = Called(algorithm.label, algorithm.optimizer.name) if algorithm is not None else _called(item)
        if names is None:
            continue
        called.append(names)
        other = first.setdefault(names.label, i)
        if other != i:
            message = f"{names.label!r} is the label of algorithms[{other}] too ({node.value[other].place})"
            reader.refuse(item.place, path, f"{message}; give one of them another `label`")
    all_of_them = len(called) == len(node.value)
    return tuple(chosen) if len(reader.mistakes) == before else None, called if all_of_them else None


def _called(node: Node) -> Called | None:
    """Return what an entry of ``algorithms`` that is refused is called, or None if that cannot be told."""
    given = spelled_out(node, "name").value
    name, label = (given.get(key) for key in ("name", "label")) if isinstance(given, dict) else (None, None)
    if name is None or not isinstance(name.value, str):
        return None
    try:
        if name.value not in OPTIMIZERS:  # asked first: to word another refusal takes long
            return None
        kind = OPTIMIZERS[name.value]
    except BrokenPluginError:
        return None
    if label is None:
        return Called(kind.label, kind.name) if "with" not in given else None  # what goes around it is in its label
    return Called(label.value, kind.name) if label.value and LABEL.domain.complaint(label.plain) is None else None
