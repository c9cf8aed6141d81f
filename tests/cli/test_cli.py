"""Test the command line: every command, error messages, output streams and exit codes."""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml
from click.shell_completion import get_completion_class
from click.testing import CliRunner

import bpviz
from bpviz import declare
from bpviz.cli import cli, options
from bpviz.cli.explain import explanation
from bpviz.cli.layout import split_width
from bpviz.declare import FIGURES, OPTIMIZERS, PROBLEMS, WRAPPERS
from bpviz.messages.text import quote_value
from bpviz.outputs.build import TABLES
from bpviz.problems.data import DATASETS
from bpviz.problems.perceptron import Perceptron

HOME = Path(bpviz.__file__).parent.parent
EVERYTHING = [(registry, name) for registry in (OPTIMIZERS, WRAPPERS, PROBLEMS, FIGURES, DATASETS) for name in registry]
KNOWN = [*OPTIMIZERS.items(), *WRAPPERS.items()]

QUICK = "algorithms: [rprop]\nfigures: []\n"
GOOD = "algorithms: [gd, rprop]\nfigures: [{kind: errors}]\n"

# One run per ending. The Hessian of two collinear samples is singular, so that Newton's method gets stuck.
HARD = """
title: Hard
dataset: [[1, 1, 1], [2, 2, 0]]
network: {activation: linear}
error_threshold: 0.41
max_epochs: 30
algorithms:
  - {name: gd, step: 1e+6, label: far}
  - {name: newton, penalty: 0, label: singular}
  - {name: golden, label: arrives}
  - {name: gd, step: 1e-6, label: slow}
"""

on_posix = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX system")
on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc and /dev/full")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Run every test in its own folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def invoke(*arguments, stdin=None):
    return CliRunner().invoke(cli, [str(a) for a in arguments], input=stdin)


def done(*arguments, stdin=None):
    """Run a command that must succeed, and return its standard output."""
    result = invoke(*arguments, stdin=stdin)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*arguments, stdin=None):
    """Run a command that must fail before it prints or writes anything, and return its error message."""
    before = sorted(Path().rglob("*"))
    result = invoke(*arguments, stdin=stdin)
    assert (result.exit_code, result.stdout) == (2, "")
    assert sorted(Path().rglob("*")) == before
    return result.stderr.rstrip("\n")


def usage_error(*arguments):
    """Return the last line of an error message of click, which may print the usage first."""
    return refused(*arguments).splitlines()[-1]


def process(*arguments, program=("-m", "bpviz"), env=None, **how):
    """Run the program in a new process, with warnings as errors."""
    how = {"capture_output": True, "encoding": "utf-8", **how}
    return subprocess.run(
        [sys.executable, "-W", "error", *program, *arguments],
        env={**os.environ, "PYTHONPATH": str(HOME), **(env or {})},
        check=False,
        timeout=60,
        **how,
    )


# -- help, version, names --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [None, *cli.commands])
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_of_every_command(name, option):
    command = cli.commands[name] if name else cli
    output = done(*filter(None, [name, option]))
    assert output.startswith("Usage: ")
    assert re.sub(r"\s+", " ", command.help.partition("\b")[0]).strip() in re.sub(r"\s+", " ", output)
    for parameter in command.params:
        assert parameter.param_type_name == "argument" or parameter.help, parameter.name
    assert max(map(len, output.splitlines())) <= 100


def test_main_help_shows_first_sentence_of_every_command():
    flat = re.sub(r"\s+", " ", done("--help"))
    for name, command in cli.commands.items():
        sentence = command.help.partition("\n\n")[0]
        assert sentence.endswith(".")
        assert f" {name} {sentence} " in flat


def fits(text, width):
    """Return whether all lines fit, except those of a single word."""
    return all(len(line) <= width or len(line.split()) == 1 for line in text.splitlines())


def unfolded(text):
    return re.sub(r"\s|\\$", "", text, flags=re.MULTILINE)


@pytest.mark.parametrize("name", cli.commands)
def test_help_fits_the_terminal(name, monkeypatch):
    shown = {}
    for width in (60, 80, 120):
        monkeypatch.setenv("COLUMNS", str(width))
        shown[width] = done(name, "--help")
        assert fits(shown[width], width - 2), shown[width]
    assert unfolded(shown[60]) == unfolded(shown[80]) == unfolded(shown[120])


def test_folded_examples_can_be_copied(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    example = "bpviz run configs/neupy.yaml --set algorithms.0.step=10 --out /tmp/trial"
    folded = re.search(r"^ +bpviz run configs/neupy.yaml \\\n.*/trial$", done("run", "--help"), re.MULTILINE)
    assert shlex.split(folded[0].replace("\\\n", "")) == example.split()
    assert len(folded[0].splitlines()) == 2


def test_shows_help_without_command():
    result = invoke()
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Usage: ")


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_version(option):
    assert done(option) == f"bpviz {bpviz.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["rnu"], "Error: No such command 'rnu'. Did you mean 'run'?"),
        (["run"], "Error: Missing argument 'CONFIG...'."),
        (["compare"], "Error: Missing argument 'ALGORITHM...'."),
        (["compare", "gd", "--xyz"], "Error: No such option '--xyz'."),
        (["compare", "gd", "--start"], "Error: Option '--start' requires an argument."),
        (
            ["compare", "gd", "--format", "gif"],
            "Error: Invalid value for '--format': 'gif' is not one of "
            + ", ".join(map(repr, options.FIGURE_FORMATS + options.TABLE_FORMATS))
            + ".",
        ),
        (
            ["compare", "gd", "--format", "csv", "--format", "svg", "--format", "json"],
            "Error: --format: expected at most one table format, got csv and json",
        ),
        (
            ["compare", "gd", "--jobs", "0"],
            "Error: Invalid value for '--jobs' / '-j': 0 is not in the range 1<=x<=256.",
        ),
        (
            ["list", "optimizers"],
            (
                "Error: Invalid value for '[algorithms|wrappers|problems|datasets|figures]': 'optimizers' is not one "
                "of 'algorithms', 'wrappers', 'problems', 'datasets', 'figures'."
            ),
        ),
    ],
)
def test_rejects_invalid_command_line(arguments, expected):
    assert usage_error(*arguments) == expected


