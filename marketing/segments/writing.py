"""Bringing members in line with what is asked, of everybody or among some, by one statement."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.db import connection, transaction
from django.dispatch import Signal

from marketing import signals
from marketing.choices import MoveCause
from marketing.models import Segment
from marketing.rules import Compiled

from .base import base

# Customers are held before anything of theirs is written, and whoever is held for good by others
# (who merge or erase them, and move or delete memberships) is left for later: so nobody waits for
# one another in a circle, and no membership is left behind. Who leaves is only looked for where the
# numbers say that somebody does.
_WRITE = """
    WITH base AS MATERIALIZED ({base}),
    override AS MATERIALIZED (
        SELECT customer_id, mode FROM marketing_segmentoverride
        WHERE segment_id = %(segment)s AND lifted_at IS NULL
          AND (expires_at IS NULL OR expires_at > %(now)s) {cut}
    ),
    wanted AS MATERIALIZED (
        SELECT id FROM base WHERE id NOT IN (SELECT customer_id FROM override)
        UNION ALL SELECT customer_id FROM override WHERE mode = 'include'
    ),
    member AS MATERIALIZED (
        SELECT m.customer_id AS id FROM marketing_membership m
        WHERE m.segment_id = %(segment)s {cut}
    ),
    comes AS MATERIALIZED (SELECT id FROM wanted EXCEPT SELECT id FROM member),
    lost AS MATERIALIZED (
        SELECT (SELECT count(*) FROM member)
            > (SELECT count(*) FROM wanted) - (SELECT count(*) FROM comes) AS are_any
    ),
    leaves AS MATERIALIZED (
        SELECT id FROM member WHERE (SELECT are_any FROM lost)
        EXCEPT SELECT id FROM wanted WHERE (SELECT are_any FROM lost)
    ),
    held AS MATERIALIZED (
        SELECT c.id FROM crm_customer c
        WHERE c.id = ANY(ARRAY(SELECT id FROM comes UNION ALL SELECT id FROM leaves))
        ORDER BY c.id FOR KEY SHARE SKIP LOCKED
    ),
    came AS (
        INSERT INTO marketing_membership (segment_id, customer_id, entered_at)
        SELECT %(segment)s, id, %(now)s
        FROM (SELECT id FROM held INTERSECT SELECT id FROM comes) AS coming
        ON CONFLICT (segment_id, customer_id) DO NOTHING
        RETURNING customer_id
    ),
    gone AS (
        DELETE FROM marketing_membership m
        WHERE m.segment_id = %(segment)s
          AND m.customer_id = ANY(ARRAY(SELECT id FROM held INTERSECT SELECT id FROM leaves))
        RETURNING m.customer_id
    ),
    moved AS (
        INSERT INTO marketing_segmentmove (segment_id, customer_id, moved_at, is_entry, cause)
        SELECT %(segment)s, customer_id, %(now)s, is_entry,
            CASE WHEN customer_id = ANY(%(clocked)s::bigint[]) THEN 'clock' ELSE %(cause)s END
        FROM (
            SELECT customer_id, true AS is_entry FROM came
            UNION ALL SELECT customer_id, false FROM gone
        ) AS moving WHERE %(tell)s
    )
    SELECT (SELECT count(*) FROM wanted), (SELECT count(*) FROM came), (SELECT count(*) FROM gone),
        CASE WHEN %(tell)s THEN (SELECT array_agg(customer_id) FROM came) END,
        CASE WHEN %(tell)s THEN (SELECT array_agg(customer_id) FROM gone) END,
        (SELECT array_agg(id) FROM (
            SELECT id FROM comes UNION ALL SELECT id FROM leaves EXCEPT SELECT id FROM held
        ) AS busy JOIN crm_customer c USING (id))
"""

# Ours are named in the text and go by place in the end: those of the rules come before them.
_NAMED = re.compile(r"%\((\w+)\)s")

_SIZES = """
    INSERT INTO marketing_segmentsize AS held (segment_id, hour_at, members, entered, "left")
    SELECT s.id, date_trunc('hour', %s::timestamptz, 'UTC'), s.member_count,
        greatest(told.entered, 0), greatest(told.gone, 0)
    FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS told (id, entered, gone)
    JOIN marketing_segment s ON s.id = told.id
    ON CONFLICT (segment_id, hour_at) DO UPDATE SET members = excluded.members,
        entered = held.entered + excluded.entered, "left" = held."left" + excluded."left"
"""


@dataclass(frozen=True, slots=True)
class Moves:
    """Who came and who left; `came` and `gone` name them only where moves are told of."""

    wanted: int
    entered: int
    left: int
    came: Sequence[int] = ()
    gone: Sequence[int] = ()
    # Held by somebody who merges or erases them; to be looked at again.
    busy: Sequence[int] = ()

    @property
    def everybody(self) -> set[int]:
        """All who moved and are told of."""
        return {*self.came, *self.gone}


def bring_in_line(
    *,
    segment: Segment,
    now: datetime,
    cause: MoveCause,
    among: Sequence[int] | None = None,
    clocked: Collection[int] = (),
    compiled: Compiled | None = None,
) -> Moves:
    """Let the members be those whom the segment asks for, of all or among some.

    The caller holds the segment's members. Whoever is found when a segment is computed for the
    first time was there before it, and has not moved. What the segment asks may be given compiled.
    """
    compiled = compiled or base(segment=segment, now=now, among=among)
    values = {
        "segment": segment.pk,
        "now": now,
        "among": numbers(ids=among or ()),
        "clocked": numbers(ids=clocked),
        "cause": cause.value,
        "tell": bool(segment.basis),
    }
    cut = "" if among is None else "AND customer_id = ANY(%(among)s::bigint[])"
    ours = _WRITE.replace("{cut}", cut)
    params = [*compiled.params, *(values[name] for name in _NAMED.findall(ours))]
    with connection.cursor() as cursor:
        # The rules' own text comes from our conditions; what people wrote travels in params.
        cursor.execute(_NAMED.sub("%s", ours).replace("{base}", compiled.sql), params)
        row = cursor.fetchone()
    wanted, entered, left, came, gone, busy = row
    return Moves(wanted, entered, left, came or (), gone or (), busy or ())


def note_sizes(*, moved: dict[int, tuple[int, int]], now: datetime) -> None:
    """Add to what the hour saw: by segment, how many came and left; the counts are written."""
    if not moved:
        return
    entered, left = ([pair[at] for pair in moved.values()] for at in (0, 1))
    with connection.cursor() as cursor:
        cursor.execute(_SIZES, [now, list(moved), entered, left])


def announce(*, segment_id: int, moves: Moves, cause: MoveCause) -> None:
    """Say once, after the commit, who came and who left."""
    told: list[tuple[Signal, Sequence[int]]] = [
        (signals.segment_entered, moves.came),
        (signals.segment_left, moves.gone),
    ]
    for signal, customer_ids in told:
        if customer_ids:
            news = {"segment_id": segment_id, "customer_ids": list(customer_ids), "cause": cause}
            transaction.on_commit(partial(signal.send, sender=Segment, **news), robust=True)


def numbers(*, ids: Iterable[int]) -> str:
    """Numbers as one text: quoting each takes the driver longer than PostgreSQL reads them."""
    return f"{{{','.join(map(str, ids))}}}"
