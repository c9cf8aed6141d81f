"""Run the checks of the contract on every registered rule; new rules are included without a change here.

The checks are those of `bpviz check`, in bpviz/conformance. test_contract.py shows that each of them can fail.
"""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest

from bpviz import declare
from bpviz.conformance import batch_invariance, behaviour, declarations, evaluation_counts
from bpviz.conformance.batch_invariance import run_together
from bpviz.conformance.behaviour import state_arrays
from bpviz.conformance.contract import contract
from bpviz.conformance.fixtures import SHAPES, noise, perceptrons, starts_for, threshold_for
from bpviz.declare import KINDS, OPTIMIZERS, PROBLEMS
from bpviz.declare.domains import Flag
from bpviz.engine.loop import iterate
from bpviz.engine.oracle import CountingOracle
from bpviz.problems.perceptron import Perceptron

over_rules = pytest.mark.parametrize("name", OPTIMIZERS)


def found(check, name, *arguments):
    """Return the findings of a check on a rule with default settings."""
    return list(check(OPTIMIZERS[name](), *arguments))


# -- batch-invariance ------------------------------------------------------------------------------------------------


NEURONS = {f"{problem.activation} {problem.loss}": problem for problem in perceptrons()}
# Together these rules use every kind of evaluation.
REPRESENTATIVES = ("golden", "adam", "newton", "levenberg-marquardt")


def suits(rule, problem):
    return not declare.unsuitable(OPTIMIZERS[rule], problem)


def in_turn(problems):
    """Return the name of one problem per rule: the problems in turn, without those that do not suit the rule."""
    names = list(problems)
    return {
        rule: next(name for name in names[i % len(names) :] + names if suits(rule, problems[name]))
        for i, rule in enumerate(OPTIMIZERS)
    }


SHAPE_OF, NEURON_OF = in_turn(SHAPES), in_turn(NEURONS)


def test_every_problem_is_used_with_several_rules():
    assert set().union(*(OPTIMIZERS[name].needs for name in REPRESENTATIVES)) == set(KINDS)
    assert {SHAPE_OF[name] for name in IN_ALL_BLOCKS} == set(SHAPES)
    assert min(Counter(SHAPE_OF.values()).values()) >= 3
    assert set(NEURON_OF.values()) == set(NEURONS)


# The rules that are run with every block size and in another order: several on every shape.
IN_ALL_BLOCKS = list(OPTIMIZERS)[::3]


@over_rules
def test_rule_is_batch_invariant(name):
    problem = SHAPES[SHAPE_OF[name]]
    check = batch_invariance.runs_are_batch_invariant_briefly
    if name in IN_ALL_BLOCKS:
        check = batch_invariance.runs_are_batch_invariant
    assert found(check, name, problem) == []
    starts = starts_for(problem)
    runs = run_together(
        OPTIMIZERS[name](), problem, starts, error_threshold=threshold_for(problem, starts), max_epochs=20
    )
    assert len({(run.epochs, run.ending) for run in runs}) >= 2  # otherwise the runs do not differ enough


# 9 weights may be added in a different order for one run than for many; with 12 samples no run ends at its start.
WIDE = Perceptron(dataset=noise(12, 9), activation="tanh")


@pytest.mark.slow
@over_rules
def test_rule_is_batch_invariant_with_many_weights(name):
    assert found(batch_invariance.runs_are_batch_invariant_briefly, name, WIDE) == []


@over_rules
def test_rule_is_batch_invariant_with_one_weight(name):
    """With one weight, a missing axis may go unnoticed."""
    assert found(batch_invariance.runs_are_batch_invariant_briefly, name, SHAPES["1 x 1"]) == []


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", [n for n in OPTIMIZERS if OPTIMIZERS[n].needs & {"residuals", "jacobian"}])
def test_rule_with_residuals_is_batch_invariant_on_every_shape(name, shape):
    assert found(batch_invariance.runs_are_batch_invariant_briefly, name, SHAPES[shape]) == []


@over_rules
def test_rule_is_batch_invariant_with_a_neuron(name):
    assert found(batch_invariance.runs_are_batch_invariant_briefly, name, NEURONS[NEURON_OF[name]]) == []


@pytest.mark.parametrize("neuron", NEURONS)
@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_every_neuron_is_batch_invariant(name, neuron):
    """With every kind of evaluation, so that an activation or a loss that mixes runs is found."""
    assert found(batch_invariance.runs_are_batch_invariant_briefly, name, NEURONS[neuron]) == []


@over_rules
def test_rule_is_batch_invariant_with_varied_settings(name):
    assert found(batch_invariance.varied_settings_are_batch_invariant, name, SHAPES["37 x 3"]) == []


@pytest.mark.slow
@over_rules
def test_rule_is_batch_invariant_on_every_problem(name):
    """Every pair of a rule and a problem, of which the tests above use some."""
    for shape in SHAPES:
        assert found(batch_invariance.runs_are_batch_invariant, name, SHAPES[shape]) == [], shape
    for neuron, problem in NEURONS.items():
        assert found(batch_invariance.runs_are_batch_invariant_briefly, name, problem) == [], neuron
    for shape in ("6 x 2", "37 x 3"):
        assert found(batch_invariance.varied_settings_are_batch_invariant, name, SHAPES[shape]) == [], shape


