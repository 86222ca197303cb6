"""Events are facts: recorded once, never changed, announced when they are safe."""

from datetime import datetime, timedelta

import pytest

from crm import events
from crm.events import NewEvent
from crm.models import Customer, Event
from crm.signals import events_recorded
from tests import making

pytestmark = pytest.mark.django_db


def viewed(customer: Customer, key: str, at: datetime) -> NewEvent:
    """A look at a product."""
    return NewEvent(customer.pk, "product.viewed", at, key, {"sku": "TEA-1", "name": "绿茶"})


def test_a_replayed_event_is_recorded_once(now: datetime) -> None:
    customer = making.customer(now=now)
    first = events.record_many(events=[viewed(customer, "web:1", now)], now=now)

    again = events.record_many(
        events=[viewed(customer, "web:1", now), viewed(customer, "web:2", now)], now=now
    )

    assert len(first) == len(again) == 1
    assert set(Event.objects.values_list("key", flat=True)) == {"web:1", "web:2"}
    assert Event.objects.filter(properties__name="绿茶").count() == 2


def test_the_same_key_twice_in_one_batch_is_one_event(now: datetime) -> None:
    customer = making.customer(now=now)

    ids = events.record_many(events=[viewed(customer, "web:1", now)] * 3, now=now)

    assert len(ids) == 1


def test_an_event_shows_when_the_person_was_last_seen(now: datetime) -> None:
    customer = making.customer(now=now)
    moments = [now - timedelta(days=2), now - timedelta(days=1)]

    events.record_many(
        events=[viewed(customer, f"web:{at}", at) for at in reversed(moments)], now=now
    )
    events.record(event=NewEvent(customer.pk, "message.sent", now, "message:1:sent"), now=now)

    customer.refresh_from_db()
    assert customer.last_seen_at == moments[1]


def test_news_of_events_leaves_only_after_the_commit(
    now: datetime, django_capture_on_commit_callbacks: object
) -> None:
    customer = making.customer(now=now)
    heard: list[dict[str, object]] = []

    def listen(sender: object, **news: object) -> None:
        heard.append(news)

    events_recorded.connect(listen)
    try:
        with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
            ids = events.record_many(events=[viewed(customer, "web:1", now)], now=now)
            assert heard == []
    finally:
        events_recorded.disconnect(listen)

    assert [(news["event_ids"], news["customer_ids"]) for news in heard] == [(ids, [customer.pk])]
