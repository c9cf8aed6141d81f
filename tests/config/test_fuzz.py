"""Fuzz the config reader: every input gives an Experiment or a ConfigError."""

from __future__ import annotations

import json
import os
from pathlib import Path

import hypothesis.strategies as st
import yaml
from hypothesis import HealthCheck, example, given, settings

from bpviz import config
from bpviz.config import ConfigError, Experiment
from bpviz.declare import FIGURES, OPTIMIZERS, fields
from bpviz.problems.perceptron import Perceptron

# CONTRIBUTING.md names the command of a longer search.
fuzzed = settings(
    max_examples=int(os.environ.get("BPVIZ_EXAMPLES", "60")),
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)

GOOD = b"""\
title: "A title"
dataset: {rows: [[0.9, 0.3, 1], [-.5, 1e-3, 0]], features: [a, b]}
network: {activation: sigmoid, bias: true, loss: cross-entropy}
start: [[-4, -4, 0], &here [1, 2, 3], *here]
error_threshold: 0.125
max_epochs: 1000
algorithms:
  - gd
  - {name: momentum, step: 0.3, momentum: 0.9, label: 'Heavy ball'}
  - name: irprop+
    min_step: 1e-3
figures:
  - {kind: paths, algorithms: [gd], epochs: [11, 14], number_epochs: true, save_as: a}
  - epochs
"""

# Words that are valid somewhere in a config, and values that are invalid almost everywhere.
_DECLARED = [*(kind for _, kind in OPTIMIZERS.items()), *(kind for _, kind in FIGURES.items()), Perceptron]
_KEYS = [row[0] for row in config.keys_table()]
_WORDS = [
    *dict.fromkeys([*_KEYS, *(name for kind in _DECLARED for name in fields(kind))]),
    *("name", "label", "kind", "csv", "rows", "features", "target", "classes", "missing", "delimiter", "decimal"),
    *("gd", "newton", "paths", "six-points", "sigmoid", "cross-entropy"),
]
_AWKWARD = [10**400, -(10**400), "1e-3", "", "\ud800", "../x", "/etc/passwd", "a\nb", "\x1b[31m", "no", "<<", "\0"]
_SCALARS = st.one_of(
    st.sampled_from(_WORDS),
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(_AWKWARD),
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(_WORDS) | st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=20,
)
_PIECES = [
    *(b" ", b"\n", b"[", b"}", b": ", b"*here", b"&here ", b"- ", b"1e999", b"'"),
    *(b":", b"=", b'"\\', b"<<<<<<< ", b"\n  - gd\n    step: 1\n", b"gd:step=1"),
    *(piece.encode() for piece in ("\xa0", "\u200b", "“", "”", "：", "–", "\u2028")),
]
_TEXTS = ["", "1", "[", "{a: 1}", "[1, 2]", ".nan", "9" * 5000, "*a", "&a [*a]", "!!x y", "\ud800"]


def check(data: bytes, overrides: tuple[str, ...] = ()) -> None:
    """Read a config; check that the Experiment can be written and read again, or that its mistakes can be shown."""
    try:
        experiment = config.loads(data, "fuzz.yaml", Path("no such folder"), overrides, "fuzz")
    except ConfigError as error:
        check_messages(error)
    else:
        assert isinstance(experiment, Experiment)
        written = json.dumps(config.resolved(experiment), allow_nan=False)
        assert config.loads(written.encode(), "again", Path(), name="fuzz") == experiment


def check_messages(error: ConfigError) -> None:
    assert error.mistakes
    for mistake in error.mistakes:
        lines = str(mistake).split("\n")
        assert len(lines) in {1, 2, 3}
        assert all(line.isprintable() for line in lines)
        "\n".join(lines).encode()  # no surrogates


@fuzzed
@given(st.binary(max_size=300))
def test_any_bytes(data):
    check(data)


@fuzzed
@given(st.text(max_size=300))
def test_any_text(text):
    check(text.encode("utf-8", "surrogatepass"))


# Characters with a meaning in YAML, so that more inputs parse.
@fuzzed
@given(st.text("ab:-?[]{},&*!|>'\"%@`#<.01e \n\t", max_size=60))
@example("? : ")
@example("&a : 1")
@example("- &a\n- *a")
@example("a: |\n  b\n c")
@example("{a, b: , : c}")
@example("{&a b: *a}")
def test_text_of_yaml_characters(text):
    check(text.encode())
    check(b"algorithms: [gd]\nfigures: []\n" + text.encode())


@fuzzed
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(GOOD)),
            st.integers(0, 12),
            st.binary(max_size=4) | st.sampled_from(_PIECES),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_mutated_valid_configs(cuts):
    data = GOOD
    for start, length, pasted in cuts:
        data = data[:start] + pasted + data[start + length :]
    check(data)


def test_valid_config():
    check(GOOD)
    assert len(config.loads(GOOD, "good", Path()).starts) == 3


@fuzzed
@given(st.dictionaries(st.sampled_from(_KEYS), _VALUES, max_size=4), st.booleans())
def test_any_value_under_any_key(values, block):
    values = {"algorithms": ["gd"], "figures": [], **values}
    check(yaml.safe_dump(values, allow_unicode=True, default_flow_style=not block).encode("utf-8", "surrogatepass"))


@st.composite
def entries(draw, registry, key):
    """Draw an entry of algorithms or figures: an existing name with its own settings and unknown ones."""
    name = draw(st.sampled_from(list(registry)))
    options = list(fields(registry[name]))
    chosen = draw(st.dictionaries(st.sampled_from([*options, "label", "zzz"]), _VALUES | st.floats(0, 2), max_size=4))
    return {key: name, **chosen}


@fuzzed
@given(st.lists(entries(OPTIMIZERS, "name"), max_size=3), st.lists(entries(FIGURES, "kind"), max_size=3))
def test_any_setting_and_any_option(algorithms, figures):
    check(json.dumps({"algorithms": algorithms, "figures": figures}).encode())


@fuzzed
@given(
    st.lists(
        st.text(max_size=20)
        | st.builds(
            "{}={}".format,
            st.lists(st.sampled_from([*_WORDS, "0", "1", "99", "-1", ""]), min_size=1, max_size=4).map(".".join),
            st.sampled_from(_TEXTS) | st.text(max_size=9),
        ),
        max_size=3,
    )
)
def test_any_overrides(overrides):
    check(GOOD, tuple(overrides))


@fuzzed
@given(
    st.lists(
        st.text(max_size=20)
        | st.builds(
            "{}:{}={}".format,
            st.sampled_from([*OPTIMIZERS, "", "x"]),
            st.sampled_from(_WORDS),
            st.sampled_from(["1", "1e400", "0x" + "f" * 999, "", "x", "\x1b"]),
        ),
        max_size=3,
    ),
    st.lists(st.text(max_size=5) | st.sampled_from(["1", "-.5", ".nan"]), max_size=3),
    st.none() | st.text(max_size=8),
    st.none() | st.text(max_size=8),
)
def test_any_arguments_of_compare(algorithms, start, error_threshold, max_epochs):
    try:
        experiment = config.from_parts(
            algorithms, start=" ".join(start), error_threshold=error_threshold, max_epochs=max_epochs
        )
    except ConfigError as error:
        check_messages(error)
    else:
        labels = [algorithm.label for algorithm in experiment.algorithms]
        assert len(set(labels)) == len(labels) > 0
