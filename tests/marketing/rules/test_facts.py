"""Free facts of every type: texts, lists, numbers, amounts, and what only looks like a moment."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from crm.models import OrderStatistics
from marketing.rules import RuleError, compile_rules, crossed, validate
from marketing.rules.patterns import pattern
from tests import making

NOW = datetime(2026, 4, 14, 12, 0, tzinfo=UTC)


def answers(value: Any, op: str, *asked: Any) -> bool:
    """Whether a customer with the attribute is found, by everybody's statement and by one's."""
    customer = making.customer(now=NOW, attributes={"fact": value})
    condition = {"attribute": "fact", "op": op, **({"value": asked[0]} if asked else {})}
    rules = {"version": 1, "all": [condition]}
    found = []
    for among in (None, [customer.pk]):
        compiled = compile_rules(rules=rules, now=NOW, among=among)
        with connection.cursor() as cursor:
            cursor.execute(compiled.sql, compiled.params)
            found.append(customer.pk in {pk for (pk,) in cursor.fetchall()})
    assert found[0] == found[1]
    return found[0]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("op", "asked", "is_found"),
    [
        ("is", "tea", True),
        ("is", "te", False),
        ("is", '["tea", "Mugs"]', False),
        ("is_not", "tea", False),
        ("is_not", "cats", True),
        ("in", ["cats", "tea"], True),
        ("not_in", ["cats", "tea"], False),
        ("not_in", ["cats"], True),
        ("contains", "ug", True),
        ("contains", '", "', False),
        ("starts_with", "mu", True),
        ("matches", "^tea$", True),
        ("matches", "^ea", False),
        ("at_least", 1, False),
    ],
)
def test_one_entry_of_a_list_is_enough(op: str, asked: Any, is_found: bool) -> None:
    assert answers(["tea", "Mugs"], op, asked) is is_found


@pytest.mark.django_db
def test_a_list_of_nothing_is_unknown() -> None:
    assert answers([], "unknown")
    assert not answers([], "known")
    assert answers(["tea"], "known")
    assert answers([], "is_not", "tea")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("op", "asked", "is_found"),
    [("at_least", 12.5, True), ("more_than", 12.5, False), ("is", 12.5, True), ("is", 12, False)],
)
def test_an_amount_of_money_answers_as_a_number(op: str, asked: Any, is_found: bool) -> None:
    assert answers({"amount": 12.5, "currency": "EUR"}, op, asked) is is_found
    assert answers({"amount": "12.5"}, op, asked) is False


@pytest.mark.django_db
@pytest.mark.parametrize(
    "value",
    [
        "now",
        "today",
        "yesterday",
        "infinity",
        "epoch",
        "20260414",
        20260414,
        "J2461145",
        "2026-104",
        "2026-4-14",
        " 2026-04-14",
        "2026-04-14 BC",
        "2026-04-14T10:00:00 Europe/Berlin",
        "2026-02-30",
        True,
        ["2026-04-14"],
    ],
)
def test_what_is_no_moment_in_iso_8601_is_no_moment(value: Any) -> None:
    assert not answers(value, "after", "1970-01-01")
    assert not answers(value, "before", "2100-01-01")
    assert not answers(value, "within_days", 36_500)
    assert answers(value, "not_within_days", 36_500)
    assert not answers(value, "anniversary", 366)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "value",
    [
        "2026-04-14",
        "2026-04-14T10:00",
        "2026-04-14 10:00:00.123456789",
        "2026-04-14T10:00:00Z",
        "2026-04-14T10:00:00+0530",
        "2026-04-14T10:00:00 +03",
    ],
)
def test_a_moment_in_iso_8601_is_one(value: str) -> None:
    assert answers(value, "after", "2026-04-14")
    assert answers(value, "within_days", 1)
    assert answers(value, "anniversary", 0)


@pytest.mark.django_db
@pytest.mark.parametrize("value", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_moments_at_the_ends_of_time_are_moments(value: str) -> None:
    assert answers(value, "before", "2026-01-01") is value.startswith("0")
    assert answers(value, "after", value) is True
    assert answers(value, "within_days", 36_500) is False


@pytest.mark.django_db
def test_numbers_beyond_every_machine_are_compared_all_the_same() -> None:
    assert answers(10**400, "more_than", 1e15)
    assert not answers(-(10**400), "more_than", -1e15)


@pytest.mark.parametrize(
    "number", [10**400, -(10**400), float("nan"), float("inf"), 1e16, True, "1", None]
)
def test_a_number_that_is_none_is_refused(number: Any) -> None:
    condition = {"attribute": "fact", "op": "at_least", "value": number}

    with pytest.raises(RuleError):
        validate(rules={"version": 1, "all": [condition]})


@pytest.mark.parametrize("text", ["[a-c-e]", "[]", "[^]", r"[\w-a]", r"[a-\d]"])
def test_brackets_that_postgresql_does_not_take_are_refused(text: str) -> None:
    with pytest.raises(RuleError):
        pattern(text, "here")


@pytest.mark.django_db
@pytest.mark.parametrize("text", ["[a-c-]", "[--]", "[^-a]", "[-]", r"[a-z\d_-]", "[.=:]"])
def test_brackets_that_are_taken_are_understood_by_postgresql(text: str) -> None:
    assert pattern(text, "here") == text
    assert isinstance(answers("x", "matches", text), bool)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("year", "figure", "op", "asked", "is_found"),
    [
        (1, "tenure_days", "at_least", 739_000, True),
        (1, "tenure_days", "at_least", 999_999.99, False),
        (1, "recency_days", "more_than", 739_000, True),
        (1, "recency_days", "at_most", 1e15, True),
        (9999, "recency_days", "at_most", -2_900_000, True),
        (9999, "recency_days", "less_than", -2_950_000, False),
        (9999, "recency_days", "more_than", -1e15, True),
    ],
)
def test_orders_at_the_ends_of_time_have_an_age(
    year: int, figure: str, op: str, asked: float, is_found: bool
) -> None:
    customer = making.customer(now=NOW)
    placed_at = datetime(year, 1, 1, tzinfo=UTC)
    OrderStatistics.objects.create(
        customer=customer, orders=1, revenue=1, first_order_at=placed_at, last_order_at=placed_at
    )
    rules = {"version": 1, "all": [{"orders": figure, "op": op, "value": asked}]}

    compiled = compile_rules(rules=rules, now=NOW)
    named = crossed(rules=rules, since=NOW, until=NOW + timedelta(days=1))

    with connection.cursor() as cursor:
        cursor.execute(compiled.sql, compiled.params)
        assert (customer.pk in {pk for (pk,) in cursor.fetchall()}) is is_found
        assert named is not None
        cursor.execute(named.text, named.params)
