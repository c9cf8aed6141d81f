"""Test plugins: files given with --plugin and installed packages, including broken and hostile ones."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner

import bpviz
from bpviz.cli import cli
from bpviz.config import ConfigError, plugins
from bpviz.declare import OPTIMIZERS, PROBLEMS, entry_points, registry
from bpviz.declare.entry_points import BrokenPluginError

HOME = Path(bpviz.__file__).parent.parent

pytestmark = pytest.mark.usefixtures("forgotten")

# A rule with an obvious path: each epoch adds 0.5 to every weight.
LEAP = """\
from bpviz import hyper, optimizer


@optimizer("leap", needs="gradient", source="this test, 2026", synonyms=("hop",))
class Leap:
    \"\"\"Move on.\"\"\"

    step: float = hyper(0.5, "(0, inf)", "length of a step")

    def begin(self, w, f):
        return ()

    def advance(self, w, state, f):
        f.gradient(w)
        return w + self.step, state
"""
BOWL = """\
from bpviz import Function, hyper, problem


@problem("pan", source="this test, 2026")
class Pan(Function):
    \"\"\"A pan.\"\"\"

    depth: float = hyper(2.0, "(0, inf)", "how deep")
    start, window, minima = (1.0, 2.0), ((-3.0, 3.0), (-3.0, 3.0)), ()
    offers = frozenset(("error", "gradient"))

    def error(self, x, y):
        return self.depth * (x * x + y * y)

    def gradient(self, x, y):
        return 2 * self.depth * x, 2 * self.depth * y
