"""The program as its users meet it: every command, every refusal, what is printed where, and how it leaves."""

from __future__ import annotations

import csv
import io
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
from bpviz.declare import FIGURES, OPTIMIZERS, PROBLEMS, WRAPPERS
from bpviz.messages.text import shown
from bpviz.problems.datasets import DATASETS
from bpviz.problems.perceptron import Perceptron

HOME = Path(bpviz.__file__).parent.parent
EVERYTHING = [(registry, name) for registry in (OPTIMIZERS, WRAPPERS, PROBLEMS, FIGURES) for name in registry]
KNOWN = [*OPTIMIZERS.items(), *WRAPPERS.items()]

QUICK = "algorithms: [rprop]\nfigures: []\n"
GOOD = "algorithms: [gd, rprop]\nfigures: [{kind: errors}]\n"

# One run for every ending. The Hessian of two collinear samples is singular: Newton's method has nowhere to go.
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
    """Every test works in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def invoke(*arguments, stdin=None):
    return CliRunner().invoke(cli, [str(a) for a in arguments], input=stdin)


def done(*arguments, stdin=None):
    """Run a command that is to succeed, and return what it prints."""
    result = invoke(*arguments, stdin=stdin)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*arguments, stdin=None):
    """Run a command that is to be refused; return what it says, after seeing that nothing was printed or written."""
    before = sorted(Path().rglob("*"))
    result = invoke(*arguments, stdin=stdin)
    assert (result.exit_code, result.stdout) == (2, "")
    assert sorted(Path().rglob("*")) == before
    return result.stderr.rstrip("\n")


def usage_error(*arguments):
    """Return the last line of a refusal of click's, which may say before how the command is used."""
    return refused(*arguments).splitlines()[-1]


def process(*arguments, program=("-m", "bpviz"), env=None, **how):
    """Run the program in a process of its own, where a warning is an error."""
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
def test_every_command_has_help(name, option):
    command = cli.commands[name] if name else cli
    said = done(*filter(None, [name, option]))
    assert said.startswith("Usage: ")
    assert re.sub(r"\s+", " ", command.help.partition("\b")[0]).strip() in re.sub(r"\s+", " ", said)
    for parameter in command.params:
        assert parameter.param_type_name == "argument" or parameter.help, parameter.name
    assert max(map(len, said.splitlines())) <= 100


def test_the_first_help_has_a_whole_sentence_for_every_command():
    said = done("--help")
    for name, command in cli.commands.items():
        assert re.search(rf"^  {name} +\S.*\.$", said, re.MULTILINE), said
        assert command.get_short_help_str(100) in said