def test_suggests_similar_option():
    assert "'--strict'" in usage_error("compare", "gd", "--strickt")


def test_list_shows_every_name():
    output = done("list")
    for names in (OPTIMIZERS, WRAPPERS, PROBLEMS, FIGURES, DATASETS):
        for name in names:
            assert re.search(rf"^  {re.escape(name)}  +\S", output, re.MULTILINE), name
    assert [line.removesuffix(":") for line in output.splitlines() if line and line[0] != " "] == [
        *("algorithms", "wrappers", "problems", "datasets", "figures"),
        "algorithms of other libraries (if installed)",
    ]


@pytest.mark.parametrize(
    ("what", "names"),
    [
        *(("algorithms", OPTIMIZERS), ("wrappers", WRAPPERS), ("problems", PROBLEMS)),
        *(("figures", FIGURES), ("datasets", DATASETS)),
    ],
)
def test_list_of_one_kind_shows_one_name_per_line(what, names):
    lines = [line for line in done("list", what).splitlines() if not line.startswith(" ")]
    assert [line.split()[0] for line in lines] == sorted(names)


def test_list_and_explain_fit_the_terminal(monkeypatch):
    shown = {}
    for width in (60, 80, 120):
        monkeypatch.setenv("COLUMNS", str(width))
        texts = [done("list"), *(explanation(registry[name], width - 2) for registry, name in EVERYTHING)]
        for text in texts:
            assert fits(text, width - 2), text
        shown[width] = texts
    assert unfolded(shown[60][0]) == unfolded(shown[80][0]) == unfolded(shown[120][0])
    for narrow, wide in zip(shown[60], shown[120], strict=True):
        assert sorted(narrow.split()) == sorted(wide.split())  # the words of a table are in another order


def test_list_shows_summaries_without_period():
    assert re.search(r"^cosine +Cosine decay of the step$", done("list", "wrappers"), re.MULTILINE)
    assert re.search(r"^easom +Narrow hole in a flat plain$", done("list", "problems"), re.MULTILINE)


@pytest.mark.parametrize(
    ("width", "split"),
    [
        (16, 7),  # both columns fit
        (12, 7),  # one of them is folded, the right one
        (11, 6),  # both are folded
        (4, 3),  # too narrow: the left column keeps its longest word
    ],
)
def test_columns_are_split_for_fewest_lines(width, split):
    assert split_width(["a b cde", "f"], ["one", "two three"], width) == split


def test_formulas_keep_their_lines_and_sentences_do_not():
    text = explanation(WRAPPERS["lookahead"], 60)
    assert "θ ← rule(θ)\nevery k epochs:  φ ← φ + α (θ - φ),  θ ← φ\nw = θ\n" in text
    assert "The rule updates the fast weights θ; every k epochs the slow\nweights φ move a fraction" in text


def settings_table(output):
    """Return the rows of the table of settings, with its folded cells joined."""
    lines = output.splitlines()
    head = next((i for i, line in enumerate(lines) if line.startswith("setting ")), None)
    if head is None:
        return []
    edges = [match.start() for match in re.finditer(r"\S+", lines[head])]
    rows = []
    for line in itertools.takewhile(str.strip, lines[head + 1 :]):
        cells = [line[start:end].strip() for start, end in itertools.zip_longest(edges, edges[1:])]
        if line[0] != " ":
            rows.append(cells)
        else:
            rows[-1] = [f"{old} {new}".strip() for old, new in zip(rows[-1], cells, strict=True)]
    return rows


@pytest.mark.parametrize(("registry", "name"), EVERYTHING, ids=[name for _, name in EVERYTHING])
def test_explain_shows_every_declaration(registry, name):
    output = done("explain", name)
    flat = re.sub(r"\s+", " ", output)
    declared = registry[name]
    assert output.startswith(name)
    for fact in ("label", "source", "confused_with"):
        assert re.sub(r"\s+", " ", getattr(declared, fact, "")) in flat, fact
    assert ("Not to be confused with: " in output) is bool(getattr(declared, "confused_with", ""))
    for line in declared.__doc__.strip().splitlines():
        assert re.sub(r"\s+", " ", line).strip() in flat
    rows = settings_table(output)
    for field in declare.fields(declared).values():
        assert rows.pop(0) == [field.name, quote_value(field.default).strip("'"), str(field.domain), field.meaning]
    assert rows == []
    for kind in getattr(declared, "needs", ()):
        assert kind in output.split("Evaluations: ")[1].splitlines()[0]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rosenbrock", "Start (-1.2, 1); window [-2, 2] × [-1, 3]. Minimum: (1, 1), error 0."),
        ("saddle", "window [-2, 2] × [-2, 2]. No known minimum; default error threshold: -1."),
        ("three-hump-camel", "Minima: (0, 0), error 0; (1.74755"),
        ("booth", "Provides: error, gradient, hessian, residuals and jacobian"),
    ],
)
def test_explain_shows_start_and_minima_of_problem(name, expected):
    assert expected in re.sub(r"\s+", " ", done("explain", name))


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("srface", "did you mean 'surface'?"),
        ("perceptrn", "did you mean 'perceptron'?"),
        ("xyzzy", "run `bpviz list` to see all names"),
    ],
)
def test_explain_suggests_similar_name(name, hint):
    assert refused("explain", name) == f"unknown algorithm, wrapper, problem, dataset or figure {name!r}; {hint}"


