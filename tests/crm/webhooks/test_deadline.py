"""A subscriber that answers slowly, or without end, holds a worker for so long and no longer."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest

from crm import webhooks
from crm.choices import WebhookState
from crm.models import Webhook, WebhookDelivery
from crm.webhooks import sending

pytestmark = pytest.mark.django_db

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


@contextmanager
def _subscriber(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """Somebody who reads what comes and answers in their own way."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            try:
                connection, _ = server.accept()
                with connection:
                    connection.recv(65_536)
                    answer(connection)
            except OSError:
                return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        server.close()
        thread.join(timeout=5)


def _drip(beginning: bytes) -> Callable[[socket.socket], None]:
    """A byte every now and then, so that no single read takes long."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(beginning)
        pause = threading.Event()
        for _ in range(100):
            connection.sendall(b"x")
            pause.wait(0.1)

    return answer


def _pour(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"\r\n")
    for _ in range(2_000):
        connection.sendall(b"y" * 65_536)


def _told(url: str, now: datetime, settings: Any) -> tuple[WebhookDelivery, float]:
    """One thing told to a subscriber, and how long that took."""
    settings.WEBHOOK_ALLOWED_HOSTS = ["127.0.0.1"]
    hook = Webhook.objects.create(
        name="Slow", url=url, events=["*"], secrets="whsec_c2VjcmV0", created_at=now
    )
    delivery = webhooks.send_test(webhook_id=hook.pk, now=now)
    begun = time.monotonic()
    webhooks.deliver_due(owner="test", now=now)
    delivery.refresh_from_db()
    return delivery, time.monotonic() - begun


def test_headers_that_drip_are_not_waited_for(
    now: datetime, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "ANSWER_SECONDS", 0.5)
    with _subscriber(_drip(HEAD + b"X-Slow: ")) as url:
        delivery, seconds = _told(url, now, settings)

    assert seconds < 3
    assert delivery.state == WebhookState.DUE
    assert delivery.log[0]["error"] == "No answer within 0.5 seconds."


def test_a_body_that_drips_is_heard_by_its_status(
    now: datetime, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "ANSWER_SECONDS", 0.5)
    with _subscriber(_drip(HEAD + b"\r\nwell ")) as url:
        delivery, seconds = _told(url, now, settings)

    assert seconds < 3
    assert delivery.state == WebhookState.DELIVERED
    assert delivery.log[0]["excerpt"].startswith("well x")


def test_an_endless_answer_is_read_for_its_beginning_only(now: datetime, settings: Any) -> None:
    with _subscriber(_pour) as url:
        delivery, seconds = _told(url, now, settings)

    assert seconds < 5
    assert delivery.state == WebhookState.DELIVERED
    assert delivery.log[0]["excerpt"] == "y" * 500
