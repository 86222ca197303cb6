"""Limits: of accounts, of sending domains, of recipient domains, of a domain that is new."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from redis import ConnectionError as RedisAway

from crm import accounts, pacing
from crm.accounts import Kept
from crm.channels.base import Account
from crm.choices import BreakerState, Lane
from crm.models import Customer, Message, SendingDomain
from crm.pacing import buckets
from tests import making

SENDER = "Shop <shop@shop.example>"


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    buckets._levels.clear()
    buckets._away_until = 0.0
    yield
    buckets._away_until = 0.0


def an_account(**facts: Any) -> Kept:
    return Kept(Account("memory", name="first"), "email", SENDER, **facts)


def take(kept: Kept, wanted: int, now: datetime, lane: str = Lane.BULK) -> pacing.Grant:
    return pacing.grant(kept=kept, wanted=wanted, lane=lane, now=now)


def a_domain(**facts: Any) -> SendingDomain:
    return SendingDomain.objects.create(domain="shop.example", **facts)


@pytest.mark.django_db
def test_without_limits_all_go_and_nobody_is_asked(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buckets, "client", lambda: pytest.fail("Valkey was asked"))

    assert take(an_account(), 500, now).count == 500


@pytest.mark.django_db
def test_an_account_gives_what_its_provider_takes(now: datetime) -> None:
    kept = an_account(per_second=2.0, burst=10)

    first, second = take(kept, 500, now), take(kept, 500, now)

    assert first.count == 10
    assert second.count == 0
    assert 0.3 < second.wait_seconds <= 0.5


@pytest.mark.django_db
def test_what_was_not_used_is_there_again(now: datetime) -> None:
    kept = an_account(per_second=0.1, burst=10)

    granted = take(kept, 10, now)
    pacing.give_back(grant=granted, unused=4)

    assert take(kept, 10, now).count == 4


@pytest.mark.django_db
def test_the_rate_is_kept_within_two_percent(now: datetime) -> None:
    kept = an_account(per_second=20_000.0, burst=4_000)
    take(kept, 4_000, now)
    began, given = time.perf_counter(), 0

    while time.perf_counter() - began < 0.3:
        given += take(kept, 4_000, now).count
    took = time.perf_counter() - began

    assert given == pytest.approx(20_000 * took, rel=0.02)


@pytest.mark.django_db
def test_what_is_urgent_goes_first_and_what_can_wait_pays(now: datetime) -> None:
    kept = an_account(per_second=1.0, burst=10)
    take(kept, 10, now)

    urgent = take(kept, 5, now, Lane.URGENT)
    waiting = take(kept, 1, now)

    assert urgent.count == 5
    assert waiting.count == 0
    assert waiting.wait_seconds > 5


@pytest.mark.django_db
def test_all_accounts_of_a_domain_share_its_limit(now: datetime) -> None:
    a_domain(per_second=10.0)
    second = replace(an_account(), account=Account("memory", name="second"))

    given = [take(an_account(), 8, now).count, take(second, 8, now).count]

    assert given == [1, 0], "who only begins is no faster than the limit"


@pytest.mark.django_db
def test_an_account_on_trial_is_given_little(now: datetime) -> None:
    assert take(an_account(breaker=BreakerState.HALF_OPEN), 500, now).count == 20


@pytest.mark.django_db
def test_recipient_domains_have_limits_of_their_own(now: datetime) -> None:
    a_domain(recipient_limits={"gmail.com": 20})
    people = ["a@gmail.com", "b@Gmail.com", "c@gmail.com", "d@web.example", "e@gmail.com"]

    first = pacing.admit(kept=an_account(), recipients=people, lane=Lane.BULK)
    second = pacing.admit(kept=an_account(), recipients=["f@gmail.com"], lane=Lane.BULK)

    assert first == [0.0, *map(pytest.approx, (1 / 20, 2 / 20)), 0.0, pytest.approx(3 / 20)]
    assert second == [pytest.approx(4 / 20, abs=0.05)], "nobody is given the place of another"


@pytest.mark.django_db
def test_nobody_is_held_for_longer_than_ten_minutes(now: datetime) -> None:
    a_domain(recipient_limits={"gmail.com": 1})

    waits = pacing.admit(kept=an_account(), recipients=["a@gmail.com"] * 2_000, lane=Lane.BULK)

    assert max(waits) == 600.0


@pytest.mark.django_db
def test_whoever_has_no_limits_by_recipient_admits_all() -> None:
    assert pacing.admit(kept=an_account(), recipients=["a@gmail.com"], lane=Lane.BULK) == [0.0]


@pytest.mark.parametrize(
    ("day", "allowed"),
    [("2026-04-13", 50), ("2026-04-14", 50), ("2026-04-15", 100), ("2026-04-17", None)],
)
def test_a_plan_says_how_many_each_day(day: str, allowed: int | None) -> None:
    row = SendingDomain(
        domain="shop.example", warm_up_from_date=date(2026, 4, 14), warm_up_plan=[50, 100, 200]
    )
    at = datetime.fromisoformat(f"{day}T23:30:00").replace(tzinfo=UTC)

    found = pacing.today(row=row, now=at)

    assert (found.allowed if found else None) == allowed


@pytest.mark.django_db
def test_a_new_domain_sends_its_share_of_the_day_and_no_more(now: datetime) -> None:
    a_domain(warm_up_from_date=now.date(), warm_up_plan=[50, 100])

    given = [take(an_account(), wanted, now).count for wanted in (30, 30, 30)]
    tomorrow = take(an_account(), 500, now + timedelta(days=1))

    assert given == [30, 20, 0]
    assert take(an_account(), 30, now, Lane.URGENT).count == 30, "nobody waits for a password"
    assert tomorrow.count == 100


@pytest.fixture
def ada(now: datetime) -> Customer:
    return making.customer(now=now)


def say(ada: Customer, now: datetime, **facts: Any) -> None:
    facts = {"provider": "memory", "state": "sent", "created_at": now, **facts}
    plain = {"direction": "out", "channel": "email", "purpose": "marketing", "author": "campaign"}
    key = f"k-{Message.objects.count()}"
    Message.objects.create(customer=ada, address="a@b.example", key=key, **plain, **facts)


@pytest.mark.django_db
@pytest.mark.parametrize("is_away", [False, True], ids=["flushed", "away"])
def test_the_count_of_a_day_is_known_from_the_messages(
    ada: Customer, now: datetime, settings: Any, monkeypatch: pytest.MonkeyPatch, is_away: bool
) -> None:
    settings.EMAIL_URL, settings.EMAIL_FROM = "memory://", SENDER
    a_domain(warm_up_from_date=now.date(), warm_up_plan=[5])
    say(ada, now)
    say(ada, now)
    say(ada, now, state="failed", reason="unreachable")
    say(ada, now - timedelta(days=1))
    say(ada, now, provider="another")
    if is_away:
        monkeypatch.setattr(buckets, "client", broken)

    assert take(an_account(), 10, now).count == 3


def broken() -> Any:
    raise RedisAway


@pytest.mark.django_db
def test_while_valkey_is_away_each_process_keeps_a_share(
    now: datetime, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, settings: Any
) -> None:
    settings.CAMPAIGN_SENDERS = 2
    monkeypatch.setattr(buckets, "client", broken)
    kept = an_account(per_second=30.0, burst=30)

    given = [take(kept, 500, now).count, take(kept, 500, now).count]

    assert given == [10, 0]
    assert take(kept, 5, now, Lane.URGENT).count == 5
    assert caplog.text.count("by each process alone") == 1


@pytest.mark.django_db
def test_domains_beyond_ascii_have_their_warm_up_and_their_limits(
    now: datetime, settings: Any, ada: Customer
) -> None:
    SendingDomain.objects.create(
        domain="xn--bcher-kva.example",
        warm_up_from_date=now.date(),
        warm_up_plan=[5],
        recipient_limits={"xn--mller-kva.example": 4},
    )
    settings.EMAIL_URL, settings.EMAIL_FROM = "memory://", "Bücher <shop@bücher.example>"
    kept = replace(an_account(), sender=settings.EMAIL_FROM)
    say(ada, now)
    to = ["jö@müller.example", "jo@müller.example", "jo@other.example"]

    waits = pacing.admit(kept=kept, recipients=to, lane=Lane.BULK)

    assert take(kept, 10, now).count == 4
    assert [wait > 0 for wait in waits] == [False, True, False]


@pytest.mark.django_db
def test_accounts_of_a_domain_are_known_by_their_sender(settings: Any) -> None:
    settings.EMAIL_URL, settings.EMAIL_FROM = "memory://", SENDER

    assert accounts.names_of(domain="shop.example") == ["memory"]
    assert accounts.names_of(domain="op.example") == []
