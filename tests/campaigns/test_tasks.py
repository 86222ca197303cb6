"""The bells: whatever rings twice, late or never, the campaign gets to its end."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from redis import RedisError

from campaigns import broadcasts, sending, tasks
from campaigns.choices import CampaignState
from campaigns.models import Campaign
from crm import accounts, conversations, live, messages
from crm.accounts import NewAccount
from crm.channels import registry
from crm.channels.base import Outcome
from crm.channels.memory import MemoryAdapter
from crm.conversations import NewInbound
from crm.models import Message, SendingDomain
from tests import making
from tests.campaigns import staging

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def rung(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[Any, ...]]]:
    """The bells that were rung, without a broker."""
    bells: list[tuple[str, tuple[Any, ...]]] = []

    def ring(task: Any, *arguments: Any) -> None:
        bells.append((task.name.rsplit(".", 1)[1], arguments))

    monkeypatch.setattr(tasks, "ring", ring)
    return bells


@pytest.fixture(autouse=True)
def shown(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The progress that pages were told."""
    told: list[dict[str, Any]] = []

    def publish(*, channel: str, data: dict[str, Any]) -> None:
        told.append({"channel": channel, **data})

    monkeypatch.setattr(live, "publish", publish)
    return told


@pytest.fixture(autouse=True)
def _clock(now: datetime) -> Iterator[None]:
    with time_machine.travel(now + timedelta(minutes=5)):
        yield


def launched(now: datetime, people: int = 3) -> Campaign:
    customers = [making.subscriber(now=now) for _ in range(people)]
    campaign = staging.draft(customers=customers, now=now)
    return broadcasts.launch(campaign_id=campaign.pk, by=None, now=now)


def test_a_launched_campaign_runs_to_its_end_by_the_beat_alone(
    now: datetime, rung: list[Any], shown: list[dict[str, Any]]
) -> None:
    campaign = launched(now)

    tasks.advance_campaigns()
    bells = list(rung)
    tasks.send_campaign(campaign.pk)
    tasks.advance_campaigns()

    campaign.refresh_from_db()
    assert bells == [("send_campaign", (campaign.pk,))] * 2
    assert campaign.state == CampaignState.FINISHED
    assert len(staging.provider().sent) == 3
    assert shown[-1]["channel"] == f"campaign-{campaign.pk}"
    assert (shown[-1]["done"], shown[-1]["total"]) == (3, 3)


