"""Rules find the customers they speak of, say it in words, and refuse what they do not know."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import translation

from crm import consent, customers, events, orders, rollups
from crm.choices import Channel, DecisionSource
from crm.models import Customer, Event
from marketing import segments
from marketing.models import Score, ScoreOverride, TrainingRun
from marketing.rules import RuleError, compile_rules, explain, validate
from tests import making

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 4, 14, 12, 0, tzinfo=UTC)


def found(condition: dict[str, Any]) -> set[int]:
    compiled = compile_rules(rules={"version": 1, "all": [condition]}, now=NOW)
    return set(segments.queryset(compiled=compiled).values_list("pk", flat=True))


def did(customer: Customer, name: str, days_ago: float = 1, **properties: Any) -> None:
    moment = NOW - timedelta(days=days_ago)
    key = f"test:{customer.pk}:{name}:{days_ago}:{properties}"
    events.record(event=events.NewEvent(customer.pk, name, moment, key, properties), now=NOW)


def ordered(customer: Customer, total: str, days_ago: float, sku: str = "TEA-1") -> None:
    making.product(now=NOW, sku=sku)
    orders.record_many(
        orders=[
            orders.NewOrder(
                number=f"{customer.pk}-{days_ago}-{total}",
                customer_id=customer.pk,
                placed_at=NOW - timedelta(days=days_ago),
                currency="EUR",
                lines=(orders.NewLine(sku, 1, Decimal(total)),),
            )
        ],
        now=NOW,
    )


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"field": "country", "op": "is", "value": "DE"}, {"anna"}),
        ({"field": "country", "op": "is_not", "value": "DE"}, {"wei"}),
        ({"field": "country", "op": "in", "value": ["DE", "FR"]}, {"anna"}),
        ({"field": "country", "op": "not_in", "value": ["DE", "FR"]}, {"wei"}),
        ({"field": "city", "op": "contains", "value": "ERL"}, {"anna"}),
        ({"field": "city", "op": "starts_with", "value": "上"}, {"wei"}),
        ({"field": "city", "op": "known"}, {"anna", "wei"}),
        ({"field": "last_seen_at", "op": "unknown"}, {"anna", "wei"}),
        ({"field": "created_at", "op": "before", "value": "2026-01-01"}, {"wei"}),
        ({"field": "created_at", "op": "after", "value": "2026-01-01"}, {"anna"}),
        ({"field": "created_at", "op": "within_days", "value": 30}, {"anna"}),
        ({"field": "created_at", "op": "not_within_days", "value": 30}, {"wei"}),
        ({"attribute": "plan", "op": "is", "value": "gold"}, {"anna"}),
        ({"attribute": "plan", "op": "is_not", "value": "gold"}, {"wei"}),
        ({"attribute": "plan", "op": "unknown"}, {"wei"}),
        ({"attribute": "points", "op": "at_least", "value": 10}, {"anna"}),
        ({"attribute": "points", "op": "is", "value": 12}, {"anna"}),
        ({"attribute": "vip", "op": "is", "value": True}, {"anna"}),
        ({"attribute": "renews", "op": "before", "value": "2026-06-01"}, {"anna"}),
        ({"attribute": "plan", "op": "at_least", "value": 10}, set()),
        ({"attribute": "plan", "op": "before", "value": "2026-06-01"}, set()),
        ({"identity": "email"}, {"anna", "wei"}),
        ({"identity": "anonymous", "op": "unknown"}, {"anna", "wei"}),
        ({"share": 100}, {"anna", "wei"}),
        ({"not": {"field": "country", "op": "is", "value": "DE"}}, {"wei"}),
        (
            {"any": [{"field": "city", "op": "is", "value": "上海"}, {"share": 0.01, "from": 0}]},
            {"wei"},
        ),
    ],
)
def test_rules_about_the_person_find_who_is_meant(
    condition: dict[str, Any], expected: set[str]
) -> None:
    people = {
        "anna": making.customer(
            now=NOW,
            first_name="Anna",
            country="DE",
            city="Berlin",
            created_at=NOW - timedelta(days=10),
            attributes={"plan": "gold", "points": 12, "vip": True, "renews": "2026-05-01"},
        ),
        "wei": making.customer(
            now=NOW,
            country="CN",
            city="上海",
            created_at=NOW - timedelta(days=300),
            attributes={"points": "many"},
        ),
    }
    Customer.objects.update(bucket=5000)

    members = found(condition)

    assert members == {people[name].pk for name in expected}


def test_events_are_counted_in_their_window_and_by_their_properties() -> None:
    often, once, never = (making.customer(now=NOW) for _ in range(3))
    for days in (1, 2, 40):
        did(often, "product.viewed", days, category="Tea")
    did(once, "product.viewed", 1, category="Coffee")

    assert found({"event": "product.viewed"}) == {often.pk, once.pk}
    assert found({"event": "product.viewed", "at_least": 3}) == {often.pk}
    assert found({"event": "product.viewed", "at_least": 3, "within_days": 30}) == set()
    assert found({"event": "product.viewed", "at_most": 0}) == {never.pk}
    assert found({"event": "product.viewed", "at_least": 1, "at_most": 2}) == {once.pk}
    tea = [{"property": "category", "op": "is", "value": "Tea"}]
    assert found({"event": "product.viewed", "where": tea}) == {often.pk}


def test_order_figures_follow_the_orders_that_stand() -> None:
    rich, poor, none = (making.customer(now=NOW) for _ in range(3))
    ordered(rich, "300", 5)
    ordered(rich, "100", 200)
    ordered(poor, "9", 200, sku="MUG-1")

    assert found({"orders": "count", "op": "at_least", "value": 2}) == {rich.pk}
    assert found({"orders": "count", "op": "is", "value": 0}) == {none.pk}
    assert found({"orders": "count", "op": "at_most", "value": 1}) == {poor.pk, none.pk}
    assert found({"orders": "revenue", "op": "at_least", "value": 400}) == {rich.pk}
    assert found({"orders": "average", "op": "less_than", "value": 10}) == {poor.pk}
    assert found({"orders": "recency_days", "op": "at_most", "value": 30}) == {rich.pk}
    assert found({"orders": "tenure_days", "op": "more_than", "value": 199}) == {rich.pk, poor.pk}
    lately = {"orders": "count", "op": "at_least", "value": 1, "within_days": 30}
    assert found(lately) == {rich.pk}
    assert found({"not": [lately]}) == {poor.pk, none.pk}
    nothing_lately = {"orders": "count", "op": "is", "value": 0, "within_days": 30}
    assert found(nothing_lately) == {poor.pk, none.pk}
    assert found({"bought": "product", "value": ["MUG-1"]}) == {poor.pk}
    assert found({"bought": "product", "value": ["TEA-1"], "at_least": 2}) == {rich.pk}
    assert found({"bought": "product", "value": ["MUG-1"], "within_days": 9}) == set()


def test_reach_means_what_the_gate_means() -> None:
    free, silent, gone, paused, barred = (making.customer(now=NOW) for _ in range(5))
    for customer in (free, gone, paused, barred):
        consent.grant(
            customer_id=customer.pk, channel=Channel.EMAIL, source=DecisionSource.SIGN_UP, now=NOW
        )
    later = NOW + timedelta(hours=1)
    consent.withdraw(
        customer_id=gone.pk, channel=Channel.EMAIL, source=DecisionSource.STAFF, now=later
    )
    customers.pause(
        customer_id=paused.pk, until_at=NOW + timedelta(days=9), reason="asked", by=None, now=NOW
    )
    barrier = consent.NewSuppression(Channel.EMAIL, barred.email, "hard_bounce")
    consent.suppress(suppression=barrier, now=NOW)

    assert found({"reach": "email"}) == {free.pk}
    verdicts = consent.check_many(
        customer_ids=[c.pk for c in (free, silent, gone, paused, barred)],
        channel=Channel.EMAIL,
        purpose="marketing",
        now=NOW,
    )
    assert {pk for pk, verdict in verdicts.items() if verdict.is_allowed} == {free.pk}
    assert found({"consent": "withdrawn", "channel": "email"}) == {gone.pk}
    assert found({"consent": "never", "channel": "email"}) == {silent.pk}
    assert found({"consent": "granted", "channel": "sms"}) == set()


def test_a_score_set_by_hand_wins_over_the_computed_one() -> None:
    computed, by_hand = making.customer(now=NOW), making.customer(now=NOW)
    run = TrainingRun.objects.create(kind="buys_90_days", state="used", requested_at=NOW)
    for customer in (computed, by_hand):
        Score.objects.create(
            customer=customer, kind="buys_90_days", value=0.8, run=run, computed_at=NOW
        )
    ScoreOverride.objects.create(
        customer=by_hand, kind="buys_90_days", value=0.1, reason="moved away", created_at=NOW
    )

    assert found({"score": "buys_90_days", "op": "at_least", "value": 0.5}) == {computed.pk}
    assert found({"score": "buys_90_days", "op": "less_than", "value": 0.5}) == {by_hand.pk}


def test_rules_are_said_in_words() -> None:
    rules = {
        "version": 1,
        "all": [
            {"field": "country", "op": "in", "value": ["DE", "FR"]},
            {"any": [{"event": "cart.left", "within_days": 1}, {"reach": "sms"}]},
            {"not": {"orders": "count", "op": "at_least", "value": 3}},
        ],
    }

    with translation.override("en"):
        sentence = explain(rules=rules)

    assert sentence == (
        "Customers for whom: country is one of “DE”, “FR” and (did “cart.left” at least once in "
        "the last day or can be reached by SMS) and not (number of orders is at least 3)."
    )


def test_rules_without_conditions_mean_everyone() -> None:
    customer = making.customer(now=NOW)

    compiled = compile_rules(rules={"version": 1, "all": []}, now=NOW)

    assert list(segments.queryset(compiled=compiled)) == [customer]


def nested(depth: int) -> dict[str, Any]:
    tree: dict[str, Any] = {"share": 10}
    for _ in range(depth):
        tree = {"all": [tree]}
    return {"version": 1, **tree}


@pytest.mark.parametrize(
    ("rules", "path"),
    [
        ({}, "rules"),
        ({"version": 2, "all": []}, "rules"),
        ({"version": 1, "any": []}, "rules.any"),
        ({"version": 1, "all": [{"colour": "red"}]}, "rules.all[0]"),
        ({"version": 1, "all": [{"share": 10, "colour": "red"}]}, "rules.all[0].colour"),
        ({"version": 1, "all": [{"field": "password", "op": "known"}]}, "rules.all[0].field"),
        ({"version": 1, "all": [{"field": "city", "op": "like"}]}, "rules.all[0].op"),
        (
            {"version": 1, "all": [{"field": "city", "op": "is", "value": "a\x00b"}]},
            "rules.all[0].value",
        ),
        ({"version": 1, "all": [{"share": float("nan")}]}, "rules.all[0].share"),
        ({"version": 1, "all": [{"share": 101}]}, "rules.all[0]"),
        ({"version": 1, "all": [{"event": "a.b", "at_least": 0}]}, "rules.all[0].at_least"),
        (
            {"version": 1, "all": [{"event": "a.b", "at_least": 3, "at_most": 2}]},
            "rules.all[0].at_most",
        ),
        ({"version": 1, "all": [{"share": 1}], "any": [{"share": 1}]}, "rules.any"),
        (nested(9), "rules" + ".all[0]" * 8 + ".all"),
    ],
)
def test_a_rule_that_is_not_known_is_refused_with_its_place(
    rules: dict[str, Any], path: str
) -> None:
    with pytest.raises(RuleError) as caught:
        validate(rules=rules)

    assert caught.value.path == path
    assert caught.value.fix


def test_eight_levels_of_groups_are_allowed() -> None:
    customer = making.customer(now=NOW)
    Customer.objects.update(bucket=0)

    compiled = compile_rules(rules=nested(8), now=NOW)

    assert list(segments.queryset(compiled=compiled)) == [customer]


@pytest.mark.parametrize(
    "text", ["'; DROP TABLE crm_customer; --", "%(x)s %d", "{x}", "\\'", "100%", "$1"]
)
def test_what_people_write_never_becomes_sql(text: str) -> None:
    customer = making.customer(now=NOW, city=text, attributes={text: text})
    did(customer, text, 1, **{text: text})

    for condition in (
        {"field": "city", "op": "is", "value": text},
        {"field": "city", "op": "contains", "value": text},
        {"attribute": text, "op": "is", "value": text},
        {"event": text, "where": [{"property": text, "op": "starts_with", "value": text}]},
    ):
        assert found(condition) == {customer.pk}
    compiled = compile_rules(
        rules={"version": 1, "all": [{"bought": "product", "value": [text]}]}, now=NOW
    )
    assert text not in compiled.sql


@pytest.mark.parametrize("is_rolled_up", [False, True])
@pytest.mark.parametrize("within_days", [None, 1, 2, 7])
@pytest.mark.parametrize("bound", [{"at_least": 1}, {"at_least": 2}, {"at_most": 0}])
def test_days_of_events_give_what_the_events_give(
    bound: dict[str, int], within_days: int | None, is_rolled_up: bool, now: datetime
) -> None:
    hours = (-30, -1, 0, 1, 11, 12, 13, 23, 24, 25, 36, 47, 49, 60, 167, 169, 179, 181, 900)
    people = [making.customer(now=now) for _ in hours]
    for one, ago in zip(people, hours, strict=True):
        moments = (now - timedelta(hours=ago), now - timedelta(hours=ago * 2))
        new = [events.NewEvent(one.pk, "tea.brewed", at, f"{one.pk}:{at}") for at in set(moments)]
        events.record_many(events=new, now=now)
    while is_rolled_up and rollups.run_due(now=now):
        pass
    window = {"within_days": within_days} if within_days else {}

    by_days = found({"event": "tea.brewed", **bound, **window})

    since = now - timedelta(days=within_days or 9_999)
    counts = dict.fromkeys((one.pk for one in people), 0)
    told = Event.objects.filter(occurred_at__gte=since, occurred_at__lte=now)
    for pk in told.values_list("customer_id", flat=True):
        counts[pk] += 1
    low, high = bound.get("at_least", 0), bound.get("at_most", 9)
    assert by_days == {pk for pk, count in counts.items() if low <= count <= high}
