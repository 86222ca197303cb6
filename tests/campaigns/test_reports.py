"""The books of a campaign come out even, and the progress bar tells the truth."""

from datetime import datetime, timedelta

import pytest

from campaigns import broadcasts, reports
from campaigns.choices import CampaignState, Reason
from campaigns.models import Delivery
from crm import consent
from crm.channels.base import Outcome
from crm.choices import MessageState
from crm.models import Message
from tests import making
from tests.campaigns import staging
from tests.campaigns.staging import LONG_ENOUGH

pytestmark = pytest.mark.django_db


def test_every_delivery_is_counted_once_and_by_its_reason(now: datetime) -> None:
    people = [making.subscriber(now=now) for _ in range(6)]
    silent = making.customer(now=now)
    campaign = staging.running(customers=[*people, silent], now=now)
    answers = ["in_doubt", "failed", "sent"]
    reasons = ["unanswered", "rejected", ""]
    for state, reason in zip(answers, reasons, strict=True):
        staging.provider().script.append(Outcome(0, state, reason=reason))
    last = Delivery.objects.get(customer=people[5])
    broadcasts.cancel_delivery(delivery_id=last.pk, by=None, reason="Asked", now=now)
    Delivery.objects.filter(customer=silent).update(state="skipped", reason="no_consent")

    staging.send(campaign=campaign, now=now, size=4)
    books = reports.balance(campaign_id=campaign.pk)

    assert books.is_even
    assert (books.planned, books.waiting, books.sent, books.in_doubt) == (7, 1, 2, 1)
    assert books.handed_over == {
        MessageState.SENT: 2,
        MessageState.FAILED: 1,
        MessageState.IN_DOUBT: 1,
    }
    assert books.skipped == {Reason.NO_CONSENT: 1}
    assert books.cancelled == {Reason.STAFF: 1}


def test_what_comes_back_is_counted(now: datetime) -> None:
    people = [making.subscriber(now=now) for _ in range(3)]
    campaign = staging.running(customers=people, now=now)
    staging.send(campaign=campaign, now=now)
    first, second, _ = Message.objects.order_by("pk")
    Message.objects.filter(pk=first.pk).update(
        state="delivered", delivered_at=now, opened_at=now, clicked_at=now
    )
    Message.objects.filter(pk=second.pk).update(state="bounced", reason="hard_bounce")

    books = reports.balance(campaign_id=campaign.pk)

    assert (books.delivered, books.opened, books.clicked, books.bounced) == (1, 1, 1, 1)
    assert books.sent == 3


def test_who_unsubscribed_by_the_campaigns_mail_is_counted(now: datetime) -> None:
    people = [making.subscriber(now=now) for _ in range(2)]
    campaign = staging.running(customers=people, now=now)
    staging.send(campaign=campaign, now=now)
    message = Message.objects.get(customer=people[0])
    later = now + timedelta(hours=1)
    consent.withdraw(
        customer_id=people[0].pk,
        channel="email",
        source="one_click",
        now=later,
        proof={"message_id": message.pk},
    )
    consent.withdraw(customer_id=people[1].pk, channel="email", source="staff", now=later)

    assert reports.balance(campaign_id=campaign.pk).unsubscribed == 1


def test_progress_says_how_fast_and_how_long(now: datetime) -> None:
    people = [making.subscriber(now=now) for _ in range(10)]
    campaign = staging.running(customers=people, now=now)
    started_at = now + LONG_ENOUGH
    staging.send(campaign=campaign, now=started_at, size=4)

    progress = reports.progress(campaign_id=campaign.pk, now=started_at + timedelta(seconds=2))

    assert (progress.done, progress.total, progress.percent) == (4, 10, 40)
    assert progress.per_second == pytest.approx(2.0)
    assert progress.seconds_left == pytest.approx(3.0)


def test_what_goes_back_to_the_plan_makes_no_campaign_faster(now: datetime) -> None:
    people = [making.subscriber(now=now) for _ in range(6)]
    campaign = staging.running(customers=people, now=now)
    started_at = now + LONG_ENOUGH
    staging.send(campaign=campaign, now=started_at, size=4)
    refused = Message.objects.order_by("pk")[:2].values("pk")
    Message.objects.filter(pk__in=refused).update(state="failed", reason="unreachable")

    progress = reports.progress(campaign_id=campaign.pk, now=started_at + timedelta(seconds=2))

    assert progress.per_second == pytest.approx(1.0)


def test_a_paused_campaign_has_no_time_left(now: datetime) -> None:
    people = [making.subscriber(now=now) for _ in range(2)]
    campaign = staging.running(customers=people, now=now)
    staging.send(campaign=campaign, now=now + LONG_ENOUGH, size=1)
    broadcasts.pause(campaign_id=campaign.pk, by=None, reason="Wait", now=now)

    progress = reports.progress(campaign_id=campaign.pk, now=now + LONG_ENOUGH)

    assert (progress.state, progress.done) == (CampaignState.PAUSED, 1)
    assert progress.seconds_left is None


def test_a_draft_has_made_no_progress(now: datetime) -> None:
    campaign = staging.draft(customers=[], now=now)

    progress = reports.progress(campaign_id=campaign.pk, now=now)

    assert (progress.done, progress.total, progress.percent) == (0, 0, 0)
