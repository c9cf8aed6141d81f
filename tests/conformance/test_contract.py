"""Each check of the contract finds its violation, in rules that violate one requirement and no other."""

from __future__ import annotations

import dataclasses
import math
import re

import numpy as np
import pytest

from bpviz import declare, hyper, optimizer
from bpviz.conformance import batch_invariance, behaviour, declarations, evaluation_counts
from bpviz.conformance import contract as contract_module
from bpviz.conformance.contract import DECLARED, RUNNING, contract
from bpviz.conformance.fixtures import SHAPES
from bpviz.declare import OPTIMIZERS, WRAPPERS
from bpviz.declare.domains import Choice, Domain, Flag, Interval
from bpviz.engine.oracle import CountingOracle
from bpviz.problems.perceptron import ACTIVATIONS, LOSSES

# The faults of these rules show on any problem.
pytestmark = pytest.mark.usefixtures("forgotten", "short_contract")


class Valid:
    """Gradient descent. g = ∇E(w).

    w ← w - η g

    η: step
    """

    step: float = hyper(0.3, "(0, inf)", "step size, η")

    def begin(self, w, f):
        return ()

    def advance(self, w, state, f):
        return w - self.step * f.gradient(w), state


def make_rule(
    base=Valid,
    needs="gradient",
    name="mine",
    label="Mine",
    source="this test, 2026",
    synonyms=(),
    recalls=False,
    **parts,
):
    """Return a rule that differs from the valid one in these parts."""
    documented = {"__doc__": base.__doc__, "__annotations__": base.__annotations__, "__module__": __name__}
    body = {**{k: v for k, v in vars(base).items() if k not in ("__dict__", "__weakref__")}, **documented, **parts}
    declared = optimizer(name, needs=needs, label=label, source=source, synonyms=synonyms, recalls=recalls)
    return declared(type("Mine", (), body))()


def failures(rule):
    """Return the findings of the checks that did not pass, by check."""
    return {verdict.check: verdict.findings for verdict in contract(rule) if not verdict.passed}


def gradient_descent(change):
    """Return an ``advance`` that passes the gradient through ``change(rule, w, g, f)``."""

    def advance(self, w, state, f):
        return w - self.step * change(self, w, f.gradient(w), f), state

    return advance


def test_valid_rule_passes():
    assert failures(make_rule()) == {}
    assert [verdict.check for verdict in contract(make_rule(name="other", label="Other"))] == [
        check.name for check in (*RUNNING, *DECLARED)
    ]


def test_uses_every_shape_and_every_neuron(monkeypatch):
    monkeypatch.undo()  # of short_contract
    tried = {"runs_are_batch_invariant": [], "runs_are_batch_invariant_briefly": []}
    for check, problems in tried.items():
        monkeypatch.setattr(
            contract_module, check, lambda _, problem, problems=problems: problems.append(problem) or ()
        )
    [verdict] = [v for v in contract(make_rule()) if v.check == "batch invariance"]
    assert verdict.passed
    assert tried["runs_are_batch_invariant"] == list(SHAPES.values())
    assert [(p.activation, p.loss) for p in tried["runs_are_batch_invariant_briefly"]] == [
        (activation, loss)
        for activation in ACTIVATIONS
        for loss in LOSSES
        if loss != "cross-entropy" or activation == "sigmoid"
    ]


def test_checks_only_declarations_of_rule_that_does_not_run():
    rule = make_rule(advance=lambda self, w, state, f: (w, 1 / 0), source="")
    verdicts = {verdict.check: verdict for verdict in contract(rule)}
    assert verdicts["runs"].passed is False
    assert re.fullmatch(
        r"mine \(.*test_contract\.py:\d+\), epoch 1: ZeroDivisionError: division by zero",
        verdicts["runs"].findings[0],
    )
    assert [name for name, verdict in verdicts.items() if verdict.passed is None] == [c.name for c in RUNNING[1:]]
    assert verdicts["documentation"].findings == (
        "source: missing year; use @optimizer(..., source='authors, title, year')",
    )
    assert verdicts["settings"].passed is True


