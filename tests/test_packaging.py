"""What the package says of itself agrees with what it is."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
import tomllib
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
MODULE = {
    "pyyaml": "yaml",
    "pytest-cov": "pytest_cov",
    "pytest-xdist": "xdist",
    "pytorch-optimizer": "pytorch_optimizer",
}  # distributions whose module goes by another name


def _modules(requirements: list[str]) -> set[str]:
    names = [re.match(r"[\w-]+", requirement)[0] for requirement in requirements]  # type: ignore[index]
    return {MODULE.get(name, name) for name in names}


def _imported(folder: str, *but: str) -> set[str]:
    """Return the libraries outside Python's own that the modules of a folder, but those in some, import anywhere."""
    found = set()
    for path in (ROOT / folder).rglob("*.py"):
        if any(path.is_relative_to(ROOT / other) for other in but):
            continue
        for node in ast.walk(ast.parse(path.read_bytes())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            found |= {name.partition(".")[0] for name in names}
    shared = PYPROJECT["tool"]["pytest"]["pythonpath"]
    own = {"bpviz", *(path.stem for folder in shared for path in (ROOT / folder).glob("*.py"))}
    return found - sys.stdlib_module_names - own - {"mpl_toolkits"}  # which comes with matplotlib


def test_dependencies_are_exactly_what_is_imported() -> None:
    assert _imported("bpviz", "bpviz/libraries", "bpviz/trackers") == _modules(PROJECT["dependencies"])


def test_the_extras_are_exactly_what_other_libraries_optimizers_need() -> None:
    extras = [name for library in ("torch", "optax", "scipy") for name in PROJECT["optional-dependencies"][library]]
    assert _imported("bpviz/libraries") - _modules(PROJECT["dependencies"]) == _modules(extras)


def test_the_test_extra_is_exactly_what_the_tests_import_besides() -> None:
    besides = _imported("tests", REFERENCES) - _modules(PROJECT["dependencies"])
    assert besides | {"pytest_cov", "xdist"} == _modules(EXTRA)


def test_the_references_group_is_exactly_what_is_recorded_with() -> None:
    assert _imported(REFERENCES) == _modules(PYPROJECT["dependency-groups"]["references"])


def test_the_trackers_import_what_they_say_they_do() -> None:
    besides = _imported("bpviz/trackers") - _modules(PROJECT["dependencies"])
    assert besides == {kind.library for _, kind in TRACKERS.items()}


@pytest.mark.parametrize("name", TRACKERS)
def test_every_tracker_has_an_extra_of_its_name_and_is_in_the_group_of_its_tests(name: str) -> None:
    (requirement,) = PROJECT["optional-dependencies"][name]
    assert _modules([requirement]) == {TRACKERS[name].library}
    assert PYPROJECT["dependency-groups"]["trackers"][0] == f"bpviz[{','.join(TRACKERS)}]"


@pytest.mark.parametrize("requirement", sorted({*PROJECT["dependencies"], *EXTRA, *OPTIONAL}))
def test_requirements_have_a_lower_bound_and_no_cap(requirement: str) -> None:
    assert re.fullmatch(r"[\w-]+>=[\d.]+", requirement)


def test_the_installed_version_is_that_of_the_source() -> None:
    try:
        installed = importlib.metadata.version("bpviz")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("bpviz is not installed")
    assert installed == bpviz.__version__


def test_the_citation_is_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == bpviz.__version__
    assert citation["license"] == PROJECT["license"]


def test_type_checkers_are_told_that_the_package_has_types() -> None:
    assert (ROOT / "bpviz" / "py.typed").is_file()