def test_without_a_command_there_is_help():
    result = invoke()
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Usage: ")


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_version(option):
    assert done(option) == f"bpviz {bpviz.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rnu"], "Error: No such command 'rnu'. Did you mean 'run'?"),
        (["run"], "Error: Missing argument 'CONFIG...'."),
        (["compare"], "Error: Missing argument 'ALGORITHM...'."),
        (["compare", "gd", "--xyz"], "Error: No such option '--xyz'."),
        (["compare", "gd", "--start", "1"], "Error: Option '--start' requires 2 arguments."),
        (
            ["compare", "gd", "--format", "gif"],
            "Error: Invalid value for '--format': 'gif' is not one of "
            + ", ".join(map(repr, options.FIGURE_FORMATS + options.TABLE_FORMATS))
            + ".",
        ),
        (
            ["compare", "gd", "--format", "csv", "--format", "svg", "--format", "json"],
            "Error: the table can be printed in one format only, not as csv and json",
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
def test_mistakes_in_the_command_line(arguments, said):
    assert usage_error(*arguments) == said


def test_an_option_that_was_meant_is_suggested():
    assert "'--strict'" in usage_error("compare", "gd", "--strickt")


def test_list_names_everything():
    said = done("list")
    for names in (OPTIMIZERS, WRAPPERS, PROBLEMS, FIGURES, DATASETS):
        for name in names:
            assert re.search(rf"^  {re.escape(name)}  +\S", said, re.MULTILINE), name
    assert [line for line in said.splitlines() if line and line[0] != " "] == [
        *("algorithms", "wrappers", "problems", "datasets", "figures"),
        "algorithms of other libraries, if these are installed",
    ]


@pytest.mark.parametrize(
    ("what", "names"),
    [
        *(("algorithms", OPTIMIZERS), ("wrappers", WRAPPERS), ("problems", PROBLEMS)),
        *(("figures", FIGURES), ("datasets", DATASETS)),
    ],
)
def test_list_of_one_kind_has_a_name_a_line(what, names):
    assert [line.split()[0] for line in done("list", what).splitlines()] == sorted(names)


@pytest.mark.parametrize(("registry", "name"), EVERYTHING, ids=[name for _, name in EVERYTHING])
def test_explain_shows_all_that_is_declared(registry, name):
    said = done("explain", name)
    flat = re.sub(r"\s+", " ", said)
    declared = registry[name]
    assert said.startswith(name)
    for fact in ("label", "source", "confused_with"):
        assert re.sub(r"\s+", " ", getattr(declared, fact, "")) in flat, fact
    assert ("Not to be confused with: " in said) is bool(getattr(declared, "confused_with", ""))
    for line in declared.__doc__.strip().splitlines():
        assert line.strip() in said
    for field in declare.fields(declared).values():
        default = shown(field.default).strip("'")
        assert f"{field.name} {default} {field.domain} {field.meaning}" in flat
    for kind in getattr(declared, "needs", ()):
        assert kind in said.split("Asks for: ")[1].splitlines()[0]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("rosenbrock", "Starts at (-1.2, 1), in [-2, 2] × [-1, 3]. Minimum: (1, 1), error 0."),
        ("saddle", "in [-2, 2] × [-2, 2]. No known minimum; a run has arrived at an error of -1."),
        ("three-hump-camel", "Minima: (0, 0), error 0; (1.74755"),
        ("booth", "Answers: error, gradient, hessian, residuals and jacobian"),
    ],
)
def test_explain_says_where_a_problem_starts_and_is_lowest(name, said):
    assert said in re.sub(r"\s+", " ", done("explain", name))


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("srface", "did you mean 'surface'?"),
        ("perceptrn", "did you mean 'perceptron'?"),
        ("xyzzy", "`bpviz list` names them"),
    ],
)
def test_explain_suggests_what_was_meant(name, hint):
    assert refused("explain", name) == (
        f"{name!r} is not the name of an algorithm, a wrapper, a problem or a figure; {hint}"
    )


def test_explain_suggests_the_name_for_every_synonym():
    for name, rule in KNOWN:
        for synonym in rule.synonyms:
            assert refused("explain", synonym).endswith(f"; did you mean {name!r}?")


# -- validate, schema, init, completion ------------------------------------------------------------------------------


def test_validate_counts_what_is_fine(folder):
    (folder / "a.yaml").write_text(GOOD)
    assert done("validate", "a.yaml") == "1 config is fine\n"
    (folder / "b.yml").write_text(QUICK)
    assert done("validate", folder) == "2 configs are fine\n"
    assert done("validate", "-", "--set", "max_epochs=3", stdin=GOOD) == "1 config is fine\n"
    assert done("validate", "--quiet", "a.yaml") == ""


def test_validate_shows_every_mistake_with_its_place(folder):
    (folder / "a.yaml").write_text("algorithms:\n  - {name: gd, lr: 0.3}\n  - {name: momentum, momentum: 1}\n")
    assert refused("validate", "a.yaml") == (
        "a.yaml:2:16: algorithms[0].lr: unknown setting of gd; did you mean 'step'?\n"
        "      - {name: gd, lr: 0.3}\n"
        "                   ^\n"
        "a.yaml:3:32: algorithms[1].momentum: 1 is not in [0, 1) (fraction of the last update kept, μ)\n"
        "      - {name: momentum, momentum: 1}\n"
        "                                   ^"
    )


