"""Attributes: noted when first seen, typed when staff take them on, and then held to their type."""

from datetime import datetime
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from crm import attributes, customers
from crm.attributes import Definition
from crm.choices import AttributeState, AttributeType
from crm.customers import Person
from crm.models import AttributeDefinition

pytestmark = pytest.mark.django_db

FITTING: dict[str, list[Any]] = {
    AttributeType.TEXT: ["", "tea", "12"],
    AttributeType.NUMBER: [0, -3, 12.5],
    AttributeType.MONEY: [12.5, {"amount": 12, "currency": "USD"}],
    AttributeType.BOOLEAN: [True, False],
    AttributeType.DATE: ["2026-04-14", "2026-04-14T12:00:00Z"],
    AttributeType.CHOICE: ["green", "black"],
    AttributeType.MULTI_CHOICE: [[], ["green"], ["green", "black"]],
}
WRONG: dict[str, list[Any]] = {
    AttributeType.TEXT: [1, True, ["tea"], {"a": 1}],
    AttributeType.NUMBER: ["12", True, [1], float("inf"), float("nan")],
    AttributeType.MONEY: [
        "12",
        {"amount": 12},
        {"amount": "12", "currency": "USD"},
        {"amount": 12, "currency": "usd"},
        {"amount": 12, "currency": "USD", "more": 1},
    ],
    AttributeType.BOOLEAN: [0, 1, "true", []],
    AttributeType.DATE: ["14.4.2026", "2026-02-30", "2026-04-14 never", "20260414", 20260414],
    AttributeType.CHOICE: ["red", ["green"], 1],
    AttributeType.MULTI_CHOICE: ["green", ["red"], ["green", 1], {"green": True}],
}
EVERY_TYPE = pytest.mark.parametrize("kind", AttributeType.values)


def _defined(kind: str, now: datetime) -> AttributeDefinition:
    wanted = Definition("drink", type=kind, choices=("green", "black"))
    return attributes.define(wanted=wanted, now=now)


@EVERY_TYPE
def test_what_fits_its_type_is_no_problem(kind: str, now: datetime) -> None:
    _defined(kind, now)

    for value in (*FITTING[kind], None):
        assert not attributes.check(attributes={"drink": value, "unknown": object()})


@EVERY_TYPE
def test_what_does_not_fit_is_named_with_what_would(kind: str, now: datetime) -> None:
    _defined(kind, now)

    for value in WRONG[kind]:
        problems = attributes.check(attributes={"other": 1, "drink": value})
        assert [problem.name for problem in problems] == ["drink"], value
        assert "expected" in problems[0].detail


def test_a_choice_that_does_not_fit_hears_the_choices(now: datetime) -> None:
    _defined(AttributeType.CHOICE, now)

    problem = attributes.check(attributes={"drink": "red"})[0]

    assert "green, black" in problem.detail


def test_a_choice_without_choices_is_refused(now: datetime) -> None:
    with pytest.raises(ValidationError):
        attributes.define(wanted=Definition("drink", type=AttributeType.CHOICE), now=now)


@pytest.mark.parametrize(
    ("value", "guessed"),
    [
        ("tea", AttributeType.TEXT),
        ("2026-04-14", AttributeType.DATE),
        (3, AttributeType.NUMBER),
        (True, AttributeType.BOOLEAN),
        (["a"], AttributeType.MULTI_CHOICE),
    ],
)
def test_an_attribute_nobody_knew_is_listed_with_a_guess(
    value: Any, guessed: str, now: datetime
) -> None:
    attributes.note_seen(values=[{"first": value, "nothing": None}], now=now)

    row = AttributeDefinition.objects.get()
    assert (row.name, row.state, row.type) == ("first", AttributeState.SEEN, guessed)


def test_staff_take_on_or_ignore_what_was_seen(now: datetime) -> None:
    attributes.note_seen(values=[{"shoe": 38, "junk": "x"}], now=now)

    attributes.adopt(names=["shoe"])
    attributes.ignore(names=["junk"])
    attributes.note_seen(values=[{"shoe": 39, "junk": "y"}], now=now)

    assert list(attributes.definitions()) == ["shoe"]
    assert AttributeDefinition.objects.get(name="junk").state == AttributeState.IGNORED
    assert attributes.check(attributes={"shoe": "38", "junk": 1})[0].name == "shoe"


def test_whoever_is_identified_may_bring_what_does_not_fit(now: datetime) -> None:
    _defined(AttributeType.NUMBER, now)

    pk = customers.identify(
        person=Person(external_id="C-1", attributes={"drink": "tea", "hat": "straw"}), now=now
    )

    assert pk
    assert AttributeDefinition.objects.get(name="hat").state == AttributeState.SEEN
