"""Test datasets from CSV files: columns, classes, missing values, and the complete message of every mistake."""

from __future__ import annotations

import itertools
import json
from fractions import Fraction

import jsonschema
import pytest

from bpviz import config
from bpviz.config import ConfigError

CSV = "a,b,y\n1,2,0\n"
ADD_DROP = "fill it in, or add `missing: drop` to the dataset to leave out rows with missing values"


def test_columns_by_default_and_by_name(csv_folder):
    data = '\ufeffheight, width ,kind\r\n1.5,2,0\r\n\r\n"3", 1e-1 ,1\r\n'
    dataset = csv_folder.dataset(data)
    assert (dataset.features, dataset.targets) == (((1.5, 2.0), (3.0, 0.1)), (0.0, 1.0))
    assert dataset.feature_names == ("height", "width")
    dataset = csv_folder.dataset(data, "features: [kind], target: height")
    assert (dataset.features, dataset.targets, dataset.feature_names) == (((0.0,), (1.0,)), (1.5, 3.0), ("kind",))
    assert csv_folder.dataset(data, "target: height").feature_names == ("width", "kind")


@pytest.mark.parametrize(
    ("data", "messages"),
    [
        (
            CSV + "1,two,0\n1,,\n",
            [
                "points.csv:3:3: row 2, column 'b': expected a number, got 'two'\n    1,two,0\n      ^",
                (
                    f"points.csv:4:4: row 3, column 'y': expected a number, got an empty cell; {ADD_DROP}\n"
                    "    1,,\n       ^"
                ),
            ],
        ),
        (CSV + '1,"two",0\n', ["points.csv:3: row 2, column 'b': expected a number, got 'two'\n    1,\"two\",0"]),
        (
            CSV + "inf,.inf,1e999\n-Infinity,1,0\n",
            [
                (
                    "points.csv:3:1: row 2, column 'a': expected a finite number, got 'inf' (first of 2 such cells)\n"
                    "    inf,.inf,1e999\n    ^"
                ),
                (
                    "points.csv:3:5: row 2, column 'b': expected a finite number, got '.inf'\n"
                    "    inf,.inf,1e999\n        ^"
                ),
                (
                    "points.csv:3:10: row 2, column 'y': expected a finite number, got '1e999'\n    inf,.inf,1e999\n"
                    "             ^"
                ),
            ],
        ),
        (
            CSV + "1,2\n1,2,3,4\n",
            ["points.csv:3: row 2: expected 3 cells, as in the header, got 2 (first of 2 such rows)\n    1,2"],
        ),
        (
            CSV + '1,"2,0\n3,4,0\n',
            [
                (
                    "points.csv:3: row 2: expected 3 cells, as in the header, got 2; add the missing closing quote\n"
                    '    1,"2,0'
                )
            ],
        ),
        ("a,b\n", ["points.csv:1: no rows below the header\n    a,b"]),
        ("a,b\n,\n", ["points.csv:1: no rows below the header\n    a,b"]),
        ("", ["points.csv: the file is empty"]),
        (
            CSV + '1,2,"' + "x" * 200_000,
            [
                (
                    "points.csv:3: not CSV: field larger than field limit (131072); add the missing closing quote\n"
                    '    1,2,"' + "x" * 91 + "..."
                )
            ],
        ),
        (
            "a,y\n1," + "x" * 200_000,
            ["points.csv:2: not CSV: field larger than field limit (131072)\n    1," + "x" * 94 + "..."],
        ),
        (
            "a,b,y\nred,2,0\ngreen,3,1\n",
            [
                (
                    "points.csv:2:1: row 1, column 'a': expected a number, got 'red' (first of 2 such cells); list the "
                    "columns of numbers as `features`\n    red,2,0\n    ^"
                ),
            ],
        ),
    ],
)
def test_mistakes_have_places_in_the_file(csv_folder, data, messages):
    assert csv_folder.mistakes(data) == messages


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("O", "got 'O'"),
        ("12%", "got '12%'"),
        ('"1,200"', "got '1,200'; remove the separators of thousands, or add `decimal: \",\"` to the dataset"),
        ('"1,5"', "got '1,5'; add `decimal: \",\"` to the dataset"),
        ('"1,200.5"', "got '1,200.5'; remove the separators of thousands"),
        ("1'200", 'got "1\'200"; remove the separators of thousands'),
        ("1\u202f200", "got '1\\u202f200'; remove the separators of thousands"),
    ],
)
def test_numbers_in_another_notation_are_mistakes_with_a_fix(csv_folder, cell, message):
    (found,) = csv_folder.mistakes(f"{CSV}{cell},2,1\n")
    assert found.split("\n")[0].partition("expected a number, ")[2] == message


