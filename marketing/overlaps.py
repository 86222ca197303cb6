"""How segments overlap: how many customers are in exactly which of them."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import OperationalError, connection, transaction

from marketing.models import Segment
from marketing.segments.base import time_limit

# More sets than these make a picture that nobody can read.
MOST = 6
# So many memberships are counted to the last one; of more a random share of customers is asked.
AT_ONCE = 4_000_000
# So many memberships of a share tell how large each region is within a percent or so.
ASKED = 400_000
# Whoever waits in front of a screen waits so long for a count, and as long for a share.
LIMIT_SECONDS = 6.0
_BUCKETS = 10_000
# Two standard errors: what an estimate is not off by in nineteen cases of twenty.
_SURE = 1.96
_STOPPED = "57014"


@dataclass(frozen=True, slots=True)
class Region:
    """The customers who are in these segments, and in no other of those compared.

    `margin` is 1.96 standard errors where a share of the customers told the count, else 0.
    """

    segment_ids: frozenset[int]
    count: int
    margin: int = 0


@dataclass(frozen=True, slots=True)
class Overlap:
    """The segments compared, the largest first, and their regions, the largest first.

    `share` of the customers was asked, from 0 to 1.
    """

    segments: tuple[Segment, ...]
    sizes: dict[int, int]
    regions: tuple[Region, ...]
    share: float = 1.0


# A sum of powers of two says in which of the segments a customer is.
_REGIONS = """
    SELECT places, count(*) FROM (
        SELECT m.customer_id, sum(1 << (asked.place - 1)::int) AS places
        FROM unnest(%s::bigint[]) WITH ORDINALITY AS asked (segment_id, place)
        JOIN marketing_membership m ON m.segment_id = asked.segment_id
        GROUP BY m.customer_id
    ) AS people
    GROUP BY places ORDER BY count(*) DESC, places
"""
_OF_A_SHARE = """
    WITH asked_people AS MATERIALIZED (SELECT id FROM crm_customer WHERE bucket < %s)
    SELECT places, count(*) FROM (
        SELECT m.customer_id, sum(1 << (asked.place - 1)::int) AS places
        FROM unnest(%s::bigint[]) WITH ORDINALITY AS asked (segment_id, place)
        JOIN marketing_membership m ON m.segment_id = asked.segment_id
        JOIN asked_people a ON a.id = m.customer_id
        GROUP BY m.customer_id
    ) AS people
    GROUP BY places ORDER BY count(*) DESC, places
"""


def compare(*, segment_ids: Sequence[int]) -> Overlap:
    """Count every region of some segments, by their members as last computed.

    Very large ones are told from a fixed random share of the customers, which the answer says;
    what takes too long even so is stopped by the database.
    """
    found = list(Segment.objects.filter(pk__in=segment_ids).order_by("pk")[:MOST])
    ids = [segment.pk for segment in found]
    total = sum(segment.member_count for segment in found)
    if total <= AT_ONCE:
        try:
            return _told(found, _ask(_REGIONS, ids), 1.0)
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", "") != _STOPPED:
                raise
    buckets = max(1, min(_BUCKETS, math.ceil(_BUCKETS * ASKED / max(total, 1))))
    return _told(found, _ask(_OF_A_SHARE, buckets, ids), buckets / _BUCKETS)


def _ask(select: str, *params: Any) -> list[tuple[int, int]]:
    with _limited(), connection.cursor() as cursor:
        cursor.execute(select, params)
        return [(int(places), count) for places, count in cursor.fetchall()]


@contextmanager
def _limited() -> Iterator[None]:
    with transaction.atomic(), time_limit(seconds=LIMIT_SECONDS):
        yield


def _told(found: list[Segment], counted: list[tuple[int, int]], share: float) -> Overlap:
    regions = tuple(_region(found, places, count, share) for places, count in counted)
    sizes = {
        segment.pk: sum(region.count for region in regions if segment.pk in region.segment_ids)
        for segment in found
    }
    largest_first = sorted(found, key=lambda segment: (-sizes[segment.pk], segment.name))
    return Overlap(tuple(largest_first), sizes, regions, share)


def _region(found: list[Segment], places: int, count: int, share: float) -> Region:
    inside = frozenset(segment.pk for place, segment in enumerate(found) if places >> place & 1)
    if share == 1:
        return Region(inside, count)
    # By the binomial distribution: each customer is asked with the probability `share`.
    margin = math.ceil(_SURE * math.sqrt(count * (1 - share)) / share)
    return Region(inside, round(count / share), margin)
