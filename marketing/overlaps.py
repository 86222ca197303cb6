"""How segments overlap: how many customers are in exactly which of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection

from marketing.models import Segment

# More sets than these make a picture that nobody can read.
MOST = 6


@dataclass(frozen=True, slots=True)
class Region:
    """The customers who are in these segments, and in no other of those compared."""

    segment_ids: frozenset[int]
    count: int


@dataclass(frozen=True, slots=True)
class Overlap:
    """The segments compared, the largest first, and their regions, the largest first."""

    segments: tuple[Segment, ...]
    sizes: dict[int, int]
    regions: tuple[Region, ...]


_REGIONS = """
    SELECT segment_ids, count(*) FROM (
        SELECT array_agg(segment_id ORDER BY segment_id) AS segment_ids
        FROM marketing_membership WHERE segment_id = ANY(%s) GROUP BY customer_id
    ) AS people
    GROUP BY segment_ids ORDER BY count(*) DESC, segment_ids
"""


def compare(*, segment_ids: Sequence[int]) -> Overlap:
    """Count every region of some segments, by their members as last computed."""
    found = list(Segment.objects.filter(pk__in=segment_ids)[:MOST])
    with connection.cursor() as cursor:
        cursor.execute(_REGIONS, [[segment.pk for segment in found]])
        regions = tuple(Region(frozenset(ids), count) for ids, count in cursor.fetchall())
    sizes = {
        segment.pk: sum(region.count for region in regions if segment.pk in region.segment_ids)
        for segment in found
    }
    found.sort(key=lambda segment: (-sizes[segment.pk], segment.name))
    return Overlap(tuple(found), sizes, regions)
