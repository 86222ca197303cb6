"""The follower makes a turn when something waits, and outlives its database and its broker."""

import os
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings as conf
from django.core.cache import cache
from django.db import OperationalError, connection

from crm import customers
from crm.models import Change
from marketing import heartbeats, segments
from marketing.models import Membership, Segment
from marketing.runtime import follow, looping
from marketing.runtime.follow import Follower
from tests import making

GERMAN = {"version": 1, "all": [{"field": "country", "op": "is", "value": "DE"}]}


def once(follower: Follower, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let it go round once; how long it would have waited."""
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        follower.is_wanted = False

    monkeypatch.setattr(looping.time, "sleep", wait)
    monkeypatch.setattr(looping.signal, "signal", lambda number, handler: None)
    follower.is_wanted = True
    follower.run()
    return waited


@pytest.fixture
def germans(now: datetime) -> Segment:
    made = Segment.objects.create(name="Germans", rules=GERMAN)
    segments.refresh(segment_id=made.pk, now=now)
    return made


@pytest.mark.django_db
def test_whoever_changed_is_followed_and_others_get_the_processor_then(
    germans: Segment, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    making.customer(now=now, country="DE")
    follower = Follower()

    [waited] = once(follower, monkeypatch)

    assert Membership.objects.filter(segment=germans).count() == 1
    assert follow.LEAST_REST <= waited <= follow.MOST_REST
    assert (follower.done.turns, follower.done.changes > 0) == (1, True)


@pytest.mark.django_db
def test_where_nothing_waits_no_turn_is_made(
    germans: Segment, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower = Follower()
    once(follower, monkeypatch)
    monkeypatch.setattr(segments, "follow", lambda **asked: pytest.fail("a turn for nothing"))

    assert once(follower, monkeypatch) == [looping.LOOK_EVERY]


@pytest.mark.django_db
def test_what_waits_is_seen(germans: Segment, now: datetime) -> None:
    Change.objects.all().delete()
    assert not segments.is_waiting()

    customers.identify(person=customers.Person(email="ann@example.com"), now=now)

    assert segments.is_waiting()


@pytest.mark.django_db
def test_a_database_that_is_away_is_waited_for(
    germans: Segment, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    making.customer(now=now, country="DE")
    follower = Follower()
    closed: list[bool] = []

    def away(**asked: Any) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    with monkeypatch.context() as broken:
        broken.setattr(segments, "follow", away)
        broken.setattr(connection, "close", lambda: closed.append(True))
        assert once(follower, broken) == [looping.AWAY_PAUSE]
    once(follower, monkeypatch)

    assert closed == [True]
    assert Membership.objects.filter(segment=germans).count() == 1


@pytest.mark.django_db
def test_it_gives_signs_of_life_and_takes_its_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    cache.clear()
    seen: list[float | None] = []
    monkeypatch.setattr(segments, "is_waiting", lambda: seen.append(heartbeats.ages()["follow"]))

    follower = Follower()
    follower._turned_at = float("inf")
    once(follower, monkeypatch)

    assert seen[0] is not None
    assert heartbeats.ages()["follow"] is None


@pytest.mark.django_db
def test_it_follows_while_the_broker_is_away(
    germans: Segment, now: datetime, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}
    settings.CACHES = {"default": away}
    making.customer(now=now, country="DE")

    once(Follower(), monkeypatch)

    assert Membership.objects.filter(segment=germans).count() == 1


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_as_a_process_of_its_own_it_follows_until_term(
    germans: Segment, now: datetime, tmp_path: Path
) -> None:
    making.customer(now=now, country="DE")
    address = urlsplit(os.environ["DATABASE_URL"])
    environment = {
        **os.environ,
        "DATABASE_URL": address._replace(path=f"/{connection.settings_dict['NAME']}").geturl(),
        "RAPPORT_VAR": str(tmp_path),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "marketing.runtime.follow", "--report"],
        cwd=conf.BASE_DIR,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 60
        while not Membership.objects.filter(segment=germans).exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
    finally:
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=30)

    assert process.returncode == 0
    assert '"turns": 1' in said
