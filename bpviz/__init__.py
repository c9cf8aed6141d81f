"""bpviz: compare optimizers.

    import bpviz
    results = bpviz.compare("gd", "momentum:step=0.1")

The names in ``__all__`` are the public interface, described in docs/python.md. Each is imported at its first use, so
that ``import bpviz`` is fast.
"""

from bpviz._version import __version__

TYPE_CHECKING = False  # as in typing, which is not imported
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

_MODULES = {
    "api": ("Results", "compare", "run"),
    "config": ("ConfigError", "Experiment"),
    "declare": ("Array", "Column", "Minimum", "Oracle", "hyper", "optimizer", "problem"),
    "declare.domains": ("Choice", "Flag", "Interval"),
    "engine.guard": ("RuleError",),
    "problems._formula": ("Function",),
    "engine.results": ("Ending", "Run"),
}


if not TYPE_CHECKING:  # a type checker would accept every name

    def __getattr__(name: str) -> object:
        for module, names in _MODULES.items():
            if name in names:
                from importlib import import_module

                value: object = getattr(import_module(f"bpviz.{module}"), name)
                globals()[name] = value
                return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
