"""Expected results of an experiment; deviations are reported at their place in the config."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from bpviz.declare.domains import Choice, Domain, Interval
from bpviz.tables import tolerance

if TYPE_CHECKING:
    from bpviz.messages.diagnostics import Mistake

ENDINGS = ("reached", "level", "diverged", "exhausted", "stuck")


class Quantity(NamedTuple):
    """A quantity of a run: its domain, its value in a run of ``summary.json``, and its wording in messages.

    ``expected`` is the wording of an expectation, ``got`` that of a result.
    """

    domain: Domain
    of: Callable[[Mapping[str, Any]], Any]
    expected: str
    got: str


class Relation(NamedTuple):
    """A relation between the result and the expected value, and its wording in messages."""

    holds: Callable[[float, float], bool]
    text: str


QUANTITIES: Mapping[str, Quantity] = {
    "epochs": Quantity(Interval.parse("integer [0, inf)"), lambda run: run["epochs"], "{} epochs", "took {}"),
    "error": Quantity(Interval.parse("(-inf, inf)"), lambda run: run["final_error"], "an error of {}", "ended with {}"),
    "evaluations": Quantity(
        Interval.parse("integer [0, inf)"), lambda run: sum(run["evaluations"].values()), "{} evaluations", "took {}"
    ),
    "ending": Quantity(Choice(ENDINGS), lambda run: run["ending"], "the ending {!r}", "ended with {!r}"),
}

EXACTLY = "exactly"
"""The relation of a value without a bound."""

RELATIONS: Mapping[str, Relation] = {
    EXACTLY: Relation(lambda value, expected: math.isclose(value, expected, rel_tol=tolerance.RELATIVE), ""),
    "at_most": Relation(lambda value, expected: value <= expected, "at most "),
    "at_least": Relation(lambda value, expected: value >= expected, "at least "),
    "below": Relation(lambda value, expected: value < expected, "less than "),
    "above": Relation(lambda value, expected: value > expected, "more than "),
}


@dataclasses.dataclass(frozen=True)
class Expectation:
    """An expectation of every run of an algorithm: a quantity, its relation to a value, and the value."""

    label: str
    quantity: str
    relation: str
    value: float | str
    where: Mistake = dataclasses.field(compare=False)  # its place in the config, with an empty message

    def failures(self, runs: list[Mapping[str, Any]]) -> list[Mistake]:
        """Return a mistake for each of ``runs``, given as in ``summary.json``, that does not meet the expectation."""
        quantity = QUANTITIES[self.quantity]
        relation = RELATIONS[self.relation]
        failures = []
        for run in runs:
            value = quantity.of(run)
            if value is None:  # a non-finite number, which JSON cannot represent
                value = math.nan
            if run["label"] == self.label and not self._is_met(value, relation):
                expected = quantity.expected.format(relation.text + _text(self.value))
                got = quantity.got.format(_text(value))
                message = f"expected {expected}, {self.label} {got}"
                failures.append(dataclasses.replace(self.where, message=message))
        return failures

    def _is_met(self, value: Any, relation: Relation) -> bool:
        if isinstance(self.value, str) or isinstance(value, str):
            return bool(value == self.value)
        return relation.holds(value, self.value)


def _text(value: float | str) -> str:
    return f"{value:.10g}" if isinstance(value, float) else str(value)
