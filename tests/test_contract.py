"""What every rule promises, tested over the registry: a new rule is held to it without a line here.

The first promise is that one run equals many: alone, among any neighbours, in any order and any block size a run has
the same weights, errors, counts and ending, to the last bit.
"""

from __future__ import annotations

import random
import re

import numpy as np
import pytest

from bpviz import declare
from bpviz.declare import KINDS, OPTIMIZERS, PROBLEMS, Choice, Domain, Flag, Interval
from bpviz.march import march
from bpviz.oracle import Oracle
from bpviz.problems.datasets import Dataset
from bpviz.problems.perceptron import ACTIVATIONS, LOSSES, Perceptron
from bpviz.results import Ending, record

over_rules = pytest.mark.parametrize("name", OPTIMIZERS)


def over_pairs(problems):
    """Parametrize over the rules and these problems, by name, but for pairs that do not suit each other."""
    pairs = [
        pytest.param(rule, problem, id=f"{rule} {name}")
        for rule in OPTIMIZERS
        for name, problem in problems.items()
        if not declare.unsuitable(OPTIMIZERS[rule], problem)
    ]
    return pytest.mark.parametrize(("name", "problem"), pairs)


def noise(samples, features):
    """Return random data with targets in [0, 1], so that every loss takes it."""
    rng = np.random.default_rng(samples + features)
    x, y = rng.normal(size=(samples, features)) * [0.3 + i for i in range(features)], rng.uniform(size=samples)
    names = tuple(f"x{i + 1}" for i in range(features))
    return Dataset("noise", tuple(map(tuple, x.tolist())), tuple(y.tolist()), names)


def perceptrons():
    """Return perceptrons of every activation and loss that go together."""
    return {
        f"{activation} {loss}": Perceptron(dataset=noise(37, 3), activation=activation, bias=True, loss=loss)
        for activation in ACTIVATIONS
        for loss in LOSSES
        if loss != "cross-entropy" or activation == "sigmoid"
    }


# Sums of 8 numbers and more, and of 128 and more, are where NumPy may add in another order for one run than for many.
SHAPES = {
    "6 x 2": Perceptron(),
    "1 x 1": Perceptron(dataset=noise(1, 1), activation="tanh", loss="half-mse"),
    "1 x 9": Perceptron(dataset=noise(1, 9)),
    "9 x 1": Perceptron(dataset=noise(9, 1), activation="softplus", bias=True),
    "200 x 2": Perceptron(dataset=noise(200, 2), loss="cross-entropy", bias=True),
    "140 x 2": Perceptron(dataset=noise(140, 2), activation="softplus"),
    "37 x 3": Perceptron(dataset=noise(37, 3), activation="tanh", bias=True),
}


