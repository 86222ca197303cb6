"""How segments overlap is counted to the last customer."""

import random

import pytest

from marketing import overlaps
from marketing.choices import SegmentKind
from marketing.models import Membership, Segment
from tests import making


def segment(name, people, now):
    made = Segment.objects.create(name=name, kind=SegmentKind.LIST)
    Membership.objects.bulk_create(
        Membership(segment=made, customer=person, entered_at=now) for person in people
    )
    return made


@pytest.fixture
def people(db, now):
    return [making.customer(now=now) for _ in range(12)]


def test_everybody_is_counted_in_one_region_only(people, now):
    tea = segment("Tea", people[:8], now)
    coffee = segment("Coffee", people[5:10], now)

    found = overlaps.compare(segment_ids=[tea.pk, coffee.pk])

    counts = {region.segment_ids: region.count for region in found.regions}
    assert counts == {
        frozenset({tea.pk}): 5,
        frozenset({tea.pk, coffee.pk}): 3,
        frozenset({coffee.pk}): 2,
    }
    assert [one.name for one in found.segments] == ["Tea", "Coffee"]
    assert found.sizes == {tea.pk: 8, coffee.pk: 5}


def test_regions_are_those_that_sets_in_python_have(people, now):
    draw = random.Random(7)
    sets = {
        segment(f"S{number}", chosen, now).pk: {person.pk for person in chosen}
        for number in range(4)
        for chosen in [draw.sample(people, draw.randint(0, 9))]
    }

    found = overlaps.compare(segment_ids=list(sets))

    expected: dict[frozenset[int], int] = {}
    for person in people:
        inside = frozenset(pk for pk, members in sets.items() if person.pk in members)
        if inside:
            expected[inside] = expected.get(inside, 0) + 1
    assert {region.segment_ids: region.count for region in found.regions} == expected


def test_other_segments_do_not_matter(people, now):
    tea = segment("Tea", people[:3], now)
    segment("Everybody", people, now)

    found = overlaps.compare(segment_ids=[tea.pk])

    assert [(region.segment_ids, region.count) for region in found.regions] == [({tea.pk}, 3)]


def test_no_segment_has_no_region(db):
    assert overlaps.compare(segment_ids=[]).regions == ()


def test_very_large_segments_are_told_from_a_share_that_says_so(people, now, monkeypatch):
    for number, person in enumerate(people):
        type(person).objects.filter(pk=person.pk).update(bucket=number * 10_000 // len(people))
    tea, coffee = segment("Tea", people[:8], now), segment("Coffee", people[4:], now)
    Segment.objects.update(member_count=8)
    monkeypatch.setattr(overlaps, "AT_ONCE", 10)
    monkeypatch.setattr(overlaps, "ASKED", 8)

    found = overlaps.compare(segment_ids=[tea.pk, coffee.pk])

    counts = {region.segment_ids: region.count for region in found.regions}
    assert found.share == 0.5
    assert counts == {frozenset({tea.pk}): 8, frozenset({tea.pk, coffee.pk}): 4}
    assert all(region.margin > 0 for region in found.regions)


def test_what_takes_too_long_to_count_is_told_from_a_share(people, now, monkeypatch):
    tea = segment("Tea", people, now)
    Segment.objects.update(member_count=len(people))
    slow = "SELECT 1, 1 FROM pg_sleep(5) WHERE cardinality(%s::bigint[]) > 0"
    monkeypatch.setattr(overlaps, "_REGIONS", slow)
    monkeypatch.setattr(overlaps, "LIMIT_SECONDS", 0.3)

    found = overlaps.compare(segment_ids=[tea.pk])

    assert [(region.count, region.margin) for region in found.regions] == [(12, 0)]
    assert found.share == 1
