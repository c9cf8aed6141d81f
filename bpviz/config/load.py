"""What a user hands over -> an Experiment: a file, text, overrides of its values, or the parts of a comparison."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bpviz import declare
from bpviz.config.from_python import node
from bpviz.config.read_algorithms import Called, read_algorithm
from bpviz.config.read_figures import read_figure
from bpviz.config.read_problem import read_problem, read_starts, read_thresholds
from bpviz.config.reader import read_experiment
from bpviz.config.schema import KEYS
from bpviz.config.values import Reader, spelled_out
from bpviz.config.yaml_tree import LARGEST, Node, parse, scalar, under
from bpviz.declare.domains import FileName
from bpviz.experiment.spec import Algorithm, Experiment
from bpviz.libraries import PREFIXES
from bpviz.messages.diagnostics import ConfigError, Document, Mistake, Place
from bpviz.messages.suggestions import nearest
from bpviz.messages.text import listed, shown
from bpviz.storage.reading import UnreadableError, decode, read, too_large

if TYPE_CHECKING:
    from bpviz.figures._base import FigureRequest

_INDEX = re.compile(r"[0-9]{1,9}")

# What a word alone stands for in a list: `- gd` is `- {name: gd}`.
_SHORT = {"algorithms": "name", "with": "name", "figures": "kind"}


def load(path: Path, overrides: Sequence[str] = ()) -> Experiment:
    """Return the Experiment of a YAML file, named after the file, with ``key.path=value`` overrides applied.

    Raises ConfigError.
    """
    try:
        data = read(path, LARGEST)
    except UnreadableError as error:
        raise ConfigError([Mistake(str(path), 0, 0, "", str(error))]) from None
    return loads(data, str(path), path.parent, overrides, path.stem)


def loads(data: bytes, source: str, folder: Path, overrides: Sequence[str] = (), name: str = "stdin") -> Experiment:
    """Return the Experiment of YAML text. ``source`` is its name in messages; CSV paths start from ``folder``.

    Raises ConfigError.
    """
    if len(data) > LARGEST:
        raise ConfigError([Mistake(source, 0, 0, "", too_large(LARGEST))])
    document = decode(data, source)
    root, mistakes = parse(document)
    reader = Reader(folder, mistakes)
    if root is None:
        reader.refuse(Place(document), "", "there is nothing in it; `bpviz init` writes a config to start from")
    else:
        experiment = _experiment(reader, root, overrides, name)
        if experiment:
            return experiment
    raise ConfigError(sorted(reader.mistakes, key=lambda m: (m.file != source, m.line, m.column)))


class Written:
    """A config as it is written, to find the places of its values."""

    def __init__(self, data: bytes, source: str) -> None:
        try:
            self.document = decode(data, source)
            self.root = parse(self.document)[0]
        except ConfigError:  # whoever has read it before has said so
            self.document, self.root = Document(source), None

    def place(self, path: str) -> Place:
        """Return where the value at ``path`` stands, or the innermost part around it that is written there."""
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
    """Return the Experiment of a config as Python has it; CSV paths start from the working directory.

    Raises ConfigError.
    """
    reader = Reader(Path())
    experiment = _experiment(reader, node(data, _argument("<dict>")), overrides, name)
    if experiment is None:
        raise ConfigError(reader.mistakes)
    return experiment


def _experiment(reader: Reader, root: Node, overrides: Sequence[str], name: str) -> Experiment | None:
    if not isinstance(root.value, dict):
        reader.refuse(root.place, "", f"{shown(root.plain)} is not a config: a mapping with algorithms in it")
        return None
    for override in overrides:
        root = _overridden(root, override, reader)
    return read_experiment(reader, root, file_name(name))


def file_name(name: str) -> str:
    """Return ``name`` as it can name a folder."""
    if FileName().complaint(name) is None:
        return name
    return re.sub(r"[^\w .+=-]+", "-", name)[:100].strip(" .-") or "experiment"


def _argument(text: str) -> Place:
    return Place(Document(text if len(text) <= 100 else f"{text[:97]}...", argument=True))


def _overridden(root: Node, override: str, reader: Reader) -> Node:
    """Return the tree with one value replaced, or added: ``algorithms.0.step=0.1``."""
    place = _argument(f"--set {override}")
    where, _, text = override.partition("=")
    steps = re.sub(r"\[([0-9]+)\]", r".\1", where.strip()).split(".")  # algorithms[0].step is understood too
    if "=" not in override or not all(steps) or len(steps) > 10:
        reader.refuse(place, "", "write key=value, for instance error_threshold=0.1 or algorithms.0.step=0.1")
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
            there = f"0 to {count - 1}" if count else "none, it is empty"
            reader.refuse(place, path, f"{shown(step)} is not the number of an entry; there are {there}")
            return node
        i, items = int(step), list(node.value)
        short = _SHORT.get(path.rpartition(".")[2])
        old = spelled_out(items[i], short) if rest and short else items[i]
        items[i] = _replaced(old, rest, value, place, under(path, i), reader)
        return dataclasses.replace(node, value=items)
    if not isinstance(node.value, dict):
        reader.refuse(place, path, f"{shown(node.plain)} has no part {shown(step)}")
        return node
    if step not in node.value and rest and _INDEX.fullmatch(rest[0]):
        guess = nearest(step, KEYS)
        hint = f"; did you mean {guess!r}?" if guess and guess != step else ""
        reader.refuse(place, under(path, step), f"the config has no such list{hint}")
        return node
    new = _replaced(node.value.get(step, Node({}, place)), rest, value, place, under(path, step), reader)
    return dataclasses.replace(
        node, value={**node.value, step: new}, keys={**node.keys, step: node.keys.get(step, place)}
    )


def from_parts(
    algorithms: Sequence[str],
    *,
    problem: str | None = None,
    start: Sequence[str] = (),
    error_threshold: str | None = None,
    gradient_threshold: str | None = None,
    max_epochs: str | None = None,
    name: str = "compare",
) -> Experiment:
    """Return the Experiment of ``bpviz compare``: algorithms as ``gd`` or ``gd:step=10``, and a problem likewise.

    Everything comes as text and is read as in a config; what is left out is what a config's default is. Algorithms
    that would share a label have the settings they differ in added to it. Figures are left to the caller.

    Raises ConfigError, each mistake placed by its argument.
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
    if start:
        place = _argument(f"--start {' '.join(start)}")
        given["start"] = Node([_word(number, place) for number in start], place)
    return _compared(reader, given, (_entry(spec, _argument(spec), reader) for spec in algorithms), name)


