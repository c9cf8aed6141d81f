"""Test that the metadata of the package agrees with its content."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

import bpviz
from bpviz.trackers._tracker import TRACKERS

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
EXTRA = PROJECT["optional-dependencies"]["test"]
OPTIONAL = [r for name, extra in PROJECT["optional-dependencies"].items() if name != "test" for r in extra]
REFERENCES = "tests/references"
MUTATION = "tests/mutation"
MODULE = {
    "cosmic-ray": "cosmic_ray",
    "pyyaml": "yaml",
    "pytest-cov": "pytest_cov",
    "pytest-xdist": "xdist",
    "pytorch-optimizer": "pytorch_optimizer",
}  # distributions whose module has another name


def _modules(requirements: list[str]) -> set[str]:
    names = [re.match(r"[\w-]+", requirement)[0] for requirement in requirements]  # type: ignore[index]
    return {MODULE.get(name, name) for name in names}


def _imported(folder: str, *excluded: str) -> set[str]:
    """Return the third-party libraries imported in a folder, without some subfolders."""
    found = set()
    for path in (ROOT / folder).rglob("*.py"):
        if any(path.is_relative_to(ROOT / other) for other in excluded):
            continue
        for node in ast.walk(ast.parse(path.read_bytes())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            found |= {name.partition(".")[0] for name in names}
    shared = PYPROJECT["tool"]["pytest"]["pythonpath"]
    own = {"bpviz", *(path.stem for folder in shared for path in (ROOT / folder).glob("*.py"))}
    return found - sys.stdlib_module_names - own - {"mpl_toolkits"}  # mpl_toolkits is part of matplotlib


def test_dependencies_are_the_imported_libraries() -> None:
    data_frames = PROJECT["optional-dependencies"]["pandas"]  # imported by Results.to_pandas
    assert _imported("bpviz", "bpviz/libraries", "bpviz/trackers") == _modules([*PROJECT["dependencies"], *data_frames])


def test_extras_are_the_libraries_imported_for_their_optimizers() -> None:
    extras = [name for library in ("torch", "optax", "scipy") for name in PROJECT["optional-dependencies"][library]]
    assert _imported("bpviz/libraries") - _modules(PROJECT["dependencies"]) == _modules(extras)


def test_extra_test_lists_the_libraries_that_only_tests_import() -> None:
    only_tests = _imported("tests", REFERENCES, MUTATION) - _modules(PROJECT["dependencies"])
    assert only_tests | {"pytest_cov", "xdist"} == _modules(EXTRA)


def test_group_references_lists_the_libraries_that_the_recording_imports() -> None:
    assert _imported(REFERENCES) == _modules(PYPROJECT["dependency-groups"]["references"])


def test_mutation_group_is_what_the_sampling_imports() -> None:
    assert _imported(MUTATION) == _modules(PYPROJECT["dependency-groups"]["mutation"])


def test_trackers_import_their_declared_libraries() -> None:
    imported = _imported("bpviz/trackers") - _modules(PROJECT["dependencies"])
    assert imported == {kind.library for _, kind in TRACKERS.items()}


@pytest.mark.parametrize("name", TRACKERS)
def test_tracker_has_an_extra_and_is_in_the_group_trackers(name: str) -> None:
    (requirement,) = PROJECT["optional-dependencies"][name]
    assert _modules([requirement]) == {TRACKERS[name].library}
    assert PYPROJECT["dependency-groups"]["trackers"][0] == f"bpviz[{','.join(TRACKERS)}]"


@pytest.mark.parametrize("requirement", sorted({*PROJECT["dependencies"], *EXTRA, *OPTIONAL}))
def test_requirements_have_lower_bounds_only(requirement: str) -> None:
    assert re.fullmatch(r"[\w-]+>=[\d.]+", requirement)


def test_installed_version_equals_source() -> None:
    try:
        installed = importlib.metadata.version("bpviz")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("bpviz is not installed")
    assert installed == bpviz.__version__


def test_citation_has_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == bpviz.__version__
    assert citation["license"] == PROJECT["license"]


@pytest.mark.slow
def test_wheel_contains_the_data_files(tmp_path: Path) -> None:
    builder = pytest.importorskip("hatchling.builders.wheel").WheelBuilder(str(ROOT))
    (wheel,) = builder.build(directory=str(tmp_path), versions=["standard"])
    folder = ROOT / "bpviz" / "problems" / "data"
    files = {path.relative_to(ROOT).as_posix() for path in folder.iterdir() if path.is_file()}
    assert files <= set(zipfile.ZipFile(wheel).namelist())
    assert len(files) > 5


def test_package_is_marked_as_typed() -> None:
    assert (ROOT / "bpviz" / "py.typed").is_file()
