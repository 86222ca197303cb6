"""The outbox of changes: of whom what changed, written in the transaction that changes it.

Apps above that keep answers about people take the rows away and look again. Ids are not in the
order of commits, so rows are taken by deleting them, and never by remembering a position.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection

# Somebody came to be, went away, or has become one with somebody else: anything may be different.
EXISTENCE = "customer"
# Somebody went away, alone or into somebody else.
GONE = "gone"
PERSON = "person"
SEEN = "seen"
IDENTITY = "identity"
CONSENT = "consent"
SUPPRESSION = "suppression"
ORDER = "order"
MESSAGE = "message"
COMPANY = "company"

_NOTE = """
    INSERT INTO crm_change (customer_ids, subjects, created_at)
    SELECT told.ids::bigint[], told.subjects, %s
    FROM json_to_recordset(%s) AS told (ids text, subjects text[])
"""
_NOTE_SELECTED = """
    INSERT INTO crm_change (customer_ids, subjects, created_at)
    SELECT ids, %s, %s FROM (SELECT array_agg(DISTINCT told.id) FROM ({select}) AS told (id))
        AS every (ids) WHERE ids IS NOT NULL
"""

Told = tuple[Collection[str], Collection[int]]


def event(name: str) -> str:
    """The subject of events of that name."""
    return f"event:{name}"


def attribute(name: str) -> str:
    """The subject of an attribute."""
    return f"attribute:{name}"


def note(*, customer_ids: Collection[int], subjects: Collection[str], now: datetime) -> None:
    """Note that these subjects changed about these people; of nobody there is nothing to note."""
    note_many(told=[(subjects, customer_ids)], now=now)


def note_many(*, told: Iterable[Told], now: datetime) -> None:
    """Note what changed, each time as (subjects, customer ids), in one statement."""
    # Numbers travel as one text: quoting each takes the driver longer than PostgreSQL reads them.
    rows = [
        {"subjects": sorted(subjects), "ids": f"{{{','.join(map(str, ids))}}}"}
        for subjects, ids in told
        if subjects and ids
    ]
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute(_NOTE, [now, json.dumps(rows)])


def note_events(*, by_name: Mapping[str, Collection[int]], now: datetime) -> None:
    """Note who did what, given as the customers by the name of the event."""
    note_many(told=[((event(name),), ids) for name, ids in by_name.items()], now=now)


def note_selected(
    *, select: str, params: Sequence[Any], subjects: Collection[str], now: datetime
) -> None:
    """Note that these subjects changed about those whom a statement of ours selects."""
    with connection.cursor() as cursor:
        cursor.execute(_NOTE_SELECTED.replace("{select}", select), [list(subjects), now, *params])


def note_anybody(*, subjects: Collection[str], now: datetime) -> None:
    """Note that these subjects may have changed about anybody."""
    if not subjects:
        return
    with connection.cursor() as cursor:
        cursor.execute(_NOTE, [now, json.dumps([{"subjects": sorted(subjects), "ids": "{}"}])])