def test_schema_is_a_schema_that_good_configs_follow(folder):
    schema = json.loads(done("schema"))
    jsonschema.Draft7Validator.check_schema(schema)
    done("init")
    for text in (GOOD, QUICK, (folder / "bpviz.yaml").read_text(encoding="utf-8")):
        jsonschema.validate(yaml.safe_load(text), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"algorithms": [{"name": "gd", "step": -1}]}, schema)


def test_init_writes_a_config_that_is_fine_and_runs(folder):
    result = invoke("init")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "wrote bpviz.yaml; next: bpviz run bpviz.yaml\n"
    assert done("validate", "bpviz.yaml") == "1 config is fine\n"
    assert "reached" in done("run", "bpviz.yaml", "--no-figures")
    text = (folder / "bpviz.yaml").read_text(encoding="utf-8")
    assert text.count("\n#") > 5, "it is commented"


def test_what_init_has_in_comments_works_too(folder):
    done("init", "new.yaml")
    text = (folder / "new.yaml").read_text(encoding="utf-8")
    (folder / "measurements.csv").write_text("length,width,species\n1,2,0\n2,1,1\n")
    figures = re.sub(r"^# ( *- |figures:)", r"\1", text, flags=re.MULTILINE)
    assert figures != text
    (folder / "new.yaml").write_text(figures, encoding="utf-8")
    assert done("validate", "new.yaml") == "1 config is fine\n"
    others = re.findall(r"^# (dataset: .*)$", text, re.MULTILINE)
    assert others
    for dataset in others:
        (folder / "new.yaml").write_text(text.replace("dataset: six-points", dataset), encoding="utf-8")
        assert done("validate", "new.yaml") == "1 config is fine\n"


def test_init_overwrites_nothing_unless_it_is_told_to(folder):
    (folder / "mine.yaml").write_text("mine")
    assert refused("init", "mine.yaml") == "mine.yaml exists; choose another name, or --force to overwrite it"
    assert (folder / "mine.yaml").read_text() == "mine"
    done("init", "mine.yaml", "--force")
    assert "algorithms:" in (folder / "mine.yaml").read_text(encoding="utf-8")
    (folder / "link.yaml").symlink_to("nowhere")
    assert refused("init", "link.yaml") == "link.yaml exists; choose another name, or --force to overwrite it"
    assert refused("init", folder) == f"{folder} is a folder; name a file in it"
    assert refused("init", "no/such.yaml") == f"cannot write {Path('no/such.yaml')}: No such file or directory"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(shell):
    said = done("completion", shell)
    assert "_BPVIZ_COMPLETE" in said
    assert f"{shell}_complete" in said
    if shutil.which(shell):
        assert subprocess.run([shell, "-n"], input=said, encoding="utf-8", check=False).returncode == 0


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
def test_what_is_completed(words, start, found):
    complete = get_completion_class("bash")(cli, {}, "bpviz", "_BPVIZ_COMPLETE")
    assert [item.value for item in complete.get_completions(words, start)] == found


@pytest.mark.parametrize(("words", "kind"), [(["run"], "file"), (["validate"], "file"), (["run", "--out"], "dir")])
def test_files_and_folders_are_completed_by_the_shell(words, kind):
    complete = get_completion_class("bash")(cli, {}, "bpviz", "_BPVIZ_COMPLETE")
    assert [item.type for item in complete.get_completions(words, "con")] == [kind]


# -- compare ---------------------------------------------------------------------------------------------------------

DOCUMENTED = shlex.split(
    'compare gd:step=10 "momentum:step=0.1,momentum=0.95" newton --start 3 -2 --error-threshold 0.1 --max-epochs 5000 '
    "--no-figures --format json"
)


def test_compare_as_documented(plain, folder):
    """The rules in plain floats beside it, from the same start to the same error."""
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


