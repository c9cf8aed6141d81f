"""The keys of a config, for the reader, ``bpviz schema`` and the documentation.

The settings of networks, algorithms, wrappers, problems and figures are declared in their classes.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bpviz.config.csv_options import CLASSES, DECIMAL, DELIMITER, Missing
from bpviz.declare import FIGURES, OPTIMIZERS, PROBLEMS, WRAPPERS, Field, fields
from bpviz.declare.domains import Choice, Domain, Interval, ListOf, Nullable, Text
from bpviz.declare.fields import Record
from bpviz.declare.file_paths import FilePath
from bpviz.experiment.expectations import QUANTITIES, RELATIONS
from bpviz.figures import _words
from bpviz.figures._colors import Color, Marker
from bpviz.figures._style import Style
from bpviz.libraries import PREFIXES
from bpviz.messages.text import join_words, quote_value
from bpviz.problems import scaling
from bpviz.problems.data import DATASETS
from bpviz.problems.network.layers import Initial, Layer
from bpviz.problems.network.network import Network
from bpviz.problems.penalty import Penalized
from bpviz.problems.perceptron import Perceptron

if TYPE_CHECKING:
    from bpviz.declare.registry import Registry


@dataclasses.dataclass(frozen=True)
class Number(Domain):
    """Any finite number."""

    def complaint(self, value: object) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"expected a number, got {quote_value(value)}"
        return None if math.isfinite(value) else f"expected a finite number, got {value}"

    def convert(self, value: Any) -> float:
        return float(value)

    def schema(self) -> dict[str, Any]:
        return {"type": "number"}

    def plural(self) -> str:
        return "numbers"

    def __str__(self) -> str:
        return "a number"


NUMBER = Number()


@dataclasses.dataclass(frozen=True)
class Nested(Domain):
    """A value with parts: the reader checks them; this class has only the description and the schema."""

    words: str
    describe: Callable[[], dict[str, Any]]

    def schema(self) -> dict[str, Any]:
        return self.describe()

    def __str__(self) -> str:
        return self.words


def _object(declared: dict[str, Field], **more: Any) -> dict[str, Any]:
    properties = {name: _value(field) for name, field in declared.items()}
    required = [name for name, field in declared.items() if field.default is dataclasses.MISSING]
    return {"type": "object", "properties": {**properties, **more}, "required": required, "additionalProperties": False}


def _value(field: Field) -> dict[str, Any]:
    described = {**field.domain.schema(), "description": field.meaning}
    if field.default is not dataclasses.MISSING and field.default is not None:
        described["default"] = field.default
    return described


def _dataset() -> dict[str, Any]:
    row = ListOf(NUMBER, 2).schema()
    rows = {"type": "array", "items": row, "minItems": 1}
    return {
        "anyOf": [
            {"enum": sorted(DATASETS)},
            rows,
            {
                **_object(
                    {**ROWS, "scale": SCALE},
                    rows={**rows, "description": "samples, each its features and then its target"},
                ),
                "required": ["rows"],
            },
            _object({**CSV, "scale": SCALE}),
            *(
                {**_object({**fields(kind), "scale": SCALE}, name={"const": name}), "required": ["name"]}
                for name, kind in DATASETS.items()
            ),
        ]
    }


def _network() -> dict[str, Any]:
    sizes = {"type": "array", "items": UNITS.schema(), "minItems": 1}
    return {"anyOf": [sizes, _object(fields(Perceptron)), _object(NETWORK)]}


def _start() -> dict[str, Any]:
    point = ListOf(NUMBER, 1).schema()
    return {"anyOf": [point, {"type": "array", "items": point, "minItems": 1}]}


def _entries(registry: Registry[Any], key: str, extra: dict[str, Field]) -> dict[str, Any]:
    """Return the schema of a list of entries."""
    return {"type": "array", "items": _entry(registry, key, extra)}


def _entry(registry: Registry[Any], key: str, extra: dict[str, Field]) -> dict[str, Any]:
    """Return the schema of an entry: a name in ``registry``, or a mapping of ``key`` and settings."""
    names: dict[str, Any] = {"enum": list(registry)}
    if registry is OPTIMIZERS:  # the settings of library optimizers are not in this schema
        names = {"anyOf": [names, {"type": "string", "pattern": f"^({'|'.join(PREFIXES)}):."}]}
    names["description"] = f"{key} of the {registry.what}"
    cases = [
        {
            "if": {"properties": {key: {"const": name}}, "required": [key]},
            "then": _object({**extra, **fields(thing)}, **{key: {"const": name}}),
        }
        for name, thing in registry.items()
    ]
    mapping = {"type": "object", "properties": {key: names}, "required": [key], "allOf": cases}
    return {"anyOf": [names, mapping]}


def _expect() -> dict[str, Any]:
    quantities = {}
    for name, quantity in QUANTITIES.items():
        value = quantity.domain.schema()
        bound = {"type": "object", "properties": dict.fromkeys(RELATIONS, value), "minProperties": 1}
        comparable = isinstance(quantity.domain, Interval)
        quantities[name] = {"anyOf": [value, {**bound, "additionalProperties": False}]} if comparable else value
    of_one = {"type": "object", "properties": quantities, "additionalProperties": False}
    return {"type": "object", "additionalProperties": of_one}


_NAMES = ListOf(Text(), 1)
ROWS = {
    "features": Field("features", None, Nullable(_NAMES, "x1, x2, ..."), "names of the columns before the target"),
    "classes": Field("classes", None, Nullable(CLASSES), "names of targets 0, 1, ..."),
}
CSV = {
    "csv": Field("csv", dataclasses.MISSING, FilePath(), "path of a CSV file, relative to the config's folder"),
    "features": Field("features", None, Nullable(_NAMES, "all but the target"), "columns used as features"),
    "target": Field("target", None, Nullable(Text(), "the last column"), "column to predict"),
    "classes": Field(
        "classes",
        None,
        Nullable(CLASSES, "those that occur"),
        "classes of targets 0, 1, ...; rows of other classes are left out",
    ),
    "missing": Field(
        "missing",
        "error",
        Missing(),
        "what to do with rows with a missing value: report or drop them; marks are added to the usual ones",
    ),
    "delimiter": Field("delimiter", None, Nullable(DELIMITER, "the one that fits"), "character between cells"),
    "decimal": Field("decimal", None, Nullable(DECIMAL, "the one that fits"), "decimal mark"),
}
SCALE = Field(
    "scale",
    None,
    Nullable(Choice(tuple(scaling.KINDS))),
    "scaling of each feature: to [0, 1], or to mean 0 and standard deviation 1",
)
LABEL = Field("label", None, Nullable(Text(), "the algorithm's own name"), "name in tables and legends")
COLOR = Field("color", None, Nullable(Color(), "that of its place"), "color in figures")
MARKER = Field("marker", None, Nullable(Marker(), "that of its place"), "marker in figures")
OF_ALGORITHMS = {field.name: field for field in (LABEL, COLOR, MARKER)}
"""Keys of an algorithm that are not settings of its rule, besides ``name`` and ``with``."""
MOST_WRAPPERS = 20
WITH = Field(
    "with",
    None,
    Nested("a list of names, or of mappings {name, settings...}", lambda: {"$ref": "#/definitions/with"}),
    "wrappers of the algorithm, innermost first",
)

PENALTY = fields(Penalized)
UNITS = fields(Layer)["dense"].domain
LAYER = {**fields(Layer), "dense": dataclasses.replace(fields(Layer)["dense"], default=dataclasses.MISSING)}
INITIAL = fields(Initial)
NETWORK = {
    "layers": Field(
        "layers",
        dataclasses.MISSING,
        Nested(
            f"a list of mappings of {join_words(LAYER, 'and')}",
            lambda: {"type": "array", "items": _object(LAYER), "minItems": 1},
        ),
        "layers, the output layer last",
    ),
    **fields(Network),
    "initial": Field(
        "initial",
        {name: field.default for name, field in INITIAL.items()},
        Nested(f"a mapping of {join_words(INITIAL, 'and')}", lambda: _object(INITIAL)),
        "random initial weights",
    ),
}
DISTANCE = Interval.parse("[0, inf)")
"""Domain of an error threshold, if the minimum of the error is known."""

KEYS = {
    key.name: key
    for key in (
        Field("title", None, Nullable(Text(), "the name of the file"), "title of tables, and above every figure"),
        Field(
            "problem",
            None,
            Nested(
                "a name from `bpviz list problems`, or a mapping {name, settings...}; omit it to train a network",
                lambda: _entry(PROBLEMS, "name", {}),
            ),
            "function to minimize, instead of a dataset and a network",
        ),
        Field(
            "dataset",
            "six-points",
            Nested(
                f"a built-in name ({', '.join(sorted(DATASETS))}), or a mapping {{name, settings...}}; a list of rows "
                "of numbers, the target last, or a mapping {rows, features, classes, scale}; or a mapping {csv, "
                "features, target, ...}",
                _dataset,
            ),
            "data to train the network on",
        ),
        Field(
            "network",
            {name: field.default for name, field in fields(Perceptron).items()},
            Nested(
                f"a mapping of {join_words(fields(Perceptron), 'and')}; a mapping of {join_words(NETWORK, 'and')}; or "
                "the sizes of hidden sigmoid layers",
                _network,
            ),
            "network whose error on the dataset is minimized",
        ),
        Field(
            "penalty",
            {name: field.default for name, field in PENALTY.items()},
            Nested("a mapping of l1 and l2", lambda: _object(PENALTY)),
            "penalty on the weights, added to the error: l1 Σ |w| + l2/2 Σ w²",
        ),
        Field(
            "start",
            list(Perceptron().start),
            Nested("one number per weight, or a list of such starts; the problem's own start if omitted", _start),
            "initial weights of every algorithm",
        ),
        Field(
            "error_threshold",
            Perceptron.threshold,
            Nullable(Interval.parse("(-inf, inf)"), "none"),
            "stop when error - known minimum ≤ this value",
        ),
        Field(
            "gradient_threshold",
            None,
            Nullable(Interval.parse("(0, inf)"), "none"),
            "stop when the gradient norm ≤ this value",
        ),
        Field("max_epochs", 1000, Interval.parse("integer [1, inf)"), "maximum number of epochs"),
        Field(
            "algorithms",
            dataclasses.MISSING,
            Nested(
                "a list of names, or of mappings {name, label, color, marker, with, settings...}",
                lambda: {**_entries(OPTIMIZERS, "name", {**OF_ALGORITHMS, "with": WITH}), "minItems": 1},
            ),
            "algorithms to compare, in the order of tables and figures",
        ),
        Field(
            "figures",
            None,
            Nested(
                "a list of kinds, or of mappings {kind, options...}; [] for none",
                lambda: _entries(FIGURES, "kind", {}),
            ),
            "figures to draw; a default set if omitted",
        ),
        Field("style", None, Nullable(Record(Style)), "style of all figures; a figure can have its own"),
        Field(
            "labels",
            None,
            Nested("a mapping of words to translations", lambda: _object(_words.fields())),
            "translations of words in figures",
        ),
        Field(
            "expect",
            None,
            Nested(
                f"for each algorithm a mapping of {join_words(QUANTITIES)} to a value, or to a mapping of "
                f"{join_words(RELATIONS)}",
                _expect,
            ),
            "expected results, checked by `--strict`",
        ),
    )
}


def keys_table() -> list[tuple[str, str, str, str]]:
    """Return (key, default, accepted values, meaning) of every key of a config, as text for tables."""
    return [(key.name, _default(key.default), str(key.domain), key.meaning) for key in KEYS.values()]


def _default(value: Any) -> str:
    """Return a default in YAML; "" if there is none."""
    if value is None or value is dataclasses.MISSING:
        return ""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_default(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_default(item) for item in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else f"{value}"


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 7) of a config, for editors."""
    network = {"properties": {"problem": False, "error_threshold": Nullable(DISTANCE).schema()}}
    function = {"required": ["problem"], "properties": {"dataset": False, "network": False}}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "bpviz experiment",
        "definitions": {"with": {**_entries(WRAPPERS, "name", {}), "maxItems": MOST_WRAPPERS}},
        **_object(KEYS),
        "anyOf": [network, function],
    }
