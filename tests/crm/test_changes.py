"""Whatever changes about a person leaves word of it, in the same transaction."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from crm import (
    changes,
    companies,
    consent,
    conversations,
    customers,
    events,
    messages,
    orders,
    products,
    retention,
    rollups,
)
from crm.choices import Channel, DecisionSource, IdentityKind, MergeCause
from crm.models import Change, Customer, Message, RetentionRule
from tests import making
from tests.crm.seeing import saw

pytestmark = pytest.mark.django_db


def told(of: Customer | None = None) -> set[str]:
    """What was noted, about one customer or at all."""
    rows = Change.objects.all()
    if of is not None:
        rows = rows.filter(customer_ids__contains=[of.pk])
    return {subject for row in rows for subject in row.subjects}


@pytest.fixture
def ada(now: datetime) -> Customer:
    made = making.customer(now=now)
    Change.objects.all().delete()
    return made


def test_a_new_person_is_told_of(now: datetime) -> None:
    made = making.customer(now=now)

    assert told(made) == {changes.EXISTENCE}


def test_only_what_is_new_about_a_known_person_is_told(now: datetime, ada: Customer) -> None:
    known = {"external_id": ada.identities.get(kind="external").value}
    facts = {**known, "city": "Leeds", "attributes": {"shoe": 38, "hat": 5}}
    customers.identify(person=customers.Person(**facts), now=now)

    assert told(ada) == {changes.PERSON, "attribute:shoe", "attribute:hat"}

    Change.objects.all().delete()
    customers.identify(person=customers.Person(**facts), now=now)
    assert told() == set()

    customers.identify(person=customers.Person(**facts | {"attributes": {"hat": 6}}), now=now)
    assert told(ada) == {"attribute:hat"}


def test_a_new_handle_is_told_of(now: datetime, ada: Customer) -> None:
    external = ada.identities.get(kind="external").value

    customers.identify(person=customers.Person(external_id=external, anonymous_id="b-1"), now=now)

    assert told(ada) == {changes.IDENTITY}


def test_what_staff_change_is_told_of(now: datetime, ada: Customer) -> None:
    values = {"city": "Leeds", "attributes": {"vip": True}}
    customers.correct(customer_id=ada.pk, values=values, now=now)

    assert told(ada) == {changes.PERSON, "attribute:vip"}


@pytest.mark.parametrize("value", ["other@shop.example", ""])
def test_another_address_is_told_of(now: datetime, ada: Customer, value: str) -> None:
    customers.readdress(customer_id=ada.pk, kind=IdentityKind.EMAIL, value=value, now=now)

    assert told(ada) == {changes.PERSON, changes.IDENTITY}


def test_events_are_told_of_by_name_and_once(now: datetime, ada: Customer) -> None:
    bob = making.customer(now=now)
    Change.objects.all().delete()
    new = [
        events.NewEvent(ada.pk, "page.viewed", now, "k1"),
        events.NewEvent(bob.pk, "page.viewed", now, "k2"),
        events.NewEvent(bob.pk, "cart.left", now, "k3"),
    ]
    events.record_many(events=new, now=now)

    assert told(ada) == {"event:page.viewed", changes.SEEN}
    assert told(bob) == {"event:page.viewed", "event:cart.left", changes.SEEN}
    Change.objects.all().delete()
    events.record_many(events=new, now=now)
    assert told() == set()


def test_rollups_tell_only_of_those_who_were_seen_later(now: datetime, ada: Customer) -> None:
    events.record(event=events.NewEvent(ada.pk, "page.viewed", now, "k1"), now=now)
    Change.objects.all().delete()

    rollups.run_due(now=now)

    assert told() == set()


def test_orders_are_told_of(now: datetime, ada: Customer) -> None:
    making.order(now=now, customer=ada, number="A-7")
    assert told(ada) == {changes.ORDER, "event:order.placed", changes.SEEN}

    Change.objects.all().delete()
    orders.cancel_many(numbers=["A-7"], cancelled_at=now, now=now)
    assert told(ada) == {changes.ORDER, "event:order.cancelled"}


def test_who_bought_a_product_is_told_of_when_it_moves(now: datetime, ada: Customer) -> None:
    making.order(now=now, customer=ada)
    making.customer(now=now)
    Change.objects.all().delete()
    tea = products.NewProduct("TEA-1", "Tea", Decimal("12.50"), "EUR")
    products.record_products(products=[tea], now=now)
    assert told() == set()

    tea = products.NewProduct("TEA-1", "Tea", Decimal("12.50"), "EUR", category="Drinks")
    products.record_products(products=[tea], now=now)

    assert [row.customer_ids for row in Change.objects.all()] == [[ada.pk]]
    assert told() == {changes.ORDER}


def test_consent_pauses_and_suppressions_are_told_of(now: datetime, ada: Customer) -> None:
    source = DecisionSource.SIGN_UP
    steps: list[tuple[Callable[[], Any], set[str]]] = [
        (
            lambda: consent.grant(customer_id=ada.pk, channel="email", source=source, now=now),
            {changes.CONSENT, "event:consent.granted", changes.SEEN},
        ),
        (
            lambda: customers.pause(
                customer_id=ada.pk, until_at=now + timedelta(days=1), reason="r", by=None, now=now
            ),
            {changes.CONSENT},
        ),
        (
            lambda: customers.lift_pause(customer_id=ada.pk, by=None, now=now),
            {changes.CONSENT},
        ),
        (
            lambda: consent.suppress(
                suppression=consent.NewSuppression("email", ada.email, "staff"), now=now
            ),
            {changes.SUPPRESSION},
        ),
        (
            lambda: consent.unsuppress(channel="email", address=ada.email.upper(), now=now),
            {changes.SUPPRESSION},
        ),
    ]
    for act, wanted in steps:
        Change.objects.all().delete()

        act()

        assert told(ada) == wanted


def test_messages_are_told_of_as_they_fare(now: datetime, ada: Customer) -> None:
    new = messages.NewMessage(ada.pk, Channel.EMAIL, author="staff", text="Hello")
    message = messages.say(message=new, now=now)
    Message.objects.filter(pk=message.pk).update(state="sending")
    messages.settle_many(outcomes=[messages.Settlement(message.pk, "sent")], now=now)
    assert changes.MESSAGE in told(ada)

    Change.objects.all().delete()
    saw("opened", message.pk, now=now)
    assert told(ada) >= {changes.MESSAGE, "event:message.opened"}


def test_what_a_person_writes_is_told_of(now: datetime, ada: Customer) -> None:
    inbound = conversations.NewInbound(
        channel=Channel.EMAIL,
        sender=ada.email,
        text="Hello?",
        provider_message_id="in-1",
        provider="memory",
        occurred_at=now,
    )
    conversations.receive(inbound=inbound, now=now)

    assert told(ada) >= {changes.MESSAGE, "event:message.received"}


def test_companies_and_who_works_there_are_told_of(now: datetime, ada: Customer) -> None:
    companies.record_many(companies=[companies.NewCompany("acme")], now=now)
    assert told() == set()
    companies.join_many(memberships=[companies.Membership("acme", ada.pk)], now=now)
    assert told(ada) == {changes.COMPANY}

    Change.objects.all().delete()
    companies.record_many(companies=[companies.NewCompany("acme", country="DE")], now=now)
    assert told(ada) == {changes.COMPANY}


def test_merging_parting_and_forgetting_are_told_of(now: datetime, ada: Customer) -> None:
    bob = making.customer(now=now)
    Change.objects.all().delete()
    merge = customers.merge(
        kept_id=ada.pk, merged_id=bob.pk, cause=MergeCause.STAFF, reason="one", by=None, now=now
    )
    assert changes.EXISTENCE in told(ada) & told(bob)

    Change.objects.all().delete()
    customers.unmerge(merge_id=merge.pk, by=None, now=now)
    assert changes.EXISTENCE in told(ada) & told(bob)

    Change.objects.all().delete()
    customers.forget_many(customer_ids=[bob.pk], now=now)
    assert told(bob) == {changes.EXISTENCE, changes.GONE}


def test_whose_old_events_are_deleted_is_told_of(now: datetime, ada: Customer) -> None:
    old = now - timedelta(days=4000)
    events.record(event=events.NewEvent(ada.pk, "page.viewed", old, "k1"), now=now)
    Change.objects.all().delete()
    retention.fill_in()
    RetentionRule.objects.filter(what="events").update(is_on=True)

    done = retention.run_due(now=now)

    assert done["events"] == 1
    assert told(ada) == {"event:page.viewed"}


def test_what_is_rolled_back_is_not_told_of(now: datetime, ada: Customer) -> None:
    def change_and_fail() -> None:
        with transaction.atomic():
            customers.correct(customer_id=ada.pk, values={"city": "Leeds"}, now=now)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        change_and_fail()

    assert told() == set()


def test_odd_names_arrive_as_they_are(now: datetime, ada: Customer) -> None:
    names = ['a"b', "c,d{}", "e\\f", "g'h", "ünï", "%s"]
    new = [events.NewEvent(ada.pk, name, now, f"k{at}") for at, name in enumerate(names)]

    events.record_many(events=new, now=now)

    assert told(ada) >= {f"event:{name}" for name in names}
