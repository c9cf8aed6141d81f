"""Compute the tables of rules and wrappers in docs/algorithms.md from the registries and recorded paths."""

from __future__ import annotations

import functools
import importlib.util
import itertools
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from comparison import compare
from record import Case, families

from bpviz.declare import KINDS, OPTIMIZERS, WRAPPERS, fields
from bpviz.engine.loop import iterate
from bpviz.engine.results import ENDINGS, Ending, record, summarize
from bpviz.messages.text import quote_value
from bpviz.problems.perceptron import Perceptron

if TYPE_CHECKING:
    from types import ModuleType

    from bpviz.declare import Optimizer, Wrapper

TITLES = ["rule", "needs", "evaluations per epoch", "compared with", "epochs", "epochs at best step", "source"]
WRAPPER_TITLES = ["wrapper", "description", "settings with defaults", "needs", "compared with", "source"]
STEPS = np.array([float(f"{10 ** (k / 10):.2g}") for k in range(-30, 31)])  # ten per decade, rounded to two digits
THRESHOLD, MOST = 0.125, 1000
_LIBRARIES = {
    "torch": "torch.optim",
    "pytorch_optimizer": "pytorch_optimizer",
    "optax": "optax",
    "jaxopt": "jaxopt",
    "scipy": "SciPy",
}


def twin_families(folder: str = "optimizers") -> Iterator[ModuleType]:
    """Yield the test modules in a folder that contain twins."""
    for path in sorted((Path(__file__).parent.parent / folder).glob("test_*.py")):
        if "\nTWINS = " in path.read_text(encoding="utf-8"):
            spec = importlib.util.spec_from_file_location(f"family_{path.stem}", path)
            assert spec
            assert spec.loader
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            yield module


def rule_rows(measured: bool = True) -> list[list[str]]:
    """Return one row per rule, cells in the order of TITLES.

    Measuring takes seconds. If not ``measured``, every difference is 0e+00, and the best step of three of four rules is
    the one in docs/algorithms.md.
    """
    return [
        [
            f"`{name}`",
            _needs(rule),
            _evaluations(rule),
            _compared(name, measured),
            _epochs(rule),
            _best(rule) if measured or i % 4 == 0 else _documented(name, "epochs at best step"),
            rule.source,
        ]
        for i, (name, rule) in enumerate(OPTIMIZERS.items())
    ]


def _needs(rule: type[Optimizer | Wrapper]) -> str:
    return ", ".join(kind for kind in KINDS if kind in rule.needs)


def wrapper_rows(measured: bool = True) -> list[list[str]]:
    """Return one row per wrapper, cells in the order of WRAPPER_TITLES."""
    return [
        [
            f"`{name}`",
            (wrapper.__doc__ or "").partition(".")[0] + ".",
            ", ".join(f"`{field.name}` {_setting(field.default)}" for field in fields(wrapper).values()),
            _needs(wrapper),
            _compared(name, measured),
            wrapper.source,
        ]
        for name, wrapper in WRAPPERS.items()
    ]


