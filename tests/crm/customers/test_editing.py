"""A customer is changed by hand or by a program: only what was said changes, and only so far."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from crm import customers
from crm.models import Customer, FieldLock, Identity
from crm.signals import customers_changed
from tests import making

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(now: datetime) -> Customer:
    return making.customer(
        now=now,
        external_id="c-7",
        email="ada@shop.example",
        phone="+441134960123",
        city="Leeds",
        attributes={"plan": "gold", "size": 38},
    )


def change(customer: Customer, now: datetime, **values: Any) -> Customer:
    return customers.change(customer_id=customer.pk, values=values, now=now)


def add(customer: Customer, now: datetime, kind: str, value: str) -> Identity:
    return customers.add_identity(customer_id=customer.pk, kind=kind, value=value, now=now)


def lock(customer: Customer, now: datetime, field: str, **known: Any) -> FieldLock:
    return FieldLock.objects.create(
        customer=customer, field=field, reason="Said by phone", created_at=now, **known
    )


def handles(customer: Customer) -> set[tuple[str, str]]:
    return set(customer.identities.values_list("kind", "value"))


@contextmanager
def told() -> Iterator[list[list[int]]]:
    heard: list[list[int]] = []

    def hear(customer_ids: list[int], **_: Any) -> None:
        heard.append(customer_ids)

    customers_changed.connect(hear)
    try:
        yield heard
    finally:
        customers_changed.disconnect(hear)


def test_only_what_is_said_changes(ada: Customer, now: datetime) -> None:
    kept = change(ada, now, first_name=" Augusta ", attributes={"size": 39, "hat": None})

    ada.refresh_from_db()
    assert (ada.first_name, ada.last_name, ada.city) == ("Augusta", "Lovelace", "Leeds")
    assert ada.attributes == {"plan": "gold", "size": 39}
    assert (kept.first_name, kept.attributes) == (ada.first_name, ada.attributes)


def test_an_empty_text_takes_a_fact_away_and_none_an_attribute(
    ada: Customer, now: datetime
) -> None:
    change(ada, now, city="", country=" ", attributes={"plan": None, "size": 0, "note": ""})

    ada.refresh_from_db()
    assert (ada.city, ada.country) == ("", "")
    assert ada.attributes == {"size": 0, "note": ""}


def test_nobody_is_without_a_language_or_a_time_zone(ada: Customer, now: datetime) -> None:
    change(ada, now, language="de_AT", time_zone="Europe/Vienna")
    ada.refresh_from_db()
    assert (ada.language, ada.time_zone) == ("de-at", "Europe/Vienna")

    change(ada, now, language="", time_zone="")

    ada.refresh_from_db()
    assert (ada.language, ada.time_zone) == ("en", "UTC")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("country", "Atlantis"),
        ("country", "G1"),
        ("time_zone", "Europe/Atlantis"),
        ("language", "the one of Atlantis"),
        ("email", "ada at shop"),
        ("phone", "ask her"),
    ],
)
def test_what_nobody_knows_is_refused_and_takes_nothing_away(
    ada: Customer, now: datetime, field: str, value: str
) -> None:
    before = Customer.objects.values().get(pk=ada.pk)

    with pytest.raises(ValidationError):
        change(ada, now, last_name="King", **{field: value})

    assert Customer.objects.values().get(pk=ada.pk) == before


def test_a_text_that_is_too_long_is_cut(ada: Customer, now: datetime) -> None:
    change(ada, now, postcode="L" * 30)

    ada.refresh_from_db()
    assert ada.postcode == "L" * 20


def test_a_new_address_leads_to_the_customer_and_the_old_one_no_more(
    ada: Customer, now: datetime
) -> None:
    change(ada, now, email="Augusta@Shop.Example", phone="")

    ada.refresh_from_db()
    assert (ada.email, ada.phone) == ("augusta@shop.example", "")
    assert handles(ada) == {("external", "c-7"), ("email", "augusta@shop.example")}


def test_a_number_is_read_as_dialled_in_the_country_said_with_it(
    ada: Customer, now: datetime
) -> None:
    change(ada, now, country="at", phone="01 5130 123")

    ada.refresh_from_db()
    assert (ada.country, ada.phone) == ("AT", "+4315130123")


def test_an_address_of_somebody_else_is_refused_and_nothing_changes(
    ada: Customer, now: datetime
) -> None:
    making.customer(now=now, email="bea@shop.example")

    with pytest.raises(ValidationError):
        change(ada, now, city="York", phone="+441134960999", email="bea@shop.example")

    ada.refresh_from_db()
    assert (ada.city, ada.email, ada.phone) == ("Leeds", "ada@shop.example", "+441134960123")
    assert ("phone", "+441134960123") in handles(ada)


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("city", {"city": "York"}),
        ("email", {"email": "new@shop.example"}),
        ("attributes.plan", {"attributes": {"plan": None}}),
    ],
)
def test_what_staff_locked_is_refused_to_programs_and_open_to_staff(
    ada: Customer, now: datetime, field: str, values: dict[str, Any]
) -> None:
    lock(ada, now, field)

    with pytest.raises(ValidationError):
        change(ada, now, last_name="King", **values)
    ada.refresh_from_db()
    assert ada.last_name == "Lovelace"

    customers.correct(customer_id=ada.pk, values=values, now=now)
    ada.refresh_from_db()
    assert (ada.city, ada.email, ada.attributes.get("plan")) != (
        "Leeds",
        "ada@shop.example",
        "gold",
    )


def test_a_lock_that_ended_or_is_about_something_else_stops_nothing(
    ada: Customer, now: datetime
) -> None:
    lock(ada, now, "city", expires_at=now - timedelta(days=1))
    lock(ada, now, "attributes.size")

    change(ada, now, city="York", attributes={"plan": "silver"})

    ada.refresh_from_db()
    assert (ada.city, ada.attributes["plan"]) == ("York", "silver")


def test_who_listens_is_told_once(
    ada: Customer, now: datetime, django_capture_on_commit_callbacks: Any
) -> None:
    with told() as heard, django_capture_on_commit_callbacks(execute=True):
        change(ada, now, city="York", email="new@shop.example", phone="+441134960999")

    assert heard == [[ada.pk]]


def test_the_past_keeps_every_change(ada: Customer, now: datetime) -> None:
    change(ada, now, city="York")
    change(ada, now, city="Hull")

    assert list(ada.history.values_list("city", flat=True)) == ["Hull", "York"]


def test_one_more_handle_leads_to_a_customer_however_often_it_is_told(
    ada: Customer, now: datetime
) -> None:
    first = add(ada, now, "email", " Ada@Work.Example ")

    assert add(ada, now, "email", "ada@work.example") == first
    ada.refresh_from_db()
    assert ada.email == "ada@shop.example"
    assert ("email", "ada@work.example") in handles(ada)


def test_the_first_address_becomes_the_one_that_is_written_to(now: datetime) -> None:
    visitor = making.customer(now=now, email="", phone="", anonymous_id="b-1")

    add(visitor, now, "phone", "+44 113 496 0123")

    visitor.refresh_from_db()
    assert visitor.phone == "+441134960123"


def test_a_national_number_is_read_as_dialled_where_the_customer_lives(
    ada: Customer, now: datetime
) -> None:
    assert add(ada, now, "phone", "0113 496 0999").value == "+441134960999"


@pytest.mark.parametrize(
    ("kind", "value"), [("email", "ada at work"), ("phone", "12"), ("external", "  ")]
)
def test_a_handle_that_is_none_is_refused(
    ada: Customer, now: datetime, kind: str, value: str
) -> None:
    with pytest.raises(ValidationError):
        add(ada, now, kind, value)

    assert len(handles(ada)) == 3


def test_a_handle_of_somebody_else_is_refused(ada: Customer, now: datetime) -> None:
    making.customer(now=now, external_id="c-8")

    with pytest.raises(ValidationError):
        add(ada, now, "external", "c-8")


def test_without_its_address_a_customer_is_written_to_at_the_next_one(
    ada: Customer, now: datetime
) -> None:
    add(ada, now, "email", "ada@work.example")
    main = ada.identities.get(value="ada@shop.example")

    customers.remove_identity(identity_id=main.pk, now=now)

    ada.refresh_from_db()
    assert ada.email == "ada@work.example"
    customers.remove_identity(identity_id=ada.identities.get(kind="email").pk, now=now)
    ada.refresh_from_db()
    assert ada.email == ""


def test_the_last_handle_stays(ada: Customer, now: datetime) -> None:
    phone, email, number = (
        ada.identities.get(kind=kind) for kind in ("phone", "email", "external")
    )
    customers.remove_identity(identity_id=phone.pk, now=now)
    customers.remove_identity(identity_id=email.pk, now=now)

    with pytest.raises(ValidationError):
        customers.remove_identity(identity_id=number.pk, now=now)

    assert handles(ada) == {("external", "c-7")}


def test_a_handle_that_staff_locked_stays(ada: Customer, now: datetime) -> None:
    lock(ada, now, "email")

    with pytest.raises(ValidationError):
        customers.remove_identity(identity_id=ada.identities.get(kind="email").pk, now=now)

    ada.refresh_from_db()
    assert ada.email == "ada@shop.example"


def test_a_handle_that_is_gone_is_not_found(ada: Customer, now: datetime) -> None:
    gone = ada.identities.get(kind="phone").pk
    customers.remove_identity(identity_id=gone, now=now)

    with pytest.raises(Identity.DoesNotExist):
        customers.remove_identity(identity_id=gone, now=now)
