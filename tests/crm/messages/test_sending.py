"""A message is written down before it is handed over, and settled before it is forgotten."""

import hmac
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from msgspec.structs import replace

from crm import messages
from crm.channels import journal as states
from crm.channels.base import Journal, Outcome, Outgoing
from crm.channels.memory import MemoryAdapter
from crm.messages import outgoing as outgoing_
from crm.messages import sending as handing_over
from crm.models import Customer, Event, HandOver, KeptVariables, Message, TemplateVersion

from .letters import draft, send, templated, write

pytestmark = pytest.mark.django_db


def failing_after(count: int) -> object:
    """An adapter's send_many that confirms some mails and then breaks."""

    def send_many(
        self: MemoryAdapter, batch: Sequence[Outgoing], *, journal: Journal
    ) -> Iterator[Outcome]:
        for index, outgoing in enumerate(batch[:count]):
            journal.mark(index, states.CONFIRMED)
            yield Outcome(outgoing.message_id, "sent", provider_message_id=f"p{index}")
        journal.mark(count, states.HANDING_OVER)
        raise RuntimeError("The adapter broke.")

    return send_many


def test_what_the_provider_takes_is_sent_once_and_on_the_timeline(
    ada: Customer, now: datetime, provider: MemoryAdapter
) -> None:
    letter = draft(ada)

    sent = send(letter, now=now)

    message = Message.objects.get()
    assert [outcome.state for outcome in sent.outcomes] == ["sent"]
    assert (message.state, message.sent_at, message.owner) == ("sent", now, "")
    assert message.provider_message_id == ""  # it is known by its key
    assert [outgoing.recipient for outgoing in provider.sent] == ["ada@shop.example"]
    event = Event.objects.get(name="message.sent")
    assert (event.customer_id, event.properties["message_id"]) == (ada.pk, message.pk)


def test_a_wrong_password_of_ours_is_no_refusal_of_the_message(
    ada: Customer, now: datetime, provider: MemoryAdapter
) -> None:
    provider.script.append(Outcome(0, "failed", reason="unauthorized", detail="535 who are you"))

    sent = send(draft(ada, source_kind="delivery"), now=now)

    message = Message.objects.get()
    assert [outcome.reason for outcome in sent.outcomes] == ["unreachable"]
    assert (message.state, message.reason) == ("failed", "unreachable")
    assert message.detail == "535 who are you"


def test_a_refusal_keeps_its_reason(ada: Customer, now: datetime, provider: MemoryAdapter) -> None:
    provider.script.append(Outcome(0, "failed", reason="rejected", detail="550 spam"))

    send(draft(ada), now=now)

    message = Message.objects.get()
    assert (message.state, message.reason, message.detail) == ("failed", "rejected", "550 spam")


def test_marketing_mail_says_how_to_stop_it(
    ada: Customer, now: datetime, provider: MemoryAdapter
) -> None:
    send(draft(ada), now=now)

    headers = dict(provider.sent[0].headers)
    assert headers["List-Unsubscribe"].startswith("<http")
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert headers["List-Id"] == "<marketing.rapport.example>"
    assert "delivery" in headers["Feedback-ID"]


def test_an_answer_of_the_bot_says_that_a_machine_wrote_it(
    ada: Customer, now: datetime, provider: MemoryAdapter
) -> None:
    send(draft(ada, author="bot", purpose="conversation"), now=now)

    assert provider.sent[0].headers == (("Auto-Submitted", "auto-replied"),)


def test_the_envelope_names_the_message_so_that_a_bounce_finds_it(
    ada: Customer, now: datetime, provider: MemoryAdapter
) -> None:
    letter = draft(ada)
    send(letter, now=now)
    envelope = provider.sent[0].envelope_sender

    assert messages.message_of_bounce(recipient=envelope.upper()) == letter.message_id
    assert messages.message_of_bounce(recipient=f"bounce+{letter.message_id}-00@x") is None
    assert messages.message_of_bounce(recipient="someone@shop.example") is None


def test_the_envelope_of_a_mail_sent_before_this_version_finds_it_still(
    settings: Any,
) -> None:
    mac = hmac.digest(settings.SECRET_KEY.encode(), b"bounce:12", "sha256")[:8].hex()

    assert messages.message_of_bounce(recipient=f"bounce+12-{mac}@bounce.example") == 12
    assert messages.message_of_bounce(recipient=f"bounce+13-{mac}@bounce.example") is None


def test_a_broken_adapter_leaves_no_message_untold(
    ada: Customer, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MemoryAdapter, "send_many", failing_after(1))
    letters = [draft(ada) for _ in range(3)]

    with pytest.raises(RuntimeError):
        send(*letters, now=now)

    found = Message.objects.order_by("pk").values_list("state", "reason")
    assert list(found) == [
        ("sent", ""),
        ("in_doubt", "connection_lost"),
        ("failed", "never_handed_over"),
    ]


