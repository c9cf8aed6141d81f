"""Declarations: what a value may be, how a refusal is worded, and how names are found."""

from __future__ import annotations

import dataclasses
import math
import sys

import jsonschema
import pytest

from bpviz import declare
from bpviz.declare import OPTIMIZERS, PROBLEMS, WRAPPERS, Wrapper, hyper, optimizer, wrapper
from bpviz.declare.domains import Choice, FileName, Flag, Interval, Listed, Nullable, Text
from bpviz.declare.registry import Registry
from bpviz.messages.suggestions import SYNONYMS, nearest
from bpviz.messages.text import listed, shown

UNIT = Interval.parse("[0, 1)")
POSITIVE = Interval.parse("(0, inf)")
COUNT = Interval.parse("integer [1, inf)")


@pytest.mark.parametrize("text", ["[0, 1)", "(0, inf)", "(-inf, 2.5]", "[-1, 1]", "integer [1, inf)", "(0.001, 1e+06]"])
def test_an_interval_is_printed_as_it_is_written(text):
    assert str(Interval.parse(text)) == text


@pytest.mark.parametrize("text", ["", "0, 1", "[0; 1]", "[0, 1", "]0, 1[", "integer(0, 1)", "whole [0, 1]", "[0, 1] "])
def test_what_is_no_interval_is_refused(text):
    with pytest.raises(ValueError, match="interval") as refusal:
        Interval.parse(text)
    assert str(refusal.value) == f"{text!r} is not an interval such as '[0, 1)' or 'integer [1, inf)'"


@pytest.mark.parametrize(
    ("interval", "inside", "outside"),
    [
        ("[0, 1)", [0, 0.5, math.nextafter(1, 0)], [-1e-300, 1, 2]),
        ("(0, 1]", [5e-324, 1], [0, -0.0, math.nextafter(1, 2)]),
        ("(0, inf)", [5e-324, 1e308], [0, math.inf, -math.inf, math.nan]),
        ("(-inf, inf)", [-1e308, 0], [math.inf, -math.inf, math.nan]),
        ("[-inf, inf]", [-1e308, 0], [math.inf, -math.inf, math.nan]),
    ],
)
def test_ends_are_inside_or_not_and_infinity_never(interval, inside, outside):
    interval = Interval.parse(interval)
    assert [value for value in [*inside, *outside] if value in interval] == inside


@pytest.mark.parametrize(
    ("domain", "value", "complaint"),
    [
        (UNIT, 1, "expected a number in [0, 1), got 1"),
        (UNIT, -0.1, "expected a number in [0, 1), got -0.1"),
        (UNIT, math.nan, "expected a number in [0, 1), got nan"),
        (POSITIVE, math.inf, "expected a number in (0, inf), got inf"),
        (POSITIVE, 10**400, f"1{'0' * 39}...{'0' * 10} is not in (0, inf)"),
        (POSITIVE, "0.1", "expected a number in (0, inf), got '0.1'"),
        (POSITIVE, True, "expected a number in (0, inf), got true"),
        (POSITIVE, None, "expected a number in (0, inf), got null"),
        (POSITIVE, {"a": 1}, "expected a number in (0, inf), got a mapping"),
        (COUNT, 0, "expected an integer in [1, inf), got 0"),
        (COUNT, 2.5, "expected an integer in [1, inf), got 2.5"),
        (COUNT, "two", "expected an integer in [1, inf), got 'two'"),
        (COUNT, math.nan, "expected an integer in [1, inf), got nan"),
        (Choice(("sigmoid", "tanh")), "relu", "expected sigmoid or tanh, got 'relu'"),
        (Choice(("sigmoid", "tanh")), "Tanh", "expected sigmoid or tanh, got 'Tanh'; did you mean 'tanh'?"),
        (Choice(("sigmoid", "tanh")), "logistic", "expected sigmoid or tanh, got 'logistic'; did you mean 'sigmoid'?"),
        (Choice(("sigmoid", "tanh")), 3, "expected sigmoid or tanh, got 3"),
        (Choice(("sigmoid", "tanh")), ["tanh"], "expected sigmoid or tanh, got a list"),
        (Flag(), "no", "expected true or false, got 'no'"),
        (Flag(), 1, "expected true or false, got 1"),
        (Text(), 3, "expected a string, got 3"),
        (Text(), " \t", "the text is empty"),
        (Text(), "a\nb", "'a\\nb' has characters that cannot be printed on one line"),
        (Text(longest=3), "four", "the text has 4 characters, more than 3"),
        (Listed(UNIT), 3, "3 is not a list of values, each [0, 1)"),
        (Listed(UNIT), [0, 1, 2], "item 2: expected a number in [0, 1), got 1"),
        (Listed(UNIT, least=2), [0.5], "a list of 1 is not a list of 2 or more values, each [0, 1)"),
        (Listed(UNIT, least=2, most=2), [0], "a list of 1 is not a list of 2 values, each [0, 1)"),
        (Listed(UNIT, least=2, most=2), "ab", "'ab' is not a list of 2 values, each [0, 1)"),
        (
            Listed(POSITIVE, rising=True),
            [1, 3, 3],
            "[1, 3, 3] does not rise: each number must be above the one before",
        ),
        (Nullable(UNIT), 1, "expected a number in [0, 1), got 1"),
        *(
            (FileName(), name, f"expected a file name (letters, digits, spaces and . + = - _), got {shown(name)}")
            for name in ("../x", "/etc/x", "a/b", "a\\b", ".hidden", "-x", "x ", "a:b", "nul\x7f"[:3] + "*")
        ),
    ],
)
def test_complaints_are_whole_sentences(domain, value, complaint):
    assert domain.complaint(value) == complaint


