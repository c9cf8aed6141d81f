"""What every rule promises, as checks that anybody's can be held to: the tests run them, and so does `bpviz check`.

Each check looks at one rule and yields what is wrong, a sentence for each thing found; nothing if all is well.

The first promise is that one run equals many: alone, among any neighbours, in any order and any block size a run has
the same weights, errors, counts and ending, to the last bit.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bpviz import declare
from bpviz.declare import KINDS, OPTIMIZERS, entry_points, restricted
from bpviz.declare.domains import Choice, Domain, Flag, Interval
from bpviz.engine import guard
from bpviz.engine.loop import march
from bpviz.engine.oracle import Oracle
from bpviz.engine.results import Ending, Trajectory, record
from bpviz.messages.text import listed, shown
from bpviz.problems.datasets import Dataset
from bpviz.problems.perceptron import ACTIVATIONS, LOSSES, Perceptron

if TYPE_CHECKING:
    import numpy.typing as npt

    from bpviz.declare import Array, Field, Mask, Optimizer, Problem

Findings = Iterator[str]


# -- problems and starts ---------------------------------------------------------------------------------------------


def noise(samples: int, features: int) -> Dataset:
    """Return random data with targets in [0, 1], so that every loss takes it."""
    rng = np.random.default_rng(samples + features)
    x, y = rng.normal(size=(samples, features)) * [0.3 + i for i in range(features)], rng.uniform(size=samples)
    names = tuple(f"x{i + 1}" for i in range(features))
    return Dataset("noise", tuple(map(tuple, x.tolist())), tuple(y.tolist()), names)


def perceptrons() -> list[Any]:
    """Return perceptrons of every activation and loss that go together."""
    return [
        Perceptron(dataset=noise(37, 3), activation=activation, bias=True, loss=loss)
        for activation in ACTIVATIONS
        for loss in LOSSES
        if loss != "cross-entropy" or activation == "sigmoid"
    ]


# Sums of 8 numbers and more, and of 128 and more, are where NumPy may add in another order for one run than for many.
SHAPES: Mapping[str, Any] = {
    "6 x 2": Perceptron(),
    "1 x 1": Perceptron(dataset=noise(1, 1), activation="tanh", loss="half-mse"),
    "1 x 9": Perceptron(dataset=noise(1, 9)),
    "9 x 1": Perceptron(dataset=noise(9, 1), activation="softplus", bias=True),
    "200 x 2": Perceptron(dataset=noise(200, 2), loss="cross-entropy", bias=True),
    "140 x 2": Perceptron(dataset=noise(140, 2), activation="softplus"),
    "37 x 3": Perceptron(dataset=noise(37, 3), activation="tanh", bias=True),
}

# E = ((w1 - 3)² + (2 w2 + 2)²) / 2
BOWL: Any = Perceptron(
    dataset=Dataset("bowl", ((1.0, 0.0), (0.0, 2.0)), (3.0, -2.0), ("x1", "x2")), activation="linear"
)


def starts_for(problem: Problem, runs: int = 12) -> Array:
    """Return random starts, some far out and two that are not even finite after the first epochs, or at once."""
    rng = np.random.default_rng(runs)
    starts: Array = rng.normal(size=(runs, len(problem.weights))) * rng.choice([0.3, 2, 6], size=(runs, 1))
    starts[runs // 2] = 1e153
    starts[runs // 3] = 1e300
    return starts


def threshold_for(problem: Problem, starts: Array) -> float:
    """Return an error that a few runs have at their start, and more of them reach."""
    with np.errstate(all="ignore"):
        errors = problem.at(starts).error()
    return float(np.quantile(errors[np.isfinite(errors)], 0.2))


# -- one equals many -------------------------------------------------------------------------------------------------


def bits(run: Trajectory) -> tuple[object, ...]:
    """Return everything about a run, to be compared bit for bit; any NaN is as good as another."""
    weights, errors = (np.where(np.isnan(a), np.nan, a) for a in (run.weights, run.errors))
    return weights.shape, weights.tobytes(), errors.tobytes(), run.counts.tobytes(), run.ending


def alone(rule: Optimizer, problem: Problem, starts: npt.ArrayLike, **rest: Any) -> list[Trajectory]:
    """Return what each start gives by itself."""
    return [run for start in np.asarray(starts) for run in record(march(rule, problem, [start], **rest))]


def together(rule: Optimizer, problem: Problem, starts: npt.ArrayLike, **rest: Any) -> list[Trajectory]:
    """Return what the starts give in one march."""
    return record(march(rule, problem, starts, **rest))


def _unequal(what: str, runs: Sequence[Trajectory], expected: Sequence[Trajectory]) -> Findings:
    """Yield a sentence if runs are not bit for bit what they are alone: about the first of them."""
    for number, (run, own) in enumerate(zip(runs, expected, strict=True)):
        if bits(run) != bits(own):
            yield f"{what}, run {number + 1} is not what it is alone: {_how(run, own)}"
            return


def _how(run: Trajectory, own: Trajectory) -> str:
    for epoch, (w, v) in enumerate(zip(run.weights, own.weights, strict=False)):
        if not np.array_equal(w, v, equal_nan=True):
            return f"at epoch {epoch} its weights are {w.tolist()}, not {v.tolist()}"
    if run.epochs != own.epochs:
        return f"it has {run.epochs} epochs, not {own.epochs}"
    if run.ending is not own.ending:
        return f"it {run.ending.value}, and alone it {own.ending.value}"
    return f"it is charged {run.evaluations}, not {own.evaluations}"


def one_equals_many(rule: Optimizer, problem: Problem) -> Findings:
    """Runs in blocks of every size and in another order are what they are alone."""
    if declare.unsuitable(rule, problem):
        return
    starts = starts_for(problem)
    rest: dict[str, Any] = {"error_threshold": threshold_for(problem, starts), "max_epochs": 20}
    expected = alone(rule, problem, starts, **rest)
    for block in (None, 1, 2, 3, 7, 8, 1000):
        yield from _unequal(
            f"in blocks of {block or 'all'}", together(rule, problem, starts, block=block, **rest), expected
        )
    order = np.random.default_rng(0).permutation(len(starts))
    permuted = together(rule, problem, starts[order], block=7, **rest)
    yield from _unequal("in another order", permuted, [expected[i] for i in order])


def one_equals_many_here(rule: Optimizer, problem: Problem) -> Findings:
    """The same in short, to be asked of many problems."""
    if declare.unsuitable(rule, problem):
        return
    starts = starts_for(problem, runs=9)
    rest: dict[str, Any] = {"error_threshold": threshold_for(problem, starts), "max_epochs": 12}
    yield from _unequal(
        "in blocks of 4", together(rule, problem, starts, block=4, **rest), alone(rule, problem, starts, **rest)
    )


def a_thousand_runs(rule: Optimizer) -> Findings:
    """The first, the last and one in the middle of a thousand are what they are alone."""
    problem = SHAPES["6 x 2"]
    starts = np.random.default_rng(7).uniform(-6, 6, size=(1000, 2))
    rest: dict[str, Any] = {"error_threshold": 0.125, "max_epochs": 25}
    few = [0, 501, 999]
    many = together(rule, problem, starts, **rest)
    yield from _unequal("among a thousand", [many[i] for i in few], alone(rule, problem, starts[few], **rest))


def varied_settings(rule: Optimizer, runs: int) -> list[dict[str, float]]:
    """Return hyperparameters for each run, drawn from multiples of the rule's that their domains allow."""
    draw = random.Random(rule.name)
    choices = {
        field.name: [v for k in (0.1, 0.5, 0.9, 1, 1.1, 2, 1e6) if (v := getattr(rule, field.name) * k) in field.domain]
        for field in declare.fields(rule).values()
        if isinstance(field.domain, Interval) and not field.domain.integer
    }
    drawn: list[dict[str, float]] = []
    while len(drawn) < runs:
        settings = {field: draw.choice(values) for field, values in choices.items()}
        try:
            _with(rule, **settings)
        except ValueError:  # values that are fine alone but not together
            continue
        drawn.append(settings)
    return drawn


