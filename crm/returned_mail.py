"""Mails that came back to us: kept raw once, read, and settled with the message they are about.

A hard bounce and a complaint close the address at once; soft bounces and full mailboxes when
several come in a row; a block does not, as it is about us, unless a filter of theirs made it.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from crm import bounces, consent, messages
from crm.bounces import Kind, Reason
from crm.choices import (
    CallbackState,
    Channel,
    DecisionSource,
    Direction,
    FailureReason,
    MessageState,
    SuppressionReason,
)
from crm.messages import Settlement
from crm.models import Callback, Message

PROVIDER = "returned_mail"
MAX_KEPT_BYTES = 256 * 1024
# So many bounces of one address in a row close it for a while.
SOFT_IN_A_ROW = 5
CLOSED_FOR = timedelta(days=90)
_STATES = {
    Kind.HARD: (MessageState.BOUNCED, FailureReason.HARD_BOUNCE),
    Kind.SOFT: (MessageState.BOUNCED, FailureReason.SOFT_BOUNCE),
    Kind.FULL: (MessageState.BOUNCED, FailureReason.SOFT_BOUNCE),
    Kind.BLOCK: (MessageState.BOUNCED, FailureReason.REJECTED),
    Kind.COMPLAINT: (MessageState.COMPLAINED, FailureReason.COMPLAINT),
    Kind.DELIVERED: (MessageState.DELIVERED, ""),
}
# Reports of feedback loops that are no complaint of a person.
_NO_COMPLAINTS = frozenset({"auth-failure", "not-spam", "dmarc"})


@dataclass(frozen=True, slots=True)
class Taken:
    """What a mail turned out to be, and the message of ours that it changed, if any."""

    kind: Kind
    message_id: int | None = None
    is_changed: bool = False


@transaction.atomic
def take(*, raw: bytes, recipient: str, now: datetime) -> Taken:
    """Take in one mail that came to our bounce address; twice does no more than once.

    `recipient` is the address of the envelope if the mail server tells it, else empty.
    """
    report = bounces.read(raw)
    message = _message_of(report, recipient)
    is_new = _keep(raw, now)
    if message is None or not is_new:
        return Taken(report.kind, message.pk if message else None)
    outcome = _outcome_about(report, message)
    settlement = _settlement(report, outcome, message, now)
    if settlement is None:
        return Taken(report.kind, message.pk)
    changed = messages.settle_many(outcomes=[settlement], now=now)
    if settlement.reason == FailureReason.SOFT_BOUNCE:
        _close_if_it_never_works(message, now)
    return Taken(report.kind, message.pk, bool(changed))


def _message_of(report: bounces.Report, recipient: str) -> Message | None:
    """The message by our signed return path, else by a Message-ID that only its reader knows."""
    mails = Message.objects.filter(channel=Channel.EMAIL, direction=Direction.OUT)
    for address in (recipient, *report.returned_to):
        number = messages.message_of_bounce(recipient=address)
        if number is not None:
            return mails.filter(pk=number).first()
    # A Message-ID is a key and a domain, or the key itself.
    keys = [key for id_ in report.message_ids for key in (id_, id_.rpartition("@")[0]) if key]
    found = {message.key: message for message in mails.filter(key__in=keys)}
    message = next((found[key] for key in keys if key in found), None)
    # Anybody could write down a Message-ID; then the mail must speak of the same address.
    return message if message and _names(report, message) else None


def _names(report: bounces.Report, message: Message) -> bool:
    named = {
        address.lower()
        for one in report.outcomes
        for address in (one.address, one.original_address)
    }
    return message.address.lower() in named


def _outcome_about(report: bounces.Report, message: Message) -> bounces.Outcome | None:
    wanted = message.address.lower()
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
    words = (outcome.reason.value, outcome.status, outcome.reply)
    return Settlement(
        message_id=message.pk,
        state=state,
        reason=reason,
        detail=" ".join(word for word in words if word),
        occurred_at=now,
    )


def _close_if_it_never_works(message: Message, now: datetime) -> None:
    """Close an address whose last mails all came back, for a while."""
    last = Message.objects.filter(
        customer_id=message.customer_id,
        channel=Channel.EMAIL,
        direction=Direction.OUT,
        address=message.address,
        settled_at__isnull=False,
    ).order_by("-created_at", "-pk")
    reasons = list(last.values_list("reason", flat=True)[:SOFT_IN_A_ROW])
    if reasons != [FailureReason.SOFT_BOUNCE] * SOFT_IN_A_ROW:
        return
    consent.suppress(
        suppression=consent.NewSuppression(
            channel=Channel.EMAIL,
            address=message.address,
            reason=SuppressionReason.HARD_BOUNCE,
            detail=f"{SOFT_IN_A_ROW} bounces in a row",
            expires_at=now + CLOSED_FOR,
            source=DecisionSource.PROVIDER,
        ),
        now=now,
    )


def _keep(raw: bytes, now: datetime) -> bool:
    """Keep the mail as it came, once; whether it is new."""
    _, is_new = Callback.objects.get_or_create(
        provider=PROVIDER,
        key=hashlib.sha256(raw).hexdigest(),
        defaults={
            "body": raw[:MAX_KEPT_BYTES],
            "state": CallbackState.PROCESSED,
            "attempts": 1,
            "received_at": now,
            "processed_at": now,
        },
    )
    return is_new
