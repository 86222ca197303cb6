"""The life of a broadcast, each step with who did it and why."""

from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from campaigns import broadcasts, eligibility
from campaigns.choices import CampaignState, CampaignVerb, DeliveryState, Reason
from campaigns.models import Campaign, CampaignAction, Delivery
from campaigns.signals import campaign_finished
from crm import messages, templates
from crm.models import Message
from marketing import segments
from marketing.models import Segment
from tests import making
from tests.campaigns import staging
from tests.campaigns.staging import LONG_ENOUGH

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff() -> User:
    """Somebody of marketing."""
    return User.objects.create(username="mina")


def launched(now: datetime, by: User | None = None, people: int = 1) -> Campaign:
    customers = [making.subscriber(now=now) for _ in range(people)]
    campaign = staging.draft(customers=customers, now=now)
    return broadcasts.launch(campaign_id=campaign.pk, by=by, now=now)


def verbs(campaign: Campaign) -> list[str]:
    actions = CampaignAction.objects.filter(campaign=campaign).order_by("id")
    return list(actions.values_list("verb", flat=True))


def test_a_launch_freezes_what_will_be_sent_and_says_who_did_it(now: datetime, staff: User) -> None:
    campaign = launched(now, by=staff)
    step = campaign.steps.get()

    templates.publish(
        template=step.template, subject="Later", html="", text="Later", by=None, now=now
    )

    assert campaign.state == CampaignState.SCHEDULED
    assert step.template_version is not None
    assert step.template_version.number == 1
    action = CampaignAction.objects.get(campaign=campaign)
    assert (action.verb, action.by, action.at) == (CampaignVerb.LAUNCHED, staff, now)


def test_nothing_is_planned_within_the_undo_window(now: datetime, settings: Settings) -> None:
    settings.LAUNCH_UNDO_SECONDS = 30
    campaign = launched(now)

    early = broadcasts.start_due(now=now + timedelta(seconds=29))
    late = broadcasts.start_due(now=now + timedelta(seconds=30))

    assert early == []
    assert late == [campaign.pk]


def test_a_launch_is_taken_back_until_it_starts(now: datetime, staff: User) -> None:
    campaign = launched(now, by=staff)

    broadcasts.take_back(campaign_id=campaign.pk, by=staff, now=now)

    assert broadcasts.start_due(now=now + LONG_ENOUGH) == []
    assert Campaign.objects.get(pk=campaign.pk).state == CampaignState.DRAFT
    assert verbs(campaign) == ["launched", "taken_back"]


def test_a_campaign_that_started_is_not_taken_back(now: datetime) -> None:
    campaign = staging.running(customers=[making.subscriber(now=now)], now=now)
    broadcasts.pause(campaign_id=campaign.pk, by=None, reason="Look again", now=now)

    with pytest.raises(broadcasts.WrongState):
        broadcasts.take_back(campaign_id=campaign.pk, by=None, now=now)


def test_a_campaign_waits_for_its_time(now: datetime) -> None:
    campaign = staging.draft(customers=[making.subscriber(now=now)], now=now)
    Campaign.objects.filter(pk=campaign.pk).update(scheduled_at=now + timedelta(hours=2))

    broadcasts.launch(campaign_id=campaign.pk, by=None, now=now)

    assert broadcasts.start_due(now=now + timedelta(hours=1)) == []
    assert broadcasts.start_due(now=now + timedelta(hours=2)) == [campaign.pk]


def test_a_campaign_with_problems_is_not_launched(now: datetime) -> None:
    campaign = staging.draft(customers=[], now=now)

    with pytest.raises(broadcasts.LaunchRefused) as refused:
        broadcasts.launch(campaign_id=campaign.pk, by=None, now=now)

    assert [problem.code for problem in refused.value.problems] == ["nobody"]
    assert Campaign.objects.get(pk=campaign.pk).state == CampaignState.DRAFT


def test_a_campaign_is_launched_once(now: datetime) -> None:
    campaign = launched(now)

    with pytest.raises(broadcasts.WrongState):
        broadcasts.launch(campaign_id=campaign.pk, by=None, now=now)


def test_everybody_gets_one_delivery_and_the_holdout_is_skipped_at_once(now: datetime) -> None:
    people = [making.subscriber(now=now) for _ in range(20)]
    campaign = staging.running(customers=people, now=now, holdout_percent=40)
    buckets = eligibility.held_out_buckets(campaign_id=campaign.pk, percent=40)
    held_out = {person.pk for person in people if person.bucket in buckets}

    deliveries = Delivery.objects.filter(campaign=campaign)

    assert deliveries.count() == 20
    skipped = deliveries.filter(state=DeliveryState.SKIPPED, reason=Reason.HOLDOUT)
    assert set(skipped.values_list("customer", flat=True)) == held_out
    assert deliveries.filter(state=DeliveryState.PLANNED).count() == 20 - len(held_out)


def test_two_beats_start_a_campaign_once(now: datetime) -> None:
    campaign = launched(now, people=3)

    first = broadcasts.start_due(now=now + LONG_ENOUGH)
    second = broadcasts.start_due(now=now + LONG_ENOUGH)

    assert (first, second) == ([campaign.pk], [])
    assert Delivery.objects.count() == 3
    assert verbs(campaign) == ["launched", "started"]


