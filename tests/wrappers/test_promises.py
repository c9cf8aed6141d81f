"""The contract of all registered wrappers, tested around several rules; a new wrapper is included automatically.

As for rules, the main requirement is batch invariance: the weights, errors, counts and ending of a run do not depend,
bit for bit, on the other runs, their order or the block size.
"""

from __future__ import annotations

import functools
import random
import re

import numpy as np
import pytest
from proofs import twin_families

from bpviz import declare
from bpviz.conformance import evaluation_counts
from bpviz.declare import KINDS, OPTIMIZERS, WRAPPERS
from bpviz.declare.domains import Choice, Domain, Flag, Interval
from bpviz.engine.loop import iterate
from bpviz.engine.oracle import CountingOracle
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
    """Return a problem with sums of more than 8 numbers, whose gradients differ in every weight."""
    return Perceptron(dataset=noise(11, 3), activation="tanh", bias=True)


@functools.cache
def fits(name, rule):
    """Return whether a wrapper can wrap a rule."""
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
    """Return random starts, some of them far away and two whose errors overflow at once or after a few epochs."""
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
    """Return all data of a run for comparison bit for bit; all NaNs are equal."""
    weights, errors = (np.where(np.isnan(a), np.nan, a) for a in (run.weights, run.errors))
    return weights.shape, weights.tobytes(), errors.tobytes(), run.counts.tobytes(), run.ending


def alone(optimizer, problem, starts, **rest):
    return [bits(record(iterate(optimizer, problem, [start], **rest))[0]) for start in starts]


def together(optimizer, problem, starts, **rest):
    return [bits(run) for run in record(iterate(optimizer, problem, starts, **rest))]


def test_every_wrapper_can_wrap_some_of_the_rules():
    assert {name for name, _ in PAIRS} == set(WRAPPERS)


FITTING = {name: [rule for other, rule in PAIRS if other == name] for name in WRAPPERS}
# One rule per wrapper, and half of its rules: other ones for the next wrapper.
RULE_OF = {name: rules[i % len(rules)] for i, (name, rules) in enumerate(FITTING.items())}
HALF = [(name, rule) for i, (name, rules) in enumerate(FITTING.items()) for rule in rules[i % 2 :: 2] or rules]


def test_every_wrapper_and_every_rule_is_in_the_sample():
    assert [{name for name, _ in HALF}, {rule for _, rule in HALF}] == [set(WRAPPERS), set(RULES)]


def one_equals_many(name, rule, blocks, epochs=20):
    problem = samples()
    starts = starts_for(problem)
    rest = limits(problem, starts, epochs)
    optimizer = wrapped(name, rule, **UNUSUAL[name])
    expected = alone(optimizer, problem, starts, **rest)
    for block in blocks:
        assert together(optimizer, problem, starts, block=block, **rest) == expected, block
    order = np.random.default_rng(0).permutation(len(starts))
    permuted = together(optimizer, problem, starts[order], block=4, **rest)
    assert permuted == [expected[i] for i in order]
    return expected


@over_pairs
def test_one_equals_many(name, rule):
    """In blocks of one size and in another order."""
    one_equals_many(name, rule, (), epochs=12)


@over_wrappers
def test_one_equals_many_in_blocks_of_every_size(name):
    expected = one_equals_many(name, RULE_OF[name], (None, 1, 2, 4, 7))
    assert len({(epochs, ending) for epochs, *_, ending in expected}) >= 2  # the runs of a block do differ


@pytest.mark.slow
@over_pairs
def test_one_equals_many_around_every_rule(name, rule):
    one_equals_many(name, rule, (None, 1, 2, 4, 7))
    one_equals_many_with_its_own_settings(name, rule)


def varied_settings(optimizer, runs):
    """Return settings of all layers per run, by their paths, drawn from multiples within their domains."""
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
        except ValueError:  # values that are valid alone but not together
            continue
    return drawn


def rebuilt(optimizer, changes):
    """Return the optimizer with different settings, given by their paths."""
    made = None
    for depth, layer in enumerate(declare.layers(optimizer)):
        prefix = f"with.{depth - 1}." if depth else ""
        settings = {field: changes.get(prefix + field, value) for field, value in declare.settings(layer).items()}
        made = type(layer)(*([made] if depth else []), **settings)
    return made


