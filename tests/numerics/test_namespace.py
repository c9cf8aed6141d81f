"""The list of array functions in declare/interfaces.py has those that rules and wrappers use, and no others."""

from __future__ import annotations

import ast
import contextlib
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bpviz
from bpviz import declare
from bpviz.conformance.fixtures import SHAPES, starts_for
from bpviz.declare import OPTIMIZERS, WRAPPERS, Optimizer
from bpviz.declare.domains import Flag
from bpviz.declare.interfaces import ARRAY_FUNCTIONS
from bpviz.engine import guard
from bpviz.engine.loop import iterate
from bpviz.engine.oracle import CountingOracle


class RecordingNamespace:
    """NumPy, except that the names that are used are recorded, such as ``linalg.diagonal``."""

    def __init__(self, module: types.ModuleType, prefix: str, used: set[str]) -> None:
        self.module, self.prefix, self.used = module, prefix, used

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.module, name)
        if isinstance(value, types.ModuleType):
            return RecordingNamespace(value, f"{self.prefix}{name}.", self.used)
        self.used.add(self.prefix + name)
        return value


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Return the names that rules use from here on."""
    names: set[str] = set()

    class RecordingOracle(CountingOracle):
        xp: Any = RecordingNamespace(np, "", names)

    monkeypatch.setattr(guard, "oracle", lambda rule, problem, runs, clock: RecordingOracle(problem, runs))
    return names


def optimizers() -> Iterator[Optimizer]:
    """Yield every rule with its defaults and with each other word or flag, and every wrapper with a few rules."""
    for kind in (OPTIMIZERS[name] for name in OPTIMIZERS):
        yield kind()
        for field in declare.fields(kind).values():
            words = getattr(field.domain, "words", (True, False) if isinstance(field.domain, Flag) else ())
            yield from (kind(**{field.name: word}) for word in words if word != field.default)
    for kind in (WRAPPERS[name] for name in WRAPPERS):
        for rule in ("gd", "golden", "newton", "bfgs"):
            with contextlib.suppress(ValueError):  # a wrapper may refuse a rule
                yield kind(OPTIMIZERS[rule]())


@pytest.mark.slow
def test_rules_and_wrappers_use_the_listed_array_functions(used: set[str]) -> None:
    for optimizer in optimizers():
        for problem in (SHAPES["6 x 2"], SHAPES["37 x 3"]):
            if not declare.unsuitable(optimizer, problem):
                for _ in iterate(optimizer, problem, starts_for(problem, 9), error_threshold=None, max_epochs=12):
                    pass
    assert sorted(used) == sorted(ARRAY_FUNCTIONS)


def test_the_list_is_sorted_and_names_nothing_twice() -> None:
    assert list(ARRAY_FUNCTIONS) == sorted(set(ARRAY_FUNCTIONS))


def test_the_source_uses_the_listed_array_functions() -> None:
    """Branches that no run of the tests reaches count as well."""
    home = Path(bpviz.__file__).parent
    files = [*home.glob("optimizers/*.py"), *home.glob("wrappers/*.py"), home / "numerics" / "linesearch.py"]
    found = {name for file in files for name in _names(ast.parse(file.read_text(encoding="utf-8")))}
    modules = {name for name in found if isinstance(getattr(np, name, None), types.ModuleType)}
    assert sorted(found - modules) == sorted(ARRAY_FUNCTIONS)


def _names(tree: ast.AST) -> Iterator[str]:
    """Yield each attribute of ``xp``, or of an attribute ``xp``, in a syntax tree, such as ``linalg.diagonal``."""
    for node in ast.walk(tree):
        path, left = [], node
        while isinstance(left, ast.Attribute):
            path.insert(0, left.attr)
            left = left.value
        path = [left.id, *path] if isinstance(left, ast.Name) else path
        if "xp" in path[:-1]:
            yield ".".join(path[path.index("xp") + 1 :])
