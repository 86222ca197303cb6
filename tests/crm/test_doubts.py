"""Messages in doubt are settled by whoever knows; marketing is never sent twice for a doubt."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from crm import consent, conversations, doubts, messages
from crm.channels import journal as states
from crm.channels.base import (
    BOUNCED,
    DELIVERED,
    SOFT_BOUNCE,
    UNSUBSCRIBED,
    CallbackNews,
    Outcome,
    Outgoing,
)
from crm.channels.memory import MemoryAdapter
from crm.channels.posting import NOTHING_OF_OURS
from crm.doubts import DoubtPlan, NotInDoubt
from crm.messages import Settlement, journals
from crm.models import AccessRecord, ConsentDecision, Customer, Message, Suppression
from tests import making
from tests.crm.messages.letters import draft, write
from tests.crm.seeing import saw

pytestmark = pytest.mark.django_db
LATER = timedelta(minutes=5)


@pytest.fixture(autouse=True)
def _provided(provider: MemoryAdapter) -> None:
    """Nothing in these tests leaves the process."""


@pytest.fixture
def clerk() -> User:
    return User.objects.create_user("clerk")


def doubt(customer: Customer, now: datetime, **facts: object) -> Message:
    """A message of which nobody knows whether it arrived."""
    letter = draft(customer, **facts)
    write(letter, now=now)
    outcome = Settlement(letter.message_id, "in_doubt", "worker_lost", provider="memory")
    messages.settle_many(outcomes=[outcome], now=now)
    return Message.objects.get(pk=letter.message_id)


def answer(customer: Customer, now: datetime) -> Message:
    """A doubt about something that is no marketing."""
    return doubt(customer, now, purpose="transactional", source_kind="")


def reconcile(now: datetime) -> int:
    return doubts.reconcile(owner=messages.owner(), now=now)


def state(message: Message) -> str:
    return Message.objects.get(pk=message.pk).state


def idempotent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the fake provider take a key once."""
    monkeypatch.setattr(MemoryAdapter, "is_idempotent", True, raising=False)


def test_marketing_stays_in_doubt_for_ever_and_is_never_sent_again(
    ada: Customer, now: datetime, provider: MemoryAdapter
) -> None:
    message = doubt(ada, now)

    for days in range(40):
        reconcile(now + timedelta(days=days))
        messages.send_queued(owner=messages.owner(), now=now + timedelta(days=days))

    assert provider.sent == []
    assert state(message) == "in_doubt"
    assert doubts.fate(message=message, now=now).plan == DoubtPlan.NOTHING


def test_what_is_transactional_is_sent_again_after_a_while_under_the_same_key(
    ada: Customer, now: datetime, provider: MemoryAdapter, settings: Settings
) -> None:
    settings.IN_DOUBT_RESEND_MINUTES = 30
    message = answer(ada, now)
    fate = doubts.fate(message=message, now=now)

    early = reconcile(now + timedelta(minutes=29))
    due = reconcile(now + timedelta(minutes=30))
    messages.send_queued(owner=messages.owner(), now=now + timedelta(minutes=30))

    assert (fate.plan, fate.at) == (DoubtPlan.RESEND, now + timedelta(minutes=30))
    assert (early, due) == (0, 1)
    assert [one.key for one in provider.sent] == [message.key]
    assert state(message) == "sent"


def test_staff_may_forbid_that_anything_is_sent_again(
    ada: Customer, now: datetime, settings: Settings
) -> None:
    settings.IN_DOUBT_RESEND_MINUTES = 0
    message = answer(ada, now)

    assert reconcile(now + timedelta(days=1)) == 0
    assert doubts.fate(message=message, now=now).plan == DoubtPlan.NOTHING


def test_what_is_old_is_not_sent_again_when_everything_was_down(
    ada: Customer, now: datetime
) -> None:
    answer(ada, now)

    assert reconcile(now + timedelta(days=4)) == 0


