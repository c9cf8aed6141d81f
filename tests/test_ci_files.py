"""Run the GitHub action, the pre-commit hooks and the examples of docs/ci.md with a shell, pre-commit and make."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bpviz.outputs.drift import LEVELS

ROOT = Path(__file__).parent.parent
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
DOCUMENT = (ROOT / "docs/ci.md").read_text(encoding="utf-8")
CONFIG = "algorithms:\n  - {name: gd, step: 10}\nfigures: []\nexpect: {gd: {epochs: 25}}\n"
SHELL = ["bash", "--noprofile", "--norc", "-eo", "pipefail"]  # as GitHub starts it for `shell: bash`

posix = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")


def tool(name):
    """Return the path of a program in the dependency group ci, or skip the test if it is not installed."""
    found = shutil.which(name, path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    if found is None:
        pytest.skip(f"{name} is not installed: pip install --group ci")
    return found


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)


def named(name):
    """Return the YAML examples for the file ``name``."""
    return [block for block in blocks("yaml") if block.startswith(f"# {name}")]


@pytest.fixture
def repository(tmp_path):
    """A git repository with a config and its outputs."""
    folder = tmp_path / "repository"
    (folder / "configs").mkdir(parents=True)
    (folder / "configs/one.yaml").write_text(CONFIG)
    git(folder, "init", "--quiet", "--initial-branch=main")
    done = bpviz(folder, "run", "configs", "--quiet")
    assert done.returncode == 0, done.stderr
    commit(folder)
    return folder


def git(folder, *arguments):
    identity = {f"GIT_{who}_{what}": "t@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | identity
    return subprocess.run(["git", *arguments], cwd=folder, check=True, env=environment, capture_output=True, text=True)


def commit(folder):
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--no-verify", "--message", "as it is")


def bpviz(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "bpviz", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=plain(),
    )


def plain(**more):
    """Return an environment that finds this bpviz and has no variables of GitHub."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "GIT_", "PRE_"))
    }
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return environment | {"PATH": path, "PYTHONPATH": str(ROOT)} | more


# -- the action --------------------------------------------------------------------------------------------------------


def step(name):
    return next(step for step in ACTION["runs"]["steps"] if step["name"] == name)


def run_step(name, folder, inputs, **environment):
    """Run the script of a step with its inputs in the environment, as GitHub does."""
    given = {key: part["default"] for key, part in ACTION["inputs"].items()} | inputs
    expressions = step(name).get("env", {})
    for variable, expression in expressions.items():
        wanted = re.fullmatch(r"\$\{\{ inputs\.([\w-]+) \}\}", expression)[1]
        environment[variable] = given[wanted]
    script = folder.parent / "step.sh"
    script.write_text(step(name)["run"])
    return subprocess.run(
        [*SHELL, str(script)], cwd=folder, env=plain(**environment), capture_output=True, text=True, check=False
    )


def run_action(folder, **inputs):
    (folder.parent / "bin").mkdir(exist_ok=True)
    program = folder.parent / "bin/bpviz"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m bpviz "$@"\n')
    program.chmod(0o755)
    return run_step(
        "Run bpviz",
        folder,
        inputs,
        PATH=f"{program.parent}{os.pathsep}{os.environ['PATH']}",
        GITHUB_ACTIONS="true",
        GITHUB_WORKSPACE=str(folder),
        GITHUB_STEP_SUMMARY=str(folder.parent / "summary.md"),
    )


def test_action_inserts_no_inputs_into_scripts():
    for each in ACTION["runs"]["steps"]:
        assert "${{" not in each.get("run", "")
        assert each.get("shell", "bash") == "bash"
    assert ACTION["runs"]["using"] == "composite"
    used = re.findall(r"\$\{\{ inputs\.([\w-]+)", (ROOT / "action.yml").read_text(encoding="utf-8"))
    assert set(used) == set(ACTION["inputs"])
    assert all(part["description"] for part in ACTION["inputs"].values())
    assert all(level in ACTION["inputs"]["check"]["description"] for level in LEVELS)


@posix
def test_action_checks(repository):
    done = run_action(repository)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1 experiment checked (level: results), no drift\n", "")
    assert (
        (repository.parent / "summary.md")
        .read_text()
        .startswith("# bpviz: 1 experiment checked (level: results), no drift")
    )
    assert git(repository, "status", "--porcelain").stdout == ""