@over_rules
def test_rule_is_batch_invariant_with_many_samples(name):
    """The loss has residuals, whose sums are the longest."""
    problem = Perceptron(dataset=noise(140, 2), activation="softplus")
    assert found(batch_invariance.runs_are_batch_invariant_briefly, name, problem) == []


def choices():
    """Return every rule with each choice or flag set to each value that is not the default."""
    return [
        pytest.param(name, {field.name: value}, id=f"{name} {field.name} {value}")
        for name, rule in OPTIMIZERS.items()
        for field in declare.fields(rule).values()
        for value in getattr(field.domain, "words", (True, False) if isinstance(field.domain, Flag) else ())
        if value != field.default
    ]


@pytest.mark.parametrize(("name", "settings"), choices())
def test_rule_is_batch_invariant_with_every_choice(name, settings):
    problem = SHAPES["37 x 3"]
    assert list(batch_invariance.runs_are_batch_invariant_briefly(OPTIMIZERS[name](**settings), problem)) == []


@pytest.mark.slow
@over_rules
def test_rule_is_batch_invariant_with_1000_runs(name):
    assert found(batch_invariance.large_blocks_are_batch_invariant, name) == []


# -- the oracle and the loop -----------------------------------------------------------------------------------------


@over_rules
def test_evaluations_match_needs_and_inputs_stay_unchanged(name):
    assert found(behaviour.evaluations_match_needs, name) == []


@over_rules
def test_state_is_tuple_of_arrays(name):
    assert found(behaviour.state_is_tuple_of_arrays, name) == []


@over_rules
def test_state_is_named_tuple(name):
    """This is required of built-in rules only."""
    w = starts_for(SHAPES["37 x 3"])[:5]
    with np.errstate(all="ignore"):  # as the loop does
        state = OPTIMIZERS[name]().begin(w, CountingOracle(SHAPES["37 x 3"], 5))
    assert state == () or hasattr(state, "_fields")
    assert {len(a) for a in state_arrays(state)} <= {5}


@over_rules
def test_counts_match_needs(name):
    assert found(behaviour.counts_match_needs, name) == []


@over_rules
def test_every_evaluation_is_counted(name):
    assert found(evaluation_counts.every_evaluation_is_counted, name) == []


@over_rules
def test_rule_has_only_an_oracle(name):
    assert found(evaluation_counts.rule_has_only_an_oracle, name) == []


@over_rules
def test_start_below_threshold_takes_no_epoch(name):
    assert found(behaviour.start_below_threshold_takes_no_epoch, name) == []


@over_rules
def test_divergence_is_an_ending(name):
    assert found(behaviour.divergence_is_an_ending, name) == []


@over_rules
def test_at_start_is_declared_correctly(name):
    assert found(behaviour.at_start_is_declared_correctly, name) == []


@over_rules
def test_recalls_is_declared_correctly(name):
    assert found(behaviour.recalls_is_declared_correctly, name) == []


class Empty:
    """A problem without any evaluation."""

    name = "empty"
    weights = ("w1",)
    offers = frozenset()
    width = 1


@over_rules
def test_rejects_unsuitable_problem(name):
    *first, last = (kind for kind in KINDS if kind in OPTIMIZERS[name].needs)
    needed = f"{', '.join(first)} and {last}" if first else last
    with pytest.raises(ValueError, match="requires") as refusal:
        list(iterate(OPTIMIZERS[name](), Empty(), [[0.0]], error_threshold=None, max_epochs=1))
    assert str(refusal.value) == f"{name} requires {needed}, which the problem empty does not provide"


# -- declarations ----------------------------------------------------------------------------------------------------


@over_rules
def test_hyperparameter_rejects_invalid_values(name):
    for field in declare.fields(OPTIMIZERS[name]).values():
        assert found(declarations.hyperparameter_rejects_invalid_values, name, field) == []


@over_rules
def test_all_invalid_values_are_reported(name):
    assert found(declarations.all_invalid_values_are_reported, name) == []


@over_rules
def test_settings_are_frozen_and_typed(name):
    assert found(declarations.settings_are_frozen_and_typed, name) == []


@pytest.mark.parametrize("registry", [OPTIMIZERS, PROBLEMS], ids=lambda r: r.what)
def test_defaults_are_valid_and_frozen(registry):
    for declared in map(registry.__getitem__, registry):
        thing = declared()
        for name, field in declare.fields(declared).items():
            assert field.complaint(field.default) is None
            with pytest.raises(AttributeError):
                setattr(thing, name, field.default)


@over_rules
def test_docstring_has_formula_and_symbols(name):
    assert found(declarations.docstring_has_formula_and_symbols, name) == []


@pytest.mark.parametrize("registry", [OPTIMIZERS, PROBLEMS], ids=lambda r: r.what)
def test_registered_classes_have_docstring_and_source(registry):
    for name in registry:
        thing = registry[name]
        assert thing.__doc__.strip(), name
        assert re.search(r"\b1[89]\d\d\b|\b20\d\d\b", thing.source), f"{name}: source has no year"
        assert thing.name == name


@over_rules
def test_names_are_unambiguous(name):
    assert found(declarations.names_are_unambiguous, name) == []


@pytest.mark.parametrize("name", ["gd", "rprop"])
def test_contract_passes(name):
    assert [verdict for verdict in contract(OPTIMIZERS[name]()) if not verdict.passed] == []
