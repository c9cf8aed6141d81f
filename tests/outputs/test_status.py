"""Test that a run updates only outputs that are out of date, gives the reasons, and repairs damaged files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import bpviz
from bpviz.cli import cli
from bpviz.outputs import lockfile, status
from bpviz.outputs.build import TABLES
from bpviz.storage import atomic, hashing

HOME = Path(bpviz.__file__).parent.parent
CONFIG = """
title: Two
dataset: {csv: six.csv}
max_epochs: 60
algorithms: [rprop, {name: momentum, label: M}]
figures: [{kind: errors}, {kind: epochs}, {kind: errors, algorithms: [M]}]
"""
DATA = "a,b,y\n.9,.3,1\n.5,.3,1\n.2,.1,1\n.7,.5,0\n.1,.8,0\n.1,.9,0\n"
UP_TO_DATE = "outputs/two: up to date (8 files; first figure outputs/two/epochs.png); use --force to rerun and redraw"
KEPT = "outputs/kept: up to date (6 files; first figure outputs/kept/epochs.png); use --force to rerun and redraw"
GONE = "outputs/gone is an orphaned output folder (its config configs/gone.yaml no longer exists)"
FIGURES = ("errors.png", "epochs.png", "errors-m.png")
ALL = (*TABLES, *FIGURES)
on_posix = pytest.mark.skipif(os.name != "posix", reason="needs the locks of POSIX")


def invoke(*arguments, **rest):
    result = CliRunner().invoke(cli, list(arguments), catch_exceptions=False, **rest)
    return result.exit_code, result.stdout, result.stderr


def status_lines(*arguments):
    """Return the status lines of a run, which must succeed, without the path of the first figure at their ends."""
    code, _, err = invoke("run", "two.yaml", *arguments)
    assert code == 0, err
    return [line.partition("; first figure ")[0] if "up to date" not in line else line for line in err.splitlines()]


def tree(folder="."):
    return {path.as_posix(): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a folder in which the experiment has run once."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "two.yaml").write_text(CONFIG)
    (folder / "six.csv").write_text(DATA)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert status_lines() == ["outputs/two: wrote 8 files"]
    return folder


@pytest.fixture(autouse=True)
def folder(made, tmp_path, monkeypatch):
    """Work in a copy of that folder."""
    shutil.copytree(made, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return Path("outputs/two")


def edit(path, old, new):
    text = Path(path).read_text()
    assert old in text
    Path(path).write_text(text.replace(old, new))


# -- up to date --------------------------------------------------------------------------------------------------------


def test_prints_table_of_up_to_date_outputs_without_writing(folder):
    first = invoke("run", "two.yaml", "--out", "elsewhere", "--no-figures")[1]
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    for form in ("text", "md", "json", "csv"):
        code, out, err = invoke("run", "two.yaml", "--format", form)
        assert (code, err) == (0, f"{UP_TO_DATE}\n")
        assert out == invoke("run", "two.yaml", "--format", form, "--out", "elsewhere", "--force", "--no-figures")[1]
    assert invoke("run", "two.yaml")[1] == first
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_up_to_date_outputs_do_not_import_slow_libraries():
    code = (
        "import sys; from bpviz.cli import main\n"
        "sys.argv = ['bpviz', 'run', 'two.yaml']\n"
        "try: main()\n"
        "except SystemExit as end: print(end.code, sorted({'numpy', 'matplotlib', 'yaml', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(HOME)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr.startswith(f"{UP_TO_DATE}\n")
    assert done.stdout.splitlines()[-1].startswith("0 [")
    assert "numpy" not in done.stdout
    assert "matplotlib" not in done.stdout


def test_up_to_date_does_not_depend_on_times_or_paths(tmp_path, monkeypatch):
    for path in Path().rglob("*"):
        os.utime(path, (1e9, 1e9))
    shutil.move(tmp_path / "copy", tmp_path / "moved")
    monkeypatch.chdir(tmp_path / "moved")
    assert status_lines() == [UP_TO_DATE]


def test_counts_many_up_to_date_experiments():
    Path("configs").mkdir()
    for i in range(7):
        Path(f"configs/c{i}.yaml").write_text("algorithms: [rprop]\nfigures: []\n")
    invoke("run", "configs")
    assert invoke("run", "configs")[2] == "7 of 7 experiments up to date; use --force to rerun and redraw\n"
    Path("configs/c3.yaml").write_text("algorithms: [gd]\nfigures: []\n")
    lines = invoke("run", "configs")[2].splitlines()
    assert lines[:2] == [
        "6 of 7 experiments up to date; use --force to rerun and redraw",
        (
            "outputs/c3: updated 5 of 5 files (algorithms[0].name: 'rprop' -> 'gd'; algorithms[0].label: 'RPROP' -> "
            "'Gradient descent'; algorithms[0].step: 0.1 -> 0.3; 4 more config values changed)"
        ),
    ]


# -- reasons of updates ------------------------------------------------------------------------------------------------


def test_changed_setting_redraws_figures_that_depend_on_it(folder):
    edit("two.yaml", "name: momentum", "name: momentum, step: 0.2")
    assert status_lines() == [
        "outputs/two: updated 7 of 8 files (algorithms[1].step: 0.3 -> 0.2)",
        "  summary.md, summary.csv, summary.json, history.csv, run.json: content changed",
        "  errors.png, errors-m.png: plotted data changed",  # the bars do not change: it runs all epochs
    ]
    edit("two.yaml", "[rprop,", "[{name: rprop, increase: 1.3},")
    untouched = tree(folder)
    assert status_lines()[0] == "outputs/two: updated 7 of 8 files (algorithms[0].increase: 1.2 -> 1.3)"
    after = tree(folder)
    assert after["outputs/two/errors-m.png"] == untouched["outputs/two/errors-m.png"]
    assert status_lines() == [UP_TO_DATE]


def test_changed_style_redraws_figures():
    edit("two.yaml", "title: Two", "title: Two\nstyle: {dpi: 90}")
    assert status_lines() == [
        "outputs/two: updated 4 of 8 files (style.dpi: unset -> 90)",
        "  run.json: content changed",
        "  errors.png, epochs.png, errors-m.png: plotted data changed",
    ]
    edit("two.yaml", "{kind: epochs}", "{kind: epochs, style: {theme: dark}}")
    assert status_lines()[1:] == ["  run.json: content changed", "  epochs.png: plotted data changed"]
    edit("two.yaml", "label: M}", "label: M, color: red}")
    assert status_lines()[0] == "outputs/two: updated 4 of 8 files (algorithms[1].color: unset -> '#ff0000')"
    edit("two.yaml", "style: {dpi: 90}", "style: {dpi: 90}\nlabels: {Epoch: Epoche}")
    assert status_lines()[0] == "outputs/two: updated 3 of 8 files (labels.Epoch: unset -> 'Epoche')"
    assert status_lines()[0].startswith("outputs/two: up to date")


def test_changed_figure_option_redraws_only_that_figure():
    edit("two.yaml", "{kind: epochs}", "{kind: epochs, title: Bars}")
    assert status_lines() == [
        "outputs/two: updated 2 of 8 files (figures[1].title: null -> 'Bars')",
        "  run.json: content changed",
        "  epochs.png: plotted data changed",
    ]


def test_changed_data_rerun_the_experiment():
    edit("six.csv", ".9,.3", ".9,.31")
    lines = status_lines()
    assert lines[0] == "outputs/two: updated 7 of 8 files (six.csv changed)"
    edit("six.csv", "\n", "\r\n")  # the same numbers
    assert status_lines() == ["outputs/two: updated 0 of 8 files (six.csv changed)"]
    assert status_lines() == [UP_TO_DATE]


def test_reasons_do_not_quote_data_files():
    """The file may be outside the folder of the config."""
    Path("other.csv").write_text("c,b,y\n.123,.3,1\n.5,.3,0\n")
    edit("two.yaml", "six.csv", "other.csv")
    first = status_lines()[0]
    assert first.startswith("outputs/two: updated ")
    assert first.endswith(" of 8 files (six.csv changed; other.csv changed; dataset: other data -> other.csv)")


def test_comment_in_config_updates_no_file(folder):
    Path("two.yaml").write_text("# why not\n" + CONFIG)
    before = {name: content for name, content in tree(folder).items() if not name.endswith(lockfile.NAME)}
    assert status_lines() == ["outputs/two: updated 0 of 8 files (config file edited, but its values are unchanged)"]
    assert {name: content for name, content in tree(folder).items() if not name.endswith(lockfile.NAME)} == before
    assert status_lines() == [UP_TO_DATE]


def test_additional_format_writes_only_new_files():
    lines = status_lines("--format", "svg", "--format", "png")
    assert lines == [
        "outputs/two: updated 3 of 11 files (figure options changed (--format or --no-figures))",
        "  errors.svg, epochs.svg, errors-m.svg: new file",
    ]


@pytest.mark.parametrize(
    ("module", "redrawn"),
    [
        ("figures/epochs.py", 1),
        ("figures/_layout.py", 3),
        ("figures/_style.py", 3),
        ("engine/loop.py", 0),
        ("optimizers/rprop.py", 0),
        ("config/reader.py", 0),
    ],
)
def test_changed_source_file_reruns_the_experiment(folder, module, redrawn, monkeypatch):
    """Figures are redrawn only if their plotted data or their drawing code changed."""
    path = folder / lockfile.NAME
    data = json.loads(path.read_bytes())
    data["code"][module] = "0123456789abcdef"
    path.write_text(json.dumps(data))
    drawn = []
    monkeypatch.setattr("bpviz.outputs.build.draw", spy("bpviz.outputs.build", "draw", drawn))
    lines = status_lines()
    assert lines == [f"outputs/two: updated 0 of 8 files (bpviz source files changed: {module})"]
    assert len(drawn) == redrawn
    assert status_lines() == [UP_TO_DATE]


def test_lists_at_most_four_changed_source_files(folder):
    path = folder / lockfile.NAME
    data = json.loads(path.read_bytes())
    for number, end in ((5, "c.py, d.py, e.py"), (6, "c.py, d.py, 2 more")):
        data["code"] |= {f"{letter}.py": "0" for letter in "abcdef"[:number]}
        path.write_text(json.dumps(data))
        assert status_lines() == [f"outputs/two: updated 0 of 8 files (bpviz source files changed: a.py, b.py, {end})"]


def spy(module, name, calls):
    function = getattr(sys.modules[module], name)

    def called(*arguments):
        calls.append(arguments)
        return function(*arguments)

    return called


def test_lockfile_lists_only_used_source_files(folder):
    code = lockfile.read(folder).code
    assert "optimizers/adam.py" not in code
    assert "figures/surface.py" not in code
    assert {"optimizers/rprop.py", "optimizers/gradient_descent.py", "figures/errors.py", "engine/loop.py"} <= set(code)
    assert all(hashing.of_module(name) == was for name, was in code.items())


def test_force_redraws_all_figures(monkeypatch):
    drawn = []
    monkeypatch.setattr("bpviz.outputs.build.draw", spy("bpviz.outputs.build", "draw", drawn))
    assert status_lines("--force") == ["outputs/two: 3 figures redrawn, 0 of 8 files changed (--force)"]
    assert len(drawn) == 3


def test_time_option_reruns_the_experiment():
    code, out, err = invoke("run", "two.yaml", "--time")
    assert (code, err) == (0, "outputs/two: updated 0 of 8 files (--time)\n")
    assert "seconds" in out


def test_changed_overrides_rerun_the_experiment():
    assert status_lines("--set", "algorithms.0.step=0.2")[0] == (
        "outputs/two: updated 7 of 8 files (algorithms[0].step: 0.1 -> 0.2)"
    )
    assert status_lines("--set", "algorithms.0.step=0.2") == [UP_TO_DATE]


def test_reason_lists_at_most_three_changed_values():
    settings = ["max_epochs=50", "algorithms.0.step=0.2", "algorithms.0.increase=1.5"]
    first = "max_epochs: 60 -> 50; algorithms[0].step: 0.1 -> 0.2; algorithms[0].increase: 1.2 -> 1.5"
    for more, end in (
        ([], ""),
        (["algorithms.1.momentum=0.5"], "; 1 more config value changed"),
        (["algorithms.1.momentum=0.5", "algorithms.1.step=0.2"], "; 2 more config values changed"),
    ):
        shutil.rmtree("outputs")
        invoke("run", "two.yaml", "--no-figures")
        overrides = [argument for setting in (*settings, *more) for argument in ("--set", setting)]
        assert status_lines("--no-figures", *overrides)[0] == f"outputs/two: updated 5 of 5 files ({first}{end})"


def test_reason_names_added_and_removed_values():
    status_lines("--no-figures")
    edit("two.yaml", "name: momentum,", "name: momentum, with: [{name: constant}],")
    added = "algorithms[1].with[0].name: unset -> 'constant'; algorithms[1].with[0].multiple: unset -> 1.0"
    assert f"({added})" in status_lines("--no-figures")[0]
    edit("two.yaml", "with: [{name: constant}],", "")
    removed = "algorithms[1].with[0].name: 'constant' -> unset; algorithms[1].with[0].multiple: 1.0 -> unset"
    assert f"({removed})" in status_lines("--no-figures")[0]


@pytest.mark.parametrize("content", [None, b"", b"[]", b"{}", b"[" * 100_000])
def test_reason_without_valid_run_json_is_that_the_config_changed(folder, content):
    edit("two.yaml", "title: Two", "title: Other")
    (folder / "run.json").unlink()
    damage = "missing"
    if content is not None:
        (folder / "run.json").write_bytes(content)
        damage = "modified"
    assert status_lines()[0].endswith(f" of 8 files (config changed; {damage} output file: run.json)")


def test_gives_all_reasons_in_one_line(folder):
    edit("six.csv", ".9,.3", ".9,.31")
    (folder / "epochs.png").unlink()
    (folder / "errors.png").write_bytes(b"")
    (folder / "errors-m.png").write_bytes(b"")
    reasons = "six.csv changed; missing output file: epochs.png; modified output files: errors-m.png, errors.png"
    assert status_lines()[0] == f"outputs/two: updated 8 of 8 files ({reasons})"
    assert status_lines() == [UP_TO_DATE]


def test_missing_data_are_a_mistake_of_the_config():
    Path("six.csv").unlink()
    assert invoke("run", "two.yaml")[0] == 2


def test_records_plugins_of_the_same_name_separately(folder, program):
    for name in "ab":
        Path(name).mkdir()
        Path(name, "rule.py").write_text(
            f"from bpviz import optimizer\n@optimizer('rule-{name}', needs='')\nclass Rule:\n"
            "    def begin(self, w, f): return ()\n    def advance(self, w, state, f): return w, state\n"
        )
    command = "run two.yaml --plugin a/rule.py --plugin b/rule.py"
    done = program(command, Path())
    assert done.exit_code == 0, done.stderr
    inputs = lockfile.read(folder).inputs
    recorded = {name: value for name, value in inputs.items() if name.startswith("plugin")}
    hashes = [hashing.of_bytes(Path(name, "rule.py").read_bytes()) for name in "ab"]
    assert list(recorded) == ["plugin rule.py", "plugin rule.py (2)"]
    assert [value[:16] for value in recorded.values()] == hashes
    assert program(command, Path()).stderr == f"{UP_TO_DATE}\n"


# -- damage ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_restores_missing_file(folder, name):
    before = (folder / name).read_bytes()
    (folder / name).unlink()
    lines = status_lines()
    assert lines[0] == f"outputs/two: updated 1 of 8 files (missing output file: {name})"
    assert (folder / name).read_bytes() == before


@pytest.mark.parametrize("name", ALL)
def test_restores_modified_file(folder, name):
    before = (folder / name).read_bytes()
    for changed in (before + b" ", before[:-1] + b"#"):  # of another size, and of the same
        (folder / name).write_bytes(changed)
        lines = status_lines()
        assert lines[0] == f"outputs/two: updated 1 of 8 files (modified output file: {name})"
        assert (folder / name).read_bytes() == before


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is not valid JSON"),
        (b"{", "is not valid JSON"),
        (b"\xff\xfe", "is not valid JSON"),
        (b"[" * 100_000, "is not valid JSON"),
        (b"{}", "is not a valid lockfile"),
        (b"[]", "is not a valid lockfile"),
        (b'{"schema": 2}', "is not a valid lockfile"),
        (b"\x89PNG\r\n\x1a\n\0\0", "is not valid JSON"),
        (b'{"schema": 1}', "was written by an older version of bpviz"),
        (b'{"schema": 99, "anything": 5}', "was written by a newer version of bpviz"),
        (b'<<<<<<< HEAD\n{"schema": 1}\n=======\n{}\n>>>>>>> other\n', "contains git conflict markers"),
    ],
)
def test_replaces_unusable_lockfile_and_gives_the_reason(content, reason):
    tables, folder = ("--out", "tables", "--no-figures"), Path("tables/two")
    status_lines(*tables)
    good = (folder / lockfile.NAME).read_bytes()
    (folder / lockfile.NAME).write_bytes(content)
    assert status_lines(*tables)[0] == f"tables/two: updated 0 of 5 files (tables/two/bpviz.lock.json {reason})"
    assert (folder / lockfile.NAME).read_bytes() == good


def parts(data, path=()):
    """Yield the path of every value of nested data."""
    yield path
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield from parts(value, (*path, key))


def test_accepts_undecodable_bytes_in_config_path():
    """Old archives may contain such file names."""
    place = Path(os.fsdecode(b"caf\xe9"))
    try:
        place.mkdir()
    except OSError:
        pytest.skip("this system has no such names")
    for name in ("x.yaml", os.fsdecode(b"n\xe9.yaml")):
        (place / name).write_text("algorithms: [rprop]\nfigures: [errors]\n")
    code, _, err = invoke("run", str(place), "--out", "o")
    assert (code, err) == (
        0,
        "".join(f"o/{name}: wrote 6 files; first figure o/{name}/errors.png\n" for name in "nx"),
    ), err
    code, _, err = invoke("run", str(place), "--out", "o")
    assert (code, err.count(": up to date (6 files")) == (0, 2), err
    code, _, err = invoke("run", str(place), "--out", "o", "--check")
    assert code == 0, err


@pytest.mark.slow
def test_damaged_lockfile_never_causes_traceback(tmp_path, monkeypatch):
    """Every command that reads a lockfile handles values of every type in every place."""
    monkeypatch.chdir(tmp_path)
    Path("configs").mkdir()
    text = "algorithms: [rprop]\nfigures: []\nerror_threshold: 0.001\nmax_epochs: 9\nexpect: {rprop: {epochs: 20}}\n"
    Path("configs/a.yaml").write_text(text)
    Path("a.md").write_text("<!-- bpviz: table configs/a.yaml -->\n<!-- bpviz: end -->\n")
    invoke("run", "configs")
    path = Path("outputs/a", lockfile.NAME)
    good = json.loads(path.read_bytes())
    commands = (
        ("run", "configs", "--strict"),
        ("run", "configs", "--prune"),
        ("run", "configs", "--check", "--level", "results", "--strict"),
        ("run", "configs", "--check", "--level", "inputs", "--strict"),
        ("embed", "--check", "a.md"),
    )
    for where in [p for p in parts(good) if p and (p[0] != "code" or len(p) == 1)]:
        for bad in (None, 5, True, "x", "\ud800", "x" * 300, [], {}, [5], {"x": 5}, {"../../a.md": {}}, [["x", 5]]):
            data = json.loads(json.dumps(good))
            inner = data
            for key in where[:-1]:
                inner = inner[key]
            inner[where[-1]] = bad
            path.write_text(json.dumps(data))
            try:
                lockfile.read(path.parent)
            except lockfile.LockError:
                continue
            for command in commands:
                path.write_text(json.dumps(data))
                code, _, err = invoke(*command)  # raises exceptions
                assert code < 2, err
    assert Path("a.md").exists()


@pytest.mark.parametrize("name", ["../../precious.txt", "..", ".", "", "a/b", "a\\b", "C:b", "a\0b"])
@pytest.mark.parametrize("where", ["files", "left_over"])
def test_rejects_lockfile_with_files_in_other_folders(folder, where, name):
    Path("configs").mkdir()
    Path("precious.txt").write_text("mine")
    data = json.loads((folder / lockfile.NAME).read_bytes())
    data["config"] = "../../gone.yaml"
    data[where][name] = {"bytes": "", "size": 0}
    (folder / lockfile.NAME).write_text(json.dumps(data))
    with pytest.raises(lockfile.LockError, match="is not a valid lockfile"):
        lockfile.read(folder)
    assert invoke("run", ".", "--prune", "--no-figures")[0] == 0
    assert Path("precious.txt").read_text() == "mine"


def test_rejects_too_large_lockfile(monkeypatch):
    monkeypatch.setattr(lockfile, "LARGEST", 1000)
    assert status_lines()[0].endswith("(outputs/two/bpviz.lock.json cannot be read (file too large (limit 0 KiB)))")


def test_lockfile_contains_no_absolute_path(folder, tmp_path):
    text = (folder / lockfile.NAME).read_text()
    assert str(tmp_path) not in text
    assert json.loads(text)["config"] == "../../two.yaml"
    assert text.endswith("}\n")


def test_lockfile_records_results_to_nine_digits(folder):
    summary = json.loads((folder / "summary.json").read_bytes())["runs"]
    for kept, run in zip(lockfile.read(folder).results, summary, strict=True):
        assert kept["epochs"] == run["epochs"]
        assert kept["evaluations"] == run["evaluations"]
        assert kept["final_error"] == float(f"{run['final_error']:.8e}")
        assert kept["weights"] == [float(f"{weight:.8e}") for weight in run["weights"]]


# -- lockfiles that anyone may have edited -----------------------------------------------------------------------------


def opened(monkeypatch):
    """Return a list of the files that are opened from now on."""
    found, real = [], os.open

    def watched(path, *arguments, **rest):
        found.append(os.fspath(path))
        return real(path, *arguments, **rest)

    monkeypatch.setattr(os, "open", watched)
    return found


@pytest.mark.parametrize("name", ["/etc/passwd", "../../../../etc/passwd", "/dev/zero", "/dev/ptmx", "other.csv"])
def test_data_that_the_config_does_not_name_are_not_read(name, folder, monkeypatch):
    """Their hash would tell whether a file of this machine has a given content."""
    Path("other.csv").write_text(DATA)
    forge(folder, inputs={f"data {name}": "0"})
    found = opened(monkeypatch)
    assert status_lines()[0] == f"outputs/two: updated 0 of 8 files ({name} changed)"
    assert not any(path.endswith(name) for path in found)
    assert status_lines() == [UP_TO_DATE]


@pytest.mark.parametrize("text", ["csv: 'six.csv'", 'csv: "si\\x78.csv"', "csv: >-\n  six.csv"])
def test_data_are_found_however_the_config_writes_their_name(text):
    edit("two.yaml", "dataset: {csv: six.csv}", f"dataset:\n  {text}".replace("\n  six", "\n   six"))
    status_lines()
    assert status_lines() == [UP_TO_DATE]
    edit("six.csv", ".9,.3,1", ".8,.3,1")
    assert "six.csv changed" in status_lines()[0]


@pytest.mark.parametrize("part", [{"code": {"/dev/zero": "x"}}, {"code": {"../setup.py": "x"}}, {"inputs": {"x": "y"}}])
def test_lockfile_with_other_names_is_replaced(part, folder, monkeypatch):
    good = (folder / lockfile.NAME).read_bytes()
    forge(folder, **part)
    found = opened(monkeypatch)
    assert status_lines()[0].endswith("(outputs/two/bpviz.lock.json is not a valid lockfile)")
    assert (folder / lockfile.NAME).read_bytes() == good
    assert not any(path.startswith("/dev") or path.endswith("setup.py") for path in found)


def test_many_packages_are_not_looked_up(folder, monkeypatch):
    forge(folder, inputs={f"package p{number}": "1" for number in range(1000)})
    monkeypatch.setattr(status.plugins, "version_of", lambda name: pytest.fail("looked up"))
    assert status_lines()[0].startswith("outputs/two: updated 0 of 8 files (p0 changed; p1 changed;")


def test_lockfile_without_tables_is_replaced(folder):
    data = json.loads((folder / lockfile.NAME).read_bytes())
    del data["files"]["summary.csv"]
    (folder / lockfile.NAME).write_text(json.dumps(data))
    assert status_lines()[0] == "outputs/two: updated 0 of 8 files (not listed in bpviz.lock.json: summary.csv)"
    assert status_lines() == [UP_TO_DATE]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("summary.json", b"{}", "summary.json is not a valid summary of bpviz"),
        ("summary.json", b"{", "unreadable output file: summary.json"),
        ("summary.json", b'{"a": NaN}', "unreadable output file: summary.json"),
        ("summary.csv", b"\xff", "unreadable output file: summary.csv"),
        ("run.json", b"[" * 100_000, "unreadable output file: run.json"),
        ("errors.png", b"\x89PNG\r\n\x1a\n", "unreadable output file: errors.png"),
    ],
)
def test_outputs_that_do_not_parse_are_replaced(name, content, reason, folder):
    """Even if the lockfile has their hashes."""
    good = (folder / name).read_bytes()
    (folder / name).write_bytes(content)
    forge(
        folder,
        files={name: {**json.loads((folder / lockfile.NAME).read_bytes())["files"][name], **record(folder / name)}},
    )
    assert status_lines()[0] == f"outputs/two: updated 1 of 8 files ({reason})"
    assert (folder / name).read_bytes() == good
    assert status_lines() == [UP_TO_DATE]


@on_posix
@pytest.mark.parametrize("name", ["summary.md", "errors.png", lockfile.NAME])
def test_replaces_a_pipe_in_the_place_of_an_output(name, folder):
    (folder / name).unlink()
    os.mkfifo(folder / name)
    reason = f"outputs/two/{name} cannot be read (expected a file, got a pipe)"
    reason = reason if name == lockfile.NAME else f"unreadable output file: {name}"
    number = 0 if name == lockfile.NAME else 1
    assert status_lines()[0] == f"outputs/two: updated {number} of 8 files ({reason})"
    assert status_lines() == [UP_TO_DATE]


def test_files_of_an_unusable_lockfile_are_not_new(folder):
    (folder / lockfile.NAME).write_text("{")
    (folder / "summary.md").write_text("changed")
    (folder / "errors.png").unlink()
    assert status_lines()[1:] == ["  summary.md: content changed", "  errors.png: new file"]


@on_posix
@pytest.mark.parametrize("out", ["link", "link/inner", "real/link/inner", "sub/../link/inner", "ABSOLUTE/link/inner"])
@pytest.mark.parametrize("arguments", [(), ("--check",), ("--prune",)])
def test_rejects_links_in_the_path_of_the_output_folder(out, arguments):
    for name in ("elsewhere/inner", "real", "sub"):
        Path(name).mkdir(parents=True)
    place = "real/link" if "real" in out else "link"
    Path(place).symlink_to(Path("elsewhere").absolute())
    out = out.replace("ABSOLUTE", str(Path.cwd()))
    code, _, err = invoke("run", "two.yaml", "--out", out, *arguments)
    named = out.removesuffix("/inner")
    assert (code, err) == (
        2,
        f"{named} is a symbolic link to {Path('elsewhere').absolute()}; remove it or choose another --out\n",
    )
    assert tree("elsewhere") == {}


@on_posix
def test_links_above_the_working_directory_are_followed(tmp_path, monkeypatch):
    """As /tmp is one on macOS."""
    Path("work").mkdir()
    shutil.copy("two.yaml", "work")
    shutil.copy("six.csv", "work")
    (tmp_path / "link").symlink_to(tmp_path / "copy")
    monkeypatch.chdir("work")
    assert invoke("run", "two.yaml", "--out", str(tmp_path / "link" / "trial"), "--no-figures")[0] == 0
    assert (tmp_path / "copy" / "trial" / "two" / "summary.md").exists()


# -- orphaned outputs --------------------------------------------------------------------------------------------------


def test_prune_deletes_outputs_of_deleted_config():
    Path("configs").mkdir()
    for name in ("kept", "gone"):
        Path(f"configs/{name}.yaml").write_text("algorithms: [rprop]\nfigures: [epochs]\n")
    invoke("run", "configs")
    Path("configs/gone.yaml").unlink()
    (Path("outputs") / "mine").mkdir()  # not created by bpviz
    gone = GONE
    assert invoke("run", "configs")[2].splitlines() == [
        KEPT,
        f"{gone}; use --prune to delete it",
    ]
    assert (Path("outputs/gone") / "epochs.png").exists()
    Path("outputs/gone/notes.txt").write_text("mine")
    assert invoke("run", "configs", "--prune")[2].splitlines()[1] == f"{gone}; deleted"
    assert [path.name for path in Path("outputs/gone").iterdir()] == ["notes.txt"]
    assert sorted(path.name for path in Path("outputs").iterdir()) == ["gone", "kept", "mine", "two"]
    assert invoke("run", "configs", "--prune")[2] == f"{KEPT}\n"


def test_prune_deletes_outputs_of_last_deleted_config():
    Path("configs").mkdir()
    Path("configs/gone.yaml").write_text("algorithms: [rprop]\nfigures: []\n")
    invoke("run", "configs")
    Path("configs/gone.yaml").unlink()
    gone = GONE
    assert invoke("run", "configs") == (0, "", f"{gone}; use --prune to delete it\n")
    assert invoke("run", "configs", "--prune") == (0, "", f"{gone}; deleted\n")
    code, _, printed = invoke("run", "configs", "--prune")
    assert (code, printed) == (2, "configs: no configs in this folder (no .yaml or .yml file)\n")


@on_posix
def test_prune_while_updating_other_outputs():
    """The run has locked the output folder already, and must not wait for itself."""
    Path("configs").mkdir()
    for name in ("kept", "gone"):
        Path(f"configs/{name}.yaml").write_text("algorithms: [rprop]\nfigures: []\n")
    invoke("run", "configs")
    Path("configs/gone.yaml").unlink()
    edit("configs/kept.yaml", "rprop", "newton")
    command = [sys.executable, "-m", "bpviz", "run", "configs", "--prune"]
    environment = {**os.environ, "PYTHONPATH": str(HOME)}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert run.stderr.splitlines()[-1] == f"{GONE}; deleted"
    assert not Path("outputs/gone").exists()


def test_outputs_of_configs_in_other_folders_are_not_orphaned():
    Path("configs").mkdir()
    Path("configs/one.yaml").write_text("algorithms: [rprop]\nfigures: []\n")
    Path("two.yaml").rename("away.yaml")
    assert invoke("run", "configs")[2] == "outputs/one: wrote 5 files\n"


def test_only_folders_of_bpviz_are_orphaned():
    """No links, no outputs of standard input, and no folders whose lockfile cannot be read."""
    Path("configs").mkdir()
    for name in ("kept", "gone", "odd"):
        Path(f"configs/{name}.yaml").write_text("algorithms: [rprop]\nfigures: []\n")
    invoke("run", "configs")
    invoke("run", "-", input="algorithms: [rprop]\nfigures: []\n")
    for name in ("gone", "odd"):
        Path(f"configs/{name}.yaml").unlink()
    (Path("outputs/odd") / lockfile.NAME).write_text("{}")
    Path("elsewhere").mkdir()
    shutil.move("outputs/gone", "elsewhere/gone")
    Path("outputs/gone").symlink_to("../elsewhere/gone")
    assert "orphaned" not in invoke("run", "configs", "--prune")[2]
    assert sorted(path.name for path in Path("outputs").iterdir()) == ["gone", "kept", "odd", "stdin", "two"]
    assert list(status.orphans(Path("missing"), [Path("configs")])) == []


def test_prune_keeps_what_it_did_not_write(folder):
    edit("two.yaml", ", {kind: epochs}", "")
    status_lines()
    (folder / "epochs.png").unlink()
    (folder / "epochs.png").mkdir()
    code, _, err = invoke("run", "two.yaml", "--prune")
    message = "outputs/two: orphaned file: epochs.png; deleted, but kept epochs.png (modified)"
    assert (code, err.splitlines()[-1]) == (0, message)
    assert (folder / "epochs.png").is_dir()


def forge(folder, **parts):
    """Change the content of a lockfile; the values of mappings are added to the present ones."""
    path = Path(folder, lockfile.NAME)
    data = json.loads(path.read_bytes())
    for key, value in parts.items():
        data[key] = {**data[key], **value} if isinstance(value, dict) else value
    path.write_text(json.dumps(data))


def record(path):
    return lockfile.written(Path(path).read_bytes())


def test_prune_keeps_files_that_were_changed():
    Path("configs").mkdir()
    for name in ("kept", "gone"):
        Path(f"configs/{name}.yaml").write_text("algorithms: [rprop]\nfigures: [epochs]\n")
    invoke("run", "configs")
    Path("configs/gone.yaml").unlink()
    for name in ("summary.md", "history.csv"):
        Path("outputs/gone", name).write_text("mine")
    assert invoke("run", "configs", "--prune")[2].splitlines()[1] == (
        f"{GONE}; deleted, but kept history.csv, summary.md (modified)"
    )
    assert sorted(path.name for path in Path("outputs/gone").iterdir()) == ["history.csv", "summary.md"]
    assert invoke("run", "configs", "--prune")[2] == f"{KEPT}\n"


@pytest.mark.parametrize(
    "name", ["README.md", "gone.yaml", "notes.txt", ".hidden.png", "../two/summary.md", "/etc/x.png"]
)
@pytest.mark.parametrize("where", ["files", "left_over"])
def test_prune_deletes_no_files_that_bpviz_never_writes(name, where):
    """A lockfile of a pull request names them with their hashes."""
    Path("configs").mkdir()
    Path("configs/gone.yaml").write_text("algorithms: [rprop]\nfigures: []\n")
    invoke("run", "configs")
    Path("configs/gone.yaml").unlink()
    path = Path("outputs/gone", name)
    if not path.is_absolute() and not path.exists():
        path.write_text("mine")
    forge("outputs/gone", **{where: {name: record(path) if path.exists() else {"bytes": "0", "size": 0}}})
    before = tree()
    invoke("run", "configs", "--prune")
    assert tree() == before


def test_prune_deletes_only_files_with_the_recorded_content():
    Path("configs").mkdir()
    Path("configs/gone.yaml").write_text("algorithms: [rprop]\nfigures: []\n")
    invoke("run", "configs")
    Path("configs/gone.yaml").unlink()
    folder = Path("outputs/gone")
    (folder / "photo.png").write_bytes(b"mine")
    (folder / "link.png").symlink_to("../two/errors.png")
    link = record("outputs/two/errors.png")
    forge(folder, left_over={"photo.png": {"bytes": "0" * 16, "size": 4}, "link.png": link})
    line = f"{GONE}; deleted, but kept photo.png, link.png (modified)"
    assert invoke("run", "configs", "--prune") == (0, "", f"{line}\n")
    assert sorted(path.name for path in folder.iterdir()) == ["link.png", "photo.png"]
    assert Path("outputs/two/errors.png").exists()


def test_prune_leaves_folders_that_are_not_named_after_their_config():
    """With ``--out .``, a lockfile of a pull request could make a folder of configs look like an output folder."""
    Path("configs").mkdir()
    Path("configs/a.yaml").write_text("algorithms: [rprop]\nfigures: []\n")
    invoke("run", "configs", "--out", ".")
    shutil.copy(Path("a", lockfile.NAME), "configs")
    forge("configs", config="gone.yaml", left_over={"a.png": {"bytes": "0", "size": 0}})
    before = tree()
    assert "orphan" not in invoke("run", "configs", "--prune", "--out", ".")[2]
    assert tree() == before


@pytest.mark.parametrize(
    "config", ["../../configs/\ud800.yaml", "../../../../../etc/gone.yaml", "x" * 300 + "/gone.yaml"]
)
def test_orphans_with_odd_paths_of_configs(config):
    Path("configs").mkdir()
    Path("configs/gone.yaml").write_text("algorithms: [rprop]\nfigures: []\n")
    invoke("run", "configs")
    Path("configs/gone.yaml").unlink()
    forge("outputs/gone", config=config)
    before = tree()
    invoke("run", "two.yaml", "--prune")
    assert tree() == before


def test_prune_deletes_files_of_removed_figures(folder):
    edit("two.yaml", ", {kind: epochs}", "")
    left = "outputs/two: orphaned file: epochs.png"
    assert status_lines()[-1] == f"{left}; use --prune to delete it"
    assert status_lines()[-1] == f"{left}; use --prune to delete it"  # reported again
    assert status_lines("--prune")[-1] == f"{left}; deleted"
    assert status_lines() == [
        UP_TO_DATE.replace("8 files; first figure outputs/two/epochs", "7 files; first figure outputs/two/errors-m")
    ]
    assert not (folder / "epochs.png").exists()
    edit("two.yaml", "[{kind: errors}, {kind: errors, algorithms: [M]}]", "[]")
    assert status_lines()[-1] == "outputs/two: orphaned files: errors-m.png, errors.png; use --prune to delete them"


# -- concurrent runs --------------------------------------------------------------------------------------------------


@on_posix
def test_second_run_waits_for_the_first(folder):
    """This process locks the output folder; the run prints that it waits, and continues when it is released."""
    edit("two.yaml", "name: momentum", "name: momentum, step: 0.2")
    command = [sys.executable, "-m", "bpviz", "run", "two.yaml"]
    environment = {**os.environ, "PYTHONPATH": str(HOME)}
    with atomic.locked(Path("outputs"), lambda: pytest.fail("no other process has locked it")):
        before = tree(folder)
        waiting = subprocess.Popen(command, env=environment, stdout=-1, stderr=-1, text=True)
        assert waiting.stderr.readline() == "waiting for another bpviz process to release outputs\n"
        assert tree(folder) == before
    _, err = waiting.communicate(timeout=60)
    assert waiting.returncode == 0
    assert err.startswith("outputs/two: updated 7 of 8 files")


@pytest.mark.slow
@on_posix
def test_concurrent_runs_write_the_same_files_as_one(folder):
    command = [sys.executable, "-m", "bpviz", "run", "two.yaml", "--force"]
    environment = {**os.environ, "PYTHONPATH": str(HOME)}
    before = tree(folder)
    both = [subprocess.Popen(command, env=environment, stdout=-1, stderr=-1) for _ in range(2)]
    assert [one.wait(timeout=120) for one in both] == [0, 0]
    for one in both:
        one.communicate()
    assert tree(folder) == before


@pytest.mark.slow
@on_posix
def test_next_run_completes_a_killed_run(folder):
    edit("two.yaml", "max_epochs: 60", "max_epochs: 61")
    status_lines()
    good = tree(folder)
    for wait in (0.2, 0.5, 0.8):
        edit("two.yaml", "max_epochs: 61", "max_epochs: 60")
        command = [sys.executable, "-m", "bpviz", "run", "two.yaml", "--force"]
        run = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(HOME)}, stdout=-1, stderr=-1)
        try:
            run.wait(wait)
        except subprocess.TimeoutExpired:
            run.kill()
        run.communicate()
        (folder / ".bpviz-1.part").write_bytes(b"half")
        edit("two.yaml", "max_epochs: 60", "max_epochs: 61")
        status_lines("--force")
        assert tree(folder) == good
        assert status_lines() == [UP_TO_DATE]


@pytest.fixture
def small_disk(tmp_path):
    """Return a file system of 100 KiB: enough for the tables of the experiment, too small for its figures."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=100k", "none", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("only root can mount a small disk")
    yield disk
    subprocess.run(["umount", disk], check=True)


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs tmpfs")
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_reports_full_disk_and_completes_when_there_is_space(small_disk, jobs):
    out = small_disk / "out"
    code, stdout, err = invoke("run", "two.yaml", "--out", str(out), "--jobs", jobs)
    assert (code, stdout) == (2, "")
    assert err.startswith(f"cannot write {out / 'two'}/")
    assert err.endswith(".png: No space left on device\n")
    assert not (out / "two" / lockfile.NAME).exists()
    assert [path.name for path in (out / "two").iterdir() if path.suffix == ".part"] == []
    subprocess.run(["mount", "-o", "remount,size=10m", small_disk], check=True)
    assert (
        invoke("run", "two.yaml", "--out", str(out))[2]
        == f"{out / 'two'}: wrote 8 files; first figure {out / 'two/epochs.png'}\n"
    )
    assert {name: (out / "two" / name).read_bytes() for name in ALL} == {
        name: Path("outputs/two", name).read_bytes() for name in ALL
    }