def test_a_settling_that_fails_leaves_the_journal_to_the_recovery(
    ada: Customer, now: datetime, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    letter = draft(ada)
    write(letter, now=now)

    def broken(**_: object) -> None:
        raise OSError("The database is away.")

    with monkeypatch.context() as patch:
        patch.setattr(handing_over, "settle_many", broken)
        with pytest.raises(OSError, match="away"):
            messages.send_many(drafts=[letter], now=now)
    recovered = messages.recover(now=now)

    assert recovered == 1
    assert Message.objects.get().state == "sent"


def test_a_thousand_messages_take_a_handful_of_statements(
    ada: Customer, now: datetime, django_assert_max_num_queries: object
) -> None:
    letters = [draft(ada) for _ in range(300)]

    with django_assert_max_num_queries(14):  # type: ignore[operator]
        send(*letters, now=now)

    assert Message.objects.filter(state="sent").count() == 300


def test_a_templated_message_is_shown_again_exactly(
    ada: Customer, now: datetime, newsletter: TemplateVersion, provider: MemoryAdapter
) -> None:
    send(templated(ada, newsletter, now), now=now)

    shown = messages.show(message=Message.objects.get())

    outgoing = provider.sent[0]
    assert (shown.subject, shown.html, shown.text) == (
        outgoing.subject,
        outgoing.html,
        outgoing.text,
    )
    assert shown.is_exact
    assert Message.objects.get().text == ""


def test_a_message_whose_rendering_changed_says_so(
    ada: Customer, now: datetime, newsletter: TemplateVersion
) -> None:
    send(templated(ada, newsletter, now), now=now)
    said = {"customer": {"id": 1, "first_name": "Eve"}, "at": {"$moment": now.isoformat()}}
    KeptVariables.objects.update(variables=said)

    assert not messages.show(message=Message.objects.get()).is_exact


def test_a_mail_that_cannot_be_made_leaves_no_message_untold(
    ada: Customer, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: object) -> None:
        raise RuntimeError("No header fits.")

    monkeypatch.setattr(outgoing_, "envelope_senders", broken)

    with pytest.raises(RuntimeError):
        send(draft(ada), now=now)

    message = Message.objects.get()
    assert (message.state, message.reason) == ("failed", "never_handed_over")


def test_an_adapter_that_breaks_holds_up_no_other_account(
    ada: Customer, now: datetime, provider: MemoryAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail, text = draft(ada), draft(ada, channel="sms", address="+4915112345678")
    send_many = provider.send_many

    def break_for_mails(batch: Sequence[Outgoing], *, journal: Journal) -> Iterator[Outcome]:
        if batch[0].message_id == mail.message_id:
            raise RuntimeError("The adapter broke.")
        return send_many(batch, journal=journal)

    monkeypatch.setattr(provider, "send_many", break_for_mails)
    monkeypatch.setattr(handing_over.registry, "adapter_for", lambda account: provider)

    with pytest.raises(RuntimeError, match="The adapter broke"):
        send(mail, text, now=now)

    states_by_id = dict(Message.objects.values_list("pk", "state"))
    assert states_by_id == {mail.message_id: "failed", text.message_id: "sent"}
    assert not HandOver.objects.exists()


def test_that_mails_were_sent_changes_no_index(ada: Customer, now: datetime) -> None:
    letters = [draft(ada) for _ in range(3)]
    write(*letters, now=now)
    before = _updated()

    messages.send_many(drafts=letters, now=now)

    assert [after - earlier for after, earlier in zip(_updated(), before, strict=True)] == [3, 3]


def test_however_much_a_message_was_rendered_from_its_row_is_as_long(
    ada: Customer, now: datetime, newsletter: TemplateVersion
) -> None:
    short = templated(ada, newsletter, now)
    read = {"customer": {"id": ada.pk, "first_name": "Ada"}, "at": now, "words": "tea " * 200}
    long = replace(templated(ada, newsletter, now), variables=read)

    write(short, long, now=now)

    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT pg_column_size(row.*) FROM crm_message row")
        assert len(cursor.fetchall()) == 1
    kept = Message.objects.get(pk=long.message_id).variables
    assert kept is not None
    assert kept["words"] == "tea " * 200


def _updated() -> list[int]:
    """Rows of messages written anew by this session, and how many of them on their own page."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_stat_get_xact_tuples_updated(oid), pg_stat_get_xact_tuples_hot_updated(oid) "
            "FROM pg_class WHERE relname = 'crm_message'"
        )
        return list(cursor.fetchone())