def test_compare_prints_the_published_table_and_draws_one_figure(folder):
    result = invoke("compare", "gd", "momentum", "rprop", "irprop+", "golden", "newton")
    assert result.exit_code == 0
    assert result.stdout == (
        "Algorithm                         step  epochs  error evals  gradient evals  Hessian evals  final error"
        "  ending\n"
        "Gradient descent                   0.3     797            0             797              0       0.1250"
        "  reached 0.125\n"
        "Momentum                           0.3      92            0              92              0       0.1250"
        "  reached 0.125\n"
        "RPROP                              0.1      20            0              20              0       0.1204"
        "  reached 0.125\n"
        "iRPROP+                            0.1      17           17              17              0       0.1242"
        "  reached 0.125\n"
        "Gradient descent + golden search             2           31               2              0       0.1212"
        "  reached 0.125\n"
        "Newton's method                      1       3            0               3              3       0.1246"
        "  reached 0.125\n"
    )
    assert result.stderr == f"1 file in {Path('outputs/compare')}\n"
    assert [path for path in sorted(folder.rglob("*")) if path.is_file()] == [folder / "outputs/compare/paths.png"]


def test_compare_draws_where_and_as_it_is_told(folder):
    assert done("compare", "rprop", "--out", "here", "--format", "svg", "--format", "csv", "-q").startswith(
        "algorithm,"
    )
    assert [str(path.relative_to(folder)) for path in folder.rglob("*.*")] == [str(Path("here/compare/paths.svg"))]


def test_two_of_a_kind_are_told_apart():
    said = done("compare", "gd:step=1", "gd:step=2", "momentum", "--no-figures", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(said)))
    assert [row["label"] for row in rows] == ["Gradient descent (step 1)", "Gradient descent (step 2)", "Momentum"]


def test_compare_refuses_all_mistakes_at_once():
    arguments = ["gd:stp=1", "momntum", "newton:penalty=-1", "adam:step", "--start", "a", "2"]
    assert refused("compare", *arguments, "--max-epochs", "0", "--error-threshold", "-.5").splitlines() == [
        "--start a 2: start[0]: 'a' is not a number (where every algorithm starts)",
        (
            "--error-threshold -.5: error_threshold: -0.5 is not in [0, inf) (a run ends at the first epoch whose "
            "error is at most this above the lowest known)"
        ),
        "--max-epochs 0: max_epochs: 0 is not in [1, inf) (a run ends after this many epochs at the latest)",
        "adam:step: 'step' is not key=value; an example is momentum:step=0.1,momentum=0.95",
        "gd:stp=1: stp: unknown setting of gd; did you mean 'step'?",
        "momntum: 'momntum' is not the name of an algorithm; did you mean 'momentum'?",
        "newton:penalty=-1: penalty: -1 is not in [0, inf) (constant λ added to the diagonal of the Hessian)",
    ]


def test_compare_without_an_end_in_sight():
    said = json.loads(done("compare", "gd", "--error-threshold", "null", "--max-epochs", "7", *DOCUMENTED[-3:]))
    assert (said["runs"][0]["epochs"], said["runs"][0]["ending"]) == (7, "exhausted")


# -- how runs end ----------------------------------------------------------------------------------------------------


def test_every_ending_is_a_row_and_stderr_stays_silent(folder):
    (folder / "hard.yaml").write_text(HARD)
    result = process("run", "hard.yaml", "--quiet", "--no-figures", cwd=folder)
    assert (result.returncode, result.stderr) == (0, "")
    assert [re.split(r"  +", line)[-1] for line in result.stdout.splitlines()] == [
        "ending",
        "stopped being finite",
        "cannot go on (no step reduces the error)",
        "reached 0.41",
        "ran out of epochs",
    ]