@pytest.mark.parametrize(
    ("domain", "value", "kept"),
    [
        (UNIT, 0, 0.0),
        (COUNT, 3.0, 3),
        (COUNT, 7, 7),
        (Choice(("sigmoid", "tanh")), "tanh", "tanh"),
        (Flag(), False, False),
        (Text(), "Descent – α", "Descent – α"),
        (FileName(), "rprop-11-14", "rprop-11-14"),
        (FileName(), "irprop+ step=0.1", "irprop+ step=0.1"),
        (Listed(UNIT), [0, 0.5], (0.0, 0.5)),
        (Listed(COUNT, rising=True), [1, 2, 9], (1, 2, 9)),
        (Nullable(COUNT), None, None),
        (Nullable(COUNT), 2.0, 2),
    ],
)
def test_what_is_fine_is_kept_in_one_form(domain, value, kept):
    assert domain.complaint(value) is None
    assert domain.convert(value) == kept
    assert type(domain.convert(value)) is type(kept)
    jsonschema.validate(value, domain.schema())


DOMAINS = [
    UNIT,
    POSITIVE,
    COUNT,
    Interval.parse("(-inf, inf)"),
    Interval.parse("(-inf, 5]"),
    Choice(("sigmoid", "tanh")),
    Flag(),
    Text(),
    FileName(),
    Listed(UNIT, least=1),
    Nullable(UNIT, "nothing"),
]


@pytest.mark.parametrize("domain", DOMAINS, ids=str)
def test_every_domain_refuses_its_bad_value_and_so_does_its_schema(domain):
    bad = domain.bad()
    assert domain.complaint(bad)
    if not (isinstance(bad, float) and math.isnan(bad)):  # which JSON cannot write
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(bad, domain.schema())


def test_domains_print_as_the_documentation_shows_them():
    assert [str(d) for d in DOMAINS] == [
        "[0, 1)",
        "(0, inf)",
        "integer [1, inf)",
        "(-inf, inf)",
        "(-inf, 5]",
        "sigmoid or tanh",
        "true or false",
        "text",
        "a file name",
        "a list of 1 or more values, each [0, 1)",
        "[0, 1), or null for nothing",
    ]


def test_schemas_of_intervals():
    assert UNIT.schema() == {"type": "number", "minimum": 0.0, "exclusiveMaximum": 1.0}
    assert POSITIVE.schema() == {"type": "number", "exclusiveMinimum": 0.0}
    assert COUNT.schema() == {"type": "integer", "minimum": 1}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (0.1, "0.1"),
        ("x", "'x'"),
        ([], "an empty list"),
        ([1], "a list"),
        ({}, "a mapping"),
        ("a" * 100, f"'{'a' * 39}...{'a' * 9}'"),
    ],
)
def test_values_are_quoted_on_one_short_line(value, text):
    assert shown(value) == text