def test_who_joined_the_segment_before_the_start_is_written_to(now: datetime) -> None:
    campaign = launched(now)
    late = making.subscriber(now=now, country="FR")
    rules = {"version": 1, "all": [{"field": "country", "op": "is", "value": "FR"}]}

    # Its members have not been computed since the customer came.
    campaign.segments.add(Segment.objects.create(name="In France", rules=rules))
    broadcasts.start_due(now=now + LONG_ENOUGH)

    assert Delivery.objects.filter(campaign=campaign, customer=late).exists()


def test_a_segment_that_fails_holds_the_campaign_and_says_why(now: datetime) -> None:
    campaign = launched(now)
    campaign.segments.add(Segment.objects.create(name="Odd", rules={"version": 1, "all": [{}]}))

    started = broadcasts.start_due(now=now + LONG_ENOUGH)

    campaign.refresh_from_db()
    assert started == []
    assert campaign.state == CampaignState.PAUSED
    held = CampaignAction.objects.filter(campaign=campaign).latest("id")
    assert (held.verb, held.by) == (CampaignVerb.PAUSED, None)
    assert held.reason.startswith("Odd: ")


def test_a_pause_before_the_start_goes_back_to_waiting(now: datetime, staff: User) -> None:
    campaign = launched(now)
    broadcasts.pause(campaign_id=campaign.pk, by=staff, reason="Wrong price", now=now)

    assert broadcasts.start_due(now=now + LONG_ENOUGH) == []
    resumed = broadcasts.resume(campaign_id=campaign.pk, by=staff, now=now)

    assert resumed.state == CampaignState.SCHEDULED
    assert broadcasts.start_due(now=now + LONG_ENOUGH) == [campaign.pk]


def test_a_cancelled_campaign_writes_to_nobody_and_says_so_on_each_row(
    now: datetime, staff: User
) -> None:
    people = [making.subscriber(now=now) for _ in range(3)]
    campaign = staging.running(customers=people, now=now)
    staging.send(campaign=campaign, now=now, size=1)

    broadcasts.cancel(campaign_id=campaign.pk, by=staff, reason="Wrong price", now=now)

    assert staging.send(campaign=campaign, now=now).is_empty
    assert staging.states(campaign=campaign).count(("cancelled", "campaign_cancelled")) == 2
    assert Message.objects.count() == 1
    assert staging.is_even(campaign=campaign)
    assert CampaignAction.objects.filter(campaign=campaign).latest("id").reason == "Wrong price"


def test_staff_take_one_person_out_of_what_is_planned(now: datetime, staff: User) -> None:
    people = [making.subscriber(now=now) for _ in range(2)]
    campaign = staging.running(customers=people, now=now)
    delivery = Delivery.objects.get(customer=people[0])

    broadcasts.cancel_delivery(delivery_id=delivery.pk, by=staff, reason="Called us", now=now)
    staging.send(campaign=campaign, now=now)

    delivery.refresh_from_db()
    assert (delivery.state, delivery.reason) == ("cancelled", "staff")
    assert (delivery.detail, delivery.cancelled_by) == ("Called us", staff)
    assert [sent.recipient for sent in staging.provider().sent] == [people[1].email]


def test_what_was_handed_over_is_not_cancelled(now: datetime) -> None:
    campaign = staging.running(customers=[making.subscriber(now=now)], now=now)
    staging.send(campaign=campaign, now=now)

    with pytest.raises(broadcasts.WrongState):
        broadcasts.cancel_delivery(
            delivery_id=Delivery.objects.get().pk, by=None, reason="Too late", now=now
        )


def test_a_campaign_is_finished_when_nothing_waits_and_announces_it(
    now: datetime, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    campaign = staging.running(customers=[making.subscriber(now=now)], now=now)
    heard: list[int] = []

    def listener(campaign_id: int, **_: object) -> None:
        heard.append(campaign_id)

    campaign_finished.connect(listener)

    before = broadcasts.finish_done(now=now)
    staging.send(campaign=campaign, now=now)
    with django_capture_on_commit_callbacks(execute=True):
        after = broadcasts.finish_done(now=now)

    assert (before, after) == ([], [campaign.pk])
    assert heard == [campaign.pk]
    assert verbs(campaign) == ["launched", "started", "finished"]


def test_a_campaign_is_not_finished_while_a_message_is_being_handed_over(now: datetime) -> None:
    campaign = staging.running(customers=[making.subscriber(now=now)], now=now)
    staging.send(campaign=campaign, now=now)

    Message.objects.update(state="sending")
    ids = list(Message.objects.values_list("pk", flat=True))
    messages.hold(message_ids=ids, owner="another", now=now)

    assert broadcasts.finish_done(now=now) == []


def test_an_audience_that_emptied_itself_finishes_at_once(now: datetime) -> None:
    person = making.subscriber(now=now)
    campaign = staging.draft(customers=[person], now=now)
    broadcasts.launch(campaign_id=campaign.pk, by=None, now=now)
    segment = campaign.segments.get()
    segments.put(
        segment_id=segment.pk,
        customer_id=person.pk,
        mode="exclude",
        reason="Moved",
        by=None,
        now=now,
    )

    broadcasts.start_due(now=now + LONG_ENOUGH)

    assert broadcasts.finish_done(now=now) == [campaign.pk]