def starts_for(problem, runs=12):
    """Return random starts, some far out and two that are not even finite after the first epochs, or at once."""
    rng = np.random.default_rng(runs)
    starts = rng.normal(size=(runs, len(problem.weights))) * rng.choice([0.3, 2, 6], size=(runs, 1))
    starts[runs // 2] = 1e153
    starts[runs // 3] = 1e300
    return starts


def threshold_for(problem, starts):
    """Return an error that a few runs have at their start, and more of them reach."""
    with np.errstate(all="ignore"):
        errors = problem.at(starts).error()
    return float(np.quantile(errors[np.isfinite(errors)], 0.2))


def bits(run):
    """Return everything about a run, to be compared bit for bit; any NaN is as good as another."""
    weights, errors = (np.where(np.isnan(a), np.nan, a) for a in (run.weights, run.errors))
    return weights.shape, weights.tobytes(), errors.tobytes(), run.counts.tobytes(), run.ending


def alone(optimizer, problem, starts, **rest):
    """Return what each start gives by itself."""
    return [bits(record(march(optimizer, problem, [start], **rest))[0]) for start in starts]


def together(optimizer, problem, starts, **rest):
    return [bits(run) for run in record(march(optimizer, problem, starts, **rest))]


@over_pairs(SHAPES)
def test_one_equals_many(name, problem):
    starts = starts_for(problem)
    rest = {"error_threshold": threshold_for(problem, starts), "max_epochs": 20}
    optimizer = OPTIMIZERS[name]()
    expected = alone(optimizer, problem, starts, **rest)
    for block in (None, 1, 2, 3, 7, 8, 1000):
        assert together(optimizer, problem, starts, block=block, **rest) == expected, block
    order = np.random.default_rng(0).permutation(len(starts))
    permuted = together(optimizer, problem, starts[order], block=7, **rest)
    assert permuted == [expected[i] for i in order]
    assert len({(epochs, ending) for epochs, *_, ending in expected}) >= 2  # the neighbours do differ


@over_pairs(perceptrons())
def test_one_equals_many_whatever_the_neuron(name, problem):
    starts = starts_for(problem, runs=9)
    rest = {"error_threshold": threshold_for(problem, starts), "max_epochs": 12}
    optimizer = OPTIMIZERS[name]()
    assert together(optimizer, problem, starts, block=4, **rest) == alone(optimizer, problem, starts, **rest)


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
    starts = starts_for(problem)
    rest = {"error_threshold": threshold_for(problem, starts), "max_epochs": 20}
    optimizer = OPTIMIZERS[name](**settings)
    assert together(optimizer, problem, starts, block=5, **rest) == alone(optimizer, problem, starts, **rest)


def varied_settings(name, runs):
    """Return hyperparameters for each run, drawn from multiples of the defaults that their domains allow."""
    draw = random.Random(name)
    choices = {
        field.name: [v for k in (0.1, 0.5, 0.9, 1, 1.1, 2, 1e6) if (v := field.default * k) in field.domain]
        for field in declare.fields(OPTIMIZERS[name]).values()
        if isinstance(field.domain, Interval) and not field.domain.integer
    }
    drawn = []
    while len(drawn) < runs:
        settings = {field: draw.choice(values) for field, values in choices.items()}
        try:
            OPTIMIZERS[name](**settings)
        except ValueError:  # values that are fine alone but not together
            continue
        drawn.append(settings)
    return drawn


@pytest.mark.parametrize("shape", ["6 x 2", "37 x 3"])
@over_rules
def test_one_equals_many_with_its_own_hyperparameters(name, shape):
    """``varied`` gives every run its own numbers: the same as an optimizer made with them, run alone."""
    problem = SHAPES[shape]
    starts = starts_for(problem)
    drawn = varied_settings(name, len(starts))
    rest = {"error_threshold": threshold_for(problem, starts), "max_epochs": 20}
    expected = [
        bits(record(march(OPTIMIZERS[name](**settings), problem, [start], **rest))[0])
        for settings, start in zip(drawn, starts, strict=True)
    ]
    varied = {field: np.array([settings[field] for settings in drawn]) for field in drawn[0]}
    for block in (None, 5, 8):
        assert together(OPTIMIZERS[name](), problem, starts, varied=varied, block=block, **rest) == expected, block


@over_rules
def test_a_thousand_runs_and_three_of_them(name, six_points):
    starts = np.random.default_rng(7).uniform(-6, 6, size=(1000, 2))
    rest = {"error_threshold": 0.125, "max_epochs": 25}
    few = (0, 501, 999)
    many = together(OPTIMIZERS[name](), six_points, starts, **rest)
    assert [many[i] for i in few] == alone(OPTIMIZERS[name](), six_points, starts[list(few)], **rest)


def parts(state):
    """Return the arrays of a state, however deep."""
    return [a for part in state for a in parts(part)] if isinstance(state, tuple) else [state]


def freeze(*arrays):
    for a in arrays:
        a.flags.writeable = False


def _spy(kind):
    def ask(self, w, where=None):
        self.asked.add(kind)
        answer = getattr(Oracle, kind)(self, w, where)
        freeze(answer)
        return answer

    return ask


class SpyOracle(Oracle):
    """Notes what it is asked, and hands out answers that cannot be written on."""

    def __init__(self, problem, runs):
        super().__init__(problem, runs)
        self.asked = set()


for _kind in KINDS:
    setattr(SpyOracle, _kind, _spy(_kind))


@over_rules
def test_a_rule_asks_what_it_needs_and_writes_on_nothing(name):
    problem = SHAPES["37 x 3"]
    w = starts_for(problem, runs=5)[:2].copy(order="F")
    rule, f = OPTIMIZERS[name](), SpyOracle(problem, 2)
    freeze(w)
    state = rule.begin(w, f)
    for _ in range(3):
        freeze(w, *parts(state))
        with np.errstate(all="ignore"):  # as the loop does
            w, state = rule.advance(w, state, f)
        f.look(w)
        assert w.shape == (2, 4)
    assert f.asked == rule.needs


@over_rules
def test_a_state_is_a_tuple_of_arrays_over_runs(name):
    problem = SHAPES["37 x 3"]
    w = starts_for(problem)[:5]
    rule, f = OPTIMIZERS[name](), Oracle(problem, 5)
    state = rule.begin(w, f)
    for _ in range(2):
        assert state == () or hasattr(state, "_fields")
        assert {len(a) for a in parts(state)} <= {5}
        with np.errstate(all="ignore"):  # as the loop does
            w, state = rule.advance(w, state, f)


@over_rules
def test_only_what_is_needed_is_billed(name, six_points):
    run = record(march(OPTIMIZERS[name](), six_points, [(-4, -4)], error_threshold=None, max_epochs=5))[0]
    assert {kind for kind, times in run.evaluations.items() if times} == OPTIMIZERS[name].needs
    assert (np.diff(run.counts, axis=0) >= 0).all()


@over_rules
def test_a_start_below_the_threshold_takes_no_epoch(name, six_points):
    run = record(march(OPTIMIZERS[name](), six_points, [(2.6, -3.5)], error_threshold=0.125, max_epochs=5))[0]
    assert (run.epochs, run.ending, run.weights.tolist()) == (0, Ending.REACHED, [[2.6, -3.5]])


@over_rules
def test_divergence_is_a_result(name, bowl):
    """A start whose error overflows ends there, without a warning; its neighbour does what it does alone."""
    rest = {"error_threshold": None, "max_epochs": 6}
    over, fine = record(march(OPTIMIZERS[name](), bowl, [(1e200, 1), (1, 1)], **rest))
    assert (over.epochs, over.ending, over.final_error) == (0, Ending.DIVERGED, np.inf)
    assert [bits(fine)] == alone(OPTIMIZERS[name](), bowl, [(1, 1)], **rest)


class Mute:
    """A problem that answers nothing."""

    name = "mute problem"
    weights = ("w1",)
    offers = frozenset()
    width = 1


@over_rules
def test_an_unsuitable_pair_is_refused_before_anything_runs(name):
    needed = [kind for kind in KINDS if kind in OPTIMIZERS[name].needs]
    with pytest.raises(ValueError, match="needs") as refusal:
        list(march(OPTIMIZERS[name](), Mute(), [[0.0]], error_threshold=None, max_epochs=1))
    assert str(refusal.value) == f"{name} needs {' and '.join(needed)}, which this mute problem does not have"


def hyperparameters(*domains):
    return [
        pytest.param(name, field, id=f"{name} {field.name}")
        for name, rule in OPTIMIZERS.items()
        for field in declare.fields(rule).values()
        if isinstance(field.domain, domains)
    ]


def refusal_of(name, **settings):
    with pytest.raises(ValueError, match=name) as refusal:
        OPTIMIZERS[name](**settings)
    return str(refusal.value)


def words_about(domain, bad):
    """Return the sentence that refuses a value, worded a second time."""
    if isinstance(domain, Choice):
        return f"{bad!r} is not one of {', '.join(domain.words)}"
    if isinstance(domain, Flag):
        return f"{bad!r} is not true or false"
    return f"{bad} is not in {str(domain).removeprefix('integer ')}"


@pytest.mark.parametrize(("name", "field"), hyperparameters(Domain))
def test_a_hyperparameter_refuses_what_is_outside_its_range(name, field):
    numbers = (float("nan"), float("inf"), -float("inf")) if isinstance(field.domain, Interval) else ()
    for bad in (field.domain.bad(), *numbers):
        sentence = f"{name}: {field.name}: {words_about(field.domain, bad)} ({field.meaning})"
        assert refusal_of(name, **{field.name: bad}) == sentence


@pytest.mark.parametrize(("name", "field"), hyperparameters(Interval))
def test_a_hyperparameter_refuses_what_is_no_number(name, field):
    kind = "whole number" if field.domain.integer else "number"
    interval = str(field.domain).removeprefix("integer ")
    for bad, words in ((True, "true"), ("0.1", "'0.1'"), (None, "null"), ([0.1], "a list")):
        sentence = f"{name}: {field.name}: {words} is not a {kind} in {interval} ({field.meaning})"
        assert refusal_of(name, **{field.name: bad}) == sentence


@pytest.mark.parametrize(("name", "field"), hyperparameters(Choice, Flag))
def test_a_hyperparameter_refuses_what_is_no_word_of_its_own(name, field):
    for bad, words in ((0.5, "0.5"), (None, "null"), ([True], "a list")):
        complaint = words_about(field.domain, "")[2:]
        assert refusal_of(name, **{field.name: bad}) == f"{name}: {field.name}: {words}{complaint} ({field.meaning})"


@over_rules
def test_all_bad_values_are_named_at_once(name):
    fields = declare.fields(OPTIMIZERS[name]).values()
    bad = {field.name: field.domain.bad() for field in fields}
    complaints = [f"{f.name}: {words_about(f.domain, bad[f.name])} ({f.meaning})" for f in fields]
    assert refusal_of(name, **bad) == f"{name}: {'; '.join(complaints)}"


@pytest.mark.parametrize("registry", [OPTIMIZERS, PROBLEMS], ids=lambda r: r.what)
def test_defaults_are_accepted_and_frozen(registry):
    for declared in map(registry.__getitem__, registry):
        thing = declared()
        for name, field in declare.fields(declared).items():
            assert field.complaint(field.default) is None
            with pytest.raises(AttributeError):
                setattr(thing, name, field.default)


@pytest.mark.parametrize(("name", "field"), hyperparameters(Interval))
def test_a_number_becomes_what_its_range_is_of(name, field):
    """``step: 10`` and ``step: 10.0`` are the same setting, in files as in arithmetic."""
    made = OPTIMIZERS[name](**{field.name: int(field.default)}) if field.default == int(field.default) else None
    kind = int if field.domain.integer else float
    assert {type(getattr(rule, field.name)) for rule in (OPTIMIZERS[name](), made) if rule} == {kind}


@over_rules
def test_a_docstring_has_the_formula_and_ties_its_symbols(name):
    rule = OPTIMIZERS[name]
    summary, _, rest = rule.__doc__.partition("\n\n")
    assert summary.rstrip(".") != summary, "the first line is a sentence"
    assert "←" in rest
    for field in declare.fields(rule):
        assert re.search(rf"\S+: {field}\b", rest) or re.search(rf"\b{field} at the start", rest), field


@pytest.mark.parametrize("registry", [OPTIMIZERS, PROBLEMS], ids=lambda r: r.what)
def test_everything_registered_has_a_docstring_and_a_source(registry):
    for name in registry:
        thing = registry[name]
        assert thing.__doc__.strip(), name
        assert re.search(r"\b1[89]\d\d\b|\b20\d\d\b", thing.source), f"{name}: a source has a year"
        assert thing.name == name


@over_rules
def test_names_cannot_be_confused(name):
    rule = OPTIMIZERS[name]
    assert rule.label
    assert name not in rule.synonyms
    for other, thing in OPTIMIZERS.items():
        assert other == name or thing.label != rule.label
        assert other not in rule.synonyms
        assert other == name or not set(thing.synonyms) & set(rule.synonyms)
