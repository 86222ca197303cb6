"""Following: whoever changed is looked at again, in the segments that this can touch.

Changes are taken away in the transaction that writes the memberships, so that nothing is lost or
done by halves wherever it ends. One follows at a time; it waits for nobody.
"""

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, connection, transaction

from crm import changes, planner
from marketing.choices import MoveCause
from marketing.models import Segment, SegmentRecheck
from marketing.rules import RuleError

from . import asking, clock, refreshing, writing
from .asking import Asked
from .base import subjects, time_limit, try_locks
from .nesting import in_levels
from .writing import Moves

logger = logging.getLogger(__name__)

_LOCK = 0x5E60
# Changes taken at once.
_ROWS = 500
# From this many people on, computing everybody costs less than looking at each.
_MOST = 20_000
# One segment may not hold up the others for longer.
_PATIENCE = 5.0
# So far may the clocks of other machines be ahead of ours.
_AHEAD = timedelta(seconds=60)
# People who are gone took their memberships along: the members are counted again, at once where
# they are few, and later the more there are.
_RECOUNT_AFTER = timedelta(minutes=10)
_RECOUNT_EACH = timedelta(microseconds=20)
_SOON = timedelta(seconds=1)
# So many members are counted in one turn, or those of one segment.
_RECOUNTED = 1_000_000

_SEGMENT = "segment:"
_NOBODY = Moves(0, 0, 0)

_WAITING = """
    SELECT EXISTS (SELECT FROM crm_change) OR EXISTS (SELECT FROM marketing_segmentrecheck)
"""
_TURN = "SELECT pg_try_advisory_xact_lock(%s)"
_TAKE = """
    DELETE FROM crm_change
    WHERE id = ANY(ARRAY(SELECT id FROM crm_change ORDER BY id LIMIT %s))
    RETURNING customer_ids, subjects, created_at
"""
_TAKE_RECHECKS = """
    DELETE FROM marketing_segmentrecheck RETURNING segment_id, customer_ids, created_at
"""
_COUNT = """
    UPDATE marketing_segment s SET member_count = greatest(s.member_count + told.change, 0)
    FROM unnest(%s::bigint[], %s::bigint[]) AS told (id, change) WHERE s.id = told.id
"""
_FOLLOWED = """
    UPDATE marketing_segment SET followed_at = greatest(followed_at, %s) WHERE id = ANY(%s)
"""
_RECOUNT = """
    UPDATE marketing_segment s SET recount_wanted_at = NULL,
        member_count = (SELECT count(*) FROM marketing_membership m WHERE m.segment_id = s.id)
    WHERE s.id IN (
        SELECT id FROM (
            SELECT id, sum(member_count) OVER turns - member_count AS before
            FROM marketing_segment WHERE recount_wanted_at <= %s
            WINDOW turns AS (ORDER BY recount_wanted_at, id)
        ) AS ripe WHERE before < %s
    )
"""
_WANT_RECOUNTS = """
    UPDATE marketing_segment SET recount_wanted_at = %s + least(%s, %s * (
        SELECT sum(member_count) FROM marketing_segment))
    WHERE recount_wanted_at IS NULL
"""


# Whom, what, since when.
_Told = tuple[list[int], list[str], datetime]


@dataclass(slots=True)
class Followed:
    """What one turn did; `is_more` says that changes are waiting still."""

    changes: int = 0
    looked_at: int = 0
    entered: int = 0
    left: int = 0
    is_more: bool = False


@dataclass(slots=True)
class _Todo:
    """Whom to look at in one segment."""

    customer_ids: set[int] = field(default_factory=set)
    clocked: set[int] = field(default_factory=set)
    is_everybody: bool = False
    since_at: datetime | None = None

    def add(self, customer_ids: Iterable[int], since_at: datetime) -> None:
        self.customer_ids.update(customer_ids)
        self.since_at = min(since_at, self.since_at or since_at)


def follow(*, now: datetime) -> Followed:
    """Bring memberships up to what changed; does nothing while another process does."""
    planner.recount()
    with transaction.atomic():
        if not _is_our_turn():
            return Followed()
        with time_limit(seconds=_PATIENCE):
            return _Turn(now).run()


def is_waiting() -> bool:
    """Whether anything waits to be followed, the clock aside."""
    with connection.cursor() as cursor:
        cursor.execute(_WAITING)
        [is_waiting] = cursor.fetchone() or [False]
    return bool(is_waiting)


