"""Read the dataset of a config: a built-in one, rows of numbers, or a CSV file."""

from __future__ import annotations

import dataclasses
from typing import Any

from bpviz import declare
from bpviz.config.csv_mistakes import ALL_CLASSES
from bpviz.config.schema import CSV, NUMBER, ROWS, SCALE
from bpviz.config.values import Reader, parts
from bpviz.config.yaml_tree import Node, join_path
from bpviz.declare.domains import ListOf
from bpviz.declare.file_paths import is_url, with_slashes
from bpviz.messages.diagnostics import ConfigError
from bpviz.messages.suggestions import nearest
from bpviz.messages.text import join_words, quote_value
from bpviz.problems import scaling
from bpviz.problems.data import DATASETS, Named, find
from bpviz.problems.datasets import Dataset, class_note
from bpviz.storage.reading import UnreadableError, is_inside

_PATH = "dataset"
_SYNONYMS = {"mnist": "digits", "optdigits": "digits"}
_SOURCES = ("name", "csv", "rows")


def read_dataset(reader: Reader, node: Node, *, several: bool) -> Dataset | None:
    """Return the dataset; ``several`` is whether the loss accepts more than two classes."""
    before = len(reader.mistakes)
    if isinstance(node.value, list):
        dataset = _rows(reader, node, _PATH, ())
    elif isinstance(node.value, dict):
        dataset = _declared(reader, node, several)
    else:
        kind = _kind(reader, node, _PATH)
        dataset = kind().dataset() if kind else None
    if dataset is None or len(reader.mistakes) > before:
        return None
    if len(dataset.classes) > 2 and not several:
        given = node.value.get("classes", node) if isinstance(node.value, dict) else node
        fix = "select `rows` of two" if dataset.named else "choose two"
        got = f"{len(dataset.classes)} ({join_words(dataset.classes, 'and')})"
        message = f"expected two classes, got {got}; {fix}, or use {ALL_CLASSES}"
        reader.report(given.place, _PATH if given is node else join_path(_PATH, "classes"), message)
        return None
    return dataset


def _kind(reader: Reader, node: Node, path: str) -> type[Named] | None:
    """Return the built-in dataset with a name; report the name if there is none."""
    if kind := find(node.value):
        return kind
    guess = nearest(node.value, DATASETS, _SYNONYMS)
    hint = f"did you mean {guess!r}?" if guess else f"use {join_words(DATASETS)}, or your own data"
    if not isinstance(node.value, str):
        reader.report(node.place, path, f"expected the name of a dataset, got {quote_value(node.plain)}; {hint}")
        return None
    if is_url(node.value):
        hint = "use {csv: FILE} with the path of a file that you downloaded"
    elif node.value.lower().endswith(".csv"):
        hint = f"use {{csv: {with_slashes(node.value)}}} to read a file"
    reader.report(node.place, path, f"unknown dataset {quote_value(node.value)}; {hint}")
    return None


def _declared(reader: Reader, node: Node, several: bool) -> Dataset | None:
    """Read the mapping of a built-in dataset, of rows or of a CSV file."""
    sources = [key for key in _SOURCES if key in node.value]
    if sources not in (["name"], ["csv"], ["rows"], ["name", "rows"]):
        message = "give one of `name` (a built-in dataset), `csv` (path of a file) and `rows` (a list of samples)"
        reader.report(node.place, _PATH, message)
        return None
    read = {"name": _named, "csv": _from_csv, "rows": _from_rows}[sources[0]]
    before = len(reader.mistakes)
    scale = reader.field(node.value, SCALE, _PATH)
    dataset = read(reader, node, several)
    if dataset is None or len(reader.mistakes) > before:
        return None
    return _scaled(reader, node, dataset, scale) if scale else dataset


def _settings(reader: Reader, node: Node, declared: dict[str, declare.Field], *more: str) -> dict[str, Any] | None:
    """Return the values of the declared keys, None if there are mistakes; ``more`` keys are read elsewhere."""
    before = len(reader.mistakes)
    reader.check_keys(node, _PATH, [*declared, SCALE.name, *more], "key")
    values = reader.fields(node, _PATH, declared)
    return values if len(reader.mistakes) == before else None


def _named(reader: Reader, node: Node, _several: bool) -> Dataset | None:
    kind = _kind(reader, node.value["name"], join_path(_PATH, "name"))
    if kind is None:
        return None
    built = reader.build(kind, _settings(reader, node, declare.fields(kind), "name"), node, _PATH)
    return built.dataset() if built else None


def _from_csv(reader: Reader, node: Node, several: bool) -> Dataset | None:
    values = _settings(reader, node, CSV)
    if values is None:
        return None
    _check_features(reader, node, values)
    return _csv(reader, node, _PATH, several, **values)


def _from_rows(reader: Reader, node: Node, _several: bool) -> Dataset | None:
    values = _settings(reader, node, ROWS, "rows")
    if values is None:
        return None
    _check_features(reader, node, values)
    dataset = _rows(reader, node.value["rows"], join_path(_PATH, "rows"), values.get("features") or ())
    if dataset and values.get("classes"):
        return _named_classes(reader, node, _PATH, dataset, values["classes"])
    return dataset


def _check_features(reader: Reader, node: Node, values: dict[str, Any]) -> None:
    names = values.get("features") or ()
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        place = node.value["features"].place
        reader.report(place, join_path(_PATH, "features"), f"duplicate name {quote_value(twice)}")


