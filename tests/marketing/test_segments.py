"""Segments hold who belongs in them, and staff's word stands above the rules."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from crm.models import Customer
from marketing import segments, signals
from marketing.choices import OverrideMode, SegmentKind
from marketing.models import Cluster, ClusterMembership, Membership, Segment, TrainingRun
from marketing.rules import RuleError
from marketing.segments import previews
from tests import making

pytestmark = pytest.mark.django_db


def segment(name: str, *conditions: dict[str, Any]) -> Segment:
    return Segment.objects.create(name=name, rules={"version": 1, "all": list(conditions)})


def members(of: Segment) -> set[int]:
    return set(segments.members(segment_id=of.pk).values_list("pk", flat=True))


GERMANS = {"field": "country", "op": "is", "value": "DE"}


def test_a_refresh_brings_in_who_belongs_and_takes_out_who_does_not(now: datetime) -> None:
    stays, leaves, comes = (making.customer(now=now, country="DE") for _ in range(3))
    germans = segment("Germans", GERMANS)
    Customer.objects.filter(pk=comes.pk).update(country="FR")
    segments.refresh(segment_id=germans.pk, now=now)
    Customer.objects.filter(pk=comes.pk).update(country="DE")
    Customer.objects.filter(pk=leaves.pk).update(country="FR")

    refreshed = segments.refresh(segment_id=germans.pk, now=now + timedelta(hours=1))

    germans.refresh_from_db()
    assert (refreshed.entered, refreshed.left, refreshed.count) == (1, 1, 2)
    assert members(germans) == {stays.pk, comes.pk}
    assert (germans.member_count, germans.refreshed_at) == (2, now + timedelta(hours=1))
    since = dict(Membership.objects.values_list("customer_id", "entered_at"))
    assert since == {stays.pk: now, comes.pk: now + timedelta(hours=1)}


def test_a_failing_segment_shows_its_error_and_keeps_its_members(
    now: datetime, settings: Any
) -> None:
    customer = making.customer(now=now, country="DE")
    germans = segment("Germans", GERMANS)
    segments.refresh(segment_id=germans.pk, now=now)
    Segment.objects.filter(pk=germans.pk).update(rules={"version": 1, "all": [{"colour": "red"}]})

    refreshed = segments.refresh(segment_id=germans.pk, now=now)

    germans.refresh_from_db()
    assert "rules.all[0]" in germans.error
    assert refreshed.error == germans.error
    assert members(germans) == {customer.pk}
    # It is tried again later, not with every sweep.
    assert germans.pk not in segments.due(now=now + timedelta(minutes=1))
    assert germans.pk in segments.due(now=now + timedelta(minutes=20))


def test_a_rule_that_takes_too_long_is_stopped(
    now: datetime, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    making.customer(now=now)
    everyone = segment("Everyone")
    settings.SEGMENT_TIMEOUT_SECONDS = 1
    slow = segments.writing.base

    def with_a_nap(**known: Any) -> Any:
        compiled = slow(**known)
        return type(compiled)(compiled.sql + " AND pg_sleep(3) IS NOT NULL", compiled.params)

    monkeypatch.setattr(segments.writing, "base", with_a_nap)

    segments.refresh(segment_id=everyone.pk, now=now)

    everyone.refresh_from_db()
    assert "timeout" in everyone.error
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("0",)


def test_a_person_put_in_or_out_by_hand_stays_there(now: datetime) -> None:
    german, french = making.customer(now=now, country="DE"), making.customer(now=now, country="FR")
    germans = segment("Germans", GERMANS)
    segments.refresh(segment_id=germans.pk, now=now)
    why = {"reason": "asked by phone", "by": None, "now": now}

    segments.put(segment_id=germans.pk, customer_id=french.pk, mode=OverrideMode.INCLUDE, **why)
    segments.put(segment_id=germans.pk, customer_id=german.pk, mode=OverrideMode.EXCLUDE, **why)

    assert members(germans) == {french.pk}
    segments.refresh(segment_id=germans.pk, now=now)
    assert members(germans) == {french.pk}
    assert segments.lift(segment_id=germans.pk, customer_id=french.pk, by=None, now=now)
    assert segments.lift(segment_id=germans.pk, customer_id=german.pk, by=None, now=now)
    assert members(germans) == {german.pk}
    assert not segments.lift(segment_id=germans.pk, customer_id=german.pk, by=None, now=now)


def test_an_override_ends_when_it_said_it_would(now: datetime) -> None:
    customer = making.customer(now=now, country="FR")
    germans = segment("Germans", GERMANS)
    segments.put(
        segment_id=germans.pk,
        customer_id=customer.pk,
        mode=OverrideMode.INCLUDE,
        reason="a test person",
        by=None,
        now=now,
        expires_at=now + timedelta(days=1),
    )

    segments.refresh(segment_id=germans.pk, now=now + timedelta(days=2))

    assert members(germans) == set()


def test_a_fixed_list_holds_who_was_put_in(now: datetime) -> None:
    customer = making.customer(now=now)
    friends = Segment.objects.create(name="Friends", kind=SegmentKind.LIST)
    segments.put(
        segment_id=friends.pk,
        customer_id=customer.pk,
        mode=OverrideMode.INCLUDE,
        reason="friend of the house",
        by=None,
        now=now,
    )

    segments.refresh(segment_id=friends.pk, now=now)

    assert members(friends) == {customer.pk}


def test_a_cluster_segment_follows_its_cluster(now: datetime) -> None:
    customer, _other = making.customer(now=now), making.customer(now=now)
    run = TrainingRun.objects.create(kind="clusters", state="used", requested_at=now)
    cluster = Cluster.objects.create(run=run, number=0, traits=["recent", "big_spender"], size=1)
    ClusterMembership.objects.create(customer=customer, cluster=cluster, distance=0.1)
    best = Segment.objects.create(name="Best", kind=SegmentKind.CLUSTER, cluster=cluster)
    by_traits = segment("By traits", {"cluster": ["big_spender"]})

    for one in (best, by_traits):
        segments.refresh(segment_id=one.pk, now=now)

    assert members(best) == members(by_traits) == {customer.pk}


def test_other_rules_make_a_segment_due(now: datetime) -> None:
    germans, french = segment("Germans", GERMANS), segment("French", GERMANS)
    segments.refresh_due(clock=lambda: now)
    assert segments.due(now=now + timedelta(hours=1)) == []

    french.rules = {"version": 1, "all": [{"field": "country", "op": "is", "value": "FR"}]}
    french.save()

    assert segments.due(now=now) == [french.pk]
    assert germans.pk in segments.due(now=now + timedelta(days=2))


def test_nested_segments_are_refreshed_after_what_they_speak_of(now: datetime) -> None:
    customer = making.customer(now=now, country="DE")
    outer = segment("Outer")
    inner = segment("Inner", GERMANS)
    Segment.objects.filter(pk=outer.pk).update(rules={"version": 1, "all": [{"segment": inner.pk}]})

    segments.refresh_due(clock=lambda: now)

    assert members(outer) == members(inner) == {customer.pk}


def test_segments_may_not_go_round_in_a_circle(now: datetime) -> None:
    first, second = segment("First"), segment("Second")
    second.rules = {"version": 1, "all": [{"segment": first.pk}]}
    second.save()
    first.rules = {"version": 1, "all": [{"segment": second.pk, "op": "not_in"}]}

    with pytest.raises(RuleError, match="lead back"):
        segments.check(segment=first)

    segments.check(segment=second)


def test_a_refresh_is_announced_once_it_is_committed(
    now: datetime, django_capture_on_commit_callbacks: Any
) -> None:
    making.customer(now=now, country="DE")
    germans = segment("Germans", GERMANS)
    heard: list[dict[str, Any]] = []
    signals.segment_refreshed.connect(lambda **news: heard.append(news), weak=False, dispatch_uid=1)

    with django_capture_on_commit_callbacks(execute=True):
        segments.refresh(segment_id=germans.pk, now=now)
        segments.refresh(segment_id=germans.pk, now=now)

    signals.segment_refreshed.disconnect(dispatch_uid=1)
    assert [(news["segment_id"], news["entered"], news["left"]) for news in heard] == [
        (germans.pk, 1, 0)
    ]


def test_a_preview_counts_reach_and_shows_five_people(now: datetime) -> None:
    for _ in range(6):
        making.subscriber(now=now, country="DE")
    making.customer(now=now, country="DE")
    making.customer(now=now, country="FR")

    preview = segments.preview(rules={"version": 1, "all": [GERMANS]}, now=now)

    assert preview.total == 7
    assert preview.reach["email"].reachable == 6
    assert preview.reach["email"].refused == {"no_consent": 1}
    assert len(preview.sample) == 5


def test_a_share_of_many_customers_says_how_many_there_are_and_how_sure_that_is(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [
        Customer(country="DE" if number % 4 == 0 else "FR", bucket=number * 25, created_at=now)
        for number in range(400)
    ]
    Customer.objects.bulk_create(people)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE crm_customer")
    monkeypatch.setattr(previews, "ASKED", 40)
    # Nothing is counted within a thousandth of a second where it waits for one.
    monkeypatch.setattr(previews, "AT_ONCE", 0.001)
    monkeypatch.setattr(previews, "_COUNT", "SELECT count(*) FROM previewed, pg_sleep(0.01)")
    rules = {
        "version": 1,
        "all": [GERMANS, {"field": "created_at", "op": "within_days", "value": 9}],
    }

    estimated = segments.estimate(rules=rules, now=now)
    counted = segments.preview(rules=rules, now=now)

    assert (counted.total, counted.margin) == (100, 0)
    assert 0 < estimated.margin < 100
    assert abs(estimated.total - counted.total) <= estimated.margin
    assert estimated.reach["email"].total == estimated.total
    assert len(estimated.sample) == 5


def test_few_customers_are_counted_and_not_estimated(now: datetime) -> None:
    making.customer(now=now, country="DE")

    assert segments.estimate(rules={"version": 1, "all": [GERMANS]}, now=now).margin == 0
    assert not Membership.objects.exists()