"""
EXPERIMENT = "algorithms: [gd, {name: leap, step: 0.25}]\nfigures: [errors]\nmax_epochs: 7\n"

on_posix = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX system")
on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Run every test in a temporary folder with a plugin and an experiment that uses it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "leap.py").write_text(LEAP)
    (tmp_path / "exp.yaml").write_text(EXPERIMENT)
    return tmp_path


def invoke(*arguments):
    return CliRunner().invoke(cli, [str(a) for a in arguments])


def done(*arguments):
    result = invoke(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def rejected(*arguments, code=2):
    """Run a command that must fail; check that it prints and writes nothing; return its message."""
    before = sorted(Path().rglob("*"))
    result = invoke(*arguments)
    assert (result.exit_code, result.stdout) == (code, ""), result.output
    assert sorted(Path().rglob("*")) == before
    return result.stderr.rstrip("\n")


def process(*arguments, **how):
    """Run the program in a new process in which warnings are errors."""
    return subprocess.run(
        [sys.executable, "-P", "-W", "error", "-m", "bpviz", *arguments],
        env={**os.environ, "PYTHONPATH": str(HOME)},
        check=False,
        timeout=60,
        **{"capture_output": True, "encoding": "utf-8", **how},
    )


def write(name, text):
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return name


def names():
    return [*OPTIMIZERS, *PROBLEMS]


# -- names from files ------------------------------------------------------------------------------------------------


def test_runs_a_rule_of_a_file_with_built_in_rules():
    summary = json.loads(done("run", "exp.yaml", "--plugin", "leap.py", "--format", "json"))
    assert [run["algorithm"] for run in summary["runs"]] == ["gd", "leap"]
    leap = summary["runs"][1]
    assert (leap["settings"], leap["weights"]) == ({"step": 0.25}, [-4 + 7 * 0.25] * 2)
    assert (leap["label"], leap["evaluations"]["gradient"]) == ("leap", 7)


def test_compares_a_rule_of_a_file_without_a_config():
    options = ["--plugin", "leap.py", "--max-epochs", "3", "--no-figures", "--format", "json"]
    [leap] = json.loads(done("compare", "leap:step=2", *options))["runs"]
    assert leap["weights"] == [2.0, 2.0]


def test_every_command_accepts_plugins(folder):
    (folder / "pan.py").write_text(BOWL)
    both = ("--plugin", "leap.py", "--plugin", "pan.py")
    assert done("validate", "exp.yaml", *both) == "1 config is valid\n"
    listed = done("list", *both)
    assert re.search(r"^  leap +leap$", listed, re.MULTILINE)
    assert re.search(r"^  pan +A pan$", listed, re.MULTILINE)
    assert "Move on.\n\nsetting  default  allowed   meaning\nstep     0.5" in done("explain", "leap", *both)
    assert "how deep" in done("explain", "pan", *both)
    schema = json.loads(done("schema", *both))
    jsonschema.validate({"algorithms": ["leap", {"name": "leap", "step": 0.25}], "problem": "pan"}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"algorithms": [{"name": "leap", "step": -1}]}, schema)


@pytest.mark.parametrize("command", ["run exp.yaml", "compare leap", "validate exp.yaml"])
def test_rejects_the_name_without_the_plugin(command):
    assert "unknown algorithm 'leap'" in rejected(*command.split())


def test_suggests_names_of_plugins():
    assert rejected("compare", "hop", "--plugin", "leap.py").endswith("; did you mean 'leap'?")
    assert rejected("explain", "laep", "--plugin", "leap.py").endswith("; did you mean 'leap'?")


def test_checks_settings_of_plugins():
    assert rejected("compare", "leap:step=-1", "leap:stp=1", "--plugin", "leap.py").splitlines() == [
        "leap:step=-1: step: expected a number in (0, inf), got -1 (length of a step)",
        "leap:stp=1: stp: unknown setting of leap; did you mean 'step'?",
    ]


def test_a_config_never_executes_a_file(folder):
    (folder / "bad.yaml").write_text("algorithms: [leap.py, 'leap.py:Leap']\nplugin: leap.py\nplugins: [leap.py]\n")
    message = rejected("validate", "bad.yaml")
    assert "unknown algorithm 'leap.py'" in message
    assert "plugin: unknown key" in message
    assert plugins.loaded() == []


def test_runs_a_problem_of_a_file(folder):
    (folder / "pan.py").write_text(BOWL)
    plugins.load("pan.py")
    pan = PROBLEMS["pan"](depth=3)
    from bpviz.engine.loop import iterate
    from bpviz.engine.results import record

    run = record(iterate(OPTIMIZERS["gd"](step=1 / 12), pan, [pan.start], error_threshold=None, max_epochs=2))[0]
    assert run.weights.tolist() == [[1, 2], [0.5, 1], [0.25, 0.5]]


# -- paths of files --------------------------------------------------------------------------------------------------


def test_path_is_relative_to_the_working_directory(folder, monkeypatch):
    (folder / "deep" / "down").mkdir(parents=True)
    monkeypatch.chdir("deep/down")
    done("validate", "../../exp.yaml", "--plugin", "../../leap.py")
    plugins._LOADED.clear()
    OPTIMIZERS.unregister(OPTIMIZERS["leap"].__module__)
    assert rejected("validate", "../../exp.yaml", "--plugin", "leap.py") == "leap.py: no such file"


def test_loads_a_file_with_several_paths_once(folder):
    (folder / "linked.py").symlink_to("leap.py")
    for name in ("leap.py", "./leap.py", folder / "leap.py", "linked.py"):
        done("validate", "exp.yaml", "--plugin", name, "--plugin", "leap.py")
    [plugin] = plugins.loaded()
    assert (plugin.file, plugin.sha256) == ("leap.py", hashlib.sha256(LEAP.encode()).hexdigest())


def test_files_named_like_modules_shadow_nothing(folder):
    """In a process of its own, where nothing is imported before, and which does not look into its working directory."""
    named = ["random.py", "json.py", "numpy.py", "click.py", "bpviz.py", "__main__.py", "os.py"]
    for number, name in enumerate(named):
        rule = LEAP.replace('"leap"', f'"leap{number}"').replace('("hop",)', "()")
        write(name, rule + "import json, random\nassert json.dumps and random.random\n")
    write("all.yaml", f"algorithms: [{', '.join(f'leap{number}' for number in range(len(named)))}]\nmax_epochs: 7\n")
    plugins = [part for name in named for part in ("--plugin", f"./{name}")]
    result = process("run", "all.yaml", *plugins, "--no-figures", "--format", "json", cwd=folder)
    assert (result.returncode, result.stderr) == (0, "outputs/all: wrote 5 files\n")
    assert len(json.loads(result.stdout)["runs"]) == len(named)


@pytest.mark.parametrize("name", ["my rule.py", "my.rule.py", "règle-2.py", "rule", "1.txt", "." + "x" * 200])
def test_a_file_may_have_any_name(name):
    write(name, LEAP)
    done("validate", "exp.yaml", "--plugin", name)


def test_two_files_of_one_name_in_different_folders():
    write("one/rule.py", LEAP)
    write("two/rule.py", LEAP.replace('"leap"', '"skip"').replace("w + self.step", "w - self.step"))
    both = ("--plugin", "one/rule.py", "--plugin", "two/rule.py")
    arguments = ("compare", "leap", "skip", *both, "--max-epochs", "2", "--no-figures", "--format", "json")
    assert [run["weights"] for run in json.loads(done(*arguments))["runs"]] == [[-3, -3], [-5, -5]]


def test_changed_file_replaces_its_earlier_definitions():
    first = plugins.load("leap.py")
    assert plugins.load("leap.py") == first
    old = OPTIMIZERS["leap"]
    write("leap.py", LEAP.replace('"leap"', '"jump"'))
    plugins.load("leap.py")
    assert "leap" not in OPTIMIZERS
    assert OPTIMIZERS["jump"].__module__ == old.__module__
    write("leap.py", "1 / 0")
    with pytest.raises(ConfigError, match="division"):
        plugins.load("leap.py")
    assert "jump" in OPTIMIZERS
    assert sys.modules[first.module].Leap is OPTIMIZERS["jump"]


# -- broken files ----------------------------------------------------------------------------------------------------

WITHOUT_ADVANCE = LEAP.partition("    def advance")[0]


RESERVED = "is a reserved name; rename the field\n"
DECORATED = '@optimizer("leap", needs="gradient", source="this test, 2026", synonyms=("hop",))'
BROKEN = {
    # the text of the file, and the beginning of the message
    "": "bad.py: no algorithm or problem found; decorate a class with @optimizer(...) or @problem(...)",
    # Python
    "x = (1,\n": "bad.py:1:5: invalid Python: '(' was never closed\n    x = (1,\n        ^",
    "\n\nreturn 1": "bad.py:3:1: invalid Python: 'return' outside function\n    return 1\n    ^",
    "x = '\0'": "bad.py",
    b"x = '\xff'": "bad.py:1:6: invalid UTF-8 byte 0xff; save the file as UTF-8\n    x = 'ÿ'\n         ^",
    "x = 1\n".encode("utf-16"): "bad.py: encoded as UTF-16; save the file as UTF-8",
    "#" * 300_000: "bad.py: file too large (limit 256 KiB)",
    "x = " + "(" * 3000: "bad.py:1",
    # exceptions
    "a = 1\nb = a / 0\n": "bad.py:2: ZeroDivisionError: division by zero\n    b = a / 0",
    "import no_such_thing": "bad.py:1: ModuleNotFoundError: No module named 'no_such_thing'\n    import no_such_thing",
    "import sys\nsys.exit(0)": "bad.py:2: it called sys.exit() (SystemExit)\n    sys.exit(0)",
    "raise SystemExit": "bad.py:1: it called sys.exit() (SystemExit)\n    raise SystemExit",
    "def f(): f()\nf()": "bad.py:1: RecursionError: maximum recursion depth exceeded\n    def f(): f()",
    "raise ValueError": "bad.py:1: ValueError\n    raise ValueError",
    "raise ValueError('a\\n\\x1b[31mb')": "bad.py:1: ValueError: a \N{REPLACEMENT CHARACTER}[31mb\n",
    # declarations
    WITHOUT_ADVANCE: f"bad.py:4: leap: class Leap is missing method advance(self, w, state, f)\n    {DECORATED}",
    LEAP.partition("    def begin")[0]: (
        "bad.py:4: leap: class Leap is missing method begin(self, w, f) and method advance(self, w, state, f)\n"
    ),
    LEAP.replace('needs="gradient"', 'needs="gradient taste"'): (
        "bad.py:4: leap: needs: expected error, gradient, hessian, residuals or jacobian, got 'taste'\n"
    ),
    LEAP.replace('needs="gradient"', "needs=['gradient']"): (
        "bad.py:4: leap: needs: expected a string such as 'error gradient', got a list\n"
    ),
    LEAP.replace(DECORATED, "@optimizer"): "bad.py:4: TypeError: optimizer() missing 1 required keyword-only argument",
    LEAP.replace(
        "0.5", "-0.5"
    ): "bad.py:4: leap: default of step: expected a number in (0, inf), got -0.5 (length of a step)\n",
    LEAP.replace("(0, inf)", "(0 inf)"): (
        "bad.py:8: expected an interval such as '[0, 1)' or 'integer [1, inf)', got '(0 inf)'"
    ),
    LEAP.replace("step: float =", "step ="): "bad.py:4: TypeError: 'step' is a field but has no type annotation",
    LEAP.replace("step: float", "name: float"): f"bad.py:4: leap: 'name' {RESERVED}",
    LEAP.replace("step: float", "needs: float"): f"bad.py:4: leap: 'needs' {RESERVED}",
    LEAP.replace('"leap"', '"le:ap"'): "bad.py: invalid name 'le:ap'; use letters, digits and + - . _",
    LEAP.replace('"leap"', '"leap", label="a\\nb"'): (
        "bad.py: leap: label: expected printable characters on one line, got 'a\\nb'"
    ),
    LEAP + "del Leap\n": "bad.py: leap: class Leap is not at the top level of the file",
    BOWL.replace("start, window", "begin, view"): "bad.py:4: pan: class Pan is missing start (default start)",
    BOWL.replace("(Function)", "").replace("start,", "begin,"): (
        "bad.py:4: pan: class Pan is missing weights (names of the weights), start (default start), lowest "
    ),
    BOWL.replace("window, minima", "window, maxima"): "bad.py: pan: minima (known minima): NotImplementedError",
    BOWL.replace("(1.0, 2.0)", "(1.0,)"): "bad.py: pan: start: expected a tuple of 2 numbers, got (1.0,)",
    BOWL.replace("(1.0, 2.0)", "[1.0, 2.0]"): "bad.py: pan: start: expected a tuple of 2 numbers, got [1.0, 2.0]",
    BOWL + "    weights = 'xy'\n": "bad.py: pan: weights: expected a tuple of strings, got 'xy'",
    BOWL.replace(
        'frozenset(("error", "gradient"))', '("error",)'
    ): "bad.py: pan: offers: expected a frozenset of 'error' and any of gradient, hessian, residuals, jacobian, got",
}


@pytest.mark.parametrize(("text", "message"), BROKEN.items(), ids=range(len(BROKEN)))
@pytest.mark.parametrize("command", ["run exp.yaml", "list"])
def test_rejects_a_broken_file_with_its_line(text, message, command):
    write("bad.py", text)
    before = names()
    assert rejected(*command.split(), "--plugin", "bad.py").startswith(message)
    assert names() == before
    assert (plugins.loaded(), registry.FILES) == ([], {})
    assert not [module for module in sys.modules if module.startswith("bpviz_plugin_bad")]


@pytest.mark.parametrize(
    "command", ["run exp.yaml", "compare gd", "validate exp.yaml", "list", "explain gd", "schema", "check gd"]
)
def test_every_command_rejects_broken_files(folder, command):
    (folder / "nothing.py").write_text("")
    message = rejected(*command.split(), "--plugin", "missing.py", "--plugin", "leap.py", "--plugin", "nothing.py")
    assert [line.partition(";")[0] for line in message.splitlines()] == [
        "missing.py: no such file",
        "nothing.py: no algorithm or problem found",
    ]


def test_rejects_folders_and_unreadable_files(folder):
    (folder / "folder.py").mkdir()
    assert rejected("list", "--plugin", "folder.py") == "folder.py: expected a file, got a folder"
    assert rejected("list", "--plugin", "") == ": expected a file, got a folder".lstrip(": ")
    (folder / "loop.py").symlink_to("loop.py")
    assert rejected("list", "--plugin", "loop.py").startswith(
        "loop.py: cannot be read: Too many levels of symbolic links"
    )
    if os.name == "posix" and os.geteuid():
        (folder / "leap.py").chmod(0)
        assert rejected("list", "--plugin", "leap.py") == "leap.py: permission denied"


@on_linux
def test_rejects_a_file_with_a_read_error():
    assert rejected("list", "--plugin", "/proc/self/mem") == "/proc/self/mem: cannot be read: Input/output error"


def test_rejects_a_duplicate_name():
    write("bad.py", LEAP.replace('"leap"', '"gd"'))
    assert rejected("list", "--plugin", "bad.py").splitlines()[0] == (
        "bad.py:4: duplicate algorithm 'gd': GradientDescent in bpviz.optimizers.gradient_descent and Leap in bad.py"
    )
    write("other.py", LEAP)
    assert rejected("list", "--plugin", "leap.py", "--plugin", "other.py").splitlines()[0] == (
        "other.py:4: duplicate algorithm 'leap': Leap in leap.py and Leap in other.py"
    )


def test_rejects_a_duplicate_name_before_other_modules_are_imported(folder):
    write("bad.py", LEAP.replace('"leap"', '"gd"'))
    result = process("compare", "gd", "--plugin", "bad.py", cwd=folder)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("bad.py:4: duplicate algorithm 'gd': GradientDescent in ")


# -- prints and interrupts -------------------------------------------------------------------------------------------

LOUD = (
    LEAP.replace("        f.gradient(w)\n", "        f.gradient(w)\n        print('running')\n") + "print('loading')\n"
)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_prints_of_a_plugin_are_not_in_the_table(folder, jobs):
    write("loud.py", LOUD)
    arguments = ("--plugin", "loud.py", "--format", "json", "--no-figures", "--quiet", "--jobs", jobs)
    result = process("run", "exp.yaml", *arguments, cwd=folder)
    assert result.returncode == 0, result.stderr
    assert len(json.loads(result.stdout)["runs"]) == 2
    lines = result.stderr.splitlines()
    assert lines.count("running") == 7
    assert lines.count("loading") >= int(jobs)


def test_prints_of_a_plugin_are_not_in_the_schema():
    write("loud.py", LOUD)
    result = invoke("schema", "--plugin", "loud.py")
    assert "leap" in json.dumps(json.loads(result.stdout))
    assert result.stderr == "loading\n"


def test_help_executes_no_plugin():
    write("loud.py", LOUD)
    for command in ("run", "list", "check"):
        result = invoke(command, "--plugin", "loud.py", "--help")
        assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.parametrize("text", ["raise KeyboardInterrupt", "import signal, os\nos.kill(os.getpid(), signal.SIGINT)"])
@on_posix
def test_interrupt_while_a_plugin_loads(folder, text):
    write("bad.py", text)
    result = process("list", "--plugin", "bad.py", cwd=folder)
    assert (result.returncode, result.stdout, result.stderr.strip()) == (130, "", "interrupted")


def test_reports_a_warning_that_is_an_error(folder):
    """Python warns about an invalid escape sequence; with -W error this is an error."""
    write("bad.py", LEAP + "x = '\\d'\n")
    result = process("list", "--plugin", "bad.py", cwd=folder)
    assert (result.returncode, result.stdout) == (2, "")
    assert re.match(r"bad\.py:16:\d+: invalid Python: .*invalid escape sequence", result.stderr)


def test_reports_an_exception_in_conflicts():
    """Reading a config calls `conflicts` of a plugin."""
    text = LEAP + "\n    def conflicts(self):\n        return [1 / 0]\n"
    write("bad.py", text)
    assert rejected("validate", "exp.yaml", "--plugin", "bad.py") == "bad.py:18: ZeroDivisionError: division by zero"


# -- errors during runs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_reports_a_failing_rule_with_line_and_epoch(folder, jobs):
    write("bad.py", LEAP.replace("        f.gradient(w)\n", "        if w[0, 0] > -3: w[0, 0] / nothing\n"))
    result = process("run", "exp.yaml", "--plugin", "bad.py", "--jobs", jobs, cwd=folder)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "leap (bad.py:14), epoch 6: NameError: name 'nothing' is not defined\n"


@pytest.mark.parametrize(
    "text",
    [
        LEAP.replace("        f.gradient(w)\n", "        import os\n        os._exit(7)\n"),
        *(
            pytest.param(
                LEAP + f"import multiprocessing, os\nif multiprocessing.parent_process(): {end}\n",
                marks=pytest.mark.slow,
            )
            for end in ("os._exit(7)", "raise SystemExit")
        ),
        LEAP.replace("class Leap", "class Other")
        + "import multiprocessing\nif multiprocessing.parent_process(): 1 / 0\n",
    ],
)
@on_posix
def test_crashed_worker_gives_no_traceback(folder, text):
    write("bad.py", text)
    result = process("run", "exp.yaml", "--plugin", "bad.py", "--jobs", "2", cwd=folder)
    assert (result.returncode, result.stdout) == (1, "")
    assert "Traceback" not in result.stderr
    last = result.stderr.splitlines()[-1]
    assert last == "a worker process crashed or was killed (out of memory?); rerun with --jobs 1 to see the error"


# -- processes and records -------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_two_processes_write_the_same_files_as_one(folder):
    write("own.yaml", "algorithms: [leap]\nfigures: [errors]\nmax_epochs: 3\n")
    trees = []
    for jobs in ("1", "2"):
        arguments = ("--plugin", "leap.py", "--out", jobs, "--jobs", jobs)
        result = process("run", "exp.yaml", "own.yaml", *arguments, cwd=folder)
        assert result.returncode == 0, result.stderr
        trees.append({p.relative_to(jobs): p.read_bytes() for p in Path(jobs).rglob("*") if p.is_file()})
    assert trees[0] == trees[1]
    assert len(trees[0]) == 2 * 7


@pytest.mark.slow
def test_workers_execute_the_text_that_was_read(folder):
    """Even if the file changes in the meantime."""
    changing = "from pathlib import Path\nPath(__file__).write_text('1 / 0')\n"
    write("bad.py", LEAP + changing)
    result = process("run", "exp.yaml", "--plugin", "bad.py", "--jobs", "2", cwd=folder)
    status = "outputs/exp: wrote 6 files; first figure outputs/exp/errors.png\n"
    assert (result.returncode, result.stderr) == (0, status)
    assert Path("bad.py").read_text() == "1 / 0"


def test_record_contains_the_file_and_its_hash():
    write("deep/leap.py", LEAP)
    done("run", "exp.yaml", "--plugin", "deep/leap.py", "--no-figures")
    record = json.loads(Path("outputs/exp/run.json").read_text())
    assert record["plugins"] == [{"file": "leap.py", "sha256": hashlib.sha256(LEAP.encode()).hexdigest()}]
    assert {"name": "leap", "label": "leap", "step": 0.25} in record["experiment"]["algorithms"]


def test_record_without_plugins():
    write("plain.yaml", "algorithms: [gd]\n")
    done("run", "plain.yaml", "--no-figures")
    assert list(json.loads(Path("outputs/plain/run.json").read_text())) == ["schema", "experiment", "versions"]


def test_outputs_are_out_of_date_if_a_plugin_changes():
    write("one/rule.py", LEAP)
    write("two/rule.py", LEAP.replace('"leap"', '"skip"'))
    command = ("run", "exp.yaml", "--no-figures", "--plugin", "one/rule.py", "--plugin", "two/rule.py")
    done(*command)
    assert invoke(*command).stderr == "outputs/exp: up to date (5 files); use --force to rerun and redraw\n"
    for file, name in (("one/rule.py", "rule.py"), ("two/rule.py", "rule.py (2)")):
        write(file, Path(file).read_text() + "# another text\n")
        assert invoke(*command).stderr.splitlines()[0] == f"outputs/exp: updated 1 of 5 files ({name} changed)"
        assert invoke(*command).stderr == "outputs/exp: up to date (5 files); use --force to rerun and redraw\n"


def test_rules_of_a_plugin_can_be_pickled():
    import pickle

    plugin = plugins.load("leap.py")
    rule = OPTIMIZERS["leap"](step=3)
    assert pickle.loads(pickle.dumps(rule)) == rule
    assert pickle.loads(pickle.dumps(plugin)) == plugin


# -- installed packages ----------------------------------------------------------------------------------------------


@pytest.fixture
def install(folder, monkeypatch):
    """Return a function that creates an installed package with entry points and modules."""
    site = folder / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)

    def install(name, points, version="1.2", **modules):
        info = site / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(points)
        for module, text in modules.items():
            (site / f"{module}.py").write_text(text)
        entry_points.points.cache_clear()
        entry_points.groups.cache_clear()

    return install


RULES = "[bpviz.optimizers]\nleap = leaps:Leap\n"


def test_finds_a_rule_of_an_installed_package(install):
    install("leaps", RULES, leaps=LEAP)
    [leap] = json.loads(done("compare", "leap", *["--max-epochs", "2", "--no-figures", "--format", "json"]))["runs"]
    assert leap["weights"] == [-3, -3]
    assert "length of a step" in done("explain", "leap")


def test_finds_a_problem_of_an_installed_package(install):
    install("leaps", "[bpviz.problems]\npan = leaps_pan:Pan\n", leaps_pan=BOWL)
    assert "how deep" in done("explain", "pan")
    assert PROBLEMS["pan"]().depth == 2.0


def test_list_and_schema_contain_rules_of_packages(install):
    install("leaps", RULES, leaps=LEAP)
    assert re.search(r"^leap +leap$", done("list", "algorithms"), re.MULTILINE)
    assert '"leap"' in done("schema")


def test_imports_a_package_only_when_its_rule_is_used(install):
    install("leaps", RULES, leaps=LEAP)
    for command in ("compare gd --no-figures", "explain gd", "explain paths", "validate gd.yaml"):
        write("gd.yaml", "algorithms: [gd]\n")
        done(*command.split())
    assert "leaps" not in sys.modules
    assert rejected("compare", "laep").endswith("; did you mean 'leap'?")
    assert "leaps" not in sys.modules
    assert "leap" in OPTIMIZERS
    assert "leaps" in sys.modules


@pytest.mark.slow
def test_built_in_names_do_not_search_packages(folder):
    """importlib.metadata is slow to import."""
    code = """
