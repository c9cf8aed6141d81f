"""Run the checks of the contract on every registered rule; new rules are included without a change here.

The checks are those of `bpviz check`, in bpviz/conformance. test_contract.py shows that each of them can fail.
"""

from __future__ import annotations

import re

import numpy as np
import pytest

from bpviz import declare
from bpviz.conformance import batch_invariance, behaviour, contract, declarations
from bpviz.conformance.batch_invariance import run_together
from bpviz.conformance.behaviour import state_arrays
from bpviz.conformance.fixtures import SHAPES, noise, perceptrons, starts_for, threshold_for
from bpviz.declare import KINDS, OPTIMIZERS, PROBLEMS
from bpviz.declare.domains import Flag
from bpviz.engine.loop import march
from bpviz.engine.oracle import Oracle
from bpviz.problems.perceptron import Perceptron

over_rules = pytest.mark.parametrize("name", OPTIMIZERS)


def found(check, name, *arguments):
    """Return the findings of a check on a rule with default settings."""
    return list(check(OPTIMIZERS[name](), *arguments))


# -- batch-invariance ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
@over_rules
def test_rule_is_batch_invariant(name, shape):
    problem = SHAPES[shape]
    if declare.unsuitable(OPTIMIZERS[name], problem):
        pytest.skip("unsuitable")
    assert found(batch_invariance.runs_are_batch_invariant, name, problem) == []
    starts = starts_for(problem)
    runs = run_together(
        OPTIMIZERS[name](), problem, starts, error_threshold=threshold_for(problem, starts), max_epochs=20
    )
    assert len({(run.epochs, run.ending) for run in runs}) >= 2  # otherwise the runs do not differ enough


@pytest.mark.parametrize("problem", perceptrons(), ids=lambda p: f"{p.activation} {p.loss}")
@over_rules
def test_rule_is_batch_invariant_with_every_neuron(name, problem):
    assert found(batch_invariance.runs_are_batch_invariant_briefly, name, problem) == []


@pytest.mark.parametrize("shape", ["6 x 2", "37 x 3"])
@over_rules
def test_rule_is_batch_invariant_with_varied_settings(name, shape):
    assert found(batch_invariance.varied_settings_are_batch_invariant, name, SHAPES[shape]) == []


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
        state = OPTIMIZERS[name]().begin(w, Oracle(SHAPES["37 x 3"], 5))
    assert state == () or hasattr(state, "_fields")
    assert {len(a) for a in state_arrays(state)} <= {5}


@over_rules
def test_counts_match_needs(name):
    assert found(behaviour.counts_match_needs, name) == []


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

    name = "empty problem"
    weights = ("w1",)
    offers = frozenset()
    width = 1


@over_rules
def test_rejects_unsuitable_problem(name):
    *first, last = (kind for kind in KINDS if kind in OPTIMIZERS[name].needs)
    needed = f"{', '.join(first)} and {last}" if first else last
    with pytest.raises(ValueError, match="needs") as refusal:
        list(march(OPTIMIZERS[name](), Empty(), [[0.0]], error_threshold=None, max_epochs=1))
    assert str(refusal.value) == f"{name} needs {needed}, which this empty problem does not have"


# -- declarations ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "field"),
    [
        pytest.param(name, field, id=f"{name} {field.name}")
        for name, rule in OPTIMIZERS.items()
        for field in declare.fields(rule).values()
    ],
)
def test_hyperparameter_rejects_invalid_values(name, field):
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
    assert [verdict for verdict in contract.contract(OPTIMIZERS[name]()) if not verdict.passed] == []