def test_strict_names_what_was_not_reached(folder):
    (folder / "hard.yaml").write_text(HARD)
    result = invoke("run", "hard.yaml", "--strict", "--no-figures", "--quiet", "--format", "json")
    assert result.exit_code == 1
    assert len(json.loads(result.stdout)["runs"]) == 4
    assert result.stderr == (
        "not reached, and --strict was given:\n"
        "  Hard: far from (-4, -4) stopped being finite\n"
        "  Hard: singular from (-4, -4) cannot go on (no step reduces the error)\n"
        "  Hard: slow from (-4, -4) ran out of epochs\n"
    )
    assert (folder / "outputs/hard/summary.csv").exists(), "the files are written all the same"


def test_strict_does_not_begin_every_line_with_all_that_is_compared():
    result = invoke("compare", "gd", "newton", "rprop", "--max-epochs", "5", "--strict", "--no-figures")
    assert result.exit_code == 1
    assert result.stderr == (
        "not reached, and --strict was given:\n"
        "  Gradient descent from (-4, -4) ran out of epochs\n"
        "  RPROP from (-4, -4) ran out of epochs\n"
    )


def test_strict_is_content_with_what_was_asked_for():
    done("compare", "gd", "rprop", "--strict", "--no-figures")
    done("compare", "gd", "--error-threshold", "null", "--max-epochs", "5", "--strict", "--no-figures")


# -- run -------------------------------------------------------------------------------------------------------------


def test_run_writes_files_and_says_where(folder):
    (folder / "good.yaml").write_text(GOOD)
    result = invoke("run", "good.yaml", "--format", "svg", "--format", "pdf")
    assert (result.exit_code, result.stderr) == (0, f"7 files in {Path('outputs/good')}\n")
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


def test_run_takes_files_folders_and_the_standard_input(folder):
    (folder / "some").mkdir()
    for name in ("b.yaml", "a.yml", "not.txt", ".hidden.yaml"):
        (folder / "some" / name).write_text(QUICK + f"title: {name}\n")
    (folder / "some" / "sub.yaml").mkdir()
    said = done("run", "some", "-", "some/a.yml", stdin=QUICK)
    titles = [line for line in said.splitlines() if line and not line.startswith(("Algorithm", "RPROP"))]
    assert titles == [".hidden.yaml", "a.yml", "b.yaml", "stdin"]
    assert sorted(path.name for path in (folder / "outputs").iterdir()) == ["a", "b", "hidden", "stdin"]


def test_several_tables_for_programs(folder):
    for name in ("a", "b"):
        (folder / f"{name}.yaml").write_text(QUICK)
    summaries = json.loads(done("run", "a.yaml", "b.yaml", "--format", "json"))
    assert [summary["title"] for summary in summaries] == ["a", "b"]
    blocks = done("run", "a.yaml", "b.yaml", "--format", "csv").split("\n\n")
    assert [len(list(csv.reader(io.StringIO(block)))) for block in blocks] == [2, 2]
    pages = done("run", "a.yaml", "b.yaml", "--format", "md").split("\n\n")
    assert [page for page in pages if page.startswith("# ")] == ["# a", "# b"]


def test_set_replaces_values(folder):
    (folder / "good.yaml").write_text(GOOD)
    sets = ["algorithms.0.step=10", "algorithms[1].label=my own", "max_epochs=1e3", "figures=[]"]
    said = json.loads(done("run", "good.yaml", "--format", "json", *(x for s in sets for x in ("--set", s))))
    assert [(run["label"], run["settings"]["step"], run["epochs"]) for run in said["runs"]] == [
        ("Gradient descent", 10.0, 25),  # the published number for step 10
        ("my own", 0.1, 20),  # and for RPROP
    ]


def test_mistakes_of_several_configs_are_shown_together_and_nothing_is_written(folder):
    (folder / "good.yaml").write_text(GOOD)
    (folder / "bad.yaml").write_text("algorithms: [gd]\nmax_epochs: -3\n")
    (folder / "empty").mkdir()
    (folder / "worse.yaml").write_bytes(b"algorithms: [gd]\ntitle: \xff\n")
    said = refused("run", "good.yaml", "bad.yaml", "empty", "missing.yaml", "", "worse.yaml", "--set", "start=5")
    for start in (
        "--set start=5: start: 5 is not a list of",
        "bad.yaml:2:13: max_epochs: -3 is not in [1, inf)",
        "empty: this folder has no configs: no file ending in .yaml or .yml",
        "missing.yaml: no such file",
        "'': this is not the name of a file or a folder",
        "worse.yaml:2:8: invalid UTF-8 byte 0xff; save the file as UTF-8",
    ):
        assert f"\n{start}" in f"\n{said}", start


