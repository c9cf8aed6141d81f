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

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
EXTRA = PROJECT["optional-dependencies"]["test"]
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


def _imported(folder: str, but: str = "nothing") -> set[str]:
    """Return the libraries outside Python's own that the modules of a folder, but one in it, import anywhere."""
    found = set()
    for path in (ROOT / folder).rglob("*.py"):
        if path.is_relative_to(ROOT / but):
            continue
        for node in ast.walk(ast.parse(path.read_bytes())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found |= {name.partition(".")[0] for name in names}
    shared = PYPROJECT["tool"]["pytest"]["pythonpath"]
    own = {"bpviz", *(path.stem for folder in shared for path in (ROOT / folder).glob("*.py"))}
    return found - sys.stdlib_module_names - own - {"mpl_toolkits"}  # which comes with matplotlib


def test_dependencies_are_exactly_what_is_imported() -> None:
    assert _imported("bpviz", but="bpviz/foreign") == _modules(PROJECT["dependencies"])


def test_the_extras_are_exactly_what_other_libraries_optimizers_need() -> None:
    extras = [name for library in ("torch", "optax", "scipy") for name in PROJECT["optional-dependencies"][library]]
    assert _imported("bpviz/foreign") - _modules(PROJECT["dependencies"]) == _modules(extras)


def test_the_test_extra_is_exactly_what_the_tests_import_besides() -> None:
    besides = _imported("tests", but=REFERENCES) - _modules(PROJECT["dependencies"])
    assert besides | {"pytest_cov", "xdist"} == _modules(EXTRA)


def test_the_references_group_is_exactly_what_is_recorded_with() -> None:
    assert _imported(REFERENCES) == _modules(PYPROJECT["dependency-groups"]["references"])


@pytest.mark.parametrize("requirement", [*PROJECT["dependencies"], *EXTRA])
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
