"""What follows from a mail that came to us: settled, closed, withdrawn, put into a conversation."""

from dataclasses import dataclass
from datetime import datetime

from crm import bounces, consent, conversations, messages
from crm.bounces import Kind, Reason
from crm.choices import (
    Channel,
    DecisionSource,
    FailureReason,
    MessageState,
    Purpose,
)
from crm.mail_choices import ReturnedDeed
from crm.messages import Settlement
from crm.models import Message
from crm.returned_mail import whose
from crm.returned_mail.repeated import close_repeated

_STATES = {
    Kind.HARD: (MessageState.BOUNCED, FailureReason.HARD_BOUNCE),
    Kind.SOFT: (MessageState.BOUNCED, FailureReason.SOFT_BOUNCE),
    Kind.FULL: (MessageState.BOUNCED, FailureReason.SOFT_BOUNCE),
    Kind.BLOCK: (MessageState.BOUNCED, FailureReason.REJECTED),
    Kind.COMPLAINT: (MessageState.COMPLAINED, FailureReason.COMPLAINT),
    Kind.DELIVERED: (MessageState.DELIVERED, ""),
}
_DEEDS = {
    FailureReason.HARD_BOUNCE: ReturnedDeed.ADDRESS_CLOSED,
    FailureReason.COMPLAINT: ReturnedDeed.COMPLAINT_HEARD,
}
# Reports of feedback loops that are no complaint of a person.
_NO_COMPLAINTS = frozenset({"auth-failure", "not-spam", "dmarc"})


@dataclass(frozen=True, slots=True)
class Followed:
    """The message that a mail is about, and what was done."""

    message: Message | None
    deed: ReturnedDeed = ReturnedDeed.NONE


def follow(*, raw: bytes, report: bounces.Report, recipient: str, now: datetime) -> Followed:
    """Do what a mail asks for, whatever it is."""
    left = whose.left_by(report=report, recipient=recipient)
    if left is not None and not report.is_bounce:
        return _leave(left, now)
    message = whose.message_of(report=report, recipient=recipient)
    if report.kind is Kind.NOTHING:
        return _answer(raw, report, message, recipient, now)
    if message is None:
        return Followed(None)
    settlement = _settlement(report, outcome_about(report, message), message, now)
    if settlement is None or not messages.settle_many(outcomes=[settlement], now=now):
        return Followed(message)
    deed = _DEEDS.get(FailureReason(settlement.reason)) if settlement.reason else None
    if close_repeated(message_ids=[message.pk], now=now):
        deed = ReturnedDeed.CLOSED_FOR_A_WHILE
    return Followed(message, deed or ReturnedDeed.SETTLED)


def outcome_about(report: bounces.Report, message: Message | None) -> bounces.Outcome | None:
    """What a mail says of whom a message went to."""
    wanted = message.address.lower() if message else ""
    exact = [one for one in report.outcomes if one.address.lower() == wanted]
    # A mail of ours has one recipient: another address is where theirs was forwarded to.
    return next(iter(exact or report.outcomes), None)


def _settlement(
    report: bounces.Report, outcome: bounces.Outcome | None, message: Message, now: datetime
) -> Settlement | None:
    if outcome is None or outcome.kind not in _STATES or outcome.action == "delayed":
        return None
    if report.feedback_type in _NO_COMPLAINTS:
        return None
    # A filter of the recipient's may also hide that there is nobody: it counts like a soft bounce.
    kind = Kind.SOFT if outcome.reason is Reason.FILTERED else outcome.kind
    state, reason = _STATES[kind]
    return Settlement(
        message_id=message.pk,
        state=state,
        reason=reason,
        detail=words_of(outcome),
        occurred_at=now,
    )


def words_of(outcome: bounces.Outcome | None) -> str:
    """The reason with both codes."""
    if outcome is None:
        return ""
    words = (outcome.reason.value, outcome.status, outcome.reply)
    return " ".join(word for word in words if word)


def _leave(message: Message, now: datetime) -> Followed:
    """End what a message belongs to: its purpose, or marketing where that needs no consent."""
    purpose = Purpose(message.purpose)
    consent.withdraw(
        customer_id=message.customer_id,
        channel=Channel.EMAIL,
        purpose=purpose if purpose.needs_consent else Purpose.MARKETING,
        source=DecisionSource.ONE_CLICK,
        proof={"message_id": message.pk, "by": "mail"},
        now=now,
    )
    return Followed(message, ReturnedDeed.UNSUBSCRIBED)


def welcome(*, raw: bytes, recipient: str, now: datetime) -> Followed:
    """Put a letter that answers no mail of ours into a conversation; never what a program wrote."""
    is_kept = _converse(bounces.letter_in(raw), recipient, "", now)
    return Followed(None, ReturnedDeed.CONVERSATION if is_kept else ReturnedDeed.NONE)


def _answer(
    raw: bytes, report: bounces.Report, message: Message | None, recipient: str, now: datetime
) -> Followed:
    """Put an answer to a mail of ours into the conversation; never what a program wrote."""
    message = message or whose.answered(report=report)
    if message is None or not _converse(bounces.letter_in(raw), recipient, message.key, now):
        return Followed(message)
    return Followed(message, ReturnedDeed.CONVERSATION)


def _converse(letter: bounces.Letter, recipient: str, in_reply_to: str, now: datetime) -> bool:
    """Take a letter of a person into the conversation; whether it is one."""
    if letter.is_automatic or not letter.sender or not letter.text:
        return False
    inbound = conversations.NewInbound(
        channel=Channel.EMAIL,
        sender=letter.sender,
        recipient=recipient[:320],
        subject=letter.subject,
        text=letter.text,
        occurred_at=now,
        provider="returned_mail",
        provider_message_id=letter.message_id,
        in_reply_to=in_reply_to,
    )
    conversations.receive(inbound=inbound, now=now)
    return True
