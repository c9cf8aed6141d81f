"""Other libraries' own optimizers, run through the same oracle and the same loop: ``torch:Adam``, ``scipy:BFGS``.

A name is ``library:what the library calls it``, its settings the library's own keyword arguments. ``kind`` makes a
class of such a name that is like any of the registry's: with declared fields, with needs, with a place for every
mistake. No library is imported before a name asks for it.
"""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bpviz.messages.suggestions import nearest
from bpviz.messages.text import listed, shown

if TYPE_CHECKING:
    from bpviz.declare import Optimizer

PREFIXES = {
    "torch": "an optimizer of torch.optim, for instance torch:Adam",
    "optax": "an optimizer of optax or optax.contrib, for instance optax:adamw",
    "scipy": "a method of scipy.optimize.minimize, for instance scipy:BFGS",
}
"""The libraries, each with what its names stand for. The extras that install them have the same names."""

LEAST = {"torch": (2, 3), "optax": (0, 2, 4), "jax": (0, 6), "scipy": (1, 16)}
"""The first version of each that is used rightly here; the extras ask for it."""

_SYNONYMS = {"pytorch": "torch", "torch.optim": "torch", "jax": "optax", "flax": "optax", "scipy.optimize": "scipy"}


class MissingError(KeyError):
    """A library that a name asks for is not installed."""


def needed_by(name: str) -> tuple[str, ...]:
    """Return the packages on which the results of the algorithm ``name`` depend beside the usual ones."""
    library = name.partition(":")[0]
    return () if ":" not in name or library not in PREFIXES else ("optax", "jax") if library == "optax" else (library,)


def kind(name: str) -> type[Optimizer]:
    """Return the class of the optimizer that a name such as ``torch:Adam`` stands for.

    Raises KeyError, saying why, if there is none that can be used here, and MissingError if its library is missing.
    """
    library, _, inner = name.partition(":")
    if library not in PREFIXES:
        guess = nearest(library, PREFIXES, _SYNONYMS)
        hint = f"did you mean '{guess}:{inner}'?" if guess else f"known are {listed(PREFIXES, 'and')}"
        raise KeyError(f"{shown(name)}: {shown(library)} is not a library whose optimizers can be used; {hint}")
    found: type[Optimizer] = import_module(f"bpviz.libraries._{library}").kind(inner)
    return found


def imported(name: str, *modules: str) -> list[Any]:
    """Return the modules of the library that ``name`` asks for.

    Raises MissingError, saying what to do, if they are not there or too old.
    """
    library = name.partition(":")[0]
    install = f'pip install "bpviz[{library}]"'
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for module in modules:
            package = module.partition(".")[0]
            try:
                found.append(import_module(module))
            except ImportError as error:
                lacking = (error.name or "").partition(".")[0]
                if lacking in LEAST:
                    raise MissingError(f"{name} needs {lacking}: {install}") from None
                raise MissingError(f"{name} needs {package}, which is there but cannot be imported: {error}") from None
            version = getattr(sys.modules[package], "__version__", "0")
            if tuple(map(int, re.findall(r"\d+", version)[:3])) < LEAST[package]:
                least = ".".join(map(str, LEAST[package]))
                raise MissingError(f"{name} needs {package} {least} or later, and {version} is there: {install}")
    return found


def unknown(name: str, known: list[str], where: str, synonyms: Mapping[str, str] = MappingProxyType({})) -> KeyError:
    """Return the refusal of a name that a library does not have, or has for something else than an optimizer."""
    library, _, inner = name.partition(":")
    folded = {other.lower(): other for other in known}
    guess = nearest(inner, folded, synonyms)
    hint = f"did you mean '{library}:{folded[guess]}'?" if guess else f"known are {', '.join(known)}"
    return KeyError(f"{shown(name)} is not an optimizer of {where}; {hint}")