def one_equals_many_with_its_own_hyperparameters(rule: Optimizer, problem: Problem) -> Findings:
    """``varied`` gives every run its own numbers: the same as a rule made with them, run alone."""
    if declare.unsuitable(rule, problem):
        return
    starts = starts_for(problem)
    drawn = varied_settings(rule, len(starts))
    rest: dict[str, Any] = {"error_threshold": threshold_for(problem, starts), "max_epochs": 20}
    expected = [
        run
        for settings, start in zip(drawn, starts, strict=True)
        for run in alone(_with(rule, **settings), problem, [start], **rest)
    ]
    varied = {field: np.array([settings[field] for settings in drawn]) for field in drawn[0]}
    for block in (None, 5, 8):
        runs = together(rule, problem, starts, varied=varied, block=block, **rest)
        yield from _unequal(f"with hyperparameters of its own, in blocks of {block or 'all'}", runs, expected)


def _with(rule: Optimizer, **settings: Any) -> Optimizer:
    """Return a rule with other settings."""
    changed: Optimizer = dataclasses.replace(rule, **settings)  # type: ignore[type-var]
    return changed


# -- how a rule deals with the oracle and the loop -------------------------------------------------------------------


def parts(state: Any) -> list[Any]:
    """Return the arrays of a state, however deep."""
    return [a for part in state for a in parts(part)] if isinstance(state, tuple) else [state]


