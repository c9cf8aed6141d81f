"""Optimizers of other libraries, run through the same oracle and loop: ``torch:Adam``, ``scipy:BFGS``.

A name is ``library:name``; its settings are the keyword arguments of the library. ``optimizer_class`` returns a class
for such a name with the same interface as the registered rules: declared fields, needs, and mistakes with their place.
A library is imported only when a name requires it.
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
from bpviz.messages.text import quote_value

if TYPE_CHECKING:
    from bpviz.declare import Optimizer

PREFIXES = {
    "torch": "an optimizer of torch.optim, for instance torch:Adam",
    "optax": "an optimizer of optax or optax.contrib, for instance optax:adamw",
    "scipy": "a method of scipy.optimize.minimize, for instance scipy:BFGS",
}
"""The libraries and the meaning of their names. The extras that install them have the same names."""

MINIMUM_VERSIONS = {"torch": (2, 3), "optax": (0, 2, 4), "jax": (0, 6), "scipy": (1, 16)}
"""The minimum supported version of each package; the extras require it."""

_SYNONYMS = {"pytorch": "torch", "torch.optim": "torch", "jax": "optax", "flax": "optax", "scipy.optimize": "scipy"}


class MissingError(KeyError):
    """The library of an optimizer is not installed."""


def required_packages(name: str) -> tuple[str, ...]:
    """Return the additional packages on which the results of the algorithm ``name`` depend."""
    library = name.partition(":")[0]
    return () if ":" not in name or library not in PREFIXES else ("optax", "jax") if library == "optax" else (library,)


def optimizer_class(name: str) -> type[Optimizer]:
    """Return the class of a library optimizer, given a name such as ``torch:Adam``.

    Raise KeyError with the reason if the name is unknown or not supported, and MissingError if its library is missing.
    """
    library, _, inner = name.partition(":")
    if library not in PREFIXES:
        guess = nearest(library, PREFIXES, _SYNONYMS)
        hint = f"did you mean '{guess}:{inner}'?" if guess else f"use one of {', '.join(PREFIXES)}"
        raise KeyError(f"{quote_value(name)}: unknown library {quote_value(library)}; {hint}")
    found: type[Optimizer] = import_module(f"bpviz.libraries._{library}").optimizer_class(inner)
    return found


def import_library(name: str, *modules: str) -> list[Any]:
    """Import and return the modules of the library of ``name``.

    Raise MissingError, with instructions, if they are not installed or too old.
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
                if lacking in MINIMUM_VERSIONS:
                    raise MissingError(f"{name} requires {lacking}; install it with {install}") from None
                raise MissingError(
                    f"{name} requires {package}, which is installed but not importable: {error}"
                ) from None
            version = getattr(sys.modules[package], "__version__", "0")
            if tuple(map(int, re.findall(r"\d+", version)[:3])) < MINIMUM_VERSIONS[package]:
                least = ".".join(map(str, MINIMUM_VERSIONS[package]))
                raise MissingError(f"{name} requires {package} >= {least} (got {version}); upgrade with {install}")
    return found


def unknown_name_error(
    name: str, known: list[str], where: str, synonyms: Mapping[str, str] = MappingProxyType({})
) -> KeyError:
    """Return the error for a name that the library does not have or that is not an optimizer."""
    library, _, inner = name.partition(":")
    folded = {other.lower(): other for other in known}
    guess = nearest(inner, folded, synonyms)
    hint = f"did you mean '{library}:{folded[guess]}'?" if guess else f"use one of {', '.join(known)}"
    return KeyError(f"unknown optimizer {quote_value(name)} of {where}; {hint}")
