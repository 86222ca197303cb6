"""A segment that others need says where, and is not deleted."""

from datetime import datetime

import pytest

from campaigns.models import Campaign
from marketing import segments
from marketing.models import Segment

from .histories import GERMAN, rules

pytestmark = pytest.mark.django_db


@pytest.fixture
def germans(now: datetime) -> Segment:
    made = Segment.objects.create(name="Germans", rules=rules(GERMAN))
    segments.refresh(segment_id=made.pk, now=now)
    return made


def test_a_segment_of_a_campaign_is_in_use(germans: Segment) -> None:
    campaign = Campaign.objects.create(name="Spring")
    campaign.excluded_segments.add(germans)

    assert [str(use.row) for use in segments.uses(segment_id=germans.pk)] == ["Spring"]
    with pytest.raises(segments.SegmentInUse, match="Spring"):
        segments.delete(segment_id=germans.pk)

    campaign.excluded_segments.clear()
    segments.delete(segment_id=germans.pk)
    assert not Segment.objects.exists()


def test_a_segment_that_another_asks_for_is_in_use(germans: Segment) -> None:
    tree = rules({"not": [{"any": [{"segment": germans.pk}]}]})
    others = Segment.objects.create(name="Others", rules=tree)

    assert [use.row for use in segments.uses(segment_id=germans.pk)] == [others]
    with pytest.raises(segments.SegmentInUse, match="Others"):
        segments.delete(segment_id=germans.pk)
    segments.delete(segment_id=others.pk)
