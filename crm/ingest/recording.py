"""Writing a chunk of facts: customers, events, what follows from them, in one transaction."""

import re
from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from django.db import IntegrityError, connection, transaction

from crm import commerce
from crm.ingest import companies_of, people
from crm.ingest.facts import STATEFUL, Fact, Reject
from crm.models import ApiKey, Event, RejectedEvent
from crm.signals import announce, events_recorded

_COLUMNS = "(id, customer_id, name, occurred_at, received_at, properties, key)"
_DRAW = "SELECT nextval('crm_event_id_seq') FROM generate_series(1, %s)"
_COPY = f"COPY crm_event {_COLUMNS} FROM STDIN"
_ASIDE = """
    CREATE TEMPORARY TABLE IF NOT EXISTS told_event (
        id bigint, customer_id bigint, name text, occurred_at timestamptz,
        received_at timestamptz, properties jsonb, key text
    ) ON COMMIT DELETE ROWS
"""
_COPY_ASIDE = f"COPY told_event {_COLUMNS} FROM STDIN"
_INSERT = f"""
    INSERT INTO crm_event {_COLUMNS}
    SELECT id, customer_id, name, occurred_at, received_at, properties, key FROM told_event
    ON CONFLICT (key) DO NOTHING RETURNING id
"""  # noqa: S608 - our own column names
_LEAVE = "INSERT INTO crm_eventbatch (event_ids, created_at) VALUES (%s::bigint[], %s)"
_KNOWN = "SELECT key FROM crm_event WHERE key = ANY(%s)"
_Write = Callable[[Sequence[Fact], Sequence[int], Sequence[int]], Collection[int]]
_SPECIAL = re.compile(r"[\\\t\n\r]")
_PIECE = 500


@transaction.atomic
def record(*, facts: Sequence[Fact], now: datetime) -> int:
    """Record facts that are probably new; raises IntegrityError where a key is known."""
    return _record(facts, now, _copy)


@transaction.atomic
def record_unknown(*, facts: Sequence[Fact], now: datetime) -> int:
    """Record those facts whose keys are not known yet."""
    return _record(facts, now, _insert)


def record_rejects(*, rejects: Sequence[Reject]) -> None:
    """Keep what could not be recorded, once."""
    known = set(
        ApiKey.objects.filter(pk__in={one.key_id for one in rejects}).values_list("pk", flat=True)
    )
    rows = [
        RejectedEvent(
            key=one.key[:200],
            source_id=one.key_id if one.key_id in known else None,
            reason=one.reason,
            detail=one.detail.replace("\0", "\ufffd")[:500],
            payload=one.payload.decode("utf-8", "replace").replace("\0", "\ufffd"),
            received_at=one.received_at,
        )
        for one in rejects
    ]
    RejectedEvent.objects.bulk_create(rows, ignore_conflicts=True, batch_size=1000)


def is_known_key(*, error: IntegrityError) -> bool:
    """Whether an event was told before, rather than a customer merged away meanwhile."""
    return getattr(error.__cause__, "sqlstate", "") == "23505"


def _record(facts: Sequence[Fact], now: datetime, write: _Write) -> int:
    distinct = list({fact.key: fact for fact in reversed(facts)}.values())[::-1]
    new = _without_known(distinct)
    if not new:
        return 0
    customer_ids = people.resolve(facts=new, now=now)
    event_ids = _draw(len(new))
    recorded = write(new, event_ids, customer_ids)
    if not recorded:
        return 0
    _follow_up(
        [
            (fact, customer_id)
            for fact, event_id, customer_id in zip(new, event_ids, customer_ids, strict=True)
            if event_id in recorded
        ],
        now,
    )
    recorded_ids = sorted(recorded)
    _leave_for_later(recorded_ids, now)
    announce(
        events_recorded,
        sender=Event,
        event_ids=recorded_ids,
        customer_ids=sorted(set(customer_ids)),
    )
    return len(recorded)


def _leave_for_later(event_ids: Sequence[int], now: datetime) -> None:
    """Thousands of numbers as one word: quoting each costs more than reading them all."""
    numbers = ",".join(map(str, event_ids))
    with connection.cursor() as cursor:
        cursor.execute(_LEAVE, [f"{{{numbers}}}", now])


