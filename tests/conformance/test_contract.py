"""Each check of the contract finds what it is there for, in rules that break one promise and keep the others."""

from __future__ import annotations

import dataclasses
import math
import re

import numpy as np
import pytest

from bpviz import declare, hyper, optimizer
from bpviz.conformance import batch_invariance, behaviour, declarations
from bpviz.conformance import contract as contract_module
from bpviz.conformance.contract import DECLARED, RUNNING, contract
from bpviz.conformance.fixtures import SHAPES
from bpviz.declare import OPTIMIZERS
from bpviz.declare.domains import Choice, Domain, Flag, Interval
from bpviz.problems.perceptron import ACTIVATIONS, LOSSES

# The faults of these rules show on any problem.
pytestmark = pytest.mark.usefixtures("forgotten", "short_contract")


class Honest:
    """Go down. g = ∇E(w).

    w ← w - η g

    η: step
    """

    step: float = hyper(0.3, "(0, inf)", "step size, η")

    def begin(self, w, f):
        return ()

    def advance(self, w, state, f):
        return w - self.step * f.gradient(w), state


def made(
    base=Honest,
    needs="gradient",
    name="mine",
    label="Mine",
    source="this test, 2026",
    synonyms=(),
    recalls=False,
    **parts,
):
    """Return a rule that differs from the honest one in these parts."""
    documented = {"__doc__": base.__doc__, "__annotations__": base.__annotations__, "__module__": __name__}
    body = {**{k: v for k, v in vars(base).items() if k not in ("__dict__", "__weakref__")}, **documented, **parts}
    declared = optimizer(name, needs=needs, label=label, source=source, synonyms=synonyms, recalls=recalls)
    return declared(type("Mine", (), body))()


def broken(rule):
    """Return the checks that do not hold, with what they have found."""
    return {verdict.check: verdict.findings for verdict in contract(rule) if not verdict.holds}


def gradient_descent(change):
    """Return an ``advance`` that changes the gradient, given as (rule, w, g, f), before it moves by it."""

    def advance(self, w, state, f):
        return w - self.step * change(self, w, f.gradient(w), f), state

    return advance


def test_a_rule_that_keeps_every_promise():
    assert broken(made()) == {}
    assert [verdict.check for verdict in contract(made(name="other", label="Other"))] == [
        check.name for check in (*RUNNING, *DECLARED)
    ]


def test_a_rule_is_tried_on_every_shape_and_every_neuron(monkeypatch):
    monkeypatch.undo()
    tried = {"one_equals_many": [], "one_equals_many_here": []}
    for check, problems in tried.items():
        monkeypatch.setattr(
            contract_module, check, lambda _, problem, problems=problems: problems.append(problem) or ()
        )
    [verdict] = [v for v in contract(made()) if v.check == "one equals many"]
    assert verdict.holds
    assert tried["one_equals_many"] == list(SHAPES.values())
    assert [(p.activation, p.loss) for p in tried["one_equals_many_here"]] == [
        (activation, loss)
        for activation in ACTIVATIONS
        for loss in LOSSES
        if loss != "cross-entropy" or activation == "sigmoid"
    ]


def test_a_rule_that_does_not_run_is_tried_no_further():
    """But what it declares is looked at."""
    rule = made(advance=lambda self, w, state, f: (w, 1 / 0), source="")
    verdicts = {verdict.check: verdict for verdict in contract(rule)}
    assert verdicts["runs"].holds is False
    assert re.fullmatch(
        r"mine \(.*test_contract\.py:\d+\), epoch 1: ZeroDivisionError: division by zero",
        verdicts["runs"].findings[0],
    )
    assert [name for name, verdict in verdicts.items() if verdict.holds is None] == [c.name for c in RUNNING[1:]]
    assert verdicts["documentation"].findings == ("it has no source",)
    assert verdicts["settings"].holds is True


@pytest.mark.parametrize(
    "change",
    [
        lambda self, w, g, f: g - 1e-9 * g.mean(axis=0),
        lambda self, w, g, f: g * (1 + 1e-15 * len(w)),
        lambda self, w, g, f: g / (2 if (abs(w) > 1e100).any() else 1),
        lambda self, w, g, f: np.roll(g, 1, axis=0),
    ],
    ids=["mean", "number of runs", "one that is far out", "another's gradient"],
)
def test_runs_that_depend_on_their_neighbours(change):
    found = broken(made(advance=gradient_descent(change)))
    assert "one equals many" in found
    sentence = (
        r"6 x 2: in blocks of all, run \d+ is not what it is alone: at epoch \d+ its weights are \[.*\], not \[.*\]"
    )
    assert re.fullmatch(sentence, found["one equals many"][0])