def test_two_configs_of_one_name(folder):
    for place in ("one", "two"):
        (folder / place).mkdir()
    (folder / "one/same.yaml").write_text(QUICK)
    (folder / "two/Same.yaml").write_text(QUICK)
    said = refused("run", "one", "two/Same.yaml")
    assert said == ("two configs are named 'same' and would share a folder; rename one or run it with another --out")


def test_nothing_on_the_standard_input():
    said = refused("run", "-", stdin="")
    assert said == "<stdin>: there is nothing in it; `bpviz init` writes a config to start from"


@pytest.mark.parametrize("command", ["run good.yaml", "compare gd"])
def test_places_where_nothing_can_be_written(folder, command):
    (folder / "good.yaml").write_text(GOOD)
    (folder / "file").write_text("")
    inside = "" if command.startswith("run") else "compare"
    arguments = [*command.split(), "--out"]
    assert usage_error(*arguments, "file") == "Error: Invalid value for '--out': Directory 'file' is a file."
    assert refused(*arguments, "file/deeper") == f"cannot write {Path('file/deeper', inside)}: Not a directory"
    assert refused(*arguments, "x" * 300) == f"cannot write {Path('x' * 300, inside)}: File name too long"


@on_linux
def test_a_file_system_that_nobody_can_write_on():
    """As root too, who may write in any folder of an ordinary one."""
    assert refused("compare", "gd", "--out", "/proc/x") == "cannot write in /proc/x/compare: No such file or directory"


def test_links_out_of_the_output_folder_are_refused(folder):
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


def test_time_is_shown_on_request_only():
    assert "seconds" not in done("compare", "gd", "--no-figures")
    head, row = done("compare", "gd", "--no-figures", "--time").splitlines()
    assert head.split()[-2:] == ["seconds", "ending"]
    assert re.search(r" \d+\.\d{3}  reached 0\.125$", row)


# -- streams ---------------------------------------------------------------------------------------------------------


