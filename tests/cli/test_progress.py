"""Test the warnings that commands print while they draw figures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Program = Callable[[str, Path], Result]
CONFIG = (
    "algorithms: [{name: gd, label: 梯度下降}, {name: rprop, label: 🚀}]\nmax_epochs: 3\nfigures: [errors, epochs]\n"
)


def warnings_of(done: Result) -> list[str]:
    assert done.exit_code == 0, done.stderr
    return [line for line in done.stderr.splitlines() if line.startswith("warning: ")]


@pytest.mark.parametrize("jobs", ["", " --jobs 2"])
def test_one_warning_names_the_letters_that_fonts_lack(jobs: str, tmp_path: Path, program: Program) -> None:
    (tmp_path / "c.yaml").write_text(CONFIG, encoding="utf-8")
    (warning,) = warnings_of(program(f"run c.yaml{jobs}", tmp_path))
    assert warning.startswith(
        "warning: missing glyphs: '🚀' and 3 more texts in figures need letters that the font DejaVu"
    )
    assert "(梯 度 下 降 🚀)" in warning
    assert "style: {font: [" in warning
    assert warnings_of(program(f"run c.yaml{jobs} --quiet --force", tmp_path)) == []


def test_unknown_fonts_are_named_and_ignored(tmp_path: Path, program: Program) -> None:
    (tmp_path / "c.yaml").write_text(
        "algorithms: [gd]\nfigures: [errors]\nstyle: {font: [No Such]}\n", encoding="utf-8"
    )
    done = program("run c.yaml", tmp_path)
    assert warnings_of(done) == ["warning: style.font: 'No Such' not found; use the name of an installed font"]


def test_compare_warns_too(tmp_path: Path, program: Program) -> None:
    (warning,) = warnings_of(program('compare "gd:label=梯度" --max-epochs 3', tmp_path))
    assert "梯度" in warning
