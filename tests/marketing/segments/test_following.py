"""Segments follow what changes, and are then what computing everybody would have made of them."""

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from crm import changes, customers, events
from crm.choices import MergeCause
from crm.models import Change, Customer
from marketing import segments, signals
from marketing.models import Membership, Segment, SegmentMove, SegmentRecheck, SegmentSize
from marketing.rules import Sql
from marketing.rules.conditions import days
from marketing.segments import asking, following
from tests import making

from . import happenings, histories
from .histories import GERMAN, History, rules

pytestmark = pytest.mark.django_db

LONG = bool(os.environ.get("RAPPORT_LONG"))
SEEDS = range(60) if LONG else range(8)
STEPS = 120 if LONG else 20


def members(of: Segment) -> set[int]:
    return set(segments.members(segment_id=of.pk).values_list("pk", flat=True))


def computed(name: str, *conditions: dict[str, Any], now: datetime) -> Segment:
    made = Segment.objects.create(name=name, rules=rules(*conditions))
    segments.refresh(segment_id=made.pk, now=now)
    Change.objects.all().delete()
    made.refresh_from_db()
    return made


def move(customer: Customer, country: str, now: datetime) -> None:
    customers.correct(customer_id=customer.pk, values={"country": country}, now=now)


def settle(history: History) -> None:
    """Everything that waits is followed; what was too wide for that is computed."""
    for _ in range(4):
        while segments.follow(now=history.now).is_more:
            pass
        if not Segment.objects.exclude(refresh_wanted_at=None).exists():
            break
        history.now += timedelta(minutes=2)
        segments.refresh_due(clock=lambda: history.now)
    assert segments.due(now=history.now) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_followed_is_what_would_be_computed(
    seed: int, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SEGMENT_REFRESH_MINUTES = 1_000_000
    settings.VAR_DIR = tmp_path
    monkeypatch.setattr(days, "_KEEP_SECONDS", 0)
    beginning = happenings.BEGINNINGS[seed % len(happenings.BEGINNINGS)]
    history = History(seed, datetime.fromisoformat(beginning))
    histories.plant(seed=seed, now=history.now)
    # The nested are asked for once more, as those that they speak of are new.
    for _ in range(3):
        segments.refresh_due(clock=lambda: history.now)
        history.now += timedelta(minutes=5)
        segments.follow(now=history.now)
    done = []

    for step in range(STEPS):
        done.append(history.step())
        if step % 10 == 9 or done[-1] == "midnight":
            history.now += segments.clock.EVERY
            settle(history)
            found = histories.differences(now=history.now)
            assert found == [], (seed, done)

    assert SegmentMove.objects.exists()
    assert not Segment.objects.exclude(error="")
    assert not Change.objects.exists()


def test_whoever_changes_is_looked_at_where_it_matters(now: datetime) -> None:
    stays, comes = making.customer(now=now, country="DE"), making.customer(now=now, country="FR")
    germans = computed("Germans", GERMAN, now=now)
    computed("Viewers", {"event": "page.viewed"}, now=now)
    later = now + timedelta(seconds=5)
    move(comes, "DE", later)

    followed = segments.follow(now=later)

    assert (followed.looked_at, followed.entered, followed.left) == (1, 1, 0)
    assert members(germans) == {stays.pk, comes.pk}
    germans.refresh_from_db()
    assert germans.member_count == 2
    assert not Change.objects.exists()
    moved = SegmentMove.objects.get()
    assert (moved.customer_id, moved.is_entry, moved.cause) == (comes.pk, True, "change")
    size = SegmentSize.objects.get(segment=germans)
    assert (size.members, size.entered, size.left) == (2, 1, 0)
    assert segments.follow(now=later) == segments.Followed()


def test_many_segments_are_asked_together(
    now: datetime, django_assert_max_num_queries: Any
) -> None:
    comes, goes = (making.customer(now=now, country=country) for country in ("FR", "DE"))
    germans = [computed(f"Germans {number}", GERMAN, now=now) for number in range(30)]
    others = computed("Others", {"not": GERMAN}, now=now)
    nested = computed("Nested", {"segment": germans[7].pk}, now=now)
    move(comes, "DE", now)
    move(goes, "FR", now)

    with django_assert_max_num_queries(30):
        followed = segments.follow(now=now)

    assert (followed.looked_at, followed.entered, followed.left) == (64, 32, 32)
    assert {tuple(members(one)) for one in [*germans, nested]} == {(comes.pk,)}
    assert members(others) == {goes.pk}
    for one in (germans[3], nested, others):
        one.refresh_from_db()
        assert one.member_count == 1
        size = SegmentSize.objects.get(segment=one)
        assert (size.members, size.entered, size.left) == (1, 1, 1)


def test_more_tests_than_one_statement_takes_are_made_in_several(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [making.customer(now=now, country="FR") for _ in range(3)]
    germans = [computed(f"Germans {number}", GERMAN, now=now) for number in range(5)]
    monkeypatch.setattr(asking, "MOST_TESTS", 7)
    for one in people:
        move(one, "DE", now)

    assert segments.follow(now=now).entered == 15

    assert all(members(one) == {person.pk for person in people} for one in germans)


def test_an_override_wins_where_many_are_asked_together(now: datetime) -> None:
    kept_out, put_in = (making.customer(now=now, country=country) for country in ("FR", "DE"))
    germans = [computed(f"Germans {number}", GERMAN, now=now) for number in range(2)]
    asked = {"segment_id": germans[0].pk, "reason": "a test person", "by": None, "now": now}
    segments.put(customer_id=kept_out.pk, mode="exclude", **asked)
    segments.put(customer_id=put_in.pk, mode="include", **asked)
    move(kept_out, "DE", now)
    move(put_in, "FR", now)

    segments.follow(now=now)

    assert members(germans[0]) == {put_in.pk}
    assert members(germans[1]) == {kept_out.pk}


def test_the_clock_moves_people_without_any_change(now: datetime) -> None:
    customer = making.customer(now=now)
    events.record(event=events.NewEvent(customer.pk, "page.viewed", now, "k1"), now=now)
    viewers = computed("Viewers", {"event": "page.viewed", "within_days": 1}, now=now)
    assert members(viewers) == {customer.pk}

    segments.follow(now=now + timedelta(hours=23))
    assert members(viewers) == {customer.pk}
    segments.follow(now=now + timedelta(hours=25))

    assert members(viewers) == set()
    assert SegmentMove.objects.get().cause == "clock"


def test_what_many_ask_of_the_clock_is_asked_once(
    now: datetime, django_assert_max_num_queries: Any
) -> None:
    customer = making.customer(now=now)
    events.record(event=events.NewEvent(customer.pk, "page.viewed", now, "k1"), now=now)
    asked = {"event": "page.viewed", "within_days": 1}
    viewers = [computed(f"Viewers {number}", asked, now=now) for number in range(20)]
    later = now + timedelta(days=1, seconds=1)
    # Estimates and savepoints of each are counted too.
    with django_assert_max_num_queries(2 * 20 + 30):
        followed = segments.follow(now=later)

    assert followed.left == 20
    assert not any(members(one) for one in viewers)


def test_a_clock_that_is_dear_to_read_is_read_rarely(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments.clock, "_DEAR", 0)
    customer = making.customer(now=now)
    events.record(event=events.NewEvent(customer.pk, "page.viewed", now, "k1"), now=now)
    computed_at = now + timedelta(days=1) - timedelta(seconds=15)
    viewers = computed("Viewers", {"event": "page.viewed", "within_days": 1}, now=computed_at)

    segments.follow(now=computed_at + timedelta(seconds=30))
    assert members(viewers) == {customer.pk}
    segments.follow(now=computed_at + segments.clock.RARELY)

    assert members(viewers) == set()


def test_clocks_that_are_dear_to_read_are_read_in_turn(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments.clock, "_DEAR", 0)
    monkeypatch.setattr(segments.clock, "_AT_ONCE", 1)
    customer = making.customer(now=now)
    events.record(event=events.NewEvent(customer.pk, "page.viewed", now, "k1"), now=now)
    asked = {"event": "page.viewed", "within_days": 1}
    viewers = [computed(f"Viewers {number}", asked, now=now) for number in range(3)]
    later = now + timedelta(days=2)

    left = [segments.follow(now=later + timedelta(seconds=at)).left for at in range(4)]

    assert left == [1, 1, 1, 0]
    assert not any(members(one) for one in viewers)


def test_a_clock_that_cannot_be_read_stops_no_other(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = making.customer(now=now)
    events.record(event=events.NewEvent(customer.pk, "page.viewed", now, "k1"), now=now)
    asked = {"event": "page.viewed", "within_days": 1}
    viewers, broken = (computed(name, asked, now=now) for name in ("Viewers", "Broken"))
    real = segments.clock._selects

    def some_broken(segment: Segment, at: datetime) -> tuple[Sql, ...]:
        return (Sql("SELECT 1 / 0"),) if segment.pk == broken.pk else real(segment, at)

    monkeypatch.setattr(segments.clock, "_selects", some_broken)

    segments.follow(now=now + timedelta(days=2))

    broken.refresh_from_db()
    assert "division" in broken.error
    assert members(viewers) == set()


def test_an_override_that_ended_is_no_longer_followed(now: datetime) -> None:
    customer = making.customer(now=now, country="FR")
    germans = computed("Germans", GERMAN, now=now)
    segments.put(
        segment_id=germans.pk,
        customer_id=customer.pk,
        mode="include",
        reason="a test person",
        by=None,
        now=now,
        expires_at=now + timedelta(hours=1),
    )
    assert members(germans) == {customer.pk}

    segments.follow(now=now + timedelta(hours=2))

    assert members(germans) == set()
    causes = [(one.is_entry, one.cause) for one in SegmentMove.objects.order_by("pk")]
    assert causes == [(True, "staff"), (False, "clock")]


def test_segments_of_segments_follow_in_the_same_turn(now: datetime) -> None:
    customer = making.customer(now=now, country="FR")
    outer = Segment.objects.create(name="Outer", rules=rules())
    germans = computed("Germans", GERMAN, now=now)
    middle = computed("Middle", {"segment": germans.pk}, now=now)
    outer.rules = rules({"segment": middle.pk, "op": "not_in"})
    outer.save()
    segments.refresh(segment_id=outer.pk, now=now)
    assert members(outer) == {customer.pk}
    move(customer, "DE", now)

    segments.follow(now=now)

    assert members(germans) == members(middle) == {customer.pk}
    assert members(outer) == set()


def test_who_moved_is_announced_once(
    now: datetime, django_capture_on_commit_callbacks: Any
) -> None:
    customer = making.customer(now=now, country="FR")
    germans = computed("Germans", GERMAN, now=now)
    heard: list[tuple[str, int, list[int]]] = []

    def hear(name: str) -> Any:
        return lambda **news: heard.append((name, news["segment_id"], news["customer_ids"]))

    signals.segment_entered.connect(hear("entered"), weak=False, dispatch_uid="in")
    signals.segment_left.connect(hear("left"), weak=False, dispatch_uid="out")

    for country in ("DE", "DE", "FR"):
        with django_capture_on_commit_callbacks(execute=True):
            move(customer, country, now)
            segments.follow(now=now)
            segments.follow(now=now)

    signals.segment_entered.disconnect(dispatch_uid="in")
    signals.segment_left.disconnect(dispatch_uid="out")
    assert heard == [("entered", germans.pk, [customer.pk]), ("left", germans.pk, [customer.pk])]


def test_whoever_was_there_before_a_segment_has_not_moved(now: datetime) -> None:
    making.customer(now=now, country="DE")

    computed("Germans", GERMAN, now=now)

    assert Membership.objects.exists()
    assert not SegmentMove.objects.exists()


def test_other_rules_are_computed_and_their_moves_are_told(now: datetime) -> None:
    german, french = making.customer(now=now, country="DE"), making.customer(now=now, country="FR")
    segment = computed("Some", GERMAN, now=now)
    segment.rules = rules({"not": GERMAN})
    segment.save()
    move(german, "FR", now)

    # Nobody is looked at by rules that the members were not computed from.
    assert segments.follow(now=now).looked_at == 0
    segments.refresh_due(clock=lambda: now)

    assert members(segment) == {german.pk, french.pk}
    assert {(one.customer_id, one.cause) for one in SegmentMove.objects.all()} == {
        (french.pk, "rules")
    }


def test_a_change_too_wide_is_answered_by_a_refresh(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [making.customer(now=now, country="FR") for _ in range(3)]
    germans = computed("Germans", GERMAN, now=now)
    monkeypatch.setattr(following, "_MOST", 2)
    for one in people:
        move(one, "DE", now)
    later = now + timedelta(minutes=5)

    segments.follow(now=later)

    assert members(germans) == set()
    assert segments.due(now=later) == [germans.pk]
    segments.refresh_due(clock=lambda: later)
    assert members(germans) == {one.pk for one in people}
    assert segments.due(now=later) == []


def test_what_may_have_changed_of_anybody_is_answered_by_a_refresh(now: datetime) -> None:
    germans = computed("Germans", GERMAN, now=now)
    computed("Viewers", {"event": "page.viewed"}, now=now)
    changes.note_anybody(subjects=(changes.PERSON,), now=now)

    segments.follow(now=now + timedelta(hours=1))

    assert segments.due(now=now + timedelta(hours=1)) == [germans.pk]


def test_a_rule_that_takes_too_long_keeps_its_members_and_says_so(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = making.customer(now=now, country="DE")
    slow, germans = computed("Slow", GERMAN, now=now), computed("Germans", GERMAN, now=now)
    quick, quick_test = segments.writing.base, asking.test

    def with_a_nap(**asked: Any) -> Any:
        made = quick(**asked)
        if asked["segment"].pk != slow.pk:
            return made
        return type(made)(f"{made.sql} UNION ALL SELECT 0 FROM pg_sleep(3)", made.params)

    def test_with_a_nap(*, asked: asking.Asked) -> Sql:
        made = quick_test(asked=asked)
        nap = "(SELECT true FROM pg_sleep(3)) AND " if asked.segment.pk == slow.pk else ""
        return Sql(nap + made.text, made.params)

    monkeypatch.setattr(segments.writing, "base", with_a_nap)
    monkeypatch.setattr(asking, "test", test_with_a_nap)
    monkeypatch.setattr(following, "_PATIENCE", 0.2)
    move(customer, "FR", now)

    segments.follow(now=now)

    slow.refresh_from_db()
    assert "timeout" in slow.error
    assert slow.failing_since_at == now
    assert members(slow) == {customer.pk}
    assert members(germans) == set()
    # It is computed as a whole a while later, and right again.
    monkeypatch.undo()
    later = now + timedelta(hours=1)
    assert segments.due(now=now) == []
    segments.refresh_due(clock=lambda: later)
    slow.refresh_from_db()
    assert (slow.error, slow.failing_since_at, members(slow)) == ("", None, set())


def test_members_who_went_away_are_counted_off(now: datetime) -> None:
    gone, stays = (making.customer(now=now, country="DE") for _ in range(2))
    germans = computed("Germans", GERMAN, now=now)
    customers.forget_many(customer_ids=[gone.pk], now=now)

    segments.follow(now=now + timedelta(seconds=1))

    germans.refresh_from_db()
    assert (germans.member_count, members(germans)) == (1, {stays.pk})
    assert germans.recount_wanted_at is None


def test_very_many_members_are_counted_off_later(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "_RECOUNT_EACH", timedelta(hours=1))
    gone, stays = (making.customer(now=now, country="DE") for _ in range(2))
    germans = computed("Germans", GERMAN, now=now)
    customers.forget_many(customer_ids=[gone.pk], now=now)

    segments.follow(now=now)
    germans.refresh_from_db()
    assert germans.member_count == 2
    segments.follow(now=now + timedelta(minutes=10))

    germans.refresh_from_db()
    assert (germans.member_count, members(germans)) == (1, {stays.pk})


def test_whoever_becomes_one_is_counted_once(now: datetime) -> None:
    kept, merged = (making.customer(now=now, country="DE") for _ in range(2))
    germans = computed("Germans", GERMAN, now=now)
    customers.merge(
        kept_id=kept.pk,
        merged_id=merged.pk,
        cause=MergeCause.STAFF,
        reason="one person",
        by=None,
        now=now,
    )

    segments.follow(now=now)

    germans.refresh_from_db()
    assert (germans.member_count, members(germans)) == (1, {kept.pk})


def test_people_who_are_to_be_looked_at_again_are(now: datetime) -> None:
    customer = making.customer(now=now, country="DE")
    germans = computed("Germans", GERMAN, now=now)
    Membership.objects.all().delete()
    SegmentRecheck.objects.create(segment=germans, customer_ids=[customer.pk], created_at=now)

    segments.follow(now=now)

    assert members(germans) == {customer.pk}
    assert not SegmentRecheck.objects.exists()
