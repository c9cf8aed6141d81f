"""Test that tables which differ only in the last digits are kept, with their lockfile, and that others are not."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import bpviz
from bpviz import tables as table_files
from bpviz.cli import cli
from bpviz.outputs import build, lockfile, rounding
from bpviz.outputs.build import TABLES, Outcome
from bpviz.outputs.rounding import RESULTS, same_results

# The second algorithm ends at a minimum with an error of zero, the third diverges.
CONFIG = """\
problem: booth
start: [[3, 2], [1, 0.5]]
algorithms: [rprop, newton, {name: gd, step: 1e+300}]
max_epochs: 9
error_threshold: null
figures: [errors, contour]
"""
FOLDER = Path("outputs/one")


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return the tables of the experiment."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Path("one.yaml").write_text(CONFIG)
        run()
        return {name: (FOLDER / name).read_bytes() for name in TABLES}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder in which the experiment has run once."""
    monkeypatch.chdir(tmp_path)
    Path("one.yaml").write_text(CONFIG)
    run()
    return tmp_path


def run(*arguments: str) -> str:
    result = CliRunner().invoke(cli, ["run", "one.yaml", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stderr


def scaled(content: bytes, factor: float) -> bytes:
    """Return a table with every number of at least twelve digits multiplied."""
    return re.sub(rb"-?\d+\.\d{11,}(e[+-]\d+)?", lambda m: repr(float(m[0]) * factor).encode(), content)


def tree() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in FOLDER.iterdir()}


def perturb(factor: float, *names: str) -> None:
    """Change the numbers of tables, and record the new files in the lockfile, as another processor would."""
    data = json.loads((FOLDER / lockfile.NAME).read_text())
    for name in names:
        path = FOLDER / name
        content = path.read_bytes()
        path.write_bytes(scaled(content, factor))
        assert path.read_bytes() != content
        data["files"][name] = lockfile.written(path.read_bytes())
    (FOLDER / lockfile.NAME).write_text(json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


@pytest.fixture
def outcomes(monkeypatch: pytest.MonkeyPatch) -> list[Outcome]:
    """Collect the outcomes of runs."""
    found: list[Outcome] = []
    finish = build._finish
    monkeypatch.setattr(build, "_finish", lambda job, outcome: (found.append(outcome), finish(job, outcome)))
    return found


# -- comparing tables --------------------------------------------------------------------------------------------------


def test_identical_tables_are_the_same(tables: dict[str, bytes]) -> None:
    assert same_results(tables, tables)


@pytest.mark.parametrize(("factor", "same"), [(1 + 1e-13, True), (1 + 1e-10, True), (1 + 1e-8, False)])
@pytest.mark.parametrize("names", [RESULTS, *((name,) for name in RESULTS)])
def test_computed_numbers_are_compared_to_nine_digits(
    tables: dict[str, bytes], names: tuple[str, ...], factor: float, same: bool
) -> None:
    other = tables | {name: scaled(tables[name], factor) for name in names}
    assert other != tables
    assert same_results(other, tables) is same
    assert same_results(tables, other) is same


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("history.csv", "RPROP,1,", "RPROP,2,"),
        ("history.csv", "RPROP,1,", "RPROP ,1,"),
        ("history.csv", "label,epoch", "label,epochs"),
        ("history.csv", "RPROP,0,", '"RPROP",0,'),
        ("history.csv", "RPROP,0,", "RPROP,0,,"),
        ("summary.csv", "step=0.1", "step=0.10000000001"),
        ("summary.json", '"epochs": 9', '"epochs": 8'),
        ("summary.json", '"step": 0.1', '"step": 0.10000000001'),
        ("summary.json", "{\n", "{\n\n"),
        ("summary.json", '"runs"', '"run"'),
        ("run.json", '"numpy": "', '"numpy": "0.'),
    ],
)
def test_everything_else_is_compared_exactly(tables: dict[str, bytes], name: str, old: str, new: str) -> None:
    assert old.encode() in tables[name]
    assert not same_results(tables | {name: tables[name].replace(old.encode(), new.encode(), 1)}, tables)


@pytest.mark.parametrize("content", [b"", b" ", b"\xff", b"null", b"[]", b"{}", b"a,b\n1,2\n"])
@pytest.mark.parametrize("name", [*RESULTS, "run.json"])
def test_tables_of_another_program_are_different(tables: dict[str, bytes], name: str, content: bytes) -> None:
    assert not same_results(tables | {name: content}, tables)


def test_missing_tables_and_rows_are_different(tables: dict[str, bytes]) -> None:
    for name in (*RESULTS, "run.json"):
        assert not same_results({other: tables[other] for other in TABLES if other != name}, tables)
        shorter = tables[name][: tables[name].rstrip(b"\n").rindex(b"\n") + 1]
        assert name == "run.json" or not same_results(tables | {name: shorter}, tables)


