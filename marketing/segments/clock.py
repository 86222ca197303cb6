"""Whom the clock alone moves: windows that go on, moments that come, overrides that end."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import DatabaseError, connection, transaction

from marketing import rules as rule_trees
from marketing.choices import SegmentKind
from marketing.models import Segment
from marketing.rules import RuleError

from . import refreshing

logger = logging.getLogger(__name__)

# How often the clock of a segment is looked at.
EVERY = timedelta(seconds=10)
# More people than this are not looked at one by one.
_MOST = 20_000

_ENDED = """
    SELECT o.segment_id, o.customer_id
    FROM marketing_segmentoverride o JOIN marketing_segment s ON s.id = o.segment_id
    WHERE s.id = ANY(%s) AND o.lifted_at IS NULL
      AND o.expires_at > s.clocked_at AND o.expires_at <= %s
"""


def is_ripe(*, segment: Segment, now: datetime) -> bool:
    """Whether the clock of a segment is to be looked at again."""
    return segment.clocked_at is not None and segment.clocked_at <= now - EVERY


def crossed(*, segments: Sequence[Segment], now: datetime) -> dict[int, set[int] | None]:
    """Whom the clock may have moved since it was last looked at; None where they are too many."""
    found: dict[int, set[int] | None] = {}
    for segment in segments:
        people = _crossed(segment, now)
        if people or people is None:
            found[segment.pk] = people
    for segment_id, people in _ended([segment.pk for segment in segments], now).items():
        known = found.get(segment_id, set())
        if known is not None:
            found[segment_id] = known | people
    return found


def _crossed(segment: Segment, now: datetime) -> set[int] | None:
    if segment.kind != SegmentKind.RULE or segment.clocked_at is None:
        return set()
    try:
        asked = rule_trees.crossed(rules=segment.rules, since=segment.clocked_at, until=now)
        if asked is None:
            return set()
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                f"SELECT * FROM ({asked.text}) AS crossed LIMIT {_MOST + 1}",  # noqa: S608
                asked.params,
            )
            people = {customer_id for (customer_id,) in cursor.fetchall()}
    except (RuleError, DatabaseError) as error:
        logger.warning("The clock of segment %s fails: %s", segment.pk, type(error).__name__)
        refreshing.record_error(segment_id=segment.pk, error=error, now=now)
        return None
    return people if len(people) <= _MOST else None


def _ended(segment_ids: list[int], now: datetime) -> dict[int, set[int]]:
    """Whose override ended."""
    ended: defaultdict[int, set[int]] = defaultdict(set)
    if segment_ids:
        with connection.cursor() as cursor:
            cursor.execute(_ENDED, [segment_ids, now])
            for segment_id, customer_id in cursor.fetchall():
                ended[segment_id].add(customer_id)
    return ended
