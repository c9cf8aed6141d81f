"""bpviz: see and compare optimizers.

    import bpviz
    results = bpviz.compare("gd", "momentum:step=0.1")

What is listed in ``__all__`` may be relied on; docs/python.md describes it. It is imported when it is first asked for,
so that ``import bpviz`` costs nothing.
"""

from bpviz._version import __version__

TYPE_CHECKING = False  # as typing has it, without importing typing
if TYPE_CHECKING:
    from bpviz.api import Results, compare, run
    from bpviz.config import ConfigError, Experiment
    from bpviz.declare import Array, Column, Minimum, Oracle, hyper, optimizer, problem
    from bpviz.declare.domains import Choice, Flag, Interval
    from bpviz.engine.guard import RuleError
    from bpviz.engine.results import Ending, Run
    from bpviz.problems._formula import Function


__all__ = [
    "Array",
    "Choice",
    "Column",
    "ConfigError",
    "Ending",
    "Experiment",
    "Flag",
    "Function",
    "Interval",
    "Minimum",
    "Oracle",
    "Results",
    "RuleError",
    "Run",
    "__version__",
    "compare",
    "hyper",
    "optimizer",
    "problem",
    "run",
]

_HOMES = {
    "api": ("Results", "compare", "run"),
    "config": ("ConfigError", "Experiment"),
    "declare": ("Array", "Column", "Minimum", "Oracle", "hyper", "optimizer", "problem"),
    "declare.domains": ("Choice", "Flag", "Interval"),
    "engine.guard": ("RuleError",),
    "problems._formula": ("Function",),
    "engine.results": ("Ending", "Run"),
}


if not TYPE_CHECKING:  # for a type checker any name would be there

    def __getattr__(name: str) -> object:
        for home, names in _HOMES.items():
            if name in names:
                from importlib import import_module

                thing: object = getattr(import_module(f"bpviz.{home}"), name)
                globals()[name] = thing
                return thing
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
