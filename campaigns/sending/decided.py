"""What was decided about deliveries, written on them in one statement for each kind of verdict."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from django.db import connection

from campaigns.choices import DeliveryState
from crm.arrays import numbers

# Whatever somebody cancelled since it was claimed is planned no more, and keeps that verdict.
_HAND_OVER = """
UPDATE campaigns_delivery delivery
   SET state = 'handed_over', message_id = decided.message_id, decided_at = %s,
       tries = delivery.tries + 1, held_until_at = NULL
  FROM unnest(%s::bigint[], %s::bigint[]) AS decided (id, message_id)
 WHERE delivery.id = decided.id AND delivery.state = 'planned' AND delivery.id = ANY(%s::bigint[])
RETURNING decided.message_id
"""
_LEAVE = """
UPDATE campaigns_delivery delivery
   SET state = decided.state, reason = decided.reason, detail = decided.detail,
       decided_at = %s, held_until_at = NULL
  FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[])
       AS decided (id, state, reason, detail)
 WHERE delivery.id = decided.id AND delivery.state = 'planned'
"""


class Left(msgspec.Struct, frozen=True):
    """What is written on a delivery that gets no message, and why."""

    delivery_id: int
    state: DeliveryState
    reason: str
    detail: str = ""


def record(*, handed_over: Mapping[int, int], left: Sequence[Left], now: datetime) -> set[int]:
    """Write on deliveries that are planned still which message each has, or why there is none.

    Returns the messages that are to be written. Locks those deliveries; the caller holds the
    claim on them.
    """
    written: set[int] = set()
    with connection.cursor() as cursor:
        if handed_over:
            ids = numbers(of=handed_over)
            cursor.execute(_HAND_OVER, [now, ids, numbers(of=handed_over.values()), ids])
            written = {message_id for (message_id,) in cursor.fetchall()}
        if left:
            columns = zip(
                *((one.delivery_id, one.state, one.reason, one.detail) for one in left), strict=True
            )
            cursor.execute(_LEAVE, [now, *map(list, columns)])
    return written
