"""The report of `bpviz check`: verdicts on the contract and comparisons with another rule, as text and as JSON."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpviz import declare, tables
from bpviz.conformance import contract, equivalence
from bpviz.declare import registry
from bpviz.messages.suggestions import common
from bpviz.messages.text import join_words
from bpviz.tables import schemas

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bpviz.conformance.contract import Verdict
    from bpviz.conformance.equivalence import Comparison
    from bpviz.declare import Optimizer
    from bpviz.tables import Table

_SHOWN = 5  # findings of one check


@dataclass(frozen=True)
class Report:
    """The verdicts on a rule, and its comparisons with another rule, if one was given."""

    rule: Optimizer
    verdicts: list[Verdict]
    other: Optimizer | None = None
    comparisons: tuple[Comparison, ...] = ()

    @property
    def equivalent(self) -> bool:
        """Whether the two rules are equivalent; True without another rule."""
        return self.other is None or equivalence.equivalent(self.comparisons)

    @property
    def passed(self) -> bool:
        """Whether no check failed and the two rules are equivalent."""
        return self.equivalent and not any(verdict.passed is False for verdict in self.verdicts)

    def differing_settings(self) -> list[tuple[str, str, Any, Any]]:
        """Return the settings that differ: (name, other name, value, other value), as in ``("step", "lr", 0.3, 0.1)``.

        The name is empty where a rule does not have the setting.
        """
        if self.other is None:
            return []
        own, others = declare.settings(self.rule), declare.settings(self.other)
        alike = {common(name): name for name in others if name not in own}
        pairs = [(name, name if name in others else alike.pop(common(name), "")) for name in own]
        pairs += [("", name) for name in alike.values()]
        return [(a, b, own.get(a), others.get(b)) for a, b in pairs if not (a and b and own[a] == others[b])]


def check(rule: Optimizer, other: Optimizer | None = None) -> Report:
    """Check a rule against the contract, compare it with another one if given, and return the report."""
    verdicts = contract.contract(rule)
    comparisons = equivalence.compare_rules(rule, other) if other is not None and verdicts[0].passed else ()
    return Report(rule, verdicts, other, tuple(comparisons))


# -- for people ------------------------------------------------------------------------------------------------------


def sections(report: Report) -> Iterator[tuple[Table, list[str]]]:
    """Yield the tables of a report, each with the sentences printed below it."""
    word = {True: "passed", False: "failed", None: "skipped"}
    yield (
        tables.Table(
            [f"Contract of {_titled(report.rule)}", "verdict"],
            [[verdict.requirement, word[verdict.passed]] for verdict in report.verdicts],
            [False, False],
        ),
        [sentence for verdict in report.verdicts for sentence in _shortened(verdict.findings)],
    )
    if report.other is None:
        return
    yield (
        tables.Table(
            [
                f"Compared with {_titled(report.other)}",
                "start",
                "epochs",
                "difference",
                "weight",
                "roundoff",
                "verdict",
            ],
            [_row(comparison) for comparison in report.comparisons],
            [False, False, True, True, False, True, False],
        ),
        list(_sentences(report)),
    )


def _titled(rule: Optimizer) -> str:
    return rule.name if rule.label == rule.name else f"{rule.name} ({rule.label})"


def _shortened(findings: tuple[str, ...]) -> list[str]:
    more = len(findings) - _SHOWN
    return [*findings[:_SHOWN], *([f"... and {more} more"] if more > 0 else [])]


def _row(comparison: Comparison) -> list[str]:
    verdict = {
        "different": f"different from epoch {comparison.differs_at}",
        "identical": "identical, bit for bit",
        "equivalent": "equivalent",
        "nothing to compare": "nothing to compare",
    }[comparison.word]
    numbers = [f"{x:.2g}" if x else "0" for x in (comparison.difference, comparison.roundoff)]
    start = tables.point(comparison.start)
    return [comparison.problem, start, str(comparison.epochs), numbers[0], comparison.weight, numbers[1], verdict]


def _sentences(report: Report) -> Iterator[str]:
    """Yield the sentences below the table of comparisons."""
    if not report.comparisons:
        yield "not compared: the first algorithm does not run"
        return
    differing = report.differing_settings()
    for a, b, own, others in differing:
        if a and b:
            yield f"different setting: {a} {_value(own)} in the first algorithm, {b} {_value(others)} in the second"
    own_only = [f"{a} {_value(own)}" for a, b, own, _ in differing if not b]
    if own_only:
        yield f"only in the first algorithm: {join_words(own_only, 'and')}"
    others_only = [f"{b} {_value(others)}" for a, b, _, others in differing if not a]
    if others_only:
        yield f"only in the second algorithm: {join_words(others_only, 'and')}"
    for comparison in report.comparisons:
        if comparison.note:
            yield f"{comparison.problem} from {tables.point(comparison.start)}: {comparison.note}"
    compared = sum(comparison.epochs for comparison in report.comparisons)
    if all(comparison.differs_at is None for comparison in report.comparisons) and not report.equivalent:
        yield f"too few epochs to call the algorithms equivalent (got {compared}, expected {equivalence.MIN_EPOCHS})"


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
    """Return a report as plain data for JSON, with unrounded numbers."""
    data: dict[str, Any] = {
        "schema": schemas.CONFORMANCE,
        "passed": report.passed,
        "rule": _described(report.rule),
        "contract": [
            {"check": v.check, "requirement": v.requirement, "passed": v.passed, "findings": list(v.findings)}
            for v in report.verdicts
        ],
    }
    if report.other is not None:
        data["against"] = {
            "rule": _described(report.other),
            "equivalent": report.equivalent,
            "differing_settings": [
                {"name": a or None, "other_name": b or None, "value": own, "other_value": others}
                for a, b, own, others in report.differing_settings()
            ],
            "runs": [
                {
                    "problem": c.problem,
                    "start": list(c.start),
                    "verdict": c.word,
                    "epochs": c.epochs,
                    "differs_at": c.differs_at,
                    "difference": _finite(c.difference),
                    "weight": c.weight or None,
                    "roundoff": _finite(c.roundoff),
                    "note": c.note,
                }
                for c in report.comparisons
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
