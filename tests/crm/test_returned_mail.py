"""Mails that come back find the message they are about, and close what is closed for good."""

import io
import sys
from datetime import datetime, timedelta

import pytest
from django.core.management import call_command

from crm import messages, returned_mail
from crm.bounces import Kind
from crm.messages.headers import envelope_sender
from crm.models import Callback, Customer, Message, Suppression
from tests.crm.messages.letters import draft, send, write

pytestmark = pytest.mark.django_db
UNKNOWN = "550 5.1.1 No such user"
FULL = "552 5.2.2 Mailbox full"
BLOCKED = "554 5.7.1 Client host blocked using a blocklist"


@pytest.fixture
def letter(ada: Customer, now: datetime, request: pytest.FixtureRequest) -> messages.Draft:
    """A mail to Ada that is on its way."""
    request.getfixturevalue("provider")
    written = draft(ada)
    send(written, now=now)
    return written


def returned(
    letter: messages.Draft,
    diagnostic: str,
    *,
    return_path: str = "",
    address: str = "",
    action: str = "failed",
) -> bytes:
    """A status report about a letter, sent to its return path."""
    return (
        "From: MAILER-DAEMON@mx.example\n"
        f"To: {return_path or envelope_sender(draft=letter)}\n"
        "Subject: Undelivered Mail Returned to Sender\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
        "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\n"
        f"Final-Recipient: rfc822; {address or letter.address}\nAction: {action}\n"
        f"Status: {diagnostic.split()[1]}\nDiagnostic-Code: smtp; {diagnostic}\n"
        f"--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: <{letter.key}@rapport.example>\n"
        f"From: hello@rapport.example\nTo: {letter.address}\n--b--\n"
    ).encode()


def test_a_hard_bounce_closes_the_address(letter: messages.Draft, now: datetime) -> None:
    taken = returned_mail.take(raw=returned(letter, UNKNOWN), recipient="", now=now)

    message = Message.objects.get()
    assert (taken.kind, taken.message_id, taken.is_changed) == (Kind.HARD, message.pk, True)
    assert (message.state, message.reason) == ("bounced", "hard_bounce")
    assert message.detail == "user_unknown 5.1.1 550"
    assert Suppression.objects.get().reason == "hard_bounce"


def test_a_bounce_to_a_forwarded_address_finds_the_message_by_its_return_path(
    letter: messages.Draft, now: datetime
) -> None:
    raw = returned(letter, UNKNOWN, address="forwarded@elsewhere.example")

    returned_mail.take(raw=raw, recipient="", now=now)

    assert Message.objects.get().state == "bounced"


def test_a_bounce_finds_the_message_by_the_envelope(letter: messages.Draft, now: datetime) -> None:
    raw = returned(letter, UNKNOWN, return_path="bounces@rapport.example").replace(
        letter.key.encode(), b"unknown"
    )

    returned_mail.take(raw=raw, recipient=envelope_sender(draft=letter), now=now)

    assert Message.objects.get().state == "bounced"


def test_without_our_return_path_a_bounce_must_speak_of_the_same_address(
    letter: messages.Draft, now: datetime
) -> None:
    other = returned(
        letter, UNKNOWN, return_path="bounces@rapport.example", address="eve@other.example"
    )
    same = returned(letter, UNKNOWN, return_path="bounces@rapport.example")

    assert returned_mail.take(raw=other, recipient="", now=now).message_id is None
    assert returned_mail.take(raw=same, recipient="", now=now).message_id == letter.message_id


def test_a_forged_return_path_settles_nothing(letter: messages.Draft, now: datetime) -> None:
    forged = f"bounce+{letter.message_id}-0123456789abcdef@rapport.example"
    raw = returned(letter, UNKNOWN, return_path=forged, address="eve@other.example")

    taken = returned_mail.take(raw=raw, recipient=forged, now=now)

    assert taken.message_id is None
    assert Message.objects.get().state == "sent"


def test_a_full_mailbox_closes_the_address_only_after_several(
    ada: Customer, now: datetime, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue("provider")
    for number in range(returned_mail.SOFT_IN_A_ROW):
        assert not Suppression.objects.exists()
        later = now + timedelta(days=number)
        one = draft(ada)
        send(one, now=later)
        returned_mail.take(raw=returned(one, FULL), recipient="", now=later)

    suppression = Suppression.objects.get()
    assert suppression.expires_at == later + returned_mail.CLOSED_FOR


def test_a_block_is_no_fault_of_the_address(
    ada: Customer, now: datetime, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue("provider")
    for _ in range(returned_mail.SOFT_IN_A_ROW):
        one = draft(ada)
        send(one, now=now)
        returned_mail.take(raw=returned(one, BLOCKED), recipient="", now=now)

    assert set(Message.objects.values_list("reason", flat=True)) == {"rejected"}
    assert not Suppression.objects.exists()


def test_a_filter_that_says_nobody_is_there_counts_like_a_soft_bounce(
    letter: messages.Draft, now: datetime
) -> None:
    returned_mail.take(raw=returned(letter, "550 5.2.0 User unknown"), recipient="", now=now)

    message = Message.objects.get()
    assert (message.reason, message.detail) == ("soft_bounce", "filtered 5.2.0 550")
    assert not Suppression.objects.exists()


def test_a_delay_changes_nothing(letter: messages.Draft, now: datetime) -> None:
    raw = returned(letter, "451 4.4.1 Connection timed out", action="delayed")

    taken = returned_mail.take(raw=raw, recipient="", now=now)

    assert (taken.kind, taken.is_changed) == (Kind.SOFT, False)
    assert Message.objects.get().state == "sent"


def test_a_late_delivery_does_not_clear_a_bounce(letter: messages.Draft, now: datetime) -> None:
    returned_mail.take(raw=returned(letter, UNKNOWN), recipient="", now=now)
    delivered = returned(letter, "250 2.1.5 Ok", action="delivered")

    returned_mail.take(raw=delivered, recipient="", now=now)

    assert Message.objects.get().state == "bounced"


def test_a_bounce_settles_a_message_that_is_in_doubt(ada: Customer, now: datetime) -> None:
    lost = draft(ada)
    write(lost, now=now)

    returned_mail.take(raw=returned(lost, FULL), recipient="", now=now)

    assert Message.objects.get().state == "bounced"


def test_a_mail_is_kept_as_it_came_and_taken_once(letter: messages.Draft, now: datetime) -> None:
    raw = returned(letter, UNKNOWN)

    first = returned_mail.take(raw=raw, recipient="", now=now)
    second = returned_mail.take(raw=raw, recipient="", now=now)

    assert (first.is_changed, second.is_changed) == (True, False)
    assert bytes(Callback.objects.get().body) == raw


def test_a_mail_about_nothing_of_ours_is_kept_and_changes_nothing(now: datetime) -> None:
    taken = returned_mail.take(raw=b"Subject: hello\n\nhello\n", recipient="", now=now)

    assert (taken.kind, taken.message_id) == (Kind.NOTHING, None)
    assert Callback.objects.get().state == "processed"


def test_a_mail_server_pipes_a_bounce_to_the_command(
    letter: messages.Draft, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    piped = io.TextIOWrapper(io.BytesIO(returned(letter, UNKNOWN)))
    monkeypatch.setattr(sys, "stdin", piped)

    call_command("take_bounce", recipient=envelope_sender(draft=letter))

    assert capsys.readouterr().out == f"hard_bounce: message {letter.message_id}\n"
    assert Message.objects.get().state == "bounced"