@pytest.mark.parametrize(
    "change",
    [
        lambda self, w, g, f: g - 1e-9 * g.mean(axis=0),
        lambda self, w, g, f: g * (1 + 1e-15 * len(w)),
        lambda self, w, g, f: g / (2 if (abs(w) > 1e100).any() else 1),
        lambda self, w, g, f: np.roll(g, 1, axis=0),
    ],
    ids=["mean over runs", "number of runs", "a diverging run", "gradient of another run"],
)
def test_finds_dependence_on_other_runs(change):
    found = failures(make_rule(advance=gradient_descent(change)))
    assert "batch invariance" in found
    sentence = (
        r"6 x 2, block size unlimited, run \d+: weights at epoch \d+ differ from those of the run alone "
        r"\(got \[.*\], expected \[.*\]\)"
    )
    assert re.fullmatch(sentence, found["batch invariance"][0])


def test_finds_sum_in_varying_order():
    """NumPy adds nine weights of one run in a different order than those of many runs."""
    rule = make_rule(
        advance=gradient_descent(lambda self, w, g, f: g / np.sqrt(np.square(g).sum(axis=1, keepdims=True)))
    )
    found = list(batch_invariance.runs_are_batch_invariant(rule, SHAPES["1 x 9"]))
    assert len(found) >= 1
    assert all("differ from those of the run alone" in sentence for sentence in found)
    kept = make_rule(name="b", label="B", advance=gradient_descent(lambda self, w, g, f: g / np.sqrt(f.dot(g, g))))
    assert list(batch_invariance.runs_are_batch_invariant(kept, SHAPES["1 x 9"])) == []


def test_finds_dependence_on_large_blocks():
    rule = make_rule(advance=gradient_descent(lambda self, w, g, f: g * (1 + 1e-9 * (len(w) > 500))))
    [found] = failures(rule)["batch invariance"]
    assert found.startswith("1000 runs, run 1: weights at epoch 1 differ from those of the run alone (got ")


def test_finds_different_epochs_endings_and_counts():
    def advance(self, w, state, f):
        if len(w) > 1:
            f.gradient(w + 1)
        return w - self.step * f.gradient(w), state

    found = list(batch_invariance.runs_are_batch_invariant_briefly(make_rule(advance=advance), SHAPES["6 x 2"]))
    assert re.search(
        r"evaluations differ .*got \{'error': 0, 'gradient': (\d+), .*\}, expected \{'error': 0, 'gradient': (?!\1)",
        found[0],
    )

    def gives_up(self, w, state, f):
        if len(w) > 1:
            f.cannot_go_on(np.ones(len(w), dtype=bool))
        return w - self.step * f.gradient(w), state

    found = list(
        batch_invariance.runs_are_batch_invariant_briefly(
            make_rule(name="b", label="B", advance=gives_up), SHAPES["6 x 2"]
        )
    )
    assert re.search(r"epochs differ from those of the run alone \(got 1, expected 12\)", found[0])


def test_finds_settings_read_from_one_run_only():
    def advance(self, w, state, f):
        return w - float(np.ravel(self.step)[0]) * f.gradient(w), state

    found = failures(make_rule(advance=advance))
    assert list(found) == ["varied settings"]
    assert found["varied settings"][0].startswith("6 x 2, varied settings, block size unlimited, run ")


def test_varied_settings_have_no_conflicts():
    class Pair(Valid):
        """Gradient descent. g = ∇E(w).

        w ← w - η g

        η: step, λ: low
        """

        step: float = hyper(0.3, "(0, inf)", "step size, η")
        low: float = hyper(0.3, "(0, inf)", "at most step, λ")

        def conflicts(self):
            return [("low", "too high")] if self.low > self.step else []

    drawn = batch_invariance.varied_settings(make_rule(Pair, begin=Valid.begin, advance=Valid.advance), 20)
    assert len(drawn) == 20
    assert all(settings["low"] <= settings["step"] for settings in drawn)
    assert len({settings["step"] for settings in drawn}) > 2


