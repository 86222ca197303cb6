"""Everything that a rule was asked to be able to say, once each: it finds Ada, and not Bob."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from campaigns.models import Campaign, Delivery, Step
from crm import (
    companies,
    consent,
    conversations,
    customers,
    events,
    messages,
    orders,
    products,
)
from crm.choices import DecisionSource
from crm.models import Customer, Message, Template
from marketing import scoring, segments, understanding
from marketing.models import Cluster, ClusterMembership, Intent, Segment, TrainingRun
from marketing.rules import explain
from tests import making
from tests.crm.seeing import saw

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 4, 14, 12, 0, tzinfo=UTC)
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0"
SPRING = 2**31


def days(count: float) -> datetime:
    """So many days before now."""
    return NOW - timedelta(days=count)


@pytest.fixture
def ada() -> Customer:
    """Somebody of whom everything below holds."""
    made = making.customer(
        now=days(10),
        country="DE",
        city="Bonn",
        attributes={
            **{"plan": "gold", "size": 42, "vip": True, "born": "1990-04-15"},
            **{"renews": "2026-04-16", "since": "2026-04-12", "likes": ["tea", "mugs"]},
            "spent": {"amount": 12.5, "currency": "EUR"},
        },
    )
    consent.grant(customer_id=made.pk, channel="email", source=DecisionSource.SIGN_UP, now=days(9))
    _acts(made)
    _buys(made)
    _is_understood(made)
    _is_written_to(made)
    return made


def _acts(ada: Customer) -> None:
    told = [("page.viewed", 3.0, 10), ("page.viewed", 2, 30), ("cart.left", 1, 5)]
    for number, (name, ago, price) in enumerate(told):
        new = events.NewEvent(ada.pk, name, days(ago), f"e{number}", {"price": price})
        events.record(event=new, now=NOW)


def _buys(ada: Customer) -> None:
    tea = products.NewProduct("TEA-1", "Tea", Decimal(50), "EUR", category="Tea", brand="Leaf")
    products.record_products(products=[tea], now=NOW)
    for number in (1, 2):
        line = orders.NewLine("TEA-1", 1, Decimal(50))
        new = orders.NewOrder(f"A-{number}", ada.pk, days(number * 3), "EUR", (line,))
        orders.record_many(orders=[new], now=NOW)


def _is_understood(ada: Customer) -> None:
    scoring.set_by_hand(
        customer_id=ada.pk, kind="buys_90_days", value=0.9, reason="known", by=None, now=NOW
    )
    run = TrainingRun.objects.create(kind="clusters", state="used", requested_at=NOW)
    cluster = Cluster.objects.create(run=run, number=0, traits=["loyal"], size=1, centre={})
    ClusterMembership.objects.create(customer=ada, cluster=cluster, distance=0)
    companies.record_many(
        companies=[companies.NewCompany("leaf", industry="Tea", employees=80)], now=NOW
    )
    companies.join_many(memberships=[companies.Membership("leaf", ada.pk)], now=NOW)
    friends = Segment.objects.create(pk=SPRING, name="Friends", kind="list")
    segments.put(
        segment_id=friends.pk, customer_id=ada.pk, mode="include", reason="x", by=None, now=NOW
    )


def _is_written_to(ada: Customer) -> None:
    template = Template.objects.create(name="Spring", channel="email", created_at=NOW)
    campaign = Campaign.objects.create(pk=SPRING, name="Spring")
    step = Step.objects.create(campaign=campaign, channel="email", template=template)
    delivery = Delivery.objects.create(campaign=campaign, step=step, customer=ada, planned_at=NOW)
    letter = Message.objects.create(
        customer=ada,
        direction="out",
        channel="email",
        purpose="marketing",
        author="campaign",
        key="spring-1",
        state="sending",
        source_kind="delivery",
        source_id=delivery.pk,
        created_at=days(2),
    )
    messages.settle_many(outcomes=[messages.Settlement(letter.pk, "delivered")], now=days(2))
    saw("opened", letter.pk, agent=BROWSER, now=days(1))
    Intent.objects.create(code="returns", name="Returns", phrases="How can I return something?")
    new = conversations.NewInbound(
        "email", ada.email, "How can I return something?", NOW, in_reply_to="spring-1"
    )
    read = conversations.receive(inbound=new, now=days(1))
    understanding.read(message_id=read, now=NOW)


@pytest.fixture
def bob() -> Customer:
    """Somebody who did nothing, and came long ago."""
    made = making.customer(now=days(400), country="FR", city="", phone="", attributes={})
    Customer.objects.filter(pk=made.pk).update(bucket=9_999)
    return made


VIEWED: dict[str, Any] = {"event": "page.viewed"}
FIGURE: dict[str, Any] = {"of": "page.viewed", "property": "price"}
MAILED: dict[str, Any] = {"campaign": SPRING}
FOUND: dict[str, dict[str, Any]] = {
    "attribute is": {"attribute": "plan", "op": "is", "value": "gold"},
    "attribute in": {"attribute": "plan", "op": "in", "value": ["gold", "free"]},
    "attribute contains": {"attribute": "plan", "op": "contains", "value": "OL"},
    "attribute starts": {"attribute": "plan", "op": "starts_with", "value": "go"},
    "attribute matches": {"attribute": "plan", "op": "matches", "value": "^g.l"},
    "number": {"attribute": "size", "op": "more_than", "value": 41},
    "yes or no": {"attribute": "vip", "op": "is", "value": True},
    "list": {"attribute": "likes", "op": "is", "value": "mugs"},
    "money": {"attribute": "spent", "op": "at_least", "value": 12.5},
    "before": {"attribute": "since", "op": "before", "value": "2026-04-13"},
    "after": {"field": "created_at", "op": "after", "value": "2026-04-01"},
    "last N days": {"attribute": "since", "op": "within_days", "value": 3},
    "next N days": {"attribute": "renews", "op": "in_next_days", "value": 2},
    "anniversary": {"attribute": "born", "op": "anniversary", "value": 1},
    "unknown": {"not": {"field": "city", "op": "unknown"}},
    "identity": {"identity": "phone"},
    "reach": {"reach": "email"},
    "consent": {"consent": "granted", "channel": "email"},
    "never decided": {"not": {"consent": "never", "channel": "email"}},
    "event": VIEWED,
    "event filter": {**VIEWED, "where": [{"property": "price", "op": "at_least", "value": 20}]},
    "event count": {**VIEWED, "at_least": 2, "at_most": 2},
    "rolling window": {**VIEWED, "within_days": 3},
    "fixed window": {**VIEWED, "since": "2026-04-11", "until": "2026-04-13"},
    "never did": {"not": {**VIEWED, "at_most": 0}},
    "sum": {"event_figure": "sum", **FIGURE, "op": "is", "value": 40},
    "average": {"event_figure": "average", **FIGURE, "op": "is", "value": 20},
    "min": {"event_figure": "least", **FIGURE, "op": "is", "value": 10},
    "max": {"event_figure": "most", **FIGURE, "op": "is", "value": 30},
    "first": {"event_figure": "first", **FIGURE, "op": "is", "value": 10},
    "last": {"event_figure": "last", **FIGURE, "op": "is", "value": 30},
    "A then B": {"sequence": ["page.viewed", "cart.left"], "days": 1},
    "recency": {"orders": "recency_days", "op": "is", "value": 3},
    "frequency": {"orders": "count", "op": "is", "value": 2},
    "monetary": {"orders": "revenue", "op": "is", "value": 100},
    "average value": {"orders": "average", "op": "is", "value": 50},
    "bought product": {"bought": "product", "value": ["TEA-1"], "at_least": 2},
    "bought category": {"bought": "category", "value": ["Tea"]},
    "bought brand": {"bought": "brand", "value": ["Leaf"]},
    "not since": {
        "all": [
            {"bought": "brand", "value": ["Leaf"]},
            {"not": {"bought": "brand", "value": ["Leaf"], "since": "2026-04-12"}},
        ]
    },
    "message sent": {"message": "sent", "channel": "email"},
    "message delivered": {"message": "delivered"},
    "message opened": {"message": "opened", "within_days": 3},
    "message replied": {"message": "replied"},
    "campaign sent": {**MAILED, "fate": "sent", "step": 1},
    "campaign delivered": {**MAILED, "fate": "delivered"},
    "campaign opened": {**MAILED, "fate": "opened"},
    "campaign replied": {**MAILED, "fate": "replied"},
    "campaign not clicked": {
        "all": [{**MAILED, "fate": "sent"}, {**MAILED, "fate": "clicked", "at_most": 0}]
    },
    "score": {"score": "buys_90_days", "op": "at_least", "value": 0.5},
    "cluster": {"cluster": ["loyal"]},
    "insight": {"insight": "returns"},
    "other segment": {"segment": SPRING},
    "company": {"company": "industry", "op": "is", "value": "Tea"},
    "company size": {"company": "employees", "op": "at_least", "value": 50},
    "random share": {"share": 99.98},
}


def found(condition: dict[str, Any]) -> set[int]:
    segment = Segment(rules={"version": 1, "all": [condition]})
    asked = segments.compiled(segment=segment, now=NOW)
    return set(segments.queryset(compiled=asked).values_list("pk", flat=True))


def test_each_condition_finds_ada_and_not_bob(ada: Customer, bob: Customer) -> None:
    Customer.objects.filter(pk=ada.pk).update(bucket=5)

    wrong = {what: found(one) for what, one in FOUND.items() if found(one) != {ada.pk}}
    opposite = {what for what, one in FOUND.items() if found({"not": one}) != {bob.pk}}

    assert not wrong, wrong
    assert not opposite, opposite
    assert all(explain(rules={"version": 1, "all": [one]}) for one in FOUND.values())


@pytest.mark.parametrize("fate", ["clicked", "bounced", "complained", "failed"])
def test_what_did_not_happen_finds_nobody(ada: Customer, bob: Customer, fate: str) -> None:
    assert found({"message": fate}) == set()
    assert found({**MAILED, "fate": fate}) == set()


def test_an_address_that_is_suppressed_is_found_by_its_reason(ada: Customer) -> None:
    new = consent.NewSuppression("email", ada.email, "hard_bounce")
    consent.suppress(suppression=new, now=NOW)

    assert found({"suppressed": "email", "reason": "hard_bounce"}) == {ada.pk}
    assert found({"suppressed": "email", "reason": "complaint"}) == set()
    assert found({"reach": "email"}) == set()


def test_who_is_left_in_peace_is_not_reached(ada: Customer) -> None:
    until_at = NOW + timedelta(days=1)
    customers.pause(customer_id=ada.pk, until_at=until_at, reason="rest", by=None, now=NOW)

    assert found({"reach": "email"}) == set()
