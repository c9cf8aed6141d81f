"""Fuzz the CSV reader: every file gives a Dataset or a ConfigError, and a file outside never appears in messages."""

from __future__ import annotations

import json
import math
import os

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from bpviz import config
from bpviz.config import ConfigError

SLOW = int(os.environ.get("BPVIZ_EXAMPLES", "1500"))


def fuzzed(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )


CELLS = [
    *("0", "1", "-1", "2.5", "1e-3", ".5", "5.", "1e999", "-0", "0x1F", "017", "1_000", "\u0661", "9" * 400),
    *("", "?", "NA", "nan", "inf", "-.inf", "null", "-", ".", "None", "True", "false", "TRUE"),
    *("rose", "lily", "iris", "a b", "1,5", "1,200", "1.200,5", "\u22121", "1\u00a0000", "12%", "x" * 300),
    *(
        '"1"',
        '"',
        '""',
        '"a',
        'b"',
        '"1,5"',
        ' "2"',
        '"a\nb"',
        "#",
        "# 1",
        "sep=;",
        "\0",
        "\x85",
        "\u2028",
        "\ufeff",
        "\ud800",
    ),
]
NAMES = [*("a", "b", "y", "", " a ", "2019", "1,5", "\u200b", "note", "#", "# a", "a\tb", "x" * 300), *CELLS]
DELIMITERS = [",", ";", "\t", " ", "   ", "|", ":", ", ", " ,", ";;"]
ENDS = ["\n", "\r\n", "\r", "\n\n", "\n;;;\n", ""]
OPTIONS = [
    *("", "features: [a, b]", "features: [a], target: y", "target: note", "features: ['2019'], target: '1'"),
    *("missing: drop", "missing: [-1, rose, '']", "classes: [rose, lily]", "classes: [1, 0]", "classes: [true, false]"),
    *("delimiter: ';'", "delimiter: tab", "delimiter: space", "decimal: ','", "decimal: ., missing: drop"),
    "classes: [lily, rose], missing: drop, delimiter: ',', decimal: ','",
]


@st.composite
def tables(draw: st.DrawFn) -> bytes:
    """Draw a file: mostly valid cells in rows of nearly the same length, then cuts and pasted pieces."""
    delimiter, end = draw(st.sampled_from(DELIMITERS)), draw(st.sampled_from(ENDS[:3]))
    width = draw(st.integers(1, 5))
    names = draw(st.just(["a", "b", "y", "note", "c"][:width]) | st.lists(st.sampled_from(NAMES), max_size=6))
    usual = st.sampled_from(draw(st.sampled_from([CELLS, CELLS[:8], ["0", "1", "2,5"], ["rose", "lily", "1", "?"]])))
    row = st.lists(usual, min_size=width, max_size=width) | st.lists(st.sampled_from(CELLS), max_size=7)
    rows = draw(st.lists(row, max_size=8))
    head = draw(st.sampled_from(["", "", "", "\ufeff", "sep=;\n", "sep=,\r\n", '"sep=\t"\n', "# ", "\n\n"]))
    data = head + end.join(delimiter.join(cells) for cells in [names, *rows]) + draw(st.sampled_from(ENDS))
    content = data.encode("utf-8", "surrogatepass")
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 3]))):
        at, length = draw(st.integers(0, len(content))), draw(st.integers(0, 6))
        pasted = draw(
            st.binary(max_size=4) | st.sampled_from([b'"', b",", b"\n", b"\r", b"\0", b";", b"\xff", b"PK\x03\x04"])
        )
        content = content[:at] + pasted + content[at + length :]
    return draw(st.sampled_from([content] * 9 + [data.encode("utf-16", "surrogatepass")]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("fuzz") / "configs"
    (path / "in").mkdir(parents=True)
    return path


def check(folder, data: bytes, options: str) -> None:
    """Read a file inside and the same outside the folder of the config."""
    outcomes = []
    for path in ("in/data.csv", "../data.csv"):
        (folder / path).write_bytes(data)
        text = f"algorithms: [gd]\nfigures: []\ndataset: {{csv: {path}{', ' * bool(options)}{options}}}"
        try:
            outcomes.append(config.loads(text.encode(), "fuzz.yaml", folder, name="fuzz"))
        except ConfigError as error:
            outcomes.append(error)
    inside, outside = outcomes
    if isinstance(inside, ConfigError):
        assert isinstance(outside, ConfigError)
        assert 1 <= len(inside.mistakes) == len(outside.mistakes) <= 7
        for mistake, hidden in zip(inside.mistakes, outside.mistakes, strict=True):
            assert (mistake.file == "fuzz.yaml", mistake.line) == (hidden.file == "fuzz.yaml", hidden.line)
            assert all(line.isprintable() for line in str(mistake).split("\n"))
            str(mistake).encode()  # no surrogates
            assert hidden.file == "fuzz.yaml" or not hidden.excerpt
            words = [word for word in ("rose", "lily", "iris", "1,5", "1,200", "12%") if word not in options]
            assert not [word for word in words if word in hidden.message]
    else:
        assert inside == outside
        dataset = inside.problem.dataset
        assert all(map(math.isfinite, [*dataset.targets, *(x for row in dataset.features for x in row)]))
        assert {len(row) for row in dataset.features} == {len(dataset.feature_names)}
        written = json.dumps(config.resolved(inside), allow_nan=False)
        assert config.loads(written.encode(), "again", folder, name="fuzz") == inside


@fuzzed(300)
@given(tables(), st.sampled_from(OPTIONS))
def test_any_table(folder, data, options):
    check(folder, data, options)


@fuzzed(100)
@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes(folder, data):
    check(folder, data, "")


@pytest.mark.slow
@fuzzed(SLOW)
@given(tables(), st.sampled_from(OPTIONS))
def test_any_table_at_length(folder, data, options):
    check(folder, data, options)
