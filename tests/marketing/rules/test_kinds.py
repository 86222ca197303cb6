"""Each kind of condition reads its words, refuses what it does not know, and is said in words."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import translation

from crm import consent
from crm.models import Customer, EventDay
from marketing.rules import RuleError, compile_rules, explain, explain_plan, validate
from marketing.rules.patterns import pattern
from tests import making

NOW = datetime(2026, 4, 14, 12, 0, tzinfo=UTC)


def whole(*conditions: dict[str, Any]) -> dict[str, Any]:
    return {"version": 1, "all": list(conditions)}


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        (
            {"message": "opened", "at_most": 0, "within_days": 90},
            "never opened a message in the last 90 days",
        ),
        (
            {"message": "replied", "at_least": 2, "channel": "sms"},
            "wrote to us at least 2 times by SMS",
        ),
        ({"insight": "refund"}, "wrote about “refund”"),
        ({"company": "any"}, "belongs to a company"),
        ({"suppressed": "email"}, "the address for E-mail is suppressed"),
        (
            {"suppressed": "sms", "reason": "complaint"},
            "the address for SMS is suppressed (Complaint)",
        ),
        (
            {"company": "employees", "op": "at_least", "value": 50},
            "employees of the company is at least 50",
        ),
        (
            {"event_figure": "sum", "of": "a.b", "property": "x", "op": "more_than", "value": 5},
            "sum of “x” in “a.b” is more than 5",
        ),
        (
            {"sequence": ["a.b", "c.d"], "days": 3, "since": "2026-01-01"},
            "did “c.d” within 3 days after “a.b” since 2026-01-01",
        ),
        (
            {"event": "a.b", "since": "2026-01-01", "until": "2026-02-01"},
            "did “a.b” at least once from 2026-01-01 until before 2026-02-01",
        ),
        (
            {"attribute": "born", "op": "anniversary", "value": 0},
            "the anniversary of attribute “born” is today",
        ),
        (
            {"attribute": "renews", "op": "in_next_days", "value": 7},
            "attribute “renews” is within the next 7 days",
        ),
        ({"field": "city", "op": "matches", "value": "^Ber"}, "city matches “^Ber”"),
    ],
)
def test_a_condition_is_said_in_words(condition: dict[str, Any], said: str) -> None:
    with translation.override("en"):
        sentence = explain(rules=whole(condition))

    assert sentence == f"Customers for whom: {said}."


@pytest.mark.parametrize(
    ("condition", "path"),
    [
        ({"message": "read"}, "message"),
        ({"message": "opened", "channel": "pigeon"}, "channel"),
        ({"company": "any", "op": "is", "value": "x"}, "op"),
        ({"event": "a.b", "within_days": 3, "since": "2026-01-01"}, "within_days"),
        ({"event": "a.b", "since": "2026-02-01", "until": "2026-01-01"}, "until"),
        ({"sequence": ["a.b"], "days": 3}, "sequence"),
        ({"sequence": ["a.b", "c.d"]}, "days"),
        ({"event_figure": "sum", "of": "a.b", "op": "is", "value": 1}, "property"),
        ({"field": "created_at", "op": "anniversary", "value": 400}, "value"),
        (
            {"event": "a.b", "where": [{"property": "x", "op": "anniversary", "value": 1}]},
            "where[0].op",
        ),
    ],
)
def test_a_condition_that_makes_no_sense_is_refused(condition: dict[str, Any], path: str) -> None:
    with pytest.raises(RuleError) as caught:
        validate(rules=whole(condition))

    assert caught.value.path == f"rules.all[0].{path}"


@pytest.mark.django_db
def test_a_condition_is_the_same_whatever_order_its_keys_are_kept_in() -> None:
    conditions = [
        {"event_figure": "sum", "of": "a.b", "property": "x", "op": "is", "value": 5},
        {"sequence": ["a.b", "c.d"], "days": 3},
        {"message": "opened", "channel": "sms"},
        {"company": "name", "op": "is", "value": "x"},
    ]
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::jsonb::text", [json.dumps(conditions)])
        (kept,) = cursor.fetchone()

    assert explain(rules=whole(*json.loads(kept))) == explain(rules=whole(*conditions))


@pytest.mark.parametrize(
    "text", ["^a.c$", r"\d{2,5}-\w+", "(tea|mug)s?", "[a-z]+@", "(?:ab)?c", "上海?", r"\.com$"]
)
def test_a_plain_pattern_is_taken(text: str) -> None:
    assert pattern(text, "here") == text


@pytest.mark.parametrize(
    "text",
    [
        "(a+)+",
        "(a*b){2}",
        r"(a)\1",
        "(?=a)",
        "(?i)a",
        "a**",
        "a++",
        "*a",
        "(",
        ")",
        "[a",
        "[[:alpha:]]",
        r"\ba",
        "a{60}",
        "a{",
        "x" * 101,
        "^*",
        "()",
    ],
)
def test_a_pattern_that_could_take_long_or_means_two_things_is_refused(text: str) -> None:
    with pytest.raises(RuleError):
        pattern(text, "here")


@pytest.mark.django_db
def test_the_plan_is_told_in_the_words_of_postgresql() -> None:
    told = explain_plan(rules=whole({"event": "a.b", "within_days": 3}), now=NOW)

    assert "crm_event" in told
    assert "cost=" in told


@pytest.mark.django_db
def test_what_was_forgotten_is_still_known_to_have_been_done() -> None:
    did, never = making.customer(now=NOW), making.customer(now=NOW)
    long_ago = NOW - timedelta(days=2000)
    EventDay.objects.create(
        customer=did,
        name="tea.forgotten",
        date=long_ago.date(),
        count=3,
        first_at=long_ago,
        last_at=long_ago,
    )

    def found(**bounds: int) -> set[int]:
        rules = whole({"event": "tea.forgotten", **bounds})
        compiled = compile_rules(rules=rules, now=NOW)
        rows = Customer.objects.raw(compiled.sql, compiled.params)
        cut = compile_rules(rules=rules, now=NOW, among=[did.pk, never.pk])
        assert {row.pk for row in rows} == {
            row.pk for row in Customer.objects.raw(cut.sql, cut.params)
        }
        return {row.pk for row in rows}

    assert found() == {did.pk}
    assert found(at_least=3) == {did.pk}
    assert found(at_most=0) == {never.pk}
    assert found(at_least=4) == set()


@pytest.mark.django_db
def test_whoever_has_no_address_has_none_that_is_suppressed() -> None:
    told, without = making.customer(now=NOW), making.customer(now=NOW, email="")
    for address in (told.email, ""):
        new = consent.NewSuppression("email", address, "staff")
        consent.suppress(suppression=new, now=NOW)

    for among in (None, [told.pk, without.pk]):
        compiled = compile_rules(rules=whole({"suppressed": "email"}), now=NOW, among=among)
        rows = Customer.objects.raw(compiled.sql, compiled.params)
        assert {row.pk for row in rows} == {told.pk}