@pytest.mark.parametrize("cell", ["\u22121.5", "\u00a0-1.5", "-1.5 ", "-15e-1", "-01.50"])
def test_accepts_a_typographic_minus_and_spaces(csv_folder, cell):
    assert csv_folder.dataset(f"a,y\n{cell},0\n").features == ((-1.5,),)


def test_a_cause_is_reported_once_and_for_few_columns(csv_folder):
    rows = "".join(f"{','.join(['t'] * 30)},{i % 2}\n" for i in range(50))
    messages = csv_folder.mistakes(",".join(f"c{i}" for i in range(30)) + ",y\n" + rows)
    assert len(messages) == 5
    assert min(message.split("\n")[0] for message in messages) == (
        "points.csv:1: 26 more columns have cells that are not numbers; list the columns of numbers as `features`"
    )


# -- classes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "classes", "targets"),
    [
        ("rose lily rose", ("lily", "rose"), (1, 0, 1)),
        ("True False True", ("False", "True"), (1, 0, 1)),
        ("true FALSE true", ("FALSE", "true"), (1, 0, 1)),
        ("TRUE TRUE TRUE", ("False", "TRUE"), (1, 1, 1)),
        ("yes no no", ("no", "yes"), (1, 0, 0)),
        ("b B b", ("B", "b"), (1, 0, 1)),
    ],
)
def test_two_classes_become_0_and_1(csv_folder, cells, classes, targets):
    rows = [f"{i},{cell}\n" for i, cell in enumerate(cells.split())]
    for order in itertools.permutations(range(3)):  # the order of rows does not matter
        dataset = csv_folder.dataset("a,y\n" + "".join(rows[i] for i in order))
        assert dataset.classes == classes
        assert dataset.targets == tuple(targets[i] for i in order)
        assert dataset.notes == (f"targets: {classes[0]} = 0, {classes[1]} = 1",)


def test_bools_are_numbers_in_features(csv_folder):
    dataset = csv_folder.dataset("a,y\nTrue,0\nfalse,1\n")
    assert (dataset.features, dataset.classes) == (((1.0,), (0.0,)), ())


@pytest.mark.parametrize(
    ("options", "targets", "notes"),
    [
        (
            "classes: [setosa, rose]",
            (0.0, 1.0),
            ["targets: setosa = 0, rose = 1", "1 of 3 rows left out (other classes)"],
        ),
        ("classes: [rose, iris]", (0.0, 1.0), ["targets: rose = 0, iris = 1", "1 of 3 rows left out (other classes)"]),
    ],
)
def test_chosen_classes_leave_out_other_rows(csv_folder, options, targets, notes):
    dataset = csv_folder.dataset("a,y\n1,setosa\n2,rose\n3,iris\n", options)
    assert (dataset.targets, list(dataset.notes)) == (targets, notes)


def test_chosen_classes_may_be_numbers_bools_or_marks_of_missing_values(csv_folder):
    assert csv_folder.dataset("a,y\n1,1\n2,2.0\n3,2\n", "classes: [1, 2]").targets == (0.0, 1.0, 1.0)
    assert csv_folder.dataset("a,y\n1,-1\n2,1\n", "classes: [1, -1]").targets == (1.0, 0.0)
    assert csv_folder.dataset("a,y\n1,True\n2,False\n", "classes: [true, false]").targets == (0.0, 1.0)
    assert csv_folder.dataset("a,y\n1,none\n2,some\n", "classes: [none, some]").targets == (0.0, 1.0)


