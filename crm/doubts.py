"""Doubts: messages that may or may not have arrived, what settles each, and what staff may say.

Marketing is never sent again for a doubt, unless its provider takes a key only once. What is
transactional is sent again after a while, and may then arrive twice.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import F, Q, QuerySet, TextChoices
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from crm import accounts, audit, callbacks, consent, messages
from crm.channels import base, registry
from crm.choices import AccessKind, MessageState, Purpose
from crm.messages import Draft, Settlement
from crm.models import Message

logger = logging.getLogger(__name__)

# The journal and what is on its way are given this long first.
PATIENCE = timedelta(minutes=2)
# So long a provider is asked, ever more rarely, and so long it remembers a key.
ASKED_FOR = timedelta(days=7)
KEY_HOLDS = timedelta(hours=12)
# What is older than this would only puzzle who gets it.
RESENT_UNTIL = timedelta(days=3)
MAX_ATTEMPTS = 4
_BATCH = 200


class DoubtPlan(TextChoices):
    """What will be done about a message that may or may not have arrived."""

    ASK = "ask", _("The provider is asked what became of it")
    SAME_KEY = "same_key", _("Handed over again under its key, which the provider takes once")
    RESEND = "resend", _("Sent again; it may arrive twice")
    NOTHING = "nothing", _("Not sent again: news of it settle it, or you")


class NotInDoubt(ValueError):  # noqa: N818 - it says what is the matter
    """The message is not in doubt any more, or the verb is not for messages of its kind."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What will be done about a doubt, and when; nothing is done at no time."""

    plan: DoubtPlan
    at: datetime | None = None
    # Why its provider cannot be asked what became of it.
    unasked: str = ""


def doubtful() -> QuerySet[Message]:
    """Messages in doubt, the oldest doubt first; `settled_at` says since when."""
    rows = Message.objects.filter(watched_state=MessageState.IN_DOUBT)
    return rows.order_by("settled_at", "pk")


def fate(*, message: Message, now: datetime) -> Fate:
    """What will be done about one message in doubt."""
    since = message.settled_at or message.created_at
    adapter = _adapter_class(message.provider)
    has_tries = message.attempts < MAX_ATTEMPTS
    if _is_idempotent(adapter) and has_tries and since > now - KEY_HOLDS:
        return Fate(DoubtPlan.SAME_KEY, since + PATIENCE)
    if _may_be_resent(message, now):
        return Fate(DoubtPlan.RESEND, since + _resent_after())
    if _looks_up(adapter) and since > now - ASKED_FOR:
        return Fate(DoubtPlan.ASK, max(message.due_at or since, since + PATIENCE))
    return Fate(DoubtPlan.NOTHING, unasked=_why_unasked(adapter))


def reconcile(*, owner: str, now: datetime) -> int:
    """Settle what can be settled, send again what may be; gives how many messages moved on."""
    moved = _believe_what_was_seen(now) + _ask(now)
    return moved + _hand_over_again(owner, now) + _queue_again(now)


def say_sent(*, message_id: int, by: AbstractBaseUser, reason: str, now: datetime) -> None:
    """Staff know that it arrived."""
    _say(message_id, by, reason, now, lambda message: _told(message, MessageState.SENT, reason))


def say_failed(*, message_id: int, by: AbstractBaseUser, reason: str, now: datetime) -> None:
    """Staff know that it did not arrive; nothing is sent again by itself."""
    _say(message_id, by, reason, now, lambda message: _told(message, MessageState.FAILED, reason))


def send_again(*, message_id: int, by: AbstractBaseUser, reason: str, now: datetime) -> None:
    """Staff send a transactional message or an answer again; it may arrive twice."""

    def outcome(message: Message) -> Settlement:
        if Purpose(message.purpose).needs_consent:
            raise NotInDoubt(_("Marketing is never sent again for a doubt."))
        return Settlement(message.pk, MessageState.QUEUED, retry_after=0.0)

    _say(message_id, by, reason, now, outcome)


