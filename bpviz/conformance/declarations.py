"""Checks of the declarations of a rule: settings, docstring, source and names."""

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
from bpviz.messages.text import join_words, quote_value

if TYPE_CHECKING:
    from bpviz.declare import Field, Optimizer


def expected_complaint(domain: Domain, bad: object) -> str:
    """Return the message for an invalid value, written independently of the domain."""
    if isinstance(domain, Choice):
        return f"expected {join_words(domain.words)}, got {bad!r}"
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


def invalid_values(domain: Domain) -> Iterator[tuple[object, str]]:
    """Yield values that are invalid in a domain, each with the expected message."""
    yield domain.bad(), expected_complaint(domain, domain.bad())
    if isinstance(domain, Interval):
        for bad in (math.nan, math.inf, -math.inf):
            yield bad, expected_complaint(domain, bad)
        others: tuple[tuple[object, str], ...] = ((True, "true"), ("0.1", "'0.1'"), (None, "null"), ([0.1], "a list"))
        yield from ((bad, expected_complaint(domain, words)) for bad, words in others)
    elif isinstance(domain, Choice | Flag):
        others = ((0.5, "0.5"), (None, "null"), ([True], "a list"))
        yield from ((bad, f"{expected_complaint(domain, '')[:-2]}{words}") for bad, words in others)


def hyperparameter_rejects_invalid_values(rule: Optimizer, field: Field) -> Findings:
    """Check that invalid values are rejected, with the expected message."""
    for bad, words in invalid_values(field.domain):
        yield from _not_rejected(rule, {field.name: bad}, f"{rule.name}: {field.name}: {words} ({field.meaning})")


def all_invalid_values_are_reported(rule: Optimizer) -> Findings:
    """Check that one message names all invalid values."""
    fields = declare.fields(rule).values()
    bad = {field.name: field.domain.bad() for field in fields}
    complaints = [f"{f.name}: {expected_complaint(f.domain, bad[f.name])} ({f.meaning})" for f in fields]
    if bad:
        yield from _not_rejected(rule, bad, f"{rule.name}: {'; '.join(complaints)}")


def _not_rejected(rule: Optimizer, settings: dict[str, Any], sentence: str) -> Findings:
    given = ", ".join(f"{name}={quote_value(value)}" for name, value in settings.items())
    try:
        with_settings(rule, **settings)
    except ValueError as error:
        if str(error) != sentence:
            yield f"{given}: wrong message (got {str(error)!r}, expected {sentence!r})"
    else:
        yield f"{given}: invalid value is accepted"


def settings_are_frozen_and_typed(rule: Optimizer) -> Findings:
    """Check that defaults are valid, that fields are read-only, and that ``step: 10`` equals ``step: 10.0``."""
    own_fields = {own.name for own in dataclasses.fields(rule)}  # type: ignore[arg-type]
    for undeclared in sorted(own_fields - set(declare.fields(rule))):
        yield f"{undeclared}: field without a range; use {undeclared} = hyper(default, range, meaning)"
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
            yield f"{name}: can be changed after construction; remove __setattr__"
        if isinstance(field.domain, Interval):
            kind = int if field.domain.integer else float
            whole = with_settings(rule, **{name: int(value)}) if value == int(value) else rule
            if {type(getattr(one, name)) for one in (rule, whole)} != {kind}:
                yield f"{name}: value is not converted to {kind.__name__}"


def docstring_has_formula_and_symbols(rule: Optimizer) -> Findings:
    """Check that the docstring has a summary, the formula and the symbol of each setting."""
    summary, _, rest = _docstring(rule).partition("\n\n")
    if summary.rstrip(".") == summary:
        yield "docstring: missing summary; add a first paragraph that ends with a period"
    if "←" not in rest:
        yield "docstring: missing formula; add a line such as `w ← w - η g` after the summary"
    for field in declare.fields(rule):
        if not (re.search(rf"\S+: {field}\b", rest) or re.search(rf"\b{field} at the start", rest)):
            yield f"docstring: missing symbol of {field}; add a line such as `η: {field}`"


def _docstring(rule: Optimizer) -> str:
    text = type(rule).__doc__ or ""
    return (
        "" if text.startswith(f"{type(rule).__name__}(") else text
    )  # a dataclass generates a docstring if it has none


def source_has_year(rule: Optimizer) -> Findings:
    """Check that the source contains a year."""
    if not re.search(r"\b1[89]\d\d\b|\b20\d\d\b", rule.source):
        got = f" (got {rule.source!r})" if rule.source else ""
        yield f"source: missing year{got}; use @optimizer(..., source='authors, title, year')"


def names_are_unambiguous(rule: Optimizer) -> Findings:
    """Check that no other rule has the name, the label or a synonym of this one."""
    if not rule.label:
        yield "label: missing"
    if rule.name in rule.synonyms:
        yield f"synonyms: {rule.name!r} is the name of the rule itself"
    for other, thing in OPTIMIZERS.items():
        if other in rule.synonyms:
            yield f"synonyms: duplicate {other!r} (the name of another algorithm)"
        if other != rule.name and thing.label == rule.label:
            yield f"label: duplicate {rule.label!r} (also the label of {other})"
        if other != rule.name:
            yield from (
                f"synonyms: duplicate {word!r} (also a synonym of {other})"
                for word in sorted({*thing.synonyms} & {*rule.synonyms})
            )
