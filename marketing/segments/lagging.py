"""How fresh each segment is: since when something waits that touches it, and what fails."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from marketing.models import Segment
from marketing.rules import RuleError

from .base import basis, subjects
from .clock import EVERY, RARELY

# What waits for longer is worth telling.
LATE = timedelta(minutes=1)

_WAITING = """
    SELECT subject, min(created_at) FROM crm_change, unnest(subjects) AS subject GROUP BY subject
"""
_RECHECKS = """
    SELECT segment_id, min(created_at) FROM marketing_segmentrecheck GROUP BY segment_id
"""


@dataclass(frozen=True, slots=True)
class Freshness:
    """How a segment stands: what it was computed from, when, and what waits."""

    segment_id: int
    computed_at: datetime | None
    seconds: float | None
    # Since when something that may move its members waits; none where it is up to date.
    waiting_since_at: datetime | None
    lag: timedelta
    error: str
    failing_since_at: datetime | None

    @property
    def state(self) -> str:
        """`failing`, `new`, `late` or `fresh`."""
        if self.error:
            return "failing"
        if self.computed_at is None:
            return "new"
        return "late" if self.lag > LATE else "fresh"


def freshness(*, now: datetime, segment_ids: Collection[int] | None = None) -> dict[int, Freshness]:
    """How every segment stands, or only these, in three statements."""
    asked = Segment.objects.all()
    if segment_ids is not None:
        asked = asked.filter(pk__in=segment_ids)
    with connection.cursor() as cursor:
        cursor.execute(_WAITING)
        waiting = dict(cursor.fetchall())
        cursor.execute(_RECHECKS)
        rechecks = dict(cursor.fetchall())
    return {
        segment.pk: _freshness(segment, waiting, rechecks.get(segment.pk), now) for segment in asked
    }


def worries(*, now: datetime) -> list[Freshness]:
    """The segments that fail or lag, the worst first."""
    found = [one for one in freshness(now=now).values() if one.state in ("failing", "late")]
    return sorted(found, key=lambda one: (one.state != "failing", -one.lag, one.segment_id))


def _freshness(
    segment: Segment, waiting: Mapping[str, datetime], recheck: datetime | None, now: datetime
) -> Freshness:
    since = [one for one in (*_since(segment, waiting, now), recheck) if one is not None]
    oldest = min(since, default=None)
    return Freshness(
        segment_id=segment.pk,
        computed_at=segment.refreshed_at,
        seconds=segment.refresh_seconds,
        waiting_since_at=oldest,
        lag=max(now - oldest, timedelta()) if oldest else timedelta(),
        error=segment.error,
        failing_since_at=segment.failing_since_at,
    )


def _since(
    segment: Segment, waiting: Mapping[str, datetime], now: datetime
) -> list[datetime | None]:
    try:
        changed = [waiting[name] for name in subjects(segment=segment) if name in waiting]
    except RuleError:
        changed = []
    found: list[datetime | None] = [*changed, segment.failing_since_at]
    if segment.refresh_wanted_at and not segment.error:
        found.append(min(segment.refresh_wanted_at, now))
    if segment.refreshed_at and segment.basis != basis(segment=segment):
        found.append(segment.refreshed_at)
    if segment.clocked_at and segment.clocked_at < now - 3 * EVERY - RARELY:
        found.append(segment.clocked_at)
    return found
