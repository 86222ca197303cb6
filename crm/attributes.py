"""Attributes: what is known of customers beside the fixed fields, typed once staff adopt it."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from crm.choices import AttributeState, AttributeType
from crm.models import AttributeDefinition

_LONGEST_NAME = 100
_LONGEST_EXAMPLE = 200


@dataclass(frozen=True, slots=True)
class Definition:
    """What an attribute means."""

    name: str
    label: str = ""
    type: str = AttributeType.TEXT
    choices: tuple[str, ...] = ()
    # "personal" is masked for whoever may not see it, "protected" is for fairness reports.
    flags: frozenset[str] = frozenset({"personal"})


@dataclass(frozen=True, slots=True)
class Problem:
    """A value that does not fit its attribute, and why."""

    name: str
    detail: str


def definitions() -> dict[str, Definition]:
    """The attributes that staff took on, by name."""
    adopted = AttributeDefinition.objects.filter(state=AttributeState.ADOPTED)
    return {row.name: _definition(row) for row in adopted}


def check(*, attributes: Mapping[str, Any]) -> list[Problem]:
    """What does not fit the definitions; what nobody defined fits."""
    known = definitions()
    return [
        Problem(name, _("This is no value of the type %s.") % AttributeType(known[name].type).label)
        for name, value in attributes.items()
        if name in known and value is not None and not _fits(known[name], value)
    ]


@transaction.atomic
def define(*, wanted: Definition, now: datetime) -> AttributeDefinition:
    """Take an attribute on, or change what it means."""
    is_choice = wanted.type in (AttributeType.CHOICE, AttributeType.MULTI_CHOICE)
    if is_choice and not wanted.choices:
        raise ValidationError(_("Name the choices."))
    row, _is_new = AttributeDefinition.objects.select_for_update().get_or_create(
        name=wanted.name, defaults={"created_at": now}
    )
    row.label, row.type, row.choices = wanted.label, wanted.type, list(wanted.choices)
    row.is_personal = "personal" in wanted.flags
    row.is_protected = "protected" in wanted.flags
    row.state = AttributeState.ADOPTED
    row.save()
    return row


def note_seen(*, values: Iterable[Mapping[str, Any]], now: datetime) -> int:
    """List attributes that nobody knew, with an example, for staff to take on or ignore."""
    examples: dict[str, Any] = {}
    for attributes in values:
        for name, value in attributes.items():
            if value is not None and 0 < len(name) <= _LONGEST_NAME:
                examples.setdefault(name, value)
    known = AttributeDefinition.objects.filter(name__in=examples).values_list("name", flat=True)
    new = sorted(examples.keys() - set(known))
    rows = [
        AttributeDefinition(
            name=name,
            type=_guess(examples[name]),
            example=str(examples[name])[:_LONGEST_EXAMPLE],
            created_at=now,
        )
        for name in new
    ]
    AttributeDefinition.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def adopt(*, names: Sequence[str]) -> int:
    """Take attributes on as they were guessed."""
    return AttributeDefinition.objects.filter(name__in=names).update(state=AttributeState.ADOPTED)


def ignore(*, names: Sequence[str]) -> int:
    """Leave attributes as they come, and list them no more."""
    return AttributeDefinition.objects.filter(name__in=names).update(state=AttributeState.IGNORED)


def _definition(row: AttributeDefinition) -> Definition:
    flags = {"personal": row.is_personal, "protected": row.is_protected}
    kept = frozenset(name for name, is_set in flags.items() if is_set)
    return Definition(row.name, row.label, row.type, tuple(row.choices), kept)


def _guess(value: Any) -> AttributeType:
    if isinstance(value, bool):
        return AttributeType.BOOLEAN
    if isinstance(value, int | float):
        return AttributeType.NUMBER
    if isinstance(value, list):
        return AttributeType.MULTI_CHOICE
    return AttributeType.DATE if _is_day(value) else AttributeType.TEXT


def _fits(definition: Definition, value: Any) -> bool:
    tests = {
        AttributeType.TEXT: lambda: isinstance(value, str),
        AttributeType.NUMBER: lambda: _is_number(value),
        AttributeType.MONEY: lambda: _is_number(value),
        AttributeType.BOOLEAN: lambda: isinstance(value, bool),
        AttributeType.DATE: lambda: _is_day(value),
        AttributeType.CHOICE: lambda: value in definition.choices,
        AttributeType.MULTI_CHOICE: lambda: (
            isinstance(value, list) and all(one in definition.choices for one in value)
        ),
    }
    return tests[AttributeType(definition.type)]()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_day(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(date.fromisoformat(value[:10]))
    except ValueError:
        return False
