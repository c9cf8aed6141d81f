"""Names such as ``scipy:BFGS`` in configs and on the command line, and libraries that are not installed."""

from __future__ import annotations

import json
import pickle
import re
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner
from record import families

from bpviz import config, declare, libraries
from bpviz.cli import cli
from bpviz.declare import OPTIMIZERS
from bpviz.libraries import _optax
from bpviz.libraries._class import LibraryValue
from bpviz.outputs import build

ROOT = Path(__file__).parent.parent.parent
LIBRARIES = list(libraries.PREFIXES)
# A name from each library and the packages it requires.
NEEDED = {"torch:Adam": ["torch"], "optax:adamw": ["optax", "jax"], "scipy:BFGS": ["scipy"]}


def read(text):
    return config.loads(text.encode(), "exp.yaml", Path())


def refusal(text):
    with pytest.raises(config.ConfigError) as caught:
        read(text)
    return str(caught.value)


def compared(*specs, **more):
    return config.from_parts(specs, **more).algorithms


def invoke(*arguments):
    return CliRunner().invoke(cli, arguments)


# -- equivalent rules ------------------------------------------------------------------------------------------------


def test_docs_list_all_optimizers_without_an_equivalent_rule():
    """All optimizers of torch and optax are recorded as equivalent to a rule or listed in docs/libraries.md."""
    torch, optax = pytest.importorskip("torch"), pytest.importorskip("optax")
    there = {f"optax:{name}" for name in _optax._optimizers(optax)}
    there |= {f"torch:{name}" for name in vars(torch.optim) if f"torch:{name}" in OPTIMIZERS}
    there |= {"torch:Muon", "torch:SparseAdam"}  # do not support vectors
    cases = [case for cases in families().values() for case in cases]
    links = [link for case in cases for link in case.arguments.values() if isinstance(link, dict)]
    equivalent = {f"{case.library}:{case.name}" for case in cases} | {f"optax:{link['name']}" for link in links}
    text = (ROOT / "docs" / "libraries.md").read_text(encoding="utf-8")
    named = re.search(r"These optimizers have no equivalent rule in bpviz: (.*?)\. All", text, re.DOTALL)
    assert sorted(re.findall(r"`(.+?)`", named[1])) == sorted(there - equivalent)


# -- configs and the command line ------------------------------------------------------------------------------------


def test_config_accepts_library_optimizers():
    experiment = read("algorithms: [scipy:BFGS, {name: scipy:Powell, xtol: 1e-3, label: P}, {name: gd}]\nfigures: []")
    assert [algorithm.label for algorithm in experiment.algorithms] == ["scipy:BFGS", "P", "Gradient descent"]
    assert declare.settings(experiment.algorithms[1].optimizer)["xtol"] == 1e-3
    said = config.resolved(experiment)["algorithms"][1]
    assert said == {
        "name": "scipy:Powell",
        "label": "P",
        "xtol": 1e-3,
        "ftol": 1e-4,
        "maxiter": None,
        "maxfev": None,
        "direc": None,
    }
    assert read(json.dumps(config.resolved(experiment))) == experiment


C1_C2 = "rejected by scipy.optimize.minimize(method='BFGS'): 'c1' and 'c2' do not satisfy'0 < c1 < c2 < 1'"


@pytest.mark.parametrize(
    ("entry", "where", "path", "said"),
    [
        ("{name: scipy:BFGS, gtoll: 1}", "gtoll", ".gtoll", "unknown setting of scipy:BFGS; did you mean 'gtol'?"),
        (
            "{name: scipy:CG, disp: 1}",
            "disp",
            ".disp",
            "unknown setting of scipy:CG; use one of name, label, color, marker, with, gtol, ",
        ),
        ("{name: scipy:BFGS, c1: 0.95}", "0.95", ".c1", C1_C2),
        ("{name: scipy:BFGS, c1: 0.5, c2: 0.4}", "{", "", C1_C2),  # each is valid alone
        (
            "{name: scipy:Nelder-Mead, adaptive: no}",
            "no}",
            ".adaptive",
            "expected true or false, got 'no' (Adapt ",
        ),
        (
            "{name: scipy:bfgs}",
            "scipy",
            ".name",
            "unknown optimizer 'scipy:bfgs' of scipy.optimize.minimize; did you",
        ),
        ("pytorch:A", "pytorch", "", "'pytorch:A': unknown library 'pytorch'; did you mean 'torch:A'?"),
        ("keras:Adam", "keras", "", "'keras:Adam': unknown library 'keras'; use one of torch, optax, scipy"),
    ],
)
def test_mistakes_have_their_location(entry, where, path, said):
    text = f"algorithms: [{entry}]"
    message, line, caret = refusal(text).splitlines()
    column = text.index(where, 12) + 1
    assert message.startswith(f"exp.yaml:1:{column}: algorithms[0]{path}: {said}")
    assert line == f"    {text}"
    assert caret.index("^") == column + 3


