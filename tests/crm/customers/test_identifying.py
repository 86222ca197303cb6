"""Each person is one customer, whoever reports them and however often."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from crm import customers, events
from crm.customers import Person
from crm.models import (
    AttributeDefinition,
    Customer,
    DuplicateCandidate,
    Event,
    FieldLock,
    Identity,
    MarketingPause,
    Merge,
)
from crm.signals import customers_changed
from tests import making

pytestmark = pytest.mark.django_db


def test_the_same_person_told_twice_is_one_customer(now: datetime) -> None:
    first = customers.identify(person=Person(email="Ada@Shop.example"), now=now)

    again = customers.identify(person=Person(email="ada@shop.EXAMPLE", city="Leeds"), now=now)

    assert again == first
    assert Customer.objects.get().city == "Leeds"


def test_what_is_empty_changes_nothing(now: datetime) -> None:
    known = Person(external_id="7", first_name="Ada", attributes={"shoe": 38, "tea": "green"})
    customer_id = customers.identify(person=known, now=now)

    customers.identify(person=Person(external_id="7", attributes={"shoe": 39}), now=now)

    customer = Customer.objects.get(pk=customer_id)
    assert customer.first_name == "Ada"
    assert customer.attributes == {"shoe": 39, "tea": "green"}


def test_the_most_trusted_handle_leads(now: datetime) -> None:
    by_number = customers.identify(person=Person(external_id="7"), now=now)
    by_mail = customers.identify(person=Person(email="ada@shop.example"), now=now)

    both = customers.identify(person=Person(external_id="7", email="ada@shop.example"), now=now)

    assert both == by_number
    assert by_mail != by_number
    assert Identity.objects.get(kind="email").customer_id == by_mail


def test_a_shared_phone_does_not_make_two_people_one(now: datetime) -> None:
    phone = "+441134960001"
    ada = customers.identify(person=Person(email="ada@shop.example", phone=phone), now=now)

    charles = customers.identify(person=Person(email="charles@shop.example", phone=phone), now=now)

    assert charles != ada
    assert Identity.objects.get(kind="phone").customer_id == ada


def test_a_visitor_becomes_known_and_keeps_the_history(now: datetime) -> None:
    visitor = customers.identify(person=Person(anonymous_id="browser-1"), now=now)

    known = customers.identify(
        person=Person(anonymous_id="browser-1", email="ada@shop.example"), now=now
    )

    assert known == visitor


def test_people_of_one_batch_that_share_a_handle_are_one(now: datetime) -> None:
    batch = [
        Person(external_id="7", email="ada@shop.example"),
        Person(email="ada@shop.example", first_name="Ada"),
        Person(external_id="8"),
    ]

    first, second, third = customers.identify_many(people=batch, now=now)

    assert first == second != third
    assert Customer.objects.get(pk=first).first_name == "Ada"


def test_a_person_without_any_handle_is_refused(now: datetime) -> None:
    with pytest.raises(customers.NoIdentity):
        customers.identify(person=Person(first_name="Ada", email="not an address"), now=now)


def test_a_batch_of_any_size_takes_the_same_few_statements(
    now: datetime, django_assert_max_num_queries: object
) -> None:
    batch = [Person(email=f"p{number}@shop.example") for number in range(500)]

    with django_assert_max_num_queries(10):  # type: ignore[operator]
        customers.identify_many(people=batch, now=now)

    assert Customer.objects.count() == 500


def test_the_telegram_and_chat_ids_are_kept_as_they_come(now: datetime) -> None:
    person = Person(telegram_id="12345", whatsapp_id="Abc.1", webchat_id="W-9")

    customers.identify(person=person, now=now)

    found = dict(Identity.objects.values_list("kind", "value"))
    assert found == {"telegram": "12345", "whatsapp": "Abc.1", "webchat": "W-9"}


def test_what_a_visitor_did_joins_the_person_who_signs_in(now: datetime) -> None:
    visitor = customers.identify(person=Person(anonymous_id="browser", city="Leeds"), now=now)
    known = customers.identify(person=Person(external_id="7"), now=now)
    events.record(event=events.NewEvent(visitor, "page.viewed", now, "one"), now=now)

    found = customers.identify(person=Person(external_id="7", anonymous_id="browser"), now=now)

    assert found == known
    assert Event.objects.get().customer_id == known
    assert Customer.objects.get().city == "Leeds"
    assert Merge.objects.get().cause == "signed_in"
    assert customers.identify(person=Person(anonymous_id="browser"), now=now) == known


def test_a_visitor_of_the_same_batch_is_the_person_from_the_start(now: datetime) -> None:
    known = customers.identify(person=Person(external_id="7"), now=now)
    batch = [
        Person(anonymous_id="browser", attributes={"tea": "green"}),
        Person(external_id="7", anonymous_id="browser"),
    ]

    assert customers.identify_many(people=batch, now=now) == [known, known]
    assert Customer.objects.get().attributes == {"tea": "green"}
    assert not Merge.objects.exists()


def test_a_computer_that_two_people_share_stays_with_the_first(now: datetime) -> None:
    first = customers.identify(person=Person(external_id="7", anonymous_id="browser"), now=now)

    second = customers.identify(person=Person(external_id="8", anonymous_id="browser"), now=now)

    assert first != second
    assert Identity.objects.get(kind="anonymous").customer_id == first
    assert not Merge.objects.exists()


def test_two_visitors_do_not_become_one_by_themselves(now: datetime) -> None:
    chat = customers.identify(person=Person(webchat_id="w"), now=now)
    browser = customers.identify(person=Person(anonymous_id="b"), now=now)

    assert customers.identify(person=Person(webchat_id="w", anonymous_id="b"), now=now) == chat
    assert Customer.objects.filter(pk=browser).exists()


def test_an_address_that_leads_to_somebody_else_is_for_staff_to_decide(now: datetime) -> None:
    ada = customers.identify(person=Person(external_id="7", email="a@x.example"), now=now)

    other = customers.identify(person=Person(external_id="8", email="A@x.example"), now=now)

    assert Customer.objects.get(pk=other).email == ""
    assert Identity.objects.get(kind="email").customer_id == ada
    pair = DuplicateCandidate.objects.get()
    assert (pair.left_id, pair.right_id, pair.reason) == (ada, other, "same_email")
    assert pair.evidence == {"email": "a@x.example", "brought_by": other}


def test_a_dismissed_pair_stays_dismissed(now: datetime) -> None:
    customers.identify(person=Person(external_id="7", email="a@x.example"), now=now)
    second = Person(external_id="8", email="a@x.example")
    customers.identify(person=second, now=now)
    DuplicateCandidate.objects.update(state="dismissed")

    customers.identify(person=second, now=now)

    assert DuplicateCandidate.objects.get().state == "dismissed"


def test_locked_fields_stay_as_staff_left_them(now: datetime) -> None:
    customer = making.customer(now=now, external_id="7", city="Leeds", attributes={"shoe": 38})
    for name in ("city", "attributes.shoe"):
        FieldLock.objects.create(customer=customer, field=name, reason="x", created_at=now)
    FieldLock.objects.create(
        customer=customer, field="last_name", reason="x", created_at=now, lifted_at=now
    )
    told = Person(
        external_id="7", city="York", last_name="King", attributes={"shoe": 1, "tea": "green"}
    )

    customers.identify(person=told, now=now)

    customer.refresh_from_db()
    assert (customer.city, customer.last_name) == ("Leeds", "King")
    assert customer.attributes == {"shoe": 38, "tea": "green"}


def test_an_attribute_that_nobody_knew_is_listed_for_staff(now: datetime) -> None:
    customers.identify(person=Person(external_id="7", attributes={"shoe size": 38}), now=now)
    customers.identify(person=Person(external_id="7", attributes={"shoe size": 39}), now=now)

    seen = AttributeDefinition.objects.get()
    assert (seen.name, seen.state, seen.example) == ("shoe size", "seen", "38")


def test_a_verified_handle_is_noted_once_and_stays_so(now: datetime) -> None:
    person = Person(external_id="7", email="a@x.example")
    customers.identify(person=person, now=now)
    later = now + timedelta(days=1)

    customers.identify(person=replace(person, verified=frozenset({"email"})), now=later)
    customers.identify(person=person, now=later + timedelta(days=1))

    found = dict(Identity.objects.values_list("kind", "verified_at"))
    assert found == {"external": None, "email": later}


def test_news_of_customers_leave_on_commit(
    now: datetime, django_capture_on_commit_callbacks: Any
) -> None:
    told: list[list[int]] = []

    def hear(customer_ids: list[int], **_: Any) -> None:
        told.append(customer_ids)

    customers_changed.connect(hear)
    with django_capture_on_commit_callbacks(execute=True):
        first = customers.identify(person=Person(external_id="7", city="Leeds"), now=now)
    with django_capture_on_commit_callbacks(execute=True):
        customers.identify(person=Person(external_id="7", city="Leeds"), now=now)
    customers_changed.disconnect(hear)

    assert told == [[first]]


def test_a_new_pause_replaces_the_one_in_force(now: datetime) -> None:
    staff = User.objects.create(username="grace")
    customer = making.customer(now=now)
    week, month = now + timedelta(days=7), now + timedelta(days=30)
    customers.pause(customer_id=customer.pk, until_at=week, reason="Asked", by=staff, now=now)

    customers.pause(customer_id=customer.pk, until_at=month, reason="Asked", by=staff, now=now)

    assert MarketingPause.objects.count() == 2
    assert MarketingPause.objects.in_force(now=now).get().expires_at == month


def test_lifting_a_pause_says_whether_there_was_one(now: datetime) -> None:
    customer = making.customer(now=now)
    customers.pause(
        customer_id=customer.pk, until_at=now + timedelta(days=1), reason="x", by=None, now=now
    )

    assert customers.lift_pause(customer_id=customer.pk, by=None, now=now)
    assert not customers.lift_pause(customer_id=customer.pk, by=None, now=now)


@pytest.mark.parametrize("text", ["lovel", "ADA love", "made", "made-number", "0113", "洛芙蕾丝"])
def test_staff_find_people_by_any_part_of_what_they_know(now: datetime, text: str) -> None:
    making.customer(now=now, external_id="other", first_name="Grace", email="g@x.example", phone="")
    making.customer(
        now=now,
        external_id="made-number",
        phone="+44011349600",
        last_name="洛芙蕾丝" if "洛" in text else "Lovelace",
    )

    found = customers.search(text=text)

    assert "made-number" in {identity.value for one in found for identity in one.identities.all()}


def test_a_chinese_name_is_found_as_it_is_written(now: datetime) -> None:
    customer = making.customer(now=now, first_name="小明", last_name="王", language="zh-hans")

    assert list(customers.search(text="王小明")) == [customer]


def test_searching_for_nothing_finds_nobody(now: datetime) -> None:
    making.customer(now=now)

    assert not customers.search(text="  ").exists()
