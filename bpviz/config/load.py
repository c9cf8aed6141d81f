"""Build an Experiment from a file, text, overrides, Python values or command-line arguments."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from bpviz import declare
from bpviz.config import repairs
from bpviz.config.entry_forms import called
from bpviz.config.from_python import node
from bpviz.config.read_algorithms import Names, read_algorithm
from bpviz.config.read_figures import read_figure
from bpviz.config.read_problem import read_problem, read_starts, read_thresholds
from bpviz.config.reader import read_experiment
from bpviz.config.schema import KEYS
from bpviz.config.values import Reader, long_form
from bpviz.config.yaml_tree import LARGEST, Node, join_path, parse, scalar
from bpviz.declare import OPTIMIZERS, PROBLEMS
from bpviz.declare.domains import FileName
from bpviz.experiment.spec import Algorithm, Experiment
from bpviz.libraries import PREFIXES
from bpviz.messages.diagnostics import ConfigError, Document, Mistake, Place
from bpviz.messages.suggestions import nearest
from bpviz.messages.text import join_words, quote_value
from bpviz.storage.reading import UnreadableError, conflict_marker, decode, read, too_large

if TYPE_CHECKING:
    from bpviz.figures._base import FigureRequest

_INDEX = re.compile(r"[0-9]{1,9}")

# The key of a single word in a list: `- gd` is short for `- {name: gd}`.
_SHORT = {"algorithms": "name", "with": "name", "figures": "kind"}


def load(path: Path, overrides: Sequence[str] = ()) -> Experiment:
    """Return the Experiment of a YAML file, named after the file, with ``key.path=value`` overrides applied.

    Raise ConfigError if there are mistakes.
    """
    try:
        data = read(path, LARGEST)
    except UnreadableError as error:
        raise ConfigError([Mistake(str(path), 0, 0, "", str(error))]) from None
    return loads(data, str(path), path.parent, overrides, path.stem)


def loads(data: bytes, source: str, folder: Path, overrides: Sequence[str] = (), name: str = "stdin") -> Experiment:
    """Return the Experiment of YAML text. ``source`` is its name in messages; CSV paths are relative to ``folder``.

    Raise ConfigError if there are mistakes.
    """
    if len(data) > LARGEST:
        raise ConfigError([Mistake(source, 0, 0, "", too_large(LARGEST))])
    document = decode(data, source)
    rest = (folder, overrides, name)
    reading = _read(document, *rest)
    if reading.experiment:
        return reading.experiment
    if line := conflict_marker(document.text):
        message = "git conflict marker; resolve the conflict"
        raise ConfigError([Place(document, line, 1).mistake("", message)])
    edits = []
    if any(mistake.file == source for mistake in reading.mistakes):
        edits = repairs.find(document.text, lambda text: _read(Document(source, text), *rest).score, reading.score)
    if edits:
        reading = _read(Document(source, repairs.edited(document.text, edits)), *rest)
    mistakes = repairs.mistakes(document, edits, reading.mistakes)
    raise ConfigError(sorted(mistakes, key=lambda m: (m.file != source, m.line, m.column)))


class _Reading(NamedTuple):
    """What was read of a config: an Experiment or mistakes, and whether its YAML is valid."""

    experiment: Experiment | None
    mistakes: Sequence[Mistake] = ()
    valid: bool = True

    @property
    def score(self) -> tuple[int, ...]:
        """How wrong the config is: invalid YAML is worse, the more so the earlier it ends."""
        if self.valid:
            return 0, len(self.mistakes)
        return 1, *(-place for place in (self.mistakes[0].line, self.mistakes[0].column))


def _read(document: Document, folder: Path, overrides: Sequence[str], name: str) -> _Reading:
    try:
        root, mistakes = parse(document)
    except ConfigError as error:
        return _Reading(None, error.mistakes, valid=False)
    reader = Reader(folder, mistakes)
    if root is None:
        reader.report(Place(document), "", "the file is empty; run `bpviz init` to create a starter config")
        return _Reading(None, reader.mistakes)
    experiment = _experiment(reader, root, overrides, name)
    return _Reading(experiment, reader.mistakes)


class Places:
    """The places of the values in a config."""

    def __init__(self, data: bytes, source: str) -> None:
        try:
            self.document = decode(data, source)
            self.root = parse(self.document)[0]
        except ConfigError:  # reported when the config was read
            self.document, self.root = Document(source), None

    def place(self, path: str) -> Place:
        """Return the place of the value at ``path``, or of the innermost part of the path that is in the config."""
        found = Place(self.document)
        node, rest = self.root, path
        while node is not None and rest:
            parts = node.value if isinstance(node.value, dict) else {}
            if isinstance(node.value, list):
                parts = {f"[{i}]": item for i, item in enumerate(node.value)}
            inside = [part for part in parts if rest == part or rest.startswith((f"{part}.", f"{part}["))]
            if not inside:
                break
            part = max(inside, key=len)
            node, rest = parts[part], rest[len(part) :].removeprefix(".")
            found = node.place
        return found


def from_mapping(data: Mapping[str, object], overrides: Sequence[str] = (), name: str = "experiment") -> Experiment:
    """Return the Experiment of a config given as a mapping; CSV paths are relative to the working directory.

    Raise ConfigError if there are mistakes.
    """
    reader = Reader(Path())
    experiment = _experiment(reader, node(data, _argument("<dict>")), overrides, name)
    if experiment is None:
        raise ConfigError(reader.mistakes)
    return experiment


def _experiment(reader: Reader, root: Node, overrides: Sequence[str], name: str) -> Experiment | None:
    if not isinstance(root.value, dict):
        fix = "; put it below the key `algorithms:`" if isinstance(root.value, list) else ""
        message = f"expected a mapping with the key 'algorithms', got {quote_value(root.plain)}{fix}"
        reader.report(root.place, "", message)
        return None
    for override in overrides:
        root = _overridden(root, override, reader)
    return read_experiment(reader, root, file_name(name))


def file_name(name: str) -> str:
    """Return ``name`` with the characters replaced that a folder name cannot have."""
    if FileName().complaint(name) is None:
        return name
    return re.sub(r"[^\w .+=-]+", "-", name)[:100].strip(" .-") or "experiment"


def _argument(text: str) -> Place:
    return Place(Document(text if len(text) <= 100 else f"{text[:97]}...", argument=True))


def _overridden(root: Node, override: str, reader: Reader) -> Node:
    """Return the tree with one value replaced or added, such as ``algorithms.0.step=0.1``."""
    place = _argument(f"--set {override}")
    where, _, text = override.partition("=")
    steps = re.sub(r"\[([0-9]+)\]", r".\1", where.strip()).split(".")  # also accepts algorithms[0].step
    if "=" not in override or not all(steps) or len(steps) > 10:
        reader.report(place, "", "expected key=value, for example error_threshold=0.1 or algorithms.0.step=0.1")
        return root
    try:
        value, mistakes = parse(Document(place.document.name, text, argument=True))
    except ConfigError as error:
        reader.mistakes += error.mistakes
        return root
    reader.mistakes += mistakes
    return _replaced(root, steps, value or Node(None, place, text), place, "", reader)


def _replaced(node: Node, steps: Sequence[str], value: Node, place: Place, path: str, reader: Reader) -> Node:
    if not steps:
        return value
    step, *rest = steps
    if isinstance(node.value, list):
        if not _INDEX.fullmatch(step) or int(step) >= len(node.value):
            count = len(node.value)
            indices = "the list is empty" if not count else "use index 0" if count == 1 else f"use 0 to {count - 1}"
            reader.report(place, path, f"unknown entry {quote_value(step)}; {indices}")
            return node
        i, items = int(step), list(node.value)
        short = _SHORT.get(path.rpartition(".")[2])
        old = long_form(items[i], short) if rest and short else items[i]
        items[i] = _replaced(old, rest, value, place, join_path(path, i), reader)
        return dataclasses.replace(node, value=items)
    if not isinstance(node.value, dict):
        reader.report(
            place, path, f"expected a mapping with the key {quote_value(step)}, got {quote_value(node.plain)}"
        )
        return node
    if step not in node.value and rest and _INDEX.fullmatch(rest[0]):
        guess = nearest(step, KEYS)
        hint = f"; did you mean {guess!r}?" if guess and guess != step else ""
        reader.report(place, join_path(path, step), f"no such list in the config{hint}")
        return node
    new = _replaced(node.value.get(step, Node({}, place)), rest, value, place, join_path(path, step), reader)
    return dataclasses.replace(
        node, value={**node.value, step: new}, keys={**node.keys, step: node.keys.get(step, place)}
    )


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
    and a start may be in brackets. Labels that several algorithms share are
    extended by the settings in which these differ. The Experiment has no figures.

    Raise ConfigError if there are mistakes; the place of a mistake is its argument.
    """
    reader = Reader(Path())
    limits = {
        "error_threshold": error_threshold,
        "gradient_threshold": gradient_threshold,
        "max_epochs": max_epochs,
    }
    given = {
        key: _word(text, _argument(f"--{key.replace('_', '-')} {text}"))
        for key, text in limits.items()
        if text is not None
    }
    if problem is not None:
        given["problem"] = _entry(problem, _argument(f"--problem {problem}"), reader)
    if data is not None:
        given["dataset"] = _csv(data, columns)
    if start is not None:
        place = _argument(f"--start {start}")
        given["start"] = Node([_word(number, place) for number in re.split(r"[][(),;\s]+", start) if number], place)
    return _compared(reader, given, (_entry(spec, _argument(spec), reader) for spec in algorithms), name)


