"""Who is forgotten leaves nothing behind but sales for the books, and a number in the trail."""

from datetime import datetime
from typing import Any

import pytest
from django.db import connection

from crm import customers
from crm.models import AccessRecord, Customer, Merge, Order, QualityRepair, Webhook, WebhookDelivery
from crm.signals import customers_erased
from tests import making
from tests.crm.customers import furnished

pytestmark = pytest.mark.django_db


def _every_row() -> dict[str, list[str]]:
    """All rows as text, history and the ledger of merges too."""
    found = {}
    with connection.cursor() as cursor:
        for name in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT t::text FROM {name} t")
            found[name] = [row for (row,) in cursor.fetchall()]
    return found


def test_nothing_of_the_person_is_left_in_any_table(now: datetime) -> None:
    customer = furnished.customer(now=now, number=1)
    merged = making.customer(now=now, email="canary.merged@shop.example", last_name="Canary")
    customers.merge(
        kept_id=customer.pk, merged_id=merged.pk, cause="staff", reason="", by=None, now=now
    )
    customer.last_name = "Canary"
    customer.save()
    _tell_others(customer, now)

    counts = customers.forget_many(customer_ids=[customer.pk], now=now)

    left = _every_row()
    assert [name for name, rows in left.items() if any("anary" in row for row in rows)] == []
    assert not any(customer.email in row for rows in left.values() for row in rows)
    assert counts["crm_customer"] == 1
    assert counts["crm_historicalcustomer"] >= 1
    assert counts["crm_event"] >= 4
    assert Order.objects.get().customer_id is None
    assert AccessRecord.objects.get().customer_id == customer.pk


def test_other_people_are_left_as_they_are(now: datetime) -> None:
    forgotten = furnished.customer(now=now, number=0)
    kept = making.customer(now=now)
    other = making.customer(now=now)
    Merge.objects.exists()
    row = customers.merge(
        kept_id=kept.pk, merged_id=other.pk, cause="staff", reason="", by=None, now=now
    )

    customers.forget_many(customer_ids=[forgotten.pk], now=now)
    customers.unmerge(merge_id=row.pk, by=None, now=now)

    assert set(Customer.objects.filter(pk__in=[kept.pk, other.pk])) == {kept, other}


def test_the_news_of_an_erasure_say_who_and_since_when(
    now: datetime, django_capture_on_commit_callbacks: Any
) -> None:
    customer = making.customer(now=now)
    told: list[dict[str, Any]] = []

    def hear(**news: Any) -> None:
        told.append(news)

    customers_erased.connect(hear)
    with django_capture_on_commit_callbacks(execute=True):
        customers.forget_many(customer_ids=[customer.pk], now=now)
        customers.forget_many(customer_ids=[customer.pk], now=now)
    customers_erased.disconnect(hear)

    assert [(one["customer_ids"], one["known_since_at"]) for one in told] == [([customer.pk], now)]


def _tell_others(customer: Customer, now: datetime) -> None:
    AccessRecord.objects.create(
        kind="viewed", customer_id=customer.pk, where="page", happened_at=now
    )
    webhook = Webhook.objects.create(
        name="Shop", url="https://x.example", events=["*"], secrets="", created_at=now
    )
    WebhookDelivery.objects.create(
        webhook=webhook,
        key="1",
        event_name="page.viewed",
        customer_id=customer.pk,
        payload={"name": "Canary"},
        created_at=now,
    )
    QualityRepair.objects.create(
        check_name="bad_name",
        changes=[
            {"customer": customer.pk, "field": "last_name", "before": "CANARY", "after": "Canary"},
            {"customer": 1, "field": "last_name", "before": "KING", "after": "King"},
        ],
        done_at=now,
    )
