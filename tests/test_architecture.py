"""The house keeps its order: who may import whom, who knows which library, and that every public thing says what it is.

Read from the syntax tree, so that imports inside functions count as well; those for type checkers alone do not.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import bpviz

# From the ground up. A room uses the rooms below it and itself, and nothing goes in circles.
ROOMS = (
    ("messages", "storage", "_version", "declare", "numerics"),
    ("problems", "optimizers", "wrappers", "libraries"),
    ("engine", "landscape"),
    ("config", "experiment", "conformance", "parting"),
    (
        *("figures", "tables", "report", "lock", "batch", "upkeep"),
        *("changes", "documents", "drift", "trackers"),
    ),
    ("cli", "api", "__main__"),
)
FLOOR = {name: floor for floor, names in enumerate(ROOMS) for name in names}
STRANGERS = {"problems", "optimizers", "wrappers"}

# Libraries that only some rooms know.
KNOWN_BY = {
    "click": {"cli"},
    "jax": {"libraries"},
    "matplotlib": {"drift", "figures"},
    "mpl_toolkits": {"figures"},
    "mlflow": {"trackers"},
    "optax": {"libraries"},
    "rich": {"cli"},
    "scipy": {"libraries"},
    "tensorboardX": {"trackers"},
    "torch": {"libraries"},
    "wandb": {"trackers"},
    "yaml": {"config"},
}
LATE = {"rich", "matplotlib", "numpy"}  # what commands import inside their callbacks, to answer --help at once
OPTIONAL = {name for name, rooms in KNOWN_BY.items() if rooms & {"libraries", "trackers"}}  # what may not be there

HOME = Path(bpviz.__file__).parent


def _name(path: Path) -> str:
    parts = path.relative_to(HOME.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_name(path): ast.parse(path.read_bytes()) for path in sorted(HOME.rglob("*.py"))}
every_module = pytest.mark.parametrize("module", [name for name in MODULES if name != "bpviz"])


def _room(module: str) -> str:
    return module.split(".")[1]


def _statements(node: ast.AST, late: bool = False) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """Yield every import that happens when the code runs, and whether that is late: inside a function."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield node, late
    late = late or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    for_type_checkers = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    for child in node.orelse if for_type_checkers else ast.iter_child_nodes(node):
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


def _neighbours(module: str) -> set[str]:
    return {name for name, _ in _imports(module) if name in MODULES and name != "bpviz"}


def test_every_module_has_a_room_and_every_room_a_module() -> None:
    """A new room stands in ROOMS and in docs/architecture.md."""
    assert {_room(module) for module in MODULES if module != "bpviz"} == set(FLOOR)
    document = (Path(__file__).parent.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert [room for room in FLOOR if f"`{room}`" not in document] == []


@every_module
def test_imports_go_downward(module: str) -> None:
    above = {name for name in _neighbours(module) if FLOOR[_room(name)] > FLOOR[_room(module)]}
    assert not above, f"{module} imports {above} from above"


@every_module
def test_problems_optimizers_and_wrappers_never_meet(module: str) -> None:
    strangers = STRANGERS - {_room(module)} if _room(module) in STRANGERS else set()
    assert not {name for name in _neighbours(module) if _room(name) in strangers}


def test_nothing_goes_in_circles() -> None:
    TopologicalSorter({module: _neighbours(module) for module in MODULES}).prepare()


@every_module
def test_libraries_stay_in_their_rooms(module: str) -> None:
    for name, late in _imports(module):
        library = name.partition(".")[0]
        assert _room(module) in KNOWN_BY.get(library, {_room(module)}), f"{module} imports {name}"
        assert late or _room(module) != "cli" or library not in LATE, f"{module} imports {name} at its top"
        assert late or library not in OPTIONAL, f"{module} imports {name} at its top"
        assert "pyplot" not in name, f"{module} imports pyplot, which keeps figures in global state"


def test_reading_declarations_costs_no_arrays_and_no_drawing() -> None:
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


@pytest.mark.parametrize("module", [name for name in MODULES if "._" not in name])
def test_everything_public_says_what_it_is(module: str) -> None:
    """An f-string at the top of a definition is no docstring: Python throws it away."""
    silent = [name for name, node in _public(MODULES[module]) if not ast.get_docstring(node)]
    assert not silent


@pytest.mark.parametrize("module", MODULES)
def test_the_library_never_prints(module: str) -> None:
    calls = [node for node in ast.walk(MODULES[module]) if isinstance(node, ast.Call)]
    assert not [call.lineno for call in calls if ast.unparse(call.func) == "print"]
