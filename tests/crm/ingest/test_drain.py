"""From the spool into the database: in order, each event once, nothing lost on the way."""

import json
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError

from crm import customers, ingest, spool
from crm.customers import Person
from crm.ingest import drain, recording
from crm.models import Customer, Event, EventBatch, Identity, RejectedEvent

pytestmark = pytest.mark.django_db(transaction=True)

Tell = Callable[..., ingest.Receipt]


def track(user: str, event: str = "Tea Brewed", **more: Any) -> dict[str, Any]:
    """A track call of a known user."""
    return {"type": "track", "userId": user, "event": event, **more}


def test_an_event_is_recorded_with_its_customer_and_properties(tell: Tell, drained: Any) -> None:
    tell(track("C-1", messageId="m-1", properties={"pot": "blue", "cups": 3}))

    drained()

    event = Event.objects.get()
    assert (event.name, event.properties) == ("Tea Brewed", {"pot": "blue", "cups": 3})
    assert Identity.objects.get(kind="external", value="C-1").customer_id == event.customer_id
    assert event.key.endswith(":m-1")
    assert EventBatch.objects.get().event_ids == [event.pk]


def test_ten_shuffled_replays_leave_the_same_rows(tell: Tell, drained: Any, now: datetime) -> None:
    calls = [
        {"type": "identify", "userId": "C-1", "messageId": "i-1", "traits": {"plan": "free"}},
        {"type": "identify", "userId": "C-1", "messageId": "i-2", "traits": {"plan": "gold"}},
        {"type": "page", "anonymousId": "a-1", "messageId": "p-1"},
        {"type": "alias", "userId": "C-1", "previousId": "a-1", "messageId": "l-1"},
        {"type": "group", "userId": "C-1", "groupId": "G-1", "messageId": "g-1"},
        track("C-1", "Order Completed", messageId="o-1", properties={"order_id": "A-1"}),
        track("C-1", "Order Refunded", messageId="o-2", properties={"order_id": "A-1"}),
        *(track(f"C-{number}", messageId=f"m-{number}") for number in range(30)),
    ]
    tell(*calls)
    drained()
    before = everything()

    for _ in range(10):
        random.Random(_).shuffle(calls)
        tell(*calls, at=now + timedelta(minutes=1))
        drained()

    assert everything() == before
    assert Customer.objects.get(identities__value="C-1").attributes["plan"] == "gold"


def everything() -> list[Any]:
    """Every row that ingestion writes."""
    return [
        list(Event.objects.order_by("key").values()),
        list(Customer.objects.order_by("pk").values()),
        list(Identity.objects.order_by("pk").values()),
        list(RejectedEvent.objects.values()),
    ]


def test_the_clock_of_a_client_is_put_right(tell: Tell, drained: Any, now: datetime) -> None:
    ahead = now + timedelta(hours=3)
    told = {
        "timestamp": (ahead - timedelta(minutes=5)).isoformat(),
        "messageId": "m-1",
    }

    tell(track("C-1", **told), sentAt=ahead.isoformat())
    drained()

    assert Event.objects.get().occurred_at == now - timedelta(minutes=5)


def test_a_bad_event_loses_no_other_and_is_kept(tell: Tell, drained: Any) -> None:
    receipt = tell(track("C-1"), {"type": "track", "userId": "C-1"}, track("C-2"))

    drained()

    assert (receipt.taken, [one.index for one in receipt.refused]) == (2, [1])
    rejected = RejectedEvent.objects.get()
    assert rejected.reason == receipt.refused[0].reason == "no_event"
    assert json.loads(rejected.payload) == {"type": "track", "userId": "C-1"}
    assert Event.objects.count() == 2


def test_what_the_database_does_not_take_is_put_aside_alone(tell: Tell, drained: Any) -> None:
    calls = [track(f"C-{number}") for number in range(20)]
    body = json.dumps({"batch": calls}).replace('"C-7"', '"C-7", "properties": {"a": 1e400000}')
    tell(track("C-first"))
    key_id = int(next(iter(spool_keys())))

    ingest.receive(kind="batch", body=body.encode(), key_id=key_id, now=drain_now())
    drained()

    assert RejectedEvent.objects.get().reason == "not_recorded"
    assert Event.objects.count() == 20


def spool_keys() -> list[int]:
    from crm.models import ApiKey

    return list(ApiKey.objects.values_list("pk", flat=True))


def drain_now() -> datetime:
    from django.utils import timezone

    return timezone.now()


def test_a_visitor_who_turns_out_to_be_known_brings_their_history(tell: Tell, drained: Any) -> None:
    tell({"type": "page", "anonymousId": "a-1"})
    drained()

    tell(
        {"type": "page", "anonymousId": "a-1"},
        {"type": "identify", "anonymousId": "a-1", "userId": "C-1", "traits": {"email": "a@b.co"}},
        track("C-1"),
    )
    drained()

    customer = Customer.objects.get()
    assert customer.email == "a@b.co"
    assert Event.objects.filter(customer=customer).count() == 4


def test_nothing_is_lost_while_the_database_is_away(
    tell: Tell, spool_folder: Path, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(track("C-1"))

    def away(**_: Any) -> int:
        raise OperationalError("the server closed the connection")

    with drain.opened(folder=spool_folder) as line:
        assert line
        with monkeypatch.context() as patched:
            patched.setattr(recording, "record", away)
            with pytest.raises(drain.DatabaseAway):
                line.step(clock=lambda: now)

        assert line.step(clock=lambda: now) == 1

    assert Event.objects.count() == 1


def test_a_crash_after_the_commit_repeats_nothing(
    tell: Tell, drained: Any, spool_folder: Path
) -> None:
    tell(*(track(f"C-{number % 7}") for number in range(50)))
    drained()

    (spool_folder / "positions.json").unlink()
    drained()

    assert Event.objects.count() == 50


def test_a_read_segment_is_deleted_once_its_writer_is_done(
    tell: Tell, drained: Any, spool_folder: Path
) -> None:
    from crm.ingest import receipt

    tell(track("C-1"))
    drained()
    while_open = spool.segments(spool_folder)
    receipt.writer().close()

    drained()

    assert len(while_open) == 1
    assert not spool.segments(spool_folder)


def test_somebody_else_drains_already(spool_folder: Path) -> None:
    with drain.opened(folder=spool_folder) as first, drain.opened(folder=spool_folder) as second:
        assert first
        assert second is None


def test_an_event_follows_a_customer_who_is_known_by_number(
    tell: Tell, drained: Any, now: datetime
) -> None:
    known = customers.identify(person=Person(external_id="C-1"), now=now)

    tell(track("C-1"), {"type": "screen", "userId": "C-1", "name": "Cart"})
    drained()

    assert set(Event.objects.values_list("customer_id", "name")) == {
        (known, "Tea Brewed"),
        (known, "screen.viewed"),
    }
