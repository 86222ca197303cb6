"""Conversations: receive what customers write, answer, hand over, close."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from crm import (
    changes,
    consent,
    customers,
    events,
    keywords,
    messages,
    normalise,
    variables,
)
from crm.choices import (
    Author,
    Channel,
    ConversationState,
    DecisionSource,
    Direction,
    Handler,
    IdentityKind,
    MessageState,
    Purpose,
)
from crm.keywords import Keyword
from crm.models import Conversation, Customer, Identity, Message, Note
from crm.signals import announce, message_received

# So long after our last text message theirs is taken for the answer to it.
ANSWERED_WITHIN = timedelta(days=7)
_KINDS = {Channel.EMAIL: IdentityKind.EMAIL, Channel.SMS: IdentityKind.PHONE}


@dataclass(frozen=True, slots=True)
class NewInbound:
    """A message that somebody sent to us."""

    channel: str
    sender: str
    text: str
    occurred_at: datetime
    recipient: str = ""
    subject: str = ""
    provider: str = ""
    provider_message_id: str = ""
    in_reply_to: str = ""

    @property
    def key(self) -> str:
        """The same message always has the same key, however often it is told."""
        told = self.provider_message_id or "\0".join(
            (self.sender, self.recipient, self.text, self.occurred_at.isoformat())
        )
        digest = hashlib.sha256(f"{self.channel}\0{told}".encode("utf-8", "replace"))
        return f"in:{self.provider}:{digest.hexdigest()}"


@transaction.atomic
def receive(*, inbound: NewInbound, now: datetime) -> int:
    """Write an inbound message down once and give its id.

    Locks the customer, so that what one person writes is taken in one after the other. STOP and
    START change consent for the channel and wait for no answer.
    """
    customer_id = _customer_of(inbound, now)
    Customer.objects.select_for_update(no_key=True).get(pk=customer_id)
    known = Message.objects.filter(key=inbound.key).values_list("pk", flat=True).first()
    if known is not None:
        return known
    keyword = keywords.read(text=keywords.without_quotes(text=inbound.text))
    conversation = _thread(customer_id, inbound, keyword, now)
    named = messages.find(key=inbound.in_reply_to)
    message = _write_down(conversation, inbound, _answered(conversation, named, now), now)
    if keyword is not None:
        _obey(keyword, message, now)
    _record(message, inbound, named, now)
    announce(
        message_received,
        sender=Message,
        message_id=message.pk,
        conversation_id=conversation.pk,
    )
    return message.pk


@transaction.atomic
def reply(*, conversation_id: int, text: str, staff: AbstractBaseUser, now: datetime) -> Message:
    """Answer as staff: the bot falls silent, nobody waits any more. Locks the conversation."""
    conversation = _lock_open(conversation_id)
    conversation.handler = Handler.STAFF
    if conversation.assigned_to_id is None:
        conversation.assigned_to_id = staff.pk
    return _say(conversation, text, Author.STAFF, staff, now)


@transaction.atomic
def answer(*, conversation_id: int, text: str, now: datetime) -> Message:
    """Answer as the bot, which may speak only while the conversation is its own. Locks it."""
    conversation = _lock_open(conversation_id)
    if conversation.handler != Handler.BOT:
        raise ValidationError(_("Staff have taken the conversation over."))
    return _say(conversation, text, Author.BOT, None, now)


@transaction.atomic
def write(
    *,
    customer_id: int,
    channel: str,
    subject: str,
    text: str,
    staff: AbstractBaseUser,
    now: datetime,
) -> Message:
    """Begin a conversation as staff, or go on with the open one. Locks the customer."""
    Customer.objects.select_for_update(no_key=True).get(pk=customer_id)
    conversation = _open_one(customer_id, channel)
    if conversation is None:
        conversation = Conversation.objects.create(
            customer_id=customer_id,
            channel=channel,
            subject=subject[:255],
            opened_at=now,
            last_message_at=now,
        )
    return reply(conversation_id=conversation.pk, text=text, staff=staff, now=now)


@transaction.atomic
def hand_over(*, conversation_id: int, because: str, now: datetime) -> None:
    """Give a conversation to staff, who see why; what waits goes on waiting. Locks it."""
    conversation = _lock_open(conversation_id)
    conversation.handler = Handler.STAFF
    conversation.handed_over_because = because[:255]
    conversation.save(update_fields=["handler", "handed_over_because"])


@transaction.atomic
def hand_back(*, conversation_id: int, now: datetime) -> None:
    """Let the bot answer again. Locks the conversation."""
    conversation = _lock_open(conversation_id)
    conversation.handler = Handler.BOT
    conversation.handed_over_because = ""
    conversation.assigned_to = None
    conversation.save(update_fields=["handler", "handed_over_because", "assigned_to"])


@transaction.atomic
def assign(*, conversation_id: int, staff: AbstractBaseUser, now: datetime) -> None:
    """Give a conversation to one member of staff; the bot falls silent. Locks it."""
    conversation = _lock_open(conversation_id)
    conversation.handler = Handler.STAFF
    conversation.assigned_to_id = staff.pk
    conversation.save(update_fields=["handler", "assigned_to"])


@transaction.atomic
def close(*, conversation_id: int, staff: AbstractBaseUser, now: datetime) -> None:
    """End a conversation; the next message opens a new one. Locks it."""
    conversation = _lock_open(conversation_id)
    conversation.state = ConversationState.CLOSED
    conversation.closed_at = now
    conversation.waiting_since_at = None
    conversation.save(update_fields=["state", "closed_at", "waiting_since_at"])


@transaction.atomic
def reopen(*, conversation_id: int, staff: AbstractBaseUser, now: datetime) -> None:
    """Open a closed conversation again, unless the customer has opened another. Locks it."""
    conversation = Conversation.objects.select_for_update().get(pk=conversation_id)
    if conversation.state == ConversationState.OPEN:
        return
    if _open_one(conversation.customer_id, conversation.channel):
        raise ValidationError(_("The customer has another open conversation on this channel."))
    conversation.state = ConversationState.OPEN
    conversation.handler = Handler.STAFF
    conversation.assigned_to_id = staff.pk
    conversation.closed_at = None
    conversation.save(update_fields=["state", "handler", "assigned_to", "closed_at"])


def note(*, conversation_id: int, author: AbstractBaseUser, text: str, now: datetime) -> Note:
    """Leave a remark that the customer never sees."""
    return Note.objects.create(
        conversation_id=conversation_id, author_id=author.pk, text=text, created_at=now
    )


def _customer_of(inbound: NewInbound, now: datetime) -> int:
    """Who wrote: the holder of the address, else whom we wrote to, else somebody new."""
    kind = _KINDS[Channel(inbound.channel)]
    address = normalise.address(channel=inbound.channel, text=inbound.sender)
    held = Identity.objects.filter(kind=kind, value=address).values_list("customer_id", flat=True)
    if (customer_id := held.first()) is not None:
        return customer_id
    replied = messages.find(key=inbound.in_reply_to)
    if replied is not None:
        return replied.customer_id
    return customers.identify(person=_stranger(inbound, address), now=now)


def _stranger(inbound: NewInbound, address: str) -> customers.Person:
    if inbound.channel == Channel.EMAIL and normalise.email(address):
        return customers.Person(email=address)
    if inbound.channel == Channel.SMS and normalise.phone(address):
        return customers.Person(phone=address)
    return customers.Person(anonymous_id=f"{inbound.channel}:{address}"[:320])


def _thread(
    customer_id: int, inbound: NewInbound, keyword: Keyword | None, now: datetime
) -> Conversation:
    """The open conversation of the channel or a new one, now waiting unless it was a keyword."""
    conversation = _open_one(customer_id, inbound.channel)
    if conversation is None:
        conversation = Conversation(
            customer_id=customer_id,
            channel=inbound.channel,
            subject=inbound.subject[:255],
            opened_at=now,
        )
        if keyword is not None:
            conversation.state, conversation.closed_at = ConversationState.CLOSED, now
    conversation.last_message_at = now
    if keyword is None and conversation.waiting_since_at is None:
        conversation.waiting_since_at = now
    conversation.save()
    return conversation


def _open_one(customer_id: int, channel: str) -> Conversation | None:
    return (
        Conversation.objects.select_for_update()
        .filter(customer_id=customer_id, channel=channel, state=ConversationState.OPEN)
        .first()
    )


def _answered(conversation: Conversation, named: Message | None, now: datetime) -> Message | None:
    """The message of ours that is answered: the one that is named, or the text message of late.

    Answers to text messages name none.
    """
    if named is not None:
        return named if named.customer_id == conversation.customer_id else None
    if conversation.channel != Channel.SMS:
        return None
    said = Message.objects.filter(
        customer_id=conversation.customer_id,
        channel=Channel.SMS,
        direction=Direction.OUT,
        created_at__gte=now - ANSWERED_WITHIN,
    )
    return said.order_by("-created_at", "-pk").first()


def _write_down(
    conversation: Conversation, inbound: NewInbound, answered: Message | None, now: datetime
) -> Message:
    return Message.objects.create(
        # An answer belongs to what it answers: the campaign above knows it by that.
        source_kind=answered.source_kind if answered else "",
        source_id=answered.source_id if answered else None,
        customer_id=conversation.customer_id,
        conversation=conversation,
        direction=Direction.IN,
        channel=inbound.channel,
        purpose=Purpose.CONVERSATION,
        author=Author.CUSTOMER,
        address=normalise.address(channel=inbound.channel, text=inbound.sender)[:320],
        subject=inbound.subject[:998],
        text=inbound.text,
        key=inbound.key,
        provider=inbound.provider,
        provider_message_id=inbound.provider_message_id[:200],
        state=MessageState.RECEIVED,
        created_at=now,
    )


def _obey(keyword: Keyword, message: Message, now: datetime) -> None:
    """STOP ends everything on the channel, START begins marketing again, HELP is answered."""
    if keyword is Keyword.HELP:
        _help(message, now)
        return
    decide = consent.withdraw_all if keyword is Keyword.STOP else consent.grant
    decide(
        customer_id=message.customer_id,
        channel=message.channel,
        source=DecisionSource.KEYWORD,
        proof={"message_id": message.pk, "keyword": keyword.value},
        now=now,
    )


def _help(message: Message, now: datetime) -> None:
    language = Customer.objects.values_list("language", flat=True).get(pk=message.customer_id)
    with translation.override(normalise.spoken(language)):
        text = _(
            "%(shop)s: reply STOP to get no more messages, START to get them again, "
            "or write your question and we will answer it."
        ) % {"shop": variables.shop()["name"]}
    said = messages.NewMessage(
        customer_id=message.customer_id,
        channel=message.channel,
        author=Author.BOT,
        text=text,
        subject=message.subject,
        conversation_id=message.conversation_id,
    )
    messages.say(message=said, now=now)


def _record(message: Message, inbound: NewInbound, replied: Message | None, now: datetime) -> None:
    event = events.NewEvent(
        customer_id=message.customer_id,
        name="message.received",
        occurred_at=inbound.occurred_at,
        key=f"message:{message.pk}:received",
        properties={
            "message_id": message.pk,
            "conversation_id": message.conversation_id,
            "channel": message.channel,
        },
    )
    events.record(event=event, now=now)
    changes.note(customer_ids=[message.customer_id], subjects=(changes.MESSAGE,), now=now)
    if replied is not None:
        # Who answers a message has got it.
        messages.note_arrival(message_id=replied.pk, now=now)


def _lock_open(conversation_id: int) -> Conversation:
    conversation = Conversation.objects.select_for_update().get(pk=conversation_id)
    if conversation.state != ConversationState.OPEN:
        raise ValidationError(_("The conversation is closed; open it again first."))
    return conversation


def _say(
    conversation: Conversation,
    text: str,
    author: Author,
    staff: AbstractBaseUser | None,
    now: datetime,
) -> Message:
    conversation.waiting_since_at = None
    conversation.last_message_at = now
    conversation.save()
    return messages.say(
        message=messages.NewMessage(
            customer_id=conversation.customer_id,
            channel=conversation.channel,
            author=author,
            text=text,
            subject=_subject(conversation),
            conversation_id=conversation.pk,
            staff_id=staff.pk if staff else None,
        ),
        now=now,
    )


def _subject(conversation: Conversation) -> str:
    if conversation.channel != Channel.EMAIL:
        return ""
    begun_by_us = not conversation.messages.filter(direction=Direction.IN).exists()
    subject = conversation.subject or _("Your message")
    if begun_by_us or subject.lower().startswith("re:"):
        return subject
    return f"Re: {subject}"