def one_equals_many_with_its_own_settings(name, rule):
    problem = samples()
    starts = starts_for(problem)
    rest = limits(problem, starts)
    optimizer = wrapped(name, rule, **UNUSUAL[name])
    drawn = varied_settings(optimizer, len(starts))
    expected = [
        bits(record(iterate(made, problem, [start], **rest))[0]) for (_, made), start in zip(drawn, starts, strict=True)
    ]
    varied = {path: np.array([settings[path] for settings, _ in drawn]) for path in drawn[0][0]}
    for block in (None, 4):
        assert together(optimizer, problem, starts, varied=varied, block=block, **rest) == expected, block


@pytest.mark.slow
@pytest.mark.parametrize(("name", "rule"), HALF)
def test_one_equals_many_with_its_own_settings(name, rule):
    """``varied`` gives every run its own numbers, the rule's and the wrapper's: as if made with them, run alone."""
    one_equals_many_with_its_own_settings(name, rule)


SEEDED = [name for name in WRAPPERS if "seed" in declare.fields(WRAPPERS[name])]


@pytest.mark.parametrize("name", SEEDED)
def test_random_numbers_are_independent_of_other_runs(name):
    """Two loops that alternate by epoch give the same runs as one after the other."""
    problem = samples()

    def started(seed):
        return iterate(wrapped(name, "gd", seed=seed), problem, [(0.3, -1, 2, 0.1)], error_threshold=None, max_epochs=9)

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
def test_nested_wrappers_are_batch_invariant(rule, names):
    problem = samples()
    starts = starts_for(problem)
    rest = limits(problem, starts)
    optimizer = chained(rule, names)
    expected = alone(optimizer, problem, starts, **rest)
    for block in (None, 3):
        assert together(optimizer, problem, starts, block=block, **rest) == expected, block
    drawn = varied_settings(optimizer, len(starts))
    own = [bits(record(iterate(made, problem, [s], **rest))[0]) for (_, made), s in zip(drawn, starts, strict=True)]
    varied = {path: np.array([settings[path] for settings, _ in drawn]) for path in drawn[0][0]}
    assert together(optimizer, problem, starts, varied=varied, block=4, **rest) == own


@pytest.mark.parametrize(("rule", "names"), CHAINS)
def test_wrapped_optimizer_combines_the_facts_of_all_layers(rule, names):
    optimizer = chained(rule, names)
    assert [type(layer).name for layer in declare.layers(optimizer)] == [rule, *names]
    assert optimizer.name == rule
    assert optimizer.label == ", ".join([OPTIMIZERS[rule].label, *(WRAPPERS[name].label for name in names)])
    assert optimizer.needs == OPTIMIZERS[rule].needs.union(*(WRAPPERS[name].needs for name in names))
    spelled = declare.all_settings(optimizer)
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
        answer = getattr(CountingOracle, kind)(self, w, where)
        freeze(answer)
        return answer

    return ask


class SpyOracle(CountingOracle):
    """An oracle that records evaluations and counts, and returns read-only arrays."""

    def __init__(self, problem, runs):
        super().__init__(problem, runs)
        self.asked = set()

    def _count_samples(self, kind, samples, where):
        self.asked.add(kind)
        super()._count_samples(kind, samples, where)


for _kind in KINDS:
    setattr(SpyOracle, _kind, _spy(_kind))


@over_pairs
def test_evaluates_only_its_needs_and_modifies_no_input(name, rule):
    problem = samples()
    w = starts_for(problem)[:2].copy(order="F")
    optimizer, f = wrapped(name, rule), SpyOracle(problem, 2)
    freeze(w)
    state = optimizer.begin(w, f)
    for _ in range(3):
        freeze(w, *parts(state))
        with np.errstate(all="ignore"):  # as the loop does
            w, state = optimizer.advance(w, state, f)
        f.uncounted_errors(w)
        assert w.shape == (2, 4)
        assert hasattr(state, "inner")
        assert {len(a) for a in parts(state)} <= {2}
    assert f.asked == optimizer.needs


@over_pairs
def test_every_evaluation_is_counted(name, rule):
    assert list(evaluation_counts.every_evaluation_is_counted(wrapped(name, rule))) == []


