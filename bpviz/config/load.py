"""Build an Experiment from a file, text with overrides, or a mapping."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bpviz.config.from_python import argument_place, node
from bpviz.config.read_algorithms import Names
from bpviz.config.read_figures import read_figure
from bpviz.config.read_style import check_formulas
from bpviz.config.reader import read_experiment
from bpviz.config.schema import KEYS
from bpviz.config.values import Reader, long_form
from bpviz.config.yaml_tree import LARGEST, Node, join_path, parse
from bpviz.declare.domains import FileName
from bpviz.messages.diagnostics import ConfigError, Document, Mistake, Place
from bpviz.messages.suggestions import nearest
from bpviz.messages.text import quote_value
from bpviz.storage.reading import UnreadableError, conflict_marker, decode, read, too_large

if TYPE_CHECKING:
    from bpviz.experiment.spec import Experiment
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
    from bpviz.config import repairs  # here, because most configs are valid

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
    experiment = _experiment(reader, node(data, argument_place("<dict>")), overrides, name)
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


def _overridden(root: Node, override: str, reader: Reader) -> Node:
    """Return the tree with one value replaced or added, such as ``algorithms.0.step=0.1``."""
    place = argument_place(f"--set {override}")
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


def figure(experiment: Experiment, kind: str, options: Mapping[str, object]) -> FigureRequest:
    """Return the figure of a kind with these options, for the results of an experiment.

    Raise ConfigError if there are mistakes.
    """
    reader = Reader(Path())
    entry = node({**options, "kind": kind}, argument_place("figure"))
    names = [Names(one.label, one.optimizer.name) for one in experiment.algorithms]
    found = read_figure(reader, entry, "", experiment.problem, names)
    if found is not None:
        check_formulas(reader, entry, dataclasses.replace(experiment, figures=(found,)))
    if found is None or reader.mistakes:
        raise ConfigError(reader.mistakes)
    return found
