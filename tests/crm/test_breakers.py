"""An account whose messages fail is left alone, tried with a few, and stood in for."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from redis import ConnectionError as RedisAway

from crm import accounts, breakers, notices
from crm.accounts import NewAccount
from crm.channels.base import Account, Outcome
from crm.models import AccountStanding, Notice
from crm.pacing import buckets

pytestmark = pytest.mark.django_db
FIRST = Account("memory", name="first")


@pytest.fixture(autouse=True)
def _fresh(now: datetime, settings: Any) -> Iterator[None]:
    settings.EMAIL_URL = "memory://"
    breakers._local.clear()
    buckets._away_until = 0.0
    keep(now, "first")
    yield
    buckets._away_until = 0.0


def keep(now: datetime, name: str) -> None:
    new = NewAccount(name, "email", "memory", {"url": "memory://"})
    accounts.keep(new=new, now=now)


def note(now: datetime, *, good: int = 0, bad: int = 0, **facts: Any) -> None:
    facts = {"reason": "unreachable", **facts}
    outcomes = [Outcome(n, "sent") for n in range(good)]
    outcomes += [Outcome(n, "failed", **facts) for n in range(bad)]
    breakers.note(account=FIRST, outcomes=outcomes, now=now)


def standing() -> AccountStanding:
    return AccountStanding.objects.get(name="first")


def carries(now: datetime) -> str:
    found = accounts.usable(channel="email", purpose="marketing", now=now)
    return found.name if found else ""


def test_an_account_that_fails_half_of_what_it_gets_is_left_alone(now: datetime) -> None:
    note(now, good=10, bad=4)
    note(now, bad=5)
    before = carries(now)
    note(now, good=1, bad=3, detail="421 busy")

    assert before == "first"
    assert carries(now) == ""
    assert (standing().breaker, standing().reason) == ("open", "unreachable")
    assert standing().detail == "12 / 23: 421 busy"


def test_a_few_failures_say_nothing(now: datetime) -> None:
    note(now, bad=9)

    assert carries(now) == "first"


@pytest.mark.parametrize("reason", ["invalid_address", "rejected"])
def test_what_is_the_address_s_fault_is_not_the_account_s(now: datetime, reason: str) -> None:
    note(now, bad=100, reason=reason)

    assert carries(now) == "first"


def test_the_next_account_stands_in_at_once_for_one_that_cannot_be_reached(now: datetime) -> None:
    keep(now, "second")

    note(now, bad=1)

    assert carries(now) == "second"


def test_what_was_put_off_alone_moves_nothing_to_another_account(now: datetime) -> None:
    keep(now, "second")

    note(now, bad=3, reason="deferred", retry_after=300.0)

    assert carries(now) == "first"


def test_after_its_rest_an_account_is_tried_and_used_again(now: datetime) -> None:
    note(now, bad=10)
    later = now + timedelta(seconds=30)

    early = breakers.try_again(now=later - timedelta(seconds=1))
    names = breakers.try_again(now=later)
    on_trial = carries(later)
    note(later, good=3)

    assert (early, names, on_trial) == ([], ["first"], "first")
    assert (standing().breaker, standing().reason, standing().trips) == ("closed", "", 0)


def test_what_broke_it_is_forgotten_once_it_works_again(now: datetime) -> None:
    note(now, bad=10)
    later = now + timedelta(seconds=30)
    breakers.try_again(now=later)
    note(later, good=1)

    note(later, bad=1)

    assert carries(later) == "first"


def test_each_trial_that_fails_doubles_the_rest_up_to_an_hour(now: datetime) -> None:
    note(now, bad=10)
    rests = []
    for _ in range(9):
        at = standing().opened_until_at
        assert at is not None
        breakers.try_again(now=at)
        note(at, good=3, bad=1)
        rests.append((standing().opened_until_at - at).total_seconds())

    assert rests[:4] == [60, 120, 240, 480]
    assert rests[-1] == 3600


def test_retry_after_is_obeyed_and_no_other_account_is_rested(now: datetime) -> None:
    keep(now, "second")

    note(now, good=1, bad=1, reason="rate_limited", retry_after=7.0)
    note(now, bad=1, reason="rate_limited", retry_after=3.0)

    assert carries(now) == "second"
    assert carries(now + timedelta(seconds=7)) == "first"


def test_it_also_breaks_while_valkey_is_away(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> Any:
        raise RedisAway

    monkeypatch.setattr(buckets, "client", away)

    note(now, bad=6)
    note(now, bad=6)

    assert carries(now) == ""


def test_the_account_of_the_settings_has_a_breaker_too(now: datetime) -> None:
    sms = Account("sms_http", name="sms_http")
    outcomes = [Outcome(n, "failed", reason="unauthorized") for n in range(10)]

    breakers.note(account=sms, outcomes=outcomes, now=now)

    assert accounts.usable(channel="sms", purpose="", now=now) is None


def test_staff_who_keep_accounts_are_told_once_and_by_mail(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(now, "second")
    ada = User.objects.create_user("ada", email="ada@shop.example", is_staff=True)
    ada.user_permissions.add(Permission.objects.get(codename="change_provideraccount"))
    User.objects.create_user("bob", email="bob@shop.example", is_staff=True)

    note(now, bad=10)
    breakers.try_again(now=now + timedelta(minutes=1))
    note(now + timedelta(minutes=1), bad=1)
    tried = [notices.send_due(now=now), notices.send_due(now=now)]

    notice = Notice.objects.get()
    assert tried == [1, 0]
    assert (notice.staff, notice.mailed_at, notice.error) == (ada, now, "")
    assert notices.latest(staff_id=ada.pk, now=now) == [notice]


def test_whom_no_mail_reaches_is_told_on_the_dashboard(now: datetime) -> None:
    ada = User.objects.create_user("ada", is_staff=True)

    notices.tell(staff_ids=[ada.pk], title="Look", now=now)
    notices.tell(staff_ids=[], title="All look", now=now)
    notices.send_due(now=now)

    assert [one.title for one in notices.latest(staff_id=ada.pk, now=now)] == ["All look", "Look"]
    assert Notice.objects.get(staff=ada).error == "no e-mail address"
    assert notices.send_due(now=now + timedelta(hours=1)) == 0
