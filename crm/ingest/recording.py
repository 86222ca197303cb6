"""Writing a chunk of facts: customers, events, what follows from them, in one transaction."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, connection, transaction

from crm import changes, commerce
from crm.ingest import companies_of, people
from crm.ingest.facts import NAMES, STATEFUL, Fact, Reject
from crm.models import ApiKey, Event, RejectedEvent
from crm.signals import announce, events_recorded

_COLUMNS = "(id, customer_id, name, occurred_at, received_at, properties, key)"
_DRAW = "SELECT string_agg(nextval('crm_event_id_seq')::text, ',') FROM generate_series(1, %s)"
# What follows from the events (roll-ups, webhooks) is drawn soon, from the numbers left here.
_DRAW_AND_LEAVE = """
    INSERT INTO crm_eventbatch (event_ids, created_at)
    SELECT array_agg(nextval('crm_event_id_seq')), %s FROM generate_series(1, %s)
    RETURNING array_to_string(event_ids, ',')
"""
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
_PIECE = 500
# After these there is more to do than to record them.
_FOLLOWED = commerce.TELLING | {NAMES["group"]}


# Writes facts for their customers, and tells which are new: the number of each by its place.
_Write = Callable[[Sequence[Fact], Sequence[int], datetime], Mapping[int, int]]
_Told = tuple[Fact, int]


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
    new = _without_known(_distinct(facts))
    if not new:
        return 0
    customer_ids = people.resolve(facts=new, now=now)
    recorded = write(new, customer_ids, now)
    if not recorded:
        return 0
    telling = [
        (new[place], customer_ids[place]) for place in recorded if new[place].name in _FOLLOWED
    ]
    if telling:
        _follow_up(telling, now)
    by_name: defaultdict[str, set[int]] = defaultdict(set)
    for place in recorded:
        by_name[new[place].name].add(customer_ids[place])
    changes.note_events(by_name=by_name, now=now)
    announce(
        events_recorded,
        sender=Event,
        event_ids=list(recorded.values()),
        customer_ids=sorted(set().union(*by_name.values())),
    )
    return len(recorded)


def _distinct(facts: Sequence[Fact]) -> Sequence[Fact]:
    """Each key once, as it was told first."""
    first: dict[str, Fact] = {}
    for fact in facts:
        first.setdefault(fact.key, fact)
    return list(first.values())


def _follow_up(told: Sequence[_Told], now: datetime) -> None:
    deeds = [_deed(*one) for one in _without_echoes(told) if one[0].name in commerce.TELLING]
    if deeds:
        commerce.take_in(deeds=deeds, now=now)
    joined = [one for one in told if one[0].kind == "group"]
    if joined:
        companies_of.join(told=joined, now=now)


def _without_echoes(told: Sequence[_Told]) -> Sequence[_Told]:
    """Many look at one product: what all of them say about it is read once, the last time."""
    last: dict[object, _Told] = {}
    for one in told:
        fact, _ = one
        echo = fact.key if fact.name in commerce.ABOUT_ORDERS else (fact.name, fact.properties)
        last.pop(echo, None)
        last[echo] = one
    return list(last.values())


def _deed(fact: Fact, customer_id: int) -> commerce.Deed:
    return commerce.Deed(
        customer_id=customer_id,
        name=fact.name,
        occurred_at=fact.occurred_at,
        key=fact.key,
        properties=fact.told,
    )


def _without_known(facts: Sequence[Fact]) -> list[Fact]:
    """Old calls that would change a customer again are left out before they do."""
    keys = [fact.key for fact in facts if fact.kind in STATEFUL]
    if not keys:
        return list(facts)
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, [keys])
        known = {key for (key,) in cursor.fetchall()}
    return [fact for fact in facts if fact.key not in known] if known else list(facts)


# --- Copying ------------------------------------------------------------------------------------


def _copy(facts: Sequence[Fact], customer_ids: Sequence[int], now: datetime) -> Mapping[int, int]:
    numbers = _numbers(_DRAW_AND_LEAVE, now, len(facts))
    _stream(_COPY, facts, numbers, customer_ids)
    return dict(enumerate(map(int, numbers)))


def _insert(facts: Sequence[Fact], customer_ids: Sequence[int], now: datetime) -> Mapping[int, int]:
    numbers = _numbers(_DRAW, len(facts))
    with connection.cursor() as cursor:
        cursor.execute(_ASIDE)
    _stream(_COPY_ASIDE, facts, numbers, customer_ids)
    with connection.cursor() as cursor:
        cursor.execute(_INSERT)
        new = {event_id for (event_id,) in cursor.fetchall()}
        if new:
            cursor.execute(_LEAVE, [sorted(new), now])
    return {place: int(number) for place, number in enumerate(numbers) if int(number) in new}


def _numbers(statement: str, *parameters: Any) -> list[bytes]:
    """Thousands of numbers as one text: fetching each costs more than splitting them."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        [drawn] = cursor.fetchone() or [""]
    return str(drawn).encode().split(b",")


def _stream(
    statement: str, facts: Sequence[Fact], numbers: Sequence[bytes], customer_ids: Sequence[int]
) -> None:
    rows = [
        b"%b\t%d\t%b" % (number, customer_id, fact.line)
        for number, customer_id, fact in zip(numbers, customer_ids, facts, strict=True)
    ]
    with (
        connection.cursor() as cursor,
        connection.wrap_database_errors,
        cursor.copy(statement) as copy,
    ):
        # In pieces, so that the driver keeps no second copy of the whole chunk.
        for start in range(0, len(rows), _PIECE):
            copy.write(b"".join(rows[start : start + _PIECE]))