def _follow_up(recorded: Sequence[tuple[Fact, int]], now: datetime) -> None:
    deeds = [
        commerce.Deed(
            customer_id=customer_id,
            name=fact.name,
            occurred_at=fact.occurred_at,
            key=fact.key,
            properties=fact.told,
        )
        for fact, customer_id in recorded
        if fact.name in commerce.TELLING
    ]
    if deeds:
        commerce.take_in(deeds=deeds, now=now)
    joined = [one for one in recorded if one[0].kind == "group"]
    if joined:
        companies_of.join(told=joined, now=now)


def _without_known(facts: Sequence[Fact]) -> list[Fact]:
    """Old calls that would change a customer again are left out before they do."""
    keys = [fact.key for fact in facts if fact.kind in STATEFUL]
    if not keys:
        return list(facts)
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, [keys])
        known = {key for (key,) in cursor.fetchall()}
    return [fact for fact in facts if fact.key not in known] if known else list(facts)


def _draw(count: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(_DRAW, [count])
        return [event_id for (event_id,) in cursor.fetchall()]


# --- Copying ------------------------------------------------------------------------------------


def _copy(
    facts: Sequence[Fact], event_ids: Sequence[int], customer_ids: Sequence[int]
) -> Collection[int]:
    _stream(_COPY, facts, event_ids, customer_ids)
    return set(event_ids)


def _insert(
    facts: Sequence[Fact], event_ids: Sequence[int], customer_ids: Sequence[int]
) -> Collection[int]:
    with connection.cursor() as cursor:
        cursor.execute(_ASIDE)
    _stream(_COPY_ASIDE, facts, event_ids, customer_ids)
    with connection.cursor() as cursor:
        cursor.execute(_INSERT)
        return {event_id for (event_id,) in cursor.fetchall()}


def _stream(
    statement: str, facts: Sequence[Fact], event_ids: Sequence[int], customer_ids: Sequence[int]
) -> None:
    moments: dict[datetime, bytes] = {}
    words: dict[str, bytes] = {}
    rows = [
        _row(fact, event_id, customer_id, moments, words)
        for fact, event_id, customer_id in zip(facts, event_ids, customer_ids, strict=True)
    ]
    with (
        connection.cursor() as cursor,
        connection.wrap_database_errors,
        cursor.copy(statement) as copy,
    ):
        # In pieces, so that the driver keeps no second copy of the whole chunk.
        for start in range(0, len(rows), _PIECE):
            copy.write(b"".join(rows[start : start + _PIECE]))


def _row(
    fact: Fact,
    event_id: int,
    customer_id: int,
    moments: dict[datetime, bytes],
    words: dict[str, bytes],
) -> bytes:
    """One line of COPY; moments and names come again and again and are written once."""
    received = moments.get(fact.received_at)
    if received is None:
        received = moments[fact.received_at] = _moment(fact.received_at)
    name = words.get(fact.name)
    if name is None:
        name = words[fact.name] = _escaped(fact.name)
    return b"%d\t%d\t%b\t%b\t%b\t%b\t%b\n" % (
        event_id,
        customer_id,
        name,
        _moment(fact.occurred_at),
        received,
        _json(fact.properties),
        _escaped(fact.key),
    )


def _moment(at: datetime) -> bytes:
    return at.isoformat().encode()


def _escaped(text: str) -> bytes:
    if _SPECIAL.search(text):
        text = text.replace("\\", "\\\\").replace("\t", "\\t")
        text = text.replace("\n", "\\n").replace("\r", "\\r")
    return text.encode()


def _json(raw: bytes) -> bytes:
    """JSON for COPY's text format; between its parts white space is white space."""
    if b"\\" in raw:
        raw = raw.replace(b"\\", b"\\\\")
    if b"\n" in raw or b"\t" in raw or b"\r" in raw:
        raw = raw.translate(_ONE_LINE)
    return raw


_ONE_LINE = bytes.maketrans(b"\n\t\r", b"   ")
