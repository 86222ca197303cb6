"""Attributes: what is known of customers beside the fixed fields, typed once staff adopt it."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
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


def check(
    *, attributes: Mapping[str, Any], known: Mapping[str, Definition] | None = None
) -> list[Problem]:
    """What does not fit the definitions, and what would; what nobody defined fits.

    Whoever checks many customers reads the definitions once and brings them.
    """
    known = definitions() if known is None else known
    return [
        Problem(name, what_fits(definition=known[name]))
        for name, value in attributes.items()
        if name in known and value is not None and not _fits(known[name], value)
    ]


def what_fits(*, definition: Definition) -> str:
    """What a value of this attribute looks like, in words."""
    choices = ", ".join(definition.choices)
    words = {
        AttributeType.TEXT: _("A text is expected."),
        AttributeType.NUMBER: _("A number is expected, such as 12.5."),
        AttributeType.MONEY: _(
            "An amount in the shop's currency is expected, such as 12.5, "
            'or {"amount": 12.5, "currency": "EUR"}.'
        ),
        AttributeType.BOOLEAN: _("true or false is expected."),
        AttributeType.DATE: _("A day is expected, such as 2026-04-14, with or without a time."),
        AttributeType.CHOICE: _("One of these is expected: %s.") % choices,
        AttributeType.MULTI_CHOICE: _("A list of these is expected: %s.") % choices,
    }
    return words[AttributeType(definition.type)]


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
        AttributeType.MONEY: lambda: _is_money(value),
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


def _is_money(value: Any) -> bool:
    """An amount in the shop's currency, or one that names its own."""
    if not isinstance(value, Mapping):
        return _is_number(value)
    currency = value.get("currency")
    is_code = isinstance(currency, str) and bool(re.fullmatch(r"[A-Z]{3}", currency))
    return value.keys() == {"amount", "currency"} and is_code and _is_number(value["amount"])


def _is_day(value: Any) -> bool:
    if not (isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\d", value, re.ASCII)):
        return False
    try:
        return bool(datetime.fromisoformat(value))
    except ValueError:
        return False