def test_mistake_caused_by_two_settings_is_attributed_to_neither():
    kind = OPTIMIZERS["scipy:BFGS"]
    assert kind(c1=0.5) != kind(c2=0.4)
    with pytest.raises(ValueError, match=r"^scipy:BFGS: rejected by scipy\.optimize\.minimize"):
        kind(c1=0.5, c2=0.4)


def test_rejects_a_method_whose_needs_the_problem_lacks():
    class Blind:
        name, offers = "blind", frozenset({"error"})

    reason = declare.unsuitable(OPTIMIZERS["scipy:BFGS"], Blind())
    assert reason == "scipy:BFGS requires gradient, which the problem blind does not provide"
    assert declare.unsuitable(OPTIMIZERS["scipy:Powell"], Blind()) is None


def test_settings_on_the_command_line_follow_the_second_colon():
    (bare,) = compared("scipy:BFGS")
    assert bare.optimizer == OPTIMIZERS["scipy:BFGS"]()
    (one,) = compared("scipy:BFGS:gtol=1e-3,maxiter=5")
    assert one.optimizer == OPTIMIZERS["scipy:BFGS"](gtol=1e-3, maxiter=5)
    (lists,) = compared("scipy:Powell:direc=[[1, 0.5],[0, 1]],xtol=0.1")
    assert lists.optimizer == OPTIMIZERS["scipy:Powell"](direc=[[1, 0.5], [0, 1]], xtol=0.1)
    two = compared("scipy:BFGS", "scipy:BFGS:gtol=0.1")
    assert [algorithm.label for algorithm in two] == ["scipy:BFGS (gtol 1e-05)", "scipy:BFGS (gtol 0.1)"]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (
            "scipy:BFGS:gtol",
            ("scipy:BFGS:gtol: expected key=value, got 'gtol'; for example, use momentum:step=0.1,momentum=0.95"),
        ),
        (
            "scipy:BFGS:lr=1",
            "scipy:BFGS:lr=1: lr: unknown setting of scipy:BFGS; use one of name, label, ",
        ),
        ("scipy", "scipy: unknown optimizer 'scipy:' of scipy.optimize.minimize; use one of BFGS, CG, "),
        ("scipy:", "scipy:: unknown optimizer 'scipy:' of scipy.optimize.minimize; use one of BFGS, CG, "),
        ("scipy:BFGS:direc=[1", "scipy:BFGS:direc=[1: direc: unknown setting of scipy:BFGS; use one of "),
    ],
)
def test_mistakes_on_the_command_line(spec, said):
    with pytest.raises(config.ConfigError) as caught:
        compared(spec)
    assert str(caught.value).startswith(said)


def test_a_comparison_end_to_end():
    done = invoke("compare", "scipy:CG:gtol=1e-5", "gd", "--start", "-6", "2", "--no-figures")
    assert done.exit_code == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["Algorithm", "scipy:CG", "Gradient"]
    (row,) = (line for line in done.stdout.splitlines() if line.startswith("scipy:CG"))
    assert row.endswith("stuck: Optimization terminated successfully")


@pytest.mark.slow
def test_outputs_are_identical_with_one_and_two_processes(tmp_path):
    text = "algorithms: [scipy:BFGS, {name: scipy:COBYQA}, rprop]\nfigures: [paths, epochs]\nstart: [[-4, -4], [3, -2]]"
    contents = []
    for jobs in (1, 2):
        job = build.Job(read(text), tmp_path / str(jobs), ("svg",))
        build.plan([job])
        build.carry_out([job], lambda number, outcome: None, processes=jobs)
        contents.append({path.name: path.read_bytes() for path in job.folder.iterdir()})
    assert contents[0] == contents[1]
    made = json.loads(contents[0]["run.json"])
    assert list(made["versions"]) == ["bpviz", "python", "numpy", "matplotlib", "scipy"]


