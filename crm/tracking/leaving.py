"""Leaving by a message: who got it, in which language, and what ends when they unsubscribe."""

from datetime import datetime

from crm import consent, messages
from crm.choices import MessageState, Purpose
from crm.models import Message


class NotFound(LookupError):  # noqa: N818 - it names what happened
    """There is no such message or link any more."""


def unsubscribe(*, message_id: int, source: str, now: datetime) -> Message:
    """Withdraw consent for what a message was about, on the channel that it came by."""
    message = _message(message_id)
    consent.withdraw(
        customer_id=message.customer_id,
        channel=message.channel,
        purpose=_withdrawn(message.purpose),
        source=source,
        proof={"message_id": message_id},
        now=now,
    )
    if message.state in (MessageState.IN_DOUBT, MessageState.SENDING):
        # Who leaves by a message has got it.
        messages.note_arrival(message_id=message_id, now=now)
    return message


def receiver(*, message_id: int) -> int:
    """The customer that a message was sent to."""
    return _message(message_id).customer_id


def language(*, message_id: int) -> str:
    """The language that the receiver of a message reads."""
    found = Message.objects.filter(pk=message_id).values_list("customer__language", flat=True)
    return found.first() or "en"


def channel(*, message_id: int) -> str:
    """The channel that a message came by."""
    return _message(message_id).channel


def _withdrawn(purpose: str) -> str:
    """What ends; a message that needed no consent stands for the marketing it mentions."""
    return purpose if Purpose(purpose).needs_consent else Purpose.MARKETING


def _message(message_id: int) -> Message:
    message = Message.objects.select_related("customer").filter(pk=message_id).first()
    if message is None:
        raise NotFound("The message is not here any more.")
    return message
