"""Answers wait in the queue, pass the gate when they go, and are tried again."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from crm import accounts, consent, events, messages, pacing
from crm.channels import registry
from crm.channels.base import Outcome
from crm.channels.memory import MemoryAdapter
from crm.consent import NewSuppression
from crm.messages import NewMessage
from crm.models import (
    AccountStanding,
    Conversation,
    Customer,
    Message,
    SendingDomain,
    TemplateVersion,
)

pytestmark = pytest.mark.django_db


def answer(ada: Customer, now: datetime, **changes: object) -> Message:
    """Queue an answer to Ada by e-mail."""
    message = NewMessage(
        **{
            "customer_id": ada.pk,
            "channel": "email",
            "author": "staff",
            "text": "It ships today.",
            "subject": "Re: My order",
            **changes,
        }  # type: ignore[arg-type]
    )
    return messages.say(message=message, now=now)


def run(now: datetime) -> int:
    """One round of a worker."""
    return messages.send_queued(owner=messages.owner(), now=now)


def test_nothing_is_queued_for_somebody_who_is_gone(ada: Customer, now: datetime) -> None:
    Customer.objects.filter(pk=ada.pk).delete()

    with pytest.raises(events.CustomerGone, match=str(ada.pk)):
        answer(ada, now)

    assert not Message.objects.exists()


def test_a_queued_answer_goes_out_once(
    ada: Customer, now: datetime, provider: MemoryAdapter
) -> None:
    queued = answer(ada, now)
    assert queued.state == "queued"

    assert run(now) == 1
    assert run(now) == 0

    (outgoing,) = provider.sent
    assert (outgoing.recipient, outgoing.text) == ("ada@shop.example", "It ships today.")
    message = Message.objects.get()
    assert (message.state, message.address, message.attempts) == ("sent", ada.email, 1)
    assert messages.show(message=message).is_exact


def test_a_suppression_takes_effect_on_what_is_queued(
    ada: Customer, now: datetime, provider: MemoryAdapter
) -> None:
    answer(ada, now)
    consent.suppress(suppression=NewSuppression("email", ada.email, "staff"), now=now)

    run(now)

    message = Message.objects.get()
    assert provider.sent == []
    assert (message.state, message.reason, message.detail) == (
        "failed",
        "not_allowed",
        "suppressed",
    )


def test_marketing_in_the_queue_needs_consent_when_it_goes(
    ada: Customer, now: datetime, provider: MemoryAdapter
) -> None:
    answer(ada, now, purpose="marketing")
    consent.withdraw(
        customer_id=ada.pk, channel="email", source="one_click", now=now + timedelta(seconds=1)
    )

    run(now)

    assert provider.sent == []
    assert Message.objects.get().detail == "unsubscribed"


def test_what_was_put_off_waits_for_its_time(
    ada: Customer, now: datetime, provider: MemoryAdapter
) -> None:
    provider.script.append(Outcome(0, "failed", reason="unreachable", retry_after=30.0))
    answer(ada, now)
    run(now)

    assert run(now + timedelta(seconds=10)) == 0
    assert run(now + timedelta(seconds=31)) == 1
    message = Message.objects.get()
    assert (message.state, message.attempts) == ("sent", 1)


@pytest.mark.parametrize("reason", ["unreachable", "unauthorized", "rate_limited"])
def test_what_its_account_is_to_blame_for_wears_out_no_message_for_three_days(
    ada: Customer, now: datetime, provider: MemoryAdapter, reason: str
) -> None:
    answer(ada, now)
    for hour in range(0, 72, 2):
        provider.script.append(Outcome(0, "failed", reason=reason, retry_after=60.0))
        run(now + timedelta(hours=hour))

    message = Message.objects.get()
    assert (message.state, message.attempts) == ("queued", 0)

    provider.script.append(Outcome(0, "failed", reason=reason, retry_after=60.0))
    run(now + timedelta(hours=73))

    assert Message.objects.get().state == "failed"


def test_a_message_that_waited_for_its_account_has_all_its_tries_left(
    ada: Customer, now: datetime, provider: MemoryAdapter
) -> None:
    answer(ada, now)
    for hour in range(12):
        provider.script.append(Outcome(0, "failed", reason="unreachable", retry_after=60.0))
        run(now + timedelta(hours=hour))
    provider.script.append(Outcome(0, "failed", reason="deferred", retry_after=60.0))
    run(now + timedelta(hours=13))
    run(now + timedelta(hours=14))

    assert Message.objects.get().state == "sent"


def test_after_tries_enough_a_message_has_failed(
    ada: Customer, now: datetime, provider: MemoryAdapter
) -> None:
    answer(ada, now)
    for hour in range(12):
        provider.script.append(Outcome(0, "failed", reason="deferred"))
        run(now + timedelta(hours=hour))

    message = Message.objects.get()
    assert (message.state, message.reason, message.attempts) == ("failed", "deferred", 10)


def test_an_answer_by_mail_stands_below_what_it_answers(
    ada: Customer, now: datetime, provider: MemoryAdapter
) -> None:
    conversation = Conversation.objects.create(
        customer=ada, channel="email", opened_at=now, last_message_at=now
    )
    Message.objects.create(
        customer=ada,
        conversation=conversation,
        direction="in",
        channel="email",
        purpose="conversation",
        author="customer",
        address=ada.email,
        key="in:1",
        provider_message_id="<their-1@mail.example>",
        state="received",
        created_at=now,
    )
    answer(ada, now, conversation_id=conversation.pk)

    run(now)

    assert dict(provider.sent[0].headers)["In-Reply-To"] == "<their-1@mail.example>"


def test_a_queued_template_is_rendered_when_it_goes(
    ada: Customer, now: datetime, newsletter: TemplateVersion, provider: MemoryAdapter
) -> None:
    variables = {"customer": {"id": ada.pk, "first_name": "Ada"}, "at": now}
    answer(ada, now, template_version_id=newsletter.pk, variables=variables, text="", subject="")

    run(now)

    assert provider.sent[0].subject == "Tea for Ada"
    assert messages.show(message=Message.objects.get()).is_exact


def test_a_template_that_fails_for_one_stops_nobody_else(
    ada: Customer, now: datetime, newsletter: TemplateVersion, provider: MemoryAdapter
) -> None:
    poisoned = answer(ada, now, template_version_id=newsletter.pk, variables={}, text="")
    answer(ada, now)

    run(now)

    poisoned.refresh_from_db()
    assert (poisoned.state, poisoned.reason) == ("failed", "render_error")
    assert len(provider.sent) == 1


def kept(now: datetime, name: str, **facts: Any) -> None:
    facts = {"told": {"url": "memory://"}, **facts}
    accounts.keep(new=accounts.NewAccount(name, "email", "memory", **facts), now=now)


def test_what_may_not_leave_yet_waits_with_its_try_not_counted(
    ada: Customer, now: datetime
) -> None:
    kept(now, "first", per_second=0.5, burst=1)
    for _ in range(3):
        answer(ada, now)

    taken = [run(now), run(now), run(now + timedelta(seconds=10))]

    waiting = Message.objects.filter(state="queued")
    assert taken == [2, 0, 0], "one, and one in advance of what can wait"
    assert list(waiting.values_list("attempts", flat=True)) == [0]


def test_what_failed_takes_nothing_of_a_new_domain_s_day(
    ada: Customer, now: datetime, settings: Any
) -> None:
    settings.EMAIL_URL, settings.EMAIL_FROM = "memory://", "Shop <shop@shop.example>"
    SendingDomain.objects.create(
        domain="shop.example", warm_up_from_date=now.date(), warm_up_plan=[5]
    )
    account = accounts.in_order(channel="email")[0]
    adapter = registry.adapter_for(account.account)
    assert isinstance(adapter, MemoryAdapter)
    adapter.script.append(Outcome(0, "failed", reason="unreachable", retry_after=60.0))
    answer(ada, now)
    answer(ada, now)
    run(now)

    grant = pacing.grant(kept=account, wanted=10, lane="bulk", now=now)

    assert list(Message.objects.values_list("state", flat=True).order_by("pk")) == [
        "queued",
        "sent",
    ]
    assert grant.count == 4


def test_a_message_goes_by_the_account_that_is_well(ada: Customer, now: datetime) -> None:
    kept(now, "first")
    kept(now, "second")
    AccountStanding.objects.create(name="first", breaker="open", reason="errors")
    answer(ada, now)

    run(now)

    assert Message.objects.values_list("state", "provider").get() == ("sent", "second")


def test_what_was_in_doubt_never_goes_by_another_account(ada: Customer, now: datetime) -> None:
    kept(now, "first")
    kept(now, "second")
    AccountStanding.objects.create(name="first", breaker="open", reason="errors")
    answer(ada, now)
    Message.objects.update(attempts=1, state="in_doubt", reason="connection_lost")
    Message.objects.update(state="queued", reason="")

    taken = run(now)
    AccountStanding.objects.update(breaker="closed", reason="")
    accounts.forget()
    run(now + timedelta(seconds=5))

    assert taken == 0
    assert Message.objects.values_list("state", "provider").get() == ("sent", "first")


def test_what_was_in_doubt_stays_with_its_account_though_a_later_try_went_nowhere(
    ada: Customer, now: datetime
) -> None:
    kept(now, "first")
    kept(now, "second")
    answer(ada, now)
    Message.objects.update(attempts=1, state="queued", provider="first")
    adapter = registry.adapter_for(accounts.in_order(channel="email")[0].account)
    assert isinstance(adapter, MemoryAdapter)
    adapter.script.append(Outcome(0, "failed", reason="unreachable", retry_after=60.0))

    run(now)
    AccountStanding.objects.update_or_create(
        name="first", defaults={"breaker": "open", "reason": "errors"}
    )
    accounts.forget()
    run(now + timedelta(minutes=2))

    message = Message.objects.get()
    assert (message.state, message.provider, message.attempts) == ("queued", "first", 1)


def test_while_no_account_may_be_used_messages_wait(ada: Customer, now: datetime) -> None:
    kept(now, "first", lane="bulk")
    answer(ada, now)

    assert run(now) == 0
    assert not messages.is_waiting(now=now)
    assert messages.is_waiting(now=now + timedelta(seconds=5))