def test_lists_of_words_read_as_sentences_do():
    assert [listed(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a or b", "a, b or c"]
    assert listed(["a", "b", "c"], "and") == "a, b and c"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("lr", "step"),
        ("learning_rate", "step"),
        ("learning-rate", "step"),
        ("Learning Rate", "step"),
        ("eta", "step"),
        ("alpha", "step"),
        ("Step", "step"),
        ("stpe", "step"),
        ("momentun", "momentum"),
        ("mu", "momentum"),
        ("etaplus", None),  # increase is not a hyperparameter here
        ("zzz", None),
        ("", None),
        (3, None),
        ("s" * 10_000, None),
    ],
)
def test_the_name_that_was_meant(typed, meant):
    assert nearest(typed, ["step", "momentum"]) == meant


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("sgd", "gd"),
        ("SGD", "gd"),
        ("gradient_descent", "gd"),
        ("gradient descent", "gd"),
        ("adma", "adam"),
        ("Adam", "adam"),
        ("heavy-ball", "momentum"),
        ("nag", "nesterov"),
        ("irprop", "irprop+"),
        ("rprop+", "rprop"),
        ("irprop_plus", "irprop+"),
        ("golden_search", "golden"),
        ("newtons_method", "newton"),
        ("newtn", "newton"),
    ],
)
def test_algorithms_are_suggested_by_what_people_call_them(typed, meant):
    assert typed not in OPTIMIZERS
    with pytest.raises(KeyError) as refusal:
        OPTIMIZERS[typed]
    assert refusal.value.args == (f"unknown algorithm {typed!r}; did you mean {meant!r}?",)


def test_an_unknown_name_without_a_neighbour_lists_what_there_is():
    known = ", ".join(sorted(PROBLEMS))
    assert PROBLEMS.unknown("zzzzzz") == f"unknown problem 'zzzzzz'; use one of {known}"
    assert OPTIMIZERS.unknown(None).startswith(
        f"expected the name of an algorithm, got null; use one of {min(OPTIMIZERS)}, "
    )


def test_every_synonym_leads_to_a_word_and_not_in_a_circle():
    for synonym in SYNONYMS:
        assert synonym == synonym.lower()
        word, left = synonym, dict(SYNONYMS)
        while word in left:
            word = left.pop(word)
        assert word not in SYNONYMS, f"{synonym} leads back to {word}"


def test_registries_find_what_is_there():
    assert list(OPTIMIZERS) == sorted(OPTIMIZERS)
    assert len(OPTIMIZERS) == len(list(OPTIMIZERS)) == len(OPTIMIZERS.items())
    assert OPTIMIZERS.items() == [(name, OPTIMIZERS[name]) for name in OPTIMIZERS]
    assert all(name in OPTIMIZERS for name in OPTIMIZERS)
    assert "no such thing" not in OPTIMIZERS
    assert PROBLEMS["perceptron"].name == "perceptron"


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """Return a registry over a package of its own, with one module."""
    package = tmp_path / "scratch_rules"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "one.py").write_text("import sys; sys.scratch.add('one', 'first')")
    (package / "_helper.py").write_text("raise ImportError('left alone')")
    registry = Registry("rule", "scratch_rules")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "scratch", registry, raising=False)
    yield registry
    for module in [name for name in sys.modules if name.startswith("scratch_rules")]:
        del sys.modules[module]


def test_a_registry_imports_its_package_when_somebody_asks(scratch):
    assert "scratch_rules.one" not in sys.modules
    assert list(scratch) == ["one"]
    assert scratch["one"] == "first"


@pytest.mark.parametrize("quote", ["'", '"'])
def test_finds_a_name_that_its_module_writes_in_either_quotes(scratch, tmp_path, quote):
    (tmp_path / "scratch_rules" / "two.py").write_text(f"import sys; sys.scratch.add({quote}two{quote}, 'second')")
    assert "two" in scratch
    assert scratch["two"] == "second"


def test_two_definitions_of_one_name_clash(scratch):
    assert len(scratch) == 1
    with pytest.raises(ValueError, match="two definitions") as refusal:
        scratch.add("one", "second")
    assert str(refusal.value) == "duplicate rule 'one': first and second"


@pytest.fixture
def rules(monkeypatch):
    """Let a test register rules that are forgotten afterwards."""
    list(OPTIMIZERS)
    monkeypatch.setattr(OPTIMIZERS, "_things", dict(OPTIMIZERS.items()))
    return OPTIMIZERS