def test_rejects_symbolic_link_as_output_folder():
    Path("real").mkdir()
    Path("link").symlink_to("real")
    assert invoke("run", "two.yaml", "--out", "link") == (
        2,
        "",
        "link is a symbolic link to real; remove it or choose another --out\n",
    )
    assert list(Path("real").iterdir()) == []
    shutil.move("outputs", "real")
    Path("outputs").symlink_to("real/outputs")
    for arguments in ((), ("--prune",)):  # with and without files to write
        code, _, err = invoke("run", "two.yaml", *arguments)
        assert (code, err.partition(";")[0]) == (2, "outputs is a symbolic link to real/outputs")


def test_rejects_configs_whose_names_differ_only_in_case():
    shutil.copy("two.yaml", "TWO.yaml")
    assert invoke("run", "two.yaml", "TWO.yaml")[2] == (
        "two configs are named 'two' and would use the same folder; rename one or use another --out for it\n"
    )


@pytest.mark.slow
def test_handles_ten_thousand_configs(tmp_path, monkeypatch):
    """A thousand times the usual number of configs needs neither much memory nor much time."""
    monkeypatch.chdir(tmp_path)
    Path("configs").mkdir()
    for number in range(10_000):
        Path(f"configs/c{number}.yaml").write_text(f"algorithms: [rprop]\nfigures: []\nmax_epochs: {number % 7 + 1}\n")
    assert invoke("run", "configs", "--jobs", "2", "--quiet")[0] == 0
    Path("configs/c77.yaml").unlink()
    printed = invoke("run", "configs")[2].splitlines()
    assert printed[0] == "9999 of 9999 experiments up to date; use --force to rerun and redraw"
    assert printed[1:] == [
        f"{GONE.replace('gone', 'c77', 1).replace('gone.yaml', 'c77.yaml')}; use --prune to delete it"
    ]
    assert invoke("run", "configs", "--check", "--level", "inputs")[0] == 1
    shutil.rmtree("outputs")


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [(), ("--check", "--level", "inputs"), ("--force",)])
def test_time_grows_linearly_with_number_of_configs(tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    calls = {}
    for many in (30, 60):
        folder = Path(f"configs-{many}")
        folder.mkdir()
        for number in range(many):
            (folder / f"c{number}.yaml").write_text("algorithms: [rprop]\nfigures: []\nmax_epochs: 5\n")
        command = ("run", str(folder), "--out", f"outputs-{many}")
        invoke(*command)
        calls[many] = 0

        def count(*_: object, many: int = many) -> None:
            calls[many] += 1

        sys.setprofile(count)
        try:
            invoke(*command, *arguments)
        finally:
            sys.setprofile(None)
    assert calls[60] < 2.1 * calls[30]


# -- strictness --------------------------------------------------------------------------------------------------------


def test_strict_runs_up_to_date_experiments_again():
    """The results in the output folder may have been edited."""
    Path("two.yaml").write_text(CONFIG + "expect: {M: {epochs: {at_most: 5}}, rprop: {epochs: 20}}\n")
    first = invoke("run", "two.yaml", "--strict")
    again = invoke("run", "two.yaml", "--strict")
    assert (first[0], again[0]) == (1, 1)
    assert first[1] == again[1]
    assert again[2].splitlines() == [
        "outputs/two: updated 0 of 8 files (--strict)",
        "threshold not reached (--strict):",
        "  Two: M from (-4, -4): reached max_epochs",
        "two.yaml:7:32: expect.M.epochs.at_most: expected at most 5 epochs, M took 60",
        "    expect: {M: {epochs: {at_most: 5}}, rprop: {epochs: 20}}",
        " " * 35 + "^",
    ]
    assert first[2].splitlines()[-5:] == again[2].splitlines()[-5:]


def test_strict_accepts_met_expectations():
    Path("two.yaml").write_text(
        "algorithms: [rprop]\nfigures: []\nexpect: {rprop: {epochs: 20, error: {below: 0.125}}}\n"
    )
    assert invoke("run", "two.yaml", "--strict")[0] == 0
    assert invoke("run", "two.yaml", "--strict")[0] == 0