def test_the_order_of_additions():
    """NumPy's own sum over the weights adds nine of them in another order for one run than for many."""
    rule = made(advance=gradient_descent(lambda self, w, g, f: g / np.sqrt(np.square(g).sum(axis=1, keepdims=True))))
    found = list(batch_invariance.one_equals_many(rule, SHAPES["1 x 9"]))
    assert len(found) >= 1
    assert all("is not what it is alone" in sentence for sentence in found)
    kept = made(name="b", label="B", advance=gradient_descent(lambda self, w, g, f: g / np.sqrt(f.dot(g, g))))
    assert list(batch_invariance.one_equals_many(kept, SHAPES["1 x 9"])) == []


def test_a_rule_that_counts_its_neighbours_in_hundreds():
    rule = made(advance=gradient_descent(lambda self, w, g, f: g * (1 + 1e-9 * (len(w) > 500))))
    [found] = broken(rule)["one equals many"]
    assert found.startswith("among a thousand, run 1 is not what it is alone: at epoch 1 ")


def test_what_differs_besides_the_weights():
    """Epochs, endings and bills."""

    def advance(self, w, state, f):
        if len(w) > 1:
            f.gradient(w + 1)
        return w - self.step * f.gradient(w), state

    found = list(batch_invariance.one_equals_many_here(made(advance=advance), SHAPES["6 x 2"]))
    assert re.search(
        r"it is charged \{'error': 0, 'gradient': (\d+), .*\}, not \{'error': 0, 'gradient': (?!\1)", found[0]
    )

    def gives_up(self, w, state, f):
        if len(w) > 1:
            f.cannot_go_on(np.ones(len(w), dtype=bool))
        return w - self.step * f.gradient(w), state

    found = list(batch_invariance.one_equals_many_here(made(name="b", label="B", advance=gives_up), SHAPES["6 x 2"]))
    assert re.search(r"it has 1 epochs, not 12", found[0])


def test_hyperparameters_that_are_taken_for_one_number():
    def advance(self, w, state, f):
        return w - float(np.ravel(self.step)[0]) * f.gradient(w), state

    found = broken(made(advance=advance))
    assert list(found) == ["own settings"]
    assert found["own settings"][0].startswith("6 x 2: with hyperparameters of its own, in blocks of all, run ")


def test_hyperparameters_that_go_together_are_drawn_together():
    class Pair(Honest):
        """Go down. g = ∇E(w).

        w ← w - η g

        η: step, λ: low
        """

        step: float = hyper(0.3, "(0, inf)", "step size, η")
        low: float = hyper(0.3, "(0, inf)", "at most step, λ")

        def conflicts(self):
            return [("low", "too high")] if self.low > self.step else []

    drawn = batch_invariance.varied_settings(made(Pair, begin=Honest.begin, advance=Honest.advance), 20)
    assert len(drawn) == 20
    assert all(settings["low"] <= settings["step"] for settings in drawn)
    assert len({settings["step"] for settings in drawn}) > 2


@pytest.mark.parametrize(
    ("needs", "said"),
    [
        ("gradient error", "it asks gradient, and needs names error and gradient"),
        ("gradient error hessian", "it asks gradient, and needs names error, gradient and hessian"),
    ],
)
def test_a_rule_that_says_more_than_it_asks(needs, said):
    found = broken(made(needs=needs))
    assert found == {"questions": (said, said.replace("it asks", "it is charged for"))}


def test_a_rule_that_asks_more_than_it_says():
    """Which does not even run, under guard."""
    rule = made(advance=gradient_descent(lambda self, w, g, f: g + 0 * f.error(w)))
    assert list(behaviour.it_asks_what_it_needs_and_writes_on_nothing(rule)) == [
        "it asks error and gradient, and needs names gradient"
    ]
    assert broken(rule)["runs"][0].endswith("epoch 1: f.error is asked, and needs names gradient")


@pytest.mark.parametrize("kind", ["weights", "gradient", "state"])
def test_a_rule_that_writes_on_what_it_is_given(kind):
    def advance(self, w, state, f):
        g, (v,) = f.gradient(w), state
        {"weights": w, "gradient": g, "state": v}[kind][:] *= 0.9
        return w - self.step * g, (v,)

    rule = made(begin=lambda self, w, f: (np.zeros_like(w),), advance=advance)
    with pytest.raises(ValueError, match="read-only"):
        list(behaviour.it_asks_what_it_needs_and_writes_on_nothing(rule))
    assert "w, the state and the answers must stay as they are" in broken(rule)["runs"][0]


def test_a_rule_that_loses_runs_on_its_way():
    rule = made(advance=lambda self, w, state, f: (w[:1] - f.gradient(w)[:1], state))
    assert list(behaviour.it_asks_what_it_needs_and_writes_on_nothing(rule)) == [
        "the weights have the shape (1, 4) after an epoch, not (2, 4)"
    ]