def test_a_provider_that_takes_a_key_once_is_handed_it_again(
    ada: Customer, now: datetime, provider: MemoryAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    idempotent(monkeypatch)
    message = doubt(ada, now)
    plan = doubts.fate(message=message, now=now).plan

    reconcile(now + LATER)

    assert plan == DoubtPlan.SAME_KEY
    assert [one.key for one in provider.sent] == [message.key]
    assert state(message) == "sent"


def test_a_second_try_that_fails_plans_no_marketing_anew(
    ada: Customer, now: datetime, provider: MemoryAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    idempotent(monkeypatch)
    message = doubt(ada, now)
    provider.script.append(Outcome(0, "failed", reason="unreachable", retry_after=60.0))

    reconcile(now + LATER)

    assert state(message) == "in_doubt"


def test_a_worker_that_dies_over_a_second_try_leaves_the_doubt(
    ada: Customer, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    idempotent(monkeypatch)
    message = doubt(ada, now)
    monkeypatch.setattr(messages, "send_many", lambda **_: messages.Sent())

    reconcile(now + LATER)
    journals.current().begin([message.pk])
    journals.current().mark(0, states.CLAIMED)
    journals.abandon()
    messages.recover(now=now + LATER)

    assert state(message) == "in_doubt"


def test_who_unsubscribed_meanwhile_is_handed_over_no_second_time(
    ada: Customer, now: datetime, provider: MemoryAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    idempotent(monkeypatch)
    message = doubt(ada, now)
    consent.withdraw_all(customer_id=ada.pk, channel="email", source="staff", proof={}, now=now)

    reconcile(now + LATER)

    assert provider.sent == []
    assert state(message) == "in_doubt"


def test_a_provider_that_can_be_asked_is_asked(
    ada: Customer, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, unknown = doubt(ada, now), doubt(ada, now)
    asked: list[list[str]] = []

    def look_up(self: MemoryAdapter, doubtful: Sequence[Outgoing]) -> list[CallbackNews]:
        asked.append([one.key for one in doubtful])
        return [CallbackNews("their-1", known.key, DELIVERED, now, known.address, "", {})]

    monkeypatch.setattr(MemoryAdapter, "look_up", look_up, raising=False)

    assert reconcile(now + LATER) == 1
    assert reconcile(now + LATER) == 0

    assert asked == [[known.key, unknown.key]]
    assert (state(known), state(unknown)) == ("delivered", "in_doubt")
    assert doubts.fate(message=unknown, now=now).plan == DoubtPlan.ASK


def knows(monkeypatch: pytest.MonkeyPatch, kind: str, reason: str = "") -> None:
    """Let the fake provider know what became of every message it is asked for."""

    def look_up(self: MemoryAdapter, doubtful: Sequence[Outgoing]) -> list[CallbackNews]:
        news = [(one, one.between[1] if one.between else None) for one in doubtful]
        return [
            CallbackNews("", one.key, kind, at, one.recipient, reason, {}) for one, at in news if at
        ]

    monkeypatch.setattr(MemoryAdapter, "look_up", look_up, raising=False)


def test_soft_bounces_that_a_provider_is_asked_for_count_like_those_it_tells(
    ada: Customer, now: datetime, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    knows(monkeypatch, BOUNCED, SOFT_BOUNCE)

    for number in range(settings.SOFT_BOUNCES):
        assert not Suppression.objects.exists()
        message = doubt(ada, now + timedelta(days=number))
        assert reconcile(now + timedelta(days=number) + LATER) == 1
        assert state(message) == "bounced"

    assert Suppression.objects.get().expires_at is not None


def test_who_unsubscribed_at_a_provider_that_is_asked_gets_no_more(
    ada: Customer, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    knows(monkeypatch, UNSUBSCRIBED)
    message = doubt(ada, now)

    reconcile(now + LATER)

    decision = ConsentDecision.objects.filter(customer=ada, channel="email").latest("pk")
    assert (state(message), decision.state) == ("delivered", "withdrawn")


def test_a_doubt_that_no_provider_can_settle_says_why(
    ada: Customer, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MemoryAdapter, "unasked", NOTHING_OF_OURS, raising=False)
    message = doubt(ada, now)

    fate = doubts.fate(message=message, now=now)

    assert (fate.plan, fate.unasked) == (DoubtPlan.NOTHING, NOTHING_OF_OURS)


def test_a_provider_that_was_asked_for_a_week_is_not_called_one_that_cannot_be(
    ada: Customer, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    knows(monkeypatch, DELIVERED)
    monkeypatch.setattr(MemoryAdapter, "unasked", NOTHING_OF_OURS, raising=False)
    message = doubt(ada, now)

    fate = doubts.fate(message=message, now=now + timedelta(days=8))

    assert (fate.plan, fate.unasked) == (DoubtPlan.NOTHING, "")


def test_a_provider_that_cannot_be_asked_just_now_is_asked_later(
    ada: Customer, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = doubt(ada, now)

    def look_up(self: MemoryAdapter, doubtful: Sequence[Outgoing]) -> list[CallbackNews]:
        raise ConnectionError("away")

    monkeypatch.setattr(MemoryAdapter, "look_up", look_up, raising=False)

    assert reconcile(now + LATER) == 0
    assert Message.objects.get(pk=message.pk).due_at > now + LATER


@pytest.mark.parametrize("agent", ["Mozilla/5.0", "GoogleImageProxy bot"])
def test_an_opening_proves_that_it_arrived_even_by_a_machine(
    ada: Customer, now: datetime, agent: str
) -> None:
    message = doubt(ada, now)

    saw("opened", message.pk, agent=agent, now=now)

    assert state(message) == "delivered"


def test_an_opening_before_the_doubt_was_written_settles_it(ada: Customer, now: datetime) -> None:
    message = doubt(ada, now)
    Message.objects.filter(pk=message.pk).update(opened_at=now)

    assert reconcile(now + timedelta(seconds=1)) == 1
    assert state(message) == "delivered"


def test_a_reply_proves_that_it_arrived(ada: Customer, now: datetime) -> None:
    message = doubt(ada, now)

    conversations.receive(
        inbound=conversations.NewInbound(
            channel="email",
            sender=ada.email,
            recipient="shop@rapport.example",
            text="Thank you!",
            occurred_at=now,
            in_reply_to=f"<{message.key}@rapport.example>",
        ),
        now=now,
    )

    assert state(message) == "delivered"


def test_staff_say_what_they_know_and_leave_a_trace(
    ada: Customer, now: datetime, clerk: User
) -> None:
    arrived, lost = doubt(ada, now), doubt(ada, now)

    doubts.say_sent(message_id=arrived.pk, by=clerk, reason="the log says 250", now=now + LATER)
    doubts.say_failed(message_id=lost.pk, by=clerk, reason="", now=now + LATER)

    assert (state(arrived), state(lost)) == ("sent", "failed")
    assert Message.objects.get(pk=arrived.pk).sent_at == now
    traces = AccessRecord.objects.filter(staff=clerk, kind="changed").order_by("pk")
    assert list(traces.values_list("where", "detail")) == [
        (f"message #{arrived.pk}", "in_doubt → sent: the log says 250"),
        (f"message #{lost.pk}", "in_doubt → failed"),
    ]


def test_staff_send_an_answer_again_and_no_marketing(
    ada: Customer, now: datetime, clerk: User
) -> None:
    letter, advertisement = answer(ada, now), doubt(ada, now)

    doubts.send_again(message_id=letter.pk, by=clerk, reason="", now=now)
    with pytest.raises(NotInDoubt):
        doubts.send_again(message_id=advertisement.pk, by=clerk, reason="", now=now)
    with pytest.raises(NotInDoubt):
        doubts.say_sent(message_id=letter.pk, by=clerk, reason="", now=now)

    assert (state(letter), state(advertisement)) == ("queued", "in_doubt")


def test_two_reconcilers_hand_over_a_message_once(
    now: datetime, provider: MemoryAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    idempotent(monkeypatch)
    for _ in range(3):
        doubt(making.subscriber(now=now), now)
    first = messages.send_many

    def second_meanwhile(**given: object) -> messages.Sent:
        monkeypatch.setattr(messages, "send_many", first)
        reconcile(now + LATER)
        return first(**given)  # type: ignore[arg-type]

    monkeypatch.setattr(messages, "send_many", second_meanwhile)
    reconcile(now + LATER)

    assert len(provider.sent) == 3
