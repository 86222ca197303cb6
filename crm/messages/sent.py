"""The plain case of settling, in one statement: messages that their provider has taken.

It does what `settle_many` does for them: the row, the event, the note of what changed.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from crm import changes
from crm.arrays import numbers
from crm.models import Event, Message
from crm.signals import announce, events_recorded, messages_settled

EVENT = "message.sent"

# The messages are locked in the order of their ids, then their customers, lest somebody merges or
# erases them before the events are there to be moved too. Each is named by a list and not joined:
# where PostgreSQL thinks a table empty, a join compares each row with each.
_SETTLE = """
  WITH due AS MATERIALIZED (
       SELECT id, customer_id FROM crm_message
        WHERE id = ANY(%(ids)s::bigint[]) AND state = 'sending'
        ORDER BY id FOR NO KEY UPDATE),
       held AS MATERIALIZED (
       SELECT id FROM crm_customer WHERE id = ANY(ARRAY(SELECT customer_id FROM due))
        ORDER BY id FOR KEY SHARE),
       sent AS (
       UPDATE crm_message
          SET state = 'sent', reason = '', detail = '', owner = '', due_at = NULL,
              settled_at = %(now)s, sent_at = coalesce(sent_at, %(now)s)
        WHERE id = ANY(ARRAY(SELECT id FROM due)) AND (SELECT count(*) FROM held) > 0
    RETURNING id, customer_id, channel),
       noted AS (
       INSERT INTO crm_event (customer_id, name, occurred_at, received_at, properties, key)
       SELECT customer_id, %(event)s, %(now)s, %(now)s,
              jsonb_build_object('message_id', id, 'channel', channel),
              'message:' || id || ':sent'
         FROM sent ORDER BY id
           ON CONFLICT (key) DO NOTHING
    RETURNING id, customer_id),
       later AS (
       INSERT INTO crm_eventbatch (event_ids, created_at)
       SELECT array_agg(id), %(now)s FROM noted HAVING count(*) > 0),
       changed AS (
       INSERT INTO crm_change (customer_ids, subjects, created_at)
       SELECT array_agg(DISTINCT customer_id), %(subjects)s, %(now)s FROM sent
       HAVING count(*) > 0)
SELECT (SELECT array_agg(id ORDER BY id) FROM sent), (SELECT array_agg(id) FROM noted),
       (SELECT array_agg(DISTINCT customer_id) FROM noted)
"""


@transaction.atomic
def settle_sent(*, message_ids: Sequence[int], now: datetime) -> list[int]:
    """Settle as sent those of these messages that are `sending`, and give their ids.

    Locks the messages in the order of their ids, then their customers.
    """
    if not message_ids:
        return []
    parameters: dict[str, Any] = {
        "ids": numbers(of=message_ids),
        "now": now,
        "event": EVENT,
        "subjects": [changes.MESSAGE, changes.event(EVENT)],
    }
    with connection.cursor() as cursor:
        cursor.execute(_SETTLE, parameters)
        settled, event_ids, customer_ids = cursor.fetchone()
    if not settled:
        return []
    announce(messages_settled, sender=Message, message_ids=settled)
    if event_ids:
        announce(
            events_recorded, sender=Event, event_ids=event_ids, customer_ids=sorted(customer_ids)
        )
    return list(settled)
