"""What every rule promises, as checks that anybody's can be held to: the tests run them, and so does `bpviz check`.

Each check looks at one rule and yields what is wrong, a sentence for each thing found; nothing if all is well.

The first promise is that one run equals many: alone, among any neighbours, in any order and any block size a run has
the same weights, errors, counts and ending, to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from bpviz import declare
from bpviz.conformance.batch_invariance import (
    a_thousand_runs,
    one_equals_many,
    one_equals_many_here,
    one_equals_many_with_its_own_hyperparameters,
)
from bpviz.conformance.behaviour import (
    a_start_below_the_threshold_takes_no_epoch,
    a_state_is_a_tuple_of_arrays_over_runs,
    a_step_is_read_when_it_says,
    divergence_is_a_result,
    it_asks_what_it_needs_and_writes_on_nothing,
    it_recalls_what_it_says,
    it_runs,
    only_what_is_needed_is_billed,
)
from bpviz.conformance.declarations import (
    a_hyperparameter_refuses_what_it_cannot_be,
    all_bad_values_are_named_at_once,
    it_has_a_source,
    names_cannot_be_confused,
    settings_are_frozen_and_of_their_kind,
    the_docstring_has_the_formula_and_ties_its_symbols,
)
from bpviz.conformance.fixtures import SHAPES, Findings, perceptrons
from bpviz.conformance.honest_cost import every_evaluation_is_counted, only_an_oracle_is_handed_out
from bpviz.declare import OPTIMIZERS, entry_points
from bpviz.engine import guard

if TYPE_CHECKING:
    from bpviz.declare import Optimizer


# -- problems and starts ---------------------------------------------------------------------------------------------


# -- one equals many -------------------------------------------------------------------------------------------------


# -- how a rule deals with the oracle and the loop -------------------------------------------------------------------


# -- what a wrapper relies on ----------------------------------------------------------------------------------------


# -- what it declares ------------------------------------------------------------------------------------------------


# -- all of it -------------------------------------------------------------------------------------------------------


class Check(NamedTuple):
    """A promise, in words for a table, and what finds out whether it is kept."""

    name: str
    promise: str
    findings: Callable[[Optimizer], Findings]


class Verdict(NamedTuple):
    """What came of a check: whether the promise holds, None if it could not be tried, and what was found."""

    check: str
    promise: str
    holds: bool | None
    findings: tuple[str, ...]


def _equality(rule: Optimizer) -> Findings:
    for shape, problem in SHAPES.items():
        yield from (f"{shape}: {found}" for found in one_equals_many(rule, problem))
    for problem in perceptrons():
        neuron = f"{problem.activation} {problem.loss}"
        yield from (f"{neuron}: {found}" for found in one_equals_many_here(rule, problem))
    yield from a_thousand_runs(rule)


def _own_settings(rule: Optimizer) -> Findings:
    for shape in ("6 x 2", "37 x 3"):
        found = one_equals_many_with_its_own_hyperparameters(rule, SHAPES[shape])
        yield from (f"{shape}: {sentence}" for sentence in found)


def _questions(rule: Optimizer) -> Findings:
    yield from it_asks_what_it_needs_and_writes_on_nothing(rule)
    yield from only_what_is_needed_is_billed(rule)


def _cost(rule: Optimizer) -> Findings:
    yield from every_evaluation_is_counted(rule)
    yield from only_an_oracle_is_handed_out(rule)


def _endings(rule: Optimizer) -> Findings:
    yield from a_start_below_the_threshold_takes_no_epoch(rule)
    yield from divergence_is_a_result(rule)


def _around(rule: Optimizer) -> Findings:
    yield from a_step_is_read_when_it_says(rule)
    yield from it_recalls_what_it_says(rule)


def _settings(rule: Optimizer) -> Findings:
    yield from settings_are_frozen_and_of_their_kind(rule)
    for field in declare.fields(rule).values():
        yield from a_hyperparameter_refuses_what_it_cannot_be(rule, field)
    yield from all_bad_values_are_named_at_once(rule)


def _documentation(rule: Optimizer) -> Findings:
    yield from the_docstring_has_the_formula_and_ties_its_symbols(rule)
    yield from it_has_a_source(rule)
    yield from names_cannot_be_confused(rule)


RUNNING = (
    Check("runs", "it runs", it_runs),
    Check(
        "one equals many", "a run alone, among others, in any order and block size is the same, bit for bit", _equality
    ),
    Check("own settings", "a run with hyperparameters of its own among others is the same, bit for bit", _own_settings),
    Check("questions", "it asks what it says it needs, and writes on nothing that it is given", _questions),
    Check("cost", "every evaluation is counted, and a rule has no other access to the problem", _cost),
    Check("state", "its state is a tuple of arrays over runs", a_state_is_a_tuple_of_arrays_over_runs),
    Check("around", "what goes around it can count on what it says of its step and its memory", _around),
    Check("endings", "a good start takes no epoch, and divergence is a result", _endings),
)
DECLARED = (
    Check("settings", "every hyperparameter refuses what it cannot be, with the exact sentence", _settings),
    Check("documentation", "its formula, its letters, its source and its name are told", _documentation),
)


def contract(rule: Optimizer) -> list[Verdict]:
    """Return what comes of every check; of the others if a rule does not even run, which all in RUNNING need.

    What no registry has, an optimizer of another library, is documented there, and its memory is no array.
    """
    first, *rest = RUNNING
    runs = _verdict(first, rule)
    left = set() if rule.name in list(OPTIMIZERS) else {"around", "documentation"}
    left |= set() if runs.holds else {check.name for check in rest}
    checks = (*rest, *DECLARED)
    return [runs, *(_untried(check) if check.name in left else _verdict(check, rule) for check in checks)]


def _untried(check: Check) -> Verdict:
    return Verdict(check.name, check.promise, None, ())


def _verdict(check: Check, rule: Optimizer) -> Verdict:
    found = []
    try:
        for sentence in check.findings(rule):
            found.append(sentence)  # noqa: PERF402 - those before an exception are to stay
    except guard.RuleError as error:
        found.append(str(error))
    except Exception as error:  # noqa: BLE001 - whatever comes out of a rule is what the check has found
        found.append(entry_points.in_words(error))
    return Verdict(check.name, check.promise, not found, tuple(found))
