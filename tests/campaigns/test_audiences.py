"""Whom a campaign reaches, counted as the gate will judge."""

from datetime import datetime

import pytest
from pytest_django import Settings

from campaigns import audiences, eligibility
from campaigns.choices import Reason
from campaigns.models import Campaign
from crm import consent, preferences
from crm.models import Customer
from tests import making
from tests.campaigns import staging

pytestmark = pytest.mark.django_db


def audience(campaign: Campaign) -> set[int]:
    return set(audiences.queryset(campaign=campaign).values_list("pk", flat=True))


def test_who_is_in_two_segments_is_in_the_audience_once(now: datetime) -> None:
    ada, bob = making.subscriber(now=now), making.subscriber(now=now)
    campaign = staging.draft(customers=[ada, bob], now=now)

    campaign.segments.add(staging.segment(customers=[bob], now=now))

    assert audience(campaign) == {ada.pk, bob.pk}
    assert audiences.queryset(campaign=campaign).count() == 2


def test_who_is_in_an_excluded_segment_is_left_out(now: datetime) -> None:
    ada, bob = making.subscriber(now=now), making.subscriber(now=now)
    campaign = staging.draft(customers=[ada, bob], now=now)

    campaign.excluded_segments.add(staging.segment(customers=[bob], now=now))

    assert audience(campaign) == {ada.pk}


def test_the_card_accounts_for_everybody(now: datetime, settings: Settings) -> None:
    settings.CAMPAIGN_FREQUENCY_CAP = 0
    subscribers = [making.subscriber(now=now) for _ in range(7)]
    silent = making.customer(now=now)
    unsubscribed = subscribers[0]
    consent.withdraw(customer_id=unsubscribed.pk, channel="email", source="staff", now=now)
    campaign = staging.draft(customers=[*subscribers, silent], now=now)

    card = audiences.card(campaign=campaign, now=now)

    assert card.total == 8
    assert card.reachable == 6
    assert card.refused == {Reason.NO_CONSENT: 1, Reason.UNSUBSCRIBED: 1}
    assert card.holdout == 0
    assert len(card.sample) == 5


def test_the_card_counts_who_had_enough_lately(now: datetime, settings: Settings) -> None:
    settings.CAMPAIGN_FREQUENCY_CAP = 1
    ada, bob = making.subscriber(now=now), making.subscriber(now=now)
    staging.send(campaign=staging.running(customers=[ada], now=now), now=now)
    campaign = staging.draft(customers=[ada, bob], now=now)

    card = audiences.card(campaign=campaign, now=now)

    assert (card.total, card.reachable) == (2, 1)
    assert card.refused == {Reason.FREQUENCY_CAP: 1}


def test_the_card_counts_who_asked_for_fewer(now: datetime) -> None:
    ada, bob = making.subscriber(now=now), making.subscriber(now=now)
    preferences.choose_frequency(customer_id=ada.pk, frequency="monthly", now=now)
    staging.send(campaign=staging.running(customers=[ada, bob], now=now), now=now)
    campaign = staging.draft(customers=[ada, bob], now=now)

    card = audiences.card(campaign=campaign, now=now)

    assert (card.total, card.reachable) == (2, 1)
    assert card.refused == {Reason.FREQUENCY_CHOICE: 1}


def test_the_card_counts_the_holdout_as_it_will_be_drawn(now: datetime) -> None:
    people = [making.subscriber(now=now) for _ in range(20)]
    campaign = staging.draft(customers=people, now=now, holdout_percent=50)
    held_out = set(eligibility.held_out_buckets(campaign_id=campaign.pk, percent=50))
    expected = sum(person.bucket in held_out for person in people)

    card = audiences.card(campaign=campaign, now=now)

    assert card.holdout == expected
    assert card.total == card.reachable + card.holdout
    assert not {person.bucket for person in card.sample} & held_out


def test_the_audience_of_no_segment_is_empty(now: datetime) -> None:
    making.subscriber(now=now)

    campaign = Campaign.objects.create(name="Nobody")

    assert audience(campaign) == set()
    assert audiences.card(campaign=campaign, now=now).total == 0
    assert Customer.objects.count() == 1
