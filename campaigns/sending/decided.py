"""What was decided about deliveries, written on them in one statement for each kind of verdict."""

from collections.abc import Sequence
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


class Decision(msgspec.Struct, frozen=True):
    """What is written on a delivery: its message, or why there is none."""

    delivery_id: int
    state: DeliveryState
    reason: str = ""
    detail: str = ""
    message_id: int | None = None


def record(*, decisions: Sequence[Decision], now: datetime) -> set[int]:
    """Write decisions on deliveries that are planned still; the messages that are to be written.

    Locks those deliveries; the caller holds the claim on them.
    """
    handed_over = [one for one in decisions if one.message_id is not None]
    left = [one for one in decisions if one.message_id is None]
    written: set[int] = set()
    with connection.cursor() as cursor:
        if handed_over:
            ids = numbers(of=[one.delivery_id for one in handed_over])
            message_ids = numbers(of=[one.message_id or 0 for one in handed_over])
            cursor.execute(_HAND_OVER, [now, ids, message_ids, ids])
            written = {message_id for (message_id,) in cursor.fetchall()}
        if left:
            columns = zip(
                *((d.delivery_id, d.state, d.reason, d.detail) for d in left), strict=True
            )
            cursor.execute(_LEAVE, [now, *map(list, columns)])
    return written
