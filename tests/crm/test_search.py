"""Staff find people by whatever they know of them, in any script."""

from datetime import datetime

import pytest
from django.db import connection

from crm import search
from crm.models import Customer, CustomerAlias, Order
from tests import making

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(now: datetime) -> Customer:
    making.customer(
        now=now,
        external_id="other",
        first_name="Grace",
        last_name="Hopper",
        email="g@x.example",
        phone="",
    )
    customer = making.customer(
        now=now,
        external_id="No-77",
        first_name="Ada",
        last_name="Lovelacé",
        email="ada.byron@engines.example",
        phone="+441134960123",
        city="Zürich",
        attributes={"Club": "Ｇold 会员", "since": "2019-05-02"},
    )
    making.order(customer=customer, number="A-2001", now=now)
    return customer


@pytest.mark.parametrize(
    "text",
    [
        *("lovel", "LOVELACE", "ada love", "lovelacé ada", "ada.byron@engines.example", "BYRON"),
        *("+44 113 496-0123", "0113 4960123", "4960123", "No-77", "A-2001", "a-2001"),
        *("zurich", "gold", "会员", "2019-05-02"),
    ],
)
def test_any_word_of_the_record_finds_the_person(ada: Customer, text: str) -> None:
    assert list(search.customers(text=text)) == [ada]


@pytest.mark.parametrize("text", ["", "  ", "\0", "ada grace", "100%", "_da", "A-9999", "\\"])
def test_what_is_not_in_the_record_finds_nobody(ada: Customer, text: str) -> None:
    assert not search.customers(text=text)


@pytest.mark.parametrize("text", ["王小明", "小明", "王", "王 小明"])
def test_a_chinese_name_is_found_as_it_is_written(now: datetime, text: str) -> None:
    customer = making.customer(now=now, first_name="小明", last_name="王", language="zh-hans")

    assert list(search.customers(text=text)) == [customer]


def test_the_number_of_a_customer_comes_before_all_that_holds_it(now: datetime) -> None:
    named = making.customer(now=now, external_id="a", email="a@x.example", phone="")
    other = making.customer(
        now=now, external_id="b", email=f"b{named.pk}@x.example", phone="", first_name="Bea"
    )

    assert search.customers(text=f"{named.pk}")[0] == named
    assert list(search.customers(text=f"b{named.pk}")) == [other]


def test_the_number_of_a_merged_customer_leads_to_who_they_are_now(
    ada: Customer, now: datetime
) -> None:
    CustomerAlias.objects.create(old_id=9_000_000, customer=ada, created_at=now)

    assert list(search.customers(text="#9000000")) == [ada]


def test_an_order_of_nobody_finds_nobody(now: datetime) -> None:
    Order.objects.create(number="A-1", placed_at=now, currency="EUR", total=1)

    assert not search.customers(text="A-1")


@pytest.mark.parametrize(
    "text", ["Ada", "ÅNGSTRÖM", "王小明", "ﬁne Ｆull", "パン屋", "한국어", "Ωmega"]
)
def test_postgresql_and_python_bring_words_into_the_same_form(db: None, text: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT crm_searchable(%s)", [text])
        kept = cursor.fetchone()[0]

    assert kept.split() == search.searchable(text=text).split()


@pytest.mark.parametrize(
    ("first", "last", "language", "whole"),
    [
        ("小明", "王", "zh-hans", "王小明"),
        ("小明", "王", "", "王小明"),
        ("小明•••", "王•••", "zh-hans", "王•••小明•••"),
        ("さくら", "井上", "ja", "井上 さくら"),
        ("Sasha", "Wood", "zh-hans", "Sasha Wood"),
        ("José", "García", "zh-hans", "José García"),
        ("小明", "", "", "小明"),
    ],
)
def test_a_name_is_written_as_its_own_script_does(
    first: str, last: str, language: str, whole: str
) -> None:
    customer = Customer(first_name=first, last_name=last, language=language)

    assert customer.full_name == whole
