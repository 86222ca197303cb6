"""What became of a segment: how large it was, who came and went."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import QuerySet

from marketing.models import SegmentMove, SegmentSize

# Hours are kept this long; of older days only the last hour is, with the sums of the day.
HOURS_KEPT = timedelta(days=31)
# Who came and went is kept this long.
MOVES_KEPT = timedelta(days=365)
_SLICE = 50_000
DAY, WEEK = timedelta(days=1), timedelta(days=7)

_SAMPLE = """
    INSERT INTO marketing_segmentsize (segment_id, hour_at, members, entered, "left")
    SELECT id, date_trunc('hour', %s::timestamptz, 'UTC'), member_count, 0, 0
    FROM marketing_segment WHERE refreshed_at IS NOT NULL
    ON CONFLICT (segment_id, hour_at) DO UPDATE SET members = excluded.members
"""
_FOLD = """
    WITH old AS (
        DELETE FROM marketing_segmentsize WHERE hour_at < date_trunc('day', %s::timestamptz, 'UTC')
            AND hour_at <> date_trunc('day', hour_at, 'UTC')
        RETURNING segment_id, date_trunc('day', hour_at, 'UTC') AS day_at, hour_at, members,
            entered, "left"
    )
    INSERT INTO marketing_segmentsize AS held (segment_id, hour_at, members, entered, "left")
    SELECT segment_id, day_at, (array_agg(members ORDER BY hour_at DESC))[1], sum(entered),
        sum("left")
    FROM old GROUP BY segment_id, day_at
    ON CONFLICT (segment_id, hour_at) DO UPDATE SET members = excluded.members,
        entered = held.entered + excluded.entered, "left" = held."left" + excluded."left"
"""
_FORGET = """
    DELETE FROM marketing_segmentmove WHERE id IN (
        SELECT id FROM marketing_segmentmove WHERE moved_at < %s ORDER BY id LIMIT %s
    )
"""


_FLOW = """
    SELECT coalesce(sum(entered) FILTER (WHERE hour_at > %(day)s), 0),
        coalesce(sum("left") FILTER (WHERE hour_at > %(day)s), 0),
        coalesce(sum(entered), 0), coalesce(sum("left"), 0)
    FROM marketing_segmentsize WHERE segment_id = %(segment)s AND hour_at > %(week)s
"""


@dataclass(frozen=True, slots=True)
class Flow:
    """How many came and went in the last 24 hours and in the last seven days, by whole hours."""

    entered_day: int = 0
    left_day: int = 0
    entered_week: int = 0
    left_week: int = 0


def sample(*, now: datetime) -> None:
    """Keep how large every segment is this hour, and fold hours that are old into days."""
    with connection.cursor() as cursor:
        cursor.execute(_SAMPLE, [now])
        cursor.execute(_FOLD, [now - HOURS_KEPT])
        cursor.execute(_FORGET, [now - MOVES_KEPT, _SLICE])


def sizes(*, segment_id: int, since_at: datetime) -> QuerySet[SegmentSize]:
    """How large a segment was hour by hour, the earliest first."""
    found = SegmentSize.objects.filter(segment_id=segment_id, hour_at__gte=since_at)
    return found.order_by("hour_at")


def moves(*, segment_id: int) -> QuerySet[SegmentMove]:
    """Who came and went, the latest first, with the customers."""
    return SegmentMove.objects.filter(segment_id=segment_id).select_related("customer")


def flow(*, segment_id: int, now: datetime) -> Flow:
    """How many came into a segment and left it lately."""
    with connection.cursor() as cursor:
        cursor.execute(_FLOW, {"segment": segment_id, "day": now - DAY, "week": now - WEEK})
        return Flow(*(cursor.fetchone() or ()))
