"""The post sends what nobody should wait for, whatever keeps the workers busy."""

import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.db import OperationalError, connection
from django.utils import timezone

from campaigns import broadcasts
from campaigns import tasks as campaign_tasks
from campaigns.models import Campaign, Delivery
from crm import messages
from crm.channels import registry
from crm.channels.memory import MemoryAdapter
from crm.messages import NewMessage
from crm.models import Customer, Message
from marketing import heartbeats
from marketing.runtime import looping
from marketing.runtime.post import Post
from tests import making
from tests.campaigns import staging

BROADCAST = 1_000


@pytest.fixture(autouse=True)
def _fake_provider(settings: Any, tmp_path: Path) -> Iterator[None]:
    settings.EMAIL_URL = "memory://"
    settings.VAR_DIR = tmp_path
    registry.close_all()
    cache.clear()
    yield
    registry.close_all()


def say(ada: Customer, now: datetime) -> Message:
    message = NewMessage(customer_id=ada.pk, channel="email", author="staff", text="At once.")
    return messages.say(message=message, now=now)


def once(loop: Post, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let it go round once; how long it would have waited."""
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        loop.is_wanted = False

    monkeypatch.setattr(looping.time, "sleep", wait)
    monkeypatch.setattr(looping.signal, "signal", lambda number, handler: None)
    loop.is_wanted = True
    loop.run()
    return waited


@pytest.mark.django_db
def test_what_is_queued_goes_and_it_looks_again_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ada = making.customer(now=timezone.now())
    say(ada, timezone.now())
    loop = Post()

    waited = once(loop, monkeypatch) + once(loop, monkeypatch)

    assert waited == [0.0, looping.LOOK_EVERY]
    assert Message.objects.get().state == "sent"


@pytest.mark.django_db
def test_it_outlives_its_database(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(**_: Any) -> bool:
        raise OperationalError

    monkeypatch.setattr(messages, "is_waiting", away)
    monkeypatch.setattr(connection, "close", lambda: None)

    assert once(Post(), monkeypatch) == [looping.AWAY_PAUSE]
    assert "waits for the database" in caplog.text


@pytest.mark.django_db
def test_it_gives_signs_of_life_and_takes_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float | None] = []
    monkeypatch.setattr(messages, "is_waiting", lambda **_: seen.append(heartbeats.ages()["post"]))

    once(Post(), monkeypatch)

    assert seen[0] is not None
    assert heartbeats.ages()["post"] is None


class SlowAdapter(MemoryAdapter):
    """A provider that takes two milliseconds for a mail."""

    def _answer(self, outgoing: Any) -> Any:
        time.sleep(0.002)
        return super()._answer(outgoing)


@pytest.mark.django_db(transaction=True)
def test_an_answer_does_not_wait_behind_a_large_broadcast(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    now = timezone.now()
    ada = making.customer(now=now)
    campaign = staging.draft(customers=staging.crowd(count=BROADCAST, now=now), now=now)
    broadcasts.launch(campaign_id=campaign.pk, by=None, now=now)
    broadcasts.start_due(now=now + staging.LONG_ENOUGH)
    monkeypatch.setattr(registry, "adapter_class", lambda name: SlowAdapter)
    monkeypatch.setattr(campaign_tasks, "ring", lambda *_: None)
    loop, is_over = Post(), threading.Event()

    def broadcast() -> None:
        while not is_over.is_set() and campaign_tasks._send_slice(campaign.pk):
            continue
        connection.close()

    def deliver() -> None:
        while loop.is_wanted:
            time.sleep(loop._round())
        connection.close()

    threads = [threading.Thread(target=work) for work in (broadcast, deliver)]
    for thread in threads:
        thread.start()
    delays = []
    try:
        wait_for(lambda: Message.objects.filter(source_kind="delivery").exists())
        for _ in range(3):
            began, message = time.monotonic(), say(ada, timezone.now())
            wait_for(lambda pk=message.pk: Message.objects.filter(pk=pk, state="sent").exists())
            delays.append(time.monotonic() - began)
        left = Delivery.objects.filter(campaign=campaign, state="planned").count()
    finally:
        is_over.set()
        loop.is_wanted = False
        monkeypatch.setattr(campaign_tasks, "SLICE_SECONDS", 0.0)
        Campaign.objects.filter(pk=campaign.pk).update(state="paused")
        for thread in threads:
            thread.join()

    assert left > 0, "the broadcast was on its way all the time"
    assert max(delays) < 1.0, delays


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
