"""Test how CSV files of other programs are read: delimiters, decimal marks, encodings, line ends and quotes."""

from __future__ import annotations

import os

import pytest

# What programs write for the samples (5.1, 3.5) -> 1 and (4.9, 3) -> 0 of the columns a and b.
WRITTEN = {
    "Excel": "\ufeffa,b,y\r\n5.1,3.5,1\r\n4.9,3,0\r\n",
    "Excel in German": "a;b;y\r\n5,1;3,5;1\r\n4,9;3;0\r\n",
    "Excel with empty columns and rows": "a;b;y;;\r\n5,1;3,5;1;;\r\n4,9;3;0;;\r\n;;;;\r\n",
    "Excel with cells beyond the header": "a,b,y\r\n5.1,3.5,1,,\r\n4.9,3,0\r\n",
    "Excel with a separator line": "sep=;\r\na;b;y\r\n5,1;3,5;1\r\n4,9;3;0\r\n",
    "Excel with a quoted separator line": '"sep=,"\na,b,y\n5.1,3.5,1\n4.9,3,0\n',
    "Excel with a tab in a separator line": "sep=\t\na\tb\ty\n5.1\t3.5\t1\n4.9\t3\t0\n",
    "Excel for the old Macintosh": "a,b,y\r5.1,3.5,1\r4.9,3,0\r",
    "R write.table": '"a" "b" "y"\n"1" 5.1 3.5 1\n"2" 4.9 3 0\n',
    "R write.table with names of rows": '"a" "b" "y"\n"Mazda RX4" 5.1 3.5 1\n"Datsun 710" 4.9 3 0\n',
    "R write.csv2": '"a";"b";"y"\n5,1;3,5;1\n4,9;3;0\n',
    "NumPy savetxt": "# a b y\n5.1e+00 3.5e+00 1.0e+00\n4.9e+00 3.0e+00 0.0e+00\n",
    "NumPy savetxt with commas": "# a,b,y\n5.1e+00,3.5e+00,1.0e+00\n4.9e+00,3.0e+00,0.0e+00\n",
    "a database": "a|b|y\n5.1|3.5|1\n4.9|3|0\n",
    "tabs": "a\tb\ty\n5.1\t3.5\t1\n4.9\t3\t0\n",
    "tabs and decimal commas": "a\tb\ty\n5,1\t3,5\t1\n4,9\t3\t0\n",
    "aligned columns": "    a    b  y\n  5.1  3.5  1\n  4.9    3  0  \n",
    "aligned columns with tabs": "a\t b\ty\n5.1\t 3.5\t1\n4.9\t 3\t0\n",
    "spaces before quotes": '"a", "b", "y"\n5.1, "3.5", 1\n4.9, "3", 0\n',
    "spaces around quotes": '"a" , "b" , "y"\n"5.1" , "3.5" , "1"\n4.9, "3", 0\n',
    "blank lines": "\n\na,b,y\n\n5.1,3.5,1\n   \n4.9,3,0\n\n",
    "no end of line": "a,b,y\n5.1,3.5,1\n4.9,3,0",
}


@pytest.mark.parametrize("data", WRITTEN.values(), ids=WRITTEN.keys())
def test_reads_files_of_other_programs(csv_folder, data):
    dataset = csv_folder.dataset(data)
    assert dataset.feature_names == ("a", "b")
    assert (dataset.features, dataset.targets) == (((5.1, 3.5), (4.9, 3.0)), (1.0, 0.0))


@pytest.mark.parametrize(
    ("data", "names"),
    [
        ("sepal length\tb\ty\n1\t2\t0\n", ("sepal length", "b")),
        ("a\tb\tfull name\n1\t2\tiris setosa\n1\t2\tiris virginica\n", ("a", "b")),
        ("length, cm;width, cm;y\n1;2;0\n", ("length, cm", "width, cm")),
        ("length, cm;width, cm;y\n1,5;2,5;0\n", ("length, cm", "width, cm")),
        ('"a;b",c,y\n1,2,0\n', ("a;b", "c")),
        ('"say ""a""" b y\n1 2 0\n', ('say "a"', "b")),
        ('"two\u2028lines",b,y\n1,2,0\n', None),
        ("#,b,y\n1,2,0\n", ("#", "b")),
        ('sep=",b,y\n1,2,0\n', ('sep="', "b")),  # no delimiter can be a quote
    ],
)
def test_delimiters_within_names(csv_folder, data, names):
    if names is None:
        assert csv_folder.mistakes(data) == [
            (
                "points.csv:1: name of column 1: expected printable characters on one line, got 'two\\u2028lines'; "
                'list the columns to use as `features`\n    "two�lines",b,y'
            )
        ]
    else:
        assert csv_folder.dataset(data).feature_names == names


