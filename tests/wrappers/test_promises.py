"""What every wrapper promises, tested over the registry around several rules: a new wrapper needs no line here.

The first promise is the one of rules: alone, among any neighbours, in any order and any block size a run has the same
weights, errors, counts and ending, to the last bit.
"""

from __future__ import annotations

import functools
import random
import re

import numpy as np
import pytest
from proofs import twin_families

from bpviz import conformance, declare
from bpviz.declare import KINDS, OPTIMIZERS, WRAPPERS
from bpviz.declare.domains import Choice, Domain, Flag, Interval
from bpviz.engine.loop import march
from bpviz.engine.oracle import Oracle
from bpviz.engine.results import Ending, record
from bpviz.problems.datasets import Dataset
from bpviz.problems.perceptron import Perceptron

UNUSUAL = {name: settings for module in twin_families("wrappers") for name, settings in module.UNUSUAL.items()}
RULES = {
    "gd": {"step": 0.3},
    "nesterov": {"step": 0.1, "momentum": 0.8},
    "adam": {"step": 0.2},
    "newton": {},
    "rprop": {},
    "irprop+": {},
    "golden": {},
    "cg-pr": {},
}


def noise(samples, features):
    rng = np.random.default_rng(samples + features)
    x, y = rng.normal(size=(samples, features)) * [0.3 + i for i in range(features)], rng.uniform(size=samples)
    names = tuple(f"x{i + 1}" for i in range(features))
    return Dataset("noise", tuple(map(tuple, x.tolist())), tuple(y.tolist()), names)


def samples():
    """Return a problem where one gradient differs from the next in every weight, of more than 8 numbers to add."""
    return Perceptron(dataset=noise(11, 3), activation="tanh", bias=True)


@functools.cache
def fits(name, rule):
    """Tell whether a wrapper can be around a rule."""
    try:
        WRAPPERS[name](OPTIMIZERS[rule]())
    except ValueError:
        return False
    return True


PAIRS = [(name, rule) for name in WRAPPERS for rule in RULES if fits(name, rule)]
over_wrappers = pytest.mark.parametrize("name", WRAPPERS)
over_pairs = pytest.mark.parametrize(("name", "rule"), PAIRS)


def wrapped(name, rule, **settings):
    return WRAPPERS[name](OPTIMIZERS[rule](**RULES[rule]), **settings)


