"""Several who bring segments up to date at once, others who change people meanwhile, and a kill."""

import contextlib
import os
import random
import signal
import subprocess
import sys
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings as conf
from django.db import connection, transaction
from django.utils import timezone

from crm import customers
from crm.choices import MergeCause
from crm.models import Change, Customer
from marketing import segments
from marketing.models import Membership, Segment, SegmentMove, SegmentRecheck
from marketing.segments import base, following
from tests import making
from tests.crm.racing import at_once, errors

from . import histories
from .histories import GERMAN, rules

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def now() -> datetime:
    """The killed processes have no other."""
    return timezone.now()


def members(of: Segment) -> set[int]:
    return set(Membership.objects.filter(segment=of).values_list("customer_id", flat=True))


def planted(count: int, now: datetime) -> tuple[Segment, Segment, list[Customer]]:
    """Germans, others by way of the Germans, and people in France, all computed."""
    people = [making.customer(now=now, country="FR") for _ in range(count)]
    germans = Segment.objects.create(name="Germans", rules=rules(GERMAN))
    outside = {"segment": germans.pk, "op": "not_in"}
    others = Segment.objects.create(name="Others", rules=rules(outside))
    segments.refresh_due(clock=lambda: now)
    Change.objects.all().delete()
    return germans, others, people


def open_connections() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


def connections_left(expected: int) -> int:
    """How many are open; what was closed just now takes its server process a moment to end."""
    for _ in range(500):
        if open_connections() == expected:
            break
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(0.01)")
    return open_connections()


def move(customer_id: int, country: str, now: datetime) -> None:
    customers.correct(customer_id=customer_id, values={"country": country}, now=now)


def settle(now: datetime) -> None:
    """Everything that waits is done."""
    for _ in range(5):
        segments.follow(now=now)
        segments.refresh_due(clock=lambda: now)
    assert not Change.objects.exists()
    assert not SegmentRecheck.objects.exists()


def run_until_killed(folder: Path, what: str, after: int) -> int:
    address = urlsplit(os.environ["DATABASE_URL"])
    environment = {
        **os.environ,
        "DATABASE_URL": address._replace(path=f"/{connection.settings_dict['NAME']}").geturl(),
        "RAPPORT_VAR": str(folder),
        "DJANGO_SETTINGS_MODULE": "marketing.settings",
        "PYTHONPATH": str(conf.BASE_DIR),
    }
    command = [sys.executable, "-m", "tests.marketing.segments.killed", what, str(after)]
    before = open_connections()
    run = subprocess.run(command, check=False, cwd=conf.BASE_DIR, env=environment, timeout=60)
    # Its locks are held until its server processes have noticed.
    assert connections_left(before) == before
    return run.returncode


def test_segments_computed_side_by_side_come_after_those_that_they_mention(now: datetime) -> None:
    german = making.customer(now=now, country="DE")
    french = making.customer(now=now, country="FR")
    germans = [Segment.objects.create(name=f"G{n}", rules=rules(GERMAN)) for n in range(4)]
    outside = {"segment": germans[-1].pk, "op": "not_in"}
    others = Segment.objects.create(name="Others", rules=rules(outside))
    before = open_connections()

    done = segments.refresh_due(clock=lambda: now)

    assert set(done) == {others.pk, *(segment.pk for segment in germans)}
    assert [members(segment) for segment in germans] == [{german.pk}] * 4
    assert members(others) == {french.pk}
    assert connections_left(before) == before


@pytest.mark.processes
@pytest.mark.parametrize("after", [1, 2])
def test_a_follower_killed_in_the_middle_loses_nothing(
    now: datetime, tmp_path: Path, after: int
) -> None:
    germans, others, people = planted(6, now)
    for one in people[:4]:
        move(one.pk, "DE", now)

    assert run_until_killed(tmp_path, "follow", after) == -signal.SIGKILL
    assert members(germans) == set()
    assert not SegmentMove.objects.exists()
    segments.follow(now=now)

    assert members(germans) == {one.pk for one in people[:4]}
    assert members(others) == {one.pk for one in people[4:]}
    assert SegmentMove.objects.count() == 8