def test_explain_suggests_name_for_every_synonym():
    for name, rule in KNOWN:
        for synonym in rule.synonyms:
            if (OPTIMIZERS if name in OPTIMIZERS else WRAPPERS).canonical(synonym) == name:  # accepted
                continue
            assert refused("explain", synonym).endswith(f"; did you mean {name!r}?")


# -- validate, schema, init, completion ------------------------------------------------------------------------------


def test_validate_counts_valid_configs(folder):
    (folder / "a.yaml").write_text(GOOD)
    assert done("validate", "a.yaml") == "1 config is valid\n"
    (folder / "b.yml").write_text(QUICK)
    assert done("validate", folder) == "2 configs are valid\n"
    assert done("validate", "-", "--set", "max_epochs=3", stdin=GOOD) == "1 config is valid\n"
    assert done("validate", "--quiet", "a.yaml") == ""


def test_validate_shows_line_and_column_of_every_mistake(folder):
    (folder / "a.yaml").write_text("algorithms:\n  - {name: gd, lr: 0.3}\n  - {name: momentum, momentum: 1}\n")
    assert refused("validate", "a.yaml") == (
        "a.yaml:2:16: algorithms[0].lr: unknown setting of gd; did you mean 'step'?\n"
        "      - {name: gd, lr: 0.3}\n"
        "                   ^\n"
        "a.yaml:3:32: algorithms[1].momentum: expected a number in [0, 1), got 1 (fraction of the last "
        "update kept, μ)\n"
        "      - {name: momentum, momentum: 1}\n"
        "                                   ^"
    )


def test_schema_accepts_valid_configs(folder):
    schema = json.loads(done("schema"))
    jsonschema.Draft7Validator.check_schema(schema)
    done("init")
    for text in (GOOD, QUICK, (folder / "bpviz.yaml").read_text(encoding="utf-8")):
        jsonschema.validate(yaml.safe_load(text), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"algorithms": [{"name": "gd", "step": -1}]}, schema)


def test_init_writes_valid_config_that_runs(folder):
    result = invoke("init")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "wrote bpviz.yaml; next: bpviz run bpviz.yaml\n"
    assert done("validate", "bpviz.yaml") == "1 config is valid\n"
    assert "reached" in done("run", "bpviz.yaml", "--no-figures")
    text = (folder / "bpviz.yaml").read_text(encoding="utf-8")
    assert text.count("\n#") > 5, "the config has comments"


def test_commented_parts_of_starter_config_are_valid(folder):
    done("init", "new.yaml")
    text = (folder / "new.yaml").read_text(encoding="utf-8")
    (folder / "measurements.csv").write_text("length,width,species\n1,2,0\n2,1,1\n")
    figures = re.sub(r"^# ( *- |figures:)", r"\1", text, flags=re.MULTILINE)
    assert figures != text
    (folder / "new.yaml").write_text(figures, encoding="utf-8")
    assert done("validate", "new.yaml") == "1 config is valid\n"
    others = re.findall(r"^# (dataset: .*)$", text, re.MULTILINE)
    assert others
    for dataset in others:
        (folder / "new.yaml").write_text(text.replace("dataset: six-points", dataset), encoding="utf-8")
        assert done("validate", "new.yaml") == "1 config is valid\n"


def test_init_overwrites_only_with_force(folder):
    (folder / "mine.yaml").write_text("mine")
    assert refused("init", "mine.yaml") == "mine.yaml already exists; use another name, or --force to overwrite it"
    assert (folder / "mine.yaml").read_text() == "mine"
    done("init", "mine.yaml", "--force")
    assert "algorithms:" in (folder / "mine.yaml").read_text(encoding="utf-8")
    (folder / "link.yaml").symlink_to("nowhere")
    assert refused("init", "link.yaml") == "link.yaml already exists; use another name, or --force to overwrite it"
    assert refused("init", folder) == f"{folder} is a folder; use the name of a file"
    assert refused("init", "no/such.yaml") == f"cannot write {Path('no/such.yaml')}: No such file or directory"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_valid_script(shell):
    output = done("completion", shell)
    assert "_BPVIZ_COMPLETE" in output
    assert f"{shell}_complete" in output
    if shutil.which(shell):
        assert subprocess.run([shell, "-n"], input=output, encoding="utf-8", check=False).returncode == 0


@pytest.mark.parametrize(
    ("words", "start", "found"),
    [
        ([], "comp", ["compare", "completion"]),
        (["compare"], "rp", [name for name in OPTIMIZERS if name.startswith("rp")]),
        (["compare", "gd"], "", list(OPTIMIZERS)),
        (["explain"], "p", [name for _, name in EVERYTHING if name.startswith("p")]),
        (["list"], "a", ["algorithms"]),
        (["compare", "gd", "--format"], "j", ["json"]),
        (["run"], "--no-f", ["--no-figures"]),
    ],
)
def test_completes_commands_options_and_names(words, start, found):
    complete = get_completion_class("bash")(cli, {}, "bpviz", "_BPVIZ_COMPLETE")
    assert [item.value for item in complete.get_completions(words, start)] == found


@pytest.mark.parametrize(("words", "kind"), [(["run"], "file"), (["validate"], "file"), (["run", "--out"], "dir")])
def test_shell_completes_files_and_folders(words, kind):
    complete = get_completion_class("bash")(cli, {}, "bpviz", "_BPVIZ_COMPLETE")
    assert [item.type for item in complete.get_completions(words, "con")] == [kind]


# -- compare ---------------------------------------------------------------------------------------------------------

DOCUMENTED = shlex.split(
    'compare gd:step=10 "momentum:step=0.1,momentum=0.95" newton --start 3 -2 --error-threshold 0.1 --max-epochs 5000 '
    "--no-figures --format json"
)