def freeze(*arrays: Array) -> None:
    """Let nobody write on arrays."""
    for a in arrays:
        a.flags.writeable = False


class SpyOracle(Oracle):
    """Notes what it is asked, and hands out answers that cannot be written on."""

    def __init__(self, problem: Problem, runs: int) -> None:
        super().__init__(problem, runs)
        self.asked: set[str] = set()

    def _ask(self, kind: str, w: Array, where: Mask | None) -> Array:
        self.asked.add(kind)
        answer = super()._ask(kind, w, where)
        freeze(answer)
        return answer


def _by_hand(
    rule: Optimizer, w: Array, f: Oracle, later: Optimizer | None = None, epochs: int = 3
) -> Iterator[tuple[Array, Any]]:
    """Yield weights and state at the start and after each of a few epochs, fewer if no run goes on so long.

    The epochs are those of another rule, ``later``, if there is one.
    """
    handed = f.for_rules()
    with np.errstate(all="ignore"):  # as the loop does
        state = rule.begin(w, handed)
    yield w, state
    for _ in range(epochs):
        with np.errstate(all="ignore"):
            w, state = (later or rule).advance(w, state, handed)
            f.look(w)
        yield w, state
        if f.stuck is not None:
            f.live, f.stuck = f.live & ~f.stuck, None
            restricted.replace(handed, "live", f.live_for_rules())
        if not f.live.any():
            return


def it_runs(rule: Optimizer) -> Findings:
    """Twenty epochs pass; if a problem of this kind suits the rule at all."""
    for problem in (SHAPES["6 x 2"], SHAPES["37 x 3"]):
        reason = declare.unsuitable(rule, problem)
        if reason:
            yield reason
            return
        together(rule, problem, starts_for(problem), error_threshold=None, max_epochs=20)