def test_a_bill_that_shrinks():
    def advance(self, w, state, f):
        f._shared["error"] = f._shared["error"] - 1
        return w - self.step * f.gradient(w), state

    found = list(behaviour.only_what_is_needed_is_billed(made(advance=advance)))
    assert found == ["it is charged for error and gradient, and needs names gradient", "a bill shrinks"]


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (lambda w: [w], "the state is a list, not a tuple of arrays such as (a, b) or (a,) or ()"),
        (lambda w: (np.zeros(2),), "the state holds float64 (2,), not an array whose first axis is runs, 5 here"),
        (lambda w: (w, (0,)), "the state holds 0, not an array whose first axis is runs, 5 here"),
    ],
)
def test_a_state_that_cannot_travel(state, said):
    rule = made(begin=lambda self, w, f: state(w))
    assert list(behaviour.a_state_is_a_tuple_of_arrays_over_runs(rule)) == [said]


class Tied:
    """A step of the start: g = ∇E(w).

    w ← w - v g

    η: step, v at the start
    """

    step: float = hyper(0.3, "(0, inf)", "step size, η")

    def begin(self, w, f):
        return (self.step + 0 * w,)

    def advance(self, w, state, f):
        return w - state[0] * f.gradient(w), state


@pytest.mark.parametrize(
    ("base", "at_start", "said"),
    [
        (Honest, True, "step is read after the start, and at_start says that it is not"),
        (Tied, False, "step changes nothing after the start: say so, with hyper(..., at_start=True)"),
        (Honest, False, None),
        (Tied, True, None),
    ],
)
def test_a_step_that_is_read_when_nobody_knows(base, at_start, said):
    rule = made(base, step=hyper(0.3, "(0, inf)", "step size, η", at_start=at_start))
    assert broken(rule) == ({"around": (said,)} if said else {})


def test_a_step_that_does_not_matter_at_all_is_no_step():
    rule = made(advance=lambda self, w, state, f: (w - f.gradient(w), state), step=hyper(1.0, "[1, 1]", "no choice"))
    assert broken(rule) == {}


class Mindful:
    """Ask where it will be: g = ∇E(w), at the start too.

    w ← w - η g

    η: step
    """

    step: float = hyper(0.3, "(0, inf)", "step size, η")

    def begin(self, w, f):
        return (-f.gradient(w),)

    def advance(self, w, state, f):
        w = w + self.step * state[0]
        return w, (-f.gradient(w),)


def test_a_memory_that_nobody_knows_of():
    said = "its state has the gradient at its new weights: say so, with recalls=True"
    assert broken(made(Mindful)) == {"around": (said,)}
    assert broken(made(Mindful, name="frank", label="Frank", recalls=True)) == {}
    said = "it says that it recalls, and its state has no answer at its new weights"
    assert broken(made(name="vain", label="Vain", recalls=True)) == {"around": (said,)}


def test_runs_that_end_where_they_should_not(monkeypatch):
    """No rule can bring this about; a loop that looks too late could."""
    run = batch_invariance.together(made(), SHAPES["6 x 2"], [(-4, -4)], error_threshold=None, max_epochs=2)[0]
    monkeypatch.setattr(behaviour, "together", lambda *_, **__: [run, run])
    monkeypatch.setattr(behaviour, "alone", lambda *_, **__: [run])
    rule = made(name="b", label="B")
    assert list(behaviour.a_start_below_the_threshold_takes_no_epoch(rule)) == [
        "from a start below the threshold it makes 2 epochs and ran out of epochs"
    ]
    assert list(behaviour.divergence_is_a_result(rule)) == [
        "from a start whose error overflows it makes 2 epochs and ran out of epochs"
    ]


# -- declarations ----------------------------------------------------------------------------------------------------


class Lax(Domain):
    """Accepts everything."""

    def complaint(self, value):
        return None

    def __str__(self):
        return "anything"


@dataclasses.dataclass(frozen=True)
class Wordy(Interval):
    """Refuses with other words."""

    def complaint(self, value):
        return super().complaint(value) and "no"


def test_settings_that_are_not_refused_as_they_should_be():
    wordy = Wordy(0, math.inf, False, False)
    for domain, first in (
        (Lax(), "step=a mapping is accepted"),
        (wordy, "step=0 is refused with 'mine: step: no (step size, η)', not with 'mine: step: 0 is not in (0, inf)"),
    ):
        rule = made(step=hyper(0.3, domain, "step size, η"))
        [field] = declare.fields(rule).values()
        assert next(declarations.a_hyperparameter_refuses_what_it_cannot_be(rule, field)).startswith(first)
        assert "settings" in broken(rule)
        OPTIMIZERS.forget(__name__)