@pytest.mark.processes
def test_a_refresh_killed_in_the_middle_leaves_the_members_as_they_were(
    now: datetime, tmp_path: Path
) -> None:
    germans, others, people = planted(6, now)
    Segment.objects.filter(pk=germans.pk).update(rules=rules({"not": GERMAN}))
    kept = members(germans), members(others)

    assert run_until_killed(tmp_path, "refresh", 1) == -signal.SIGKILL
    assert (members(germans), members(others)) == kept
    settle(now + timedelta(minutes=5))

    assert members(germans) == {one.pk for one in people}
    assert members(others) == set()


def test_two_who_follow_at_once_do_it_once(now: datetime) -> None:
    germans, _others, people = planted(20, now)
    for one in people:
        move(one.pk, "DE", now)

    answers = at_once(*[lambda: segments.follow(now=now)] * 3)

    assert errors(answers) == []
    assert members(germans) == {one.pk for one in people}
    assert SegmentMove.objects.filter(segment=germans).count() == 20
    assert sum(answer.entered for answer in answers) == 20


def test_while_one_follows_another_goes_away_at_once(now: datetime) -> None:
    germans, _others, people = planted(2, now)
    move(people[0].pk, "DE", now)

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [following._LOCK])
        answers = at_once(lambda: segments.follow(now=now))

    assert answers == [segments.Followed()]
    assert Change.objects.exists()
    settle(now)
    assert members(germans) == {people[0].pk}


def test_following_waits_for_nobody_and_forgets_nobody(now: datetime) -> None:
    germans, others, people = planted(3, now)
    move(people[0].pk, "DE", now)
    move(people[1].pk, "DE", now)
    answers: list[Any] = []

    # Somebody merges or erases one of them for a long time; somebody else computes the others.
    with transaction.atomic():
        Customer.objects.select_for_update().get(pk=people[0].pk)
        base.lock(segment_id=others.pk)
        answers += at_once(lambda: segments.follow(now=now))

    assert errors(answers) == []
    assert members(germans) == {people[1].pk}
    assert members(others) == {one.pk for one in people}
    settle(now)
    assert members(germans) == {people[0].pk, people[1].pk}
    assert members(others) == {people[2].pk}


def merge(kept_id: int, merged_id: int, now: datetime) -> None:
    cause = MergeCause.STAFF
    customers.merge(
        kept_id=kept_id, merged_id=merged_id, cause=cause, reason="one", by=None, now=now
    )


def change_at_random(seed: int, ids: list[int], now: datetime) -> None:
    """Move people about, and now and then make two of them one."""
    draw = random.Random(seed)
    for _ in range(15):
        known = sorted(Customer.objects.filter(pk__in=ids).values_list("pk", flat=True))
        one, other = draw.sample(known, 2)
        # Somebody else may have merged one of them away meanwhile.
        with contextlib.suppress(customers.MergeRefused, Customer.DoesNotExist):
            if draw.random() < 0.2 and len(known) > 6:
                merge(one, other, now)
            else:
                move(one, draw.choice(("DE", "FR")), now)


def follow_again_and_again(now: datetime) -> None:
    for _ in range(25):
        segments.follow(now=now)


def refresh_again_and_again(now: datetime) -> None:
    for segment in list(Segment.objects.order_by("pk")) * 6:
        segments.refresh(segment_id=segment.pk, now=now)


def test_a_storm_of_changes_refreshes_and_followers_ends_right(now: datetime) -> None:
    _germans, _others, people = planted(12, now)
    ids = [one.pk for one in people]

    answers = at_once(
        *[partial(change_at_random, seed, ids, now) for seed in range(3)],
        *[partial(follow_again_and_again, now)] * 2,
        partial(refresh_again_and_again, now),
    )

    assert errors(answers) == []
    settle(now)
    assert histories.differences(now=now) == []
    assert not Segment.objects.exclude(error="")
    assert not Membership.objects.exclude(customer_id__in=Customer.objects.values("pk"))