def it_asks_what_it_needs_and_writes_on_nothing(rule: Optimizer) -> Findings:
    """Three epochs with a spy for an oracle and arrays that cannot be written on."""
    problem = SHAPES["37 x 3"]
    w = starts_for(problem, runs=5)[:2].copy(order="F")
    f = SpyOracle(problem, 2)
    freeze(w)
    for there, state in _by_hand(rule, w, f):
        if there.shape != (2, 4):
            yield f"the weights have the shape {there.shape} after an epoch, not (2, 4)"
            return
        freeze(there, *parts(state))
    if f.asked != rule.needs:
        yield f"it asks {_kinds(f.asked)}, and needs names {_kinds(rule.needs)}"


def only_what_is_needed_is_billed(rule: Optimizer) -> Findings:
    """Over five epochs of one run, every kind that is needed is charged and no other, and no bill shrinks."""
    run = together(rule, SHAPES["6 x 2"], [(-4, -4)], error_threshold=None, max_epochs=5)[0]
    billed = {kind for kind, times in run.evaluations.items() if times}
    if billed != rule.needs:
        yield f"it is charged for {_kinds(billed)}, and needs names {_kinds(rule.needs)}"
    if (np.diff(run.counts, axis=0) < 0).any():
        yield "a bill shrinks"


def _kinds(kinds: set[str] | frozenset[str]) -> str:
    return listed([kind for kind in KINDS if kind in kinds], "and") or "nothing"


def a_state_is_a_tuple_of_arrays_over_runs(rule: Optimizer) -> Findings:
    """At the start and after two epochs of five runs."""
    problem = SHAPES["37 x 3"]
    w = starts_for(problem)[:5]
    for _, state in _by_hand(rule, w, Oracle(problem, 5)):
        complaint = guard.state_complaint(state, 5)
        if complaint:
            yield complaint
            return


def a_start_below_the_threshold_takes_no_epoch(rule: Optimizer) -> Findings:
    """The judge looks at the start before anything else."""
    run = together(rule, SHAPES["6 x 2"], [(2.6, -3.5)], error_threshold=0.125, max_epochs=5)[0]
    if (run.epochs, run.ending, run.weights.tolist()) != (0, Ending.REACHED, [[2.6, -3.5]]):
        yield f"from a start below the threshold it makes {run.epochs} epochs and {run.ending.value}"


def divergence_is_a_result(rule: Optimizer) -> Findings:
    """A start whose error overflows ends there, without a warning; its neighbour does what it does alone."""
    rest: dict[str, Any] = {"error_threshold": None, "max_epochs": 6}
    over, fine = together(rule, BOWL, [(1e200, 1), (1, 1)], **rest)
    if (over.epochs, over.ending, over.final_error) != (0, Ending.DIVERGED, math.inf):
        yield f"from a start whose error overflows it makes {over.epochs} epochs and {over.ending.value}"
    yield from _unequal("beside one that overflows", [fine], alone(rule, BOWL, [(1, 1)], **rest))


# -- what a wrapper relies on ----------------------------------------------------------------------------------------


def a_step_is_read_when_it_says(rule: Optimizer) -> Findings:
    """What changes the step between epochs changes the run, or ``at_start`` says that it does not."""
    for field in declare.fields(rule).values():
        a_number = isinstance(field.domain, Interval) and not field.domain.integer
        if not a_number or not (field.at_start or field.name == "step"):
            continue
        others = list(_others(rule, field.name))
        read = any(_later(rule, other) != _later(rule, rule) for other in others)
        if read and field.at_start:
            yield f"{field.name} is read after the start, and at_start says that it is not"
        elif others and not read and not field.at_start:
            yield f"{field.name} changes nothing after the start: say so, with hyper(..., at_start=True)"


def _others(rule: Optimizer, name: str) -> Iterator[Optimizer]:
    """Yield a rule with a smaller and a larger value of a setting, as far as it takes them."""
    for factor in (0.25, 4):
        with contextlib.suppress(ValueError):
            yield _with(rule, **{name: getattr(rule, name) * factor})


