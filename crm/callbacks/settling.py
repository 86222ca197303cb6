"""News of messages: which message each is about, and what it asks for."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django.db import transaction

from crm import consent, messages, returned_mail
from crm.channels import base
from crm.choices import ConsentState, DecisionSource, FailureReason, MessageState, Purpose
from crm.messages import Settlement
from crm.models import Message

_STATES = {
    base.SENT_NEWS: MessageState.SENT,
    base.DELIVERED: MessageState.DELIVERED,
    base.BOUNCED: MessageState.BOUNCED,
    base.COMPLAINED: MessageState.COMPLAINED,
    base.FAILED_NEWS: MessageState.FAILED,
    # The provider has it and goes on trying.
    base.DEFERRED: MessageState.SENT,
    # Whoever opens, clicks or leaves has got it.
    base.OPENED: MessageState.DELIVERED,
    base.CLICKED: MessageState.DELIVERED,
    base.UNSUBSCRIBED: MessageState.DELIVERED,
}
_SOFT = frozenset({"soft_bounce", "soft", "mailbox_full", "deferred", "temporary", "transient"})


@transaction.atomic
def heed(*, news: Sequence[tuple[int, base.CallbackNews]], now: datetime) -> list[int]:
    """Do what news of messages ask for, whether the provider told us or was asked.

    Settles the messages, closes addresses that have bounced softly too often, and ends what
    people have unsubscribed from. Gives the messages that moved on.
    """
    outcomes = [outcome for pk, each in news if (outcome := _settlement(each, pk))]
    changed = messages.settle_many(outcomes=outcomes, now=now)
    returned_mail.close_repeated(message_ids=changed, now=now)
    left = {pk: each.occurred_at for pk, each in news if each.kind == base.UNSUBSCRIBED}
    _withdraw(left, now)
    return list(changed)


def _withdraw(left: Mapping[int, datetime], now: datetime) -> None:
    """End what messages belong to: their purpose, or marketing where that needs no consent."""
    if not left:
        return
    rows = Message.objects.filter(pk__in=left).values_list(
        "pk", "customer_id", "channel", "purpose"
    )
    decisions = [
        consent.NewDecision(
            customer_id,
            channel,
            purpose if Purpose(purpose).needs_consent else Purpose.MARKETING,
            ConsentState.WITHDRAWN,
            DecisionSource.PROVIDER,
            left[message_id],
            {"message_id": message_id, "by": "provider"},
        )
        for message_id, customer_id, channel, purpose in rows
    ]
    consent.decide_many(decisions=decisions, now=now)


def _settlement(news: base.CallbackNews, message_id: int) -> Settlement | None:
    """What a provider's word means for the message that it is about, if it means anything."""
    state = _STATES.get(news.kind)
    if state is None:
        return None
    return Settlement(
        message_id=message_id,
        state=state,
        reason=_reason(news),
        detail=base.legible(news.detail or news.reason),
        provider_message_id=news.provider_message_id[:200],
        occurred_at=news.occurred_at,
    )


def _reason(news: base.CallbackNews) -> str:
    if news.kind == base.COMPLAINED:
        return FailureReason.COMPLAINT
    if news.kind == base.BOUNCED and news.reason == base.BLOCKED:
        return FailureReason.REJECTED
    if news.kind == base.BOUNCED:
        return FailureReason.SOFT_BOUNCE if news.reason in _SOFT else FailureReason.HARD_BOUNCE
    if news.kind == base.FAILED_NEWS:
        return news.reason if news.reason in FailureReason else FailureReason.UNKNOWN
    return ""


def message_ids(
    *,
    news: Iterable[tuple[str, base.CallbackNews]],
) -> dict[tuple[str, str, str], int]:
    """Which message each report is about: by our key, else by the provider's id."""
    wanted = {(provider, one.provider_message_id, one.key) for provider, one in news}
    keys = {plain for _, _, key in wanted for plain in _plain_keys(key)}
    theirs = {provider_id for _, provider_id, _ in wanted if provider_id}
    providers = {provider for provider, _, _ in wanted}
    by_key = dict(Message.objects.filter(key__in=keys).values_list("key", "pk"))
    by_theirs = {
        (provider, provider_id): pk
        for provider, provider_id, pk in Message.objects.filter(
            provider__in=providers, provider_message_id__in=theirs
        ).values_list("provider", "provider_message_id", "pk")
    }
    found = {}
    for provider, provider_id, key in wanted:
        ours = next((by_key[plain] for plain in _plain_keys(key) if plain in by_key), None)
        message_id = ours or by_theirs.get((provider, provider_id))
        if message_id is not None:
            found[provider, provider_id, key] = message_id
    return found


def _plain_keys(key: str) -> list[str]:
    """A key as it is, and as the part of a Message-ID before the domain."""
    plain = key.strip().strip("<>")
    return [one for one in (plain, plain.rpartition("@")[0]) if one]
