"""Which message of ours a mail is about: by our signed addresses first, else by its own name."""

from collections.abc import Iterable

from crm import bounces, messages
from crm.choices import Channel, Direction
from crm.models import Message


def message_of(*, report: bounces.Report, recipient: str) -> Message | None:
    """The message by our signed return path, else by a Message-ID that only its reader knows."""
    mails = Message.objects.filter(channel=Channel.EMAIL, direction=Direction.OUT)
    for address in (recipient, *report.returned_to):
        number = messages.message_of_bounce(recipient=address)
        if number is not None:
            return mails.filter(pk=number).first()
    message = _named(report)
    # Anybody could write down a Message-ID; then the mail must speak of the same address.
    return message if message and _speaks_of(report, message) else None


def answered(*, report: bounces.Report) -> Message | None:
    """The message that an ordinary mail answers."""
    return _named(report)


def left_by(*, report: bounces.Report, recipient: str) -> Message | None:
    """The message whose unsubscribe address a mail came to."""
    for address in (recipient, *report.returned_to):
        number = messages.message_of_unsubscribe(recipient=address)
        if number is not None:
            mails = Message.objects.filter(channel=Channel.EMAIL, direction=Direction.OUT)
            return mails.filter(pk=number).first()
    return None


def _named(report: bounces.Report) -> Message | None:
    mails = Message.objects.filter(channel=Channel.EMAIL, direction=Direction.OUT)
    # A Message-ID is a key and a domain, or the key itself, as the name of an envelope is.
    ids = (*report.message_ids, report.envelope_id)
    keys = [key for id_ in ids for key in (id_, id_.rpartition("@")[0]) if key]
    found = {message.key: message for message in mails.filter(key__in=keys)}
    return next((found[key] for key in keys if key in found), None)


def _speaks_of(report: bounces.Report, message: Message) -> bool:
    named: Iterable[str] = (
        address for one in report.outcomes for address in (one.address, one.original_address)
    )
    return message.address.lower() in {address.lower() for address in named}
