"""The object that update rules are handed: it has the names of the Oracle protocol and no others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn, cast

from bpviz.declare.interfaces import Arithmetic, Oracle

ARITHMETIC, EVALUATIONS = (
    tuple(name for name in vars(protocol) if not name.startswith("_")) for protocol in (Arithmetic, Oracle)
)
NAMES = (*EVALUATIONS, *ARITHMETIC)
"""The names that a rule may use, as the protocols list them."""


_SYNONYMS = {
    **dict.fromkeys(("value", "loss", "cost", "fun"), "error"),
    "grad": "gradient",
    "hess": "hessian",
    "jac": "jacobian",
    "inner": "dot",
    "np": "xp",
    "numpy": "xp",
}
"""Names in other libraries, for suggestions."""


class UnknownNameError(AttributeError):
    """A rule used a name that an oracle does not have; the text suggests the nearest one."""


class RestrictedOracle:
    """An oracle whose only attributes are NAMES, each with a value or a function. They cannot be set.

    It has no reference to the object that counts, to the problem or to the loop.
    """

    def __getattr__(self, name: str) -> NoReturn:
        from bpviz.messages.suggestions import nearest  # only when something is wrong

        meant = nearest(name, NAMES, _SYNONYMS)
        fix = f"did you mean {meant}?" if meant else f"use one of {', '.join(NAMES)}"
        raise UnknownNameError(f"f.{name}: unknown; {fix}")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise UnknownNameError(f"f.{name} cannot be set; keep values in the state")

    def __delattr__(self, name: str) -> NoReturn:
        raise UnknownNameError(f"f.{name} cannot be deleted; keep values in the state")


def restricted(values: Mapping[str, Any]) -> Oracle:
    """Return a restricted oracle with a value for each of NAMES."""
    made = object.__new__(RestrictedOracle)
    vars(made).update(values)
    return cast("Oracle", made)


def altered(oracle: Oracle, changes: Mapping[str, Any]) -> Oracle:
    """Return a restricted oracle with the values of ``oracle``, except for those in ``changes``, by name."""
    values = vars(oracle) if isinstance(oracle, RestrictedOracle) else {name: getattr(oracle, name) for name in NAMES}
    return restricted({**values, **changes})


def replace(oracle: Oracle, name: str, value: Any) -> None:
    """Replace one value of a restricted oracle."""
    vars(oracle)[name] = value