def _later(rule: Optimizer, later: Optimizer) -> list[bytes]:
    """Return the weights of each of a few epochs that begin with one rule and go on with another."""
    return [
        w.tobytes()
        for problem in (SHAPES["6 x 2"], SHAPES["37 x 3"])
        for w, _ in _by_hand(rule, starts_for(problem)[:3].copy(order="F"), Oracle(problem, 3), later, epochs=9)
    ]


def it_recalls_what_it_says(rule: Optimizer) -> Findings:
    """Answers at the weights that it hands over are in its state, or not, as ``recalls`` says.

    They are looked for by their size, up to roundings, alone or in a larger array.
    """
    problem = SHAPES["37 x 3"]
    w = starts_for(problem)[:2].copy(order="F")
    *_, (there, state) = _by_hand(rule, w, Oracle(problem, 2))
    kept = np.concatenate([_sizes(a) for a in ((), *parts(state))])
    with np.errstate(all="ignore"):
        point = problem.at(there)
        answers = {kind: _sizes(getattr(point, kind)()) for kind in KINDS if kind in problem.offers}
        recalled = [kind for kind, a in answers.items() if (abs(a[:, None] - kept) <= 1e-12 * a[:, None]).any()]
    if recalled and not rule.recalls:
        yield f"its state has the {listed(recalled, 'and')} at its new weights: say so, with recalls=True"
    if rule.recalls and not recalled:
        yield "it says that it recalls, and its state has no answer at its new weights"


def _sizes(a: npt.ArrayLike) -> Array:
    """Return how large the numbers of an array are, without those that tell nothing."""
    sizes: Array = abs(np.array(a, np.float64)).ravel()
    return sizes[np.isfinite(sizes) & (sizes > 0)]


# -- what it declares ------------------------------------------------------------------------------------------------


def words_about(domain: Domain, bad: object) -> str:
    """Return the sentence that refuses a value, worded a second time."""
    if isinstance(domain, Choice):
        return f"{bad!r} is not one of {', '.join(domain.words)}"
    if isinstance(domain, Flag):
        return f"{bad!r} is not true or false"
    if isinstance(domain, Interval):
        return f"{bad} is not in {str(domain).removeprefix('integer ')}"
    return f"{domain.complaint(bad)}"


def refusals(domain: Domain) -> Iterator[tuple[object, str]]:
    """Yield values that a domain refuses, and the sentences that refuse them."""
    yield domain.bad(), words_about(domain, domain.bad())
    if isinstance(domain, Interval):
        for bad in (math.nan, math.inf, -math.inf):
            yield bad, words_about(domain, bad)
        kind, interval = "whole number" if domain.integer else "number", str(domain).removeprefix("integer ")
        others: tuple[tuple[object, str], ...] = ((True, "true"), ("0.1", "'0.1'"), (None, "null"), ([0.1], "a list"))
        yield from ((bad, f"{words} is not a {kind} in {interval}") for bad, words in others)
    elif isinstance(domain, Choice | Flag):
        others = ((0.5, "0.5"), (None, "null"), ([True], "a list"))
        yield from ((bad, f"{words}{words_about(domain, '')[2:]}") for bad, words in others)


def a_hyperparameter_refuses_what_it_cannot_be(rule: Optimizer, field: Field) -> Findings:
    """Bad values are refused, with the sentence that says which, what is allowed and what it means."""
    for bad, words in refusals(field.domain):
        yield from _not_refused(rule, {field.name: bad}, f"{rule.name}: {field.name}: {words} ({field.meaning})")


def all_bad_values_are_named_at_once(rule: Optimizer) -> Findings:
    """One mistake does not hide another."""
    fields = declare.fields(rule).values()
    bad = {field.name: field.domain.bad() for field in fields}
    said = [f"{f.name}: {words_about(f.domain, bad[f.name])} ({f.meaning})" for f in fields]
    if bad:
        yield from _not_refused(rule, bad, f"{rule.name}: {'; '.join(said)}")