@pytest.mark.slow
@posix
@pytest.mark.parametrize("level", LEVELS)
def test_action_fails_on_drift(repository, level):
    path = repository / "configs/one.yaml"
    path.write_text(path.read_text().replace("step: 10", "step: 11"))
    done = run_action(repository, check=level, config="configs/one.yaml\n", args="--jobs=2\n\n--strict\n")
    assert done.returncode == 1
    assert done.stderr.splitlines()[0].startswith("configs/one.yaml:4:23: ") or level == "inputs"
    annotations = [line for line in done.stderr.splitlines() if line.startswith("::error file=configs/one.yaml,line=2")]
    assert len(annotations) == (1 if level == "inputs" else 2)


@posix
def test_action_runs(repository):
    path = repository / "configs/one.yaml"
    path.write_text(path.read_text().replace("step: 10", "step: 11"))
    done = run_action(repository, check="none", out="figures")
    assert done.returncode == 0, done.stderr
    assert (repository / "figures/one/bpviz.lock.json").is_file()


@pytest.mark.slow
@posix
def test_action_does_not_execute_its_inputs(repository):
    hostile = "$(touch pwned) `touch pwned`; touch pwned #\"'\\"
    for given in ({"config": hostile}, {"args": f"--set={hostile}"}, {"out": hostile}, {"check": hostile}):
        done = run_action(repository, **given)
        assert done.returncode in (1, 2), done.stderr
        assert not (repository / "pwned").exists()
    done = run_action(repository, check="all")
    assert (done.returncode, done.stdout) == (
        2,
        "::error title=bpviz::invalid check (expected inputs, results, pixels or none)\n",
    )
    assert "no such file" in run_action(repository, config="--help").stderr  # a config, not an option


@posix
@pytest.mark.parametrize(
    ("version", "wanted"),
    [
        ("", "{action}"),
        ("0.1.0", "bpviz==0.1.0"),
        (">=0.1,<0.2", "bpviz>=0.1,<0.2"),
        ("==0.1.*", "bpviz==0.1.*"),
        ("~=0.1", "bpviz~=0.1"),
    ],
)
def test_action_installs(tmp_path, version, wanted):
    """A fake python records its arguments."""
    folder = tmp_path / "repository"
    (tmp_path / "fake").mkdir()
    folder.mkdir()
    python = tmp_path / "fake/python"
    python.write_text(
        f'#!/bin/bash\nprintf "%s\\n" "$@" >> "{tmp_path}/asked"\n'
        'if [ "$3" = venv ]; then mkdir -p "$4/bin"; cp "$0" "$4/bin/python"; fi\n'
    )
    python.chmod(0o755)
    done = run_step(
        "Install bpviz",
        folder,
        {"version": version},
        PATH=f"{tmp_path}/fake{os.pathsep}{os.environ['PATH']}",
        RUNNER_TEMP=str(tmp_path / "temporary files"),
        GITHUB_PATH=str(tmp_path / "path"),
        GITHUB_ACTION_PATH=str(tmp_path / "the action"),
    )
    assert done.returncode == 0, done.stderr
    home = f"{tmp_path}/temporary files/bpviz"
    assert (tmp_path / "path").read_text() == f"{home}/bin\n"
    options = ["-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--"]
    wanted = wanted.format(action=tmp_path / "the action")
    assert (tmp_path / "asked").read_text().splitlines() == ["-I", "-m", "venv", home, *options, wanted]


@posix
def test_action_rejects_invalid_versions(tmp_path):
    (tmp_path / "repository").mkdir()
    for version in ("https://example.org/x.whl", "other", "-r file"):
        done = run_step("Install bpviz", tmp_path / "repository", {"version": version}, RUNNER_TEMP=str(tmp_path))
        assert (done.returncode, done.stdout) == (
            2,
            "::error title=bpviz::invalid version (expected a version such as 0.1.0 or >=0.1,<0.2)\n",
        )


# -- examples ----------------------------------------------------------------------------------------------------------


