"""Who saw and changed what about whom is written down, once a quarter of an hour."""

from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from crm import audit, customers, exports, keys
from crm.choices import AccessKind, MergeCause
from crm.models import AccessRecord, Customer
from tests import making

pytestmark = pytest.mark.django_db


@pytest.fixture
def maria() -> User:
    return User.objects.create_superuser("maria", password="x" * 20)


@pytest.fixture
def person(now: datetime) -> Customer:
    return making.customer(now=now)


def told() -> set[tuple[str, str, int | None]]:
    return set(AccessRecord.objects.values_list("kind", "where", "customer_id"))


@pytest.mark.parametrize("tab", ["change", "overrides", "past"])
def test_looking_at_a_tab_of_a_customer_is_noted(maria: User, person: Customer, tab: str) -> None:
    client = Client()
    client.force_login(maria)

    client.get(f"/admin/crm/customer/{person.pk}/{tab}/")
    client.get(f"/admin/crm/customer/{person.pk}/{tab}/")

    assert told() == {("viewed", "customer", person.pk)}
    assert AccessRecord.objects.get().staff == maria


def test_a_program_that_reads_a_customer_is_noted_by_the_name_of_its_key(person: Customer) -> None:
    secret = keys.create(name="Shop", scopes=["read"], now=timezone.now()).secret

    Client().get(f"/api/v1/customers/{person.pk}/", headers={"Authorization": f"Bearer {secret}"})

    assert told() == {("viewed", "api/customers", person.pk)}
    assert "Shop" in AccessRecord.objects.get().program


def test_merging_and_parting_are_noted_for_both(
    maria: User, person: Customer, now: datetime
) -> None:
    other = making.customer(now=now)

    merge = customers.merge(
        kept_id=person.pk,
        merged_id=other.pk,
        cause=MergeCause.STAFF,
        reason="one person",
        by=maria,
        now=now,
    )
    customers.unmerge(merge_id=merge.pk, by=maria, now=now)

    assert told() == {
        ("changed", where, one.pk) for where in ("merge", "unmerge") for one in (person, other)
    }


def test_an_export_is_noted_with_how_much_left(
    maria: User, person: Customer, now: datetime
) -> None:
    wanted = exports.Request("customers", "csv", ())

    pieces = exports.stream(request=wanted, customers=None, viewer=maria, clock=lambda: now)
    assert b"".join(pieces)

    record = AccessRecord.objects.get()
    assert (record.kind, record.customer_id, record.staff) == ("exported", None, maria)
    assert record.detail == "1 × customers"


def test_the_same_within_a_quarter_of_an_hour_is_one_row(
    maria: User, person: Customer, now: datetime
) -> None:
    access = audit.Access(AccessKind.VIEWED, "customer", by=maria)

    for minutes in (0, 14, 16):
        audit.note(access=access, customer_ids=[person.pk], now=now + timedelta(minutes=minutes))

    assert AccessRecord.objects.count() == 2
