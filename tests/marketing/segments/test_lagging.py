"""Every segment says how fresh it is; what fails or lags says so first."""

from datetime import datetime, timedelta

import pytest

from crm import changes, customers
from crm.models import Change
from marketing import segments
from marketing.models import Segment, SegmentRecheck
from tests import making

from .histories import GERMAN, rules

pytestmark = pytest.mark.django_db


@pytest.fixture
def germans(now: datetime) -> Segment:
    made = Segment.objects.create(name="Germans", rules=rules(GERMAN))
    segments.refresh(segment_id=made.pk, now=now)
    Change.objects.all().delete()
    return made


def of(segment: Segment, now: datetime) -> segments.Freshness:
    return segments.freshness(now=now)[segment.pk]


def test_a_segment_that_nothing_touches_is_fresh(now: datetime, germans: Segment) -> None:
    changes.note(customer_ids=[1], subjects=("event:page.viewed",), now=now)

    fresh = of(germans, now + timedelta(seconds=20))

    assert (fresh.state, fresh.waiting_since_at, fresh.lag) == ("fresh", None, timedelta())
    assert fresh.computed_at == now


def test_a_segment_lags_as_long_as_the_oldest_change_waits(now: datetime, germans: Segment) -> None:
    ada = making.customer(now=now)
    customers.correct(customer_id=ada.pk, values={"country": "DE"}, now=now)
    later = now + timedelta(minutes=2)
    Segment.objects.update(clocked_at=later)

    late = of(germans, later)

    assert (late.state, late.waiting_since_at, late.lag) == ("late", now, timedelta(minutes=2))
    segments.follow(now=later)
    assert of(germans, later).state == "fresh"


def test_people_to_be_looked_at_again_make_a_segment_lag(now: datetime, germans: Segment) -> None:
    SegmentRecheck.objects.create(segment=germans, customer_ids=[1], created_at=now)

    assert of(germans, now + timedelta(seconds=5)).lag == timedelta(seconds=5)


def test_a_follower_that_stands_still_is_seen(now: datetime, germans: Segment) -> None:
    assert of(germans, now + timedelta(hours=1)).state == "late"


def test_a_new_segment_and_other_rules_are_no_longer_fresh(now: datetime, germans: Segment) -> None:
    new = Segment.objects.create(name="New", rules=rules())
    germans.rules = rules()
    germans.save()

    assert of(new, now).state == "new"
    assert of(germans, now + timedelta(seconds=20)).waiting_since_at == now


def test_what_fails_comes_first(now: datetime, germans: Segment) -> None:
    broken = Segment.objects.create(name="Broken", rules={"version": 1, "all": [{"colour": 1}]})
    segments.refresh(segment_id=broken.pk, now=now)

    found = segments.worries(now=now + timedelta(minutes=10))

    assert [one.segment_id for one in found] == [broken.pk, germans.pk]
    assert (found[0].state, found[0].failing_since_at) == ("failing", now)
    assert "rules.all[0]" in found[0].error
