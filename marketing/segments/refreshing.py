"""Refreshing: which segments are due, and bringing members in line by one statement."""

import logging
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import Q

from marketing import signals
from marketing.models import Membership, Segment
from marketing.rules import RuleError

from .base import base, lock, time_limit
from .nesting import in_order, mentions_or_none

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh did; an error means that the members stayed as they were."""

    entered: int
    left: int
    count: int
    seconds: float
    error: str = ""


def request_refresh(*, segment_id: int, now: datetime) -> None:
    """Ask for a refresh; the next sweep makes it."""
    Segment.objects.filter(pk=segment_id).update(refresh_wanted_at=now)


def want_touched(*, kinds: tuple[str, ...], now: datetime) -> int:
    """Ask for a refresh of every rule segment that has a condition of one of the kinds."""
    paths = [f'$.**."{kind}"' for kind in kinds]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE marketing_segment SET refresh_wanted_at = %s WHERE id IN (
                SELECT id FROM marketing_segment
                WHERE kind = 'rule' AND refresh_wanted_at IS NULL
                  AND EXISTS (SELECT 1 FROM unnest(%s::jsonpath[]) AS path WHERE rules @? path)
                ORDER BY id FOR UPDATE SKIP LOCKED
            )
            """,
            [now, paths],
        )
        return int(cursor.rowcount)


def due(*, now: datetime) -> list[int]:
    """The segments to refresh now: asked for, never computed, or too old; the nested first."""
    old = now - timedelta(minutes=settings.SEGMENT_REFRESH_MINUTES)
    stale = Q(refreshed_at__isnull=True) | Q(refreshed_at__lt=old)
    found = Segment.objects.filter(Q(refresh_wanted_at__lte=now) | (stale & Q(error="")))
    return in_order(mentions={segment.pk: mentions_or_none(segment=segment) for segment in found})


def refresh_due(*, now: datetime) -> dict[int, Refreshed]:
    """Refresh every segment that is due, one after another."""
    return {pk: refresh(segment_id=pk, now=now) for pk in due(now=now)}


def refresh(*, segment_id: int, now: datetime) -> Refreshed:
    """Bring the members in line with the rules; locks the segment's members while it writes.

    Readers see the old members until the new ones are there. A rule that fails or takes too long
    leaves them as they are and its error on the segment.
    """
    started = time.perf_counter()
    try:
        with transaction.atomic(), time_limit():
            lock(segment_id=segment_id)
            segment = Segment.objects.get(pk=segment_id)
            entered, left, count = _replace_members(segment, now)
            refreshed = Refreshed(entered, left, count, time.perf_counter() - started)
            _record(segment, refreshed, now)
    except (RuleError, DatabaseError) as error:
        logger.warning("Segment %s could not be refreshed: %s", segment_id, type(error).__name__)
        return _record_failure(segment_id, error, started, now)
    return refreshed


_REPLACE = """
    WITH base AS MATERIALIZED ({base}),
    override AS (
        SELECT customer_id, mode FROM marketing_segmentoverride
        WHERE segment_id = %s AND lifted_at IS NULL AND (expires_at IS NULL OR expires_at > %s)
    ),
    wanted AS MATERIALIZED (
        (SELECT id FROM base UNION SELECT customer_id FROM override WHERE mode = 'include')
        EXCEPT SELECT customer_id FROM override WHERE mode = 'exclude'
    ),
    gone AS (
        DELETE FROM marketing_membership m
        WHERE m.segment_id = %s
          AND NOT EXISTS (SELECT 1 FROM wanted w WHERE w.id = m.customer_id)
        RETURNING 1
    ),
    came AS (
        INSERT INTO marketing_membership (segment_id, customer_id, entered_at)
        SELECT %s, w.id, %s FROM wanted w
        WHERE NOT EXISTS (
            SELECT 1 FROM marketing_membership m
            WHERE m.segment_id = %s AND m.customer_id = w.id
        )
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM came), (SELECT count(*) FROM gone), (SELECT count(*) FROM wanted)
"""


def _replace_members(segment: Segment, now: datetime) -> tuple[int, int, int]:
    compiled = base(segment=segment, now=now)
    params = [*compiled.params, segment.pk, now, segment.pk, segment.pk, now, segment.pk]
    with connection.cursor() as cursor:
        # The rules' own text comes from our conditions; what people wrote travels in params.
        cursor.execute(_REPLACE.replace("{base}", compiled.sql), params)
        entered, left, count = cursor.fetchone()
    return entered, left, count


def _record(segment: Segment, refreshed: Refreshed, now: datetime) -> None:
    """Keep the figures; a wish that came while computing stays for the next sweep."""
    kept = Segment.objects.filter(pk=segment.pk)
    kept.update(
        member_count=refreshed.count,
        refreshed_at=now,
        refresh_seconds=refreshed.seconds,
        error="",
    )
    kept.filter(refresh_wanted_at=segment.refresh_wanted_at).update(refresh_wanted_at=None)
    if not (refreshed.entered or refreshed.left):
        return
    _want_dependants(segment.pk, now)
    announce = partial(
        signals.segment_refreshed.send,
        sender=Segment,
        segment_id=segment.pk,
        entered=refreshed.entered,
        left=refreshed.left,
    )
    transaction.on_commit(announce, robust=True)


def _record_failure(segment_id: int, error: Exception, started: float, now: datetime) -> Refreshed:
    said = str(error).strip().splitlines()[0][:500] or type(error).__name__
    # Wanted again later, so that a broken segment is not tried with every sweep.
    again = now + timedelta(minutes=settings.SEGMENT_REFRESH_MINUTES)
    Segment.objects.filter(pk=segment_id).update(error=said, refresh_wanted_at=again)
    count = Membership.objects.filter(segment_id=segment_id).count()
    return Refreshed(0, 0, count, time.perf_counter() - started, said)


def _want_dependants(segment_id: int, now: datetime) -> None:
    path = f"$.**.segment ? (@ == {int(segment_id)})"
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE marketing_segment SET refresh_wanted_at = %s"
            " WHERE kind = 'rule' AND rules @? %s::jsonpath",
            [now, path],
        )
