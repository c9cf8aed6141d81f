"""Read the algorithms of a config, with their wrappers."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

from bpviz import declare
from bpviz.config.entry_forms import list_form
from bpviz.config.schema import KEYS, LABEL, MOST_WRAPPERS, OF_ALGORITHMS, WITH
from bpviz.config.values import Reader, long_form
from bpviz.config.yaml_tree import Node, join_path
from bpviz.declare import OPTIMIZERS, WRAPPERS, Problem
from bpviz.declare.domains import Interval
from bpviz.declare.entry_points import BrokenPluginError
from bpviz.experiment.spec import Algorithm
from bpviz.messages.suggestions import fold_name, nearest
from bpviz.messages.text import join_words, quote_value


class Names(NamedTuple):
    """The names by which figures and expectations can refer to an algorithm."""

    label: str
    name: str


def canonical(word: str, names: Sequence[Names]) -> str:
    """Return the label or name that a word stands for, in any case; the word itself if there is none or several."""
    known = {each: [one for one in names if each in one] for one in names for each in (one.name, one.label)}
    alike = [each for each in known if fold_name(each) == fold_name(word)]
    if word in known or not alike or any(known[each] != known[alike[0]] for each in alike):
        return word
    return alike[0]


def read_algorithm(reader: Reader, node: Node, path: str, problem: Problem | None) -> Algorithm | None:
    """Read one entry of ``algorithms``."""
    found = reader.lookup(node, path, OPTIMIZERS, "name")
    if found is None:
        return None
    entry, kind = found
    before = len(reader.mistakes)
    declared = declare.fields(kind)
    reader.check_keys(
        entry, path, ("name", *OF_ALGORITHMS, "with", *declared), f"setting of {kind.name}", _advice_for_wrapper_setting
    )
    label, color, marker = (reader.field(entry.value, field, path) for field in OF_ALGORITHMS.values())
    optimizer = reader.build(kind, reader.fields(entry, path, declared), entry, path)
    reason = declare.unsuitable(kind, problem) if problem else None
    if reason:
        reader.report(node.place, path, reason)
    if optimizer is None and any(field.default is dataclasses.MISSING for field in declared.values()):
        return None  # its wrappers cannot be checked, since there is no default rule to wrap
    if "with" in entry.value:
        optimizer = _wrapped(reader, optimizer or kind(), entry.value["with"], join_path(path, "with"), problem)
    if len(reader.mistakes) > before:
        return None
    return Algorithm(label or optimizer.label, optimizer, color, marker)


def _wrapped(reader: Reader, optimizer: Any, node: Node, path: str, problem: Problem | None) -> Any:
    """Return the optimizer in the listed wrappers, of which the first is the innermost."""
    if not isinstance(node.value, list):
        form = list_form(node, WRAPPERS, "name")
        message = f"expected {WITH.domain}, got {quote_value(node.plain)}"
        reader.report(node.place, path, f"{message}; use {form}" if form else message)
        return optimizer
    if len(node.value) > MOST_WRAPPERS:
        reader.report(node.place, path, f"expected at most {MOST_WRAPPERS} wrappers, got {len(node.value)}")
        return optimizer
    for i, item in enumerate(node.value):
        where = join_path(path, i)
        found = reader.lookup(item, where, WRAPPERS, "name")
        if found is None:
            continue
        entry, kind = found
        declared = declare.fields(kind)
        reader.check_keys(entry, where, ("name", *declared), f"setting of {kind.name}")
        values = reader.fields(entry, where, declared)
        wrapper = None if values is None else reader.build(kind, {"inner": optimizer, **values}, entry, where)
        for name, complaint in declare.unsuitable_settings(wrapper, problem) if wrapper and problem else ():
            reader.report_field(entry, where, name, complaint)
        optimizer = wrapper or optimizer
    return optimizer


def read_algorithms(
    reader: Reader, root: Node, problem: Problem | None
) -> tuple[tuple[Algorithm, ...] | None, Sequence[Names] | None]:
    """Return the algorithms and their names, which are often known even if settings are invalid."""
    before = len(reader.mistakes)
    node = root.value.get("algorithms")
    if node is None and any(nearest(key, KEYS) == "algorithms" for key in root.keys if key not in KEYS):
        return None, None  # reported as an unknown key
    if node is None:
        reader.report(
            root.place, "", "missing key 'algorithms'; add at least one algorithm, for example `algorithms: [gd]`"
        )
        return None, None
    if not isinstance(node.value, list) or not node.value:
        form = list_form(node, OPTIMIZERS, "name")
        message = f"expected a list of one or more algorithms, got {quote_value(node.plain)}"
        reader.report(node.place, "algorithms", f"{message}; use {form}" if form else message)
        return None, None
    first: dict[str, int] = {}
    chosen = []
    names = []
    for i, item in enumerate(node.value):
        path = join_path("algorithms", i)
        algorithm = read_algorithm(reader, item, path, problem)
        if algorithm is not None:
            chosen.append(algorithm)
        own = Names(algorithm.label, algorithm.optimizer.name) if algorithm is not None else _names(item)
        if own is None:
            continue
        names.append(own)
        other = first.setdefault(own.label, i)
        if other != i:
            message = f"duplicate label {own.label!r} (also of algorithms[{other}], {node.value[other].place})"
            reader.report(item.place, path, f"{message}; use another `label`")
    complete = len(names) == len(node.value)
    return tuple(chosen) if len(reader.mistakes) == before else None, names if complete else None


def _advice_for_wrapper_setting(setting: str) -> str:
    """Return where to put a numeric setting of wrappers; "" if no wrapper has it."""
    found = ((name, declare.fields(wrapper).get(setting)) for name, wrapper in WRAPPERS.items())
    names = [name for name, field in found if field is not None and isinstance(field.domain, Interval)]
    if not names:
        return ""
    return (
        f"{setting} is a setting of the wrapper{'s' * (len(names) > 1)} {join_words(names, 'and')}; put it under `with`"
    )


def _names(node: Node) -> Names | None:
    """Return the names of an invalid entry of ``algorithms``, or None if they are unknown."""
    given = long_form(node, "name").value
    name, label = (given.get(key) for key in ("name", "label")) if isinstance(given, dict) else (None, None)
    if name is None or not isinstance(name.value, str):
        return None
    try:
        known = OPTIMIZERS.canonical(name.value)
        if known not in OPTIMIZERS:  # checked first, because composing the message of a KeyError is slow
            return None
        kind = OPTIMIZERS[known]
    except BrokenPluginError:
        return None
    if label is None:
        return Names(kind.label, kind.name) if "with" not in given else None  # wrappers change the label
    return Names(label.value, kind.name) if label.value and LABEL.domain.complaint(label.plain) is None else None