def test_a_slice_that_ends_early_rings_again(
    now: datetime, rung: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = launched(now, people=25)
    tasks.advance_campaigns()
    rung.clear()
    monkeypatch.setattr(tasks, "SLICE_SECONDS", 0.0001)

    tasks.send_campaign(campaign.pk)

    assert len(staging.provider().sent) == tasks.SMALLEST_BATCH
    assert rung == [("send_campaign", (campaign.pk,))]


def test_a_provider_that_is_away_ends_the_slice(now: datetime, rung: list[Any]) -> None:
    campaign = launched(now, people=25)
    tasks.advance_campaigns()
    rung.clear()
    staging.provider().script.append(Outcome(0, "failed", reason="unreachable"))

    tasks.send_campaign(campaign.pk)
    tasks.advance_campaigns()

    assert len(staging.provider().sent) == tasks.SMALLEST_BATCH - 1
    assert rung == []


def test_the_sending_goes_on_while_nobody_can_be_told(
    now: datetime, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    campaign = launched(now)
    tasks.advance_campaigns()

    def publish(**_: Any) -> None:
        raise RedisError

    monkeypatch.setattr(live, "publish", publish)

    tasks.send_campaign(campaign.pk)

    assert len(staging.provider().sent) == 3
    assert "not shown live" in caplog.text


@pytest.mark.parametrize(
    ("size", "claimed", "seconds", "following"),
    [(20, 20, 0.01, 80), (500, 500, 0.2, 2000), (500, 500, 5.0, 100), (100, 100, 60.0, 20)],
)
def test_a_batch_takes_about_a_second_however_slow_the_provider(
    size: int, claimed: int, seconds: float, following: int
) -> None:
    assert tasks.next_size(size, claimed, seconds) == following


def test_the_bot_rings_for_what_it_said_only(now: datetime, rung: list[Any]) -> None:
    ada = making.customer(now=now)

    tasks.answer_conversations()
    conversations.receive(
        inbound=NewInbound(channel="sms", sender=ada.phone, text="Hm?", occurred_at=now), now=now
    )
    tasks.answer_conversations()

    assert rung == [("send_queued_messages", ())]


def account(now: datetime, name: str, **facts: Any) -> None:
    facts = {"told": {"url": "memory://"}, **facts}
    accounts.keep(new=NewAccount(name, "email", "memory", **facts), now=now)


def test_a_slice_takes_no_more_than_the_account_may_send(now: datetime, rung: list[Any]) -> None:
    account(now, "slow", per_second=0.1, burst=2)
    campaign = launched(now, people=5)
    tasks.advance_campaigns()
    rung.clear()

    tasks.send_campaign(campaign.pk)

    assert Message.objects.filter(state="sent").count() == 2
    assert campaign.deliveries.filter(state="planned", strikes=0).count() == 3
    assert rung == [], "the beat rings again"


def test_the_next_account_carries_on_where_one_cannot_be_reached(
    now: datetime, rung: list[Any]
) -> None:
    account(now, "first")
    account(now, "second")
    campaign = launched(now, people=25)
    tasks.advance_campaigns()
    first = registry.adapter_for(accounts.for_channel(channel="email"))
    assert isinstance(first, MemoryAdapter)
    first.script.extend([Outcome(0, "failed", reason="unreachable")] * 25)

    tasks.send_campaign(campaign.pk)
    tasks.advance_campaigns()
    tasks.send_campaign(campaign.pk)
    tasks.advance_campaigns()

    campaign.refresh_from_db()
    sent = Message.objects.filter(state="sent")
    assert set(sent.values_list("provider", flat=True)) == {"second"}
    assert sent.count() == 25
    assert campaign.state == CampaignState.FINISHED


def test_while_no_account_may_be_used_a_campaign_waits(now: datetime, rung: list[Any]) -> None:
    account(now, "answers", lane="urgent")
    campaign = launched(now)
    tasks.advance_campaigns()

    tasks.send_campaign(campaign.pk)

    assert campaign.deliveries.filter(state="planned", strikes=0).count() == 3
    assert not Message.objects.exists()


def test_a_campaign_that_does_too_badly_is_paused_by_the_beat(
    now: datetime, rung: list[Any], settings: Any
) -> None:
    settings.CAMPAIGN_COMPLAINTS_MIN = 2
    campaign = launched(now, people=25)
    tasks.advance_campaigns()
    sending.send_batch(campaign_id=campaign.pk, owner=messages.owner(), now=now, size=20)
    Message.objects.update(state="complained", reason="complaint", created_at=timezone.now())
    rung.clear()

    tasks.judge_campaigns()

    campaign.refresh_from_db()
    assert campaign.state == CampaignState.PAUSED
    assert rung == [("mail_notices", ())]


def test_what_failed_takes_nothing_of_a_new_domain_s_day(now: datetime, settings: Any) -> None:
    settings.EMAIL_FROM = "Shop <shop@shop.example>"
    at = timezone.now()
    SendingDomain.objects.create(
        domain="shop.example", warm_up_from_date=at.date(), warm_up_plan=[5]
    )
    account(now, "first")
    account(now, "second")
    campaign = launched(now, people=25)
    tasks.advance_campaigns()
    first = registry.adapter_for(accounts.for_channel(channel="email"))
    assert isinstance(first, MemoryAdapter)
    first.script.extend([Outcome(0, "failed", reason="unreachable")] * 5)

    tasks.send_campaign(campaign.pk)
    tasks.advance_campaigns()
    tasks.send_campaign(campaign.pk)

    assert Message.objects.filter(state="sent").count() == 5


def test_what_is_held_goes_within_the_slice(now: datetime, settings: Any) -> None:
    settings.EMAIL_FROM = "Shop <shop@shop.example>"
    SendingDomain.objects.create(domain="shop.example", recipient_limits={"gmail.com": 40})
    people = [making.subscriber(now=now, email=f"p{n}@gmail.com") for n in range(12)]
    campaign = staging.draft(customers=people, now=now)
    broadcasts.launch(campaign_id=campaign.pk, by=None, now=now)
    with time_machine.travel(now + timedelta(minutes=5), tick=True):
        tasks.advance_campaigns()
        tasks.send_campaign(campaign.pk)

    assert Message.objects.filter(state="sent").count() == 12


def test_counting_a_large_campaign_takes_a_small_share_of_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, shown = [1_000.0], []

    def count(campaign_id: int) -> None:
        shown.append(clock[0])
        clock[0] += 0.2

    monkeypatch.setattr(tasks, "_show_progress", count)
    monkeypatch.setattr(tasks.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(tasks, "_next_shows", {})

    while clock[0] < 1_100.0:
        tasks._show_now_and_then(7)
        clock[0] += 0.1

    assert 0.2 * len(shown) <= 2.5
    assert len(shown) > 5
