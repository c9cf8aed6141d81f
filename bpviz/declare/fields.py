"""Declared fields: a default, a domain and a meaning each."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from bpviz.declare.domains import Domain, Interval
from bpviz.messages.text import join_words, quote_value


def hyper(default: Any, domain: str | Domain, meaning: str, *, at_start: bool = False) -> Any:
    """Declare a setting of an update rule, wrapper, problem or figure.

    Use it in the body of a class under ``@optimizer``, ``@wrapper``, ``@problem`` or ``@figure``::

        step: float = hyper(0.3, "(0, inf)", "step size η")

    Parameters
    ----------
    default : object
        The default value, in the domain.
    domain : str or Domain
        The accepted values: an interval as text, such as ``"[0, 1)"`` or ``"integer [1, inf)"``, or a Domain such as
        ``Choice`` or ``Flag``.
    meaning : str
        A noun phrase for tables and messages, of at most about 70 characters.
    at_start : bool
        Whether an update rule reads the setting only in ``begin``. A schedule rejects a step that is read only there.

    Returns
    -------
    dataclasses.Field
        The field, for the dataclass that the decorator creates.

    Raises
    ------
    ValueError
        If ``domain`` is text and not an interval.
    """
    domain = Interval.parse(domain) if isinstance(domain, str) else domain
    metadata = {"domain": domain, "meaning": meaning, "at_start": at_start}
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class Field:
    """The declaration of a field."""

    name: str
    default: Any
    domain: Domain
    meaning: str
    at_start: bool = False

    def complaint(self, value: object) -> str | None:
        """Return the domain's complaint about ``value``, the field's meaning and a hint; None if accepted."""
        complaint = self.domain.complaint(value)
        return f"{complaint} ({self.meaning}){self.domain.hint(value)}" if complaint else None


def fields(declared: Any) -> dict[str, Field]:
    """Return the declared fields of a class or an instance by name, in order of declaration."""
    return {
        f.name: Field(f.name, f.default, **f.metadata) for f in dataclasses.fields(declared) if "domain" in f.metadata
    }


def settings(declared: Any) -> dict[str, Any]:
    """Return the values of an instance's declared fields by name, in order of declaration."""
    return {name: getattr(declared, name) for name in fields(declared)}


def given(declared: Any) -> dict[str, Any]:
    """Return the values that differ from the defaults of their fields."""
    return {name: value for name, value in settings(declared).items() if value != fields(declared)[name].default}


@dataclasses.dataclass(frozen=True)
class Record(Domain):
    """A mapping of the declared fields of a class, converted to an instance of it.

    Parameters
    ----------
    kind : type
        The class: a frozen dataclass whose fields are declared with ``hyper``.
    """

    kind: type[Any]

    def complaint(self, value: object) -> str | None:
        if isinstance(value, self.kind):
            return None
        if not isinstance(value, Mapping):
            return f"expected {self}, got {quote_value(value)}"
        declared = fields(self.kind)
        unknown = [name for name in value if name not in declared]
        if unknown:
            return f"expected {self}, got the key {quote_value(unknown[0])}"
        found = ((name, declared[name].complaint(part)) for name, part in value.items())
        complaints = [f"{name}: {complaint}" for name, complaint in found if complaint]
        complaints = complaints or [f"{name}: {complaint}" for name, complaint in conflicts(self.convert(value))]
        return complaints[0] if complaints else None

    def convert(self, value: Any) -> Any:
        if isinstance(value, self.kind):
            return value
        declared = fields(self.kind)
        return self.kind(**{name: declared[name].domain.convert(part) for name, part in value.items()})

    def schema(self) -> dict[str, Any]:
        parts = {
            name: {**field.domain.schema(), "description": field.meaning} for name, field in fields(self.kind).items()
        }
        return {"type": "object", "properties": parts, "additionalProperties": False}

    def bad(self) -> object:
        return "no mapping"

    def __str__(self) -> str:
        return f"a mapping of {join_words(fields(self.kind), 'and')}"


def conflicts(declared: Any) -> list[tuple[str, str]]:
    """Return (field, complaint) for combinations of values that the class's method ``conflicts`` rejects.

    The field is "" if the complaint is about no field in particular.
    """
    return list(declared.conflicts()) if hasattr(declared, "conflicts") else []


def check_values(self: Any) -> None:
    """Convert the values of an instance's declared fields; raise ValueError with all complaints if there are any."""
    complaints = []
    for name, field in fields(self).items():
        value = getattr(self, name)
        complaint = field.complaint(value)
        if complaint:
            complaints.append(f"{name}: {complaint}")
        else:
            object.__setattr__(self, name, field.domain.convert(value))
    if not complaints:
        complaints = [f"{name}: {complaint}" if name else complaint for name, complaint in conflicts(self)]
    if complaints:
        raise ValueError(f"{type(self).name}: {'; '.join(complaints)}")
