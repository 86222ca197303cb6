"""Mails that are posted to us go the way of those from a mailbox, if our token is shown."""

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from crm import messages
from crm.models import Conversation, Customer, Message, ReturnedMail, Suppression
from tests.crm.messages.letters import draft, send

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _token(settings: Any) -> None:
    settings.POSTED_MAIL_TOKEN = "word"


@pytest.fixture
def letter(ada: Customer, now: datetime, request: pytest.FixtureRequest) -> messages.Draft:
    request.getfixturevalue("provider")
    written = draft(ada)
    send(written, now=now)
    return written


def post(client: Client, raw: str, *, address: str = "/mails/?token=word", **headers: str) -> int:
    answer = client.post(address, raw.encode(), content_type="message/rfc822", headers=headers)
    return answer.status_code


def written(sender: str, text: str, headers: Mapping[str, str] | None = None) -> str:
    more = "".join(f"{name}: {value}\n" for name, value in (headers or {}).items())
    return f"From: {sender}\nTo: shop@rapport.example\nSubject: Hi\n{more}\n{text}\n"


def test_a_bounce_closes_the_address(client: Client, letter: messages.Draft) -> None:
    headers = {"In-Reply-To": f"<{letter.key}@rapport.example>"}
    raw = written(
        "MAILER-DAEMON@mx.example", f"<{letter.address}>: 550 5.1.1 User unknown", headers
    )

    assert post(client, raw) == 200
    assert post(client, raw) == 200

    assert Message.objects.get().state == "bounced"
    assert Suppression.objects.get().reason == "hard_bounce"
    assert ReturnedMail.objects.count() == 1


def test_an_answer_of_a_person_goes_into_the_conversation(
    client: Client, letter: messages.Draft
) -> None:
    headers = {"In-Reply-To": f"<{letter.key}@rapport.example>"}

    assert post(client, written(letter.address, "Is it still there?", headers)) == 200

    answer = Message.objects.get(direction="in")
    assert (answer.text, answer.customer_id) == ("Is it still there?", letter.customer_id)


def test_a_letter_of_a_stranger_begins_a_conversation(client: Client) -> None:
    assert post(client, written("new@people.example", "Do you ship to Norway?")) == 200
    assert post(client, written("new@people.example", "Do you ship to Norway?")) == 200

    assert Message.objects.get().text == "Do you ship to Norway?"
    assert Conversation.objects.count() == 1
    assert ReturnedMail.objects.get().deed == "conversation"


@pytest.mark.parametrize(
    "headers",
    [{"Auto-Submitted": "auto-replied"}, {"Precedence": "bulk"}, {"List-Id": "<a.b.example>"}],
)
def test_what_a_program_wrote_begins_none(client: Client, headers: dict[str, str]) -> None:
    assert post(client, written("news@list.example", "Hello", headers)) == 200

    assert not Message.objects.exists()


def test_a_strangers_mail_in_a_mailbox_of_bounces_begins_none(now: datetime) -> None:
    from crm import returned_mail

    raw = written("new@people.example", "Do you ship to Norway?").encode()

    returned_mail.take(raw=raw, recipient="", now=now)

    assert not Message.objects.exists()


def test_a_mail_that_was_taken_apart_is_taken_in(client: Client) -> None:
    told = {"Headers": {"From": "new@people.example"}, "RawTextBody": "Hello"}
    proof = base64.b64encode(b"rapport:word").decode()

    answer = client.post(
        "/mails/",
        json.dumps({"items": [told]}),
        content_type="application/json",
        headers={"Authorization": f"Basic {proof}"},
    )

    assert answer.status_code == 200
    assert Message.objects.get().text == "Hello"


@pytest.mark.parametrize("address", ["/mails/", "/mails/?token=", "/mails/?token=other"])
def test_nothing_is_taken_without_the_token(client: Client, address: str) -> None:
    assert post(client, written("a@b.example", "Hi"), address=address) == 403
    assert not ReturnedMail.objects.exists()


def test_nothing_is_taken_where_no_token_is_set(client: Client, settings: Any) -> None:
    settings.POSTED_MAIL_TOKEN = ""

    assert post(client, written("a@b.example", "Hi"), address="/mails/?token=") == 403


def test_a_mail_that_is_too_large_is_refused(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crm.views.MAX_MAIL", 100)

    assert post(client, written("a@b.example", "x" * 100)) == 413


def test_a_topic_of_somebody_else_is_not_confirmed(client: Client) -> None:
    asks = {"Type": "SubscriptionConfirmation", "SubscribeURL": "https://evil.example/?x=1"}

    answer = client.post("/mails/?token=word", json.dumps(asks), content_type="text/plain")

    assert answer.status_code == 403
