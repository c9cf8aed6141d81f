"""Checks of what a rule declares: settings, docstring, source, names."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from bpviz import declare
from bpviz.conformance.fixtures import Findings, with_settings
from bpviz.declare import OPTIMIZERS
from bpviz.declare.domains import Choice, Domain, Flag, Interval
from bpviz.messages.text import listed, shown

if TYPE_CHECKING:
    from bpviz.declare import Field, Optimizer


def words_about(domain: Domain, bad: object) -> str:
    """Return the sentence that refuses a value, worded a second time."""
    if isinstance(domain, Choice):
        return f"expected {listed(domain.words)}, got {bad!r}"
    if isinstance(domain, Flag):
        return f"expected true or false, got {bad!r}"
    if isinstance(domain, Interval):
        return f"expected {_of_interval(domain)}, got {bad}"
    return f"{domain.complaint(bad)}"


def _of_interval(domain: Interval) -> str:
    if math.isinf(domain.low) and math.isinf(domain.high):
        return "an integer" if domain.integer else "a number"
    interval = str(domain).removeprefix("integer ")
    return f"{'an integer' if domain.integer else 'a number'} in {interval}"


def refusals(domain: Domain) -> Iterator[tuple[object, str]]:
    """Yield values that a domain refuses, and the sentences that refuse them."""
    yield domain.bad(), words_about(domain, domain.bad())
    if isinstance(domain, Interval):
        for bad in (math.nan, math.inf, -math.inf):
            yield bad, words_about(domain, bad)
        others: tuple[tuple[object, str], ...] = ((True, "true"), ("0.1", "'0.1'"), (None, "null"), ([0.1], "a list"))
        yield from ((bad, words_about(domain, words)) for bad, words in others)
    elif isinstance(domain, Choice | Flag):
        others = ((0.5, "0.5"), (None, "null"), ([True], "a list"))
        yield from ((bad, f"{words_about(domain, '')[:-2]}{words}") for bad, words in others)


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
        with_settings(rule, **settings)
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
            whole = with_settings(rule, **{name: int(value)}) if value == int(value) else rule
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
