"""The object that update rules are handed: it has the names of the Oracle protocol and no others."""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping
from typing import Any, NoReturn, cast

from bpviz.declare.interfaces import Arithmetic, Oracle

ARITHMETIC, EVALUATIONS = (
    tuple(name for name in vars(protocol) if not name.startswith("_")) for protocol in (Arithmetic, Oracle)
)
NAMES = (*EVALUATIONS, *ARITHMETIC)
"""The names that a rule may use, in the order of the protocols."""


class UnknownNameError(AttributeError):
    """A rule used a name that an oracle does not have; the text suggests the nearest one."""


class RestrictedOracle:
    """An oracle whose only attributes are the names of the Oracle protocol. Each has a value or a function.

    It has no reference to the object that counts, to the problem or to the loop, and its attributes cannot be set. The
    names of the Arithmetic protocol are attributes of a subclass per engine, since they are the same for all blocks.
    """

    __slots__ = EVALUATIONS

    def __getattr__(self, name: str) -> NoReturn:
        from bpviz.messages.suggestions import nearest  # only when something is wrong

        meant = nearest(name, NAMES)
        fix = f"did you mean {meant}?" if meant else f"use one of {', '.join(NAMES)}"
        raise UnknownNameError(f"f.{name}: unknown; {fix}")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise UnknownNameError(f"f.{name} cannot be set; keep values in the state")

    def __delattr__(self, name: str) -> NoReturn:
        raise UnknownNameError(f"f.{name} cannot be deleted; keep values in the state")


_set = object.__setattr__
_values = operator.attrgetter(*EVALUATIONS)
_setters = tuple(vars(RestrictedOracle)[name].__set__ for name in EVALUATIONS)


@functools.cache
def _class_of(engine: type) -> type[RestrictedOracle]:
    shared = {name: staticmethod(getattr(engine, name)) for name in ARITHMETIC}
    return type("RestrictedOracle", (RestrictedOracle,), {"__slots__": (), **shared})


def restricted(engine: type, values: Mapping[str, Any]) -> Oracle:
    """Return a restricted oracle with these values of EVALUATIONS, and the ARITHMETIC of the class ``engine``."""
    made = object.__new__(_class_of(engine))
    for name in EVALUATIONS:
        _set(made, name, values[name])
    return cast("Oracle", made)


def altered(oracle: Oracle, changes: Mapping[str, Any]) -> Oracle:
    """Return a restricted oracle with the values of ``oracle``, except for ``changes``, by names of EVALUATIONS."""
    kind: type = type(oracle)
    made = object.__new__(kind if issubclass(kind, RestrictedOracle) else _class_of(kind))
    for set_value, value in zip(_setters, _values(oracle), strict=True):
        set_value(made, value)
    for name, value in changes.items():
        _set(made, name, value)
    return cast("Oracle", made)


def replace(oracle: Oracle, name: str, value: Any) -> None:
    """Replace one value of a restricted oracle."""
    _set(oracle, name, value)