@transaction.atomic
def _say(
    message_id: int,
    by: AbstractBaseUser,
    reason: str,
    now: datetime,
    outcome: Callable[[Message], Settlement],
) -> None:
    """Lock, check, settle, and leave a trace of who said it."""
    message = Message.objects.select_for_update(no_key=True).get(pk=message_id)
    if message.state != MessageState.IN_DOUBT:
        raise NotInDoubt(_("This message is not in doubt any more."))
    settled = outcome(message)
    messages.settle_many(outcomes=[settled], now=now)
    access = audit.Access(
        kind=AccessKind.CHANGED,
        where=f"message #{message_id}",
        by=by,
        detail=f"in_doubt → {settled.state}" + (f": {reason}" if reason else ""),
    )
    audit.note(access=access, customer_ids=[message.customer_id], now=now)


def _told(message: Message, state: MessageState, words: str) -> Settlement:
    reason = message.reason if state == MessageState.FAILED else ""
    since = message.settled_at or message.created_at
    return Settlement(message.pk, state, reason, words[:500], occurred_at=since)


def _believe_what_was_seen(now: datetime) -> int:
    """What was opened or followed while it was not in doubt yet has arrived."""
    seen = doubtful().filter(Q(opened_at__isnull=False) | Q(clicked_at__isnull=False))
    outcomes = [
        Settlement(pk, MessageState.DELIVERED, occurred_at=opened_at or clicked_at)
        for pk, opened_at, clicked_at in seen.values_list("pk", "opened_at", "clicked_at")[:_BATCH]
    ]
    return len(messages.settle_many(outcomes=outcomes, now=now))


def _ask(now: datetime) -> int:
    """Ask the providers that can be asked; who knows nothing yet is asked again later."""
    due = doubtful().filter(
        Q(due_at=None) | Q(due_at__lte=now),
        settled_at__gt=now - ASKED_FOR,
        settled_at__lte=now - PATIENCE,
    )
    return sum(
        _ask_one(provider, list(due.filter(provider=provider)[:_BATCH]), now)
        for provider in _providers(due, _looks_up)
    )


def _ask_one(provider: str, asked: Sequence[Message], now: datetime) -> int:
    account = accounts.for_provider(provider=provider)
    adapter: object = registry.adapter_for(account) if account else None
    if not isinstance(adapter, base.LooksUp):
        return 0
    by_key = {message.key: message.pk for message in asked}
    known = [(by_key[news.key], news) for news in _news(adapter, asked) if news.key in by_key]
    moved = callbacks.heed(news=known, now=now)
    for message in asked:
        if message.pk not in moved:
            since = message.settled_at or message.created_at
            message.due_at = now + max(PATIENCE, (now - since) / 2)
    still = Message.objects.filter(state=MessageState.IN_DOUBT)
    still.bulk_update([one for one in asked if one.pk not in moved], ["due_at"])
    return len(moved)


def _news(adapter: base.LooksUp, asked: Sequence[Message]) -> list[base.CallbackNews]:
    wanted = [
        base.Outgoing(
            message_id=one.pk,
            key=one.key,
            sender=accounts.sender_of(name=one.provider, channel=one.channel),
            recipient=one.address,
            between=(one.created_at, one.settled_at or one.created_at),
        )
        for one in asked
    ]
    try:
        return adapter.look_up(wanted)
    except base.ProviderAway as away:
        logger.warning("A provider could not be asked for messages in doubt: %s", away)
        return []
    # Whatever a provider answers: it is asked again later, and no other doubt waits for it.
    except Exception as error:
        logger.warning("A provider could not be asked: %s", type(error).__name__)
        return []


def _hand_over_again(owner: str, now: datetime) -> int:
    """Hand over again, under the same keys, to providers that take a key once."""
    due = doubtful().filter(
        settled_at__gt=now - KEY_HOLDS, settled_at__lte=now - PATIENCE, attempts__lt=MAX_ATTEMPTS
    )
    ids = list(
        due.filter(provider__in=_providers(due, _is_idempotent)).values_list("pk", flat=True)
    )[:_BATCH]
    drafts = _claim(ids, owner, now) if ids else []
    return len(messages.send_many(drafts=drafts, now=now).outcomes)


