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
