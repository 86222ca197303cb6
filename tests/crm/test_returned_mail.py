"""Mails that come back find the message they are about, and close what is closed for good."""

import io
import sys
from datetime import datetime, timedelta

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from crm import customers, messages, returned_mail
from crm.bounces import Kind
from crm.messages.headers import envelope_senders
from crm.models import Callback, Consent, Customer, Message, ReturnedMail, Suppression
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


def envelope_sender(letter: messages.Draft) -> str:
    """Where a letter comes back to."""
    return envelope_senders(channel=letter.channel)(letter.message_id)


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
        f"To: {return_path or envelope_sender(letter)}\n"
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

    returned_mail.take(raw=raw, recipient=envelope_sender(letter), now=now)

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
    for number in range(settings.SOFT_BOUNCES):
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
    for _ in range(settings.SOFT_BOUNCES):
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

    call_command("take_bounce", recipient=envelope_sender(letter))

    assert capsys.readouterr().out == f"hard_bounce: message {letter.message_id}\n"
    assert Message.objects.get().state == "bounced"


def answer(letter: messages.Draft, *headers: str, sender: str = "ada@shop.example") -> bytes:
    """A mail that answers a letter."""
    return "\n".join(
        (
            f"From: Ada <{sender}>",
            "To: hello@rapport.example",
            "Subject: Re: Hello",
            "Message-ID: <answer-1@shop.example>",
            f"In-Reply-To: <{letter.key}@rapport.example>",
            *headers,
            "\nIs the tea green?\n",
        )
    ).encode()


def test_an_answer_to_our_mail_goes_into_the_conversation(
    letter: messages.Draft, now: datetime
) -> None:
    returned_mail.take(raw=answer(letter), recipient="", now=now)
    returned_mail.take(raw=answer(letter), recipient="", now=now)

    said = Message.objects.get(direction="in")
    assert (said.text, said.customer_id) == ("Is the tea green?", letter.customer_id)
    mail = ReturnedMail.objects.get()
    assert (mail.kind, mail.deed, mail.message_id) == (
        "nothing",
        "conversation",
        letter.message_id,
    )


@pytest.mark.parametrize(
    "mark",
    [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: auto-generated",
        "X-Autoreply: yes",
        "Precedence: bulk",
        "List-Id: <tea.shop.example>",
    ],
)
def test_what_a_program_answers_never_reaches_the_bot(
    letter: messages.Draft, now: datetime, mark: str
) -> None:
    returned_mail.take(raw=answer(letter, mark), recipient="", now=now)

    assert not Message.objects.filter(direction="in").exists()
    assert ReturnedMail.objects.get().deed == "none"
    assert Message.objects.get().state == "sent"


def test_a_mail_that_answers_nothing_of_ours_goes_nowhere(
    letter: messages.Draft, now: datetime
) -> None:
    raw = answer(letter).replace(letter.key.encode(), b"unknown")

    returned_mail.take(raw=raw, recipient="", now=now)

    assert not Message.objects.filter(direction="in").exists()


def test_a_mail_to_the_unsubscribe_address_withdraws_consent(
    letter: messages.Draft, now: datetime
) -> None:
    address = messages.unsubscribe_address(message_id=letter.message_id)
    raw = answer(letter).replace(b"hello@rapport.example", address.encode())

    taken = returned_mail.take(raw=raw, recipient="", now=now)

    consent = Consent.objects.get(channel="email", purpose="marketing")
    assert (taken.message_id, consent.state) == (letter.message_id, "withdrawn")
    assert ReturnedMail.objects.get().deed == "unsubscribed"
    assert not Message.objects.filter(direction="in").exists()


def test_a_forged_unsubscribe_address_withdraws_nothing(
    letter: messages.Draft, now: datetime
) -> None:
    forged = f"unsubscribe+{letter.message_id}-0123456789abcdef@bounce.rapport.example"

    returned_mail.take(raw=b"From: eve@other.example\n\nx\n", recipient=forged, now=now)

    assert Consent.objects.get(channel="email", purpose="marketing").state == "granted"


def test_soft_bounces_of_long_ago_do_not_count(
    ada: Customer, now: datetime, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue("provider")
    for number in range(settings.SOFT_BOUNCES):
        later = now + timedelta(days=20 * number)
        one = draft(ada)
        send(one, now=later)
        returned_mail.take(raw=returned(one, FULL), recipient="", now=later)

    assert not Suppression.objects.exists()


def test_a_complaint_of_a_feedback_loop_closes_the_address_and_withdraws_consent(
    letter: messages.Draft, now: datetime
) -> None:
    raw = (
        "From: fbl@mail.example\nTo: fbl@rapport.example\nSubject: complaint\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\n\n'
        "--b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nVersion: 1\n"
        f"Original-Rcpt-To: {letter.address}\n"
        f"--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: <{letter.key}@rapport.example>\n"
        f"From: hello@rapport.example\nTo: {letter.address}\n--b--\n"
    )

    returned_mail.take(raw=raw.encode(), recipient="", now=now)

    assert ReturnedMail.objects.get().deed == "complaint_heard"
    assert Suppression.objects.get().reason == "complaint"
    assert Consent.objects.get(channel="email", purpose="marketing").state == "withdrawn"


def test_a_complaint_that_hides_who_complains_is_known_by_the_return_path_that_it_tells(
    letter: messages.Draft, now: datetime
) -> None:
    raw = (
        "From: fbl@mail.example\nTo: fbl@rapport.example\nSubject: complaint\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\n\n'
        "--b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nVersion: 1\n"
        f"Original-Mail-From: <{envelope_sender(letter)}>\n"
        "--b\nContent-Type: message/rfc822\n\nMessage-ID: <redacted@rapport.example>\n"
        "From: hello@rapport.example\nTo: redacted@mail.example\n\nHi\n--b--\n"
    )

    returned_mail.take(raw=raw.encode(), recipient="", now=now)

    assert Message.objects.get().state == "complained"
    assert Suppression.objects.get().reason == "complaint"


def test_what_goes_wrong_with_one_mail_is_put_aside_and_tried_again(
    letter: messages.Draft, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = returned(letter, UNKNOWN)
    with monkeypatch.context() as patched:
        patched.setattr(returned_mail.taking.bounces, "read", lambda raw: 1 / 0)
        assert returned_mail.take_or_put_aside(raw=raw, recipient="", now=now) is None
    aside = ReturnedMail.objects.get()
    assert (aside.state, Callback.objects.get().state) == ("put_aside", "failed")

    taken = returned_mail.retry(returned_mail_id=aside.pk, now=now)

    aside.refresh_from_db()
    assert taken
    assert (taken.kind, aside.state, aside.error, aside.attempts) == (Kind.HARD, "taken", "", 2)
    assert Message.objects.get().state == "bounced"


def test_an_erased_person_is_in_no_mail_that_came_back(
    letter: messages.Draft, now: datetime
) -> None:
    returned_mail.take(raw=returned(letter, UNKNOWN), recipient="", now=now)

    customers.forget_many(customer_ids=[letter.customer_id], now=now)

    assert not ReturnedMail.objects.exists()
    assert not Callback.objects.exists()
    connection.check_constraints()