@pytest.mark.parametrize("change", ["fewer", "more", "none"])
def test_runs_with_another_number_of_weights_are_different(change: str, tables: dict[str, bytes]) -> None:
    data = json.loads(tables["summary.json"])
    weights = data["runs"][0]["weights"]
    data["runs"][0]["weights"] = {"fewer": weights[:1], "more": [*weights, 0.0], "none": []}[change]
    other = tables | {"summary.json": table_files.as_json(data).encode()}
    assert not same_results(other, tables)
    assert not same_results(tables, other)


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ([1.0, 2.0], [1.5, 1.5], True),  # a difference of the tolerance itself is allowed
        ([1.0, 2.0], [1.0, 2.75], False),
        ([2.75, 2.0], [2.0, 2.0], False),
        ([math.nan, math.inf], [math.nan, math.inf], True),
        ([math.nan], [1.0], False),
        ([1.0], [math.nan], False),
        ([math.inf], [-math.inf], False),
        ([math.inf], [1.0], False),
    ],
)
def test_numbers_are_the_same_up_to_the_tolerance(old: list[float], new: list[float], same: bool) -> None:
    assert rounding._all_close(old, new, 0.5) is same


def test_page_gets_the_numbers_of_the_old_runs() -> None:
    """A number that is not shown exactly, as that of a diverged run, remains as it is."""
    head = "# Title\n\n| Algorithm | error | w1 | w2 | ended |\n|---|---|---|---|---|\n"
    rows = "| GD: 0.5 | {} | {} | 0.5 | 9 |\n| N | {} | - | {} | 7 |\n"
    new = [{"final_error": 0.5, "weights": [1.5, 0.5]}, {"final_error": 0.25, "weights": [None, 0.125]}]
    old = [{"final_error": 0.75, "weights": [1.25, 0.5]}, {"final_error": 0.25, "weights": [3.0, 0.0625]}]
    page = head + rows.format(0.5, 1.5, 0.25, 0.125)
    assert rounding.with_numbers(page, old, new) == head + rows.format(0.75, 1.25, 0.25, 0.0625)
    assert rounding.with_numbers(page, new, new) == page


def test_rounding_of_an_error_near_zero_is_no_difference(tables: dict[str, bytes]) -> None:
    """Newton's method ends with an error of zero or a rounding of it; the errors before are of order one."""
    rows = tables["history.csv"].decode().splitlines()
    number = next(i for i, row in enumerate(rows) if row.startswith("Newton's method,9,"))
    for error, same in (("1e-17", True), ("1e-09", False)):
        cells = rows[number].split(",")
        cells[2] = error
        text = "\n".join([*rows[:number], ",".join(cells), *rows[number + 1 :]]) + "\n"
        assert same_results(tables | {"history.csv": text.encode()}, tables) is same


# -- running again -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [TABLES[:-1], ("history.csv",), ("summary.md", "summary.csv", "summary.json")])
@pytest.mark.usefixtures("folder")
def test_forced_run_keeps_files_that_differ_in_the_last_digits(names: tuple[str, ...], outcomes: list[Outcome]) -> None:
    perturb(1 + 1e-13, *names)
    before = tree()
    run("--force")
    assert tree() == before
    assert outcomes[-1].kept == list(names)
    count = "1 file differs" if len(names) == 1 else f"{len(names)} files differ"
    assert outcomes[-1].note == f"{count} only in the last digits; kept"
    assert outcomes[-1].updated == {}
    assert outcomes[-1].redrawn == ["errors.png", "contour.png"]
    assert "up to date" in run()


@pytest.mark.usefixtures("folder")
def test_kept_tables_have_the_recorded_hash_even_if_they_were_edited(outcomes: list[Outcome]) -> None:
    path = FOLDER / "history.csv"
    path.write_bytes(scaled(path.read_bytes(), 1 + 1e-13))
    content = path.read_bytes()
    run()
    assert outcomes[-1].kept == ["history.csv"]
    assert path.read_bytes() == content
    assert lockfile.read(FOLDER).files["history.csv"] == lockfile.written(content)


@pytest.mark.usefixtures("folder")
def test_real_difference_updates_all_tables(outcomes: list[Outcome]) -> None:
    good = tree()
    perturb(1 + 1e-13, "summary.csv")
    perturb(1 + 1e-7, "history.csv")
    run("--force")
    assert outcomes[-1].kept == []
    assert sorted(outcomes[-1].updated) == ["history.csv", "summary.csv"]
    assert tree() == good


