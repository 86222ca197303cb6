"""Callbacks: what providers tell us, kept raw once, then taken in."""

import hashlib
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Length

from crm import accounts, consent, conversations, messages, returned_mail
from crm.channels import base, registry
from crm.choices import (
    CallbackState,
    ConsentState,
    DecisionSource,
    FailureReason,
    MessageState,
    Purpose,
)
from crm.messages import Settlement
from crm.models import Callback, Message, ProviderAccount

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
# A provider may be away for hours before it gives what it holds: once a minute it is asked.
MAX_FETCHES = 600
# Between two tries at a callback that could not be taken in.
PAUSE = timedelta(minutes=1)
_BATCH = 500
_BATCH_BYTES = 4_000_000
_KEPT_HEADERS = frozenset({"content-type", "user-agent"})
# Among the headers kept: what stood after the question mark, which some providers say all in.
_QUERY = "query"
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


@dataclass(frozen=True, slots=True)
class _Read:
    """A callback with what its adapter reads in it, or why it cannot be read."""

    callback: Callback
    news: Sequence[base.CallbackNews] = ()
    inbound: Sequence[base.Inbound] = ()
    held: Sequence[base.HeldMail] = ()
    error: str = ""


def store(
    *, provider: str, headers: Mapping[str, str], body: bytes, url: str, now: datetime
) -> Callback | None:
    """Keep a callback once; CallbackRefused unless it is proven to come from the provider.

    Gives nothing if it is known already, or if there is no such provider.
    """
    account = accounts.for_provider(provider=provider)
    if account is None:
        return None
    request = base.CallbackRequest(headers=headers, body=body, url=url, received_at=now)
    adapter = registry.adapter_for(account)
    adapter.verify_callback(request)
    if isinstance(adapter, base.Confirms):
        adapter.confirm(request)
    query = _kept_query(url)
    kept = {name: headers[name] for name in _KEPT_HEADERS & set(headers)}
    callback, is_new = Callback.objects.get_or_create(
        provider=provider,
        key=hashlib.sha256(body + query.encode()).hexdigest(),
        defaults={
            "headers": kept | ({_QUERY: query} if query else {}),
            "body": body,
            "received_at": now,
        },
    )
    return callback if is_new else None


def fetch_all(*, seconds: float, now: datetime) -> int:
    """Listen for so long to each provider that does not call us, and keep what it says.

    One worker listens to an account at a time. Gives how many callbacks were kept.
    """
    found = 0
    for name in ProviderAccount.objects.values_list("name", flat=True):
        account = accounts.for_provider(provider=name)
        if account is None or not hasattr(registry.adapter_class(account.provider), "fetch"):
            continue
        with _alone(name) as is_alone:
            if is_alone:
                found += _fetch(account, seconds, now)
    return found


def _fetch(account: base.Account, seconds: float, now: datetime) -> int:
    adapter = registry.adapter_for(account)
    assert isinstance(adapter, base.Fetches)
    kept = []

    def keep(body: bytes) -> None:
        key = hashlib.sha256(body).hexdigest()
        told = {"headers": {}, "body": body, "received_at": now}
        Callback.objects.get_or_create(provider=account.name, key=key, defaults=told)
        kept.append(key)

    try:
        adapter.fetch(seconds=seconds, keep=keep)
    except base.ProviderAway as error:
        logger.warning("Nothing could be fetched for %s: %s", account.name, error)
    return len(kept)


@contextmanager
def _alone(name: str) -> Iterator[bool]:
    """Hold the account's lock of the database, or say that somebody else does."""
    number = int.from_bytes(hashlib.sha256(f"fetch {name}".encode()).digest()[:8], signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [number])
        (is_alone,) = cursor.fetchone() or (False,)
        try:
            yield bool(is_alone)
        finally:
            if is_alone:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [number])


def answer_to(*, provider: str) -> Mapping[str, object] | None:
    """What a provider wants to hear when it has called us; nothing is no answer at all."""
    account = accounts.for_provider(provider=provider)
    if account is None:
        return None
    found: Mapping[str, object] | None = getattr(
        registry.adapter_class(account.provider), "callback_answer", None
    )
    return found


def process_due(*, now: datetime) -> int:
    """Take in callbacks that wait, and give how many were looked at.

    Reports about messages are settled together; each inbound message is taken in alone, so that
    one that fails holds nobody else up. Locks the callbacks and skips what another worker holds.
    """
    with transaction.atomic():
        due = [_read(callback) for callback in _lock(Callback.objects.all(), now)]
        _settle([one for one in due if not (one.inbound or one.held)], now)
    away = set()
    for one in due:
        if one.held and one.callback.provider not in away and not _fetch_held(one, now):
            away.add(one.callback.provider)
        elif one.inbound:
            _receive(one.callback.pk, now)
    return len(due)


