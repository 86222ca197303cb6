"""Every doorbell may ring twice, late or never; the rows say what is to be done."""

from datetime import datetime

import pytest

from crm import messages, tasks
from crm.channels.memory import MemoryAdapter
from crm.messages import NewMessage
from crm.models import Callback, Customer, Message

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider")]


def test_the_queue_is_emptied_however_often_it_rings(
    ada: Customer, now: datetime, provider: MemoryAdapter
) -> None:
    for number in range(3):
        new = NewMessage(customer_id=ada.pk, channel="email", author="staff", text=str(number))
        messages.say(message=new, now=now)

    tasks.send_queued_messages()
    tasks.send_queued_messages()

    assert len(provider.sent) == 3
    assert set(Message.objects.values_list("state", flat=True)) == {"sent"}


def test_callbacks_are_taken_in(now: datetime) -> None:
    Callback.objects.create(provider="nobody", key="1", body=b"{}", received_at=now)

    tasks.process_callbacks()

    assert Callback.objects.get().state == "failed"


def test_nothing_to_recover_is_no_error() -> None:
    tasks.recover_messages()

    assert not Message.objects.exists()


def test_a_broker_that_is_away_takes_nothing_back(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    django_capture_on_commit_callbacks: object,
) -> None:
    def away(*_: object) -> None:
        raise ConnectionError("no broker")

    monkeypatch.setattr(tasks.process_callbacks, "delay", away)

    with django_capture_on_commit_callbacks(execute=True) as rung:  # type: ignore[operator]
        tasks.ring(tasks.process_callbacks)

    assert len(rung) == 1
    assert "no broker" in caplog.text
