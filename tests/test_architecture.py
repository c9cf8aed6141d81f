"""Test the architecture: which folder imports which, who uses which library, and that everything public is documented.

Imports are read from the syntax tree. Imports inside functions and imports for type checkers count like all others.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import bpviz

# From the ground up. A folder imports folders to its left only. docs/architecture.md shows the same line.
FLOORS = """
messages storage _version < declare < numerics libraries < problems optimizers wrappers engine < landscape tables
< figures trackers conformance < experiment < config < execution < outputs < documents api < cli < __main__
"""
ORDER = {folder: place for place, folder in enumerate(re.findall(r"\w+", FLOORS))}
FLAT = {"__init__", "__main__", "_version", "api"}  # the only modules that are in no folder
SEPARATE = {"problems", "optimizers", "wrappers", "libraries"}  # share words, not code: none imports another

# Libraries that only some folders use.
USED_BY = {
    "click": {"cli"},
    "jax": {"libraries"},
    "matplotlib": {"figures", "outputs", "api"},  # in api as a type
    "mlflow": {"trackers"},
    "mpl_toolkits": {"figures"},
    "optax": {"libraries"},
    "pandas": {"api"},
    "rich": {"cli"},
    "scipy": {"libraries"},
    "tensorboardX": {"trackers"},
    "torch": {"libraries"},
    "wandb": {"trackers"},
    "yaml": {"config"},
}
LATE = {"rich", "matplotlib", "numpy"}  # imported inside callbacks by commands, so that --help stays fast
OPTIONAL = {"pandas", *(name for name, folders in USED_BY.items() if folders <= {"libraries", "trackers"})}

HOME = Path(bpviz.__file__).parent


def _name(path: Path) -> str:
    parts = path.relative_to(HOME.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_name(path): ast.parse(path.read_bytes()) for path in sorted(HOME.rglob("*.py"))}
INSIDE = [name for name in MODULES if name != "bpviz"]


def _folder(module: str) -> str:
    return module.split(".")[1]


def _statements(node: ast.AST, late: bool = False) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """Yield every import and whether it is late: inside a function, or for type checkers alone."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield node, late
    late = late or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    late = late or (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    for child in ast.iter_child_nodes(node):
        yield from _statements(child, late)


def _imports(module: str) -> Iterator[tuple[str, bool]]:
    """Yield the full name of every module that ``module`` imports, and whether it does so late."""
    for statement, late in _statements(MODULES[module]):
        if isinstance(statement, ast.Import):
            yield from ((alias.name, late) for alias in statement.names)
        else:
            assert statement.level == 0, f"{module} imports by dots; write the whole name"
            for alias in statement.names:
                inner = f"{statement.module}.{alias.name}"
                yield inner if inner in MODULES or statement.module == "matplotlib" else str(statement.module), late


def _own(module: str) -> set[str]:
    """Return the modules of bpviz that ``module`` imports."""
    return {name for name, _ in _imports(module) if name in MODULES and name != "bpviz"}


def test_every_module_is_in_a_folder_of_the_line_that_the_document_shows() -> None:
    assert {_folder(module) for module in INSIDE} == set(ORDER)
    assert {path.stem for path in HOME.glob("*.py")} == FLAT
    document = (Path(__file__).parent.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert " ".join(FLOORS.split()) in " ".join(document.split())


def test_imports_go_to_the_left() -> None:
    """So no two folders import each other; nor do two modules of one folder, in however many steps."""
    wrong = {
        f"{module} imports {name}"
        for module in INSIDE
        for name in _own(module)
        if ORDER[_folder(name)] > ORDER[_folder(module)]
    }
    assert wrong == set()
    TopologicalSorter({module: _own(module) for module in INSIDE}).prepare()  # raises CycleError


def test_problems_optimizers_wrappers_and_libraries_are_separate() -> None:
    wrong = {
        f"{module} imports {name}"
        for module in INSIDE
        for name in _own(module)
        if {_folder(module), _folder(name)} <= SEPARATE and _folder(module) != _folder(name)
    }
    assert wrong == set()


def test_libraries_are_imported_where_they_belong() -> None:
    """So landscape/ does without matplotlib, experiment/ and engine/ without YAML and click."""
    for module in INSIDE:
        folder = _folder(module)
        for name, late in _imports(module):
            library = name.partition(".")[0]
            assert folder in USED_BY.get(library, {folder}), f"{module} imports {name}"
            assert late or folder != "cli" or library not in LATE, f"{module} imports {name} at its top"
            assert late or library not in OPTIONAL, f"{module} imports {name} at its top"
            assert "pyplot" not in name, f"{module} imports pyplot, which keeps figures in global state"


def test_modules_of_figures_set_up_matplotlib_before_they_import_it() -> None:
    """Reading the result of a worker process can import any of them first."""
    for module in INSIDE:
        early = [name for name, late in _imports(module) if not late]
        users = [
            place for place, name in enumerate(early) if name.startswith("matplotlib") and _folder(module) != "api"
        ]
        if users and module != "bpviz.figures._matplotlib":
            assert any("bpviz.figures._matplotlib" in name for name in early[: users[0]]), module


def test_reading_declarations_imports_neither_numpy_nor_matplotlib() -> None:
    code = """
import sys
import bpviz.config
from bpviz.declare import FIGURES, OPTIMIZERS, PROBLEMS, WRAPPERS
assert all(map(len, (OPTIMIZERS, WRAPPERS, PROBLEMS, FIGURES)))
print(*{"numpy", "matplotlib", "rich"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=HOME.parent)
    assert done.stdout.split() == []


def _public(tree: ast.Module) -> Iterator[tuple[str, ast.Module | ast.ClassDef | ast.FunctionDef]]:
    yield "the module", tree
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            yield node.name, node


def test_everything_public_has_a_docstring() -> None:
    """An f-string at the top of a definition is no docstring: Python throws it away."""
    public = [module for module in MODULES if "._" not in module]
    silent = [f"{m}: {name}" for m in public for name, node in _public(MODULES[m]) if not ast.get_docstring(node)]
    assert silent == []


def test_only_commands_print() -> None:
    calls = [(m, node) for m in MODULES for node in ast.walk(MODULES[m]) if isinstance(node, ast.Call)]
    assert [f"{m}:{call.lineno}" for m, call in calls if ast.unparse(call.func) == "print"] == []
