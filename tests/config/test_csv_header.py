"""Test the first row of CSV files: names, rows of data in their place, and columns that no experiment uses."""

from __future__ import annotations

import pytest

LIST = "list the columns to use as `features`"
C20 = [f"c{i}" for i in range(20)]
IF_NAMES = "add a header, or list the columns as `features` and `target` if these are their names"


@pytest.mark.parametrize(
    "row",
    [
        *("1,2,0", "3.6216,?,0", ",2,0", "1,NA,0", "1,nan,0", "1,null,0", "1,-,0", '"1,200",2,0', "-.5,1e-3,\u22121"),
        *("1,.,0", "?,?,?", "1,N/A,0", "1,#N/A,0", "1,inf,0", "1,None,0", '"0,5","2,5",0', '"1","2","0"'),
    ],
)
@pytest.mark.parametrize("options", ["", "target: y", "features: [a, b], target: y"])
def test_a_first_row_of_data_is_a_mistake(csv_folder, row, options):
    (message,) = csv_folder.mistakes(f"{row}\n4.5,8.2,0\n-1.4,3.3,1\n", options)
    expected = "points.csv:1: expected column names in the first row, got numbers; add a header"
    assert message.split("\n")[0] == expected


def test_the_header_of_scikit_learns_files_is_a_mistake(csv_folder):
    """The first row of its iris.csv, typed from the file: samples, features and the names of the classes."""
    rows = "5.1,3.5,1.4,0.2,0\n" * 50 + "7.0,3.2,4.7,1.4,1\n" * 50 + "6.3,3.3,6.0,2.5,2\n" * 50
    for options in ("", "features: [sepal_length], target: species"):
        (message,) = csv_folder.mistakes("150,4,setosa,versicolor,virginica\n" + rows, options)
        assert message == (
            "points.csv:1: expected column names in the first row, got numbers ('150' and '4'); replace this row, "
            "which gives the number of samples, by column names\n    150,4,setosa,versicolor,virginica"
        )


def test_a_first_row_with_a_text_class_is_a_mistake(csv_folder):
    """The first row of iris.data of the UCI collection, which has no header."""
    (message,) = csv_folder.mistakes("5.1,3.5,1.4,0.2,Iris-setosa\n7.0,3.2,4.7,1.4,Iris-versicolor\n")
    assert message.split("\n")[0] == (
        "points.csv:1: expected column names in the first row, got numbers ('5.1', '3.5' and '1.4'); " + IF_NAMES
    )


def test_listed_columns_may_have_numbers_for_names(csv_folder):
    data = "2019,2020,label\n1,2,0\n3,4,1\n"
    assert csv_folder.dataset(data, "features: ['2019', '2020']").feature_names == ("2019", "2020")
    assert csv_folder.dataset("2019,2020\n1,2\n", "features: ['2019'], target: '2020'").targets == (2.0,)
    for options in ("", "target: label", "features: ['2019'], target: null, missing: drop"):
        data = data if options != "features: ['2019'], target: null, missing: drop" else "2019,a,2020\n1,2,0\n"
        (message,) = csv_folder.mistakes(data, options)
        assert message.startswith("points.csv:1: expected column names in the first row, got numbers (")
        assert IF_NAMES in message


