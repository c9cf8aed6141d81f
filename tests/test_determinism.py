"""Test that the same config gives the same bytes, independent of time, folder and environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import bpviz
from bpviz.outputs import lockfile
from bpviz.outputs.build import TABLES

HOME = Path(bpviz.__file__).parent.parent
FORMATS = ("png", "svg", "pdf")
CONFIG = """
title: Größe and $x^2$
algorithms: [rprop, {name: momentum, step: 1}, {name: gd, step: 1e+6, label: far}]
figures: [{kind: paths, algorithms: [momentum]}, {kind: surface}, {kind: errors}]
"""

# A matplotlibrc each line of which would change or break figures.
HOSTILE = """
backend: TkAgg
interactive: True
text.usetex: True
font.family: serif
font.size: 30
lines.linewidth: 20
lines.marker: x
axes.prop_cycle: cycler(color=['yellow', 'pink'])
axes.facecolor: black
axes.grid: True
axes.formatter.use_locale: True
axes.unicode_minus: False
contour.linewidth: 9
figure.dpi: 30
figure.autolayout: True
savefig.dpi: 30
savefig.bbox: tight
savefig.transparent: True
savefig.format: jpg
image.cmap: jet
path.simplify: False
path.sketch: 1, 100, 2
svg.fonttype: none
svg.hashsalt: salt
pdf.compression: 0
pdf.fonttype: 42
legend.loc: center
timezone: Asia/Kathmandu
"""


def locales() -> list[str]:
    """Return the installed locales; those with a decimal comma first."""
    if not shutil.which("locale"):
        return ["C"]
    listed = subprocess.run(["locale", "-a"], capture_output=True, encoding="utf-8", check=True).stdout.split()
    return sorted(listed, key=lambda name: (not name.startswith(("de_", "fr_", "ru_")), name))


def run(folder: Path, *arguments: str, **environment: str) -> dict[str, bytes]:
    """Run bpviz in a new process, which must print only its status, and return the files it wrote."""
    (folder / "one.yaml").write_text(CONFIG, encoding="utf-8")
    command = [sys.executable, "-m", "bpviz", "run", "one.yaml", *arguments, "--out", "out"]
    command += [part for suffix in FORMATS for part in ("--format", suffix)]
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(HOME), **environment},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    forced = "9 figure files redrawn, 0 of 14 files changed (--force)"
    status = forced if "--force" in arguments else "wrote 14 files"
    assert (done.returncode, done.stderr.partition(";")[0]) == (0, f"{Path('out', 'one')}: {status}")
    written = {path.name: path.read_bytes() for path in (folder / "out" / "one").iterdir()}
    return {"(table)": done.stdout.encode(), **written}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    folder = tmp_path_factory.mktemp("here")
    return folder, run(folder)


def test_writes_all_files(here: tuple[Path, dict[str, bytes]]) -> None:
    figures = [f"{name}.{suffix}" for name in ("paths-momentum", "surface", "errors") for suffix in FORMATS]
    assert sorted(here[1]) == sorted(["(table)", *TABLES, lockfile.NAME, *figures])
    for name, start in ((".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")):
        assert all(content.startswith(start) for file, content in here[1].items() if file.endswith(name))


@pytest.mark.slow
def test_forced_rerun_writes_the_same_bytes(here: tuple[Path, dict[str, bytes]]) -> None:
    folder, first = here
    again = run(folder, "--force", PYTHONHASHSEED="1")
    assert [name for name in first if again[name] != first[name]] == []


def test_bytes_do_not_depend_on_environment_folder_or_processes(
    here: tuple[Path, dict[str, bytes]], tmp_path: Path
) -> None:
    _, first = here
    (tmp_path / "matplotlibrc").write_text(HOSTILE)  # matplotlib also looks in the working directory
    elsewhere = run(
        tmp_path,
        "--jobs",
        "2",
        MATPLOTLIBRC=str(tmp_path / "matplotlibrc"),
        MPLBACKEND="TkAgg",
        LC_ALL=locales()[0],
        LANGUAGE="de",
        TZ="Asia/Kathmandu",
        PYTHONHASHSEED="12345",
        PYTHONUTF8="0",
        SOURCE_DATE_EPOCH="1",
        COLUMNS="20",
        NO_COLOR="1",
        OMP_NUM_THREADS="1",
        OPENBLAS_NUM_THREADS="1",
    )
    assert [name for name in first if elsewhere[name] != first[name]] == []


def test_does_not_read_matplotlib_settings_from_the_working_directory(tmp_path: Path) -> None:
    """With the name of a color, and with worker processes, whose results are read without drawing."""
    (tmp_path / "matplotlibrc").write_text("backend: ::add-mask::x\n")
    run(tmp_path, "--jobs", "2", "--set", "title=plain", "--set", "algorithms.1.color=red")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "environment"),
    [
        (b"axes.formatter.use_locale: True", {"LC_ALL": "xx_YY.UTF-8"}),
        (b"font.family: caf\xe9", {}),
        (b"no setting at all", {"MPLBACKEND": "nonsense"}),
    ],
    ids=["a locale that is not installed", "not UTF-8", "no backend"],
)
def test_bytes_do_not_depend_on_invalid_matplotlib_settings(
    here: tuple[Path, dict[str, bytes]], tmp_path: Path, settings: bytes, environment: dict[str, str]
) -> None:
    _, first = here
    (tmp_path / "matplotlibrc").write_bytes(settings)
    elsewhere = run(tmp_path, **environment)
    assert [name for name in first if elsewhere[name] != first[name]] == []


def test_files_contain_no_time_or_path(here: tuple[Path, dict[str, bytes]]) -> None:
    folder, first = here
    for name, content in first.items():
        for word in (str(folder).encode(), b"CreationDate", b"dc:date", b"matplotlib.org"):
            assert word not in content, f"{name} has {word!r}"
