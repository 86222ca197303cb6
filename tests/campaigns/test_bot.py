"""The bot answers what it is sure of, in the customer's language, and hands over the rest."""

from datetime import datetime
from typing import Any

import pytest

from campaigns import bot
from campaigns.models import Answer
from crm import conversations
from crm.conversations import NewInbound
from crm.models import Conversation, Customer, Message
from marketing.models import Intent
from tests import making

pytestmark = pytest.mark.django_db

QUESTION = "Where is my order?"
ENGLISH = "Hello {{ customer.first_name }}, your order is on its way."
CHINESE = "您好，您的订单已经发出。"


@pytest.fixture(autouse=True)
def intent(db: Any) -> Intent:
    """The bot knows one thing, in two languages."""
    made = Intent.objects.create(
        code="order_status", name="Order status", phrases=f"{QUESTION}\n我的订单在哪里？"
    )
    Answer.objects.create(intent=made, language="en", text=ENGLISH)
    Answer.objects.create(intent=made, language="zh-hans", text=CHINESE)
    return made


@pytest.fixture
def ada(now: datetime) -> Customer:
    """A customer with a phone."""
    return making.customer(now=now, phone="+441134960123")


def writes(customer: Customer, text: str, now: datetime) -> Conversation:
    message_id = conversations.receive(
        inbound=NewInbound(
            channel="sms",
            sender=customer.phone,
            text=text,
            occurred_at=now,
            provider_message_id=f"in-{Message.objects.count()}",
        ),
        now=now,
    )
    return Conversation.objects.get(messages=message_id)


def said() -> list[str]:
    ours = Message.objects.filter(author="bot").order_by("pk")
    return list(ours.values_list("text", flat=True))


def test_what_the_bot_is_sure_of_is_answered(ada: Customer, now: datetime) -> None:
    conversation = writes(ada, QUESTION, now)

    answered = bot.answer_due(now=now)

    conversation.refresh_from_db()
    assert answered == 1
    assert said() == ["Hello Ada, your order is on its way."]
    assert (conversation.handler, conversation.waiting_since_at) == ("bot", None)
    assert Message.objects.get(author="bot").state == "queued"


def test_the_answer_is_in_the_customers_language(now: datetime) -> None:
    ming = making.customer(now=now, phone="+441134960456", language="zh-hans")
    writes(ming, "我的订单在哪里？", now)

    bot.answer_due(now=now)

    assert said() == [CHINESE]


def test_who_speaks_another_language_is_answered_in_english(now: datetime) -> None:
    hans = making.customer(now=now, phone="+441134960789", language="de", first_name="Hans")
    writes(hans, QUESTION, now)

    bot.answer_due(now=now)

    assert said() == ["Hello Hans, your order is on its way."]


@pytest.mark.parametrize(
    ("text", "because"),
    [
        ("The lid of the teapot arrived in pieces, what now", bot.NOT_SURE),
        ("   ", bot.NOTHING_SAID),
    ],
)
def test_what_the_bot_is_not_sure_of_goes_to_people(
    ada: Customer, now: datetime, text: str, because: str
) -> None:
    conversation = writes(ada, text, now)

    bot.answer_due(now=now)

    conversation.refresh_from_db()
    assert said() == []
    assert (conversation.handler, conversation.handed_over_because) == ("staff", because)
    assert conversation.waiting_since_at == now


def test_a_sure_reading_without_an_answer_goes_to_people(ada: Customer, now: datetime) -> None:
    Answer.objects.update(is_active=False)
    conversation = writes(ada, QUESTION, now)

    bot.answer_due(now=now)

    conversation.refresh_from_db()
    assert conversation.handed_over_because == bot.NO_ANSWER


def test_an_answer_that_cannot_be_rendered_goes_to_people(ada: Customer, now: datetime) -> None:
    Answer.objects.update(text="{{ customer.shoe_size }}")
    conversation = writes(ada, QUESTION, now)

    bot.answer_due(now=now)

    conversation.refresh_from_db()
    assert conversation.handed_over_because == bot.NOT_RENDERED


def test_who_asks_again_gets_a_person_and_not_the_same_answer(ada: Customer, now: datetime) -> None:
    writes(ada, QUESTION, now)
    bot.answer_due(now=now)

    conversation = writes(ada, QUESTION, now)
    bot.answer_due(now=now)

    conversation.refresh_from_db()
    assert len(said()) == 1
    assert conversation.handed_over_because == bot.ASKED_AGAIN


def test_a_second_run_says_nothing_twice(ada: Customer, now: datetime) -> None:
    conversation = writes(ada, QUESTION, now)

    runs = [bot.answer_one(conversation_id=conversation.pk, now=now) for _ in range(2)]

    assert runs == [True, False]
    assert len(said()) == 1


def test_the_bot_is_silent_where_staff_speak(ada: Customer, now: datetime) -> None:
    conversation = writes(ada, QUESTION, now)
    conversations.hand_over(conversation_id=conversation.pk, because="Asked for it", now=now)

    assert bot.answer_due(now=now) == 0
    assert said() == []


def test_one_conversation_that_fails_does_not_hold_up_the_others(
    ada: Customer, now: datetime, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bob = making.customer(now=now, phone="+441134960999", first_name="Bob")
    broken, _ = writes(ada, QUESTION, now), writes(bob, QUESTION, now)
    real = conversations.answer

    def answer(*, conversation_id: int, **rest: Any) -> Message:
        if conversation_id == broken.pk:
            raise RuntimeError("out of words")
        return real(conversation_id=conversation_id, **rest)

    monkeypatch.setattr(conversations, "answer", answer)

    assert bot.answer_due(now=now) == 1
    assert said() == ["Hello Bob, your order is on its way."]
    assert f"conversation {broken.pk}" in caplog.text
