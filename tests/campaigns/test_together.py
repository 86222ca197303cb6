"""Campaigns that send at the same time know of each other."""

import threading
import time
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction

from campaigns import eligibility
from campaigns.models import Delivery
from campaigns.sending import decided
from crm.models import Message
from tests import making
from tests.campaigns import staging
from tests.crm.racing import at_once, errors

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(("purpose", "written"), [("marketing", 1), ("transactional", 2)])
def test_two_campaigns_at_the_same_time_keep_to_the_cap_of_one_person(
    now: datetime, settings: Any, monkeypatch: pytest.MonkeyPatch, purpose: str, written: int
) -> None:
    settings.CAMPAIGN_FREQUENCY_CAP, settings.CAMPAIGN_FREQUENCY_CAP_DAYS = 1, 7
    ada = making.subscriber(now=now)
    both = [staging.running(customers=[ada], now=now, purpose=purpose) for _ in range(2)]
    decided_both = threading.Barrier(2, timeout=1)
    record = decided.record

    def after_both(**facts: Any) -> Any:
        with suppress(threading.BrokenBarrierError):
            decided_both.wait()
        return record(**facts)

    monkeypatch.setattr(decided, "record", after_both)

    answers = at_once(*(partial(staging.send, campaign=one, now=now) for one in both))

    assert errors(answers) == []
    assert Message.objects.count() == written
    reasons = set(Delivery.objects.values_list("reason", flat=True))
    assert reasons == ({"", "frequency_cap"} if written == 1 else {""})


def test_a_worker_that_is_frozen_in_its_turn_holds_no_other_campaign_up(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(eligibility, "_TURN_SECONDS", 0.1)
    frozen, going_on = (
        staging.running(customers=[making.subscriber(now=now)], now=now) for _ in range(2)
    )

    def send() -> None:
        staging.send(campaign=going_on, now=now)

    with transaction.atomic():
        eligibility.take_turn(campaign_id=frozen.pk, purpose="marketing")
        answers = at_once(send)

    assert errors(answers) == []
    assert Message.objects.get().state == "sent"


_WAITS = """
SELECT EXISTS (SELECT FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
                WHERE locktype = 'advisory' AND NOT granted AND datname = current_database())
"""


def _somebody_waits(cursor: Any) -> bool:
    cursor.execute(_WAITS)
    return bool(cursor.fetchone()[0])


def test_a_campaign_has_its_turn_when_the_other_has_decided(now: datetime) -> None:
    first, second = (
        staging.running(customers=[making.subscriber(now=now)], now=now) for _ in range(2)
    )
    is_taken, turns = threading.Event(), []

    def decide() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            eligibility.take_turn(campaign_id=first.pk, purpose="marketing")
            is_taken.set()
            until = time.monotonic() + 4
            while not _somebody_waits(cursor) and time.monotonic() < until:
                pass
            turns.append(first)

    def follow() -> None:
        is_taken.wait(timeout=20)
        with transaction.atomic(), connection.cursor() as cursor:
            eligibility.take_turn(campaign_id=second.pk, purpose="marketing")
            turns.append(second)
            cursor.execute("SHOW lock_timeout")
            assert cursor.fetchone() == ("0",)

    answers = at_once(decide, follow)

    assert errors(answers) == []
    assert turns == [first, second]
