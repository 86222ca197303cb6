"""A campaign that does too badly is paused by itself, says why, and tells who launched it."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from campaigns import breakers, broadcasts
from campaigns.breakers import Limit
from campaigns.choices import CampaignState, CampaignVerb
from campaigns.models import Campaign, Delivery
from crm import templates
from crm.models import Message, Notice
from tests.campaigns import staging

LATER = 2 * staging.LONG_ENOUGH


def paused_by(campaign: Campaign) -> tuple[str, str]:
    campaign.refresh_from_db()
    last = campaign.actions.first()
    return (last.verb, last.reason) if last and campaign.state == CampaignState.PAUSED else ("", "")


@pytest.fixture
def launcher() -> User:
    return User.objects.create_user("lena", email="lena@shop.example", is_staff=True)


@pytest.fixture
def campaign(now: datetime, launcher: User, settings: Any) -> Campaign:
    """A campaign of forty mails that all went out."""
    settings.CAMPAIGN_COMPLAINTS_MIN, settings.CAMPAIGN_BOUNCES_MIN = 2, 4
    settings.CAMPAIGN_ERRORS_MIN = 10
    made = staging.draft(customers=staging.crowd(count=40, now=now), now=now)
    broadcasts.launch(campaign_id=made.pk, by=launcher, now=now)
    broadcasts.start_due(now=now + staging.LONG_ENOUGH)
    staging.send(campaign=made, now=now + staging.LONG_ENOUGH)
    return made


def turn(campaign: Campaign, count: int, **facts: Any) -> None:
    """What came of so many of its messages."""
    sent = Message.objects.filter(
        pk__in=campaign.deliveries.values("message"), state="sent"
    ).order_by("pk")
    ids = list(sent.values_list("pk", flat=True)[:count])
    Message.objects.filter(pk__in=ids).update(**facts)


@pytest.mark.parametrize(
    ("rate", "least", "bad", "total", "is_over"),
    [
        (0.001, 3, 3, 3_000, True),
        (0.001, 3, 3, 3_001, False),
        (0.001, 3, 1, 3, False),
        (0.05, 20, 1, 3, False),
        (0.05, 20, 20, 400, True),
        (0.0, 1, 500, 500, False),
    ],
)
def test_a_limit_wants_a_share_and_a_number(
    rate: float, least: int, bad: int, total: int, is_over: bool
) -> None:
    limit = Limit(CampaignVerb.TOO_MANY_COMPLAINTS, rate, least)

    assert limit.is_over(bad=bad, total=total) == is_over


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("count", "facts", "verb", "reason"),
    [
        (2, {"state": "complained", "reason": "complaint"}, "too_many_complaints", "2 / 40"),
        (4, {"state": "bounced", "reason": "hard_bounce"}, "too_many_bounces", "4 / 40"),
        (10, {"state": "failed", "reason": "rejected"}, "too_many_errors", "10 / 40"),
    ],
)
def test_too_much_of_anything_bad_pauses_it(
    campaign: Campaign, now: datetime, count: int, facts: Any, verb: str, reason: str
) -> None:
    turn(campaign, count - 1, **facts)
    early = breakers.judge_running(now=now + LATER)
    turn(campaign, 1, **facts)

    stopped = breakers.judge_running(now=now + LATER)

    assert (early, stopped) == ([], [campaign.pk])
    assert paused_by(campaign) == (verb, f"{reason} ({100 * count / 40:.2f} %)")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "facts",
    [
        {"state": "bounced", "reason": "soft_bounce"},
        {"state": "failed", "reason": "unreachable"},
        {"state": "failed", "reason": "deferred"},
    ],
)
def test_what_is_not_its_fault_pauses_nothing(
    campaign: Campaign, now: datetime, facts: Any
) -> None:
    turn(campaign, 40, **facts)

    assert breakers.judge_running(now=now + LATER) == []


@pytest.mark.django_db
def test_a_template_that_renders_for_nobody_pauses_it(now: datetime, settings: Any) -> None:
    settings.CAMPAIGN_ERRORS_MIN = 3
    campaign = staging.running(customers=staging.crowd(count=3, now=now), now=now)
    at = now + staging.LONG_ENOUGH
    Delivery.objects.filter(campaign=campaign).update(
        state="failed", reason="render_error", decided_at=at
    )

    breakers.judge_running(now=at + LATER)

    assert paused_by(campaign) == ("too_many_errors", "3 / 3 (100.00 %)")


@pytest.mark.django_db
def test_who_launched_it_is_told(campaign: Campaign, launcher: User, now: datetime) -> None:
    turn(campaign, 2, state="complained", reason="complaint")

    breakers.judge_running(now=now + LATER)

    notice = Notice.objects.get()
    assert (notice.staff, notice.due_at) == (launcher, now + LATER)
    assert notice.title == "A campaign is paused: too many complaints"
    assert notice.detail == f"{campaign.name}: 2 / 40 (5.00 %)"


@pytest.mark.django_db
def test_who_resumes_it_gives_it_another_chance(
    campaign: Campaign, launcher: User, now: datetime
) -> None:
    turn(campaign, 2, state="complained", reason="complaint")
    breakers.judge_running(now=now + LATER)
    later = now + timedelta(hours=1)

    broadcasts.resume(campaign_id=campaign.pk, by=launcher, now=later)

    assert breakers.judge_running(now=later) == []


@pytest.mark.django_db
def test_a_withdrawn_template_pauses_what_sends_it_for_good(
    campaign: Campaign, launcher: User, now: datetime
) -> None:
    version = campaign.steps.get().template_version
    assert version is not None
    templates.withdraw(version_id=version.pk, reason="Wrong price", by=launcher, now=now)

    stopped = broadcasts.stop_withdrawn(now=now + LATER)

    assert stopped == [campaign.pk]
    assert paused_by(campaign) == ("template_withdrawn", "Wrong price")
    assert broadcasts.stop_withdrawn(now=now + LATER) == []
    with pytest.raises(broadcasts.WrongState):
        broadcasts.resume(campaign_id=campaign.pk, by=launcher, now=now)
