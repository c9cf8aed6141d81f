"""What an experiment is expected to come to, so that whoever changes that hears of it, at its place in the config."""

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
    """Something of a run that can be expected: what it may be, how to read it, and how a sentence says it."""

    domain: Domain
    of: Callable[[Mapping[str, Any]], Any]
    said: str


class Relation(NamedTuple):
    """How what came must stand to what was expected, and how a sentence says that."""

    holds: Callable[[float, float], bool]
    said: str


QUANTITIES: Mapping[str, Quantity] = {
    "epochs": Quantity(Interval.parse("integer [0, inf)"), lambda run: run["epochs"], "{} epochs"),
    "error": Quantity(Interval.parse("(-inf, inf)"), lambda run: run["final_error"], "an error of {}"),
    "evaluations": Quantity(
        Interval.parse("integer [0, inf)"), lambda run: sum(run["evaluations"].values()), "{} evaluations"
    ),
    "ending": Quantity(Choice(ENDINGS), lambda run: run["ending"], "the ending {}"),
}
"""Read from a run as ``summary.json`` has it."""

EXACTLY = "exactly"
"""The relation of a value that stands alone."""

RELATIONS: Mapping[str, Relation] = {
    EXACTLY: Relation(lambda came, expected: math.isclose(came, expected, rel_tol=tolerance.RELATIVE), ""),
    "at_most": Relation(lambda came, expected: came <= expected, "at most "),
    "at_least": Relation(lambda came, expected: came >= expected, "at least "),
    "below": Relation(lambda came, expected: came < expected, "less than "),
    "above": Relation(lambda came, expected: came > expected, "more than "),
}


@dataclasses.dataclass(frozen=True)
class Expectation:
    """One thing that is expected of every run of an algorithm: a quantity of QUANTITIES, a relation of RELATIONS."""

    label: str
    quantity: str
    relation: str
    value: float | str
    where: Mistake = dataclasses.field(compare=False)  # its place, with the message yet to be said

    def failures(self, runs: list[Mapping[str, Any]]) -> list[Mistake]:
        """Return a mistake for each of ``runs``, as ``summary.json`` has them, that is not as expected."""
        quantity = QUANTITIES[self.quantity]
        relation = RELATIONS[self.relation]
        failures = []
        for run in runs:
            came = quantity.of(run)
            if came is None:  # JSON has no word for what is not finite
                came = math.nan
            if run["label"] == self.label and not self._met(came, relation):
                expected = relation.said + quantity.said.format(_shown(self.value))
                message = f"{expected} expected, but {self.label} came to {quantity.said.format(_shown(came))}"
                failures.append(dataclasses.replace(self.where, message=message))
        return failures

    def _met(self, came: Any, relation: Relation) -> bool:
        if isinstance(self.value, str) or isinstance(came, str):
            return bool(came == self.value)
        return relation.holds(came, self.value)


def _shown(value: float | str) -> str:
    return f"{value:.10g}" if isinstance(value, float) else str(value)
