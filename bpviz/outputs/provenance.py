"""Determine the source files and versions that an output depends on."""

from __future__ import annotations

import functools
import platform
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bpviz import declare, libraries
from bpviz._version import __version__
from bpviz.storage import hashing
from bpviz.tables import tolerance

if TYPE_CHECKING:
    from bpviz.config import Experiment


# Source files that every output depends on: they read configs, compute results and write files.
READING_AND_COMPUTING = (
    "__init__.py",
    "messages/*.py",
    "storage/*.py",
    "declare/*.py",
    "numerics/*.py",
    "libraries/*.py",
    "problems/**/*.py",
    "problems/data/*.csv",
    "problems/data/*.gz",
    "engine/*.py",
    "tables/*.py",
    "experiment/*.py",
    "config/*.py",
    "execution/*.py",
    "outputs/*.py",
)
# Source files that every figure depends on. Of rules, wrappers and figures only the used ones count.
DRAWING = ("landscape/*.py", "figures/_*.py")


def modules_of(things: Sequence[Any]) -> list[str]:
    """Return glob patterns of the source files that define the classes of ``things``, including shared helpers."""
    own = "bpviz."
    names = {kind.__module__ for thing in things for part in declare.components(thing) for kind in type(part).__mro__}
    paths = [name.removeprefix(own).split(".") for name in names if name.startswith(own)]
    shared = {"/".join([*folders, "_*.py"]) for *folders, _ in paths if folders}
    return sorted(shared | {f"{'/'.join(path)}.py" for path in paths})


def code_of(experiment: Experiment) -> dict[str, str]:
    """Return the hashes of the source files that read, compute and draw an experiment."""
    things = [experiment.problem, *(a.optimizer for a in experiment.algorithms), *experiment.figures]
    return hashing.modules(*READING_AND_COMPUTING, *DRAWING, *modules_of(things))


def rounded(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run of summary.json with computed numbers to nine digits, as the lockfile records it."""
    return {
        "label": run["label"],
        "start": run["start"],
        "epochs": run["epochs"],
        "final_error": _nine(run["final_error"]),
        "weights": [_nine(weight) for weight in run["weights"]],
        "evaluations": run["evaluations"],
        "ending": run["ending"],
    }


def _nine(number: float | None) -> float | None:
    return None if number is None else float(f"{number:.{tolerance.DIGITS}g}")


def versions(experiment: Experiment) -> dict[str, str]:
    """Return the versions of bpviz, Python and the libraries that an experiment uses."""
    needed = dict.fromkeys(
        name for a in experiment.algorithms for name in libraries.required_packages(a.optimizer.name)
    )
    return {
        "bpviz": __version__,
        "python": platform.python_version(),
        **{library: _version(library) for library in ("numpy", "matplotlib", *needed)},
    }


@functools.cache
def _version(library: str) -> str:
    from importlib.metadata import version  # slow to import, slow to call

    return version(library)


def changed_code(code: Mapping[str, str]) -> list[str]:
    """Return the source files of a lockfile that have changed."""
    return [name for name, was in code.items() if _now(name) != was]


def _now(name: str) -> str:
    try:
        return hashing.of_module(name)
    except OSError:  # deleted
        return ""