def _is_our_turn() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_TURN, [_LOCK])
        [is_ours] = cursor.fetchone() or [False]
        # Statements about few people are over before they would have been compiled.
        cursor.execute("SET LOCAL jit = off")
    return bool(is_ours)


class _Turn:
    """One transaction of following."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.done = Followed()
        self.todo: defaultdict[int, _Todo] = defaultdict(_Todo)
        self.subjects: dict[int, frozenset[str]] = {}
        self.asked: set[int] = set()
        self.held: dict[int, Segment] = {}
        self.moved: dict[int, tuple[int, int]] = {}
        self.wanted: set[int] = set()
        self.rechecks: list[SegmentRecheck] = []

    def run(self) -> Followed:
        """Take what changed, look, write."""
        told, rechecks = _take()
        # What somebody told by a clock a little ahead of ours has happened, all the same.
        newest = max((at for *_, at in told), default=self.now)
        self.now = max(self.now, min(newest, self.now + _AHEAD))
        # Read after the changes were taken: a segment whose rules are others by now is computed
        # anew after this turn.
        segments = list(Segment.objects.all())
        self.subjects = {segment.pk: _subjects(segment) for segment in segments}
        self._route(told)
        for segment_id, customer_ids, since_at in rechecks:
            self.todo[segment_id].add(customer_ids, since_at)
        self._hold(self.todo.keys() & self.subjects.keys())
        clocked = self._clock(segments)
        for level in self._levels():
            self._look([segment_id for segment_id in level if segment_id in self.todo])
        if any(changes.GONE in names for _, names, _ in told):
            _want_recounts(self.now)
        self._write(clocked)
        self.done.changes, self.done.is_more = len(told), len(told) == _ROWS
        return self.done

    def _route(self, told: Iterable[_Told]) -> None:
        """Give each change to the segments that it can touch."""
        touched: defaultdict[str, list[int]] = defaultdict(list)
        for segment_id, asked in self.subjects.items():
            for name in asked:
                touched[name].append(segment_id)
        for customer_ids, names, created_at in told:
            for segment_id in {one for name in names for one in touched.get(name, ())}:
                self.todo[segment_id].add(customer_ids, created_at)
                self.todo[segment_id].is_everybody |= not customer_ids

    def _hold(self, segment_ids: Collection[int]) -> None:
        """Hold the members of those whom nobody else holds, and read them as they are then."""
        new = set(segment_ids) - self.asked
        if new:
            self.asked |= new
            held = Segment.objects.filter(pk__in=try_locks(segment_ids=new))
            self.held |= {segment.pk: segment for segment in held}

    def _clock(self, segments: Sequence[Segment]) -> list[int]:
        """Add whom the clock moves; gives the segments whose clock has been looked at."""
        ripe = [segment.pk for segment in clock.ripe(segments=segments, now=self.now)]
        self._hold(ripe)
        held = [self.held[pk] for pk in ripe if pk in self.held and self._is_followed(pk)]
        crossed = clock.crossed(segments=held, now=self.now)
        for segment_id, people in crossed.items():
            self.todo[segment_id].clocked |= people or set()
            self.todo[segment_id].is_everybody |= people is None
        return [segment.pk for segment in held]

    def _is_followed(self, segment_id: int) -> bool:
        """Not where a refresh is to come, which sees all that is known by now."""
        segment = self.held[segment_id]
        is_wanted = segment.refresh_wanted_at and segment.refresh_wanted_at <= self.now
        is_failing = segment.error and segment.refresh_wanted_at
        return not is_wanted and not is_failing and refreshing.is_computed(segment=segment)

    def _levels(self) -> list[list[int]]:
        """Who is looked at together: each after the segments that it speaks of."""
        return in_levels(
            mentions={
                segment_id: {
                    int(name.removeprefix(_SEGMENT)) for name in names if name.startswith(_SEGMENT)
                }
                for segment_id, names in self.subjects.items()
            }
        )

    def _look(self, segment_ids: Sequence[int]) -> None:
        """Look at whoever may have moved in these segments, none of which speaks of another."""
        self._hold(segment_ids)
        asked = [one for segment_id in segment_ids if (one := self._asked(segment_id))]
        few = [one for one in asked if len(one.people) <= asking.MOST_PEOPLE]
        for batch in asking.in_batches(asked=few):
            self._ask(batch)
        for one in asked:
            if len(one.people) > asking.MOST_PEOPLE:
                self._ask_alone(one)

    def _asked(self, segment_id: int) -> Asked | None:
        todo = self.todo[segment_id]
        people = todo.customer_ids | todo.clocked
        if todo.is_everybody or len(todo.customer_ids) > _MOST:
            self.wanted.add(segment_id)
            return None
        if segment_id not in self.held:
            self._defer(segment_id, people, todo)
            return None
        if not people or not self._is_followed(segment_id):
            return None
        segment = self.held[segment_id]
        moment = refreshing.latest(segment=segment, now=self.now)
        clocked = frozenset(todo.clocked - todo.customer_ids)
        return Asked(segment, moment, frozenset(people), clocked)

    def _ask(self, batch: Sequence[Asked]) -> None:
        """One statement for all of them; where it fails, one for each half: whose fault is it?"""
        if len(batch) == 1:
            self._ask_alone(batch[0])
            return
        try:
            with transaction.atomic():
                moves = asking.bring_in_line(asked=batch, cause=MoveCause.CHANGE)
        except (RuleError, DatabaseError) as error:
            logger.info("Segments are followed by halves: %s", type(error).__name__)
            half = len(batch) // 2
            self._ask(batch[:half])
            self._ask(batch[half:])
            return
        for one in batch:
            self._settle(one, moves.get(one.segment.pk, _NOBODY))

    def _ask_alone(self, one: Asked) -> None:
        try:
            with transaction.atomic():
                moves = writing.bring_in_line(
                    segment=one.segment,
                    now=one.now,
                    cause=MoveCause.CHANGE,
                    among=sorted(one.people),
                    clocked=one.clocked,
                )
        except (RuleError, DatabaseError) as error:
            segment_id = one.segment.pk
            logger.warning("Segment %s cannot be followed: %s", segment_id, type(error).__name__)
            refreshing.record_error(segment_id=segment_id, error=error, now=self.now)
            return
        self._settle(one, moves)

    def _settle(self, one: Asked, moves: Moves) -> None:
        todo = self.todo[one.segment.pk]
        self.done.looked_at += len(one.people)
        self._defer(one.segment.pk, moves.busy, todo)
        if moves.entered or moves.left:
            self._note(one.segment.pk, moves, todo)

    def _note(self, segment_id: int, moves: Moves, todo: _Todo) -> None:
        self.done.entered += moves.entered
        self.done.left += moves.left
        self.moved[segment_id] = (moves.entered, moves.left)
        writing.announce(segment_id=segment_id, moves=moves, cause=MoveCause.CHANGE)
        for follower, names in self.subjects.items():
            if f"{_SEGMENT}{segment_id}" in names:
                self.todo[follower].add(moves.everybody, todo.since_at or self.now)

    def _defer(self, segment_id: int, people: Collection[int], todo: _Todo) -> None:
        if people:
            since_at = todo.since_at or self.now
            told = SegmentRecheck(
                segment_id=segment_id, customer_ids=sorted(people), created_at=since_at
            )
            self.rechecks.append(told)

    def _write(self, clocked: Collection[int]) -> None:
        """Everything that is said about segments, in one statement each."""
        changed = {pk: came - gone for pk, (came, gone) in self.moved.items() if came != gone}
        with connection.cursor() as cursor:
            if changed:
                cursor.execute(_COUNT, [list(changed), list(changed.values())])
            cursor.execute(_FOLLOWED, [self.now, sorted(self.held.keys() & self.todo.keys())])
            cursor.execute(_RECOUNT, [self.now + _SOON, _RECOUNTED])
        writing.note_sizes(moved=self.moved, now=self.now)
        if done := set(clocked) - self.wanted:
            Segment.objects.filter(pk__in=done).update(clocked_at=self.now)
        SegmentRecheck.objects.bulk_create(self.rechecks)
        refreshing.want_refresh(segment_ids=self.wanted, now=self.now)


def _take() -> tuple[list[_Told], list[tuple[int, list[int], datetime]]]:
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [_ROWS])
        told = cursor.fetchall()
        cursor.execute(_TAKE_RECHECKS)
        return told, cursor.fetchall()


def _subjects(segment: Segment) -> frozenset[str]:
    try:
        return subjects(segment=segment)
    except RuleError:
        # The refresh of that segment records and shows what is wrong with it.
        return frozenset()


def _want_recounts(now: datetime) -> None:
    with connection.cursor() as cursor:
        most: Any = _RECOUNT_AFTER
        each: Any = _RECOUNT_EACH
        cursor.execute(_WANT_RECOUNTS, [now, most, each])
