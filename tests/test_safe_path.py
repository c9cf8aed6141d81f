"""Test that bpviz imports nothing from the working directory, which may be the checkout of a pull request."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import bpviz

HOME = Path(bpviz.__file__).parent.parent
posix = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")
needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

DEPENDENCIES = ("click", "matplotlib", "mpl_toolkits", "numpy", "PIL", "rich", "yaml", "optax", "scipy", "torch")
CUSTOM = ("bpviz", "sitecustomize", "usercustomize", "e")
NAMES = {*sys.stdlib_module_names, *DEPENDENCIES, *CUSTOM} - {"__main__"}

COMMANDS = [
    ["list"],
    ["explain", "gd"],
    ["schema"],
    ["completion", "bash"],
    ["init", "new.yaml"],
    ["validate", "configs"],
    ["compare", "gd"],
    ["run", "configs", "--jobs", "2"],
    ["run", "configs", "--check", "--jobs", "2"],
    ["diff", "--git", "HEAD"],
    ["embed", "page.md"],
    ["check", "gd"],
    ["export", "outputs", "--to", "tensorboard"],
]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a checkout with a file for every module name, each of which records that it was executed."""
    folder = tmp_path / "checkout"
    (folder / "configs").mkdir(parents=True)
    for name in ("a", "b"):
        (folder / f"configs/{name}.yaml").write_text("algorithms: [gd]\nfigures: []\n")
    (folder / "page.md").write_text("<!-- bpviz: table configs/a.yaml -->\n<!-- bpviz: end -->\n")
    for name in NAMES:
        (folder / f"{name}.py").write_text(f"open({str(tmp_path / 'executed')!r}, 'a').write('{name} ')\n")
    metadata = folder / "e-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: e\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[bpviz.optimizers]\nevil = e:Evil\n")
    return folder


def executed(checkout: Path) -> str:
    record = checkout.parent / "executed"
    return record.read_text() if record.exists() else ""


def run(checkout: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "GIT"))}
    environment["PYTHONPATH"] = str(HOME)
    return subprocess.run(
        [sys.executable, *command], cwd=checkout, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
@needs_git
def test_no_command_imports_from_the_working_directory(checkout: Path) -> None:
    """The commands run in one process, as a script in another folder: this is how the installed program starts."""
    subprocess.run(["git", "init", "--quiet"], cwd=checkout, check=True)
    program = checkout.parent / "bin/bpviz"
    program.parent.mkdir()
    program.write_text(
        "import sys\nfrom bpviz.cli import cli\nif __name__ == '__main__':\n"
        f"    for arguments in {COMMANDS}:\n"
        "        code = cli.main(arguments, standalone_mode=False)\n"
        "        print('@', *arguments, '|', code or 0)\n"
    )
    done = run(checkout, str(program))
    assert executed(checkout) == ""
    codes = dict(line[2:].split(" | ") for line in done.stdout.splitlines() if line.startswith("@ "))
    failing = {"diff --git HEAD": "2", "export outputs --to tensorboard": codes["export outputs --to tensorboard"]}
    assert codes == {" ".join(arguments): "0" for arguments in COMMANDS} | failing, done.stderr


def test_module_imports_nothing_from_the_working_directory(checkout: Path) -> None:
    """``python -m`` itself imports a few modules from there, before bpviz starts; -P prevents this."""
    assert run(checkout, "-P", "-m", "bpviz", "run", "configs", "--jobs", "2").returncode == 0
    assert executed(checkout) == ""
    own = run(checkout.parent, "-c", "import runpy, sys; print(*sys.modules)").stdout.split()
    for name in {"bpviz", *own} & NAMES:
        (checkout / f"{name}.py").unlink()
    for arguments in (["run", "configs", "--jobs", "2", "--force"], ["explain", "evil"]):
        done = run(checkout, "-m", "bpviz", *arguments)
        assert done.returncode == (2 if "evil" in arguments else 0), done.stderr
        assert "evil" not in done.stdout
        assert executed(checkout) == ""


def test_working_directory_stays_in_the_path_if_bpviz_is_there(tmp_path: Path) -> None:
    """Else the workers of a bpviz that is not installed could not import it."""
    (tmp_path / "plugin.py").write_text("import sys\nprint(sys.path)\n")
    command = ("-m", "bpviz", "list", "--plugin", "plugin.py")
    assert repr(str(tmp_path)) not in run(tmp_path, *command).stderr
    shutil.copytree(HOME / "bpviz", tmp_path / "bpviz", ignore=shutil.ignore_patterns("__pycache__"))
    assert repr(str(tmp_path)) in run(tmp_path, *command).stderr


@pytest.mark.slow
@posix
def test_action_executes_nothing_of_the_checkout(checkout: Path) -> None:
    action = yaml.safe_load((HOME / "action.yml").read_text(encoding="utf-8"))
    install = next(step["run"] for step in action["runs"]["steps"] if step["name"] == "Install bpviz")
    programs = checkout.parent / "bin"
    programs.mkdir()
    (programs / "python").symlink_to(sys.executable)
    environment = {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "RUNNER_TEMP": str(checkout.parent / "temporary"),
        "GITHUB_PATH": str(checkout.parent / "path"),
        "GITHUB_ACTION_PATH": str(checkout.parent / "missing"),  # pip starts, and finds nothing to install
        "BPVIZ_VERSION": "",
    }
    done = subprocess.run(
        ["bash", "-e"], cwd=checkout, env=environment, input=install, capture_output=True, text=True, check=False
    )
    assert executed(checkout) == ""
    assert "missing" in done.stderr  # of pip


@pytest.mark.parametrize("hook", yaml.safe_load((HOME / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")))
def test_file_names_are_no_options_of_hooks(hook: dict[str, object], checkout: Path) -> None:
    """pre-commit passes the names of changed files after the entry and the arguments."""
    if hook.get("pass_filenames", True):
        program, *arguments = str(hook["entry"]).split()
        assert program == "bpviz"
        shutil.copy(checkout / "e.py", checkout / "--plugin=e.yaml")
        done = run(checkout, "-P", "-m", "bpviz", *arguments, *hook.get("args", []), "--plugin=e.yaml", "e.yaml")
        assert executed(checkout) == ""
        assert "--plugin=e.yaml: " in done.stderr or "--plugin=e.yaml:1" in done.stderr  # it is read as a config
