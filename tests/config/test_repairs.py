"""Test that mistakes in YAML are reported where they are, and not where the parser or the reader notices them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from bpviz import config
from bpviz.config import ConfigError, repairs
from bpviz.config.yaml_tree import parse
from bpviz.messages import characters
from bpviz.messages.diagnostics import Document

REST = "algorithms: [gd]\nfigures: []\n"


def messages(text: str | bytes, folder: Path = Path()) -> list[str]:
    """Return the messages about a config, without their excerpts; an empty list if it is valid."""
    try:
        config.loads(text if isinstance(text, bytes) else text.encode(), "c.yaml", folder)
    except ConfigError as error:
        return [str(mistake).split("\n", maxsplit=1)[0].removeprefix("c.yaml:") for mistake in error.mistakes]
    return []


# -- unusual characters ------------------------------------------------------------------------------------------------

SPACES = "\xa0\u1680\u2000\u2003\u2009\u202f\u205f\u3000\u2028\u2029\x85\u2800"
INVISIBLE = "\xad\u200b\u200c\u200d\u200e\u200f\u202a\u202e\u2060\u2066\ufeff\u180e\u3164"


@pytest.mark.parametrize("space", SPACES, ids=ascii)
def test_names_an_unusual_space_after_a_colon(space):
    if space in "\x85\u2028\u2029":  # a line end for YAML, and valid there
        assert messages(f"max_epochs:{space} 2\n{REST}") == []
        return
    (message,) = messages(f"max_epochs:{space}2\n{REST}")
    assert message == f"1:12: expected a space, got {characters.described(space)}; use a space"
    assert f"U+{ord(space):04X} (" in message


@pytest.mark.parametrize("space", SPACES, ids=ascii)
def test_names_an_unusual_space_in_text(space):
    text = f"{REST}title: [a{space}b"
    assert messages(text)[0].startswith("3:8: ")  # the bracket, not the space
    if space in "\x85\u2028\u2029":
        assert messages(f"{REST}title: a{space}b") == [
            f"3:9: expected a space, got {characters.described(space)}; use a space"
        ]


@pytest.mark.parametrize("character", INVISIBLE, ids=ascii)
@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("max_epochs: 5@\n" + REST, "1:14"),
        ("max_@epochs: 5\n" + REST, "1:5"),
        ("max_epochs: 5\n@" + REST, "2:1"),
        ("algorithms: [g@d]\nfigures: []", "1:15"),
        ("algorithms: [{name: gd, step@: 0.1}]\nfigures: []", "1:29"),
        ('algorithms: [gd]\nfigures: []\nnetwork: {activation: "tanh@"}', "3:28"),
    ],
)
def test_names_an_invisible_character(text, place, character):
    expected = f"{place}: invisible character {characters.described(character)}; remove it"
    assert messages(text.replace("@", character)) == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "algorithms: [“gd”]\nfigures: []",
            [
                "1:14: expected '\"', got U+201C (left double quotation mark); use '\"'",
                "1:17: expected '\"', got U+201D (right double quotation mark); use '\"'",
            ],
        ),
        (
            f"{REST}network: {{activation: ‘tanh’}}",
            [
                '3:23: expected "\'", got U+2018 (left single quotation mark); use "\'"',
                '3:28: expected "\'", got U+2019 (right single quotation mark); use "\'"',
            ],
        ),
        (f'{REST}title: "a”', ["3:10: expected '\"', got U+201D (right double quotation mark); use '\"'"]),
        (f"max_epochs：5\n{REST}", ["1:11: expected ':', got U+FF1A (fullwidth colon); use ':'"]),
        (
            "algorithms: [gd，momentum]\nfigures: []",
            ["1:16: expected ',', got U+FF0C (fullwidth comma); use ','"],
        ),
        (f"max_epochs: ５\n{REST}", ["1:13: expected '5', got U+FF15 (fullwidth digit five); use '5'"]),
        (
            f"start: [–4, —4]\n{REST}",
            [
                "1:9: expected '-', got U+2013 (en dash); use '-'",
                "1:13: expected '-', got U+2014 (em dash); use '-'",
            ],
        ),
        (
            "figures: []\nalgorithms:\n– gd\n– rprop",
            [
                "3:1: expected '-', got U+2013 (en dash); use '-'",
                "4:1: expected '-', got U+2013 (en dash); use '-'",
            ],
        ),
        (f"max_еpochs: 5\n{REST}", ["1:5: expected 'e', got U+0435 (cyrillic small letter ie); use 'e'"]),
        (
            "algorithms:\n\u3000 - gd\n\u3000 - rprop\nfigures: []",
            [
                "2:1: expected a space, got U+3000 (ideographic space); use a space",
                "3:1: expected a space, got U+3000 (ideographic space); use a space",
            ],
        ),
        ("figures: []\n\xa0algorithms: [gd]", ["2:1: unexpected U+00A0 (no-break space); remove it"]),
        # other mistakes keep their places
        (
            "max_epochs:\xa05\nalgorithms: [gd\u200b, gdd]\nstart: [1, x]\nfigures: []",
            [
                "1:12: expected a space, got U+00A0 (no-break space); use a space",
                "2:16: invisible character U+200B (zero width space); remove it",
                "2:19: algorithms[1]: unknown algorithm 'gdd'; did you mean 'gd'?",
                "3:12: start[1]: expected a number, got 'x' (initial weights of every algorithm)",
            ],
        ),
    ],
)
def test_names_characters_that_look_like_others(text, expected):
    assert messages(text) == expected


@pytest.mark.parametrize(
    "harmless", ["“a”", "a\xa0b", "5\u202f%", "a – b", "日本：一", "naïve", "\U0001f469\u200d\U0001f52c", "‘a’", "−"]
)
def test_unusual_characters_in_labels_and_comments_are_harmless(harmless):
    text = f"title: {harmless}  # {harmless} \u200b\n{REST}"
    assert messages(text) == []
    assert config.loads(text.encode(), "c.yaml", Path()).title == harmless
    assert messages(text + "max_epochs: x") == [
        "4:13: max_epochs: expected an integer in [1, inf), got 'x' (maximum number of epochs)"
    ]


@pytest.mark.parametrize("place", ["start: [−4, -4]", "start: [-.5e−1, −.5]", "gradient_threshold: 1e−3"])
def test_accepts_the_minus_sign_in_numbers(place):
    plain = config.loads(f"{REST}{place}".replace("−", "-").encode(), "c", Path())
    assert config.loads(f"{REST}{place}".encode(), "c", Path()) == plain


# -- characters that are missing or wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # no space after a colon
        (
            "algorithms: [{name:gd, step:0.1}]\nfigures: []",
            [
                "1:20: missing space after the colon; use name: gd",
                "1:29: missing space after the colon; use step: 0.1",
            ],
        ),
        ("algorithms:\n- name:gd\n  step: 0.1\nfigures: []", ["2:8: missing space after the colon; use name: gd"]),
        ("algorithms:\n- name:gd\nfigures: []", ["2:8: missing space after the colon; use name: gd"]),
        (
            "algorithms:\n- name: gd\n  step:0.1\nfigures: []",
            ["3:8: missing space after the colon; use step: 0.1"],
        ),
        (f"max_epochs:5\n{REST}", ["1:12: missing space after the colon; use max_epochs: 5"]),
        (f"{REST}max_epochs:5", ["3:12: missing space after the colon; use max_epochs: 5"]),
        (f"problem:booth\n{REST}", ["1:9: missing space after the colon; use problem: booth"]),
        ("figures: []\nalgorithms:[gd]", ["2:12: missing space after the colon; use algorithms: [gd]"]),
        (
            '{"figures": [], "algorithms": [{"name":gd,step:0.1}]}',
            ["1:48: missing space after the colon; use step: 0.1"],
        ),
        # another sign
        (f"max_epochs = 5\n{REST}", ["1:12: expected a colon, got =; use max_epochs: 5"]),
        (f"max_epochs := 5\n{REST}", ["1:12: expected a colon, got :=; use max_epochs: 5"]),
        (
            "algorithms: [{name=gd, step=0.1}]\nfigures: []",
            ["1:19: expected a colon, got =; use name: gd", "1:28: expected a colon, got =; use step: 0.1"],
        ),
        (f"title: a = b\nmax_epochs = 5\n{REST}", ["2:12: expected a colon, got =; use max_epochs: 5"]),
        (f"max_epochs 5\n{REST}", ["1:11: missing colon; use max_epochs: 5"]),
        # dashes, comments and quotes
        (
            "figures: []\nalgorithms:\n  -gd\n  -rprop",
            ["3:4: missing space after the dash; use - gd", "4:4: missing space after the dash; use - rprop"],
        ),
        (
            "figures: []\nalgorithms:\n- gd\n  - rprop\n  - adam",
            ["4:3: the dash is further to the right than the one above; align them"],
        ),
        (f"max_epochs: 5# five\n{REST}", ["1:14: missing space before the comment; add one"]),
        (f"title: 'a\nmax_epochs: 5\n{REST}", ["1:8: missing closing quote; use 'a'"]),
        (f'title: "a\n{REST}', ['1:8: missing closing quote; use "a"']),
        # settings below a name
        (
            "figures: []\nalgorithms:\n- gd\n  step: 0.1 # one\n- rprop",
            ["3:3: missing key 'name' before the settings of gd; use {name: gd, step: 0.1}"],
        ),
        (
            "figures: []\nalgorithms:\n  - momentum\n      step: 0.1\n      momentum: 0.5",
            ["3:5: missing key 'name' before the settings of momentum; use {name: momentum, step: 0.1, momentum: 0.5}"],
        ),
        (
            "algorithms: [gd]\nfigures:\n- paths\n  title: x",
            ["3:3: missing key 'kind' before the settings of paths; use {kind: paths, title: x}"],
        ),
        (
            f"problem: rosenbrock\n  a: 2\n{REST}",
            ["1:10: missing key 'name' before the settings of rosenbrock; use {name: rosenbrock, a: 2}"],
        ),
        # backslashes
        (
            f'{REST}title: "$\\alpha$"',
            ["3:10: backslash in double quotes, where it starts an escape sequence; use single quotes, '$\\alpha$'"],
        ),
    ],
)
def test_shows_how_to_write_it(text, expected):
    assert messages(text) == expected


@pytest.mark.parametrize("path", ["data\\iris.csv", "data\\xor.csv", "C:\\Users\\x.csv"])
def test_backslashes_that_are_no_escape_sequence(tmp_path, path):
    (tmp_path / "data").mkdir()
    for name in ("data/iris.csv", "data/xor.csv"):
        (tmp_path / name).write_text("a,y\n1,0\n2,1\n")
    slashes = path.replace("\\", "/")
    found = messages(f'{REST}dataset: {{csv: "{path}"}}', tmp_path)
    assert found[-1] == (
        f"3:{17 + path.index(chr(92))}: backslash in double quotes, where it starts an escape sequence; "
        f"use {slashes}, or single quotes for text: '{path}'"
    )
    assert len(found) == (2 if path.startswith("C:") else 1)  # there is no such file


@pytest.mark.parametrize("path", ["data\\new.csv", "a\\test\\nu.csv", "data\\_b\\Na.csv"])
def test_backslashes_that_are_escape_sequences(path):
    (message,) = messages(f'{REST}dataset: {{csv: "{path}"}}')
    slashes = path.replace("\\", "/")
    assert message.startswith("3:16: dataset.csv: expected printable characters on one line, got ")
    assert message.endswith(f"; use {slashes} (in double quotes, a backslash starts an escape sequence)")


@pytest.mark.parametrize("url", ["https://example.com/a.csv", "s3://bucket/a.csv", "file:///tmp/a.csv"])
def test_urls_are_not_downloaded(url):
    assert messages(f"{REST}dataset: {{csv: '{url}'}}") == [
        (
            f"3:16: dataset.csv: expected the path of a file, got the URL {url!r} (path of a CSV file, relative to the "
            "config's folder); download the file and use its path (bpviz downloads nothing)"
        )
    ]
    assert messages(f"{REST}dataset: {url}") == [
        f"3:10: dataset: unknown dataset {url!r}; use {{csv: FILE}} with the path of a file that you downloaded"
    ]


# -- whole files -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("marker", ["<<<<<<< HEAD", "||||||| 1b2c3d", "=======", ">>>>>>> other"])
def test_conflict_markers_are_the_only_mistake(marker):
    text = f"max_epochs: x\n{marker}\n{REST}=======\nalgorithms: [rprop]\n>>>>>>> other\n"
    assert messages(text) == ["2:1: git conflict marker; resolve the conflict"]
    assert messages(text.replace("\n", "\r\n")) == ["2:1: git conflict marker; resolve the conflict"]


def test_rules_of_other_lengths_are_no_conflict_markers():
    assert messages(f"# <<<<<<< HEAD\n# =======\n{REST}title: '======='") == []


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n", "expected a text file, got a PNG image"),
        (b"\xff\xd8\xff\xe0", "expected a text file, got a JPEG image"),
        (b"\x1f\x8b\x08", "expected a text file, got a file compressed by gzip"),
        (b"PK\x03\x04", "expected a text file, got a ZIP archive or an Office document"),
        (b"%PDF-1.7", "expected a text file, got a PDF document"),
        (REST.encode("utf-16"), "encoded as UTF-16; save the file as UTF-8"),
        (REST.encode("utf-16-le"), "encoded as UTF-16; save the file as UTF-8"),
        (REST.encode("utf-16-be"), "encoded as UTF-16; save the file as UTF-8"),
    ],
)
def test_names_the_kind_of_a_file_that_is_no_text(data, kind):
    assert messages(data) == [f" {kind}"]


def test_a_misspelled_key_is_not_missing_too():
    assert messages("Algorithms: [gd]\nfigures: []") == ["1:1: Algorithms: unknown key; did you mean 'algorithms'?"]


def test_large_number_in_an_escape_sequence():
    with pytest.raises(ConfigError, match="number too large in an escape sequence"):
        parse(Document("c.yaml", 'a: "\\UFFFFFFFF"'))


# -- the search --------------------------------------------------------------------------------------------------------


def test_finds_mistakes_of_several_kinds_in_any_order():
    text = "max_epochs:5\nfigures:\xa0[]\ntitle: 'a\nstart = [1, 2]\nalgorithms: [\"gd”, {name:gd, label: b}]"
    assert messages(text) == [
        "1:12: missing space after the colon; use max_epochs: 5",
        "2:9: expected a space, got U+00A0 (no-break space); use a space",
        "3:8: missing closing quote; use 'a'",
        "4:7: expected a colon, got =; use start: [1, 2]",
        "5:17: expected '\"', got U+201D (right double quotation mark); use '\"'",
        "5:26: missing space after the colon; use name: gd",
    ]


def test_keeps_only_the_edits_that_are_needed():
    found = repairs.find("a=1, b=2, c=3", lambda text: (text.count("b=") + text.count("c="),), (2,))
    assert [edit.start for edit in found] == [5, 10]


def test_finds_an_edit_among_others_that_do_harm():
    found = repairs.find("a=1, b=2, c=3", lambda text: (text.count("b=") + 2 * text.count("a:"),), (1,))
    assert [edit.start for edit in found] == [5]


def test_places_of_the_original_text():
    text = "a\u200bb=1\nc=2 d"
    edits = [
        repairs.Edit(1, 2, "", 1, ""),
        repairs.Edit(2, 4, "b: ", 2, ""),
        repairs.Edit(6, 8, "c: ", 6, ""),
    ]
    new = repairs.edited(text, edits)
    assert new == "ab: 1\nc: 2 d"
    for character in "a1\n2 d":
        assert repairs.original_index(new.rindex(character), edits) == text.rindex(character)


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        '"' + "\\n" * 60_000,
        "\xa0:a" * 60_000,
        "a:b " * 60_000,
        "“a”: x\n" * 30_000,
        "- a\n  b: c\n" * 20_000,
        "a=b," * 60_000,
        "".join(f"k{i}: x\n" for i in range(20_000)),
    ],
    ids=["backslashes", "spaces", "colons", "quotes", "settings", "equals", "keys"],
)
def test_hostile_text_is_searched_quickly(text):
    clock = time.process_time()
    assert messages(text)
    assert time.process_time() - clock < 20  # 6 s at most; a pattern that backtracks takes minutes