def test_unpickling_does_not_import_the_library():
    made = pickle.dumps(OPTIMIZERS["scipy:BFGS"](gtol=1e-3))
    code = (
        "import pickle, sys; o = pickle.loads(sys.stdin.buffer.read()); print(o.name, o.gtol, 'scipy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], input=made, capture_output=True, check=True, cwd=ROOT)
    assert done.stdout.split() == [b"scipy:BFGS", b"0.001", b"False"]


def test_explain_shows_the_call_and_the_settings():
    said = invoke("explain", "scipy:COBYLA").stdout
    assert said.startswith("scipy:COBYLA\n\nMethod COBYLA of scipy.optimize.minimize.\n\nOne epoch is one iteration")
    assert "COBYLA calls back after one or two evaluations, with its best weights so far." in said
    call = "scipy.optimize.minimize(..., method='COBYLA', options={'rhobeg': 1.0, 'tol': 0.0001, 'maxiter': 1000,"
    assert call in re.sub(r"\s+", " ", said)
    assert "rhobeg    1.0      a number" in said
    assert re.search(r"Reasonable initial changes to the\n +variables\n", said)
    assert "Evaluations: error\n" in said
    refused = invoke("explain", "scipy:xyzzy")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr.startswith("unknown optimizer 'scipy:xyzzy' of scipy.optimize.minimize; use one of BFGS, ")


def test_list_shows_the_name_prefixes():
    said = invoke("list").stdout
    for library, meaning in libraries.PREFIXES.items():
        assert f"  {library}:... " in said
        assert meaning in re.sub(r"\s+", " ", said)
    assert ":..." not in invoke("list", "algorithms").stdout
    assert not [name for name in OPTIMIZERS if ":" in name]


@pytest.mark.parametrize(
    ("name", "right"), [("scipy:BFGS", True), ("torch:Adam", True), ("foo:Adam", False), ("scipy:", False)]
)
def test_schema_accepts_library_optimizers(name, right):
    validator = jsonschema.Draft7Validator(config.schema())
    assert validator.is_valid({"algorithms": [name]}) is right
    assert validator.is_valid({"algorithms": [{"name": name, "gtol": 1e-3}]}) is right


# -- missing libraries -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NEEDED)
def test_missing_library_is_reported_in_one_line(name, monkeypatch, tmp_path):
    for package in NEEDED[name]:
        monkeypatch.setitem(sys.modules, package, None)
        library = name.partition(":")[0]
        said = f'{name} requires {package}; install it with pip install "bpviz[{library}]"'
        assert refusal(f"algorithms: [gd, {name}]") == f"exp.yaml:1:18: algorithms[1]: {said}"
        (tmp_path / "exp.yaml").write_text(f"algorithms: [{{name: {name}}}]")
        for arguments in (["validate", "exp.yaml"], ["run", "exp.yaml"]):
            monkeypatch.chdir(tmp_path)
            done = invoke(*arguments)
            assert (done.exit_code, done.stdout) == (2, "")
            assert done.stderr == f"exp.yaml:1:21: algorithms[0].name: {said}\n"
        done = invoke("compare", f"{name}:x=1", "gd")
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr == f"{name}:x=1: name: {said}\n"
        done = invoke("explain", name)
        assert (done.exit_code, done.stdout, done.stderr) == (2, "", f"{said}\n")
        monkeypatch.delitem(sys.modules, package)
        if find_spec(package) is None:
            return  # the second package is only required if the first is installed


def test_reports_a_library_that_is_too_old(monkeypatch):
    monkeypatch.setitem(libraries.MINIMUM_VERSIONS, "scipy", (1999, 1))
    version = pytest.importorskip("scipy").__version__
    said = f'scipy:BFGS requires scipy >= 1999.1 (got {version}); upgrade with pip install "bpviz[scipy]"'
    assert refusal("algorithms: [scipy:BFGS]") == f"exp.yaml:1:14: algorithms[0]: {said}"


def test_reports_a_library_that_cannot_be_imported(monkeypatch, tmp_path):
    (tmp_path / "torch.py").write_text("raise ImportError('libtorch.so: cannot open shared object file', name='_C')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    reason = "libtorch.so: cannot open shared object file"
    said = f"torch:Adam requires torch, which is installed but not importable: {reason}"
    assert refusal("algorithms: [torch:Adam]") == f"exp.yaml:1:14: algorithms[0]: {said}"


def test_extras_require_the_minimum_versions():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    assert set(LIBRARIES) <= set(extras)
    bounds = [bound for library in LIBRARIES for bound in extras[library]]
    assert bounds == [
        f"{package}>={'.'.join(map(str, least))}" for package, least in libraries.MINIMUM_VERSIONS.items()
    ]


# -- passed values ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, 1, -0.5, True, "text", [], [1, [2.5, None, "a"], False]])
def test_plain_values_are_passed_unchanged(value):
    assert LibraryValue().complaint(value) is None
    handed = LibraryValue().convert(value)
    assert json.loads(json.dumps(handed)) == value
    assert hash(handed) is not None


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (float("nan"), "expected a finite number, got nan"),
        ({}, "expected a number, true, false, a string or a list, got a mapping"),
        ([1, [float("inf")]], "item 2: item 1: expected a finite number, got inf"),
        ([{}], "item 1: expected a number, true, false, a string or a list, got a mapping"),
    ],
)
def test_rejects_other_values(value, said):
    assert LibraryValue().complaint(value) == said


def test_domain_accepts_values_of_the_type_of_the_default_and_null():
    likes = {"a number": (1, 2.5), "true or false": (True, False), "a string": ("a",), "a list": ([], [1])}
    for words in likes:
        assert LibraryValue(words).complaint(None) is None
        for other, values in likes.items():
            for value in values:
                assert (LibraryValue(words).complaint(value) is None) == (other == words), (words, value)