def _setting(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else quote_value(value).strip("'")


@functools.cache
def _cases() -> dict[str, list[tuple[str, Case]]]:
    found: dict[str, list[tuple[str, Case]]] = {}
    for family, cases in families().items():
        for case in cases:
            found.setdefault(case.rule, []).append((family, case))
    return found


@functools.cache
def _against() -> dict[str, str]:
    """Return descriptions of the comparisons that are made without recorded paths (AGAINST), by rule."""
    modules = (module for folder in ("optimizers", "wrappers") for module in twin_families(folder))
    return {name: what for module in modules for name, what in getattr(module, "AGAINST", {}).items()}


def _compared(name: str, measured: bool) -> str:
    """Return the implementations with the same paths, with the largest difference, and the other comparisons."""
    largest: dict[str, float] = {}
    for family, case in _cases().get(name, []):
        if case.parts is None:
            thing = _thing(case)
            found = [one.largest for one in compare(family, case)] if measured else []
            largest[thing] = max([largest.get(thing, 0), *found])
    differences = [f"{thing} {difference:.0e}" for thing, difference in largest.items()]
    return ", ".join([*differences, *filter(None, [_against().get(name)])]) or "its twin"


def _thing(case: Case) -> str:
    """Return the implementation of a case; for schedules and chains of optax, the part that is not the inner rule."""
    parts = [value["name"] for value in case.arguments.values() if isinstance(value, Mapping)]
    if case.library == "optax" and parts and case.name in ("sgd", "chain"):
        return f"optax.{next(name for name in parts if name not in ('sgd', 'adam'))}"
    return f"{'torch' if case.name.startswith('nn.') else _LIBRARIES.get(case.library, case.library)}.{case.name}"


@functools.cache
def _rows() -> dict[str, dict[str, str]]:
    """Return the rows of docs/algorithms.md: the cells of every rule and wrapper by the titles of their columns."""
    text = (Path(__file__).parents[2] / "docs/algorithms.md").read_text(encoding="utf-8")
    found: dict[str, dict[str, str]] = {}
    for titles in (TITLES, WRAPPER_TITLES):
        _, _, rows = text.partition(f"| {' | '.join(titles)} |\n")
        for row in itertools.takewhile(lambda line: line.startswith("|"), rows.splitlines()):
            cells = [cell.strip(" `") for cell in row.removeprefix("|").removesuffix("|").split(" | ")]
            found[cells[0]] = dict(zip(titles, cells, strict=False))
    return found


def _documented(name: str, title: str) -> str:
    return _rows().get(name, {}).get(title, "")


def documented(case: Case) -> float:
    """Return the largest difference that docs/algorithms.md has for the reference of a case."""
    named = re.search(rf"(?:^|, ){re.escape(_thing(case))} (\d+e[+-]\d+)", _documented(case.rule, "compared with"))
    assert named, f"docs/algorithms.md: {case.rule}: no {_thing(case)}; run pytest tests/test_docs.py --update-docs"
    return float(named[1])


def largest_allowed(difference: float) -> float:
    """Return how large a documented difference may be on another processor, which rounds differently."""
    return 100 * difference + 1e-14


def _evaluations(rule: type[Optimizer]) -> str:
    """Return the evaluations per epoch by kind: the mean of ten epochs on the published problem."""
    (run,) = record(iterate(rule(), Perceptron(), [(-4, -4)], error_threshold=None, max_epochs=10))
    means = {kind: run.evaluations[kind] / run.epochs for kind in KINDS}
    return ", ".join(f"{mean:.3g} {kind}" for kind, mean in means.items() if mean)


_LIMITS: dict[str, Any] = {"error_threshold": THRESHOLD, "max_epochs": MOST}


def _epochs(rule: type[Optimizer]) -> str:
    """Return the epochs to the published threshold at the default step."""
    problem = Perceptron()
    (run,) = record(iterate(rule(), problem, [problem.start], **_LIMITS))
    return str(run.epochs) if run.ending is Ending.REACHED else run.ending.short


def _best(rule: type[Optimizer]) -> str:
    """Return the fewest epochs over all STEPS, and the step."""
    problem = Perceptron()
    if "step" not in fields(rule):
        return ""
    steps = np.array([step for step in STEPS if step in fields(rule)["step"].domain])  # type: ignore[operator]
    epochs = iterate(rule(), problem, [problem.start] * len(steps), varied={"step": steps}, **_LIMITS)
    swept = summarize(epochs, len(steps), 2)
    reached = swept.endings == ENDINGS.index(Ending.REACHED)
    if not reached.any():
        return "not reached"
    fewest = np.where(reached, swept.epochs, math.inf)
    return f"{fewest.min():.0f} at {steps[fewest.argmin()]:g}"
