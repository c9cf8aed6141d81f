"""What every rule promises, tested over the registry: a new rule is held to it without a line here.

The checks themselves stand in bpviz/conformance.py, for `bpviz check` to hold anybody's rule to the same.
tests/conformance/test_contract.py shows that each of them can fail.
"""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest

from bpviz import declare
from bpviz.conformance import batch_invariance, behaviour, declarations
from bpviz.conformance.batch_invariance import together
from bpviz.conformance.behaviour import parts
from bpviz.conformance.contract import contract
from bpviz.conformance.fixtures import SHAPES, noise, perceptrons, starts_for, threshold_for
from bpviz.declare import KINDS, OPTIMIZERS, PROBLEMS
from bpviz.declare.domains import Flag
from bpviz.engine.loop import march
from bpviz.engine.oracle import Oracle
from bpviz.problems.perceptron import Perceptron

over_rules = pytest.mark.parametrize("name", OPTIMIZERS)


def found(check, name, *arguments):
    """Return what a check finds in a rule with its defaults."""
    return list(check(OPTIMIZERS[name](), *arguments))


# -- one equals many -------------------------------------------------------------------------------------------------


NEURONS = {f"{problem.activation} {problem.loss}": problem for problem in perceptrons()}
# Among them they ask a problem for every kind of evaluation.
REPRESENTATIVES = ("golden", "adam", "newton", "levenberg-marquardt")


def suits(rule, problem):
    return not declare.unsuitable(OPTIMIZERS[rule], problem)


def in_turn(problems):
    """Return the name of one problem per rule: the problems in turn, each that the rule cannot take passed over."""
    names = list(problems)
    return {
        rule: next(name for name in names[i % len(names) :] + names if suits(rule, problems[name]))
        for i, rule in enumerate(OPTIMIZERS)
    }


SHAPE_OF, NEURON_OF = in_turn(SHAPES), in_turn(NEURONS)


def test_every_problem_meets_several_rules():
    assert set().union(*(OPTIMIZERS[name].needs for name in REPRESENTATIVES)) == set(KINDS)
    assert {SHAPE_OF[name] for name in IN_ALL_BLOCKS} == set(SHAPES)
    assert min(Counter(SHAPE_OF.values()).values()) >= 3
    assert set(NEURON_OF.values()) == set(NEURONS)


# The rules that are tried in blocks of every size and in another order: several on every shape.
IN_ALL_BLOCKS = list(OPTIMIZERS)[::3]


@over_rules
def test_one_equals_many(name):
    problem = SHAPES[SHAPE_OF[name]]
    check = batch_invariance.one_equals_many if name in IN_ALL_BLOCKS else batch_invariance.one_equals_many_here
    assert found(check, name, problem) == []
    starts = starts_for(problem)
    runs = together(OPTIMIZERS[name](), problem, starts, error_threshold=threshold_for(problem, starts), max_epochs=20)
    assert len({(run.epochs, run.ending) for run in runs}) >= 2  # the runs of a block do differ


# Sums over 9 weights may be added in another order for one run than for many; with 12 samples no run ends at once.
WIDE = Perceptron(dataset=noise(12, 9), activation="tanh")


@over_rules
def test_one_equals_many_with_many_weights(name):
    assert found(batch_invariance.one_equals_many_here, name, WIDE) == []


@over_rules
def test_one_equals_many_with_one_weight(name):
    """Where a missing axis would not be missed."""
    assert found(batch_invariance.one_equals_many_here, name, SHAPES["1 x 1"]) == []


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", [n for n in OPTIMIZERS if OPTIMIZERS[n].needs & {"residuals", "jacobian"}])
def test_one_equals_many_where_a_rule_sums_over_samples(name, shape):
    assert found(batch_invariance.one_equals_many_here, name, SHAPES[shape]) == []


@over_rules
def test_one_equals_many_on_a_neuron(name):
    assert found(batch_invariance.one_equals_many_here, name, NEURONS[NEURON_OF[name]]) == []


@pytest.mark.parametrize("neuron", NEURONS)
@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_one_equals_many_on_every_neuron(name, neuron):
    """For each kind of evaluation; so an activation or a loss that mixes runs is found."""
    assert found(batch_invariance.one_equals_many_here, name, NEURONS[neuron]) == []


@over_rules
def test_one_equals_many_with_its_own_hyperparameters(name):
    assert found(batch_invariance.one_equals_many_with_its_own_hyperparameters, name, SHAPES["37 x 3"]) == []


@pytest.mark.slow
@over_rules
def test_one_equals_many_on_every_shape_and_neuron(name):
    """Every pair of a rule and a problem, of which the tests above take some."""
    for shape in SHAPES:
        assert found(batch_invariance.one_equals_many, name, SHAPES[shape]) == [], shape
    for neuron, problem in NEURONS.items():
        assert found(batch_invariance.one_equals_many_here, name, problem) == [], neuron
    for shape in ("6 x 2", "37 x 3"):
        assert found(batch_invariance.one_equals_many_with_its_own_hyperparameters, name, SHAPES[shape]) == [], shape