def test_compare_matches_plain_python(plain, folder):
    """Compare with the same rules in plain Python, from the same start to the same error."""
    result = invoke(*DOCUMENTED)
    assert (result.exit_code, result.stderr) == (0, "")
    data = json.loads(result.stdout)
    assert (data["schema"], data["title"]) == (1, "Gradient descent, Momentum and Newton's method")
    gd, momentum, newton = data["runs"]
    assert [run["label"] for run in data["runs"]] == ["Gradient descent", "Momentum", "Newton's method"]
    assert [run["algorithm"] for run in data["runs"]] == ["gd", "momentum", "newton"]
    for run, given in ((gd, {"step": 10}), (momentum, {"step": 0.1, "momentum": 0.95}), (newton, {})):
        assert run["settings"] == {**declare.settings(OPTIMIZERS[run["algorithm"]]()), **given}
    for run in data["runs"]:
        assert (run["start"], run["ending"]) == ([3.0, -2.0], "reached")
        hessians = run["epochs"] if run["algorithm"] == "newton" else 0
        assert run["evaluations"] == {"error": 0, "gradient": run["epochs"], "hessian": hessians}
    problem = plain(Perceptron())
    for run, step, kept in ((gd, 10, 0), (momentum, 0.1, 0.95)):
        w, v, epochs = [3.0, -2.0], [0.0, 0.0], 0
        while problem.error(w) > 0.1:
            v = [kept * a + g for a, g in zip(v, problem.gradient(w), strict=True)]
            w = [a - step * b for a, b in zip(w, v, strict=True)]
            epochs += 1
        assert run["epochs"] == epochs
        assert run["weights"] == pytest.approx(w, rel=1e-9)
        assert run["final_error"] == pytest.approx(problem.error(w), rel=1e-9)
    assert list(folder.iterdir()) == []


def test_compare_prints_published_table_and_draws_one_figure(folder):
    result = invoke("compare", "gd", "momentum", "rprop", "irprop+", "golden", "newton")
    assert result.exit_code == 0
    assert result.stdout == (
        "Algorithm                         step  epochs  error evals  gradient evals  Hessian evals  final error"
        "  ending\n"
        "Gradient descent                   0.3     797            0             797              0       0.1250"
        "  reached the error threshold\n"
        "Momentum                           0.3      92            0              92              0       0.1250"
        "  reached the error threshold\n"
        "RPROP                              0.1      20            0              20              0       0.1204"
        "  reached the error threshold\n"
        "iRPROP+                            0.1      17           17              17              0       0.1242"
        "  reached the error threshold\n"
        "Gradient descent + golden search             2           31               2              0       0.1212"
        "  reached the error threshold\n"
        "Newton's method                      1       3            0               3              3       0.1246"
        "  reached the error threshold\n"
    )
    assert result.stderr == "outputs/compare: wrote 6 files; first figure outputs/compare/paths.png\n"
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()) == [
        f"outputs/compare/{file}" for file in sorted([*TABLES, "paths.png"])
    ]


def test_compare_uses_output_folder_and_figure_format(folder):
    assert done("compare", "rprop", "--out", "here", "--format", "svg", "--format", "csv", "-q").startswith(
        "algorithm,"
    )
    assert sorted(path.name for path in (folder / "here" / "compare").iterdir()) == sorted([*TABLES, "paths.svg"])
    assert [path.name for path in folder.iterdir()] == ["here"]


def test_compare_writes_the_tables_of_run(folder):
    (folder / "compare.yaml").write_text("algorithms: [gd, rprop]\nstart: [3, -2]\nfigures: [paths]\n")
    done("run", "compare.yaml", "--out", "a")
    done("compare", "gd", "rprop", "--start", "3", "-2", "--out", "b")
    for file in {*TABLES, "paths.png"} - {"run.json", "summary.json", "summary.md"}:
        assert (folder / "a/compare" / file).read_bytes() == (folder / "b/compare" / file).read_bytes(), file
    runs = [json.loads((folder / f"{out}/compare/summary.json").read_text())["runs"] for out in "ab"]
    assert runs[0] == runs[1]


def test_compare_without_figures_writes_tables_only_to_a_given_folder(folder):
    done("compare", "gd", "--max-epochs", "3", "--no-figures")
    assert list(folder.iterdir()) == []
    result = invoke("compare", "gd", "--max-epochs", "3", "--no-figures", "--out", "outputs")
    assert result.stderr == "outputs/compare: wrote 5 files\n"
    assert sorted(path.name for path in (folder / "outputs/compare").iterdir()) == sorted(TABLES)


POINTS = "height,width,kind\n1.5,2,0\n3,.1,1\n0,1,0\n"


def test_compare_reads_a_csv_file(folder):
    (folder / "points.csv").write_text(POINTS)
    (folder / "c.yaml").write_text("algorithms: [gd]\ndataset: {csv: points.csv}\nfigures: []\n")
    (folder / "d.yaml").write_text(
        "algorithms: [gd]\ndataset: {csv: points.csv, features: [kind, width], target: height}\nfigures: []\n"
    )
    for config, *arguments in (("c.yaml",), ("d.yaml", "--features", "kind, width", "--target", "height")):
        expected = json.loads(done("run", config, "--format", "json", "--quiet"))["runs"]
        output = done("compare", "gd", "--data", "points.csv", *arguments, "--no-figures", "--format", "json")
        assert json.loads(output)["runs"] == expected
    assert done("compare", "gd", "--data", "points.csv", "--features", "width", "--start", "1", "--no-figures")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--data", "no.csv"], "--data no.csv: dataset.csv: no.csv: no such file"),
        (["--data", "points.csv", "--target", "w"], "--target w: dataset.target: unknown column 'w'; use 'height',"),
        (["--data", "points.csv", "--features", "kind"], "--features kind: dataset.features[0]: 'kind' is the target"),
        (["--target", "kind"], "Error: --target requires --data"),
        (["--data", "points.csv", "--problem", "booth"], "Error: --data cannot be combined with --problem"),
        (["--data", "https://a.b/c.csv"], "--data https://a.b/c.csv: dataset.csv: expected the path of a file, got"),
    ],
)
def test_compare_reports_mistakes_in_data(folder, arguments, expected):
    (folder / "points.csv").write_text(POINTS)
    assert expected in refused("compare", "gd", *arguments)


