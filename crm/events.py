"""Events: append-only facts about customers, each recorded once."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction

from crm import changes, locks, planner
from crm.models import Event, EventBatch
from crm.signals import announce, events_recorded

_CHUNK = 5_000

T = TypeVar("T")

# Spelt by us about what we did; the customer was not there.
NOT_SEEN = frozenset(
    {
        "message.sent",
        "message.delivered",
        "message.bounced",
        "message.complained",
        "message.failed",
        "order.cancelled",
        "order.refunded",
    }
)

_RECORD = """
    INSERT INTO crm_event (customer_id, name, occurred_at, received_at, properties, key)
    SELECT new.customer_id, new.name, new.occurred_at, %s, new.properties, new.key
    FROM json_to_recordset(%s) AS new (customer_id bigint, name text, occurred_at timestamptz,
        properties jsonb, key text)
    ON CONFLICT (key) DO NOTHING
    RETURNING id, customer_id, name
"""

_LOCK = "SELECT FROM crm_customer WHERE id = ANY(%s::bigint[]) ORDER BY id FOR NO KEY UPDATE"
# Both sides are named by their ids and hashed: where customers are thought to be none, a loop
# would compare each with each. A list is hashed only where it is of the type of the column.
_SEE = """
    WITH moved_on AS (
    UPDATE crm_customer SET last_seen_at = seen.at
    FROM (SELECT customer_id, max(occurred_at) AS at FROM crm_event
          WHERE id = ANY(%s::bigint[]) AND NOT name = ANY(%s) GROUP BY customer_id) AS seen
    WHERE crm_customer.id = ANY(%s::bigint[]) AND crm_customer.id = seen.customer_id
      AND (crm_customer.last_seen_at IS NULL OR crm_customer.last_seen_at < seen.at)
    RETURNING crm_customer.id
    )
    INSERT INTO crm_change (customer_ids, subjects, created_at)
    SELECT array_agg(id), %s, %s FROM moved_on HAVING count(*) > 0
"""


class CustomerGone(LookupError):  # noqa: N818 - it says what happened
    """An event is about a customer who was merged away or erased, or never was."""


@dataclass(frozen=True, slots=True)
class NewEvent:
    """A fact to record; the key names the reporter and their id for it."""

    customer_id: int
    name: str
    occurred_at: datetime
    key: str
    properties: Mapping[str, Any] = field(default_factory=dict)


def record(*, event: NewEvent, now: datetime) -> list[int]:
    """Record one event, unless its key is known."""
    return record_many(events=[event], now=now)


@transaction.atomic
def record_many(*, events: Sequence[NewEvent], now: datetime) -> list[int]:
    """Record events and give the ids of those that are new; a replay changes nothing.

    Raises `CustomerGone` where one of the customers is not there.
    """
    hold(customer_ids={event.customer_id for event in events})
    rows: list[tuple[int, int, str]] = []
    for chunk in _chunks(events):
        rows += _insert(chunk, now)
    if not rows:
        return []
    event_ids = [event_id for event_id, *_ in rows]
    by_name: defaultdict[str, set[int]] = defaultdict(set)
    for _, customer_id, name in rows:
        by_name[name].add(customer_id)
    customer_ids = sorted(set().union(*by_name.values()))
    if any(event.name not in NOT_SEEN for event in events):
        note_seen(event_ids=event_ids, customer_ids=customer_ids, now=now)
    changes.note_events(by_name=by_name, now=now)
    _leave_for_later(event_ids, now)
    announce(events_recorded, sender=Event, event_ids=event_ids, customer_ids=customer_ids)
    return event_ids


def note_seen(*, event_ids: Sequence[int], customer_ids: Sequence[int], now: datetime) -> None:
    """Let these events move on when their customers were last seen; locks the customers."""
    with connection.cursor() as cursor:
        # A statement of its own: the next must see what the locks waited for.
        cursor.execute(_LOCK, [list(customer_ids)])
        asked: list[Any] = [list(event_ids), list(NOT_SEEN), list(customer_ids)]
        with planner.hashed():
            cursor.execute(_SEE, [*asked, [changes.SEEN], now])


def hold(*, customer_ids: Collection[int]) -> None:
    """Let nobody merge or erase these customers before what is written of them can be moved too.

    Raises CustomerGone where that has happened to one of them.
    """
    if gone := set(customer_ids) - locks.hold_customers(customer_ids=customer_ids):
        raise CustomerGone(f"There is no customer #{min(gone)}.")


def _leave_for_later(event_ids: Sequence[int], now: datetime) -> None:
    """What follows from the events (roll-ups, webhooks) is drawn soon, and not by the reporter."""
    EventBatch.objects.bulk_create(
        EventBatch(event_ids=list(chunk), created_at=now) for chunk in _chunks(event_ids)
    )


def _chunks(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(rows), _CHUNK):
        yield rows[start : start + _CHUNK]


def _insert(events: Sequence[NewEvent], now: datetime) -> list[tuple[int, int, str]]:
    # Sorted by key, so that two writers of the same events wait and never deadlock. One text of
    # JSON, as quoting five arrays takes the driver longer than PostgreSQL takes to insert them.
    rows = [
        {
            "customer_id": event.customer_id,
            "name": event.name,
            "occurred_at": event.occurred_at.isoformat(),
            "properties": event.properties,
            "key": event.key,
        }
        for event in sorted(events, key=lambda event: event.key)
    ]
    with connection.cursor() as cursor:
        cursor.execute(_RECORD, [now, json.dumps(rows, cls=DjangoJSONEncoder)])
        return list(cursor.fetchall())