def _not_refused(rule: Optimizer, settings: dict[str, Any], sentence: str) -> Findings:
    given = ", ".join(f"{name}={shown(value)}" for name, value in settings.items())
    try:
        _with(rule, **settings)
    except ValueError as error:
        if str(error) != sentence:
            yield f"{given} is refused with {str(error)!r}, not with {sentence!r}"
    else:
        yield f"{given} is accepted"


def settings_are_frozen_and_of_their_kind(rule: Optimizer) -> Findings:
    """Defaults are accepted, nothing can be set afterwards, and ``step: 10`` and ``step: 10.0`` are the same."""
    there = {own.name for own in dataclasses.fields(rule)}  # type: ignore[arg-type]
    for undeclared in sorted(there - set(declare.fields(rule))):
        yield f"{undeclared} is no setting, since its range is not told: {undeclared} = hyper(..., ..., ...)"
    for name, field in declare.fields(rule).items():
        value = getattr(rule, name)
        for given in (value, field.default):
            if given is not dataclasses.MISSING and field.complaint(given):
                yield f"{name}: {field.complaint(given)}"
        try:
            setattr(rule, name, value)
        except AttributeError:
            pass
        else:
            yield f"{name} can be set after a rule is made"
        if isinstance(field.domain, Interval):
            kind = int if field.domain.integer else float
            whole = _with(rule, **{name: int(value)}) if value == int(value) else rule
            if {type(getattr(one, name)) for one in (rule, whole)} != {kind}:
                yield f"{name} is not kept as {kind.__name__}"


def the_docstring_has_the_formula_and_ties_its_symbols(rule: Optimizer) -> Findings:
    """One sentence, then the formula, then which letter is which hyperparameter."""
    summary, _, rest = _docstring(rule).partition("\n\n")
    if summary.rstrip(".") == summary:
        yield "the docstring does not begin with a sentence"
    if "←" not in rest:
        yield "the docstring has no formula: a line such as `w ← w - η g`, below its first"
    for field in declare.fields(rule):
        if not (re.search(rf"\S+: {field}\b", rest) or re.search(rf"\b{field} at the start", rest)):
            yield f"the docstring does not say which letter is {field}: `η: {field}`"


def _docstring(rule: Optimizer) -> str:
    said = type(rule).__doc__ or ""
    return "" if said.startswith(f"{type(rule).__name__}(") else said  # which is what dataclasses make up


def it_has_a_source(rule: Optimizer) -> Findings:
    """A paper, or whatever says where it comes from, with a year."""
    if not re.search(r"\b1[89]\d\d\b|\b20\d\d\b", rule.source):
        yield f"the source {rule.source!r} has no year" if rule.source else "it has no source"


def names_cannot_be_confused(rule: Optimizer) -> Findings:
    """Neither its name nor its label nor its synonyms are another's."""
    if not rule.label:
        yield "it has no label"
    if rule.name in rule.synonyms:
        yield f"{rule.name!r} is a synonym of itself"
    for other, thing in OPTIMIZERS.items():
        if other in rule.synonyms:
            yield f"the synonym {other!r} is the name of another"
        if other != rule.name and thing.label == rule.label:
            yield f"the label {rule.label!r} is that of {other} too"
        if other != rule.name:
            yield from (
                f"{word!r} is a synonym of {other} too" for word in sorted({*thing.synonyms} & {*rule.synonyms})
            )


# -- honest cost -----------------------------------------------------------------------------------------------------


