"""Whom the clock alone moves: windows that go on, moments that come, overrides that end."""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import DatabaseError, connection, transaction

from marketing import rules as rule_trees
from marketing.choices import SegmentKind
from marketing.models import Segment
from marketing.rules import RuleError, Sql
from marketing.rules.base import join, wrap
from marketing.rules.estimating import planned

from . import refreshing

logger = logging.getLogger(__name__)

# How often the clock of a segment is looked at; and where that means to read whole tables.
EVERY = timedelta(seconds=10)
RARELY = timedelta(seconds=60)
# What PostgreSQL's planner calls reading a table of some hundred thousand rows.
_DEAR = 10_000.0
# So much of it is read in one turn, as everything else waits meanwhile.
_AT_ONCE = 50_000.0
# More people than this are not looked at one by one; a minute of many visitors is fewer.
_MOST = 100_000

_ENDED = """
    SELECT o.segment_id, o.customer_id
    FROM marketing_segmentoverride o JOIN marketing_segment s ON s.id = o.segment_id
    WHERE s.id = ANY(%s) AND o.lifted_at IS NULL
      AND o.expires_at > s.clocked_at AND o.expires_at <= %s
"""


@dataclass(slots=True)
class _Question:
    """One select, and the segments that ask it."""

    select: Sql
    segment_ids: list[int] = field(default_factory=list)


def ripe(*, segments: Sequence[Segment], now: datetime) -> list[Segment]:
    """Whose clocks are to be looked at now; of those that are dear to read only some at a time."""
    aged = [one for one in segments if one.clocked_at and one.clocked_at <= now - EVERY]
    costs = {segment.pk: _cost_of(segment, now) for segment in aged}
    found = [segment for segment in aged if costs[segment.pk] <= _DEAR]
    spent = 0.0
    for segment in sorted(aged, key=lambda one: (one.clocked_at or now, one.pk)):
        is_due = segment.clocked_at and segment.clocked_at <= now - RARELY
        if is_due and costs[segment.pk] > _DEAR and spent < _AT_ONCE:
            spent += costs[segment.pk]
            found.append(segment)
    return found


def crossed(*, segments: Sequence[Segment], now: datetime) -> dict[int, set[int] | None]:
    """Whom the clock may have moved since it was last looked at; None where they are too many."""
    found: dict[int, set[int] | None] = {}
    questions = _questions(segments, now)
    for question, people in zip(questions, _ask(questions, now), strict=True):
        for segment_id in question.segment_ids:
            _add(found, segment_id, people)
    for segment_id, ended in _ended([segment.pk for segment in segments], now).items():
        _add(found, segment_id, ended)
    return found


def _add(found: dict[int, set[int] | None], segment_id: int, people: set[int] | None) -> None:
    known = found.get(segment_id, set())
    if people is None or known is None or len(known | people) > _MOST:
        found[segment_id] = None
    elif people:
        found[segment_id] = known | people


def _cost_of(segment: Segment, now: datetime) -> float:
    try:
        with transaction.atomic():
            return max((planned(select=one).cost for one in _selects(segment, now)), default=0.0)
    except (RuleError, DatabaseError):
        # Whoever asks records and shows what is wrong with it.
        return 0.0


def _selects(segment: Segment, now: datetime) -> tuple[Sql, ...]:
    if segment.kind != SegmentKind.RULE or segment.clocked_at is None:
        return ()
    return rule_trees.crossings(rules=segment.rules, since=segment.clocked_at, until=now)


def _questions(segments: Sequence[Segment], now: datetime) -> list[_Question]:
    """What is asked, each once, however many segments ask it."""
    asked: dict[tuple[str, str], _Question] = {}
    for segment in segments:
        try:
            selects = _selects(segment, now)
        except RuleError as error:
            _note(segment.pk, error, now)
            continue
        for select in selects:
            key = (select.text, repr(select.params))
            asked.setdefault(key, _Question(select)).segment_ids.append(segment.pk)
    return list(asked.values())


def _ask(questions: Sequence[_Question], now: datetime) -> list[set[int] | None]:
    """Who is named by each: in one statement, or one for each where that fails."""
    if not questions:
        return []
    try:
        return _answers([question.select for question in questions])
    except DatabaseError as error:
        logger.info("The clocks of segments are read one by one: %s", type(error).__name__)
    return [_ask_alone(question, now) for question in questions]


def _ask_alone(question: _Question, now: datetime) -> set[int] | None:
    try:
        return _answers([question.select])[0]
    except DatabaseError as error:
        for segment_id in question.segment_ids:
            _note(segment_id, error, now)
        return None


def _answers(selects: Sequence[Sql]) -> list[set[int] | None]:
    most = f") AS x LIMIT {_MOST + 1}) AS f"
    arms = [
        wrap(f"SELECT {place}, f.* FROM (SELECT * FROM (", one, most)  # noqa: S608
        for place, one in enumerate(selects)
    ]
    statement = join(" UNION ALL ", arms)
    people: defaultdict[int, set[int]] = defaultdict(set)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement.text, statement.params)
        for place, customer_id in cursor.fetchall():
            people[place].add(customer_id)
    found = [people[place] for place in range(len(selects))]
    return [None if len(one) > _MOST else one for one in found]


def _note(segment_id: int, error: Exception, now: datetime) -> None:
    logger.warning("The clock of segment %s fails: %s", segment_id, type(error).__name__)
    refreshing.record_error(segment_id=segment_id, error=error, now=now)


def _ended(segment_ids: list[int], now: datetime) -> Mapping[int, set[int]]:
    """Whose override ended."""
    ended: defaultdict[int, set[int]] = defaultdict(set)
    if segment_ids:
        with connection.cursor() as cursor:
            cursor.execute(_ENDED, [segment_ids, now])
            for segment_id, customer_id in cursor.fetchall():
                ended[segment_id].add(customer_id)
    return ended