def test_rows_of_other_classes_may_have_invalid_cells(csv_folder):
    data = "a,y\n1,rose\n?,iris\nx,iris\n2,lily\n"
    assert csv_folder.dataset(data, "classes: [rose, lily]").features == ((1.0,), (2.0,))


ALL_CLASSES = "loss categorical-cross-entropy with one softmax unit per class"


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (
            "a,y\n1,x\n2,z\n3,y\n",
            "",
            (
                "points.csv:2:3: row 1, column 'y': expected numbers or two classes, got 3 classes ('x', 'z' and 'y'); "
                f"choose two, as in `classes: ['x', 'z']`, or use another column as `target`, or {ALL_CLASSES}"
            ),
        ),
        (
            "a,y\n" + "".join(f"1,n{i}\n" for i in range(1000)),
            "",
            (
                "points.csv:2:3: row 1, column 'y': expected numbers or two classes, got 1,000 classes; choose two, as "
                f"in `classes: [A, B]`, or use another column as `target`, or {ALL_CLASSES}"
            ),
        ),
        (
            "a,y\n1,x\n2,x\n",
            "",
            "points.csv:2:3: row 1, column 'y': expected numbers or two classes, got 1 class ('x')",
        ),
        (
            "a,y\n1,none\n2,some\n",
            "",
            (
                "points.csv:3:3: row 2, column 'y': expected numbers or two classes, got 1 class ('some'); if 'none' "
                "is one too, name both in `classes`"
            ),
        ),
        (
            "a,y\n1,x\n2," + "z" * 300,
            "",
            (
                "points.csv:2:3: row 1, column 'y': expected numbers or two classes, got text that is too long or not "
                "printable"
            ),
        ),
        (  # a typing error, not a class
            "a,y\n1,0\n2,O\n3,1\n",
            "",
            "points.csv:3:3: row 2, column 'y': expected a number, got 'O'",
        ),
        (
            "a,y\n1,x\n2,z\n",
            "classes: [x, zz]",
            "try.yaml:3:41: dataset.classes[1]: no row has the class 'zz'; did you mean 'z'?",
        ),
        (
            "a,y\n" + "".join(f"1,class-{i}\n" for i in range(2000)),  # comparing with all would take seconds
            "classes: [class-x, class-1]",
            "try.yaml:3:38: dataset.classes[0]: no row has the class 'class-x'",
        ),
        (
            "a,y\n1,x\n2,z\n3,y\n",
            "classes: [z, x, y]",
            (
                "try.yaml:3:37: dataset.classes: expected two classes, got 3 (z, x and y); choose two, or use "
                f"{ALL_CLASSES}"
            ),
        ),
        ("a,y\n1,x\n2,z\n", "classes: [z, x, z]", "try.yaml:3:44: dataset.classes[2]: duplicate class 'z'"),
        ("a,y\n1,x\n", "classes: [x, x]", "try.yaml:3:41: dataset.classes[1]: duplicate class 'x'"),
        ("a,y\n1,1\n", "classes: [1, 1.0]", "try.yaml:3:41: dataset.classes[1]: duplicate class '1.0'"),
        (
            "a,y\n1,1\n",
            "classes: [1]",
            (
                "try.yaml:3:37: dataset.classes: expected a list of 2 or more labels, got a list of 1 (classes of "
                "targets 0, 1, ...; rows of other classes are left out)"
            ),
        ),
    ],
)
def test_targets_that_are_not_two_classes_are_one_mistake(csv_folder, data, options, message):
    assert [found.split("\n")[0] for found in csv_folder.mistakes(data, options)] == [message]


