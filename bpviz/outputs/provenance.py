"""Which code and which versions made an output."""

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


# Folders whose code makes every output: what a config means, what is computed from it, what is written.
READING_AND_COMPUTING = (
    *(
        "__init__.py",
        "messages/*.py",
        "storage/*.py",
        "declare/*.py",
        "numerics/*.py",
        "libraries/*.py",
        "problems/*.py",
    ),
    *("engine/*.py", "tables/*.py", "experiment/*.py", "config/*.py", "execution/*.py", "outputs/*.py"),
)
# Folders whose code draws every figure. Of rules, wrappers and figures only the modules of those used count.
DRAWING = ("landscape/*.py", "figures/_*.py")


def modules_of(things: Sequence[Any]) -> list[str]:
    """Return the modules, of this program's, in which the classes of ``things`` are, and those they share with others.

    As patterns of names.
    """
    own = "bpviz."
    names = {kind.__module__ for thing in things for part in declare.made_of(thing) for kind in type(part).__mro__}
    paths = [name.removeprefix(own).split(".") for name in names if name.startswith(own)]
    shared = {"/".join([*folders, "_*.py"]) for *folders, _ in paths if folders}
    return sorted(shared | {f"{'/'.join(path)}.py" for path in paths})


def code_of(experiment: Experiment) -> dict[str, str]:
    """Return the digests of the modules that read, compute and draw an experiment."""
    things = [experiment.problem, *(a.optimizer for a in experiment.algorithms), *experiment.figures]
    return hashing.modules(*READING_AND_COMPUTING, *DRAWING, *modules_of(things))


def rounded(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run of a summary with its computed numbers to nine digits."""
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
    """Return the versions that results and figures may depend on."""
    needed = dict.fromkeys(name for a in experiment.algorithms for name in libraries.needed_by(a.optimizer.name))
    return {
        "bpviz": __version__,
        "python": platform.python_version(),
        **{library: _version(library) for library in ("numpy", "matplotlib", *needed)},
    }


@functools.cache
def _version(library: str) -> str:
    from importlib.metadata import version  # slow to import, and to answer

    return version(library)


def other_code(code: Mapping[str, str]) -> list[str]:
    """Return the modules, of those that a lock names, that are no longer what they were."""
    return [name for name, was in code.items() if _now(name) != was]


def _now(name: str) -> str:
    try:
        return hashing.of_module(name)
    except OSError:  # gone
        return ""