@pytest.mark.parametrize(
    "start",
    [
        ["-4", "-4"],
        ["(-4, -4)"],
        ["[-4,-4]"],
        ["-4,-4"],
        ["-4 -4"],
        ["(-4,", "-4)"],
        ["−4", "−4"],
        ["-.4e1", "-4."],
    ],
    ids="|".join,
)
@pytest.mark.parametrize("first", [False, True], ids=["algorithm first", "start first"])
def test_start_takes_numbers_and_no_other_argument(start, first):
    arguments = ["--start", *start, "gd", "--no-figures"] if first else ["gd", "--start", *start, "--no-figures"]
    assert " 797 " in done("compare", *arguments)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--start", "-4"], "--start -4: start: expected 2 numbers, one per weight (w1, w2), got 1"),
        (["--start", "1", "2", "3"], "--start 1 2 3: start: expected 2 numbers, one per weight (w1, w2), got 3"),
        (["--start=1"], "--start 1: start: expected 2 numbers, one per weight (w1, w2), got 1"),
        (
            ["--start", "–4", "-4"],
            "--start –4 -4: start[0]: expected a number, got '–4' (initial weights of every algorithm); use -4",
        ),
    ],
)
def test_start_needs_one_number_per_weight(arguments, expected):
    assert refused("compare", "gd", *arguments) == expected


@pytest.mark.parametrize(
    "arguments",
    [
        ["compare", "gd", "--start", "--no-figures"],
        ["compare", "gd", "--max-epochs", "--quiet"],
        ["compare", "gd", "--problem", "-q"],
        ["compare", "gd", "--out", "--format", "svg"],
        ["run", "a.yaml", "--set", "--force"],
        ["run", "a.yaml", "--out", "--check"],
        ["diff", "a", "b", "--git", "--format", "json"],
    ],
)
def test_an_option_never_takes_another_option_as_value(arguments):
    option = next(name for name, value in itertools.pairwise(arguments) if name[0] == value[0] == "-")
    value = arguments[arguments.index(option) + 1]
    assert usage_error(*arguments) == f"Error: Option '{option}' requires an argument, got '{value}'."


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("gd(step=0.1)", "expected name:key=value, got 'gd(step=0.1)'; use gd:step=0.1"),
        ("gd step=0.1", "expected name:key=value, got 'gd step=0.1'; use gd:step=0.1"),
        ("GD {step: 0.1}", "expected name:key=value, got 'GD {step: 0.1}'; use gd:step=0.1"),
        ("gd:step:0.1", "expected key=value, got 'step:0.1'; use step=0.1"),
        ("gd:step=0,1", "expected key=value, got '1'; use step=0.1"),
        ("gd, rprop", "expected one algorithm, got 'gd, rprop'; use gd, rprop"),
        ("gd:step=−1", "step: expected a number in (0, inf), got -1 (step size η, the factor on the gradient)"),
    ],
)
def test_other_spellings_of_settings(algorithm, expected):
    assert refused("compare", algorithm) == f"{algorithm}: {expected}"


@pytest.mark.parametrize(
    ("file", "use"),
    [("a.yaml", "`bpviz run a.yaml`"), ("b/c.csv", "--data b/c.csv"), ("my_rule.py", "--plugin my_rule.py")],
)
def test_a_file_is_no_algorithm(file, use):
    expected = f"{file}: expected an algorithm, got the name of a file; use {use}"
    assert refused("compare", file) == refused("compare", "gd", file) == expected


def test_prune_keeps_outputs_of_compare(folder):
    (folder / "configs").mkdir()
    (folder / "configs/a.yaml").write_text(QUICK)
    done("compare", "gd", "--no-figures", "--out", "outputs")
    result = invoke("run", "configs", "--prune")
    assert result.exit_code == 0
    assert "compare" not in result.stderr
    assert sorted(path.name for path in (folder / "outputs/compare").iterdir()) == sorted(TABLES)


def test_names_in_any_case():
    assert done("compare", "Adam:step=0.1", "RPROP", "--problem", "Booth", "--no-figures") == done(
        "compare", "adam:step=0.1", "rprop", "--problem", "booth", "--no-figures"
    )
    for typed, name in (
        ("Adam", "adam"),
        ("Clip_Norm", "clip-norm"),
        ("ROSENBROCK", "rosenbrock"),
        ("Paths", "paths"),
        ("Xor", "xor"),
    ):
        assert done("explain", typed) == done("explain", name)


def test_labels_of_equal_algorithms_have_their_settings():
    output = done("compare", "gd:step=1", "gd:step=2", "momentum", "--no-figures", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(output)))
    assert [row["label"] for row in rows] == ["Gradient descent (step 1)", "Gradient descent (step 2)", "Momentum"]


