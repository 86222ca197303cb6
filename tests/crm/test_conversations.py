"""What customers write is kept once, answered by one, and never talked over."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError

from crm import conversations
from crm.channels.memory import MemoryAdapter
from crm.conversations import NewInbound
from crm.models import Conversation, Customer, Event, Identity, Message, Note
from crm.signals import message_received
from tests.crm.messages.letters import draft, write

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider")]


@pytest.fixture
def grace() -> User:
    """A member of staff."""
    return User.objects.create(username="grace")


def sms(customer: Customer, text: str, now: datetime, number: str = "1") -> NewInbound:
    """An SMS from a customer."""
    return NewInbound(
        channel="sms",
        sender=customer.phone,
        text=text,
        occurred_at=now,
        provider="sms_http",
        provider_message_id=f"in-{number}",
    )


def heard(ada: Customer, now: datetime, text: str = "Where is my order?") -> Conversation:
    """The conversation in which Ada has just written."""
    message_id = conversations.receive(inbound=sms(ada, text, now), now=now)
    conversation = Message.objects.get(pk=message_id).conversation
    assert conversation is not None
    return conversation


def test_a_message_opens_a_conversation_that_waits_for_the_bot(
    ada: Customer, now: datetime
) -> None:
    conversation = heard(ada, now)

    assert (conversation.customer, conversation.handler) == (ada, "bot")
    assert conversation.waiting_since_at == now
    message = conversation.messages.get()
    assert (message.state, message.text) == ("received", "Where is my order?")
    assert Event.objects.filter(customer=ada, name="message.received").count() == 1


def test_the_next_message_joins_the_open_conversation(ada: Customer, now: datetime) -> None:
    first = heard(ada, now)
    later = now + timedelta(minutes=1)

    conversations.receive(inbound=sms(ada, "Hello?", later, "2"), now=later)

    conversation = Conversation.objects.get()
    assert conversation == first
    assert (conversation.waiting_since_at, conversation.last_message_at) == (now, later)


def test_a_message_told_twice_is_written_down_once(ada: Customer, now: datetime) -> None:
    first = conversations.receive(inbound=sms(ada, "Hi", now), now=now)

    again = conversations.receive(inbound=sms(ada, "Hi", now), now=now + timedelta(minutes=5))

    assert again == first
    assert Message.objects.count() == 1


def test_a_stranger_becomes_a_customer(now: datetime) -> None:
    inbound = NewInbound("sms", "+44 113 496 0999", "Hi", now, provider_message_id="9")

    conversations.receive(inbound=inbound, now=now)

    assert Identity.objects.get().value == "+441134960999"


def test_a_sender_without_a_number_can_still_be_heard(now: datetime) -> None:
    conversations.receive(inbound=NewInbound("sms", "BANK", "Hi", now), now=now)

    assert Identity.objects.get().value == "sms:bank"


def test_an_answer_from_another_mailbox_is_known_by_what_it_answers(
    ada: Customer, now: datetime
) -> None:
    letter = draft(ada)
    write(letter, now=now)
    inbound = NewInbound(
        "email", "ada@home.example", "Thanks", now, in_reply_to=f"<{letter.key}@rapport.example>"
    )

    conversations.receive(inbound=inbound, now=now)

    assert Conversation.objects.get().customer == ada


def test_an_answer_settles_the_doubt_about_what_it_answers(ada: Customer, now: datetime) -> None:
    letter = draft(ada)
    write(letter, now=now)
    Message.objects.update(state="in_doubt", reason="worker_lost")
    inbound = NewInbound("email", ada.email, "Thanks", now, in_reply_to=letter.key)

    conversations.receive(inbound=inbound, now=now)

    assert Message.objects.get(pk=letter.message_id).state == "delivered"


def test_stop_withdraws_consent_for_the_channel_and_waits_for_nothing(
    ada: Customer, now: datetime
) -> None:
    later = now + timedelta(minutes=1)
    conversation = heard(ada, later, "STOP.")

    assert set(ada.consents.filter(channel="sms").values_list("state", flat=True)) == {"withdrawn"}
    assert ada.consents.get(channel="email").state == "granted"
    assert (conversation.waiting_since_at, conversation.state) == (None, "closed")


def test_start_allows_the_channel_again(ada: Customer, now: datetime) -> None:
    heard(ada, now + timedelta(minutes=1), "stop")

    later = now + timedelta(minutes=2)
    conversations.receive(inbound=sms(ada, "Start", later, "2"), now=later)

    assert ada.consents.get(channel="sms", purpose="marketing").state == "granted"


def test_help_is_answered_and_decides_nothing(ada: Customer, now: datetime) -> None:
    decided = ada.consent_decisions.count()

    heard(ada, now + timedelta(minutes=1), "Help!")

    answer = ada.messages.get(direction="out")
    assert "STOP" in answer.text
    assert (answer.author, answer.channel, answer.purpose) == ("bot", "sms", "conversation")
    assert ada.consent_decisions.count() == decided


def test_a_sentence_about_stopping_changes_nothing(ada: Customer, now: datetime) -> None:
    heard(ada, now + timedelta(minutes=1), "please don't stop")

    assert ada.consents.get(channel="sms").state == "granted"


def test_staff_answer_and_the_bot_falls_silent(ada: Customer, grace: User, now: datetime) -> None:
    conversation = heard(ada, now)

    message = conversations.reply(
        conversation_id=conversation.pk, text="Today.", staff=grace, now=now
    )

    conversation.refresh_from_db()
    assert (message.state, message.author, message.staff) == ("queued", "staff", grace)
    assert (conversation.handler, conversation.assigned_to) == ("staff", grace)
    assert conversation.waiting_since_at is None
    with pytest.raises(ValidationError):
        conversations.answer(conversation_id=conversation.pk, text="Beep", now=now)


def test_the_bot_answers_until_it_hands_over(ada: Customer, grace: User, now: datetime) -> None:
    conversation = heard(ada, now)
    conversations.answer(conversation_id=conversation.pk, text="On its way.", now=now)

    conversations.hand_over(conversation_id=conversation.pk, because="Asked for a person", now=now)

    conversation.refresh_from_db()
    assert (conversation.handler, conversation.handed_over_because) == (
        "staff",
        "Asked for a person",
    )
    conversations.hand_back(conversation_id=conversation.pk, now=now)
    conversation.refresh_from_db()
    assert (conversation.handler, conversation.handed_over_because) == ("bot", "")


def test_a_closed_conversation_takes_no_answer_until_it_is_opened_again(
    ada: Customer, grace: User, now: datetime
) -> None:
    conversation = heard(ada, now)
    conversations.close(conversation_id=conversation.pk, staff=grace, now=now)

    with pytest.raises(ValidationError):
        conversations.reply(conversation_id=conversation.pk, text="Hi", staff=grace, now=now)
    conversations.reopen(conversation_id=conversation.pk, staff=grace, now=now)
    conversations.reply(conversation_id=conversation.pk, text="Hi", staff=grace, now=now)

    assert Message.objects.filter(direction="out").count() == 1


def test_a_conversation_stays_closed_while_another_is_open(
    ada: Customer, grace: User, now: datetime
) -> None:
    first = heard(ada, now)
    conversations.close(conversation_id=first.pk, staff=grace, now=now)
    conversations.receive(inbound=sms(ada, "Again", now, "2"), now=now)

    with pytest.raises(ValidationError):
        conversations.reopen(conversation_id=first.pk, staff=grace, now=now)


def test_staff_write_first(ada: Customer, grace: User, now: datetime) -> None:
    facts = {"customer_id": ada.pk, "channel": "email", "staff": grace, "now": now}
    first = conversations.write(subject="Your order", text="It is late.", **facts)

    second = conversations.write(subject="Else", text="It is here.", **facts)

    assert first.conversation_id == second.conversation_id
    assert first.subject == "Your order"


def test_an_answer_by_mail_keeps_the_subject(ada: Customer, grace: User, now: datetime) -> None:
    inbound = replace(
        sms(ada, "Where is it?", now), channel="email", sender=ada.email, subject="My order"
    )
    conversations.receive(inbound=inbound, now=now)

    message = conversations.reply(
        conversation_id=Conversation.objects.get().pk, text="Here.", staff=grace, now=now
    )

    assert message.subject == "Re: My order"


def test_a_note_stays_between_staff(
    ada: Customer, grace: User, now: datetime, provider: MemoryAdapter
) -> None:
    conversation = heard(ada, now)

    conversations.note(conversation_id=conversation.pk, author=grace, text="VIP", now=now)

    assert Note.objects.get().text == "VIP"
    assert Message.objects.filter(direction="out").count() == 0


def test_news_of_a_message_leave_after_the_commit(
    ada: Customer, now: datetime, django_capture_on_commit_callbacks: object
) -> None:
    told: list[object] = []

    def listen(sender: object, **news: object) -> None:
        told.append((news["message_id"], news["conversation_id"]))

    message_received.connect(listen)
    try:
        with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
            conversation = heard(ada, now)
    finally:
        message_received.disconnect(listen)

    assert told == [(conversation.messages.get().pk, conversation.pk)]