@pytest.mark.parametrize(
    ("needs", "listed"),
    [("gradient error", "error and gradient"), ("gradient error hessian", "error, gradient and hessian")],
)
def test_finds_needs_that_are_not_used(needs, listed):
    assert failures(make_rule(needs=needs)) == {
        "evaluations": (
            f'needs lists {listed}, but the rule evaluates gradient; use needs="gradient"',
            f'needs does not match the counted evaluations (got {listed}, expected gradient); use needs="gradient"',
        )
    }


def test_finds_evaluations_missing_from_needs():
    rule = make_rule(advance=gradient_descent(lambda self, w, g, f: g + 0 * f.error(w)))
    assert list(behaviour.evaluations_match_needs(rule)) == [
        'needs lists gradient, but the rule evaluates error and gradient; use needs="error gradient"'
    ]
    said = "epoch 1: advance calls f.error, but needs= lists only 'gradient'; add it to needs"
    assert failures(rule)["runs"][0].endswith(said)


@pytest.mark.parametrize("kind", ["weights", "gradient", "state"])
def test_finds_inputs_changed_in_place(kind):
    def advance(self, w, state, f):
        g, (v,) = f.gradient(w), state
        {"weights": w, "gradient": g, "state": v}[kind][:] *= 0.9
        return w - self.step * g, (v,)

    rule = make_rule(begin=lambda self, w, f: (np.zeros_like(w),), advance=advance)
    with pytest.raises(ValueError, match="read-only"):
        list(behaviour.evaluations_match_needs(rule))
    assert "w, the state and evaluated arrays must not be modified in place" in failures(rule)["runs"][0]


def test_finds_weights_of_wrong_shape():
    rule = make_rule(advance=lambda self, w, state, f: (w[:1] - f.gradient(w)[:1], state))
    assert list(behaviour.evaluations_match_needs(rule)) == [
        "advance returns weights of the wrong shape (got (1, 4), expected (2, 4))"
    ]


def test_finds_counts_that_decrease(monkeypatch):
    """No rule can cause this; an oracle that counts wrongly could."""
    run = batch_invariance.run_together(make_rule(), SHAPES["6 x 2"], [(-4, -4)], error_threshold=None, max_epochs=2)[0]
    run.counts[:, 0] = (2, 1, 1)
    monkeypatch.setattr(behaviour, "run_together", lambda *_, **__: [run])
    found = list(behaviour.counts_match_needs(make_rule(name="b", label="B")))
    assert found == [
        (
            "needs does not match the counted evaluations (got gradient, expected error and gradient); "
            'use needs="error gradient"'
        ),
        "a count of evaluations decreases from one epoch to the next",
    ]


@pytest.mark.parametrize(
    ("state", "complaint"),
    [
        (lambda w: [w], "the state must be a tuple of arrays, such as (a, b), (a,) or (), got a list"),
        (
            lambda w: (np.zeros(2),),
            "the state must hold arrays with one row per run (5 here), got a float64 array of shape (2,)",
        ),
        (lambda w: (w, (0,)), "the state must hold arrays with one row per run (5 here), got 0"),
    ],
)
def test_finds_invalid_state(state, complaint):
    rule = make_rule(begin=lambda self, w, f: state(w))
    assert list(behaviour.state_is_tuple_of_arrays(rule)) == [complaint]


class StepAtStart:
    """Gradient descent with the step of the start. g = ∇E(w).

    w ← w - v g

    η: step, v at the start
    """

    step: float = hyper(0.3, "(0, inf)", "step size, η")

    def begin(self, w, f):
        return (self.step + 0 * w,)

    def advance(self, w, state, f):
        return w - state[0] * f.gradient(w), state