class WatchedProblem:
    """A problem that counts its evaluations, by kind and in samples of one run: all evaluations, by whatever means."""

    def __init__(self, problem: Any, evaluated: dict[str, int] | None = None, batch: int | None = None) -> None:
        self.problem = problem
        self.evaluated = dict.fromkeys(KINDS, 0) if evaluated is None else evaluated
        self.batch: int = problem.samples if batch is None else batch

    def __getattr__(self, name: str) -> Any:
        return getattr(self.problem, name)

    def at(self, w: Array, spare: Any = None) -> Any:
        return _WatchedPoint(self, self.problem.at(w, None if spare is None else spare.point), len(w))

    def part(self, samples: npt.NDArray[np.int64]) -> WatchedProblem:
        return WatchedProblem(self.problem.part(samples), self.evaluated, len(samples))


class _WatchedPoint:
    def __init__(self, watched: WatchedProblem, point: Any, runs: int) -> None:
        self.watched = watched
        self.point = point
        self.runs = runs

    def __getattr__(self, kind: str) -> Any:
        self.watched.evaluated[kind] += self.runs * self.watched.batch
        return getattr(self.point, kind)


def every_evaluation_is_counted(rule: Optimizer) -> Findings:
    """Over ten epochs of one run, the problem is evaluated as often as the oracle counts.

    Each epoch starts at an array of its own, so that no evaluation of the loop serves the rule.
    """
    problem: Any = WatchedProblem(SHAPES["37 x 3"])
    w = starts_for(problem.problem)[:1].copy(order="F")
    f = guard.oracle(rule, problem, 1, lambda: 1)
    handed = f.for_rules()
    with np.errstate(all="ignore"):  # as the loop does
        state = rule.begin(w, handed)
        for _ in range(10):
            w, state = rule.advance(w.copy(order="K"), state, handed)
            if f.stuck is not None:
                break
    for kind, counted in zip(KINDS, f.counts()[0].tolist(), strict=True):
        made = -(-problem.evaluated[kind] // problem.samples)
        if made != counted:
            yield f"evaluations of the {kind}: {made} made, {counted} counted"


def only_an_oracle_is_handed_out(rule: Optimizer) -> Findings:
    """The object that a rule is handed, within its wrappers, has the names of the Oracle protocol and no others."""
    found: dict[str, None] = {}
    problem = SHAPES["6 x 2"]
    together(_peeking(rule, found), problem, starts_for(problem)[:3], error_threshold=None, max_epochs=3)
    yield from found


def _peeking(optimizer: Optimizer, found: dict[str, None]) -> Optimizer:
    """Return an optimizer whose innermost rule tries to get more of its oracle than it may, and notes its successes."""
    made: Any = None
    for layer in declare.layers(optimizer):
        kind = type(layer) if made else _peeking_class(type(layer), found)
        copy = object.__new__(kind)
        vars(copy).update({**vars(layer), "inner": made} if made else vars(layer))
        made = copy
    return made  # type: ignore[no-any-return]


def _peeking_class(kind: Any, found: dict[str, None]) -> Any:
    def begin(self: Any, w: Array, f: Any) -> Any:
        found.update(dict.fromkeys(_peeked(f)))
        return kind.begin(self, w, f)

    def advance(self: Any, w: Array, state: Any, f: Any) -> Any:
        found.update(dict.fromkeys(_peeked(f)))
        return kind.advance(self, w, state, f)

    body = {"begin": begin, "advance": advance, "__module__": kind.__module__, "__doc__": kind.__doc__}
    return type(kind.__name__, (kind,), body)


def _peeked(f: Any) -> Findings:
    """Yield the ways of access that an oracle must not give to a rule: names, owners of functions, settable values."""
    for name in sorted({*dir(Oracle), *vars(Oracle(SHAPES["6 x 2"], 1)), *dir(f)} - {*restricted.NAMES}):
        if not name.startswith("__") and hasattr(f, name):
            yield f"f.{name} can be used"
    for name in restricted.NAMES:
        if isinstance(getattr(getattr(f, name), "__self__", None), Oracle):
            yield f"f.{name}.__self__ can be used"
        try:
            setattr(f, name, getattr(f, name))
        except AttributeError:
            pass
        else:
            yield f"f.{name} can be set"


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