@on_posix
@pytest.mark.parametrize("arguments", ["list", "schema", "compare rprop --no-figures --format json"])
def test_a_reader_that_has_seen_enough(arguments, folder):
    """`bpviz ... | head -1`: no traceback, no word."""
    reading, writing = os.pipe()
    os.close(reading)
    result = process(*arguments.split(), cwd=folder, capture_output=False, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert (result.returncode, result.stderr) == (1, "")


@on_linux
@pytest.mark.parametrize("arguments", ["list", "compare rprop --no-figures"])
def test_a_full_disk_behind_the_standard_output(arguments, folder):
    with Path("/dev/full").open("w") as full:
        result = process(*arguments.split(), cwd=folder, capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert (result.returncode, result.stderr) == (1, "cannot go on: No space left on device\n")


@on_posix
@pytest.mark.parametrize(
    ("closed", "arguments", "code"),
    [("1>&-", "run -", 0), ("2>&-", "run -", 0), ("2>&-", "run missing.yaml", 2), ("<&-", "run -", 2)],
)
def test_closed_streams(closed, arguments, code, folder):
    command = f"exec {sys.executable} -m bpviz {arguments} {closed}"
    environment = {**os.environ, "PYTHONPATH": str(HOME)}
    result = subprocess.run(
        ["sh", "-c", command], cwd=folder, env=environment, input=QUICK.encode(), capture_output=True, check=False
    )
    assert result.returncode == code
    assert b"Traceback" not in result.stdout + result.stderr
    assert (folder / "outputs/stdin/summary.json").exists() is (code == 0)


def test_a_terminal_without_greek():
    """The label of rprop- has a minus sign that Windows' old code pages lack."""
    result = process("compare", "rprop-", "--no-figures", env={"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"})
    assert (result.returncode, result.stderr) == (0, "")
    assert "RPROP?" in result.stdout


@on_posix
class TestTerminal:
    """What only a terminal sees: emphasis, folding to its width, a progress bar."""

    @staticmethod
    def seen(folder, *arguments, width=80, **environment):
        """Run the program on a terminal and return what that shows, escape sequences included, and the exit code."""
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

    def test_a_table_has_emphasis_and_endings_have_colours(self, folder):
        (folder / "hard.yaml").write_text(HARD)
        shown, code = self.seen(folder, "run", "hard.yaml", "--no-figures", "-q", width=120)
        assert code == 0
        assert "\x1b[1mAlgorithm" in shown
        for colour, word in ((31, "stopped"), (31, "cannot"), (32, "reached"), (33, "ran out")):
            assert re.search(rf"\x1b\[{colour}m *{word}", shown), shown

    @pytest.mark.parametrize("how", ["option", "variable"])
    def test_without_colours(self, folder, how):
        option, environment = (["--no-color"], {}) if how == "option" else ([], {"NO_COLOR": "1"})
        shown, code = self.seen(folder, "compare", "rprop", "--no-figures", "-q", *option, **environment)
        assert code == 0
        assert not re.search(r"\x1b\[[0-9;]*3\dm", shown)

    @pytest.mark.parametrize("width", [40, 80])
    def test_nothing_is_cut_at_any_width(self, folder, width):
        (folder / "hard.yaml").write_text(HARD + "start: [[-4, -4], [0.125, 3]]\n")
        shown, code = self.seen(folder, "run", "hard.yaml", "--no-figures", "-q", width=width)
        assert code == 0
        lines = self.plain(shown).splitlines()
        assert max(map(len, lines)) <= width
        assert "…" not in shown
        words = " ".join(lines)
        for word in ("singular", "arrives", "stopped", "reached", "0.41", "1e+06", "(0.125,", "168.5"):
            assert word in words

    def test_a_width_that_is_usual_shows_the_published_table_line_by_line(self, folder):
        shown, _ = self.seen(folder, "compare", "gd", "momentum", "golden", "--no-figures", "-q")
        assert [line.rstrip() for line in self.plain(shown).splitlines()] == [
            "                                 error  gradient  Hessian   final",
            "Algorithm          step  epochs  evals     evals    evals   error  ending",
            "─" * 80,
            "Gradient descent    0.3     797      0       797        0  0.1250  reached 0.125",
            "Momentum            0.3      92      0        92        0  0.1250  reached 0.125",
            "Gradient descent              2     31         2        0  0.1212  reached 0.125",
            "+ golden search",
        ]

    def test_the_progress_bar_comes_and_goes_on_stderr(self, folder):
        (folder / "good.yaml").write_text(QUICK)
        shown, code = self.seen(folder, "run", "good.yaml")
        assert code == 0
        assert "starting" in shown
        before, _, after = shown.rpartition("━")
        assert before
        assert re.search(r"\x1b\[1A\x1b\[2K", after), "the line of the bar is cleared"
        assert "files in outputs/good" in after
        quiet, _ = self.seen(folder, "run", "good.yaml", "--quiet")
        dumb, _ = self.seen(folder, "run", "good.yaml", TERM="dumb")
        assert "━" not in quiet + dumb

    def test_messages_are_safe_for_a_terminal(self, folder):
        """A file may not send escape sequences through an error message."""
        (folder / "evil.yaml").write_text('algorithms: ["\\e]0;owned\\a\\e[2Jgd"]\n"\\e[31mkey": 1\n')
        shown, code = self.seen(folder, "validate", "evil.yaml")
        assert code == 2
        assert "\x1b" not in shown
        assert "\a" not in shown