def test_classes_stand_in_the_resolved_config(csv_folder):
    experiment = csv_folder.experiment("a,y\n1,rose\n2,lily\n3,\n", "missing: drop")
    written = config.resolved(experiment)
    assert written["dataset"] == {"rows": [[1.0, 1.0], [2.0, 0.0]], "features": ["a"], "classes": ["lily", "rose"]}
    again = config.loads(json.dumps(written).encode(), "again", csv_folder.folder, name="try")
    assert again == experiment
    assert again.notes == ("targets: lily = 0, rose = 1",)
    assert experiment.notes == (*again.notes, "1 of 3 rows left out (missing values)")


# -- missing values ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "mark", ["", "?", "NA", "N/A", "nan", "NaN", "null", "NULL", "None", "-", ".", "#N/A", "<NA>", "missing"]
)
def test_missing_values_are_mistakes_unless_their_rows_are_left_out(csv_folder, mark):
    data = f"a,b,y\n1,2,0\n{mark},3,1\n4,{mark},1\n5,6,{mark}\n7,8,1\n"
    got = repr(mark) if mark else "an empty cell"
    message = f"points.csv:3:1: row 2, column 'a': expected a number, got {got} (first of 3 such rows); {ADD_DROP}"
    assert [found.split("\n")[0] for found in csv_folder.mistakes(data)] == [message]
    dataset = csv_folder.dataset(data, "missing: drop")
    assert (dataset.features, dataset.targets) == (((1.0, 2.0), (7.0, 8.0)), (0.0, 1.0))
    assert dataset.notes == ("3 of 5 rows left out (missing values)",)


def test_missing_values_of_unused_columns_do_not_matter(csv_folder):
    data = "a,b,y\n1,?,0\n3,,1\n"
    assert csv_folder.dataset(data, "features: [a]").features == ((1.0,), (3.0,))


def test_further_marks_of_missing_values_may_be_numbers(csv_folder):
    data = "a,b,y\n-999,2,0\n3,unknown,1\n?,1,1\n5,-999.0,1\n7,8,1\n"
    dataset = csv_folder.dataset(data, "missing: [-999, Unknown]")
    assert (dataset.features, dataset.targets) == (((7.0, 8.0),), (1.0,))


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        ("a,y\n?,1\n,0\n", "missing: drop", "points.csv:1: every row has a missing value"),
        (
            CSV,
            "missing: skip",
            (
                "try.yaml:3:37: dataset.missing: expected error, drop or a list of marks, got 'skip' (what to do with "
                "rows with a missing value: report or drop them; marks are added to the usual ones); did you mean "
                "'drop'?"
            ),
        ),
    ],
)
def test_mistakes_about_missing_values(csv_folder, data, options, message):
    assert [found.split("\n")[0] for found in csv_folder.mistakes(data, options)] == [message]


# -- size --------------------------------------------------------------------------------------------------------------


def test_numbers_are_those_that_python_reads(csv_folder):
    """Every cell is the double nearest to its decimal fraction, in files longer than a chunk."""
    texts = [f"{(-1) ** i * (i * 7919 % 10007)}.{i * 104729 % 99991:05}e{i % 9 - 4}" for i in range(2500)]
    dataset = csv_folder.dataset("a,y\n" + "".join(f"{text},{i % 2}\n" for i, text in enumerate(texts)))
    assert [x for (x,) in dataset.features] == [float(Fraction(text)) for text in texts]
    assert dataset.targets == tuple(float(i % 2) for i in range(2500))


def test_a_wrong_cell_far_below_has_its_place(csv_folder):
    data = "a,y\n" + "1,0\n\n" * 1999 + "x,0\n"
    (message,) = csv_folder.mistakes(data)
    assert message == "points.csv:4000:1: row 2000, column 'a': expected a number, got 'x'\n    x,0\n    ^"