def test_compare_reports_all_mistakes_at_once():
    arguments = ["gd:stp=1", "momntum", "newton:penalty=-1", "adam:step", "--start", "a", "2"]
    assert refused("compare", *arguments, "--max-epochs", "0", "--error-threshold", "-.5").splitlines() == [
        "--start a 2: start[0]: expected a number, got 'a' (initial weights of every algorithm)",
        (
            "--error-threshold -.5: error_threshold: expected a number in [0, inf), got -0.5 "
            "(stop when error - known minimum ≤ this value)"
        ),
        "--max-epochs 0: max_epochs: expected an integer in [1, inf), got 0 (maximum number of epochs)",
        "adam:step: expected key=value, got 'step'; for example, use momentum:step=0.1,momentum=0.95",
        "gd:stp=1: stp: unknown setting of gd; did you mean 'step'?",
        "momntum: unknown algorithm 'momntum'; did you mean 'momentum'?",
        (
            "newton:penalty=-1: penalty: expected a number in [0, inf), got -1 (constant λ added to the "
            "diagonal of the Hessian)"
        ),
    ]


def test_compare_without_threshold_reaches_max_epochs():
    output = json.loads(done("compare", "gd", "--error-threshold", "null", "--max-epochs", "7", *DOCUMENTED[-3:]))
    assert (output["runs"][0]["epochs"], output["runs"][0]["ending"]) == (7, "exhausted")


# -- how runs end ----------------------------------------------------------------------------------------------------


def test_table_shows_every_ending(folder):
    (folder / "hard.yaml").write_text(HARD)
    result = process("run", "hard.yaml", "--quiet", "--no-figures", cwd=folder)
    assert (result.returncode, result.stderr) == (0, "")
    assert [re.split(r"  +", line)[-1] for line in result.stdout.splitlines()] == [
        "ending",
        "diverged (non-finite error or weights)",
        "stuck: singular Hessian",
        "reached the error threshold",
        "reached max_epochs",
    ]


def test_strict_lists_runs_that_missed_their_threshold(folder):
    (folder / "hard.yaml").write_text(HARD)
    result = invoke("run", "hard.yaml", "--strict", "--no-figures", "--quiet", "--format", "json")
    assert result.exit_code == 1
    assert len(json.loads(result.stdout)["runs"]) == 4
    assert result.stderr == (
        "threshold not reached (--strict):\n"
        "  Hard: far from (-4, -4): diverged (non-finite error or weights)\n"
        "  Hard: singular from (-4, -4): stuck: singular Hessian\n"
        "  Hard: slow from (-4, -4): reached max_epochs\n"
    )
    assert (folder / "outputs/hard/summary.csv").exists(), "outputs are written anyway"


def test_strict_omits_title_of_compare():
    result = invoke("compare", "gd", "newton", "rprop", "--max-epochs", "5", "--strict", "--no-figures")
    assert result.exit_code == 1
    assert result.stderr == (
        "threshold not reached (--strict):\n"
        "  Gradient descent from (-4, -4): reached max_epochs\n"
        "  RPROP from (-4, -4): reached max_epochs\n"
    )


def test_strict_succeeds_if_all_runs_succeed():
    done("compare", "gd", "rprop", "--strict", "--no-figures")
    done("compare", "gd", "--error-threshold", "null", "--max-epochs", "5", "--strict", "--no-figures")


# -- run -------------------------------------------------------------------------------------------------------------


def test_run_writes_files_and_prints_status(folder):
    (folder / "good.yaml").write_text(GOOD)
    result = invoke("run", "good.yaml", "--format", "svg", "--format", "pdf")
    assert (result.exit_code, result.stderr) == (
        0,
        "outputs/good: wrote 7 files; first figure outputs/good/errors.pdf\n",
    )
    assert sorted(path.name for path in (folder / "outputs/good").iterdir()) == [
        *(
            "bpviz.lock.json",
            "errors.pdf",
            "errors.svg",
            "history.csv",
            "run.json",
            "summary.csv",
            "summary.json",
            "summary.md",
        )
    ]
    assert invoke("run", "good.yaml", "--quiet", "--no-figures").stderr == ""


def test_second_run_prints_that_outputs_are_up_to_date(folder):
    (folder / "a.yaml").write_text(GOOD)
    (folder / "b.yaml").write_text(QUICK)
    invoke("run", "a.yaml", "b.yaml")
    hint = "use --force to rerun and redraw"
    assert invoke("run", "a.yaml").stderr == (
        f"outputs/a: up to date (6 files; first figure outputs/a/errors.png); {hint}\n"
    )
    assert invoke("run", "a.yaml", "b.yaml").stderr == (
        f"outputs/a: up to date (6 files; first figure outputs/a/errors.png)\noutputs/b: up to date (5 files)\n{hint}\n"
    )


def test_forced_run_counts_redrawn_and_changed_files(folder):
    (folder / "a.yaml").write_text(GOOD)
    (folder / "b.yaml").write_text(QUICK)
    formats = ("--format", "png", "--format", "svg")
    invoke("run", "a.yaml", "b.yaml", *formats)
    (folder / "outputs/a/errors.png").write_bytes(b"")
    lines = invoke("run", "a.yaml", "b.yaml", "--force", *formats).stderr.splitlines()
    assert [re.sub(r"\(.*\)", "(...)", line) for line in lines if not line.startswith(" ")] == [
        "outputs/a: 2 figure files redrawn, 1 of 7 files changed (...); first figure outputs/a/errors.png",
        "outputs/b: rerun, 0 of 5 files changed (...)",
    ]
    assert lines[-1].endswith(" (--force)")
    assert lines[0].split("(")[1].startswith("--force; ")


def test_run_accepts_files_folders_and_standard_input(folder):
    (folder / "some").mkdir()
    for name in ("b.yaml", "a.yml", "not.txt", ".hidden.yaml"):
        (folder / "some" / name).write_text(QUICK + f"title: {name}\n")
    (folder / "some" / "sub.yaml").mkdir()
    output = done("run", "some", "-", "some/a.yml", stdin=QUICK)
    titles = [line for line in output.splitlines() if line and not line.startswith(("Algorithm", "RPROP"))]
    assert titles == [".hidden.yaml", "a.yml", "b.yaml", "stdin"]
    assert sorted(path.name for path in (folder / "outputs").iterdir()) == ["a", "b", "hidden", "stdin"]


