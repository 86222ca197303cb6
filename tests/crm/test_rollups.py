"""Days are counted anew: late, twice or out of order, the counts are those of the events."""

from datetime import date, datetime, timedelta

import pytest

from crm import events, rollups
from crm.events import NewEvent
from crm.models import Customer, EventBatch, EventDay
from tests import making

pytestmark = pytest.mark.django_db


def told(customer: Customer, at: datetime, key: str) -> NewEvent:
    return NewEvent(customer.pk, "tea.brewed", at, key)


def counts() -> dict[date, int]:
    return dict(EventDay.objects.values_list("date", "count"))


def test_each_day_has_its_count_and_its_first_and_last(now: datetime) -> None:
    ada = making.customer(now=now)
    late = now.replace(hour=23, minute=59)
    at = [now, late, late + timedelta(minutes=1)]
    events.record_many(events=[told(ada, one, str(one)) for one in at], now=now)

    done = rollups.run_due(now=now)

    assert done == 3
    assert counts() == {now.date(): 2, now.date() + timedelta(days=1): 1}
    day = EventDay.objects.get(date=now.date())
    assert (day.first_at, day.last_at) == (now, late)


def test_a_batch_that_is_drawn_twice_counts_once(now: datetime) -> None:
    ada = making.customer(now=now)
    ids = events.record_many(events=[told(ada, now, "a"), told(ada, now, "b")], now=now)
    rollups.run_due(now=now)

    EventBatch.objects.create(event_ids=ids, created_at=now)
    rollups.run_due(now=now)

    assert counts() == {now.date(): 2}
    assert not EventBatch.objects.exists()


def test_rebuilding_gives_what_running_gave(now: datetime) -> None:
    ada, bob = making.customer(now=now), making.customer(now=now)
    days = [now - timedelta(days=number % 5) for number in range(20)]
    events.record_many(
        events=[told((ada, bob)[number % 2], at, f"{number}") for number, at in enumerate(days)],
        now=now,
    )
    rollups.run_due(now=now)
    before = sorted(EventDay.objects.values_list("customer_id", "date", "count"))

    rollups.rebuild(customer_ids=[ada.pk, bob.pk])

    assert sorted(EventDay.objects.values_list("customer_id", "date", "count")) == before


def test_events_of_somebody_who_is_gone_are_passed_over(now: datetime) -> None:
    ada = making.customer(now=now)
    ids = events.record_many(events=[told(ada, now, "a")], now=now)
    EventBatch.objects.all().delete()
    EventBatch.objects.create(event_ids=[*ids, 10**12], created_at=now)

    assert rollups.run_due(now=now) == 2
    assert counts() == {now.date(): 1}