@pytest.mark.parametrize(
    ("data", "options", "features"),
    [
        ("a:b:y\n1:2:0\n", "delimiter: ':'", (1.0, 2.0)),
        ("a\tb\ty\n1\t2\t0\n", "delimiter: tab", (1.0, 2.0)),
        ("a\tb\ty\n1\t2\t0\n", 'delimiter: "\\t"', (1.0, 2.0)),
        ("a  b  y\n1   2   0\n", "delimiter: space", (1.0, 2.0)),
        ("a;b;y\n1,234;2;0\n", "decimal: ','", (1.234, 2.0)),
        ('a,b,y\n"1,5",2,0\n', "decimal: ','", (1.5, 2.0)),
        ("a;b;y\n1.5;2;0\n", "decimal: .", (1.5, 2.0)),
        ("a;b;y\n0,125;2;0\n", "", (0.125, 2.0)),  # no number begins with a thousand of zeros
        ("a;b;y\n-,5;2;0\n", "", (-0.5, 2.0)),
    ],
)
def test_delimiter_and_decimal_mark_of_the_config(csv_folder, data, options, features):
    assert csv_folder.dataset(data, options).features == (features,)


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (
            "a;b;y\n1,200;2;0\n",
            "",
            (
                "points.csv:2:1: row 1, column 'a': expected a number, got '1,200'; remove the separators of "
                'thousands, or add `decimal: ","` to the dataset'
            ),
        ),
        (
            "a;b;y\n1.5;2,5;0\n",
            "",
            "points.csv:2:5: row 1, column 'b': expected a number, got '2,5'; add `decimal: \",\"` to the dataset",
        ),
        (
            "a;b;y\n1.200,5;2;0\n",
            "decimal: ','",
            ("points.csv:2:1: row 1, column 'a': expected a number, got '1.200,5'; remove the separators of thousands"),
        ),
        (
            "a,b,y\n1,2,0\n",
            "delimiter: ;",
            (
                "points.csv:1: expected 2 or more columns (features and a target), got 1; separate cells by commas, "
                "semicolons, |, tabs or spaces, or set `delimiter`"
            ),
        ),
        (
            "a,b,y\n1,2,0\n",
            "delimiter: x",
            (
                "try.yaml:3:39: dataset.delimiter: expected ',', ';', '|', ':', tab or space, got 'x' (character "
                "between cells)"
            ),
        ),
        (
            "a,b,y\n1,2,0\n",
            "decimal: x",
            "try.yaml:3:37: dataset.decimal: expected '.' or ',', got 'x' (decimal mark)",
        ),
    ],
)
def test_mistakes_about_delimiters_and_decimal_marks(csv_folder, data, options, message):
    assert [found.split("\n")[0] for found in csv_folder.mistakes(data, options)] == [message]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a,b\n\xff,1\n", "points.csv:2:1: invalid UTF-8 byte 0xff; save the file as UTF-8\n    ÿ,1\n    ^"),
        ("größe,y\n1,0\n".encode("latin-1"), "points.csv:1:3: invalid UTF-8 byte 0xf6; save the file as UTF-8"),
        ("a\ty\n1\t0\n".encode("utf-16"), "points.csv: encoded as UTF-16; save the file as UTF-8"),
    ],
)
def test_other_encodings_and_files_are_mistakes(csv_folder, data, message):
    (found,) = csv_folder.mistakes(data)
    assert found.startswith(message)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            "sep=,\na,y\n1,0\ntwo,0\n",
            "points.csv:4:1: row 2, column 'a': expected a number, got 'two'\n    two,0\n    ^",
        ),
        (
            "a, y\n1,  two\n2, 1\n",
            "points.csv:2:5: row 1, column 'y': expected a number, got 'two'\n    1,  two\n        ^",
        ),
        (
            " a  y\n 1  0\n 2  two\n",
            "points.csv:3:5: row 2, column 'y': expected a number, got 'two'\n     2  two\n        ^",
        ),
    ],
)
def test_places_of_cells(csv_folder, data, message):
    assert csv_folder.mistakes(data) == [message]


def test_lines_end_as_the_csv_reader_sees_them(csv_folder):
    """A line separator in an unused cell does not shift the lines of messages, as it would in YAML."""
    data = "note,a,y\nx\u2028y\x85z,1,0\nw,two,0\n"
    (message,) = csv_folder.mistakes(data, "features: [a]")
    assert message == "points.csv:3:3: row 2, column 'a': expected a number, got 'two'\n    w,two,0\n      ^"