def test_formats_of_several_tables(folder):
    for name in ("a", "b"):
        (folder / f"{name}.yaml").write_text(QUICK)
    summaries = json.loads(done("run", "a.yaml", "b.yaml", "--format", "json"))
    assert [summary["title"] for summary in summaries] == ["a", "b"]
    blocks = done("run", "a.yaml", "b.yaml", "--format", "csv").split("\n\n")
    assert [len(list(csv.reader(io.StringIO(block)))) for block in blocks] == [2, 2]
    pages = done("run", "a.yaml", "b.yaml", "--format", "md").split("\n\n")
    assert [page for page in pages if page.startswith("# ")] == ["# a", "# b"]


def test_set_overrides_values(folder):
    (folder / "good.yaml").write_text(GOOD)
    sets = ["algorithms.0.step=10", "algorithms[1].label=my own", "max_epochs=1e3", "figures=[]"]
    output = json.loads(done("run", "good.yaml", "--format", "json", *(x for s in sets for x in ("--set", s))))
    assert [(run["label"], run["settings"]["step"], run["epochs"]) for run in output["runs"]] == [
        ("Gradient descent", 10.0, 25),  # the published number for step 10
        ("my own", 0.1, 20),  # and for RPROP
    ]


def test_reports_mistakes_of_all_configs_and_writes_nothing(folder):
    (folder / "good.yaml").write_text(GOOD)
    (folder / "bad.yaml").write_text("algorithms: [gd]\nmax_epochs: -3\n")
    (folder / "empty").mkdir()
    (folder / "worse.yaml").write_bytes(b"algorithms: [gd]\ntitle: \xff\n")
    message = refused("run", "good.yaml", "bad.yaml", "empty", "missing.yaml", "", "worse.yaml", "--set", "start=5")
    for start in (
        "--set start=5: start: expected a list of 1 or more numbers, got 5",
        "bad.yaml:2:13: max_epochs: expected an integer in [1, inf), got -3",
        "empty: no configs in this folder (no .yaml or .yml file)",
        "missing.yaml: no such file",
        "'': expected the name of a file or folder, got ''",
        "worse.yaml:2:8: invalid UTF-8 byte 0xff; save the file as UTF-8",
    ):
        assert f"\n{start}" in f"\n{message}", start


def test_rejects_two_configs_of_same_name(folder):
    for place in ("one", "two"):
        (folder / place).mkdir()
    (folder / "one/same.yaml").write_text(QUICK)
    (folder / "two/Same.yaml").write_text(QUICK)
    message = refused("run", "one", "two/Same.yaml")
    assert message == (
        "two configs are named 'same' and would use the same folder; rename one or use another --out for it"
    )


def test_rejects_empty_standard_input():
    message = refused("run", "-", stdin="")
    assert message == "<stdin>: the file is empty; run `bpviz init` to create a starter config"


@pytest.mark.parametrize("command", ["run good.yaml", "compare gd"])
def test_rejects_output_folder_that_cannot_be_written(folder, command):
    (folder / "good.yaml").write_text(GOOD)
    (folder / "file").write_text("")
    inside = "" if command.startswith("run") else "compare"
    arguments = [*command.split(), "--out"]
    assert usage_error(*arguments, "file") == "Error: Invalid value for '--out': Directory 'file' is a file."
    assert refused(*arguments, "file/deeper") == f"cannot write {Path('file/deeper', inside)}: Not a directory"
    assert refused(*arguments, "x" * 300) == f"cannot write {Path('x' * 300, inside)}: File name too long"


@on_linux
def test_rejects_file_system_that_cannot_be_written():
    """Also as root, who may write to any folder of ordinary file systems."""
    assert refused("compare", "gd", "--out", "/proc/x") == "cannot write in /proc/x/compare: No such file or directory"


def test_rejects_links_out_of_output_folder(folder):
    (folder / "good.yaml").write_text(GOOD)
    (folder / "outputs").mkdir()
    (folder / "elsewhere").mkdir()
    (folder / "outputs/good").symlink_to("../elsewhere")
    advice = "remove it or choose another --out"
    place = Path("outputs/good")
    assert refused("run", "good.yaml") == f"{place} is a symbolic link to ../elsewhere; {advice}"
    (folder / "outputs/good").unlink()
    (folder / "outputs/good").mkdir()
    (folder / "outputs/good/errors.png").symlink_to("/etc/passwd")
    assert refused("run", "good.yaml") == f"{place / 'errors.png'} is a symbolic link to /etc/passwd; {advice}"
    done("run", "good.yaml", "--no-figures")


def test_time_adds_column():
    assert "seconds" not in done("compare", "gd", "--no-figures")
    head, row = done("compare", "gd", "--no-figures", "--time").splitlines()
    assert head.split()[-2:] == ["seconds", "ending"]
    assert re.search(r" \d+\.\d{3}  reached the error threshold$", row)


# -- streams ---------------------------------------------------------------------------------------------------------


