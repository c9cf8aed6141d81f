"""Fields with a default, a domain and a meaning, declared once."""

from __future__ import annotations

import dataclasses
from typing import Any

from bpviz.declare.domains import Domain, Interval


def hyper(default: Any, domain: str | Domain, meaning: str, *, at_start: bool = False) -> Any:
    """Declare a field: its default, what it may be (an interval's text or a Domain) and what it means.

    ``at_start`` says that a rule reads it in ``begin`` alone, so that nothing is gained by changing it later.
    """
    domain = Interval.parse(domain) if isinstance(domain, str) else domain
    metadata = {"domain": domain, "meaning": meaning, "at_start": at_start}
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class Field:
    """A declared field, as the readers of declarations see it."""

    name: str
    default: Any
    domain: Domain
    meaning: str
    at_start: bool = False

    def complaint(self, value: object) -> str | None:
        """Return what is wrong with ``value``, with the field's meaning, or None."""
        complaint = self.domain.complaint(value)
        return f"{complaint} ({self.meaning})" if complaint else None


def fields(declared: Any) -> dict[str, Field]:
    """Return the declared fields of a class or an instance, by name, in the order written."""
    return {
        f.name: Field(f.name, f.default, **f.metadata) for f in dataclasses.fields(declared) if "domain" in f.metadata
    }


def settings(declared: Any) -> dict[str, Any]:
    """Return the values of an instance's declared fields, by name, in the order written."""
    return {name: getattr(declared, name) for name in fields(declared)}


def conflicts(declared: Any) -> list[tuple[str, str]]:
    """Return (field, complaint) for values that are fine alone but not together, as the class's ``conflicts`` says.

    A field of "" is none in particular: what is complained of is the thing itself.
    """
    return list(declared.conflicts()) if hasattr(declared, "conflicts") else []


def check_values(self: Any) -> None:
    """Raise ValueError with all that is wrong with the values of a declared thing; convert those that are right."""
    wrong = []
    for name, field in fields(self).items():
        value = getattr(self, name)
        complaint = field.complaint(value)
        if complaint:
            wrong.append(f"{name}: {complaint}")
        else:
            object.__setattr__(self, name, field.domain.convert(value))
    if not wrong:
        wrong = [f"{name}: {complaint}" if name else complaint for name, complaint in conflicts(self)]
    if wrong:
        raise ValueError(f"{type(self).name}: {'; '.join(wrong)}")