def _csv(file: str, columns: Mapping[str, str | None]) -> Node:
    """Return the entry of ``dataset`` for a CSV file and its columns, of which several are separated by commas."""
    parts = {"csv": Node(file, _argument(f"--data {file}"), file, quoted=True)}
    for key, text in columns.items():
        if text is not None:
            place = _argument(f"--{key} {text}")
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
        nodes[key] = _entry_or_node(value, argument, reader) if key == "problem" else node(value, _argument(argument))
    entries = (
        _entry_or_node(spec, spec if isinstance(spec, str) else f"argument {i}", reader)
        for i, spec in enumerate(algorithms, start=1)
    )
    return _compared(reader, nodes, entries, name)


def _entry_or_node(spec: object, argument: str, reader: Reader) -> Node:
    place = _argument(argument)
    return _entry(spec, place, reader) if isinstance(spec, str) else node(spec, place)


def _compared(reader: Reader, given: dict[str, Node], entries: Iterable[Node], name: str) -> Experiment:
    problem = read_problem(
        reader, Node(given, _argument(name), keys={key: value.place for key, value in given.items()})
    )
    starts = read_starts(reader, given.get("start"), "start", problem)
    error_threshold, gradient_threshold = read_thresholds(reader, given, problem)
    epochs = reader.field(given, KEYS["max_epochs"], "")
    entries = list(entries)
    chosen = _with_distinct_labels([a for entry in entries if (a := read_algorithm(reader, entry, "", problem))])
    if not entries:
        reader.report(_argument(name), "", "missing algorithm; give at least one")
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
    found = read_algorithm(reader, _entry(spec, _argument(argument or spec), reader), "", None)
    if found is None or reader.mistakes:
        raise ConfigError(reader.mistakes)
    return found


def figure(experiment: Experiment, kind: str, options: Mapping[str, object]) -> FigureRequest:
    """Return the figure of a kind with these options, for the results of an experiment.

    Raise ConfigError if there are mistakes.
    """
    reader = Reader(Path())
    entry = node({**options, "kind": kind}, _argument("figure"))
    names = [Names(one.label, one.optimizer.name) for one in experiment.algorithms]
    found = read_figure(reader, entry, "", experiment.problem, names)
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
