"""Refreshing: which segments are due, and computing all members anew by one statement."""

import logging
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection, transaction

from crm import changes, planner
from marketing import signals
from marketing.choices import MoveCause
from marketing.models import Membership, Segment, SegmentRecheck
from marketing.rules import RuleError

from . import writing
from .base import basis, lock, time_limit
from .nesting import in_levels, mentions_or_none
from .writing import Moves

logger = logging.getLogger(__name__)

_LOCK = 0x5E62
# What fails is tried again after this long.
RETRY = timedelta(minutes=15)
# Changes too wide to be followed one by one ask for a refresh at most this often, and so that
# a segment is not computed more than a tenth of the time.
_REST = timedelta(seconds=60)
_REST_PER_SECOND = 10
# More people than this are not named to the segments that depend on this one.
_NAMED = 20_000

_WANT = """
    UPDATE marketing_segment SET refresh_wanted_at = greatest(
        %s::timestamptz,
        refreshed_at + greatest(%s::interval, refresh_seconds * %s * interval '1 second')
    )
    WHERE id = ANY(%s) AND refresh_wanted_at IS NULL
"""


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


def want_refresh(*, segment_ids: Collection[int], now: datetime) -> None:
    """Ask for refreshes of segments that changes touch too widely, with a rest between two."""
    if segment_ids:
        with connection.cursor() as cursor:
            rest: Any = _REST
            cursor.execute(_WANT, [now, rest, _REST_PER_SECOND, sorted(segment_ids)])


def due(*, now: datetime) -> list[int]:
    """The segments to refresh now: asked for, never computed, of other rules, or too old.

    The nested come first. What fails waits for its next try, whatever its age.
    """
    return [segment_id for level in _due_in_levels(now) for segment_id in level]


def _due_in_levels(now: datetime) -> list[list[int]]:
    old = now - timedelta(minutes=settings.SEGMENT_REFRESH_MINUTES)
    known = list(Segment.objects.all())
    found = [segment for segment in known if _is_due(segment, old, now)]
    return in_levels(mentions={segment.pk: mentions_or_none(segment=segment) for segment in found})


def refresh_due(*, clock: Callable[[], datetime]) -> dict[int, Refreshed]:
    """Refresh every segment that is due, some side by side; nothing while another process does."""
    with _turn() as is_ours:
        if not is_ours:
            return {}
        refreshed: dict[int, Refreshed] = {}
        for level in _due_in_levels(clock()):
            refreshed |= _refresh_level(level, clock)
        return refreshed


def _refresh_level(
    segment_ids: Sequence[int], clock: Callable[[], datetime]
) -> dict[int, Refreshed]:
    """Refresh segments none of which speaks of another."""
    at_once = min(settings.SEGMENT_REFRESH_CONNECTIONS, len(segment_ids))
    # Other connections would not see what an open transaction has written.
    if at_once < 2 or connection.in_atomic_block:
        return {pk: refresh(segment_id=pk, now=clock()) for pk in segment_ids}

    def apart(segment_id: int) -> Refreshed:
        try:
            return refresh(segment_id=segment_id, now=clock())
        finally:
            connection.close()

    with ThreadPoolExecutor(at_once) as threads:
        return dict(zip(segment_ids, threads.map(apart, segment_ids), strict=True))