def _scaled(reader: Reader, node: Node, dataset: Dataset, kind: str) -> Dataset | None:
    """Return a dataset whose inputs are scaled, with a note about constant features."""
    for name, column in zip(dataset.feature_names, zip(*dataset.features, strict=True), strict=True):
        largest = max(column, key=abs)
        if abs(largest) > scaling.LARGEST:
            message = f"expected features of at most {scaling.LARGEST:g} in size, got {largest:g} ({name})"
            reader.report(node.value["scale"].place, join_path(_PATH, "scale"), message)
            return None
    learned = scaling.Scaling.learn(kind, dataset.features)
    constant = [name for name, spread in zip(dataset.feature_names, learned.spreads, strict=True) if not spread]
    notes = [f"{_some(constant)} constant and scaled to 0"] if constant else []
    return dataclasses.replace(dataset, scaling=learned, notes=(*dataset.notes, *notes))


_MOST_NAMES = 5


def _some(names: list[str]) -> str:
    """Return the subject of a sentence about some features."""
    if len(names) == 1:
        return f"feature {names[0]} is"
    if len(names) > _MOST_NAMES:
        return f"{len(names)} features are"
    return f"features {join_words(names, 'and')} are"


def _rows(reader: Reader, node: Node, path: str, names: tuple[str, ...]) -> Dataset | None:
    before = len(reader.mistakes)
    if not isinstance(node.value, list) or not node.value:
        reader.report(
            node.place, path, f"expected a list of samples such as [[0.9, 0.3, 1]], got {quote_value(node.plain)}"
        )
        return None
    width = 0
    texts = _rows_of_classes(reader, node, path)
    for i, row in enumerate(node.value):
        if i in texts or not reader.accepts(
            row, join_path(path, i), ListOf(NUMBER, 2), "one sample: features, then target"
        ):
            continue
        width = width or len(row.value)
        if len(row.value) != width:
            reader.report(
                row.place, join_path(path, i), f"expected {width} numbers, as in the rows above, got {len(row.value)}"
            )
    if names and width and len(names) != width - 1:
        message = f"expected {width - 1} feature names, one per column before the target, got {len(names)}"
        reader.report(node.place, path, message)
    if len(reader.mistakes) > before:
        return None
    samples = [tuple(float(number) for number in row) for row in node.plain]
    names = names or tuple(f"x{i + 1}" for i in range(width - 1))
    return Dataset("data", tuple(s[:-1] for s in samples), tuple(s[-1] for s in samples), names)


def _rows_of_classes(reader: Reader, node: Node, path: str) -> list[int]:
    """Return the samples whose targets are text or bools; report them once if there are several."""
    targets = {i: row.value[-1] for i, row in enumerate(node.value) if isinstance(row.value, list) and row.value}
    texts = {i: target for i, target in targets.items() if isinstance(target.value, str | bool)}
    if len(texts) < 2:
        return []
    first, target = next(iter(texts.items()))
    several = len({text.value for text in texts.values()}) > 2
    numbers, names = ("0, 1, 2, ...", "iris, lily, rose") if several else ("0 and 1", "lily, rose")
    reader.report(
        target.place,
        join_path(join_path(path, first), len(node.value[first].value) - 1),
        f"expected a number as target, got {quote_value(target.value)} (first of {len(texts):,} such rows); write "
        f"{numbers}, and name them as in {{rows: [[0.9, 0.3, 1]], classes: [{names}]}}",
    )
    return list(texts)


def _named_classes(reader: Reader, node: Node, path: str, dataset: Dataset, classes: tuple[str, ...]) -> Dataset | None:
    numbers = range(len(classes))
    other = next((target for target in dataset.targets if target not in numbers), None)
    message = ""
    if other is not None:
        wanted = "0 and 1" if len(classes) == 2 else f"0 to {len(classes) - 1}"
        message = f"classes require targets {wanted} (the dataset has {other:g})"
    twice = next((name for place, name in enumerate(classes) if name in classes[:place]), None)
    if twice is not None:
        message = f"duplicate class {quote_value(twice)}"
    if message:
        reader.report(node.value["classes"].place, join_path(path, "classes"), message)
        return None
    return dataclasses.replace(dataset, classes=classes, notes=(class_note(classes),))


def _csv(
    reader: Reader,
    node: Node,
    path: str,
    several: bool,
    csv: str,
    features: tuple[str, ...] | None = None,
    target: str | None = None,
    classes: tuple[str, ...] | None = None,
    missing: str | tuple[str, ...] = "error",
    delimiter: str | None = None,
    decimal: str | None = None,
) -> Dataset | None:
    from bpviz.config import csv_data, csv_dialect  # here, because few configs use a CSV file

    before = len(reader.mistakes)
    reader.data_files.append(csv)
    file = reader.folder / csv
    try:
        shown = reader.trusts_files or is_inside(file, reader.folder)
        text = csv_dialect.CsvText(file, shown=shown, delimiter=delimiter)
        table = csv_data.Table(text, decimal, missing)
        listed = list(parts(node, path, ("features", "target")))
        table.header.require_names([part.value for part, _ in listed])
        for part, where in listed:
            complaint = table.header.unknown(part.value)
            if part.value == (target or table.header.names[-1]) and part is not node.value.get("target"):
                complaint = f"{quote_value(part.value)} is the target; remove it from the features"
            if complaint:
                reader.report(part.place, where, complaint)
        if len(reader.mistakes) == before:
            return table.dataset(features, target, classes, several=several)
    except UnreadableError as error:
        reader.report(node.value["csv"].place, join_path(path, "csv"), f"{file}: {error}")
    except ConfigError as error:
        reader.mistakes += error.mistakes
    except csv_data.ClassError as error:
        label, where = list(parts(node, path, ("classes",)))[error.index]
        reader.report(label.place, where, str(error))
    return None
