"""Counting: what was seen becomes first times, events and days of links, thousands at a time.

What is no person's is kept with its reason and counts nowhere. All of it is one transaction, with
the mark of how far the spool was read: whatever dies, nothing is counted twice.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from django.db import connection, transaction

from crm import changes, events, messages
from crm.choices import MessageState
from crm.messages import Settlement
from crm.rendering.slots import SLOT_SPAN
from crm.tracking import judging, modes
from crm.tracking.leading import links_of
from crm.tracking.sightings import Sighting
from crm.tracking_choices import SightingKind, TrackingMode

_LETTERS = """
    SELECT m.id, m.customer_id, m.state, m.channel, m.template_version_id, m.sent_at,
           (SELECT last_at FROM crm_uncountedsighting
            WHERE message_id = m.id AND kind = 'clicked' AND reason = 'trapped'),
           m.source_kind, m.source_id, coalesce(t.tracking, ''),
           (SELECT min(mode) FROM crm_trackingrefusal WHERE customer_id = m.customer_id
            AND mode = 'off'),
           (SELECT min(mode) FROM crm_trackingrefusal WHERE customer_id = m.customer_id)
    FROM crm_message m
    LEFT JOIN crm_templateversion v ON v.id = m.template_version_id
    LEFT JOIN crm_template t ON t.id = v.template_id
    WHERE m.id = ANY(%s)
    ORDER BY m.id FOR NO KEY UPDATE OF m
"""
# Where in such a row the source of the message stands.
_SOURCE = slice(7, 9)
_FIRST = """
    UPDATE crm_message m SET
        opened_at = coalesce(least(m.opened_at, told.opened_at), m.opened_at, told.opened_at),
        clicked_at = coalesce(least(m.clicked_at, told.clicked_at), m.clicked_at, told.clicked_at)
    FROM json_to_recordset(%s) AS told (id bigint, opened_at timestamptz, clicked_at timestamptz)
    WHERE m.id = told.id AND (
        told.opened_at < m.opened_at OR told.clicked_at < m.clicked_at
        OR (told.opened_at IS NOT NULL AND m.opened_at IS NULL)
        OR (told.clicked_at IS NOT NULL AND m.clicked_at IS NULL)
    )
    RETURNING m.customer_id
"""
_DAYS = """
    INSERT INTO crm_linkday AS held (version_id, position, seen_date, people, programs)
    SELECT version_id, position, seen_date, people, programs FROM json_to_recordset(%s) AS told
        (version_id bigint, position int, seen_date date, people int, programs int)
    ORDER BY 1, 2, 3
    ON CONFLICT (version_id, position, seen_date) DO UPDATE SET
        people = held.people + excluded.people, programs = held.programs + excluded.programs
"""
_UNCOUNTED = """
    INSERT INTO crm_uncountedsighting AS held
        (message_id, kind, reason, times, agent, first_at, last_at)
    SELECT message_id, kind, reason, times, agent, first_at, last_at
    FROM json_to_recordset(%s) AS told (message_id bigint, kind text, reason text, times int,
        agent text, first_at timestamptz, last_at timestamptz)
    ORDER BY 1, 2, 3
    ON CONFLICT (message_id, kind, reason) DO UPDATE SET
        times = held.times + excluded.times, agent = excluded.agent,
        first_at = least(held.first_at, excluded.first_at),
        last_at = greatest(held.last_at, excluded.last_at)
