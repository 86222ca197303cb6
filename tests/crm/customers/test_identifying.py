"""Each person is one customer, whoever reports them and however often."""

import threading
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection

from crm import customers
from crm.customers import Person
from crm.models import Customer, Identity, MarketingPause
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


@pytest.mark.django_db(transaction=True)
def test_parallel_writers_leave_one_customer_for_each_person(now: datetime) -> None:
    batch = [Person(external_id=str(n), email=f"p{n}@shop.example") for n in range(40)]
    found: list[list[int]] = []

    def write(people: list[Person]) -> None:
        found.append(customers.identify_many(people=people, now=now))
        connection.close()

    threads = [
        threading.Thread(target=write, args=(batch[::step],)) for step in (1, -1, 1, -1, 1, -1)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 6
    assert {tuple(sorted(ids)) for ids in found} == {tuple(sorted(found[0]))}
    assert Customer.objects.count() == 40


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
