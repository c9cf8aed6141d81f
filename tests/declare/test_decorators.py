"""Test declarations: domains, their messages, registries and decorators."""

from __future__ import annotations

import dataclasses
import math
import re
import sys

import jsonschema
import pytest

from bpviz import declare
from bpviz.declare import FIGURES, OPTIMIZERS, PROBLEMS, WRAPPERS, Wrapper, hyper, optimizer, wrapper
from bpviz.declare.domains import Choice, FileName, Flag, Interval, ListOf, Nullable, Text
from bpviz.declare.registry import Registry
from bpviz.messages.suggestions import SYNONYMS, fold_name, nearest
from bpviz.messages.text import join_words, quote_value

UNIT = Interval.parse("[0, 1)")
POSITIVE = Interval.parse("(0, inf)")
COUNT = Interval.parse("integer [1, inf)")


@pytest.mark.parametrize("text", ["[0, 1)", "(0, inf)", "(-inf, 2.5]", "[-1, 1]", "integer [1, inf)", "(0.001, 1e+06]"])
def test_interval_str_is_its_notation(text):
    assert str(Interval.parse(text)) == text


@pytest.mark.parametrize("text", ["", "0, 1", "[0; 1]", "[0, 1", "]0, 1[", "integer(0, 1)", "whole [0, 1]", "[0, 1] "])
def test_rejects_invalid_interval_notation(text):
    with pytest.raises(ValueError, match="interval") as error:
        Interval.parse(text)
    assert str(error.value) == f"expected an interval such as '[0, 1)' or 'integer [1, inf)', got {text!r}"


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
def test_interval_includes_closed_ends_and_no_infinity(interval, inside, outside):
    interval = Interval.parse(interval)
    assert [value for value in [*inside, *outside] if value in interval] == inside


@pytest.mark.parametrize(
    ("domain", "value", "complaint"),
    [
        (UNIT, 1, "expected a number in [0, 1), got 1"),
        (UNIT, -0.1, "expected a number in [0, 1), got -0.1"),
        (UNIT, math.nan, "expected a number in [0, 1), got nan"),
        (POSITIVE, math.inf, "expected a number in (0, inf), got inf"),
        (POSITIVE, 10**400, f"expected a number in (0, inf), got 1{'0' * 39}...{'0' * 10}"),
        (Interval.parse("(-inf, inf)"), "x", "expected a number, got 'x'"),
        (Interval.parse("integer (-inf, inf)"), 0.5, "expected an integer, got 0.5"),
        (POSITIVE, "0.1", "expected a number in (0, inf), got '0.1'"),
        (POSITIVE, True, "expected a number in (0, inf), got true"),
        (POSITIVE, None, "expected a number in (0, inf), got null"),
        (POSITIVE, {"a": 1}, "expected a number in (0, inf), got a mapping"),
        (COUNT, 0, "expected an integer in [1, inf), got 0"),
        (COUNT, 2.5, "expected an integer in [1, inf), got 2.5"),
        (COUNT, "two", "expected an integer in [1, inf), got 'two'"),
        (COUNT, math.nan, "expected an integer in [1, inf), got nan"),
        (Choice(("sigmoid", "tanh")), "relu", "expected sigmoid or tanh, got 'relu'"),
        (Choice(("sigmoid", "tanh")), "Tanh", "expected sigmoid or tanh, got 'Tanh'"),
        (Choice(("sigmoid", "tanh")), "logistic", "expected sigmoid or tanh, got 'logistic'"),
        (Choice(("sigmoid", "tanh")), 3, "expected sigmoid or tanh, got 3"),
        (Choice(("sigmoid", "tanh")), ["tanh"], "expected sigmoid or tanh, got a list"),
        (Flag(), "no", "expected true or false, got 'no'"),
        (Flag(), 1, "expected true or false, got 1"),
        (Text(), 3, "expected a string, got 3"),
        (Text(), " \t", "expected a non-empty string, got ' \\t'"),
        (Text(), "a\nb", "expected printable characters on one line, got 'a\\nb'"),
        (Text(longest=3), "four", "expected at most 3 characters, got 4"),
        (ListOf(UNIT), 3, "expected a list of numbers in [0, 1), got 3"),
        (ListOf(UNIT), [0, 1, 2], "item 2: expected a number in [0, 1), got 1"),
        (ListOf(UNIT, least=2), [0.5], "expected a list of 2 or more numbers in [0, 1), got a list of 1"),
        (ListOf(UNIT, least=2, most=2), [0], "expected a list of 2 numbers in [0, 1), got a list of 1"),
        (ListOf(UNIT, least=2, most=2), "ab", "expected a list of 2 numbers in [0, 1), got 'ab'"),
        (
            ListOf(POSITIVE, rising=True),
            [1, 3, 3],
            "expected increasing numbers, got [1, 3, 3]",
        ),
        (Nullable(UNIT), 1, "expected a number in [0, 1), got 1"),
        *(
            (FileName(), name, f"expected a file name (letters, digits, spaces and . + = - _), got {quote_value(name)}")
            for name in ("../x", "/etc/x", "a/b", "a\\b", ".hidden", "-x", "x ", "a:b", "nul\x7f"[:3] + "*")
        ),
    ],
)
def test_complaints(domain, value, complaint):
    assert domain.complaint(value) == complaint


