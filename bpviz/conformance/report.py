"""What came of holding a rule to the contract and beside another, as text for people and for programs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpviz import declare, tables
from bpviz.conformance import contract, equivalence
from bpviz.declare import registry
from bpviz.messages.suggestions import common
from bpviz.messages.text import listed
from bpviz.tables import schemas

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bpviz.conformance.contract import Verdict
    from bpviz.conformance.equivalence import Beside
    from bpviz.declare import Optimizer
    from bpviz.tables import Table

_SHOWN = 5  # findings of one check


@dataclass(frozen=True)
class Report:
    """A rule with its verdicts, and beside another if there is one."""

    rule: Optimizer
    verdicts: list[Verdict]
    other: Optimizer | None = None
    beside: tuple[Beside, ...] = ()

    @property
    def agree(self) -> bool:
        """Whether the two rules, if there are two, are the same as far as can be told."""
        return self.other is None or equivalence.agree(self.beside)

    @property
    def holds(self) -> bool:
        """Whether nothing that was tried has failed."""
        return self.agree and not any(verdict.holds is False for verdict in self.verdicts)

    def differing(self) -> list[tuple[str, str, Any, Any]]:
        """Return the settings that differ: what each calls it, ``step`` and ``lr``, and what each says.

        A name is empty where one has no such setting.
        """
        if self.other is None:
            return []
        own, others = declare.settings(self.rule), declare.settings(self.other)
        alike = {common(name): name for name in others if name not in own}
        pairs = [(name, name if name in others else alike.pop(common(name), "")) for name in own]
        pairs += [("", name) for name in alike.values()]
        return [(a, b, own.get(a), others.get(b)) for a, b in pairs if not (a and b and own[a] == others[b])]


def made(rule: Optimizer, other: Optimizer | None = None) -> Report:
    """Try everything and return what came of it."""
    verdicts = contract.contract(rule)
    tried = other is not None and verdicts[0].holds
    return Report(
        rule, verdicts, other, tuple(equivalence.side_by_side(rule, other)) if other is not None and tried else ()
    )


# -- for people ------------------------------------------------------------------------------------------------------


def sections(report: Report) -> Iterator[tuple[Table, list[str]]]:
    """Yield the tables of a report, each with the sentences that stand below it."""
    word = {True: "holds", False: "fails", None: "not tried"}
    yield (
        tables.Table(
            [f"The contract of {_titled(report.rule)}", "verdict"],
            [[verdict.promise, word[verdict.holds]] for verdict in report.verdicts],
            [False, False],
        ),
        [found for verdict in report.verdicts for found in _few(verdict.findings)],
    )
    if report.other is None:
        return
    yield (
        tables.Table(
            [f"Beside {_titled(report.other)}", "start", "epochs", "difference", "in", "roundoff", "verdict"],
            [_row(beside) for beside in report.beside],
            [False, False, True, True, False, True, False],
        ),
        list(_sentences(report)),
    )


def _titled(rule: Optimizer) -> str:
    return rule.name if rule.label == rule.name else f"{rule.name}, {rule.label}"


def _few(findings: tuple[str, ...]) -> list[str]:
    more = len(findings) - _SHOWN
    return [*findings[:_SHOWN], *([f"... and {more} more of this kind"] if more > 0 else [])]


def _row(beside: Beside) -> list[str]:
    verdict = {
        "part": f"part at epoch {beside.parts}",
        "identical": "the same, bit for bit",
        "same": "the same",
        "nothing to compare": "nothing to compare",
    }[beside.word]
    numbers = [f"{x:.2g}" if x else "0" for x in (beside.difference, beside.roundoff)]
    start = tables.point(beside.start)
    return [beside.problem, start, str(beside.epochs), numbers[0], beside.weight, numbers[1], verdict]


def _sentences(report: Report) -> Iterator[str]:
    """Yield what has to be known to read the second table."""
    if not report.beside:
        yield "not compared: the rule does not run"
        return
    differing = report.differing()
    for a, b, own, others in differing:
        if a and b:
            there = _value(others) if a == b else f"{b} is {_value(others)}"
            yield f"{a} is {_value(own)} in the first and {there} in the second"
    alone = [f"{a} {_value(own)}" for a, b, own, _ in differing if not b]
    if alone:
        yield f"the first alone has {listed(alone, 'and')}"
    alone = [f"{b} {_value(others)}" for a, b, _, others in differing if not a]
    if alone:
        yield f"the second alone has {listed(alone, 'and')}"
    for beside in report.beside:
        if beside.note:
            yield f"{beside.problem} from {tables.point(beside.start)}: {beside.note}"
    compared = sum(beside.epochs for beside in report.beside)
    if all(beside.parts is None for beside in report.beside) and not report.agree:
        yield f"{compared} epochs in all are too few to say that they are the same"


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else f"{value}"


def as_text(report: Report) -> str:
    """Return a report as text aligned with spaces."""
    parts = []
    for table, sentences in sections(report):
        parts.append(tables.as_text(table))
        if sentences:
            parts.append("".join(f"  {sentence}\n" for sentence in sentences))
    return "\n".join(parts)


# -- for programs ----------------------------------------------------------------------------------------------------


def as_data(report: Report) -> dict[str, Any]:
    """Return a report as plain data, exact."""
    data: dict[str, Any] = {
        "schema": schemas.CONFORMANCE,
        "holds": report.holds,
        "rule": _described(report.rule),
        "contract": [
            {"check": v.check, "promise": v.promise, "holds": v.holds, "findings": list(v.findings)}
            for v in report.verdicts
        ],
    }
    if report.other is not None:
        data["against"] = {
            "rule": _described(report.other),
            "agree": report.agree,
            "differing_settings": [
                {"name": a or None, "value": own, "name_there": b or None, "value_there": others}
                for a, b, own, others in report.differing()
            ],
            "runs": [
                {
                    "problem": b.problem,
                    "start": list(b.start),
                    "verdict": b.word,
                    "epochs": b.epochs,
                    "parts_at": b.parts,
                    "difference": _finite(b.difference),
                    "weight": b.weight or None,
                    "roundoff": _finite(b.roundoff),
                    "note": b.note,
                }
                for b in report.beside
            ],
        }
    return data


def _described(rule: Optimizer) -> dict[str, Any]:
    file = registry.FILES.get(type(rule).__module__)
    return {
        "name": rule.name,
        "label": rule.label,
        "settings": declare.settings(rule),
        "needs": [kind for kind in declare.KINDS if kind in rule.needs],
        "source": rule.source,
        "file": Path(file).name if file else None,
    }


def _finite(x: float) -> float | None:
    return x if math.isfinite(x) else None