@pytest.mark.parametrize(
    ("base", "at_start", "found"),
    [
        (Valid, True, "step: at_start=True, but it is read after the start; remove at_start=True"),
        (StepAtStart, False, "step: has no effect after the start; use hyper(..., at_start=True)"),
        (Valid, False, None),
        (StepAtStart, True, None),
    ],
)
def test_finds_wrong_at_start(base, at_start, found):
    rule = make_rule(base, step=hyper(0.3, "(0, inf)", "step size, η", at_start=at_start))
    assert failures(rule) == ({"wrappers": (found,)} if found else {})


def test_accepts_step_with_a_single_valid_value():
    rule = make_rule(
        advance=lambda self, w, state, f: (w - f.gradient(w), state), step=hyper(1.0, "[1, 1]", "no choice")
    )
    assert failures(rule) == {}


class GradientInState:
    """Gradient descent with the gradient in its state. g = ∇E(w), also at the start.

    w ← w - η g

    η: step
    """

    step: float = hyper(0.3, "(0, inf)", "step size, η")

    def begin(self, w, f):
        return (-f.gradient(w),)

    def advance(self, w, state, f):
        w = w + self.step * state[0]
        return w, (-f.gradient(w),)


def test_finds_wrong_recalls():
    missing = "the state has the gradient at the returned weights; use @optimizer(..., recalls=True)"
    assert failures(make_rule(GradientInState)) == {"wrappers": (missing,)}
    assert failures(make_rule(GradientInState, name="declared", label="Declared", recalls=True)) == {}
    wrong = "recalls=True, but the state has no value evaluated at the returned weights; remove recalls=True"
    assert failures(make_rule(name="wrong", label="Wrong", recalls=True)) == {"wrappers": (wrong,)}


def test_finds_wrong_endings(monkeypatch):
    """No rule can cause this; a loop that compares errors too late could."""
    run = batch_invariance.run_together(make_rule(), SHAPES["6 x 2"], [(-4, -4)], error_threshold=None, max_epochs=2)[0]
    monkeypatch.setattr(behaviour, "run_together", lambda *_, **__: [run, run])
    monkeypatch.setattr(behaviour, "run_separately", lambda *_, **__: [run])
    rule = make_rule(name="b", label="B")
    assert list(behaviour.start_below_threshold_takes_no_epoch(rule)) == [
        "start below the threshold: wrong ending (got exhausted after 2 epochs, expected reached after 0 epochs)"
    ]
    assert list(behaviour.divergence_is_an_ending(rule)) == [
        "start with an infinite error: wrong ending (got exhausted after 2 epochs, expected diverged after 0 epochs)"
    ]


# -- evaluation counts -----------------------------------------------------------------------------------------------


def owner(function):
    """Return the counting object, which is accessible only through the closure of a function."""
    cells = [cell.cell_contents for cell in function.__closure__]
    return getattr(cells[0], "__self__", None) or owner(cells[0])


def test_rule_cannot_use_uncounted_evaluations_of_the_loop():
    def advance(self, w, state, f):
        for trial in range(10):
            f.uncounted_errors(w + trial)
        return w - self.step * f.gradient(w), state

    assert (
        "epoch 1: f.uncounted_errors: unknown; use one of live, samples, error"
        in failures(make_rule(advance=advance))["runs"][0]
    )


@pytest.mark.parametrize("around", [(), ("clip-norm",), ("mini-batches",), ("clip-norm", "mini-batches", "lookahead")])
def test_finds_evaluations_that_are_not_counted(around):
    """A rule that reaches the counting object through closures is not prevented, but detected."""

    def advance(self, w, state, f):
        uncounted_errors = owner(f.error).uncounted_errors
        for trial in range(1, 11):
            uncounted_errors(w + trial)
        return w - self.step * f.gradient(w), state

    rule = wrapped(make_rule(advance=advance), around)
    found = "error: wrong count of evaluations (got 0, expected 100)"  # also with 37 batches of one sample of 37
    assert list(evaluation_counts.every_evaluation_is_counted(rule)) == [found]
    valid = wrapped(make_rule(name="b", label="B"), around)
    assert list(evaluation_counts.every_evaluation_is_counted(valid)) == []