@over_rules
def test_one_equals_many_on_many_samples(name):
    """With the loss that has residuals: those are where sums are longest."""
    problem = Perceptron(dataset=noise(140, 2), activation="softplus")
    assert found(batch_invariance.one_equals_many_here, name, problem) == []


def choices():
    """Return every rule with each word or flag that is not its default."""
    return [
        pytest.param(name, {field.name: value}, id=f"{name} {field.name} {value}")
        for name, rule in OPTIMIZERS.items()
        for field in declare.fields(rule).values()
        for value in getattr(field.domain, "words", (True, False) if isinstance(field.domain, Flag) else ())
        if value != field.default
    ]


@pytest.mark.parametrize(("name", "settings"), choices())
def test_one_equals_many_whatever_is_chosen(name, settings):
    problem = SHAPES["37 x 3"]
    assert list(batch_invariance.one_equals_many_here(OPTIMIZERS[name](**settings), problem)) == []


@over_rules
def test_a_thousand_runs_and_three_of_them(name):
    assert found(batch_invariance.a_thousand_runs, name) == []


# -- the oracle and the loop -----------------------------------------------------------------------------------------


@over_rules
def test_a_rule_asks_what_it_needs_and_writes_on_nothing(name):
    assert found(behaviour.it_asks_what_it_needs_and_writes_on_nothing, name) == []


@over_rules
def test_a_state_is_a_tuple_of_arrays_over_runs(name):
    assert found(behaviour.a_state_is_a_tuple_of_arrays_over_runs, name) == []


@over_rules
def test_the_parts_of_a_state_have_names(name):
    """Which only this package's own rules promise."""
    w = starts_for(SHAPES["37 x 3"])[:5]
    with np.errstate(all="ignore"):  # as the loop does
        state = OPTIMIZERS[name]().begin(w, Oracle(SHAPES["37 x 3"], 5))
    assert state == () or hasattr(state, "_fields")
    assert {len(a) for a in parts(state)} <= {5}


@over_rules
def test_only_what_is_needed_is_billed(name):
    assert found(behaviour.only_what_is_needed_is_billed, name) == []


@over_rules
def test_a_start_below_the_threshold_takes_no_epoch(name):
    assert found(behaviour.a_start_below_the_threshold_takes_no_epoch, name) == []


@over_rules
def test_divergence_is_a_result(name):
    assert found(behaviour.divergence_is_a_result, name) == []


@over_rules
def test_a_step_is_read_when_it_says(name):
    assert found(behaviour.a_step_is_read_when_it_says, name) == []


@over_rules
def test_a_rule_recalls_what_it_says(name):
    assert found(behaviour.it_recalls_what_it_says, name) == []


class Mute:
    """A problem that answers nothing."""

    name = "mute problem"
    weights = ("w1",)
    offers = frozenset()
    width = 1


@over_rules
def test_an_unsuitable_pair_is_refused_before_anything_runs(name):
    *first, last = (kind for kind in KINDS if kind in OPTIMIZERS[name].needs)
    needed = f"{', '.join(first)} and {last}" if first else last
    with pytest.raises(ValueError, match="needs") as refusal:
        list(march(OPTIMIZERS[name](), Mute(), [[0.0]], error_threshold=None, max_epochs=1))
    assert str(refusal.value) == f"{name} needs {needed}, which this mute problem does not have"


# -- declarations ----------------------------------------------------------------------------------------------------


@over_rules
def test_a_hyperparameter_refuses_what_it_cannot_be(name):
    for field in declare.fields(OPTIMIZERS[name]).values():
        assert found(declarations.a_hyperparameter_refuses_what_it_cannot_be, name, field) == []


@over_rules
def test_all_bad_values_are_named_at_once(name):
    assert found(declarations.all_bad_values_are_named_at_once, name) == []


@over_rules
def test_settings_are_frozen_and_of_their_kind(name):
    assert found(declarations.settings_are_frozen_and_of_their_kind, name) == []


@pytest.mark.parametrize("registry", [OPTIMIZERS, PROBLEMS], ids=lambda r: r.what)
def test_defaults_are_accepted_and_frozen(registry):
    for declared in map(registry.__getitem__, registry):
        thing = declared()
        for name, field in declare.fields(declared).items():
            assert field.complaint(field.default) is None
            with pytest.raises(AttributeError):
                setattr(thing, name, field.default)


@over_rules
def test_a_docstring_has_the_formula_and_ties_its_symbols(name):
    assert found(declarations.the_docstring_has_the_formula_and_ties_its_symbols, name) == []


@pytest.mark.parametrize("registry", [OPTIMIZERS, PROBLEMS], ids=lambda r: r.what)
def test_everything_registered_has_a_docstring_and_a_source(registry):
    for name in registry:
        thing = registry[name]
        assert thing.__doc__.strip(), name
        assert re.search(r"\b1[89]\d\d\b|\b20\d\d\b", thing.source), f"{name}: a source has a year"
        assert thing.name == name


@over_rules
def test_names_cannot_be_confused(name):
    assert found(declarations.names_cannot_be_confused, name) == []


@pytest.mark.parametrize("name", ["gd", "rprop"])
def test_the_report_of_bpviz_check_says_the_same(name):
    assert [verdict for verdict in contract.contract(OPTIMIZERS[name]()) if not verdict.holds] == []
