"""Test the Python interface: public names, imports, results and errors."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import bpviz
from bpviz import ConfigError, Ending, Experiment, Results, RuleError, Run, config, tables
from bpviz.cli import cli
from bpviz.outputs import lockfile

HOME = Path(bpviz.__file__).parent.parent

pytestmark = pytest.mark.usefixtures("forgotten")

PUBLIC = {
    "Array", "Choice", "Column", "ConfigError", "Ending", "Experiment", "Flag", "Function", "Interval", "Minimum",
    "Oracle", "Results", "RuleError", "Run", "__version__", "compare", "hyper", "optimizer", "problem", "run",
}  # fmt: skip
"""The public interface. Removing a name breaks the code of users."""

LEAP = """\
from bpviz import hyper, optimizer


@optimizer("leap", needs="gradient")
class Leap:
    step: float = hyper(0.5, "(0, inf)", "length of a move")

    def begin(self, w, f):
        return ()

    def advance(self, w, state, f):
        return w + self.step, state
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "leap.py").write_text(LEAP)
    (tmp_path / "exp.yaml").write_text("title: Two\nalgorithms: [gd, rprop]\nmax_epochs: 30\nfigures: [errors]\n")
    return tmp_path


def python(code, *options):
    """Run code in a new Python process and return its output."""
    environment = {**os.environ, "PYTHONPATH": str(HOME)}
    done = subprocess.run(
        [sys.executable, *options, "-c", code], env=environment, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# -- names -----------------------------------------------------------------------------------------------------------


def test_public_names():
    assert set(bpviz.__all__) == PUBLIC
    assert set(dir(bpviz)) >= PUBLIC
    for name in PUBLIC:
        assert getattr(bpviz, name) is not None
    with pytest.raises(AttributeError, match="module 'bpviz' has no attribute 'optimiser'"):
        bpviz.optimiser  # noqa: B018


def test_public_names_are_documented():
    text = (HOME / "docs" / "python.md").read_text(encoding="utf-8").partition("## Public names")[2]
    assert set(re.findall(r"`(\w+)`(?=[^|]*\|.*\|)", text)) - {"name"} == PUBLIC


def test_star_import():
    assert python("from bpviz import *; print(callable(optimizer), callable(run))") == "True True\n"


def test_import_loads_only_the_version():
    code = "import sys; before = set(sys.modules); import bpviz; print(*sorted(set(sys.modules) - before))"
    assert python(code, "-S").split() == ["bpviz", "bpviz._version"]


def test_declaring_a_rule_imports_neither_numpy_nor_matplotlib():
    code = "import sys; exec(open('leap.py').read()); print('numpy' in sys.modules, 'matplotlib' in sys.modules)"
    assert python(code) == "False False\n"


def test_results_without_figures_do_not_import_matplotlib():
    code = "import bpviz, sys; r = bpviz.compare('gd'); r._repr_html_(); print('matplotlib' in sys.modules)"
    assert python(code) == "False\n"


@pytest.mark.slow
def test_types_are_visible_to_mypy(folder):
    mypy = pytest.importorskip("mypy.api", reason="in the dependency group lint")
    (folder / "mine.py").write_text("""\
import bpviz
from bpviz import Array, Column, Oracle, hyper, optimizer

@optimizer("mine", needs="gradient", label="Mine", source="me, 2026")
class Mine:
    step: Column = hyper(0.1, "(0, inf)", "step size")

    def begin(self, w: Array, f: Oracle) -> tuple[Array]:
        return (f.xp.zeros_like(w),)

    def advance(self, w: Array, state: tuple[Array], f: Oracle) -> tuple[Array, tuple[Array]]:
        return w - self.step * f.gradient(w), state

results: bpviz.Results = bpviz.compare("gd", {"name": "adam", "step": 0.1}, start=(3, -2), error_threshold=None)
run: bpviz.Run = results["gd"]
last: float = run.final_error + float(run.weights[-1, 0])
word: str = run.ending.word
mine: Mine = Mine(step=0.2)
reveal_type(bpviz.run("exp.yaml"))
bpviz.run(3)
bpviz.nothing
""")
    output, _, code = mypy.run(["--strict", "--no-incremental", "--config-file=", "mine.py"])
    assert code == 1
    assert [
        line.partition(": ")[2] for line in output.splitlines()[:-1] if "note: " not in line or "Reveal" in line
    ] == [
        'note: Revealed type is "bpviz.api.Results"',
        (
            'error: Argument 1 to "run" has incompatible type "int"; expected '
            '"str | PathLike[str] | Mapping[str, Any] | Experiment"  [arg-type]'
        ),
        'error: Module has no attribute "nothing"  [attr-defined]',
    ]


# -- compare ---------------------------------------------------------------------------------------------------------


def test_compare_gives_the_table_of_the_command(folder):
    from click.testing import CliRunner

    results = bpviz.compare(
        "gd:step=10", "momentum:step=0.1,momentum=0.95", "newton", start=(3, -2), error_threshold=0.1, max_epochs=5000
    )
    command = "compare gd:step=10 momentum:step=0.1,momentum=0.95 newton --start 3 -2 --error-threshold 0.1"
    printed = CliRunner().invoke(cli, [*command.split(), "--max-epochs", "5000", "--no-figures"]).stdout
    assert f"{results}\n" == printed
    assert list(folder.glob("outputs/*")) == []


def test_run_has_its_path_as_arrays():
    gd = bpviz.compare("gd", "rprop")["gd"]
    assert isinstance(gd, Run)
    assert gd.epochs == 797
    assert (gd.weights.shape, gd.errors.shape, gd.counts.shape) == ((798, 2), (798,), (798, 5))
    assert gd.weights[0].tolist() == [-4, -4]
    assert gd.errors[-1] == gd.final_error <= 0.125 < gd.errors[-2]
    assert gd.ending is Ending.REACHED
    assert gd.evaluations == {"error": 0, "gradient": 797, "hessian": 0, "residuals": 0, "jacobian": 0}
    assert (gd.label, gd.algorithm, gd.settings, gd.start) == ("Gradient descent", "gd", {"step": 0.3}, (-4.0, -4.0))


@pytest.mark.parametrize(
    "entry", [{"name": "gd", "step": 10}, {"name": "gd", "step": np.float64(10)}, {"name": "gd", "step": np.array(10)}]
)
def test_algorithm_as_mapping(entry):
    assert bpviz.compare(entry)["gd"].epochs == 25


def test_algorithm_as_rule():
    from bpviz.declare import OPTIMIZERS

    assert bpviz.compare(OPTIMIZERS["gd"](step=10))["gd"].epochs == 25
    assert bpviz.compare(OPTIMIZERS["gd"])["gd"].epochs == 797


def test_labels_of_equal_algorithms_differ():
    results = bpviz.compare("gd", "gd:step=10", {"name": "gd", "step": 1, "label": "mine"})
    assert [run.label for run in results] == ["Gradient descent (step 0.3)", "Gradient descent (step 10)", "mine"]
    assert results["mine"].settings == {"step": 1.0}


@pytest.mark.parametrize("start", [(3, -2), [3.0, -2.0], np.array([3, -2]), [(3, -2)], np.array([[3, -2]])])
def test_start_as_point(start):
    assert bpviz.compare("rprop", start=start)["rprop"].start == (3.0, -2.0)


def test_several_starts():
    results = bpviz.compare("rprop", "gd", start=np.array([(-4, -4), (3, -2)]))
    assert [run.start for run in results.of("RPROP")] == [(-4.0, -4.0), (3.0, -2.0)]
    with pytest.raises(KeyError, match=re.escape("'rprop' has 2 runs (one per start); use results.of('RPROP')")):
        results["rprop"]


def test_thresholds_and_max_epochs():
    assert bpviz.compare("gd", max_epochs=5)["gd"].ending is Ending.EXHAUSTED
    assert bpviz.compare("gd", error_threshold=None)["gd"].epochs == 1000
    assert bpviz.compare("gd:step=10", gradient_threshold=0.01, error_threshold=None)["gd"].epochs < 1000
    assert bpviz.compare("gd", error_threshold=0.4)["gd"].epochs < 200


def test_problem_by_name():
    results = bpviz.compare("newton", problem="rosenbrock")
    assert results.weights == ("x", "y")
    assert results["newton"].final_error < 1e-6
    own = bpviz.compare("gd:step=1e-3", problem="rosenbrock", start=(1, 1))
    assert own["gd"].epochs == 0
    with pytest.raises(ConfigError, match="problem='rosenbrok': problem: unknown problem 'rosenbrok'"):
        bpviz.compare("gd", problem="rosenbrok")


def test_problem_with_settings():
    from bpviz.declare import PROBLEMS, fields

    name, field = next((n, next(iter(fields(p)))) for n, p in PROBLEMS.items() if n != "perceptron" and fields(p))
    value = fields(PROBLEMS[name])[field].default
    for spec in (f"{name}:{field}={value}", {"name": name, field: value}):
        assert bpviz.compare("rprop", problem=spec, max_epochs=3).experiment.problem == PROBLEMS[name]()


# -- run -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [str, Path, lambda p: str(Path(p).resolve())])
def test_run_accepts_file(kind):
    results = bpviz.run(kind("exp.yaml"))
    assert isinstance(results, Results)
    assert (results.title, [run.epochs for run in results]) == ("Two", [30, 20])
    assert isinstance(results.experiment, Experiment)


def test_run_accepts_mapping():
    data = {
        "title": "Mine",
        "dataset": np.array([[0.9, 0.3, 1], [0.5, 0.3, 1], [0.1, 0.8, 0]]),
        "network": {"bias": True},
        "start": (np.float32(1), 2, np.int64(3)),
        "error_threshold": None,
        "max_epochs": np.int64(4),
        "algorithms": ("gd", {"name": "adam", "step": 0.3}),
        "figures": [],
    }
    results = bpviz.run(data)
    assert [run.epochs for run in results] == [4, 4]
    assert results["adam"].start == (1.0, 2.0, 3.0)
    assert results.weights == ("w1", "w2", "b")
    assert bpviz.run({"algorithms": ["gd"], "max_epochs": 1}).title == "experiment"


def test_data_paths_are_relative_to_current_folder(folder):
    (folder / "data.csv").write_text("a,b,y\n0.9,0.3,1\n0.1,0.8,0\n")
    data = {"dataset": {"csv": Path("data.csv")}, "algorithms": ["gd"], "max_epochs": 2}
    assert bpviz.run(data)["gd"].epochs == 2


def test_run_accepts_experiment():
    first = bpviz.run("exp.yaml")
    again = bpviz.run(first.experiment)
    assert [run.weights.tobytes() for run in first] == [run.weights.tobytes() for run in again]
    changed = bpviz.run(first.experiment, overrides="max_epochs=3")
    assert [run.epochs for run in changed] == [3, 3]


@pytest.mark.parametrize("source", ["exp.yaml", {"algorithms": ["gd"], "figures": []}])
def test_overrides_are_like_those_of_the_command(source):
    results = bpviz.run(source, overrides=["algorithms.0.step=10", "max_epochs=5"])
    assert (results["gd"].settings, results["gd"].epochs) == ({"step": 10.0}, 5)
    with pytest.raises(ConfigError, match=r"--set algorithms\.7\.step=1: algorithms: unknown entry '7'; use"):
        bpviz.run(source, overrides=["algorithms.7.step=1"])


# -- results ---------------------------------------------------------------------------------------------------------


def test_runs_are_found_by_label_and_by_name():
    results = bpviz.compare("gd", "rprop", max_epochs=3)
    assert results["Gradient descent"] is results["gd"] is results.runs[0]
    assert "gd" in results
    assert "RPROP" in results
    assert "adam" not in results
    assert len(results) == 2
    with pytest.raises(KeyError) as refusal:
        results["adam"]
    assert refusal.value.args == ("unknown algorithm 'adam' (expected 'Gradient descent' or 'RPROP')",)
    with pytest.raises(KeyError) as refusal:
        bpviz.compare("gd", "gd:step=1", max_epochs=3)["gd"]
    assert refusal.value.args == (
        "'gd' is the name of 2 algorithms; use a label: 'Gradient descent (step 0.3)' or 'Gradient descent (step 1)'",
    )


def test_label_takes_precedence_over_name():
    results = bpviz.compare({"name": "gd", "label": "adam"}, {"name": "adam", "label": "gd"}, max_epochs=1)
    assert results["gd"].algorithm == "adam"


def test_text_representation():
    results = bpviz.compare("gd", max_epochs=3)
    assert repr(results) == "<Results 'Gradient descent': 1 run>"
    assert repr(bpviz.run("exp.yaml")) == "<Results 'Two': 2 runs>"
    assert str(results) == tables.as_text(tables.table(results))[:-1]


class Cells(HTMLParser):
    """Collect the tags and the texts of a page."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.tags, self.texts = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        if data.strip():
            self.texts.append(data)


def test_html_representation():
    page = Cells(bpviz.compare("gd", "rprop", max_epochs=3)._repr_html_())
    results = bpviz.compare("gd", "rprop", max_epochs=3)
    table = tables.table(results)
    assert set(page.tags) == {"table", "thead", "tbody", "tr", "th", "td"}
    assert page.texts == [cell for row in (table.titles, *table.rows) for cell in row]


def test_html_is_escaped():
    label = "<script>alert(1)</script> & \"quotes\" 'both'"
    page = bpviz.compare({"name": "gd", "label": label}, max_epochs=1)._repr_html_()
    assert "<script" not in page
    assert label in Cells(page).texts


TWO_STARTS = {
    "algorithms": [{"name": "gd", "with": ["clip-norm"]}, {"name": "momentum", "step": 0.1}],
    "start": [[-4, -4], [3, -2]],
    "max_epochs": 5,
    "figures": [],
}


def csv_rows(text):
    head, *rows = csv.reader(io.StringIO(text))
    return head, rows


def test_records_have_the_columns_and_numbers_of_the_csv_files(folder):
    results = bpviz.run(TWO_STARTS)
    results.save("out")
    head, rows = csv_rows((folder / "out" / "history.csv").read_text())
    history = results.records("history")
    assert [list(record) for record in history] == [head] * len(rows) == [head] * 24
    assert [[str(value) for value in record.values()] for record in history] == rows
    head, rows = csv_rows((folder / "out" / "summary.csv").read_text())
    summary = results.records()
    assert summary == results.records("summary")
    assert [list(record) for record in summary] == [head] * 4
    for record, row in zip(summary, rows, strict=True):
        assert row[head.index("start")] == " ".join(map(str, record.pop("start")))
        assert row[head.index("settings")].startswith(f"step={record.pop('settings')['step']} ")
        assert list(map(str, record.values())) == [cell for name, cell in zip(head, row, strict=True) if name in record]


def test_records_are_plain_values():
    results = bpviz.run(TWO_STARTS)
    assert results.records()[1]["start"] == (3.0, -2.0)
    assert results.records()[3]["settings"] == dict(results.runs[3].settings)
    for record in (*results.records(), *results.records("history")):
        assert {type(value) for value in record.values()} <= {str, int, float, dict, tuple}
    record = results.records()[0]
    record["settings"].clear()
    assert results.runs[0].settings  # the records are copies


@pytest.mark.parametrize("method", ["records", "to_pandas"])
def test_rejects_unknown_table(method):
    with pytest.raises(
        ConfigError, match=r"^table: expected summary or history, got 'sumary'; did you mean 'summary'"
    ) as e:
        getattr(bpviz.compare("gd", max_epochs=1), method)("sumary")
    assert len(e.value.mistakes) == 1


def test_data_frames():
    pandas = pytest.importorskip("pandas", reason='pandas is not installed: pip install "bpviz[pandas]"')
    results = bpviz.run(TWO_STARTS)
    history = results.to_pandas("history")
    pandas.testing.assert_frame_equal(history, pandas.DataFrame(results.records("history")))
    ends = history.groupby(["label", "start"], sort=False)["error"].last()
    assert ends.tolist() == [run.final_error for run in results]
    summary = results.to_pandas()
    records = results.records()
    assert summary.drop(columns=[name for name in summary if name.startswith("settings.")]).to_dict("records") == [
        {name: value for name, value in record.items() if name != "settings"} for record in records
    ]
    assert summary["settings.step"].tolist() == [0.3, 0.3, 0.1, 0.1]
    assert summary["settings.momentum"].isna().tolist() == [True, True, False, False]
    assert summary.groupby("start")["final_error"].min().index.tolist() == [(-4.0, -4.0), (3.0, -2.0)]


def test_data_frames_require_pandas(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError) as error:
        bpviz.compare("gd", max_epochs=1).to_pandas()
    assert str(error.value) == 'to_pandas requires pandas; install it with pip install "bpviz[pandas]"'


def test_figures(folder):
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    results = bpviz.compare("gd", "rprop", max_epochs=30)
    assert isinstance(results.figure(), Figure)
    figure = results.figure("errors", title="Down we go", algorithms=["rprop"])
    assert "Down we go" in [text.get_text() for text in figure.findobj(Text)]
    figure.savefig(folder / "errors.png")
    assert (folder / "errors.png").read_bytes()[1:4] == b"PNG"


def test_figures_do_not_change_settings_of_matplotlib():
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    bpviz.compare("gd", max_epochs=3).figure("errors")
    assert dict(mpl.rcParams) == before
    assert "matplotlib.pyplot" not in sys.modules or mpl.get_backend()


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("pathz", {}, "figure: kind: unknown figure 'pathz'; did you mean 'paths'?"),
        ("errors", {"algorithm": ["gd"]}, "figure: algorithm: unknown option of errors; did you mean 'algorithms'?"),
        ("paths", {"levels": 1}, "figure: levels: expected an integer in [2, 200], got 1 ("),
    ],
)  # fmt: skip
def test_rejects_invalid_figure(kind, options, message):
    with pytest.raises(ConfigError) as refusal:
        bpviz.compare("gd", max_epochs=1).figure(kind, **options)
    assert str(refusal.value).startswith(message)


def test_save_writes_the_files_of_the_command(folder):
    from click.testing import CliRunner

    assert CliRunner().invoke(cli, ["run", "exp.yaml", "--format", "svg"]).exit_code == 0
    there = bpviz.run("exp.yaml").save("outputs/again", "svg")
    assert there == Path("outputs/again")
    one, two = ({p.name: p.read_bytes() for p in (folder / "outputs" / name).iterdir()} for name in ("exp", "again"))
    assert "errors.svg" in one
    assert one == {lockfile.NAME: one[lockfile.NAME], **two}  # which only the command needs


def test_save_in_several_formats(folder):
    bpviz.compare("gd", "rprop", max_epochs=3).save(folder / "deep" / "er", ["png", "pdf"])
    assert sorted(p.name for p in (folder / "deep" / "er").iterdir()) == [
        *("history.csv", "paths.pdf", "paths.png", "run.json", "summary.csv", "summary.json", "summary.md")
    ]


def test_save_rejects_unknown_format_and_file_as_folder(folder):
    results = bpviz.compare("gd", max_epochs=3)
    with pytest.raises(ConfigError, match="formats: expected png, svg or pdf, got 'gif'"):
        results.save("out", ["gif"])
    (folder / "file").write_text("")
    with pytest.raises(OSError, match=r"cannot create folder .*file: a file with that name exists"):
        results.save("file")


# -- plugins ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("files", ["leap.py", Path("leap.py"), ["leap.py"], ("leap.py", "./leap.py")])
def test_plugins(files):
    assert bpviz.compare("leap", plugins=files, max_epochs=2)["leap"].weights[:, 0].tolist() == [-4, -3.5, -3]
    assert bpviz.run({"algorithms": ["leap"], "max_epochs": 1}, plugins=files)["leap"].epochs == 1


def test_changed_plugin_is_loaded_again(folder):
    bpviz.compare("leap", plugins="leap.py", max_epochs=1)
    (folder / "leap.py").write_text(LEAP.replace("0.5", "2.0"))
    assert bpviz.compare("leap", plugins="leap.py", max_epochs=1)["leap"].weights[-1, 0] == -2


def test_saved_run_json_names_the_plugin(folder):
    bpviz.compare("leap", plugins="leap.py", max_epochs=1).save(folder / "out")
    assert json.loads((folder / "out" / "run.json").read_text())["plugins"][0]["file"] == "leap.py"


def test_rule_can_be_redefined_in_a_notebook():
    """A notebook executes its cells in __main__."""
    use = "import bpviz\nprint(bpviz.compare('leap', max_epochs=1)['leap'].settings)"
    assert python(f"{LEAP}\n{LEAP.replace('0.5', '2.0')}\n{use}") == "{'step': 2.0}\n"
    refused = "try:\n    exec({!r})\nexcept ValueError as error:\n    print(error)"
    other = LEAP.replace("Leap", "Other")
    assert python(f"{LEAP}\n{refused.format(other)}") == (
        "duplicate algorithm 'leap': Leap in __main__ and Other in __main__\n"
    )
    assert python(refused.format(LEAP.replace('"leap"', '"gd"'))) == (
        "duplicate algorithm 'gd': GradientDescent in bpviz.optimizers.gradient_descent and Leap in __main__\n"
    )


def test_failing_rule_raises_rule_error(folder):
    (folder / "leap.py").write_text(LEAP.replace("w + self.step", "w + self.stop"))
    with pytest.raises(RuleError, match=re.escape("leap (leap.py:12), epoch 1: AttributeError: ")) as caught:
        bpviz.compare("leap", plugins="leap.py")
    assert isinstance(caught.value.__cause__, AttributeError)
    assert isinstance(caught.value, RuntimeError)


# -- mistakes --------------------------------------------------------------------------------------------------------


def test_config_error_is_a_value_error():
    with pytest.raises(ValueError, match="did you mean"):
        bpviz.compare("gdd")


def assert_lines_start_with(message, lines):
    """Check that each line of a message starts with the expected text."""
    assert [line[: len(start)] for line, start in zip(message.splitlines(), lines, strict=True)] == lines


def deep():
    cyclic = []
    cyclic.append(cyclic)
    return cyclic


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        ("missing.yaml", ["missing.yaml: no such file"]),
        (".", [".: expected a file, got a folder"]),
        ([1], ["invalid experiment (got a list, expected a file name, a mapping or an Experiment)"]),
        (None, ["invalid experiment (got null, expected a file name, a mapping or an Experiment)"]),
        ({}, ["<dict>: missing key 'algorithms'; add at least one algorithm, for example `algorithms: [gd]`"]),
        ({1: 2}, ["<dict>: expected strings as keys, got 1"]),
        ({"algorithms": ["gd"], "start": deep()}, ["<dict>: nested more than 32 levels deep"]),
        ({"algorithms": [object()]}, ["<dict>: algorithms[0]: unsupported type object"]),
        ({"algorithms": [{"name": "gd", "step": {1, 2}}]}, ["<dict>: algorithms[0].step: unsupported type set"]),
        (
            {"algorithms": ["gd", "gd"], "max_epochs": "5"},
            [
                ("<dict>: max_epochs: expected an integer in [1, inf), got '5' (maximum number of epochs); "
            "remove the quotes: 5"),
                "<dict>: algorithms[1]: duplicate label 'Gradient descent' (also of algorithms[0], by <dict>)",
            ],
        ),
        (
            {"algorithms": [{"name": "gd", "step": np.nan}, {"name": "gd", "lr": 1}], "titel": "x"},
            [
                "<dict>: titel: unknown key; did you mean 'title'?",
                ("<dict>: algorithms[0].step: expected a finite number, got nan (step size η, the factor on the "
            "gradient)"),
                "<dict>: algorithms[1].lr: unknown setting of gd; did you mean 'step'?",
                "<dict>: algorithms[1]: duplicate label 'Gradient descent' (also of algorithms[0], by <dict>)",
            ],
        ),
    ],
)  # fmt: skip
def test_run_reports_mistakes(data, lines):
    with pytest.raises(ConfigError) as refusal:
        bpviz.run(data)
    assert_lines_start_with(str(refusal.value), lines)


@pytest.mark.parametrize(
    ("algorithms", "options", "lines"),
    [
        ([], {}, ["compare: missing algorithm; give at least one"]),
        (["gd", "gd"], {}, ["gd: duplicate label 'Gradient descent'; change a setting or add a label"]),
        ([{"step": 1}], {}, ["argument 1: missing key 'name'; use a name "]),
        ([3], {}, ["argument 1: expected a name or a mapping with a name, got 3"]),
        (["gd", {"name": "gdd"}], {}, ["argument 2: name: unknown algorithm 'gdd'; did you mean 'gd'?"]),
        (
            ["gd"],
            {"start": (1, 2, 3), "max_epochs": 0, "error_threshold": -1},
            [
                "start=(1, 2, 3): start: expected 2 numbers, one per weight (w1, w2), got 3",
                "error_threshold=-1: error_threshold: expected a number in [0, inf), got -1 (",
                "max_epochs=0: max_epochs: expected an integer in [1, inf), got 0 (maximum number of epochs)",
            ],
        ),
        (["gd"], {"start": np.array([[1, 2, 3]])}, ["start=array([[1, 2, 3]]): start[0]: expected 2 numbers"]),
    ],
)  # fmt: skip
def test_compare_reports_mistakes(algorithms, options, lines):
    with pytest.raises(ConfigError) as refusal:
        bpviz.compare(*algorithms, **options)
    assert_lines_start_with(str(refusal.value), lines)


def test_config_error_lists_mistakes():
    with pytest.raises(ConfigError) as refusal:
        bpviz.run({"algorithms": [{"name": "gd", "lr": 1}], "max_epochs": 0})
    assert [(mistake.file, mistake.path) for mistake in refusal.value.mistakes] == [
        ("<dict>", "max_epochs"),
        ("<dict>", "algorithms[0].lr"),
    ]


@pytest.mark.parametrize("file", ["missing.py", Path("missing.py")])
def test_rejects_missing_plugin(file):
    with pytest.raises(ConfigError, match=r"^missing\.py: no such file$"):
        bpviz.run("exp.yaml", plugins=file)


def test_mapping_and_yaml_have_the_same_mistakes():
    """The messages are equal, their places are not."""
    text = "algorithms: [{name: gd, step: -1}, {name: paths}]\nnetwork: {loss: mae, bias: 1}\nstart: [[1], [2, a]]\n"
    with pytest.raises(ConfigError) as written:
        config.loads(text.encode(), "a.yaml", Path())
    import yaml

    with pytest.raises(ConfigError) as given:
        bpviz.run(yaml.safe_load(text))
    by_path = [sorted((m.path, m.message) for m in error.value.mistakes) for error in (written, given)]
    assert by_path[0] == by_path[1]


def test_rejects_experiments_that_need_more_memory_than_allowed() -> None:
    long = {"algorithms": ["gd"], "max_epochs": 10**9, "error_threshold": None}
    with pytest.raises(bpviz.ConfigError, match=r"^experiment: max_epochs: the paths of .* \(allowed: 2\.0 GiB\)"):
        bpviz.run(long, memory="2G")
    with pytest.raises(bpviz.ConfigError, match=r"^compare: max_epochs: the paths of .* \(allowed: 1\.0 GiB\)"):
        bpviz.compare("gd", max_epochs=10**9, error_threshold=None, memory=2**30)
    with pytest.raises(MemoryError, match=r"^compare: Gradient descent: the paths need more memory than allowed"):
        bpviz.compare("gd", max_epochs=10**9, error_threshold=0.0, memory="1M")
    assert bpviz.run({"algorithms": ["gd"]}, memory="100M")["gd"].epochs == 797


@pytest.mark.parametrize("memory", ["much", 0, -1, "", True])
def test_rejects_invalid_memory(memory: object) -> None:
    with pytest.raises(bpviz.ConfigError, match=r"^memory: expected a number of bytes or a size such as '2G', got "):
        bpviz.run({"algorithms": ["gd"]}, memory=memory)  # type: ignore[arg-type]
