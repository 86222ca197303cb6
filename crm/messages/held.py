"""Which messages workers are handing over: one row for all of a batch, and how long it holds.

Locks go to the messages first, in the order of their ids, and to these rows after them.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from crm.arrays import numbers
from crm.choices import MessageState
from crm.models import Message

# Longer than the slowest provider needs for a message; whoever is still at work renews it.
LEASE = timedelta(minutes=10)
RENEWED_EVERY = LEASE / 5

_HOLD = """
    INSERT INTO crm_handover (owner, lease_until_at, message_ids) VALUES (%s, %s, %s::bigint[])
"""
_RENEW = "UPDATE crm_handover SET lease_until_at = %s WHERE message_ids = %s::bigint[]"
_RELEASE = "DELETE FROM crm_handover WHERE message_ids = %s::bigint[]"


def hold(*, message_ids: Sequence[int], owner: str, now: datetime) -> None:
    """Say whose they are; call in the transaction that makes them `sending`."""
    if not message_ids:
        return
    with connection.cursor() as cursor:
        cursor.execute(_HOLD, [owner, now + LEASE, numbers(of=message_ids)])


def renew(*, message_ids: Sequence[int], now: datetime) -> None:
    """They are still being handed over; nothing is renewed once they are not held any more."""
    with connection.cursor() as cursor:
        cursor.execute(_RENEW, [now + LEASE, numbers(of=message_ids)])


def release(*, message_ids: Sequence[int]) -> None:
    """They are handed over; call with all that were held together, when the last is settled."""
    if not message_ids:
        return
    with connection.cursor() as cursor:
        cursor.execute(_RELEASE, [numbers(of=message_ids)])


def sending(*, owner: str, message_ids: Collection[int]) -> QuerySet[Message]:
    """Those of these messages that this owner is handing over still."""
    rows = Message.objects.filter(pk__in=message_ids, owner=owner, state=MessageState.SENDING)
    return rows.order_by("pk")


def all_sending() -> QuerySet[Message]:
    """Whatever any worker is handing over."""
    held = RawSQL("SELECT unnest(message_ids) FROM crm_handover", [])
    return Message.objects.filter(pk__in=held, state=MessageState.SENDING).order_by()
