"""The contract: checks that every update rule must pass, run by the tests and by `bpviz check`.

Each check takes one rule and yields one sentence per problem found, or nothing.

The central requirement is batch-invariance: in any block, of any size and in any order, a run has the same weights,
errors, counts and ending, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from bpviz import declare
from bpviz.conformance.batch_invariance import (
    large_blocks_are_batch_invariant,
    runs_are_batch_invariant,
    runs_are_batch_invariant_briefly,
    varied_settings_are_batch_invariant,
)
from bpviz.conformance.behaviour import (
    at_start_is_declared_correctly,
    counts_match_needs,
    divergence_is_an_ending,
    evaluations_match_needs,
    recalls_is_declared_correctly,
    rule_runs,
    start_below_threshold_takes_no_epoch,
    state_is_tuple_of_arrays,
)
from bpviz.conformance.declarations import (
    all_invalid_values_are_reported,
    docstring_has_formula_and_symbols,
    hyperparameter_rejects_invalid_values,
    names_are_unambiguous,
    settings_are_frozen_and_typed,
    source_has_year,
)
from bpviz.conformance.evaluation_counts import every_evaluation_is_counted, rule_has_only_an_oracle
from bpviz.conformance.fixtures import SHAPES, Findings, perceptrons
from bpviz.declare import OPTIMIZERS, entry_points
from bpviz.engine import guard

if TYPE_CHECKING:
    from bpviz.declare import Optimizer


class Check(NamedTuple):
    """A requirement, as tables show it, and the function that yields violations of it."""

    name: str
    requirement: str
    findings: Callable[[Optimizer], Findings]


class Verdict(NamedTuple):
    """The result of a check: whether it passed, None if it was not run, and the violations found."""

    check: str
    requirement: str
    passed: bool | None
    findings: tuple[str, ...]


def _batch_invariance(rule: Optimizer) -> Findings:
    for shape, problem in SHAPES.items():
        yield from (f"{shape}, {found}" for found in runs_are_batch_invariant(rule, problem))
    for problem in perceptrons():
        neuron = f"{problem.activation} {problem.loss}"
        yield from (f"{neuron}, {found}" for found in runs_are_batch_invariant_briefly(rule, problem))
    yield from large_blocks_are_batch_invariant(rule)


def _varied_settings(rule: Optimizer) -> Findings:
    for shape in ("6 x 2", "37 x 3"):
        found = varied_settings_are_batch_invariant(rule, SHAPES[shape])
        yield from (f"{shape}, {sentence}" for sentence in found)


def _evaluations(rule: Optimizer) -> Findings:
    yield from evaluations_match_needs(rule)
    yield from counts_match_needs(rule)


def _counts(rule: Optimizer) -> Findings:
    yield from every_evaluation_is_counted(rule)
    yield from rule_has_only_an_oracle(rule)


def _endings(rule: Optimizer) -> Findings:
    yield from start_below_threshold_takes_no_epoch(rule)
    yield from divergence_is_an_ending(rule)


def _wrappers(rule: Optimizer) -> Findings:
    yield from at_start_is_declared_correctly(rule)
    yield from recalls_is_declared_correctly(rule)


def _settings(rule: Optimizer) -> Findings:
    yield from settings_are_frozen_and_typed(rule)
    for field in declare.fields(rule).values():
        yield from hyperparameter_rejects_invalid_values(rule, field)
    yield from all_invalid_values_are_reported(rule)


def _documentation(rule: Optimizer) -> Findings:
    yield from docstring_has_formula_and_symbols(rule)
    yield from source_has_year(rule)
    yield from names_are_unambiguous(rule)


RUNNING = (
    Check("runs", "runs for 20 epochs without an exception", rule_runs),
    Check(
        "batch invariance",
        "batch-invariant: a run does not depend on block size, order or other runs",
        _batch_invariance,
    ),
    Check("varied settings", "batch-invariant with settings that vary between runs", _varied_settings),
    Check("evaluations", "evaluations match `needs`, and inputs stay unchanged", _evaluations),
    Check("counts", "every evaluation is counted, and the oracle gives no other access", _counts),
    Check("state", "state is a tuple of arrays whose first axis is runs", state_is_tuple_of_arrays),
    Check("wrappers", "`at_start` and `recalls` are declared correctly (needed by wrappers)", _wrappers),
    Check("endings", "a start below the threshold takes no epoch, and divergence is an ending", _endings),
)
DECLARED = (
    Check("settings", "settings reject invalid values with the expected message", _settings),
    Check("documentation", "docstring has formula, symbols and source; name is unambiguous", _documentation),
)


def contract(rule: Optimizer) -> list[Verdict]:
    """Run the checks on a rule and return the verdicts.

    If the rule does not run, only the checks of its declarations are run. For library optimizers, which are in no
    registry, two checks are skipped: their documentation is the library's, and their state is not made of numbers.
    """
    first, *rest = RUNNING
    runs = _verdict(first, rule)
    skipped = set() if rule.name in list(OPTIMIZERS) else {"wrappers", "documentation"}
    skipped |= set() if runs.passed else {check.name for check in rest}
    checks = (*rest, *DECLARED)
    return [runs, *(_skipped(check) if check.name in skipped else _verdict(check, rule) for check in checks)]


def _skipped(check: Check) -> Verdict:
    return Verdict(check.name, check.requirement, None, ())


def _verdict(check: Check, rule: Optimizer) -> Verdict:
    found = []
    try:
        for sentence in check.findings(rule):
            found.append(sentence)  # noqa: PERF402 - keeps the sentences before an exception
    except guard.RuleError as error:
        found.append(str(error))
    except Exception as error:  # noqa: BLE001 - a rule may raise anything
        found.append(entry_points.describe_error(error))
    return Verdict(check.name, check.requirement, not found, tuple(found))
