"""Daily roll-ups: how often each customer did what on which day, always counted anew.

What just was recorded waits as EventBatch rows; drawing the consequences of one twice gives the
same rows, as days are counted again from the events and never added to.
"""

from collections.abc import Collection
from datetime import datetime

from django.db import connection, transaction

from crm import events, webhooks

# Batches taken at once: enough that many events of one customer become one write, and few enough
# that events which come in meanwhile need not wait long.
_BATCHES = 8
_LOCK = 0x0DA15

_TAKE = """
    DELETE FROM crm_eventbatch WHERE id = ANY(ARRAY(
        SELECT id FROM crm_eventbatch ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
    )) RETURNING event_ids
"""
_WHOSE = "SELECT DISTINCT customer_id FROM crm_event WHERE id = ANY(%s::bigint[])"
# The customers stay while their days are written; whoever is gone has no days. They are named, not
# joined: where they are thought to be none, each event would be compared with each of them.
_CUSTOMERS = (
    "SELECT id FROM crm_customer WHERE id = ANY(%s::bigint[]) ORDER BY id FOR NO KEY UPDATE"
)
# All that a customer did on the day is counted: reading the day once costs less than reading it
# for each name, and what has not changed is not written. OFFSET keeps it a look into the index for
# each day, whatever is thought of the number of events.
_COUNT = """
    INSERT INTO crm_eventday (customer_id, name, date, count, first_at, last_at)
    SELECT e.customer_id, e.name, touched.date, count(*), min(e.occurred_at), max(e.occurred_at)
    FROM (
        SELECT DISTINCT customer_id, (occurred_at AT TIME ZONE 'UTC')::date AS date
        FROM crm_event WHERE id = ANY(%s::bigint[])
    ) AS touched
    CROSS JOIN LATERAL (
        SELECT * FROM crm_event
        WHERE customer_id = touched.customer_id
            AND occurred_at >= touched.date::timestamp AT TIME ZONE 'UTC'
            AND occurred_at < (touched.date + 1)::timestamp AT TIME ZONE 'UTC'
        OFFSET 0
    ) AS e
    GROUP BY e.customer_id, e.name, touched.date
    ON CONFLICT (customer_id, name, date) DO UPDATE SET
        count = excluded.count, first_at = excluded.first_at, last_at = excluded.last_at
    WHERE (crm_eventday.count, crm_eventday.first_at, crm_eventday.last_at)
        IS DISTINCT FROM (excluded.count, excluded.first_at, excluded.last_at)
"""
_DROP = "DELETE FROM crm_eventday WHERE customer_id = ANY(%s::bigint[])"
_REBUILD = """
    INSERT INTO crm_eventday (customer_id, name, date, count, first_at, last_at)
    SELECT customer_id, name, (occurred_at AT TIME ZONE 'UTC')::date, count(*),
           min(occurred_at), max(occurred_at)
    FROM crm_event WHERE customer_id = ANY(%s::bigint[])
    GROUP BY 1, 2, 3
"""


# All days as they are at this moment: what is not drawn yet is counted from the events. To be read
# as a table with the columns customer_id, name, date, count.
DAYS = """(
    WITH pending AS MATERIALIZED (
        SELECT DISTINCT e.customer_id, e.name, (e.occurred_at AT TIME ZONE 'UTC')::date AS date
        FROM crm_eventbatch b CROSS JOIN unnest(b.event_ids) AS told (id)
        JOIN crm_event e ON e.id = told.id
    )
    SELECT d.customer_id, d.name, d.date, d.count::bigint FROM crm_eventday d
    WHERE NOT EXISTS (
        SELECT FROM pending p
        WHERE p.customer_id = d.customer_id AND p.name = d.name AND p.date = d.date)
    UNION ALL
    SELECT p.customer_id, p.name, p.date, count(*)
    FROM pending p
    JOIN crm_event e ON e.customer_id = p.customer_id AND e.name = p.name
        -- Said twice: by the day for a hash of many, by the moments for the index of few.
        AND (e.occurred_at AT TIME ZONE 'UTC')::date = p.date
        AND e.occurred_at >= p.date::timestamp AT TIME ZONE 'UTC'
        AND e.occurred_at < (p.date + 1)::timestamp AT TIME ZONE 'UTC'
    GROUP BY p.customer_id, p.name, p.date
)"""


@transaction.atomic
def run_due(*, now: datetime) -> int:
    """Draw the consequences of some of the events just recorded; gives how many events.

    Counts days, moves on when customers were last seen, plans webhooks. Whoever counts days holds
    one lock, so that nobody writes an older count over a newer one.
    """
    _take_turn()
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [_BATCHES])
        event_ids = [event_id for (ids,) in cursor.fetchall() for event_id in ids]
        if not event_ids:
            return 0
        cursor.execute(_WHOSE, [event_ids])
        told = [customer_id for (customer_id,) in cursor.fetchall()]
        cursor.execute(_CUSTOMERS, [told])
        customer_ids = [customer_id for (customer_id,) in cursor.fetchall()]
        # A statement of its own: it must see what the locks waited for.
        cursor.execute(_COUNT, [event_ids])
    events.note_seen(event_ids=event_ids, customer_ids=customer_ids, now=now)
    webhooks.plan(event_ids=event_ids, now=now)
    return len(event_ids)


@transaction.atomic
def rebuild(*, customer_ids: Collection[int]) -> None:
    """Count all days of some customers again, as after a merge."""
    _take_turn()
    ids = sorted(customer_ids)
    with connection.cursor() as cursor:
        cursor.execute(_DROP, [ids])
        cursor.execute(_REBUILD, [ids])


def _take_turn() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