def from_values(algorithms: Sequence[object], given: Mapping[str, object], name: str = "compare") -> Experiment:
    """Return the Experiment of ``bpviz.compare``: algorithms as text or as in a config, and values of its keys.

    Raises ConfigError, each mistake placed by its argument.
    """
    reader = Reader(Path())
    nodes = {}
    for key, value in given.items():
        said = f"{key}={' '.join(repr(value).split())}"
        nodes[key] = _entry_or_node(value, said, reader) if key == "problem" else node(value, _argument(said))
    entries = (
        _entry_or_node(spec, spec if isinstance(spec, str) else f"argument {i}", reader)
        for i, spec in enumerate(algorithms, start=1)
    )
    return _compared(reader, nodes, entries, name)


def _entry_or_node(spec: object, said: str, reader: Reader) -> Node:
    return _entry(spec, _argument(said), reader) if isinstance(spec, str) else node(spec, _argument(said))


def _compared(reader: Reader, given: dict[str, Node], entries: Iterable[Node], name: str) -> Experiment:
    problem = read_problem(
        reader, Node(given, _argument(name), keys={key: value.place for key, value in given.items()})
    )
    starts = read_starts(reader, given.get("start"), "start", problem)
    error_threshold, gradient_threshold = read_thresholds(reader, given, problem)
    epochs = reader.option(given, KEYS["max_epochs"], "")
    entries = list(entries)
    chosen = _told_apart([a for entry in entries if (a := read_algorithm(reader, entry, "", problem))])
    if not entries:
        reader.refuse(_argument(name), "", "give at least one algorithm")
    if reader.mistakes or problem is None:
        raise ConfigError(reader.mistakes)
    labels = [algorithm.label for algorithm in chosen]
    for i, label in enumerate(labels):
        if label in labels[:i]:
            reader.refuse(entries[i].place, "", f"a second {label!r}; change a setting or give it a label")
    if reader.mistakes:
        raise ConfigError(reader.mistakes)
    title = listed(labels, "and")
    return Experiment(name, title, problem, starts, error_threshold, epochs, tuple(chosen), (), gradient_threshold)


def algorithm(spec: str, said: str = "") -> Algorithm:
    """Return what ``gd`` or ``gd:step=10`` says, on any problem; ``said`` is what a user wrote, if not that.

    Raises ConfigError.
    """
    reader = Reader(Path())
    found = read_algorithm(reader, _entry(spec, _argument(said or spec), reader), "", None)
    if found is None or reader.mistakes:
        raise ConfigError(reader.mistakes)
    return found


def figure(experiment: Experiment, kind: str, options: Mapping[str, object]) -> FigureRequest:
    """Return the figure of an experiment's results that a kind and its options ask for.

    Raises ConfigError.
    """
    reader = Reader(Path())
    entry = node({**options, "kind": kind}, _argument("figure"))
    called = [Called(one.label, one.optimizer.name) for one in experiment.algorithms]
    found = read_figure(reader, entry, "", experiment.problem, called)
    if found is None or reader.mistakes:
        raise ConfigError(reader.mistakes)
    return found


def _word(text: str, place: Place) -> Node:
    return Node(scalar(text.strip()), place, text.strip())


def _entry(spec: str, place: Place, reader: Reader) -> Node:
    """Return the entry of ``algorithms`` that ``name:key=value,key=value`` stands for.

    A name may have a colon of its own, as ``torch:Adam`` has.
    """
    name, colon, rest = spec.partition(":")
    if name.strip() in PREFIXES:
        inner, colon, rest = rest.partition(":")
        name = f"{name}:{inner}"
    entry = _word(name, place)
    if not colon:
        return entry
    entry = Node({"name": entry}, place, keys={"name": place})
    for setting in _between_commas(rest):
        key, equals, text = (part.strip() for part in setting.partition("="))
        if not equals or key in entry.keys:
            said = f"{shown(key)} is given twice" if equals else f"{shown(setting)} is not key=value"
            reader.refuse(place, "", f"{said}; an example is momentum:step=0.1,momentum=0.95")
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


def _told_apart(algorithms: Sequence[Algorithm]) -> list[Algorithm]:
    """Return the algorithms, those of one label with the settings that differ among them in it."""
    return [
        dataclasses.replace(algorithm, label=_label(algorithm, [a for a in algorithms if a.label == algorithm.label]))
        for algorithm in algorithms
    ]


def _label(algorithm: Algorithm, group: Sequence[Algorithm]) -> str:
    others = [declare.spelled(other.optimizer) for other in group]
    own = [
        f"{name} {value:g}" if isinstance(value, float) and float(f"{value:g}") == value else f"{name} {value}"
        for name, value in declare.spelled(algorithm.optimizer).items()
        if any(other.get(name) != value for other in others)
    ]
    return f"{algorithm.label} ({', '.join(own)})" if own else algorithm.label
