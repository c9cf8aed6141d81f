"""Test that the commands of a day's work go through every folder of the package.

This is part of `pytest -m core`, whose other tests are those of the files in CORE of conftest.py.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import bpviz
from bpviz.cli import cli

if TYPE_CHECKING:
    from types import CodeType, FrameType

    from click.testing import Result

HOME = Path(bpviz.__file__).parent
CONFIG = """\
algorithms: [gd, {name: adam, with: [{name: cosine, epochs: 30}]}, newton]
figures: [{kind: errors}, {kind: paths, algorithms: [newton]}]
max_epochs: 30
"""
DOCUMENT = "<!-- bpviz: table configs/one.yaml -->\n<!-- bpviz: end -->\n"
COMMANDS = [  # with their exit codes
    ("list", 0),
    ("schema", 0),
    ("completion bash", 0),
    ("init new.yaml", 0),
    ("validate new.yaml configs", 0),
    ("explain rprop", 0),
    ("explain paths", 0),
    ("explain rosenbrock", 0),
    ("run configs", 0),
    ("run configs --check --level pixels", 0),
    ("embed document.md", 0),
    ("embed document.md --check", 0),
    ("compare gd newton --problem booth --no-figures --format json", 0),
    ("run configs --set max_epochs=31 --out other --jobs 2", 0),
    ("diff outputs/one other/one", 1),
    ("run network.yaml", 0),
    ("backprop network.yaml", 0),
    ("check gd", 0),
    ("export outputs/one --to mlflow", 2),  # mlflow is kept from it
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/one.yaml").write_text(CONFIG)
    (tmp_path / "document.md").write_text(DOCUMENT)
    (tmp_path / "network.yaml").write_text("network: [3]\nalgorithms: [gd]\nmax_epochs: 3\nfigures: []\n")
    return tmp_path


def test_every_command_is_run() -> None:
    assert {line.partition(" ")[0] for line, _ in COMMANDS} == set(cli.commands)


def test_every_folder_of_the_package_takes_part(
    folder: Path, program: Callable[[str, Path], Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    called: set[CodeType] = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            called.add(frame.f_code)

    for line, code in COMMANDS:
        sys.setprofile(note)
        try:
            done = program(line, folder)
        finally:
            sys.setprofile(None)
        assert done.exit_code == code, f"{line}\n{done.output}"
    functions = (code for code in called if code.co_name != "<module>")  # imports are not calls
    parts = {Path(code.co_filename).parent for code in functions}
    folders = {path.parent for path in HOME.rglob("*/*.py")}
    assert folders - parts == set()


def test_a_second_run_has_nothing_to_do(folder: Path, program: Callable[[str, Path], Result]) -> None:
    first = program("run configs --format json", folder)
    outputs = folder / "outputs/one"
    before = {path.name: path.stat().st_mtime_ns for path in outputs.iterdir()}
    second = program("run configs --format json", folder)
    assert (second.exit_code, second.stdout) == (0, first.stdout)
    assert {path.name: path.stat().st_mtime_ns for path in outputs.iterdir()} == before
    assert [run["epochs"] for run in json.loads(first.stdout)["runs"]][2] == 3  # as published for Newton's method
    assert {"errors.png", "paths-newton.png", "summary.json", "run.json"} < set(before)
