"""Build an Experiment from the arguments of ``bpviz compare`` and ``bpviz.compare``."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from bpviz import declare
from bpviz.config.entry_forms import called
from bpviz.config.from_python import argument_place, node
from bpviz.config.read_algorithms import read_algorithm
from bpviz.config.read_problem import read_problem, read_starts, read_thresholds
from bpviz.config.schema import KEYS
from bpviz.config.values import Reader
from bpviz.config.yaml_tree import Node, scalar
from bpviz.declare import OPTIMIZERS, PROBLEMS
from bpviz.experiment.spec import Algorithm, Experiment
from bpviz.libraries import PREFIXES
from bpviz.messages.diagnostics import ConfigError, Place
from bpviz.messages.text import join_words, quote_value

# How a file is used, by suffix, if it is given in place of an algorithm.
_USES = {".yaml": "`bpviz run {}`", ".yml": "`bpviz run {}`", ".csv": "--data {}", ".py": "--plugin {}"}


def from_parts(
    algorithms: Sequence[str],
    *,
    problem: str | None = None,
    data: str | None = None,
    columns: Mapping[str, str | None] = MappingProxyType({}),
    start: str | None = None,
    error_threshold: str | None = None,
    gradient_threshold: str | None = None,
    max_epochs: str | None = None,
    name: str = "compare",
) -> Experiment:
    """Return the Experiment of ``bpviz compare``: algorithms such as ``gd`` or ``gd:step=10``, a problem alike.

    All values are text and read as in a config, with the same defaults: ``data`` is a CSV file with its ``columns``,
    and a start may be in brackets. Labels that several algorithms share are extended by the settings in which these
    differ. The Experiment has no figures.

    Raise ConfigError if there are mistakes; the place of a mistake is its argument.
    """
    reader = Reader(Path())
    reader.trusts_files = True  # the user named the file
    limits = {
        "error_threshold": error_threshold,
        "gradient_threshold": gradient_threshold,
        "max_epochs": max_epochs,
    }
    given = {
        key: _word(text, argument_place(f"--{key.replace('_', '-')} {text}"))
        for key, text in limits.items()
        if text is not None
    }
    if problem is not None:
        given["problem"] = _entry(problem, argument_place(f"--problem {problem}"), reader)
    if data is not None:
        given["dataset"] = _csv(data, columns)
    if start is not None:
        place = argument_place(f"--start {start}")
        given["start"] = Node([_word(number, place) for number in re.split(r"[][(),;\s]+", start) if number], place)
    for file in (spec for spec in algorithms if spec.endswith(tuple(_USES))):
        use = _USES[Path(file).suffix].format(file)
        reader.report(argument_place(file), "", f"expected an algorithm, got the name of a file; use {use}")
    specs = [spec for spec in algorithms if not spec.endswith(tuple(_USES))]
    return _compared(reader, given, (_entry(spec, argument_place(spec), reader) for spec in specs), name)


def _csv(file: str, columns: Mapping[str, str | None]) -> Node:
    """Return the entry of ``dataset`` for a CSV file and its columns, of which several are separated by commas."""
    parts = {"csv": Node(file, argument_place(f"--data {file}"), file, quoted=True)}
    for key, text in columns.items():
        if text is not None:
            place = argument_place(f"--{key} {text}")
            names = [Node(name.strip(), place, name, quoted=True) for name in text.split(",")]
            parts[key] = Node(names, place) if key == "features" else Node(text, place, text, quoted=True)
    return Node(parts, parts["csv"].place, keys={key: part.place for key, part in parts.items()})


def from_values(algorithms: Sequence[object], given: Mapping[str, object], name: str = "compare") -> Experiment:
    """Return the Experiment of ``bpviz.compare``: algorithms as text or as in a config, and values of config keys.

    Raise ConfigError if there are mistakes; the place of a mistake is its argument.
    """
    reader = Reader(Path())
    nodes = {}
    for key, value in given.items():
        argument = f"{key}={' '.join(repr(value).split())}"
        nodes[key] = (
            _entry_or_node(value, argument, reader) if key == "problem" else node(value, argument_place(argument))
        )
    entries = (
        _entry_or_node(spec, spec if isinstance(spec, str) else f"argument {i}", reader)
        for i, spec in enumerate(algorithms, start=1)
    )
    return _compared(reader, nodes, entries, name)


def _entry_or_node(spec: object, argument: str, reader: Reader) -> Node:
    place = argument_place(argument)
    return _entry(spec, place, reader) if isinstance(spec, str) else node(spec, place)


def _compared(reader: Reader, given: dict[str, Node], entries: Iterable[Node], name: str) -> Experiment:
    problem = read_problem(
        reader, Node(given, argument_place(name), keys={key: value.place for key, value in given.items()})
    )
    starts = read_starts(reader, given.get("start"), "start", problem)
    error_threshold, gradient_threshold = read_thresholds(reader, given, problem)
    epochs = reader.field(given, KEYS["max_epochs"], "")
    entries = list(entries)
    chosen = _with_distinct_labels([a for entry in entries if (a := read_algorithm(reader, entry, "", problem))])
    if not entries and not reader.mistakes:
        reader.report(argument_place(name), "", "missing algorithm; give at least one")
    if reader.mistakes or problem is None:
        raise ConfigError(reader.mistakes)
    labels = [algorithm.label for algorithm in chosen]
    for i, label in enumerate(labels):
        if label in labels[:i]:
            reader.report(entries[i].place, "", f"duplicate label {label!r}; change a setting or add a label")
    if reader.mistakes:
        raise ConfigError(reader.mistakes)
    title = join_words(labels, "and")
    return Experiment(name, title, problem, starts, error_threshold, epochs, tuple(chosen), (), gradient_threshold)


def algorithm(spec: str, argument: str = "") -> Algorithm:
    """Return the algorithm of a text such as ``gd:step=10``, for any problem.

    ``argument`` is the text that messages quote, if it is not ``spec``. Raise ConfigError if there are mistakes.
    """
    reader = Reader(Path())
    found = read_algorithm(reader, _entry(spec, argument_place(argument or spec), reader), "", None)
    if found is None or reader.mistakes:
        raise ConfigError(reader.mistakes)
    return found


def _word(text: str, place: Place) -> Node:
    return Node(scalar(text.strip()), place, text.strip())


def _entry(spec: str, place: Place, reader: Reader) -> Node:
    """Return the entry of ``algorithms`` for ``name:key=value,key=value``.

    The name of a library optimizer contains a colon: ``torch:Adam``.
    """
    name, colon, rest = spec.partition(":")
    if name.strip() in PREFIXES:
        inner, colon, rest = rest.partition(":")
        name = f"{name}:{inner}"
    written = called(spec, OPTIMIZERS) or called(spec, PROBLEMS)
    if written and not re.fullmatch(r"\s*[\w+.:-]+\s*", name):  # gd(step=0.1), gd step=0.1
        form = f"{written[0]}:{','.join(f'{key}={text}' for key, text in written[1].items())}"
        reader.report(place, "", f"expected name:key=value, got {quote_value(spec)}; use {form}")
        return _word(written[0], place)
    entry = _word(name, place)
    if not colon:
        return entry
    entry = Node({"name": entry}, place, keys={"name": place})
    for setting in _between_commas(rest):
        key, equals, text = (part.strip() for part in setting.partition("="))
        if not equals or key in entry.keys:
            last = list(entry.value)[-1]
            fix = "for example, use momentum:step=0.1,momentum=0.95"
            if key.isdecimal() and entry.value[last].text.isdecimal():
                fix = f"use {last}={entry.value[last].text}.{key}"
                del entry.value[last], entry.keys[last]
            elif ":" in key:
                fix = f"use {'='.join(part.strip() for part in key.split(':', 1))}"
            problem = (
                f"duplicate setting {quote_value(key)}" if equals else f"expected key=value, got {quote_value(key)}"
            )
            reader.report(place, "", f"{problem}; {fix}")
        else:
            entry.keys[key] = place
            entry.value[key] = _value(text, place)
    return entry


def _value(text: str, place: Place) -> Node:
    """Return a word, or a list of words in brackets."""
    if not (text.startswith("[") and text.endswith("]")):
        return _word(text, place)
    return Node([_value(item.strip(), place) for item in _between_commas(text[1:-1]) if item.strip()], place, text)


def _between_commas(text: str) -> list[str]:
    """Return the parts between commas that are not in brackets."""
    parts, depth = [""], 0
    for character in text:
        depth += (character == "[") - (character == "]")
        if character == "," and depth <= 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def _with_distinct_labels(algorithms: Sequence[Algorithm]) -> list[Algorithm]:
    """Return the algorithms; labels that several share are extended by the settings in which these differ."""
    return [
        dataclasses.replace(algorithm, label=_label(algorithm, [a for a in algorithms if a.label == algorithm.label]))
        for algorithm in algorithms
    ]


def _label(algorithm: Algorithm, group: Sequence[Algorithm]) -> str:
    others = [declare.all_settings(other.optimizer) for other in group]
    own = [
        f"{name} {value:g}" if isinstance(value, float) and float(f"{value:g}") == value else f"{name} {value}"
        for name, value in declare.all_settings(algorithm.optimizer).items()
        if any(other.get(name) != value for other in others)
    ]
    return f"{algorithm.label} ({', '.join(own)})" if own else algorithm.label