@pytest.mark.parametrize(
    ("domain", "value", "hint"),
    [
        (Choice(("sigmoid", "tanh")), "Tanh", "; did you mean 'tanh'?"),
        (Nullable(Choice(("sigmoid", "tanh"))), "logistic", "; did you mean 'sigmoid'?"),
        (Choice(("sigmoid", "tanh")), "relu", ""),
        (UNIT, "x", ""),
    ],
)
def test_hints(domain, value, hint):
    assert domain.hint(value) == hint


@pytest.mark.parametrize(
    ("domain", "value", "converted"),
    [
        (UNIT, 0, 0.0),
        (COUNT, 3.0, 3),
        (COUNT, 7, 7),
        (Choice(("sigmoid", "tanh")), "tanh", "tanh"),
        (Flag(), False, False),
        (Text(), "Descent – α", "Descent – α"),
        (FileName(), "rprop-11-14", "rprop-11-14"),
        (FileName(), "irprop+ step=0.1", "irprop+ step=0.1"),
        (ListOf(UNIT), [0, 0.5], (0.0, 0.5)),
        (ListOf(COUNT, rising=True), [1, 2, 9], (1, 2, 9)),
        (Nullable(COUNT), None, None),
        (Nullable(COUNT), 2.0, 2),
    ],
)
def test_converts_valid_values(domain, value, converted):
    assert domain.complaint(value) is None
    assert domain.convert(value) == converted
    assert type(domain.convert(value)) is type(converted)
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
    ListOf(UNIT, least=1),
    Nullable(UNIT, "none"),
]


@pytest.mark.parametrize("domain", DOMAINS, ids=str)
def test_domain_and_schema_reject_the_bad_value(domain):
    bad = domain.bad()
    assert domain.complaint(bad)
    if not (isinstance(bad, float) and math.isnan(bad)):  # not representable in JSON
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(bad, domain.schema())


