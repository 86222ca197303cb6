"""What providers of e-mail tell us counts like a mail that came back."""

import base64
import json
from datetime import datetime, timedelta

import pytest
from django.conf import settings

from crm import accounts, callbacks, returned_mail
from crm.channels.base import CallbackRefused
from crm.models import Callback, ConsentDecision, Customer, Message, ProviderAccount, Suppression
from tests.crm.messages.letters import draft, send

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(provider: object, now: datetime) -> ProviderAccount:
    return accounts.keep(
        new=accounts.NewAccount(
            name="mails",
            channel="email",
            provider="postmark",
            told={"server_token": "token", "callback_password": "word"},
            sender="Shop <shop@rapport.example>",
        ),
        now=now,
    )


def sent(customer: Customer, now: datetime) -> Message:
    letter = draft(customer)
    send(letter, now=now)
    Message.objects.filter(pk=letter.message_id).update(provider="mails")
    return Message.objects.get(pk=letter.message_id)


def told(message: Message, now: datetime, **record: object) -> None:
    """Postmark calls us, and what it says is taken in."""
    said = {"Metadata": {"rapport_key": message.key}, "MessageID": "pm-1", **record}
    proof = base64.b64encode(b"rapport:word").decode()
    callbacks.store(
        provider="mails",
        headers={"authorization": f"Basic {proof}"},
        body=json.dumps(said).encode(),
        url="https://rapport.example/callbacks/mails/",
        now=now,
    )
    callbacks.process_due(now=now)


HARD = {"RecordType": "Bounce", "Type": "HardBounce", "Details": "550 5.1.1 nobody here"}
SOFT = {"RecordType": "Bounce", "Type": "SoftBounce", "Details": "452 4.2.2 full"}
BLOCKED = {"RecordType": "Bounce", "Type": "Blocked", "Details": "550 5.7.1 listed"}
LEFT = {
    "RecordType": "SubscriptionChange",
    "SuppressSending": True,
    "SuppressionReason": "ManualSuppression",
}


def test_a_hard_bounce_closes_the_address_and_says_why(
    account: ProviderAccount, ada: Customer, now: datetime
) -> None:
    message = sent(ada, now)

    told(message, now, **HARD)

    message.refresh_from_db()
    assert (message.state, message.reason) == ("bounced", "hard_bounce")
    assert message.detail == "HardBounce 550 5.1.1 nobody here"
    assert message.provider_message_id
    assert Suppression.objects.get().reason == "hard_bounce"


def test_a_block_closes_nothing(account: ProviderAccount, ada: Customer, now: datetime) -> None:
    message = sent(ada, now)

    told(message, now, **BLOCKED)

    message.refresh_from_db()
    assert (message.state, message.reason) == ("bounced", "rejected")
    assert not Suppression.objects.exists()


def test_soft_bounces_in_a_row_close_the_address_for_a_while(
    account: ProviderAccount, ada: Customer, now: datetime
) -> None:
    for number in range(settings.SOFT_BOUNCES):
        assert not Suppression.objects.exists()
        later = now + timedelta(days=number)
        told(sent(ada, later), later, **SOFT)

    assert Suppression.objects.get().expires_at == later + returned_mail.CLOSED_FOR


def test_soft_bounces_by_mail_and_by_callback_count_together(
    account: ProviderAccount, ada: Customer, now: datetime
) -> None:
    for number in range(settings.SOFT_BOUNCES - 1):
        later = now + timedelta(days=number)
        message = sent(ada, later)
        raw = (
            "From: MAILER-DAEMON@mx.example\nTo: bounces@rapport.example\n"
            f"Subject: Undelivered\nIn-Reply-To: <{message.key}@rapport.example>\n\n"
            f"<{message.address}>: 452 4.2.2 mailbox full\n"
        )
        returned_mail.take(raw=raw.encode(), recipient="", now=later)
        message.refresh_from_db()
        assert message.reason == "soft_bounce"

    told(sent(ada, later + timedelta(days=1)), later + timedelta(days=1), **SOFT)

    assert Suppression.objects.count() == 1


def test_who_leaves_at_the_provider_gets_no_more_of_that_kind(
    account: ProviderAccount, ada: Customer, now: datetime
) -> None:
    message = sent(ada, now)

    told(message, now + timedelta(hours=1), **LEFT)
    told(message, now + timedelta(hours=1), **LEFT, Tag="again")

    decision = ConsentDecision.objects.filter(customer=ada, channel="email").latest("pk")
    assert (decision.state, decision.source) == ("withdrawn", "provider")
    assert decision.proof == {"message_id": message.pk, "by": "provider"}
    assert Callback.objects.count() == 2
    assert Message.objects.get().state == "delivered"


def test_a_late_delivery_never_clears_a_bounce(
    account: ProviderAccount, ada: Customer, now: datetime
) -> None:
    message = sent(ada, now)

    told(message, now, **HARD)
    told(message, now + timedelta(minutes=5), RecordType="Delivery")
    told(message, now + timedelta(minutes=6), RecordType="Open")

    message.refresh_from_db()
    assert message.state == "bounced"


def test_a_mail_in_doubt_is_settled_by_what_the_provider_tells(
    account: ProviderAccount, ada: Customer, now: datetime
) -> None:
    message = sent(ada, now)
    Message.objects.update(state="in_doubt", reason="connection_lost", provider_message_id="")

    told(message, now, RecordType="Bounce", Type="Transient")

    message.refresh_from_db()
    assert (message.state, message.provider_message_id) == ("sent", "pm-1")


def test_a_word_that_is_not_the_accounts_is_no_proof(
    account: ProviderAccount, ada: Customer, now: datetime
) -> None:
    kept = accounts.for_provider(provider="mails")
    assert kept is not None
    with pytest.raises(CallbackRefused):
        callbacks.store(
            provider="mails", headers={}, body=b"{}", url="https://x.example/?token=no", now=now
        )