def test_workflows_pass_actionlint(tmp_path):
    linter = tool("actionlint")
    (tmp_path / ".github/workflows").mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    workflows = named(".github/workflows/")
    assert len(workflows) == 2
    local = {}
    for number, workflow in enumerate(workflows):
        path = tmp_path / f".github/workflows/{number}.yml"
        # The local action, so that the linter checks the inputs.
        path.write_text(workflow.replace("bpviz/bpviz@main", "./"))
        local[path.name] = path.read_text().count("uses: ./")
    assert list(local.values()) == [1, 1]
    shutil.copy(ROOT / "action.yml", tmp_path)
    done = subprocess.run([linter, "-no-color"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    path.write_text(path.read_text().replace("check: none", "chekc: none"))
    done = subprocess.run([linter, "-no-color"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert 'input "chekc" is not defined in action' in done.stdout  # the linter can find errors


@pytest.mark.slow
@posix
def test_gitlab_pipeline(repository):
    (pipeline,) = map(yaml.safe_load, named(".gitlab-ci.yml"))
    install, *script = pipeline["figures"]["script"]
    assert install.startswith("pip install")
    assert pipeline["figures"]["artifacts"]["paths"] == ["bpviz-drift/"]
    assert shell(repository, "\n".join(script)).returncode == 0
    (repository / "outputs/one/summary.csv").unlink()
    assert shell(repository, "\n".join(script)).returncode == 1


def shell(folder, script):
    run_action(folder)  # creates the program
    path = f"{folder.parent}/bin{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(["bash", "-ec", script], cwd=folder, env=plain(PATH=path), capture_output=True, check=False)


@pytest.mark.slow
@posix
@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_makefile(repository):
    (makefile,) = blocks("make")
    (repository / "Makefile").write_text(makefile)
    assert shell(repository, "make check").returncode == 0
    path = repository / "configs/one.yaml"
    path.write_text(path.read_text().replace("step: 10", "step: 11"))
    assert shell(repository, "make check").returncode != 0
    assert shell(repository, "make figures && make check").returncode == 0


# -- pre-commit --------------------------------------------------------------------------------------------------------


def test_hooks_are_valid(tmp_path):
    program = tool("pre-commit")
    done = subprocess.run(
        [program, "validate-manifest", str(ROOT / ".pre-commit-hooks.yaml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    for number, example in enumerate(named(".pre-commit-config.yaml")):
        path = tmp_path / f"{number}.yaml"
        path.write_text(example)
        done = subprocess.run([program, "validate-config", str(path)], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
    wanted = re.compile(HOOKS[0]["files"])
    assert [
        bool(wanted.search(name)) for name in ("configs/a.yaml", "configs/a.yml", "a.yaml", "configs/b/a.yaml")
    ] == [
        True,
        True,
        False,
        False,
    ]


@posix
def test_hooks_run_in_a_repository(repository, tmp_path):
    """As declared, but with the local bpviz: creating an environment takes minutes and a network."""
    program = tool("pre-commit")
    assert [hook["language"] for hook in HOOKS] == ["python", "python"]
    local = [hook | {"language": "system", "entry": f"{sys.executable} -m {hook['entry']}"} for hook in HOOKS]
    (repository / ".pre-commit-config.yaml").write_text(yaml.safe_dump({"repos": [{"repo": "local", "hooks": local}]}))
    commit(repository)
    environment = plain(PRE_COMMIT_HOME=str(tmp_path / "home"))

    def run(*arguments):
        command = [program, "run", "--color=never", *arguments]
        done = subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, check=False)
        states = re.findall(r"^bpviz.*?\.+(?:\(.*\))?(\w+)$", done.stdout, re.MULTILINE)
        return done.returncode, states, done.stdout

    assert run("--all-files")[:2] == (0, ["Passed", "Passed"])
    path = repository / "configs/one.yaml"
    path.write_text(path.read_text().replace("step: 10", "step: 11"))
    git(repository, "add", "--all")
    code, states, output = run()
    assert (code, states) == (1, ["Passed", "Failed"])
    assert "configs/one.yaml:2:22: algorithms[0].step: changed from 10.0 to 11.0" in output
    path.write_text(path.read_text().replace("step: 11", "lr: 11"))
    git(repository, "add", "--all")
    code, states, output = run()
    assert (code, states) == (1, ["Failed", "Failed"])
    assert "configs/one.yaml:2:16: algorithms[0].lr: unknown setting of gd" in output
    git(repository, "reset", "--quiet", "--hard")
    (repository / "notes.txt").write_text("nothing of bpviz")
    git(repository, "add", "--all")
    assert run()[:2] == (0, ["Skipped", "Skipped"])


@posix
@pytest.mark.skipif("BPVIZ_TRY_REPO" not in os.environ, reason="creates an environment; set BPVIZ_TRY_REPO=1 to run it")
def test_hooks_run_in_their_own_environment(repository, tmp_path):
    program = tool("pre-commit")
    clone = tmp_path / "bpviz"
    subprocess.run(["git", "clone", "--quiet", "--depth=1", f"file://{ROOT}", str(clone)], check=True)
    environment = plain(PRE_COMMIT_HOME=str(tmp_path / "home"))
    del environment["PYTHONPATH"]
    command = [program, "try-repo", "--color=never", "--all-files", "--ref=HEAD", f"file://{clone}"]
    done = subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("Passed") == 2