def starts_for(problem, runs=9):
    """Return random starts, some far out and two that are not even finite after the first epochs, or at once."""
    rng = np.random.default_rng(runs)
    starts = rng.normal(size=(runs, len(problem.weights))) * rng.choice([0.3, 2, 6], size=(runs, 1))
    starts[runs // 2] = 1e153
    starts[runs // 3] = 1e300
    return starts


def limits(problem, starts, epochs=20):
    with np.errstate(all="ignore"):
        errors = problem.at(starts).error()
    return {"error_threshold": float(np.quantile(errors[np.isfinite(errors)], 0.2)), "max_epochs": epochs}


def bits(run):
    """Return everything about a run, to be compared bit for bit; any NaN is as good as another."""
    weights, errors = (np.where(np.isnan(a), np.nan, a) for a in (run.weights, run.errors))
    return weights.shape, weights.tobytes(), errors.tobytes(), run.counts.tobytes(), run.ending


def alone(optimizer, problem, starts, **rest):
    return [bits(record(march(optimizer, problem, [start], **rest))[0]) for start in starts]


def together(optimizer, problem, starts, **rest):
    return [bits(run) for run in record(march(optimizer, problem, starts, **rest))]


def test_every_wrapper_goes_around_some_rules_of_these():
    assert {name for name, _ in PAIRS} == set(WRAPPERS)


@over_pairs
def test_one_equals_many(name, rule):
    problem = samples()
    starts = starts_for(problem)
    rest = limits(problem, starts)
    optimizer = wrapped(name, rule, **UNUSUAL[name])
    expected = alone(optimizer, problem, starts, **rest)
    for block in (None, 1, 2, 4, 7):
        assert together(optimizer, problem, starts, block=block, **rest) == expected, block
    order = np.random.default_rng(0).permutation(len(starts))
    permuted = together(optimizer, problem, starts[order], block=4, **rest)
    assert permuted == [expected[i] for i in order]
    assert len({(epochs, ending) for epochs, *_, ending in expected}) >= 2  # the neighbours do differ


def varied_settings(optimizer, runs):
    """Return settings of all layers for each run, by their paths, from multiples that their domains allow."""
    draw = random.Random(str(optimizer))
    choices = {}
    for depth, layer in enumerate(declare.layers(optimizer)):
        for field in declare.fields(layer).values():
            if isinstance(field.domain, Interval) and (not field.domain.integer or field.name == "seed"):
                value = getattr(layer, field.name)
                multiples = [v for k in (0.1, 0.5, 0.9, 1, 1.1, 2) if (v := value * k) in field.domain]
                seeds = [0, 1, 7]
                path = f"with.{depth - 1}.{field.name}" if depth else field.name
                choices[path] = seeds if field.domain.integer else multiples
    drawn = []
    while len(drawn) < runs:
        settings = {path: draw.choice(values) for path, values in choices.items()}
        try:
            drawn.append((settings, rebuilt(optimizer, settings)))
        except ValueError:  # values that are fine alone but not together
            continue
    return drawn


def rebuilt(optimizer, changes):
    """Return the optimizer with other settings, given by their paths."""
    made = None
    for depth, layer in enumerate(declare.layers(optimizer)):
        prefix = f"with.{depth - 1}." if depth else ""
        settings = {field: changes.get(prefix + field, value) for field, value in declare.settings(layer).items()}
        made = type(layer)(*([made] if depth else []), **settings)
    return made


@over_pairs
def test_one_equals_many_with_its_own_settings(name, rule):
    """``varied`` gives every run its own numbers, the rule's and those around it: as if made with them, run alone."""
    problem = samples()
    starts = starts_for(problem)
    rest = limits(problem, starts)
    optimizer = wrapped(name, rule, **UNUSUAL[name])
    drawn = varied_settings(optimizer, len(starts))
    expected = [
        bits(record(march(made, problem, [start], **rest))[0]) for (_, made), start in zip(drawn, starts, strict=True)
    ]
    varied = {path: np.array([settings[path] for settings, _ in drawn]) for path in drawn[0][0]}
    for block in (None, 4):
        assert together(optimizer, problem, starts, varied=varied, block=block, **rest) == expected, block


SEEDED = [name for name in WRAPPERS if "seed" in declare.fields(WRAPPERS[name])]


@pytest.mark.parametrize("name", SEEDED)
def test_numbers_do_not_depend_on_who_else_draws(name):
    """Two marches, epoch by epoch in turns, are what they are one after the other."""
    problem = samples()

    def started(seed):
        return march(wrapped(name, "gd", seed=seed), problem, [(0.3, -1, 2, 0.1)], error_threshold=None, max_epochs=9)

    separate = [record(started(seed))[0].weights.tobytes() for seed in (3, 4)]
    first, second = zip(*zip(started(3), started(4), strict=True), strict=True)
    assert [record(epochs)[0].weights.tobytes() for epochs in (first, second)] == separate


CHAINS = [
    ("gd", ["clip-norm", "cosine"]),
    ("adam", ["mini-batches", "gradient-noise", "warm-restarts", "lookahead"]),
    ("nesterov", ["weight-decay", "mini-batches", "reduce-on-plateau", "clip-value"]),
    ("momentum", ["lookahead", "mini-batches", "lookahead", "coupled-weight-decay"]),
    ("newton", ["coupled-weight-decay", "search-wolfe", "gradient-noise"]),
    ("cg-hs", ["exponential", "lookahead"]),
]


def chained(rule, names):
    made = OPTIMIZERS[rule]()
    for name in names:
        made = WRAPPERS[name](made, **UNUSUAL[name])
    return made


@pytest.mark.parametrize(("rule", "names"), CHAINS)
def test_one_equals_many_for_wrappers_in_wrappers(rule, names):
    problem = samples()
    starts = starts_for(problem)
    rest = limits(problem, starts)
    optimizer = chained(rule, names)
    expected = alone(optimizer, problem, starts, **rest)
    for block in (None, 3):
        assert together(optimizer, problem, starts, block=block, **rest) == expected, block
    drawn = varied_settings(optimizer, len(starts))
    own = [bits(record(march(made, problem, [s], **rest))[0]) for (_, made), s in zip(drawn, starts, strict=True)]
    varied = {path: np.array([settings[path] for settings, _ in drawn]) for path in drawn[0][0]}
    assert together(optimizer, problem, starts, varied=varied, block=4, **rest) == own


@pytest.mark.parametrize(("rule", "names"), CHAINS)
def test_an_optimizer_of_layers_tells_of_all_of_them(rule, names):
    optimizer = chained(rule, names)
    assert [type(layer).name for layer in declare.layers(optimizer)] == [rule, *names]
    assert optimizer.name == rule
    assert optimizer.label == ", ".join([OPTIMIZERS[rule].label, *(WRAPPERS[name].label for name in names)])
    assert optimizer.needs == OPTIMIZERS[rule].needs.union(*(WRAPPERS[name].needs for name in names))
    spelled = declare.spelled(optimizer)
    assert [around["name"] for around in spelled["with"]] == names
    assert spelled["step"] == optimizer_step(optimizer)
    assert rebuilt(optimizer, {}) == optimizer


def optimizer_step(optimizer):
    return declare.layers(optimizer)[0].step


def parts(state):
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
    """Notes what it is asked and charged, and hands out answers that cannot be written on."""

    def __init__(self, problem, runs):
        super().__init__(problem, runs)
        self.asked = set()

    def _count_samples(self, kind, samples, where):
        self.asked.add(kind)
        super()._count_samples(kind, samples, where)


for _kind in KINDS:
    setattr(SpyOracle, _kind, _spy(_kind))


@over_pairs
def test_a_wrapper_asks_what_it_needs_and_writes_on_nothing(name, rule):
    problem = samples()
    w = starts_for(problem)[:2].copy(order="F")
    optimizer, f = wrapped(name, rule), SpyOracle(problem, 2)
    freeze(w)
    state = optimizer.begin(w, f)
    for _ in range(3):
        freeze(w, *parts(state))
        with np.errstate(all="ignore"):  # as the loop does
            w, state = optimizer.advance(w, state, f)
        f.look(w)
        assert w.shape == (2, 4)
        assert hasattr(state, "inner")
        assert {len(a) for a in parts(state)} <= {2}
    assert f.asked == optimizer.needs


@over_pairs
def test_every_evaluation_is_counted(name, rule):
    assert list(conformance.every_evaluation_is_counted(wrapped(name, rule))) == []


@over_pairs
def test_a_rule_in_a_wrapper_is_handed_an_oracle_and_nothing_else(name, rule):
    assert list(conformance.only_an_oracle_is_handed_out(wrapped(name, rule))) == []


@over_pairs
def test_only_what_is_needed_is_billed(name, rule, six_points):
    run = record(march(wrapped(name, rule), six_points, [(2.6, -3.5)], error_threshold=None, max_epochs=5))[0]
    assert {kind for kind, times in run.evaluations.items() if times} == wrapped(name, rule).needs
    assert (np.diff(run.counts, axis=0) >= 0).all()


@over_pairs
def test_divergence_is_a_result(name, rule, bowl):
    """A start whose error overflows ends there, without a warning; its neighbour does what it does alone."""
    rest = {"error_threshold": None, "max_epochs": 6}
    over, fine = record(march(wrapped(name, rule), bowl, [(1e200, 1), (1, 1)], **rest))
    assert (over.epochs, over.ending, over.final_error) == (0, Ending.DIVERGED, np.inf)
    assert [bits(fine)] == alone(wrapped(name, rule), bowl, [(1, 1)], **rest)


class Mute:
    """A problem that answers nothing."""

    name = "mute problem"
    weights = ("w1",)
    offers = frozenset()
    width = 1


@over_wrappers
def test_a_problem_that_cannot_answer_is_refused_in_the_name_of_the_layer_that_asks(name):
    optimizer = wrapped(name, "gd")
    with pytest.raises(ValueError, match="needs") as refusal:
        list(march(optimizer, Mute(), [[0.0]], error_threshold=None, max_epochs=1))
    assert str(refusal.value) == "gd needs gradient, which this mute problem does not have"
    own = [kind for kind in KINDS if kind in WRAPPERS[name].needs]
    said = [complaint for _, complaint in declare.misfits(optimizer, Mute())]
    words = f"{name} needs {' and '.join(own)}, which this mute problem does not have"
    assert said == (
        [words] if own else [f"{name} needs a problem with data, which this mute problem does not have"] * len(said)
    )


# -- declarations ------------------------------------------------------------------------------------------------------


def settings_of(*domains):
    return [
        pytest.param(name, field, id=f"{name} {field.name}")
        for name, wrapper in WRAPPERS.items()
        for field in declare.fields(wrapper).values()
        if isinstance(field.domain, domains)
    ]


def refusal_of(name, **settings):
    with pytest.raises(ValueError, match=name) as refusal:
        wrapped(name, "gd", **settings)
    return str(refusal.value)


def words_about(domain, bad):
    """Return the sentence that refuses a value, worded a second time."""
    if isinstance(domain, Choice):
        return f"{bad!r} is not one of {', '.join(domain.words)}"
    if isinstance(domain, Flag):
        return f"{bad!r} is not true or false"
    return f"{bad} is not in {str(domain).removeprefix('integer ')}"


@pytest.mark.parametrize(("name", "field"), settings_of(Domain))
def test_a_setting_refuses_what_is_outside_its_range(name, field):
    numbers = (float("nan"), float("inf"), -float("inf")) if isinstance(field.domain, Interval) else ()
    for bad in (field.domain.bad(), *numbers):
        sentence = f"{name}: {field.name}: {words_about(field.domain, bad)} ({field.meaning})"
        assert refusal_of(name, **{field.name: bad}) == sentence


@pytest.mark.parametrize(("name", "field"), settings_of(Interval))
def test_a_setting_becomes_what_its_range_is_of(name, field):
    made = [wrapped(name, "gd")]
    if field.default == int(field.default):
        made.append(wrapped(name, "gd", **{field.name: int(field.default)}))
    kind = int if field.domain.integer else float
    assert {type(getattr(wrapper, field.name)) for wrapper in made} == {kind}


@over_wrappers
def test_defaults_are_accepted_and_frozen(name):
    wrapper = wrapped(name, "gd")
    for field in declare.fields(wrapper).values():
        assert field.complaint(field.default) is None
        with pytest.raises(AttributeError):
            setattr(wrapper, field.name, field.default)
    with pytest.raises(AttributeError):
        wrapper.inner = wrapper


@over_wrappers
def test_a_docstring_has_the_formula_and_ties_its_symbols(name):
    wrapper = WRAPPERS[name]
    summary, _, rest = wrapper.__doc__.partition("\n\n")
    assert summary.rstrip(".") != summary, "the first line is a sentence"
    assert "←" in rest
    for field in declare.fields(wrapper):
        assert re.search(rf"\S+: {field}\b", rest) or re.search(rf"\b{field} at the start", rest), field
    assert re.search(r"\b1[89]\d\d\b|\b20\d\d\b", wrapper.source), "a source has a year"


@over_wrappers
def test_names_cannot_be_confused(name):
    wrapper = WRAPPERS[name]
    assert wrapper.name == name
    assert wrapper.label
    assert name not in OPTIMIZERS
    others = [*OPTIMIZERS.items(), *WRAPPERS.items()]
    assert name not in wrapper.synonyms
    for other, thing in others:
        assert other not in wrapper.synonyms
        assert other == name or not set(thing.synonyms) & set(wrapper.synonyms)
        assert other == name or thing.label != wrapper.label