def wrapped(rule, around):
    for name in around:
        rule = WRAPPERS[name](rule)
    return rule


def test_finds_evaluations_that_are_counted_twice(monkeypatch):
    count = CountingOracle._evaluate

    def counting_twice(self, kind, w, where):
        self._shared_counts[kind] += 1
        return count(self, kind, w, where)

    monkeypatch.setattr(CountingOracle, "_evaluate", counting_twice)
    assert list(evaluation_counts.every_evaluation_is_counted(make_rule())) == [
        "gradient: wrong count of evaluations (got 20, expected 10)"
    ]


def test_finds_oracle_with_other_names(monkeypatch):
    assert list(evaluation_counts.rule_has_only_an_oracle(make_rule())) == []
    monkeypatch.setattr(CountingOracle, "for_rules", lambda self: self)
    found = failures(make_rule(name="b", label="B"))["counts"]
    others = ("uncounted_errors", "problem", "take", "join", "block_counts", "_shared_counts")
    assert {f"f.{name}: accessible, but not in the Oracle protocol" for name in others} <= set(found)
    assert {"f.error.__self__: accessible", "f.gradient: writable", "f.xp: writable"} <= set(found)


def test_finds_wrapper_that_passes_other_names_to_its_rule(monkeypatch):
    class Leaking:
        def __init__(self, f, changes):
            self._f = f

        def __getattr__(self, name):
            return getattr(self._f, name)

    rule = WRAPPERS["clip-norm"](make_rule())
    assert list(evaluation_counts.rule_has_only_an_oracle(rule)) == []
    monkeypatch.setattr("bpviz.wrappers.answers.changed", Leaking)
    assert "f._f: accessible, but not in the Oracle protocol" in list(evaluation_counts.rule_has_only_an_oracle(rule))


# -- declarations ----------------------------------------------------------------------------------------------------


class AnyValue(Domain):
    """Accepts everything."""

    def complaint(self, value):
        return None

    def __str__(self):
        return "anything"


@dataclasses.dataclass(frozen=True)
class OtherMessage(Interval):
    """Rejects with another message."""

    def complaint(self, value):
        return super().complaint(value) and "no"


def test_finds_invalid_values_that_are_accepted_or_reported_wrongly():
    other = OtherMessage(0, math.inf, False, False)
    for domain, first in (
        (AnyValue(), "step=a mapping: invalid value is accepted"),
        (
            other,
            (
                "step=0: wrong message (got 'mine: step: no (step size, η)', expected 'mine: step: expected a "
                "number in (0, inf), got 0"
            ),
        ),
    ):
        rule = make_rule(step=hyper(0.3, domain, "step size, η"))
        [field] = declare.fields(rule).values()
        assert next(declarations.hyperparameter_rejects_invalid_values(rule, field)).startswith(first)
        assert "settings" in failures(rule)
        OPTIMIZERS.unregister(__name__)


def test_finds_field_without_a_range():
    """A default makes it a field of the class, but no config can set it."""
    rule = make_rule(step=0.3)
    found = "step: field without a range; use step = hyper(default, range, meaning)"
    assert failures(rule) == {"settings": (found,)}


def test_finds_settings_that_can_be_changed():
    rule = make_rule()
    type(rule).__setattr__ = object.__setattr__
    assert list(declarations.settings_are_frozen_and_typed(rule)) == [
        "step: can be changed after construction; remove __setattr__"
    ]


def test_finds_invalid_current_value():
    rule = make_rule()
    object.__setattr__(rule, "step", -1)
    found = declarations.settings_are_frozen_and_typed(rule)
    assert next(found) == "step: expected a number in (0, inf), got -1 (step size, η)"