def _claim(ids: Collection[int], owner: str, now: datetime) -> list[Draft]:
    """Take what is in doubt still, may still be sent, and is word for word what it was."""
    with messages.writing_as(owner=owner):
        held = Message.objects.filter(pk__in=ids, state=MessageState.IN_DOUBT).order_by("pk")
        locked = held.select_for_update(skip_locked=True, no_key=True, of=("self",))
        found = list(locked.select_related("template_version__template"))
        drafts = [draft for one in _allowed(found, now) if (draft := _draft(one)) is not None]
        taken = [draft.message_id for draft in drafts]
        Message.objects.filter(pk__in=taken).update(
            state=MessageState.SENDING,
            owner=owner,
            attempts=F("attempts") + 1,
        )
        messages.hold(message_ids=taken, owner=owner, now=now)
    return drafts


def _allowed(found: Iterable[Message], now: datetime) -> list[Message]:
    kinds: dict[tuple[str, str], list[Message]] = {}
    for message in found:
        kinds.setdefault((message.channel, message.purpose), []).append(message)
    allowed = []
    for (channel, purpose), asked in kinds.items():
        ids = [message.customer_id for message in asked]
        verdicts = consent.check_many(customer_ids=ids, channel=channel, purpose=purpose, now=now)
        for message in asked:
            verdict = verdicts[message.customer_id]
            if verdict.is_allowed and verdict.address == message.address:
                allowed.append(message)
    return allowed


def _draft(message: Message) -> Draft | None:
    shown = messages.show(message=message)
    if not shown.is_exact:
        return None
    return Draft(
        message_id=message.pk,
        customer_id=message.customer_id,
        channel=message.channel,
        purpose=message.purpose,
        address=message.address,
        key=message.key,
        author=message.author,
        subject=shown.subject,
        html=shown.html,
        text=shown.text,
        source_kind=message.source_kind,
        source_id=message.source_id,
        template_version_id=message.template_version_id,
        conversation_id=message.conversation_id,
        provider=message.provider,
    )


def _queue_again(now: datetime) -> int:
    """Queue again what is transactional and was in doubt long enough."""
    if not settings.IN_DOUBT_RESEND_MINUTES:
        return 0
    due = doubtful().filter(
        purpose__in=[one for one in Purpose if not one.needs_consent],
        settled_at__lte=now - _resent_after(),
        created_at__gt=now - RESENT_UNTIL,
        attempts__lt=MAX_ATTEMPTS,
    )
    outcomes = [
        Settlement(pk, MessageState.QUEUED, retry_after=0.0)
        for pk in due.values_list("pk", flat=True)[:_BATCH]
    ]
    return len(messages.settle_many(outcomes=outcomes, now=now))


def _may_be_resent(message: Message, now: datetime) -> bool:
    return (
        bool(settings.IN_DOUBT_RESEND_MINUTES)
        and not Purpose(message.purpose).needs_consent
        and message.attempts < MAX_ATTEMPTS
        and message.created_at > now - RESENT_UNTIL
    )


def _resent_after() -> timedelta:
    return timedelta(minutes=settings.IN_DOUBT_RESEND_MINUTES)


def _providers(due: QuerySet[Message], can: Callable[[Any], bool]) -> list[str]:
    names = due.order_by().values_list("provider", flat=True).distinct()
    return [name for name in names if can(_adapter_class(name))]


def _adapter_class(provider: str) -> type[base.Adapter] | None:
    account = accounts.for_provider(provider=provider) if provider else None
    return registry.adapter_class(account.provider) if account else None


def _is_idempotent(adapter: type[base.Adapter] | None) -> bool:
    return bool(getattr(adapter, "is_idempotent", False))


def _why_unasked(adapter: type[base.Adapter] | None) -> str:
    """Why the provider cannot be asked, for staff; nothing where it can, or is not set up."""
    told = "" if _looks_up(adapter) else str(getattr(adapter, "unasked", ""))
    return gettext(told) if told else ""


def _looks_up(adapter: type[base.Adapter] | None) -> bool:
    return hasattr(adapter, "look_up")