def _lock(callbacks: QuerySet[Callback], now: datetime) -> list[Callback]:
    is_due = Q(attempts=0) | Q(processed_at__lte=now - PAUSE)
    waiting = callbacks.filter(is_due, state=CallbackState.RECEIVED).order_by("pk")
    held = waiting.select_for_update(skip_locked=True).annotate(size=Length("body"))
    locked = held.values_list("pk", "size")[:_BATCH]
    return list(Callback.objects.filter(pk__in=list(_fitting(locked))).order_by("pk"))


def _fitting(sizes: Iterable[tuple[int, int]]) -> Iterator[int]:
    """The first ones that are read together without taking much memory; always one at least."""
    total = 0
    for number, (callback_id, size) in enumerate(sizes):
        total += size
        if number and total > _BATCH_BYTES:
            return
        yield callback_id


def _kept_query(url: str) -> str:
    """The fields in the address of a callback, but for the token that proves it."""
    fields = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    return urlencode([(name, value) for name, value in fields if name != "token"])


def _read(callback: Callback) -> _Read:
    account = accounts.for_provider(provider=callback.provider)
    if account is None:
        return _Read(callback, error="The provider is not set up any more.")
    query = callback.headers.get(_QUERY, "")
    request = base.CallbackRequest(
        headers=callback.headers,
        body=bytes(callback.body),
        url=f"{account.callback_url}?{query}" if query else account.callback_url,
        received_at=callback.received_at,
    )
    try:
        found = registry.adapter_for(account).read_callback(request)
    except base.CallbackRefused as error:
        return _Read(callback, error=str(error))
    return _Read(
        callback,
        news=[one for one in found if isinstance(one, base.CallbackNews)],
        inbound=[one for one in found if isinstance(one, base.Inbound)],
        held=[one for one in found if isinstance(one, base.HeldMail)],
    )


def _settle(read: Sequence[_Read], now: datetime) -> None:
    news = [(one.callback.provider, each) for one in read for each in one.news]
    ids = _message_ids(news)
    known = [
        (message_id, each)
        for provider, each in news
        if (message_id := ids.get((provider, each.provider_message_id, each.key))) is not None
    ]
    heed(news=known, now=now)
    for one in read:
        _finish(one.callback, now, one.error)


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
        detail=news.detail or news.reason,
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


def _message_ids(
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


def _fetch_held(read: _Read, now: datetime) -> bool:
    """Take in what the provider holds for us, while nothing is locked; whether it gave it."""
    account = accounts.for_provider(provider=read.callback.provider)
    adapter: object = registry.adapter_for(account) if account else None
    error, is_away = "", False
    try:
        returned_mail.take_held(adapter=adapter, held=read.held, now=now)
    except (base.ProviderAway, base.CallbackRefused) as why:
        error, is_away = str(why), isinstance(why, base.ProviderAway)
    with transaction.atomic():
        for callback in _lock(Callback.objects.filter(pk=read.callback.pk), now):
            if is_away:
                _strike(callback, now, error, most=MAX_FETCHES)
            else:
                _finish(callback, now, error)
    return not is_away


def _receive(callback_id: int, now: datetime) -> None:
    with transaction.atomic():
        for callback in _lock(Callback.objects.filter(pk=callback_id), now):
            read = _read(callback)
            try:
                with transaction.atomic():
                    _take_in(read, now)
            # Whatever it is: it is kept on the row, tried again, and shown in the end.
            except Exception as error:
                # The error without the values it may quote: they are what a person wrote.
                _strike(callback, now, f"{type(error).__name__} while it was taken in")
            else:
                _finish(callback, now)


def _take_in(read: _Read, now: datetime) -> None:
    for inbound in read.inbound:
        conversations.receive(
            inbound=conversations.NewInbound(
                channel=inbound.channel,
                sender=inbound.sender,
                recipient=inbound.recipient,
                subject=_storable(inbound.subject),
                text=_storable(inbound.body),
                provider=read.callback.provider,
                provider_message_id=inbound.provider_message_id,
                occurred_at=inbound.occurred_at,
                in_reply_to=inbound.in_reply_to,
            ),
            now=now,
        )


def _storable(text: str) -> str:
    """A text without half characters, which JSON can tell and no database can keep."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _finish(callback: Callback, now: datetime, error: str = "") -> None:
    callback.attempts += 1
    callback.state = CallbackState.FAILED if error else CallbackState.PROCESSED
    callback.error = error[:500]
    callback.processed_at = now
    callback.save(update_fields=["attempts", "state", "error", "processed_at"])


def _strike(callback: Callback, now: datetime, error: str, *, most: int = MAX_ATTEMPTS) -> None:
    callback.attempts += 1
    callback.error = error[:500]
    callback.processed_at = now
    if callback.attempts >= most:
        callback.state = CallbackState.FAILED
    logger.error("Callback %s could not be taken in: %s", callback.pk, error)
    callback.save(update_fields=["attempts", "state", "error", "processed_at"])
