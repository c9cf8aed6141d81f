"""Read the problem of a config (a function, or a dataset and a network), its starts and its thresholds."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from bpviz import declare
from bpviz.config.read_network import read_network
from bpviz.config.schema import CSV, DISTANCE, KEYS, NUMBER, PENALTY, ROWS
from bpviz.config.values import Reader, parts
from bpviz.config.yaml_tree import Node, join_path
from bpviz.declare import PROBLEMS, Problem
from bpviz.declare.domains import ListOf, Nullable
from bpviz.declare.file_paths import is_url, with_slashes
from bpviz.messages.diagnostics import ConfigError
from bpviz.messages.suggestions import nearest
from bpviz.messages.text import join_words, quote_value
from bpviz.problems.datasets import DATASETS, Dataset, class_note
from bpviz.problems.penalty import Penalized
from bpviz.storage.reading import UnreadableError, is_inside


def read_problem(reader: Reader, root: Node) -> Problem | None:
    """Read ``problem``, or ``dataset`` and ``network``, and ``penalty``."""
    given = root.value
    problem = _function(reader, root) if "problem" in given else _of_data(reader, root)
    penalty = given.get("penalty")
    values = reader.mapping(penalty, "penalty", PENALTY) if penalty else {}
    if problem is None or values is None:
        return None
    penalized: Any = Penalized(problem, **values)  # delegates the other attributes of a Problem
    return penalized if any(values.values()) else problem


def _function(reader: Reader, root: Node) -> Problem | None:
    both = [key for key in ("dataset", "network") if key in root.value]
    for key in both:
        reader.report(root.keys[key], key, "give either `problem` or `dataset` and `network`, not both")
    found = reader.lookup(root.value["problem"], "problem", PROBLEMS, "name")
    if found is None:
        return None
    entry, kind = found
    declared = declare.fields(kind)
    reader.check_keys(entry, "problem", ("name", *declared), f"setting of {kind.name}")
    problem: Problem | None = reader.build(kind, reader.fields(entry, "problem", declared), entry, "problem")
    return None if both else problem


def _of_data(reader: Reader, root: Node) -> Problem | None:
    data = root.value.get("dataset")
    dataset = _dataset(reader, data, "dataset") if data else DATASETS[KEYS["dataset"].default]
    return read_network(reader, root, dataset)


def _dataset(reader: Reader, node: Node, path: str) -> Dataset | None:
    if isinstance(node.value, list):
        return _rows(reader, node, path, ())
    if isinstance(node.value, dict):
        return _own_dataset(reader, node, path)
    if isinstance(node.value, str) and node.value in DATASETS:
        return DATASETS[node.value]
    guess = nearest(node.value, DATASETS)
    hint = f"did you mean {guess!r}?" if guess else f"use {join_words(DATASETS)}, or your own data"
    if not isinstance(node.value, str):
        reader.report(node.place, path, f"expected the name of a dataset, got {quote_value(node.value)}; {hint}")
        return None
    if is_url(node.value):
        hint = "use {csv: FILE} with the path of a file that you downloaded"
    elif node.value.lower().endswith(".csv"):
        hint = f"use {{csv: {with_slashes(node.value)}}} to read a file"
    reader.report(node.place, path, f"unknown dataset {quote_value(node.value)}; {hint}")
    return None


def _own_dataset(reader: Reader, node: Node, path: str) -> Dataset | None:
    if ("csv" in node.value) == ("rows" in node.value):
        reader.report(node.place, path, "give either `csv` (path of a file) or `rows` (a list of samples)")
        return None
    declared = CSV if "csv" in node.value else ROWS
    before = len(reader.mistakes)
    reader.check_keys(node, path, [*declared, *node.value.keys() & {"rows"}], "key")
    values = reader.fields(node, path, declared) or {}
    if len(reader.mistakes) > before:
        return None
    names = values.get("features") or ()
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        reader.report(node.value["features"].place, join_path(path, "features"), f"duplicate name {quote_value(twice)}")
    if "csv" in values:
        dataset = _csv(reader, node, path, **values)
    else:
        dataset = _rows(reader, node.value["rows"], join_path(path, "rows"), names)
        if dataset and values.get("classes"):
            dataset = _named_classes(reader, node, path, dataset, values["classes"])
    return dataset if len(reader.mistakes) == before else None


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
    reader.report(
        target.place,
        join_path(join_path(path, first), len(node.value[first].value) - 1),
        f"expected a number as target, got {quote_value(target.value)} (first of {len(texts):,} such rows); write 0 "
        "and 1, and name them as in {rows: [[0.9, 0.3, 1]], classes: [lily, rose]}",
    )
    return list(texts)


def _named_classes(reader: Reader, node: Node, path: str, dataset: Dataset, classes: tuple[str, ...]) -> Dataset | None:
    other = next((target for target in dataset.targets if target not in (0, 1)), None)
    message = f"classes require targets 0 and 1 (the dataset has {other:g})" if other is not None else ""
    if classes[0] == classes[1]:
        message = f"duplicate class {quote_value(classes[0])}"
    if message:
        reader.report(node.value["classes"].place, join_path(path, "classes"), message)
        return None
    return dataclasses.replace(dataset, classes=classes, notes=(class_note(classes),))


def _csv(
    reader: Reader,
    node: Node,
    path: str,
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
            return table.dataset(features, target, classes)
    except UnreadableError as error:
        reader.report(node.value["csv"].place, join_path(path, "csv"), f"{file}: {error}")
    except ConfigError as error:
        reader.mistakes += error.mistakes
    except csv_data.ClassError as error:
        label, where = list(parts(node, path, ("classes",)))[error.index]
        reader.report(label.place, where, str(error))
    return None


def read_starts(reader: Reader, node: Node | None, path: str, problem: Problem | None) -> tuple[tuple[float, ...], ...]:
    """Return the starts, one per run of each algorithm."""
    if node is None:
        return (tuple(problem.start),) if problem else ()
    before = len(reader.mistakes)
    several = isinstance(node.value, list) and any(isinstance(item.value, list) for item in node.value)
    points = [(item, join_path(path, i)) for i, item in enumerate(node.value)] if several else [(node, path)]
    weights = problem.weights if problem else ()
    for point, where in points:
        right = reader.accepts(point, where, ListOf(NUMBER, 1), KEYS["start"].meaning)
        if right and problem and len(point.value) != len(weights):
            numbers = f"{len(weights)} number{'s' * (len(weights) > 1)}"
            message = f"expected {numbers}, one per weight ({_listed(weights)}), got {len(point.value)}"
            reader.report(point.place, where, message)
    return tuple(ListOf(NUMBER).convert(point.plain) for point, _ in points) if len(reader.mistakes) == before else ()


_MOST_LISTED = 8


def _listed(names: tuple[str, ...]) -> str:
    """Return names separated by commas, the first and the last of many."""
    shown = names if len(names) <= _MOST_LISTED else (*names[:3], "...", names[-1])
    return ", ".join(shown)


def read_thresholds(
    reader: Reader, given: Mapping[str, Node], problem: Problem | None
) -> tuple[float | None, float | None]:
    """Return the error threshold, relative to the minimum of the error, and the gradient threshold."""
    of_error, of_gradient = KEYS["error_threshold"], KEYS["gradient_threshold"]
    if problem:
        allowed = of_error.domain if problem.lowest is None else Nullable(DISTANCE)
        of_error = dataclasses.replace(of_error, default=problem.threshold, domain=allowed)
    error, gradient = reader.field(given, of_error, ""), reader.field(given, of_gradient, "")
    reason = declare.without_gradient(problem) if problem and gradient else None
    if reason:
        reader.report(given["gradient_threshold"].place, "gradient_threshold", reason)
    return error, gradient
