"""Callbacks that wait: taken in by batches, each inbound message alone, and tried again."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Length

from crm import accounts, conversations, returned_mail
from crm.callbacks.reading import Read, read_callback
from crm.callbacks.settling import heed, message_ids
from crm.channels import base, registry
from crm.choices import CallbackState
from crm.models import Callback

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
# A provider may be away for hours before it gives what it holds: once a minute it is asked.
MAX_FETCHES = 600
# Between two tries at a callback that could not be taken in.
PAUSE = timedelta(minutes=1)
_BATCH = 500
_BATCH_BYTES = 4_000_000


def process_due(*, now: datetime) -> int:
    """Take in callbacks that wait, and give how many were looked at.

    Reports about messages are settled together; each inbound message is taken in alone, so that
    one that fails holds nobody else up. Locks the callbacks and skips what another worker holds.
    """
    with transaction.atomic():
        due = [read_callback(callback=callback) for callback in _lock(Callback.objects.all(), now)]
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


def _settle(read: Sequence[Read], now: datetime) -> None:
    """Heed all that was read together; where that fails each alone, so that one holds up none."""
    try:
        with transaction.atomic():
            _heed(read, now)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        if len(read) == 1:
            _strike(read[0].callback, now, f"{type(error).__name__} while it was taken in")
            return
        for one in read:
            _settle([one], now)
    else:
        for one in read:
            _finish(one.callback, now, one.error)


def _heed(read: Sequence[Read], now: datetime) -> None:
    news = [(one.callback.provider, each) for one in read for each in one.news]
    ids = message_ids(news=news)
    known = [
        (message_id, each)
        for provider, each in news
        if (message_id := ids.get((provider, each.provider_message_id, each.key))) is not None
    ]
    heed(news=known, now=now)


def _fetch_held(read: Read, now: datetime) -> bool:
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
            read = read_callback(callback=callback)
            try:
                with transaction.atomic():
                    _take_in(read, now)
            # Whatever it is: it is kept on the row, tried again, and shown in the end.
            except Exception as error:
                # The error without the values it may quote: they are what a person wrote.
                _strike(callback, now, f"{type(error).__name__} while it was taken in")
            else:
                _finish(callback, now)


def _take_in(read: Read, now: datetime) -> None:
    for inbound in read.inbound:
        conversations.receive(
            inbound=conversations.NewInbound(
                channel=inbound.channel,
                sender=inbound.sender,
                recipient=inbound.recipient,
                subject=inbound.subject,
                text=inbound.body,
                provider=read.callback.provider,
                provider_message_id=inbound.provider_message_id,
                occurred_at=inbound.occurred_at,
                in_reply_to=inbound.in_reply_to,
            ),
            now=now,
        )


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