@pytest.mark.skipif(os.name != "posix", reason="needs pipes and /dev/zero")
def test_rejects_unreadable_files(csv_folder):
    (csv_folder.folder / "large.csv").write_bytes(b"#" * (10 * 1024**2 + 1))
    os.mkfifo(csv_folder.folder / "pipe.csv")
    for name, reason in (
        ("none.csv", "no such file"),
        (".", "expected a file, got a folder"),
        ("large.csv", "file too large (limit 10240 KiB)"),
        ("pipe.csv", "expected a file, got a pipe"),  # without waiting for it
        ("/dev/zero", "expected a file, got a device"),
    ):
        (message,) = csv_folder.mistakes_of(name)
        assert message.split("\n")[0] == f"try.yaml:3:16: dataset.csv: {csv_folder.folder / name}: {reason}"


# -- files outside the folder of the config ----------------------------------------------------------------------------

SECRET = "token-7f3a9c"
SECRETS = {
    "a header of one column": f"{SECRET}\nx\n",
    "a name": f"{SECRET},b\n1,text-1234567\n",
    "a cell": f"a,b,y\n1,{SECRET},0\n",
    "a cell of several": f"a,b,y\n{SECRET},{SECRET},0\n2,?-{SECRET},0\n",
    "classes": f"a,y\n1,{SECRET}-1\n2,{SECRET}-2\n3,{SECRET}-3\n",
    "one class": f"a,y\n1,{SECRET}\n2,none\n",
    "a long class": f"a,y\n1,{SECRET}\n2,{SECRET}{'x' * 300}\n",
    "a short row": f"a,b,y\n{SECRET}\n",
    "names that are twins": f"{SECRET},{SECRET},y\n1,2,0\n",
    "a name that is too long": f"{SECRET}{'x' * 300},b,y\n1,2,0\n",
    "numbers for names": f"{7777777},{SECRET},7777777\n1,2,0\n",
    "a count": f"1,7777777,{SECRET}\n1,2,0\n",
    "a quote": f'a,b,y\n1,"{SECRET},0\n',
    "a long quote": f'a,b,y\n1,"{SECRET}{"x" * 140_000},0\n',
    "not UTF-8": f"a,b\n{SECRET},\xff\n".encode("latin-1"),
    "no rows": f"{SECRET},b,y\n",
    "a mark of a missing value": f"a,b,y\n?,{SECRET},0\n1,nan,0\n",
    "a separator line": f"sep={SECRET[0]}\n{SECRET},b\n",
    "environment": f"HOME=/root\0TOKEN={SECRET}\0PATH=/usr/bin\0",
    "targets out of range": "a,y\n1,7777777\n2,7777777\n",
}
OPTIONS = [
    "",
    "features: [a]",
    "features: [zz], target: token-7f3a9d",
    "missing: drop",
    "classes: [token-7f3a9, b]",
    "delimiter: tab",
    "decimal: ','",
]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("data", SECRETS.values(), ids=SECRETS.keys())
def test_messages_quote_nothing_from_files_outside(csv_folder, data, options):
    for path in ("../points.csv", str(csv_folder.folder.parent / "points.csv")):
        messages = csv_folder.messages(data, options, path)
        assert not [m for m in messages if SECRET in m or "7777777" in m or "text-1234567" in m or "0xff" in m]
        assert not [m for m in messages if "\n" in m.strip() and "points.csv:" in m.split(" ")[0]]  # no excerpts


def test_a_link_to_a_file_outside_is_outside(csv_folder):
    outside = csv_folder.folder.parent / "secret.csv"
    outside.write_text(f"a,y\n{SECRET},0\n")
    (csv_folder.folder / "points.csv").symlink_to(outside)
    (message,) = csv_folder.mistakes_of("points.csv")
    assert message == (
        "points.csv:2:1: row 1, column 1: expected a number, got text that is not shown (the file is outside the "
        "folder of the config); list the columns of numbers as `features`"
    )


def test_a_file_below_the_folder_is_shown(csv_folder):
    (csv_folder.folder / "data").mkdir()
    link = csv_folder.folder.parent / "link"
    link.symlink_to(csv_folder.folder)
    csv_folder.folder = link  # a link on the way to both changes nothing
    (message,) = csv_folder.mistakes("a,y\nx,0\n1,0\n", path="data/points.csv")
    assert message == "data/points.csv:2:1: row 1, column 'a': expected a number, got 'x'\n    x,0\n    ^"


def test_a_file_outside_is_read(csv_folder):
    dataset = csv_folder.dataset("a,y\n1,rose\n2,lily\n", path="../points.csv")
    assert (dataset.features, dataset.targets) == (((1.0,), (2.0,)), (1.0, 0.0))
    assert (dataset.feature_names, dataset.classes) == (("a",), ("lily", "rose"))
    assert dataset.notes == ("targets: two classes of the file = 0 and 1 (see run.json)",)
    dataset = csv_folder.dataset("a,y\n1,rose\n2,lily\n", "classes: [rose, lily]", path="../points.csv")
    assert dataset.notes == ("targets: rose = 0, lily = 1",)  # words of the config