@contextmanager
def _turn() -> Iterator[bool]:
    """Hold the turn of refreshing through many transactions, if nobody else does."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
        [is_ours] = cursor.fetchone() or [False]
    try:
        yield bool(is_ours)
    finally:
        if is_ours:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


def refresh(*, segment_id: int, now: datetime) -> Refreshed:
    """Compute all members anew; locks the segment's members while it writes.

    Readers see the old members until the new ones are there. A rule that fails or takes too long
    leaves them as they are and its error on the segment.
    """
    started = time.perf_counter()
    planner.recount()
    try:
        with transaction.atomic(), time_limit():
            lock(segment_id=segment_id)
            segment = Segment.objects.get(pk=segment_id)
            # Whoever followed changes meanwhile may have been ahead of our clock.
            moment = latest(segment=segment, now=now)
            cause = _cause(segment)
            moves = writing.bring_in_line(segment=segment, now=moment, cause=cause)
            seconds = time.perf_counter() - started
            refreshed = Refreshed(moves.entered, moves.left, _count(segment, moves), seconds)
            _record(segment, refreshed, moment)
            tell(segment=segment, moves=moves, cause=cause, now=moment)
            _announce(segment, moves)
    except (RuleError, DatabaseError) as error:
        logger.warning("Segment %s could not be refreshed: %s", segment_id, type(error).__name__)
        return _record_failure(segment_id, error, started, now)
    return refreshed


def record_error(*, segment_id: int, error: Exception, now: datetime) -> str:
    """Keep what went wrong on the segment, and when to try again; gives it in words."""
    said = str(error).strip().splitlines()[0][:500] or type(error).__name__
    # Wanted again later, so that a broken segment is not tried with every sweep.
    failing = Segment.objects.filter(pk=segment_id)
    failing.filter(failing_since_at=None).update(failing_since_at=now)
    failing.update(error=said, refresh_wanted_at=now + RETRY)
    return said


def is_computed(*, segment: Segment) -> bool:
    """Whether the members were computed from what the segment says now."""
    return segment.basis == basis(segment=segment)


def latest(*, segment: Segment, now: datetime) -> datetime:
    """The moment to compute members of: clocks differ, and answers never go back in time."""
    return max(now, segment.clocked_at or now, segment.followed_at or now)


def _is_due(segment: Segment, old: datetime, now: datetime) -> bool:
    if segment.refresh_wanted_at and segment.refresh_wanted_at <= now:
        return True
    if segment.error and segment.refresh_wanted_at:
        return False
    return (
        segment.refreshed_at is None
        or segment.refreshed_at < old
        or not is_computed(segment=segment)
    )


def _cause(segment: Segment) -> MoveCause:
    return MoveCause.REFRESH if is_computed(segment=segment) else MoveCause.RULES


def _count(segment: Segment, moves: Moves) -> int:
    """Whoever is busy has not moved yet."""
    return Membership.objects.filter(segment=segment).count() if moves.busy else moves.wanted


def _record(segment: Segment, refreshed: Refreshed, now: datetime) -> None:
    """Keep the figures; a wish that came while computing stays for the next sweep."""
    kept = Segment.objects.filter(pk=segment.pk)
    kept.update(
        member_count=refreshed.count,
        refreshed_at=now,
        refresh_seconds=refreshed.seconds,
        clocked_at=now,
        basis=basis(segment=segment),
        error="",
        failing_since_at=None,
    )
    kept.filter(refresh_wanted_at=segment.refresh_wanted_at).update(refresh_wanted_at=None)


def tell(*, segment: Segment, moves: Moves, cause: MoveCause, now: datetime) -> None:
    """Keep and announce who moved; the segment's count is written already."""
    moved = (moves.entered, moves.left) if segment.basis else (0, 0)
    writing.note_sizes(moved={segment.pk: moved}, now=now)
    if moves.busy:
        SegmentRecheck.objects.create(
            segment=segment, customer_ids=list(moves.busy), created_at=now
        )
    if not (moves.entered or moves.left):
        return
    _note(segment, moves, now)
    writing.announce(segment_id=segment.pk, moves=moves, cause=cause)


def _announce(segment: Segment, moves: Moves) -> None:
    if not (moves.entered or moves.left):
        return
    news = {"segment_id": segment.pk, "entered": moves.entered, "left": moves.left}
    send = partial(signals.segment_refreshed.send, sender=Segment, **news)
    transaction.on_commit(send, robust=True)


def _note(segment: Segment, moves: Moves, now: datetime) -> None:
    """Let the segments that speak of this one look at whoever moved."""
    if not followers(segment_id=segment.pk):
        return
    subjects = (f"segment:{segment.pk}",)
    moved = moves.everybody
    if moved and len(moved) <= _NAMED:
        changes.note(customer_ids=moved, subjects=subjects, now=now)
    else:
        changes.note_anybody(subjects=subjects, now=now)


def _record_failure(segment_id: int, error: Exception, started: float, now: datetime) -> Refreshed:
    said = record_error(segment_id=segment_id, error=error, now=now)
    count = Membership.objects.filter(segment_id=segment_id).count()
    return Refreshed(0, 0, count, time.perf_counter() - started, said)


def followers(*, segment_id: int) -> list[int]:
    """The segments whose rules speak of this one."""
    path = f"$.**.segment ? (@ == {int(segment_id)})"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM marketing_segment WHERE kind = 'rule' AND rules @? %s::jsonpath"
            " ORDER BY id",
            [path],
        )
        return [follower for (follower,) in cursor.fetchall()]
