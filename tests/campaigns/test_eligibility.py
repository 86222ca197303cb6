"""Holdouts are stable draws, and nobody is written to more often than the cap allows."""

from datetime import datetime, timedelta

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from campaigns import eligibility
from campaigns.choices import Reason
from campaigns.eligibility import held_out_buckets
from crm import consent, preferences
from crm.models import Customer, Message
from tests import making
from tests.campaigns import staging


@given(campaign=st.integers(1, 10**9), percent=st.integers(0, 50))
def test_exactly_the_share_is_held_out(campaign: int, percent: int) -> None:
    buckets = held_out_buckets(campaign_id=campaign, percent=percent)

    assert len(set(buckets)) == percent * 100
    assert all(0 <= bucket < 10_000 for bucket in buckets)


def test_a_larger_holdout_keeps_everybody_of_the_smaller_one() -> None:
    small = set(held_out_buckets(campaign_id=7, percent=10))

    assert small < set(held_out_buckets(campaign_id=7, percent=20))


def test_campaigns_hold_out_different_people() -> None:
    one = set(held_out_buckets(campaign_id=1, percent=10))
    other = set(held_out_buckets(campaign_id=2, percent=10))

    # 100 of 1,000 are expected in common; all of them would be no draw at all.
    assert 40 < len(one & other) < 200


def judged(customer: Customer, now: datetime, purpose: str = "marketing") -> Reason | None:
    campaign = staging.draft(customers=[customer], now=now, purpose=purpose)
    step = campaign.steps.get()
    verdicts = eligibility.decide_many(step=step, customer_ids=[customer.pk], now=now)
    return verdicts[customer.pk].reason


@pytest.mark.django_db
def test_who_had_enough_messages_lately_is_left_in_peace(now: datetime, settings: Settings) -> None:
    settings.CAMPAIGN_FREQUENCY_CAP, settings.CAMPAIGN_FREQUENCY_CAP_DAYS = 1, 7
    customer = making.subscriber(now=now)
    staging.send(campaign=staging.running(customers=[customer], now=now), now=now)

    verdict = judged(customer, now + timedelta(days=6))

    assert verdict == Reason.FREQUENCY_CAP
    assert judged(customer, now + timedelta(days=8)) is None
    assert judged(customer, now, purpose="transactional") is None


@pytest.mark.django_db
def test_a_message_that_never_left_does_not_count_against_the_cap(
    now: datetime, settings: Settings
) -> None:
    settings.CAMPAIGN_FREQUENCY_CAP = 1
    customer = making.subscriber(now=now)
    staging.send(campaign=staging.running(customers=[customer], now=now), now=now)

    Message.objects.update(state="failed", reason="unreachable")

    assert judged(customer, now) is None


@pytest.mark.django_db
def test_the_cap_can_be_switched_off(now: datetime, settings: Settings) -> None:
    settings.CAMPAIGN_FREQUENCY_CAP = 0
    customer = making.subscriber(now=now)

    for _ in range(3):
        staging.send(campaign=staging.running(customers=[customer], now=now), now=now)

    assert judged(customer, now) is None


@pytest.mark.django_db
def test_who_asked_for_one_message_a_week_gets_one(now: datetime, settings: Settings) -> None:
    settings.CAMPAIGN_FREQUENCY_CAP = 0
    customer, other = making.subscriber(now=now), making.subscriber(now=now)
    preferences.choose_frequency(customer_id=customer.pk, frequency="weekly", now=now)
    staging.send(campaign=staging.running(customers=[customer, other], now=now), now=now)

    assert judged(customer, now + timedelta(days=6)) == Reason.FREQUENCY_CHOICE
    assert judged(customer, now + timedelta(days=8)) is None
    assert judged(customer, now, purpose="transactional") is None
    assert judged(other, now) is None


@pytest.mark.django_db
def test_messages_before_the_days_that_count_are_not_even_read(now: datetime) -> None:
    asked = {"channel": "email", "since": now, "cap": 7, "now": now, "ids": [1], "days": 7}

    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {eligibility._CAPPED}", {**asked, "purposes": ["marketing"]})
        plan = "\n".join(line for (line,) in cursor.fetchall())

    (found,) = [
        line
        for line in plan.splitlines()
        if "Index Cond" in line and "asked.id" in line and "created_at" in line
    ]
    assert "customer_id = asked.id" in found


@pytest.mark.django_db
def test_a_newsletter_needs_a_consent_of_its_own(now: datetime) -> None:
    customer = making.subscriber(now=now)

    assert judged(customer, now, purpose="newsletter") == Reason.NO_CONSENT
    consent.grant(
        customer_id=customer.pk, channel="email", purpose="newsletter", source="api", now=now
    )
    assert judged(customer, now, purpose="newsletter") is None


@pytest.mark.django_db
def test_who_was_erased_is_not_judged(now: datetime) -> None:
    step = staging.draft(customers=[making.subscriber(now=now)], now=now).steps.get()

    verdicts = eligibility.decide_many(step=step, customer_ids=[0], now=now)

    assert verdicts == {}