# -- config ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "messages"),
    [
        ("target: z", ["3:36: dataset.target: unknown column 'z'; use 'a', 'b' or 'y'"]),
        ("features: [a, bb]", ["3:42: dataset.features[1]: unknown column 'bb'; did you mean 'b'?"]),
        ("features: [a, y]", ["3:42: dataset.features[1]: 'y' is the target; remove it from the features"]),
        ("features: [a, a]", ["3:38: dataset.features: duplicate name 'a'"]),
        (
            "features: [a, a, bb, y], target: y",
            [
                "3:38: dataset.features: duplicate name 'a'",
                "3:45: dataset.features[2]: unknown column 'bb'; did you mean 'b'?",
                "3:49: dataset.features[3]: 'y' is the target; remove it from the features",
            ],
        ),
        ("feature: [a]", ["3:28: dataset.feature: unknown key; did you mean 'features'?"]),
        ("target: 3", ["3:36: dataset.target: expected a string, got 3 (column to predict); add quotes: '3'"]),
    ],
)
def test_unknown_columns_are_mistakes_in_the_config(csv_folder, options, messages):
    found = csv_folder.mistakes(CSV, options)
    assert [message.split("\n")[0] for message in found] == [f"try.yaml:{message}" for message in messages]


def test_inline_rows_may_name_their_classes(tmp_path):
    text = b"algorithms: [gd]\nfigures: []\ndataset: {rows: [[1, 0], [2, 1]], classes: [lily, rose]}"
    experiment = config.loads(text, "c.yaml", tmp_path)
    assert experiment.problem.dataset.classes == ("lily", "rose")
    assert experiment.notes == ("targets: lily = 0, rose = 1",)


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (
            b"{rows: [[1, 0], [2, 2]], classes: [lily, rose]}",
            "c.yaml:3:44: dataset.classes: classes require targets 0 and 1 (the dataset has 2)",
        ),
        (
            b"[[1, 2], [3, rose], [4, lily], [5, true]]",
            (
                "c.yaml:3:23: dataset[1][1]: expected a number as target, got 'rose' (first of 3 such rows); write 0, "
                "1, 2, ..., and name them as in {rows: [[0.9, 0.3, 1]], classes: [iris, lily, rose]}"
            ),
        ),
        (
            b"[[1, 2], [3, rose]]",
            "c.yaml:3:23: dataset[1][1]: expected a number, got 'rose' (one sample: features, then target)",
        ),
        (b"{rows: [[1, 0], [2, 1]], classes: [rose, rose]}", "c.yaml:3:44: dataset.classes: duplicate class 'rose'"),
    ],
)
def test_mistakes_in_classes_of_inline_rows(tmp_path, dataset, message):
    with pytest.raises(ConfigError) as caught:
        config.loads(b"algorithms: [gd]\nfigures: []\ndataset: " + dataset, "c.yaml", tmp_path)
    (mistake,) = caught.value.mistakes
    assert str(mistake).split("\n")[0] == message


@pytest.mark.parametrize(
    ("options", "valid"),
    [
        ({"classes": ["a", "b"]}, True),
        ({"classes": [1, -1.5]}, True),
        ({"classes": [True, False]}, True),
        ({"classes": ["a"]}, False),
        ({"classes": "a"}, False),
        ({"classes": ["", "b"]}, False),
        ({"missing": "drop"}, True),
        ({"missing": ["?", -9]}, True),
        ({"missing": []}, False),
        ({"missing": 9}, False),
        ({"delimiter": "tab"}, True),
        ({"delimiter": "\t"}, True),
        ({"delimiter": "x"}, False),
        ({"decimal": ","}, True),
        ({"decimal": "x"}, False),
    ],
)
def test_schema_and_reader_agree(csv_folder, options, valid):
    mapping = {"csv": "points.csv", **options}
    (csv_folder.folder / "points.csv").write_text("c;d;y\n1;2;a\n1;2;b\n")
    data = {"algorithms": ["gd"], "figures": [], "dataset": mapping}
    assert jsonschema.Draft7Validator(config.schema()).is_valid(data) == valid
    try:
        config.loads(json.dumps(data).encode(), "c.yaml", csv_folder.folder)
    except ConfigError as error:
        keys = [mistake for mistake in error.mistakes if mistake.file == "c.yaml" and "no row" not in mistake.message]
        assert bool(keys) != valid
    else:
        assert valid
