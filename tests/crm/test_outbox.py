"""The outbox shows what was caught, and answers as the world would."""

import json

import httpx
import pytest
from django.core.exceptions import ValidationError

from crm import outbox
from crm.models import CaughtMessage

MAIL = (
    "From: Shop <shop@rapport.example>\r\nTo: ada@shop.example\r\n"
    "Subject: =?utf-8?B?5pil6Iy2?=\r\nMessage-ID: <delivery-1-1@rapport.example>\r\n"
    'MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="b"\r\n\r\n'
    "--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n春茶\r\n"
    "--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>春茶</p>\r\n--b--\r\n"
).encode()


@pytest.fixture
def posted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, str]]]:
    """What was told to the simulator instead of over the wire."""
    told: list[tuple[str, dict[str, str]]] = []

    def take(request: httpx.Request) -> httpx.Response:
        told.append((request.url.path, json.loads(request.content)))
        return httpx.Response(202, json={"status": "queued"})

    client = httpx.Client(transport=httpx.MockTransport(take))
    monkeypatch.setattr(outbox, "_client", lambda: client)
    return told


def mail() -> CaughtMessage:
    """A mail as the catcher keeps it."""
    return CaughtMessage(
        channel="email",
        key="delivery-1-1@rapport.example",
        sender="Shop <shop@rapport.example>",
        recipient="ada@shop.example",
        subject="春茶",
        raw=MAIL,
    )


def test_a_mail_is_shown_with_html_text_and_headers() -> None:
    content = outbox.read(caught=mail())

    assert (content.subject, content.html.strip(), content.text.strip()) == (
        "春茶",
        "<p>春茶</p>",
        "春茶",
    )
    assert ("To", "ada@shop.example") in content.headers


def test_an_sms_is_shown_with_its_text() -> None:
    raw = json.dumps({"to": "+441134960001", "body": "Hi"}).encode()

    content = outbox.read(caught=CaughtMessage(channel="sms", raw=raw))

    assert content.text == "Hi"


@pytest.mark.django_db  # which accounts there are
def test_a_reply_names_what_it_answers(posted: list[tuple[str, dict[str, str]]]) -> None:
    outbox.reply_as(caught=mail(), text="谢谢")

    ((path, told),) = posted
    assert path == "/email/inbound"
    assert told["from"] == "ada@shop.example"
    assert told["in_reply_to"] == "delivery-1-1@rapport.example"
    assert told["subject"] == "Re: 春茶"


def test_a_bounce_and_a_complaint_name_the_mail(posted: list[tuple[str, dict[str, str]]]) -> None:
    outbox.bounce(caught=mail())
    outbox.complain(caught=mail())

    assert [path for path, _ in posted] == ["/email/bounce", "/email/complaint"]
    assert {told["key"] for _, told in posted} == {"delivery-1-1@rapport.example"}


@pytest.mark.django_db
def test_a_stranger_writes_an_sms(posted: list[tuple[str, dict[str, str]]]) -> None:
    outbox.write_as(channel="sms", sender="+441134960001", text="STOP", subject="")

    assert posted[0][0] == "/sms/inbound"
    assert posted[0][1]["body"] == "STOP"


def test_a_simulator_that_does_not_run_is_said_so(settings: object) -> None:
    settings.CATCHER_HTTP_PORT = 1  # type: ignore[attr-defined]

    with pytest.raises(ValidationError, match="outbox"):
        outbox.bounce(caught=mail())