def test_domain_str():
    assert [str(d) for d in DOMAINS] == [
        "[0, 1)",
        "(0, inf)",
        "integer [1, inf)",
        "(-inf, inf)",
        "(-inf, 5]",
        "sigmoid or tanh",
        "true or false",
        "a string",
        "a file name",
        "a list of 1 or more numbers in [0, 1)",
        "[0, 1), or null for none",
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
def test_shown_quotes_values_on_one_short_line(value, text):
    assert quote_value(value) == text


def test_listed_joins_words():
    assert [join_words(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a or b", "a, b or c"]
    assert join_words(["a", "b", "c"], "and") == "a, b and c"


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
def test_suggests_the_nearest_name(typed, meant):
    assert nearest(typed, ["step", "momentum"]) == meant


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("sgd", "gd"),
        ("'gd'", "gd"),
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
def test_suggests_algorithms_by_common_names(typed, meant):
    assert typed not in OPTIMIZERS
    with pytest.raises(KeyError) as error:
        OPTIMIZERS[typed]
    assert error.value.args == (f"unknown algorithm {typed!r}; did you mean {meant!r}?",)


def test_unknown_name_without_suggestion_lists_the_names_if_they_are_few():
    known = ", ".join(sorted(FIGURES))
    assert FIGURES.unknown("zzzzzz") == f"unknown figure 'zzzzzz'; use one of {known}"
    assert PROBLEMS.unknown("zzzzzz") == "unknown problem 'zzzzzz'; use a name from `bpviz list problems`"
    assert OPTIMIZERS.unknown(None) == (
        "expected the name of an algorithm, got null; use a name from `bpviz list algorithms`"
    )


@pytest.mark.parametrize("registry", [OPTIMIZERS, WRAPPERS, PROBLEMS, FIGURES], ids=lambda registry: registry.what)
def test_names_differ_in_more_than_case_and_separators(registry):
    names = registry.names()
    assert len({fold_name(name) for name in names}) == len(names)
    for name in names:
        for typed in (name, name.upper(), re.sub(r"-(?=\w)", "_", name), f" {name.title()} "):
            assert registry.canonical(typed) == name


@pytest.mark.parametrize("typed", ["irprop", "rprop +", "adama", "", "torch:adam", "SGD"])
def test_other_names_stay_as_they_are(typed):
    assert OPTIMIZERS.canonical(typed) == typed


def test_a_name_that_stands_for_two_is_not_accepted(monkeypatch):
    monkeypatch.setattr(OPTIMIZERS, "_things", {**dict(OPTIMIZERS.items()), "AD-AM": OPTIMIZERS["gd"]})
    assert [OPTIMIZERS.canonical(typed) for typed in ("adam", "AD-AM", "Adam")] == ["adam", "AD-AM", "Adam"]


def test_synonyms_end_at_a_word_without_cycles():
    for synonym in SYNONYMS:
        assert synonym == synonym.lower()
        word, left = synonym, dict(SYNONYMS)
        while word in left:
            word = left.pop(word)
        assert word not in SYNONYMS, f"{synonym} leads back to {word}"


def test_registry_finds_registered_names():
    assert list(OPTIMIZERS) == sorted(OPTIMIZERS)
    assert len(OPTIMIZERS) == len(list(OPTIMIZERS)) == len(OPTIMIZERS.items())
    assert OPTIMIZERS.items() == [(name, OPTIMIZERS[name]) for name in OPTIMIZERS]
    assert all(name in OPTIMIZERS for name in OPTIMIZERS)
    assert "no such thing" not in OPTIMIZERS
    assert PROBLEMS["perceptron"].name == "perceptron"


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """Return a registry of a temporary package with one module."""
    package = tmp_path / "scratch_rules"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "one.py").write_text("import sys; sys.scratch.add('one', 'first')")
    (package / "_helper.py").write_text("raise ImportError('not to be imported')")
    registry = Registry("rule", "scratch_rules")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "scratch", registry, raising=False)
    yield registry
    for module in [name for name in sys.modules if name.startswith("scratch_rules")]:
        del sys.modules[module]


def test_registry_imports_modules_on_first_use(scratch):
    assert "scratch_rules.one" not in sys.modules
    assert list(scratch) == ["one"]
    assert scratch["one"] == "first"


@pytest.mark.parametrize("quote", ["'", '"'])
def test_finds_a_name_that_its_module_writes_in_either_quotes(scratch, tmp_path, quote):
    (tmp_path / "scratch_rules" / "two.py").write_text(f"import sys; sys.scratch.add({quote}two{quote}, 'second')")
    assert "two" in scratch
    assert scratch["two"] == "second"


def test_rejects_a_second_definition_of_a_name(scratch):
    assert len(scratch) == 1
    with pytest.raises(ValueError, match="duplicate") as error:
        scratch.add("one", "second")
    assert str(error.value) == "duplicate rule 'one': first and second"


@pytest.fixture
def rules(monkeypatch):
    """Restore the registered algorithms after the test."""
    list(OPTIMIZERS)
    monkeypatch.setattr(OPTIMIZERS, "_things", dict(OPTIMIZERS.items()))
    return OPTIMIZERS


def test_optimizer_decorator(rules):
    @optimizer("leap", label="Leap", needs="error gradient", source="this test, 2000", synonyms=("jump",))
    class Leap:
        """Leap."""

        low: float = hyper(1, "[0, 10]", "lower end")
        high: float = hyper(2, "[0, 10]", "upper end")

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
    with pytest.raises(ValueError, match="not above") as error:
        Leap(low=5)
    assert str(error.value) == "leap: high: 2 is not above low, 5"
    with pytest.raises(ValueError, match="expected a number") as error:
        Leap(low=11, high=-1)
    assert str(error.value) == (
        "leap: low: expected a number in [0, 10], got 11 (lower end); high: expected a number in "
        "[0, 10], got -1 (upper end)"
    )


def test_optimizer_rejects_unknown_needs(rules):
    with pytest.raises(ValueError, match="needs") as error:
        optimizer("leap", label="Leap", needs="gradient taste", source="this test, 2000")
    assert str(error.value) == f"leap: needs: expected {join_words(declare.KINDS)}, got 'taste'"
    assert "leap" not in rules


@pytest.fixture
def wrappers(monkeypatch):
    """Restore the registered wrappers after the test."""
    list(WRAPPERS)
    monkeypatch.setattr(WRAPPERS, "_things", dict(WRAPPERS.items()))
    return WRAPPERS


def test_wrapper_decorator(wrappers):
    @wrapper("box", label="boxed", needs="error", source="this test, 2000", synonyms=("crate",))
    class Box(Wrapper):
        """Box."""

        size: float = hyper(1, "[0, 10]", "size of the box")

        def conflicts(self):
            return [("", f"{self.inner.name} does not fit")] if self.size < 1 else []

    gd = OPTIMIZERS["gd"](step=2)
    assert wrappers["box"] is Box
    assert (Box.name, Box.label, Box.needs, Box.recalls) == ("box", "boxed", {"error"}, False)
    assert wrappers.unknown("crate") == "unknown wrapper 'crate'; did you mean 'box'?"
    box = Box(Box(gd), size=9)
    assert (box.name, box.label, box.needs) == ("gd", "Gradient descent, boxed, boxed", {"error", "gradient"})
    assert [Box(OPTIMIZERS[name]()).recalls for name in ("gd", "wolfe")] == [False, True]
    assert declare.layers(box) == [gd, Box(gd), box]
    assert declare.layers(Box) == [Box]
    assert declare.settings(box) == {"size": 9.0}
    assert declare.all_settings(gd) == {"step": 2.0}
    layers = [{"name": "box", "size": 1.0}, {"name": "box", "size": 9.0}]
    assert declare.all_settings(box) == {"step": 2.0, "with": layers}
    assert box == Box(Box(gd), 9) != Box(Box(gd))
    with pytest.raises(dataclasses.FrozenInstanceError):
        box.inner = gd
    for settings, sentence in (
        ({"size": 11}, "box: size: expected a number in [0, 10], got 11 (size of the box)"),
        ({"size": 0.5}, "box: gd does not fit"),
    ):
        with pytest.raises(ValueError, match="box") as error:
            Box(gd, **settings)
        assert str(error.value) == sentence


def test_wrapper_rejects_unknown_needs(wrappers):
    with pytest.raises(ValueError, match="needs") as error:
        wrapper("box", label="boxed", needs="taste", source="this test, 2000")
    assert str(error.value) == f"box: needs: expected {join_words(declare.KINDS)}, got 'taste'"
    assert "box" not in wrappers


def test_complaint_of_a_field_contains_its_meaning():
    field = declare.fields(OPTIMIZERS["momentum"])["momentum"]
    assert field.complaint(1) == "expected a number in [0, 1), got 1 (fraction of the last update kept, μ)"
    assert field.complaint(0.5) is None
