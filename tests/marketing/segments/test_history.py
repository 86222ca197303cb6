"""A segment's history: how large it was, who came and went."""

from datetime import datetime, timedelta

import pytest

from crm import customers
from marketing import segments
from marketing.models import Segment, SegmentSize
from tests import making

from .histories import GERMAN, rules

pytestmark = pytest.mark.django_db


def test_sizes_and_moves_are_kept(now: datetime) -> None:
    ada, bob = (making.customer(now=now, country="FR") for _ in range(2))
    germans = Segment.objects.create(name="Germans", rules=rules(GERMAN))
    segments.refresh(segment_id=germans.pk, now=now)
    for hours, who, country in ((1, ada, "DE"), (1, bob, "DE"), (2, ada, "FR")):
        later = now + timedelta(hours=hours)
        customers.correct(customer_id=who.pk, values={"country": country}, now=later)
        segments.follow(now=later)

    sizes = segments.sizes(segment_id=germans.pk, since_at=now)
    moves = segments.moves(segment_id=germans.pk)

    assert [(one.members, one.entered, one.left) for one in sizes] == [
        (0, 0, 0),
        (2, 2, 0),
        (1, 0, 1),
    ]
    assert [(one.customer_id, one.is_entry) for one in moves] == [
        (ada.pk, False),
        (bob.pk, True),
        (ada.pk, True),
    ]


def test_hours_without_moves_are_sampled_and_old_ones_become_days(now: datetime) -> None:
    making.customer(now=now, country="DE")
    germans = Segment.objects.create(name="Germans", rules=rules(GERMAN))
    segments.refresh(segment_id=germans.pk, now=now)
    day = now.replace(hour=0)
    SegmentSize.objects.all().delete()
    for hour in range(24):
        at = day + timedelta(hours=hour)
        SegmentSize.objects.create(
            segment=germans, hour_at=at, members=hour, entered=1, left=hour % 2
        )

    segments.sample(now=now + timedelta(days=40))

    found = list(segments.sizes(segment_id=germans.pk, since_at=day))
    assert [(one.hour_at, one.members, one.entered, one.left) for one in found] == [
        (day, 23, 24, 12),
        (now + timedelta(days=40), 1, 0, 0),
    ]