@on_posix
@pytest.mark.parametrize("arguments", ["list", "schema", "compare rprop --no-figures --format json"])
def test_closed_pipe_is_silent(arguments, folder):
    """Print no traceback and no message in `bpviz ... | head -1`."""
    reading, writing = os.pipe()
    os.close(reading)
    result = process(*arguments.split(), cwd=folder, capture_output=False, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert (result.returncode, result.stderr) == (1, "")


@on_linux
@pytest.mark.parametrize("arguments", ["list", "compare rprop --no-figures"])
def test_full_disk_is_reported(arguments, folder):
    with Path("/dev/full").open("w") as full:
        result = process(*arguments.split(), cwd=folder, capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert (result.returncode, result.stderr) == (1, "error: No space left on device\n")


@on_posix
@pytest.mark.parametrize(
    ("closed", "arguments", "code"),
    [("1>&-", "run -", 0), ("2>&-", "run -", 0), ("2>&-", "run missing.yaml", 2), ("<&-", "run -", 2)],
)
def test_runs_with_closed_streams(closed, arguments, code, folder):
    command = f"exec {sys.executable} -m bpviz {arguments} {closed}"
    environment = {**os.environ, "PYTHONPATH": str(HOME)}
    result = subprocess.run(
        ["sh", "-c", command], cwd=folder, env=environment, input=QUICK.encode(), capture_output=True, check=False
    )
    assert result.returncode == code
    assert b"Traceback" not in result.stdout + result.stderr
    assert (folder / "outputs/stdin/summary.json").exists() is (code == 0)


def test_replaces_characters_that_encoding_lacks():
    """Old code pages of Windows lack the minus sign in the label of rprop-."""
    result = process("compare", "rprop-", "--no-figures", env={"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"})
    assert (result.returncode, result.stderr) == (0, "")
    assert "RPROP?" in result.stdout


@on_posix
class TestTerminal:
    """Output on a terminal: bold and colored text, folded tables, a progress bar."""

    @staticmethod
    def seen(folder, *arguments, width=80, **environment):
        """Run the program on a terminal; return its output with escape sequences, and its exit code."""
        import pty
        import termios

        ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (40, width))
        settings = {"TERM": "xterm-256color", "PYTHONPATH": str(HOME), **environment}
        kept = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES")}
        with subprocess.Popen(
            [sys.executable, "-m", "bpviz", *arguments],
            cwd=folder,
            env={**kept, **settings},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        ) as running:
            os.close(theirs)
            shown = b""
            while True:
                try:
                    part = os.read(ours, 65536)
                except OSError:  # on Linux, the end
                    break
                if not part:
                    break
                shown += part
        os.close(ours)
        return shown.decode().replace("\r\n", "\n"), running.returncode

    @staticmethod
    def plain(shown):
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)

    def test_table_has_bold_header_and_colored_endings(self, folder):
        (folder / "hard.yaml").write_text(HARD)
        shown, code = self.seen(folder, "run", "hard.yaml", "--no-figures", "-q", width=120)
        assert code == 0
        assert "\x1b[1mAlgorithm" in shown
        for color, word in ((31, "diverged"), (31, "stuck"), (32, "reached the error"), (33, "reached max_epochs")):
            assert re.search(rf"\x1b\[{color}m *{word}", shown), shown

    @pytest.mark.parametrize("how", ["option", "variable"])
    def test_colors_can_be_disabled(self, folder, how):
        option, environment = (["--no-color"], {}) if how == "option" else ([], {"NO_COLOR": "1"})
        shown, code = self.seen(folder, "compare", "rprop", "--no-figures", "-q", *option, **environment)
        assert code == 0
        assert not re.search(r"\x1b\[[0-9;]*3\dm", shown)

    @pytest.mark.parametrize("width", [40, 80])
    def test_table_is_never_truncated(self, folder, width):
        (folder / "hard.yaml").write_text(HARD + "start: [[-4, -4], [0.125, 3]]\n")
        shown, code = self.seen(folder, "run", "hard.yaml", "--no-figures", "-q", width=width)
        assert code == 0
        lines = self.plain(shown).splitlines()
        assert max(map(len, lines)) <= width
        assert "…" not in shown
        words = " ".join(lines)
        for word in ("singular", "arrives", "diverged", "reached", "threshold", "1e+06", "(0.125,", "168.5"):
            assert word in words

    def test_published_table_at_80_columns(self, folder):
        shown, _ = self.seen(folder, "compare", "gd", "momentum", "golden", "--no-figures", "-q")
        assert [line.rstrip() for line in self.plain(shown).splitlines()] == [
            "                               error  gradient  Hessian   final",
            "Algorithm        step  epochs  evals     evals    evals   error  ending",
            "─" * 80,
            "Gradient          0.3     797      0       797        0  0.1250  reached the",
            "descent                                                          error threshold",
            "Momentum          0.3      92      0        92        0  0.1250  reached the",
            "                                                                 error threshold",
            "Gradient                    2     31         2        0  0.1212  reached the",
            "descent +                                                        error threshold",
            "golden search",
        ]

    def test_progress_bar_is_removed_when_done(self, folder):
        (folder / "good.yaml").write_text(QUICK)
        shown, code = self.seen(folder, "run", "good.yaml")
        assert code == 0
        assert "starting" in shown
        before, _, after = shown.rpartition("━")
        assert before
        assert re.search(r"\x1b\[1A\x1b\[2K", after), "the progress bar is removed"
        assert "outputs/good: wrote 5 files" in after
        quiet, _ = self.seen(folder, "run", "good.yaml", "--quiet")
        dumb, _ = self.seen(folder, "run", "good.yaml", TERM="dumb")
        assert "━" not in quiet + dumb

    def test_messages_have_no_escape_sequences(self, folder):
        """An error message does not pass on escape sequences of a config."""
        (folder / "evil.yaml").write_text('algorithms: ["\\e]0;owned\\a\\e[2Jgd"]\n"\\e[31mkey": 1\n')
        shown, code = self.seen(folder, "validate", "evil.yaml")
        assert code == 2
        assert "\x1b" not in shown
        assert "\a" not in shown

    @pytest.mark.parametrize("width", [60, 80])
    def test_help_and_explain_fit_the_terminal(self, folder, width):
        for arguments in (["run", "--help"], ["explain", "paths"], ["list", "figures"]):
            shown, code = self.seen(folder, *arguments, width=width)
            assert code == 0
            assert max(map(len, self.plain(shown).splitlines())) in range(45, width - 1)