@pytest.mark.parametrize(
    ("data", "options"),
    [
        (",a,b,y\n0,5.1,3.5,1\n", "features: [a, b]"),  # pandas
        ('"","a","b","y"\n"1",5.1,3.5,1\n', "features: [a, b]"),  # R write.csv
        ("note,note,a,b,y\nx,z,5.1,3.5,1\n", "features: [a, b], target: y"),
        ("when,a,b,y\n2020-01-01 00:00:00,5.1,3.5,1\n", "features: [a, b]"),
        ("a,b,y,,\n5.1,3.5,1,see below,\n", "features: [a, b], target: y"),
        ("a,b,y,2019\n5.1,3.5,1,\n", "features: [a, b], target: y"),
        (f"a,b,y,{'x' * 300}\n5.1,3.5,1,\n", "features: [a, b], target: y"),
        ("a,b,y," + "c," * 5000 + "\n5.1,3.5,1," + "," * 5000 + "\n", "features: [a, b], target: y"),
    ],
)
def test_unused_columns_may_be_anything(csv_folder, data, options):
    dataset = csv_folder.dataset(data, options)
    assert (dataset.features, dataset.targets, dataset.feature_names) == (((5.1, 3.5),), (1.0,), ("a", "b"))


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (",a,y\n0,1,0\n", "", f"points.csv:1: column 1 has no name; add one, or {LIST}"),
        ("a,,y\n1,2,0\n", "", f"points.csv:1: column 2 has no name; add one, or {LIST}"),
        ("a,y,\n1,0,x\n", "", f"points.csv:2: column 3 has no name; add one, or {LIST}"),
        ("a,a,y\n1,2,0\n", "", f"points.csv:1: 2 columns are named 'a'; rename them, or {LIST}"),
        ("a,b,a\n1,2,0\n", "features: [b]", None),
        ("a,b,a\n1,2,0\n", "target: b", f"points.csv:1: 2 columns are named 'a'; rename them, or {LIST}"),
        ("a,a,y\n1,2,0\n", "features: [a]", "try.yaml:3:39: dataset.features[0]: 2 columns are named 'a'; rename them"),
        ("a,y\n5,0,3\n", "", "points.csv:2: row 1: expected 2 cells, as in the header, got 3"),
        (
            "a\n1\n",
            "",
            (
                "points.csv:1: expected 2 or more columns (features and a target), got 1; separate cells by commas, "
                "semicolons, |, tabs or spaces, or set `delimiter`"
            ),
        ),
        (
            "\t\n1\n",
            "",
            (
                "points.csv:1: expected 2 or more columns (features and a target), got 0; separate cells by commas, "
                "semicolons, |, tabs or spaces, or set `delimiter`"
            ),
        ),
        (
            "a\n1,0\n",  # the first cell may be the name of the row
            "",
            (
                "points.csv:1: expected 2 or more columns (features and a target), got 1; separate cells by commas, "
                "semicolons, |, tabs or spaces, or set `delimiter`"
            ),
        ),
        (
            "a," * 1_001 + "b",
            "",
            f"points.csv:1: expected at most 1,000 features, got 1,001; {LIST}",
        ),
        ("a," * 100_000 + "b", "features: [b]", "points.csv:1: expected at most 100,000 columns, got 100,001"),
        (
            ",".join(f"c{i}" for i in range(5000)),
            "features: [zzzzzzzz]",
            (
                f"try.yaml:3:39: dataset.features[0]: unknown column 'zzzzzzzz'; use {', '.join(map(repr, C20))} "
                "or one of 4,980 more"
            ),
        ),
        (
            "x" * 201 + ",b\n1,2\n",
            "",
            f"points.csv:1: name of column 1: expected at most 200 characters, got 201; {LIST}",
        ),
    ],
)
def test_used_columns_must_have_one_name_each(csv_folder, data, options, message):
    if message is None:
        assert csv_folder.dataset(data, options).targets == (0.0,)
    else:
        assert [found.split("\n")[0] for found in csv_folder.mistakes(data, options)] == [message]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        # A name is missing: the first column is neither numbered nor text.
        (
            "a,b,y\n1,2,3,0\n2,5,6,1\n3,5,6,0\n9,5,6,1\n",
            "row 1: expected 3 cells, as in the header, got 4 (first of 4 such rows)",
        ),
        ("a,b,y\nx,1,2,0\n?,3,4,1\n", "row 1: expected 3 cells, as in the header, got 4 (first of 2 such rows)"),
    ],
)
def test_rows_with_a_cell_more_need_names(csv_folder, data, message):
    (found,) = csv_folder.mistakes(data)
    assert found.split("\n")[0] == f"points.csv:2: {message}"