@over_pairs
def test_wrapped_rule_has_only_an_oracle(name, rule):
    assert list(evaluation_counts.rule_has_only_an_oracle(wrapped(name, rule))) == []


@over_pairs
def test_counts_only_needed_evaluations(name, rule, six_points):
    run = record(iterate(wrapped(name, rule), six_points, [(2.6, -3.5)], error_threshold=None, max_epochs=5))[0]
    assert {kind for kind, times in run.evaluations.items() if times} == wrapped(name, rule).needs
    assert (np.diff(run.counts, axis=0) >= 0).all()


@over_pairs
def test_divergence_is_an_ending(name, rule, bowl):
    """A run whose initial error overflows ends at once, without a warning; the other run is not affected."""
    rest = {"error_threshold": None, "max_epochs": 6}
    over, fine = record(iterate(wrapped(name, rule), bowl, [(1e200, 1), (1, 1)], **rest))
    assert (over.epochs, over.ending, over.final_error) == (0, Ending.DIVERGED, np.inf)
    assert [bits(fine)] == alone(wrapped(name, rule), bowl, [(1, 1)], **rest)


class Mute:
    """A problem without any evaluations."""

    name = "mute problem"
    weights = ("w1",)
    offers = frozenset()
    width = 1


@over_wrappers
def test_rejects_a_problem_without_the_needed_evaluations(name):
    optimizer = wrapped(name, "gd")
    with pytest.raises(ValueError, match="requires") as refusal:
        list(iterate(optimizer, Mute(), [[0.0]], error_threshold=None, max_epochs=1))
    assert str(refusal.value) == "gd requires gradient, which the problem mute problem does not provide"
    own = [kind for kind in KINDS if kind in WRAPPERS[name].needs]
    said = [complaint for _, complaint in declare.unsuitable_settings(optimizer, Mute())]
    words = f"{name} requires {' and '.join(own)}, which the problem mute problem does not provide"
    assert said == ([words] if own else [f"{name} requires a problem with data (mute problem has none)"] * len(said))


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
    """Return the expected message for an invalid value, written independently."""
    if isinstance(domain, Choice):
        return f"expected {', '.join(domain.words[:-1])} or {domain.words[-1]}, got {bad!r}"
    if isinstance(domain, Flag):
        return f"expected true or false, got {bad!r}"
    kind = "an integer" if domain.integer else "a number"
    return f"expected {kind} in {str(domain).removeprefix('integer ')}, got {bad}"


@pytest.mark.parametrize(("name", "field"), settings_of(Domain))
def test_rejects_values_outside_the_domain(name, field):
    numbers = (float("nan"), float("inf"), -float("inf")) if isinstance(field.domain, Interval) else ()
    for bad in (field.domain.bad(), *numbers):
        sentence = f"{name}: {field.name}: {words_about(field.domain, bad)} ({field.meaning})"
        assert refusal_of(name, **{field.name: bad}) == sentence


@pytest.mark.parametrize(("name", "field"), settings_of(Interval))
def test_converts_values_to_the_type_of_the_domain(name, field):
    made = [wrapped(name, "gd")]
    if field.default == int(field.default):
        made.append(wrapped(name, "gd", **{field.name: int(field.default)}))
    kind = int if field.domain.integer else float
    assert {type(getattr(wrapper, field.name)) for wrapper in made} == {kind}


@over_wrappers
def test_defaults_are_valid_and_frozen(name):
    wrapper = wrapped(name, "gd")
    for field in declare.fields(wrapper).values():
        assert field.complaint(field.default) is None
        with pytest.raises(AttributeError):
            setattr(wrapper, field.name, field.default)
    with pytest.raises(AttributeError):
        wrapper.inner = wrapper


@over_wrappers
def test_docstring_has_the_formula_and_its_symbols(name):
    wrapper = WRAPPERS[name]
    summary, _, rest = wrapper.__doc__.partition("\n\n")
    assert summary.rstrip(".") != summary, "the first line is a sentence"
    assert "←" in rest
    for field in declare.fields(wrapper):
        assert re.search(rf"\S+: {field}\b", rest) or re.search(rf"\b{field} at the start", rest), field
    assert re.search(r"\b1[89]\d\d\b|\b20\d\d\b", wrapper.source), "a source has a year"


@over_wrappers
def test_names_and_synonyms_are_unique(name):
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