"""


@dataclass(frozen=True, slots=True)
class _Letter:
    """The message that something was done with, and how much of it is noted."""

    id: int
    customer_id: int
    state: str
    channel: str
    version_id: int | None
    sent_at: datetime | None
    trapped_at: datetime | None
    mode: str


@dataclass(frozen=True, slots=True)
class _Judged:
    """One sighting, its message, and why it does not count."""

    seen: Sighting
    letter: _Letter
    reason: str


@transaction.atomic
def record(*, seen: Sequence[Sighting], now: datetime) -> int:
    """Count what was seen; gives how many of them were people's.

    Locks the messages in the order of their ids. What belongs to no message is left out. Raises
    `events.CustomerGone` where somebody is merged away meanwhile.
    """
    letters = _letters({one.message_id for one in seen})
    known = [one for one in seen if one.message_id in letters]
    why = judging.reasons(
        seen=known,
        sent={letter.id: letter.sent_at for letter in letters.values()},
        count_links=lambda message_id: _links(letters[message_id]),
        trapped={letter.id: letter.trapped_at for letter in letters.values()},
    )
    judged = [
        _Judged(one, letters[one.message_id], reason)
        for one, reason in zip(known, why, strict=True)
    ]
    _settle_doubts(letters.values(), now)
    noted = [one for one in judged if one.letter.mode != TrackingMode.OFF]
    named = [one for one in noted if one.letter.mode == TrackingMode.PERSONAL]
    people = [one for one in named if not one.reason]
    _run(_DAYS, _days(noted))
    _run(_UNCOUNTED, _uncounted([one for one in named if one.reason]))
    moved = {customer_id for (customer_id,) in _run(_FIRST, _first_times(people))}
    changes.note(customer_ids=moved, subjects=(changes.MESSAGE,), now=now)
    events.record_many(events=list(_events(people)), now=now)
    return len(people)


def _letters(message_ids: set[int]) -> dict[int, _Letter]:
    with connection.cursor() as cursor:
        cursor.execute(_LETTERS, [sorted(message_ids)])
        rows = cursor.fetchall()
    limits = modes.limits(sources={row[_SOURCE] for row in rows})
    return {row[0]: _letter(row, limits.get(row[_SOURCE], "")) for row in rows}


def _letter(row: tuple[Any, ...], limit: str) -> _Letter:
    letter_id, customer_id, state, channel, version_id, sent_at, trapped_at, _, _, *words = row
    mode = modes.strictest(modes=[limit, *(word or "" for word in words)])
    return _Letter(letter_id, customer_id, state, channel, version_id, sent_at, trapped_at, mode)


def _links(letter: _Letter) -> int:
    return len(links_of(version_id=letter.version_id)) if letter.version_id else 0


def _settle_doubts(letters: Any, now: datetime) -> None:
    """Whoever opens or follows a message, even a machine, has got it."""
    outcomes = [
        Settlement(letter.id, MessageState.DELIVERED)
        for letter in letters
        if letter.state in (MessageState.IN_DOUBT, MessageState.SENDING)
    ]
    messages.settle_many(outcomes=outcomes, now=now)


def _run(statement: str, rows: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    if not rows:
        return []
    with connection.cursor() as cursor:
        cursor.execute(statement, [json.dumps(rows, default=str)])
        return list(cursor.fetchall()) if cursor.description else []


def _days(judged: Sequence[_Judged]) -> list[dict[str, Any]]:
    counts: defaultdict[tuple[int, int, date], Counter[str]] = defaultdict(Counter)
    for one in judged:
        if one.letter.version_id is not None and not judging.is_trap(sighting=one.seen):
            position = one.seen.position % SLOT_SPAN
            day = one.seen.seen_at.astimezone(UTC).date()
            whose = "programs" if one.reason else "people"
            counts[one.letter.version_id, position, day][whose] += 1
    return [
        {
            "version_id": version_id,
            "position": position,
            "seen_date": day,
            "people": count["people"],
            "programs": count["programs"],
        }
        for (version_id, position, day), count in counts.items()
    ]


def _uncounted(judged: Sequence[_Judged]) -> list[dict[str, Any]]:
    groups: defaultdict[tuple[int, str, str], list[Sighting]] = defaultdict(list)
    for one in judged:
        groups[one.letter.id, one.seen.kind, one.reason].append(one.seen)
    return [
        {
            "message_id": message_id,
            "kind": kind,
            "reason": reason,
            "times": len(seen),
            "agent": seen[-1].agent,
            "first_at": min(one.seen_at for one in seen),
            "last_at": max(one.seen_at for one in seen),
        }
        for (message_id, kind, reason), seen in groups.items()
    ]


def _first_times(judged: Sequence[_Judged]) -> list[dict[str, Any]]:
    first: defaultdict[int, dict[str, datetime]] = defaultdict(dict)
    for one in judged:
        times, seen = first[one.letter.id], one.seen
        column = f"{seen.kind}_at"
        times[column] = min(times.get(column, seen.seen_at), seen.seen_at)
    return [{"id": message_id, **times} for message_id, times in first.items()]


def _events(judged: Sequence[_Judged]) -> Iterator[events.NewEvent]:
    """An opening is told once, and so is each link; the first of several in one batch."""
    first: dict[str, events.NewEvent] = {}
    for one in sorted(judged, key=lambda one: one.seen.seen_at):
        seen, letter = one.seen, one.letter
        is_click = seen.kind == SightingKind.CLICKED
        which = f":{seen.position}" if is_click else ""
        detail = {"url": seen.url, "position": seen.position} if is_click else {}
        key = f"message:{letter.id}:{seen.kind}{which}"
        first.setdefault(
            key,
            events.NewEvent(
                customer_id=letter.customer_id,
                name=f"message.{seen.kind}",
                occurred_at=seen.seen_at,
                key=key,
                properties={"message_id": letter.id, "channel": letter.channel, **detail},
            ),
        )
    yield from first.values()