@pytest.mark.usefixtures("folder")
def test_changed_figure_updates_run_json_and_keeps_results(outcomes: list[Outcome]) -> None:
    perturb(1 + 1e-13, *TABLES[:-1])
    before = tree()
    Path("one.yaml").write_text(Path("one.yaml").read_text().replace("[errors,", "[{kind: errors, title: New},"))
    run()
    changed = {name for name, content in tree().items() if before[name] != content}
    assert changed == {"run.json", "errors.png", lockfile.NAME}
    assert outcomes[-1].kept == list(TABLES[:-1])


@pytest.mark.usefixtures("folder")
def test_changed_text_of_a_page_keeps_all_numbers(outcomes: list[Outcome]) -> None:
    """Another version of bpviz may word a table differently; its numbers remain those of the other tables."""
    perturb(1 + 1e-13, *TABLES[:-1])
    page = (FOLDER / "summary.md").read_bytes()
    (FOLDER / "summary.md").write_bytes(page.replace(b"Algorithm", b"Method"))
    run()
    assert outcomes[-1].kept == list(RESULTS)
    assert list(outcomes[-1].updated) == ["summary.md"]
    assert (FOLDER / "summary.md").read_bytes() == page


@pytest.mark.usefixtures("folder")
def test_lockfile_that_differs_only_by_rounding_is_kept(outcomes: list[Outcome]) -> None:
    """The hash of the plotted data may differ, but a number shown with four digits only where it is rounded."""
    path = FOLDER / lockfile.NAME
    perturb(1 + 1e-13, "history.csv")
    text = path.read_text()
    path.write_text(re.sub(r'"shows": "\w+"', '"shows": "0123456789abcdef"', text))
    before = tree()
    run("--force")
    assert tree() == before
    assert outcomes[-1].updated == {}
    assert '"1.324"' in text
    path.write_text(text.replace('"1.324"', '"1.325"'))
    run("--force")
    assert path.read_text() == text


@pytest.mark.parametrize(
    ("error", "shown", "same"),
    [
        (0.12345, "0.1234", True),
        (0.12345, "0.1235", True),
        (0.12345, "0.1236", False),
        (0.123451, "0.1234", False),
        (0.99995, "0.9999", True),
        (0.99995, "1.000", True),
        (0.5, "0.5000", True),
        (0.5, "0.5", False),
        (0.5, "0", False),
        (0.5, "x", False),
    ],
)
def test_shown_errors_are_equal_up_to_their_rounding(error: float, shown: str, same: bool) -> None:
    results = bpviz.compare("gd", max_epochs=1)
    [run] = results.runs
    trajectory = dataclasses.replace(run.trajectory, errors=np.array([1.0, error]))
    altered = dataclasses.replace(results, runs=[dataclasses.replace(run, trajectory=trajectory)])
    table = table_files.table(altered)._asdict()
    column = table["titles"].index("final error")
    assert table["rows"][0][column] == f"{error:#.4g}"
    table["rows"][0][column] = shown
    assert rounding.same_table(table, altered) is same


@pytest.mark.parametrize("part", ["titles", "rows", "numbers", "cell"])
def test_other_parts_of_shown_tables_are_compared_exactly(part: str) -> None:
    results = bpviz.compare("gd", "rprop", max_epochs=1)
    table = table_files.table(results)._asdict()
    assert rounding.same_table(table, results)
    if part == "cell":
        table["rows"][1][0] = "Rprop"
    else:
        table[part] = table[part][:-1]
    assert not rounding.same_table(table, results)


# -- differing files ---------------------------------------------------------------------------------------------------


def test_names_the_tables_that_differ(tables: dict[str, bytes]) -> None:
    assert rounding.differing(tables, tables) == []
    other = {name: scaled(content, 1 + 1e-13) for name, content in tables.items()}
    assert sum(other[name] != tables[name] for name in TABLES) == 4
    assert rounding.differing(other, tables) == []
    assert rounding.differing({}, tables) == list(TABLES)


@pytest.mark.parametrize("name", TABLES)
def test_changed_table_differs(name: str, tables: dict[str, bytes]) -> None:
    """Also if the results of all tables have changed alike."""
    changed = {file: content.replace(b"RPROP", b"Rprop") for file, content in tables.items()}
    assert rounding.differing(tables | {name: changed[name]}, tables) == [name]
    assert rounding.differing(tables | {name: tables[name][:-2]}, tables) == [name]
    assert rounding.differing(changed, tables) == list(TABLES)


def test_versions_of_run_json_may_differ(tables: dict[str, bytes]) -> None:
    data = json.loads(tables["run.json"])
    data["versions"]["numpy"] = "1.0"
    record = table_files.as_json(data).encode()
    assert rounding.differing(tables | {"run.json": record}, tables) == []
    assert not same_results(tables | {"run.json": record}, tables)
    data["versions"]["numpy"] = 1
    record = table_files.as_json(data).encode()
    assert rounding.differing(tables | {"run.json": record}, tables) == ["run.json"]
