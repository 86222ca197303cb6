"""What stands out about a segment is what its people have more or less of than everybody."""

import math

import pytest
from django.core.cache import cache
from django.db import connection

from crm.models import Customer
from marketing import profiles
from marketing.choices import SegmentKind
from marketing.models import Membership, Segment
from tests import making


@pytest.fixture(autouse=True)
def _nothing_kept():
    """What everybody is like is kept for a while; every test begins without."""
    cache.clear()


@pytest.fixture
def shop(db, now):
    """Two hundred customers; every fourth is German, of whom all drink tea."""
    made = Customer.objects.bulk_create(
        Customer(
            language="en",
            country="DE" if number % 4 == 0 else "FR",
            attributes={"drink": "tea" if number % 4 == 0 else "coffee", "secret": "x"},
            created_at=now,
        )
        for number in range(200)
    )
    Customer.objects.filter(pk__in=[person.pk for person in made[::8]]).update(city="Bonn")
    return made


@pytest.fixture
def germans(shop, now):
    made = Segment.objects.create(name="Germans", kind=SegmentKind.LIST)
    Membership.objects.bulk_create(
        Membership(segment=made, customer=person, entered_at=now) for person in shop[::4]
    )
    return made


def described(segment, now, attributes=frozenset({"drink"})):
    return profiles.describe(segment_id=segment.pk, attributes=attributes, now=now)


def test_what_members_have_more_of_comes_with_its_lift(germans, now):
    found = described(germans, now)

    lifts = {(trait.facet, trait.name, trait.value): trait.lift for trait in found.more}
    assert lifts["field", "country", "DE"] == pytest.approx(4)
    assert lifts["attribute", "drink", "tea"] == pytest.approx(4)


def test_what_members_have_less_of_is_told_too(germans, now):
    found = described(germans, now)

    assert ("country", "FR", 0.0) in {(trait.name, trait.value, trait.lift) for trait in found.less}


def test_what_everybody_has_alike_does_not_stand_out(germans, now):
    found = described(germans, now)

    names = {trait.name for trait in (*found.more, *found.less)}
    assert "language" not in names


def test_what_a_handful_share_is_chance(germans, shop, now):
    Customer.objects.filter(pk__in=[person.pk for person in shop[:12:4]]).update(city="Ulm")

    found = described(germans, now)

    assert "Ulm" not in {trait.value for trait in found.more}


def test_attributes_that_the_reader_may_not_see_are_not_looked_at(germans, now):
    found = described(germans, now, attributes=frozenset())

    assert not [trait for trait in (*found.more, *found.less) if trait.facet == "attribute"]


def test_orders_are_averaged_over_everybody_and_not_over_buyers(germans, shop, now):
    for number, person in enumerate(shop[:40:4]):
        making.order(now=now, customer=person, number=f"P-{number}")

    figures = {figure.name: figure for figure in described(germans, now).figures}

    assert figures["orders"].mean == pytest.approx(10 / 50)
    assert figures["orders"].usual == pytest.approx(10 / 200)
    assert figures["revenue"].mean == pytest.approx(5)


def test_too_few_people_say_nothing(shop, now):
    lonely = Segment.objects.create(name="Lonely", kind=SegmentKind.LIST)
    Membership.objects.create(segment=lonely, customer=shop[0], entered_at=now)

    found = described(lonely, now)

    assert not found.is_known
    assert found.more == ()


def test_what_nobody_else_has_has_no_bound():
    assert profiles.Trait("field", "city", "Bonn", 0.5, 0.0).lift == math.inf


def test_very_large_segments_are_asked_by_a_share_of_the_buckets(germans, now, monkeypatch):
    Segment.objects.filter(pk=germans.pk).update(member_count=50)
    monkeypatch.setattr(profiles, "ASKED", 30)
    monkeypatch.setattr(profiles, "_MANY", 10)

    found = described(germans, now)

    assert found.asked == 30
    assert "DE" in {trait.value for trait in found.more}


def test_where_it_takes_too_long_fewer_people_are_asked(germans, now, monkeypatch):
    monkeypatch.setattr(profiles, "FEWER", 40)
    monkeypatch.setattr(profiles, "LIMIT_SECONDS", 0.3)
    look = profiles._look

    def slow(ids, attributes, now):
        if len(ids) > 40:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_sleep(5)")
        return look(ids, attributes, now)

    monkeypatch.setattr(profiles, "_look", slow)

    found = described(germans, now)

    assert (found.asked, found.usual_asked) == (40, 40)
    assert found.is_known


def test_statistics_of_a_table_that_was_larger_hide_nobody(germans, now, monkeypatch):
    monkeypatch.setattr(profiles, "ASKED", 30)
    monkeypatch.setattr(profiles, "_SIZE", "SELECT 100000")

    found = described(germans, now)

    assert (found.asked, found.usual_asked) == (30, 30)


def test_everybody_is_looked_at_once_for_all_segments(germans, now):
    described(germans, now)

    looked = []
    with connection.execute_wrapper(lambda run, sql, *rest: looked.append(sql) or run(sql, *rest)):
        described(germans, now)

    assert not any("bucket" in sql for sql in looked)