def test_an_optimizer_is_declared_once(rules):
    @optimizer("leap", label="Leap", needs="error gradient", source="nobody, 2000", synonyms=("jump",))
    class Leap:
        """Leap."""

        low: float = hyper(1, "[0, 10]", "where it starts")
        high: float = hyper(2, "[0, 10]", "where it lands")

        def begin(self, w, f):
            return ()

        def advance(self, w, state, f):
            return w, state

        def conflicts(self):
            return [("high", f"{self.high:g} is not above low, {self.low:g}")] if self.high <= self.low else []

    assert rules["leap"] is Leap
    assert (Leap.name, Leap.label, Leap.needs) == ("leap", "Leap", {"error", "gradient"})
    assert rules.unknown("jump") == "unknown algorithm 'jump'; did you mean 'leap'?"
    assert declare.settings(Leap(high=9)) == {"low": 1.0, "high": 9.0}
    assert Leap() == Leap(1.0, 2.0)
    assert Leap() != Leap(0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        Leap().low = 3
    with pytest.raises(ValueError, match="not above") as refusal:
        Leap(low=5)
    assert str(refusal.value) == "leap: high: 2 is not above low, 5"
    with pytest.raises(ValueError, match="is not in") as refusal:
        Leap(low=11, high=-1)
    assert str(refusal.value) == (
        "leap: low: expected a number in [0, 10], got 11 (where it starts); high: expected a number in [0, 10], got -1 (where it lands)"
    )


def test_an_optimizer_cannot_need_what_nobody_answers(rules):
    with pytest.raises(ValueError, match="needs") as refusal:
        optimizer("leap", label="Leap", needs="gradient taste", source="nobody, 2000")
    assert str(refusal.value) == f"leap: needs ['taste'], not one of {declare.KINDS}"
    assert "leap" not in rules


@pytest.fixture
def around(monkeypatch):
    """Let a test register wrappers that are forgotten afterwards."""
    list(WRAPPERS)
    monkeypatch.setattr(WRAPPERS, "_things", dict(WRAPPERS.items()))
    return WRAPPERS


def test_a_wrapper_is_declared_once_and_an_instance_tells_of_all_its_layers(around):
    @wrapper("box", label="boxed", needs="error", source="nobody, 2000", synonyms=("crate",))
    class Box(Wrapper):
        """Box."""

        size: float = hyper(1, "[0, 10]", "how large it is")

        def conflicts(self):
            return [("", f"{self.inner.name} does not fit")] if self.size < 1 else []

    gd = OPTIMIZERS["gd"](step=2)
    assert around["box"] is Box
    assert (Box.name, Box.label, Box.needs, Box.recalls) == ("box", "boxed", {"error"}, False)
    assert around.unknown("crate") == "unknown wrapper 'crate'; did you mean 'box'?"
    box = Box(Box(gd), size=9)
    assert (box.name, box.label, box.needs) == ("gd", "Gradient descent, boxed, boxed", {"error", "gradient"})
    assert [Box(OPTIMIZERS[name]()).recalls for name in ("gd", "wolfe")] == [False, True]
    assert declare.layers(box) == [gd, Box(gd), box]
    assert declare.layers(Box) == [Box]
    assert declare.settings(box) == {"size": 9.0}
    assert declare.spelled(gd) == {"step": 2.0}
    assert declare.spelled(box) == {"step": 2.0, "with": [{"name": "box", "size": 1.0}, {"name": "box", "size": 9.0}]}
    assert box == Box(Box(gd), 9) != Box(Box(gd))
    with pytest.raises(dataclasses.FrozenInstanceError):
        box.inner = gd
    for settings, sentence in (
        ({"size": 11}, "box: size: expected a number in [0, 10], got 11 (how large it is)"),
        ({"size": 0.5}, "box: gd does not fit"),
    ):
        with pytest.raises(ValueError, match="box") as refusal:
            Box(gd, **settings)
        assert str(refusal.value) == sentence


def test_a_wrapper_cannot_need_what_nobody_answers(around):
    with pytest.raises(ValueError, match="needs") as refusal:
        wrapper("box", label="boxed", needs="taste", source="nobody, 2000")
    assert str(refusal.value) == f"box: needs ['taste'], not one of {declare.KINDS}"
    assert "box" not in around


def test_a_field_s_complaint_ends_with_its_meaning():
    field = declare.fields(OPTIMIZERS["momentum"])["momentum"]
    assert field.complaint(1) == "expected a number in [0, 1), got 1 (fraction of the last update kept, μ)"
    assert field.complaint(0.5) is None