def test_a_field_that_is_no_setting():
    """A default alone makes it one of the class's, but no config can set it."""
    rule = made(step=0.3)
    said = "step is no setting, since its range is not told: step = hyper(..., ..., ...)"
    assert broken(rule) == {"settings": (said,)}


def test_settings_that_can_be_set_afterwards():
    rule = made()
    type(rule).__setattr__ = object.__setattr__
    assert list(declarations.settings_are_frozen_and_of_their_kind(rule)) == ["step can be set after a rule is made"]


def test_settings_that_are_no_longer_what_they_may_be():
    rule = made()
    object.__setattr__(rule, "step", -1)
    found = declarations.settings_are_frozen_and_of_their_kind(rule)
    assert next(found) == "step: -1 is not in (0, inf) (step size, η)"


@pytest.mark.parametrize(
    ("domain", "bad"),
    [
        (Choice(("a", "b")), ["no such word", 0.5, None, [True]]),
        (Flag(), ["perhaps", 0.5, None, [True]]),
        (Interval.parse("integer [1, 9]"), [0.0, math.nan, math.inf, -math.inf, True, "0.1", None, [0.1]]),
    ],
)
def test_every_kind_of_value_is_tried(domain, bad):
    tried = list(declarations.refusals(domain))
    assert [repr(value) for value, _ in tried] == [repr(value) for value in bad]
    for value, words in tried:
        assert domain.complaint(value) == words


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"__doc__": None}, "the docstring does not begin with a sentence"),
        ({"__doc__": "Go down"}, "the docstring does not begin with a sentence"),
        (
            {"__doc__": "Go down.\n\nη: step"},
            "the docstring has no formula: a line such as `w ← w - η g`, below its first",
        ),
        ({"__doc__": "Go down.\n\nw ← w - η g"}, "the docstring does not say which letter is step: `η: step`"),
        ({"source": ""}, "it has no source"),
        ({"source": "my head"}, "the source 'my head' has no year"),
        ({"label": "Adam"}, "the label 'Adam' is that of adam too"),
        ({"synonyms": ("mine",)}, "'mine' is a synonym of itself"),
        ({"synonyms": ("adam",)}, "the synonym 'adam' is the name of another"),
        ({"synonyms": ("nag",)}, "'nag' is a synonym of nesterov too"),
    ],
)
def test_documentation_that_lacks_something(parts, said):
    assert said in list(contract._documentation(made(**parts)))


def test_a_label_is_the_name_if_none_is_given():
    assert made(label="").label == "mine"
    rule = made(name="b", label="B")
    type(rule).label = ""
    assert list(declarations.names_cannot_be_confused(rule)) == ["it has no label"]


# -- verdicts --------------------------------------------------------------------------------------------------------


def test_a_rule_that_suits_no_perceptron_with_a_loss_skips_that(monkeypatch):
    """Residuals are what a squared error has."""
    monkeypatch.undo()  # so that every shape is tried

    def advance(self, w, state, f):
        return w - self.step * f.jacobian(w)[:, 0] * f.residuals(w)[:, :1], state

    rule = made(needs="residuals jacobian", advance=advance)
    assert list(batch_invariance.one_equals_many(rule, SHAPES["200 x 2"])) == []
    assert list(batch_invariance.one_equals_many_here(rule, SHAPES["200 x 2"])) == []
    assert list(batch_invariance.one_equals_many_with_its_own_hyperparameters(rule, SHAPES["200 x 2"])) == []
    assert broken(rule) == {}


def test_an_exception_of_a_check_is_a_finding():
    rule = made()
    type(rule).source = 3
    assert broken(rule)["documentation"] == ("TypeError: expected string or bytes-like object, got 'int'",)


def test_what_is_of_no_registry_is_documented_elsewhere():
    rule = made()
    OPTIMIZERS.forget(__name__)
    verdicts = {verdict.check: verdict.holds for verdict in contract(rule)}
    assert [name for name, holds in verdicts.items() if holds is None] == ["around", "documentation"]
    assert set(verdicts.values()) == {True, None}


def test_runs_that_have_ended_are_not_moved_on():
    """By hand as in the loop: what has said that it cannot go on is not asked again."""

    def advance(self, w, state, f):
        (t,) = state
        assert not (f.live & (t[:, 0] > 0)).any()
        f.cannot_go_on(np.ones(len(w), dtype=bool))
        return w - self.step * f.gradient(w), (t + 1,)

    rule = made(begin=lambda self, w, f: (np.zeros((len(w), 1)),), advance=advance)
    assert broken(rule) == {}
