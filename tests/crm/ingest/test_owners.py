"""Events hold their customers: nobody is merged away or erased from under them."""

import threading
from datetime import datetime
from pathlib import Path

import pytest
from django.db import connection, transaction

from crm import customers, events
from crm.choices import MergeCause
from crm.customers import Person
from crm.ingest import drain, recording
from crm.ingest.facts import Fact
from crm.models import Customer, Event
from tests.crm.ingest.test_drain import Tell

pytestmark = pytest.mark.django_db(transaction=True)

_WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


def waiting(folder: Path) -> list[Fact]:
    """What is on the spool."""
    return drain.read_chunk(folder=folder, positions={}).facts


def test_a_merge_waits_for_the_events_and_takes_them_along(
    tell: Tell, spool_folder: Path, now: datetime
) -> None:
    kept = customers.identify(person=Person(external_id="C-1"), now=now)
    merged = customers.identify(person=Person(anonymous_id="a-1"), now=now)
    tell({"type": "page", "anonymousId": "a-1"})
    merging = threading.Thread(target=merge, args=(kept, merged, now))

    with transaction.atomic():
        recording.record(facts=waiting(spool_folder), now=now)
        merging.start()
        await_a_lock()
        were_there = Customer.objects.count()
    merging.join(30)

    assert were_there == 2
    assert Event.objects.get(name="page.viewed").customer_id == kept
    assert Customer.objects.count() == 1


def merge(kept: int, merged: int, now: datetime) -> None:
    """Merge as staff would, on a connection of this thread's own."""
    try:
        customers.merge(
            kept_id=kept,
            merged_id=merged,
            cause=MergeCause.STAFF,
            reason="the same",
            by=None,
            now=now,
        )
    finally:
        connection.close()


def await_a_lock() -> None:
    """Until another connection waits for a lock of ours."""
    patience = threading.Event()
    for _ in range(1000):
        with connection.cursor() as cursor:
            # Within a transaction the view stays as it was first seen.
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(_WAITING)
            row = cursor.fetchone()
        if row and row[0]:
            return
        patience.wait(0.01)
    raise AssertionError("Nobody waited for the events.")


def test_an_event_of_somebody_who_is_gone_is_refused(now: datetime) -> None:
    customer = customers.identify(person=Person(external_id="C-1"), now=now)
    customers.forget_many(customer_ids=[customer], now=now)

    with pytest.raises(events.CustomerGone, match=str(customer)):
        events.record(event=events.NewEvent(customer, "page.viewed", now, "web:1"), now=now)

    assert not Event.objects.filter(name="page.viewed").exists()