import sys
from bpviz.cli import cli
cli.main(sys.argv[1:], standalone_mode=False)
print("importlib.metadata" in sys.modules)
"""
    write("gd.yaml", "algorithms: [gd]\n")
    for command in ("validate gd.yaml", "compare gd --no-figures", "explain gd", "explain errors"):
        result = subprocess.run(
            [sys.executable, "-c", code, *command.split()],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(HOME)},
            capture_output=True,
            encoding="utf-8",
            check=True,
        )
        assert result.stdout.splitlines()[-1] == "False", command


@pytest.mark.slow
def test_record_contains_the_package_of_a_rule(install, folder):
    install("leaps", RULES, leaps=LEAP)
    write("plain.yaml", "algorithms: [gd]\nfigures: []\n")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HOME), str(folder / "site")])}
    for jobs in ("1", "2"):
        subprocess.run(
            [sys.executable, "-m", "bpviz", "run", "exp.yaml", "plain.yaml", "--jobs", jobs, "--out", jobs],
            env=environment,
            check=True,
            capture_output=True,
        )
        assert json.loads(Path(jobs, "exp/run.json").read_text())["plugins"] == [{"package": "leaps", "version": "1.2"}]
        assert "plugins" not in json.loads(Path(jobs, "plain/run.json").read_text())


def test_outputs_are_out_of_date_if_a_package_changes(install, folder):
    install("leaps", RULES, leaps=LEAP)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HOME), str(folder / "site")])}

    def run():
        command = [sys.executable, "-m", "bpviz", "run", "exp.yaml", "--no-figures"]
        return subprocess.run(command, env=environment, check=True, capture_output=True, encoding="utf-8").stderr

    assert run() == "outputs/exp: wrote 5 files\n"
    assert run() == "outputs/exp: up to date (5 files); use --force to rerun and redraw\n"
    (folder / "site" / "leaps-1.2.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: leaps\nVersion: 1.3\n"
    )
    assert run().splitlines()[0] == "outputs/exp: updated 1 of 5 files (leaps changed)"
    assert run() == "outputs/exp: up to date (5 files); use --force to rerun and redraw\n"
    shutil.rmtree(folder / "site" / "leaps-1.2.dist-info")
    assert plugins.version_of("leaps") == ""


@pytest.mark.parametrize(
    ("points", "text", "message"),
    [
        (RULES, "1 / 0", r"ZeroDivisionError: division by zero \(.*leaps\.py:1\)"),
        (RULES, "import sys\nsys.exit(1)", r"it called sys.exit\(\) \(SystemExit\) \(.*leaps\.py:2\)"),
        (RULES, "x = (", r"SyntaxError: '\(' was never closed \(leaps\.py, line 1\)"),
        (RULES, None, r"ModuleNotFoundError: No module named 'leaps'"),
        (RULES, "x = 1", r"AttributeError: module 'leaps' has no attribute 'Leap'"),
        (RULES, "Leap = 1", r"leaps:Leap defines no algorithm of that name"),
        (RULES, WITHOUT_ADVANCE, r"leap: class Leap is missing method advance\(self, w, state, f\) \(.*leaps\.py:4\)"),
        (RULES, LEAP.replace('"leap"', '"hop"'), r"leaps:Leap defines no algorithm of that name"),
        (
            RULES,
            LEAP.replace('"leap"', '"gd"'),
            (
                r"duplicate algorithm 'gd': GradientDescent in bpviz\.optimizers\.gradient_descent and "
                r"Leap in leaps \(.*leaps\.py:4\)"
            ),
        ),
    ],
)
def test_rejects_a_broken_package(install, points, text, message):
    install("leaps", points, **({} if text is None else {"leaps": text}))
    before = names()
    sentence = rf"the plugin 'leap' of leaps 1\.2 cannot be used: {message}"
    for command in ("list", "schema", "explain leap"):
        sys.modules.pop("leaps", None)
        assert re.fullmatch(sentence, rejected(*command.split())), command
    sys.modules.pop("leaps", None)
    assert re.fullmatch(f"leap: {sentence}", rejected("compare", "leap"))
    sys.modules.pop("leaps", None)
    lines = rejected("run", "exp.yaml").splitlines()
    assert re.fullmatch(rf"exp\.yaml:1:25: algorithms\[1\]\.name: {sentence}", lines[0])
    assert names() == before
    done("compare", "gd", "--no-figures")


def test_reports_all_broken_packages(install):
    install("leaps", "[bpviz.optimizers]\nhop = leaps_b:Hop\nleap = leaps:Leap\n", leaps="1 / 0", leaps_b="2 / 0")
    assert [line[:30] for line in rejected("list").splitlines()] == [
        "the plugin 'hop' of leaps 1.2 ",
        "the plugin 'leap' of leaps 1.2",
    ]


def test_rejects_a_package_with_a_built_in_name(install):
    install("leaps", "[bpviz.optimizers]\ngd = leaps:Leap\nleap = leaps:Leap\n", leaps=LEAP)
    assert done("compare", "momentum", "--no-figures").count("Momentum") == 1
    write("gd.yaml", "algorithms: [gd]\n")
    clash = "duplicate algorithm 'gd': the plugin 'gd' of leaps 1.2 and GradientDescent in "
    for command in ("list", "compare gd", "run gd.yaml", "explain gd"):
        assert clash + "bpviz.optimizers.gradient_descent" in rejected(*command.split())


def test_rejects_two_packages_with_one_name(install):
    install("leaps", RULES, leaps=LEAP)
    install("leaps-again", RULES)
    assert rejected("compare", "leap").partition(": ")[2] == (
        "duplicate algorithm 'leap': the plugin 'leap' of leaps 1.2 and the plugin 'leap' of leaps-again 1.2"
    )


def test_rejects_a_file_and_a_package_with_one_name(install):
    """In either order."""
    install("leaps", RULES + "[bpviz.problems]\npan = leaps:Pan\n", leaps=LEAP + BOWL)
    write("pan.py", BOWL)
    for command in ("compare leap --no-figures", "list", "check leap.py"):
        assert rejected(*command.split(), "--plugin", "leap.py").splitlines()[0] == (
            "leap.py:4: duplicate algorithm 'leap': the plugin 'leap' of leaps 1.2 and Leap in leap.py"
        )
    assert rejected("compare", "gd", "--plugin", "pan.py").splitlines()[0] == (
        "pan.py:4: duplicate problem 'pan': the plugin 'pan' of leaps 1.2 and Pan in pan.py"
    )
    assert "leaps" not in sys.modules
    assert "leap" in OPTIMIZERS
    assert rejected("compare", "leap", "--plugin", "leap.py").splitlines()[0] == (
        "leap.py:4: duplicate algorithm 'leap': Leap in leaps and Leap in leap.py"
    )


def test_a_package_can_export_a_class_of_another(install):
    install("leaps", RULES, leaps="from leaps_base import Leap", leaps_base=LEAP)
    assert "length of a step" in done("explain", "leap")


def test_an_already_imported_package_is_no_duplicate(install):
    install("leaps", RULES, leaps=LEAP)
    leaps = importlib.import_module("leaps")
    assert OPTIMIZERS["leap"] is leaps.Leap
    assert "leap" in done("list")


def test_package_that_prints_and_is_on_the_path_twice(install, folder, monkeypatch):
    install("leaps", RULES, leaps=LEAP + "print('hello')\n")
    twin = folder / "twin"
    (folder / "site").rename(twin)
    monkeypatch.syspath_prepend(twin)
    result = invoke("schema")
    assert (json.loads(result.stdout)["title"], result.stderr) == ("bpviz experiment", "hello\n")


def test_python_raises_the_same_error(install):
    install("leaps", RULES, leaps="1 / 0")
    with pytest.raises(BrokenPluginError, match=r"the plugin 'leap' of leaps 1\.2 cannot be used"):
        OPTIMIZERS["leap"]
    with pytest.raises(ConfigError, match=r"leap: the plugin 'leap' of leaps 1\.2 cannot be used"):
        bpviz.compare("leap")
