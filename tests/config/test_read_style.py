"""Test the messages of mistakes in styles, labels, colors and markers, and the values that are read."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from bpviz import config
from bpviz.config import ConfigError
from bpviz.declare import fields
from bpviz.figures import _words
from bpviz.figures._style import Style
from bpviz.messages.text import join_words


def read(text: str) -> config.Experiment:
    return config.loads(text.encode(), "c.yaml", Path())


def messages(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(text)
    return [str(mistake).split("\n", maxsplit=1)[0].removeprefix("c.yaml:") for mistake in caught.value.mistakes]


GD = "algorithms: [gd]\nfigures: [errors]\n"
SIZES = "width and height in inches"
COLOR = "expected a color (#rrggbb or a CSS name)"
STYLE = "style of all figures; a figure can have its own"
COUNT = "labels.'{count} epochs'"


THEMES = "light, dark, paper or slides"
THEME = "(colors and sizes for a purpose)"
COLORS = "(colors of the algorithms, in their order)"
WORD = "(translation of a word in figures)"
MARKERS = "circle, square, diamond, up, down, plus, cross, left, right, pentagon or hexagon"
PIXELS = "576 (20 x 20 inches at 1200 dpi); use a smaller size or dpi"
MISTAKES = {
    "style: {dpi: 9}": "style.dpi: expected an integer in [30, 1200], got 9 (pixels per inch of PNG files)",
    "style: {theme: drak}": f"style.theme: expected {THEMES}, got 'drak' {THEME}; did you mean 'dark'?",
    "style: {siz: [3, 2]}": "style.siz: unknown key; did you mean 'size'?",
    "style: {size: 3}": f"style.size: expected a list of 2 numbers in [1, 40], got 3 ({SIZES})",
    "style: {size: [3, 0]}": f"style.size[1]: expected a number in [1, 40], got 0 ({SIZES})",
    "style: {colors: [gren]}": f"style.colors[0]: {COLOR}, got 'gren' {COLORS}; did you mean 'green'?",
    "style: dark": f"style: expected a mapping of {join_words(fields(Style), 'and')}, got 'dark' ({STYLE})",
    "style: {dpi: 1200, size: [20, 20]}": f"style.dpi: expected at most 64 million pixels, got {PIXELS}",
    "style: {size: [20, 20], dpi: 1200}": f"style.dpi: expected at most 64 million pixels, got {PIXELS}",
    "style: {legend: left}": "style.legend: expected below, right, inside or none, got 'left' (place of the legend)",
    "labels: {Eror: Fehler}": "labels.Eror: unknown word of figures; did you mean 'Error'?",
    "labels: {zzz: 1}": "labels.zzz: unknown word of figures; docs/figures.md lists the words",
    "labels: [Epoch]": "labels: expected a mapping of words to translations, got a list",
    "labels: {Epoch: 3}": f"labels.Epoch: expected a string, got 3 {WORD}; add quotes: '3'",
    'labels: {"{count} epochs": Epochen}': f"{COUNT}: expected a string with {{count}}, got 'Epochen' {WORD}",
    'labels: {Epoch: "{x}"}': f"labels.Epoch: expected a string with no placeholders, got '{{x}}' {WORD}",
    'labels: {"{count} epochs": "{count.real} {"}': (
        f"{COUNT}: expected {{count}} without other braces (write {{{{ and }}}} for braces), "
        f"got '{{count.real}} {{' {WORD}"
    ),
}


@pytest.mark.parametrize(("line", "message"), MISTAKES.items(), ids=MISTAKES)
def test_messages(line: str, message: str) -> None:
    (found,) = messages(GD + line)
    place, _, found = found.partition(" ")
    assert found == message
    assert place.startswith("3:")


def test_figures_have_styles_of_their_own() -> None:
    text = "algorithms: [gd]\nfigures: [{kind: errors, style: {dpi: 9}}]"
    assert messages(text) == [f"2:39: figures[0].{MISTAKES['style: {dpi: 9}']}"]
    text = "algorithms: [gd]\nstyle: {size: [20, 20]}\nfigures: [{kind: errors, style: {dpi: 1200}}]"
    assert messages(text) == [f"3:39: figures[0].style.dpi: expected at most 64 million pixels, got {PIXELS}"]
    assert read(text.replace("[20, 20]", "[2, 2]"))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("color: rad", f"color: {COLOR}, got 'rad' (color in figures); did you mean 'red'?"),
        ("color: '#12'", f"color: {COLOR}, got '#12' (color in figures)"),
        ("marker: zzz", f"marker: expected {MARKERS}, got 'zzz' (marker in figures)"),
        ("marker: sqare", f"marker: expected {MARKERS}, got 'sqare' (marker in figures); did you mean 'square'?"),
        ("colour: red", "colour: unknown setting of gd; did you mean 'color'?"),
    ],
)
def test_messages_of_algorithms(entry: str, message: str) -> None:
    (found,) = messages(f"algorithms: [{{name: gd, {entry}}}]\nfigures: []")
    assert found.partition(" algorithms[0].")[2] == message


def test_values_are_converted() -> None:
    found = read(
        "algorithms: [{name: gd, color: RebeccaPurple, marker: '>'}]\n"
        "style: {colors: ['#0aF', white], size: [3, 2]}\nfigures: []"
    )
    (algorithm,) = found.algorithms
    assert (algorithm.color, algorithm.marker) == ("#663399", "right")
    assert found.style == Style(colors=("#00aaff", "#ffffff"), size=(3.0, 2.0))


def test_title_is_a_heading_of_figures_unless_it_is_none() -> None:
    headings = [read(f"algorithms: [gd]\n{line}\n").heading for line in ("title: T", "title: none", "title: null", "")]
    assert headings == ["T", "", "", ""]


def test_schema_accepts_and_rejects_styles() -> None:
    schema = config.schema()
    json.dumps(schema)
    validator = jsonschema.Draft7Validator(schema)
    good = {
        "algorithms": [{"name": "gd", "color": "red", "marker": "s"}],
        "style": {"theme": "dark", "font": ["Arial"], "colors": ["#0af"]},
        "labels": {"Epoch": "Epoche"},
        "figures": [{"kind": "errors", "style": {"dpi": 100}}],
    }
    assert validator.is_valid(good)
    for bad in (
        {"style": {"theme": "drak"}},
        {"style": {"siz": 1}},
        {"labels": {"Epok": "x"}},
        {"algorithms": [{"name": "gd", "marker": "star"}]},
        {"figures": [{"kind": "errors", "style": {"dpi": 1}}]},
    ):
        assert not validator.is_valid({**good, **bad})


def test_placeholders_of_every_word_are_plain_names() -> None:
    for word in _words.WORDS:
        names = _words.placeholders(word)
        assert _words.filled(word, dict.fromkeys(names, "1"))
        assert _words.Translation(word=word).complaint(word) is None