@pytest.mark.parametrize(
    ("domain", "bad"),
    [
        (Choice(("a", "b")), ["no such word", 0.5, None, [True]]),
        (Flag(), ["perhaps", 0.5, None, [True]]),
        (Interval.parse("integer [1, 9]"), [0.0, math.nan, math.inf, -math.inf, True, "0.1", None, [0.1]]),
    ],
)
def test_invalid_values_include_every_type(domain, bad):
    tried = list(declarations.invalid_values(domain))
    assert [repr(value) for value, _ in tried] == [repr(value) for value in bad]
    for value, words in tried:
        assert domain.complaint(value) == words


@pytest.mark.parametrize(
    ("parts", "found"),
    [
        ({"__doc__": None}, "docstring: missing summary; add a first paragraph that ends with a period"),
        ({"__doc__": "Descent"}, "docstring: missing summary; add a first paragraph that ends with a period"),
        (
            {"__doc__": "Descent.\n\nη: step"},
            "docstring: missing formula; add a line such as `w ← w - η g` after the summary",
        ),
        ({"__doc__": "Descent.\n\nw ← w - η g"}, "docstring: missing symbol of step; add a line such as `η: step`"),
        ({"source": ""}, "source: missing year; use @optimizer(..., source='authors, title, year')"),
        (
            {"source": "my head"},
            "source: missing year (got 'my head'); use @optimizer(..., source='authors, title, year')",
        ),
        ({"label": "Adam"}, "label: duplicate 'Adam' (also the label of adam)"),
        ({"synonyms": ("mine",)}, "synonyms: 'mine' is the name of the rule itself"),
        ({"synonyms": ("adam",)}, "synonyms: duplicate 'adam' (the name of another algorithm)"),
        ({"synonyms": ("nag",)}, "synonyms: duplicate 'nag' (also a synonym of nesterov)"),
    ],
)
def test_finds_incomplete_documentation(parts, found):
    assert found in list(contract_module._documentation(make_rule(**parts)))


def test_label_defaults_to_name():
    assert make_rule(label="").label == "mine"
    rule = make_rule(name="b", label="B")
    type(rule).label = ""
    assert list(declarations.names_are_unambiguous(rule)) == ["label: missing"]


# -- verdicts --------------------------------------------------------------------------------------------------------


def test_skips_problems_that_do_not_suit_the_rule(monkeypatch):
    """Only a squared error has residuals."""
    monkeypatch.undo()  # of short_contract, so that every shape is used

    def advance(self, w, state, f):
        return w - self.step * f.jacobian(w)[:, 0] * f.residuals(w)[:, :1], state

    rule = make_rule(needs="residuals jacobian", advance=advance)
    assert list(batch_invariance.runs_are_batch_invariant(rule, SHAPES["200 x 2"])) == []
    assert list(batch_invariance.runs_are_batch_invariant_briefly(rule, SHAPES["200 x 2"])) == []
    assert list(batch_invariance.varied_settings_are_batch_invariant(rule, SHAPES["200 x 2"])) == []
    assert failures(rule) == {}


def test_exception_in_a_check_is_a_finding():
    rule = make_rule()
    type(rule).source = 3
    assert failures(rule)["documentation"] == ("TypeError: expected string or bytes-like object, got 'int'",)


def test_skips_documentation_of_unregistered_rules():
    rule = make_rule()
    OPTIMIZERS.unregister(__name__)
    verdicts = {verdict.check: verdict.passed for verdict in contract(rule)}
    assert [name for name, passed in verdicts.items() if passed is None] == ["wrappers", "documentation"]
    assert set(verdicts.values()) == {True, None}


def test_stuck_runs_are_not_advanced():
    """The checks that call ``advance`` themselves do as the loop does."""

    def advance(self, w, state, f):
        (t,) = state
        assert not (f.live & (t[:, 0] > 0)).any()
        f.cannot_go_on(np.ones(len(w), dtype=bool))
        return w - self.step * f.gradient(w), (t + 1,)

    rule = make_rule(begin=lambda self, w, f: (np.zeros((len(w), 1)),), advance=advance)
    assert failures(rule) == {}
