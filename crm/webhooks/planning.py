"""What is to be told to whom: one row a subscriber and event, written with what it tells."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection

from crm.models import Merge, Webhook
from crm.webhooks import names

_MATCHES = """
    EXISTS (
        SELECT FROM unnest(w.events) AS pattern
        WHERE pattern = '*' OR pattern = {name}
           OR (right(pattern, 2) = '.*' AND starts_with({name}, left(pattern, -1)))
    )
"""

# Customer numbers for everybody; addresses only for whom staff allowed it.
_HANDLES = """
    LEFT JOIN LATERAL (
        SELECT jsonb_agg(
            jsonb_build_object('kind', i.kind, 'value', i.value) ORDER BY i.kind, i.value
        ) AS told
        FROM crm_identity i
        WHERE i.customer_id = {customer} AND (w.tells_handles OR i.kind = 'external')
    ) handles ON true
"""

_INSERT = """
    INSERT INTO crm_webhookdelivery (webhook_id, key, event_name, customer_id, payload,
        state, attempts, log, owner, created_at, due_at)
"""

_PLAN = f"""
    {_INSERT}
    SELECT w.id, 'evt_' || e.id, e.name, e.customer_id,
        jsonb_build_object(
            'type', e.name,
            'timestamp', to_char(e.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'data', jsonb_build_object(
                'event', jsonb_build_object('id', e.id, 'name', e.name,
                    'properties', e.properties),
                'customer', jsonb_build_object('id', e.customer_id,
                    'handles', COALESCE(handles.told, '[]'))
            )
        ),
        'due', 0, '[]', '', %s, %s
    FROM crm_event e
    JOIN crm_webhook w ON w.is_active AND {_MATCHES.format(name="e.name")}
    {_HANDLES.format(customer="e.customer_id")}
    WHERE e.id = ANY(%s::bigint[])
    ON CONFLICT (webhook_id, key) DO NOTHING
"""  # noqa: S608 - made of the constants above

_TELL = f"""
    {_INSERT}
    SELECT w.id, n.key, n.name, n.customer_id,
        jsonb_build_object(
            'type', n.name, 'timestamp', n.at,
            'data', n.data || jsonb_build_object('customer',
                jsonb_build_object('id', n.customer_id,
                    'handles', COALESCE(handles.told, '[]')))
        ),
        'due', 0, '[]', '', %s, %s
    FROM jsonb_to_recordset(%s)
         AS n (key text, name text, customer_id bigint, at text, data jsonb)
    JOIN crm_webhook w ON w.is_active AND {_MATCHES.format(name="n.name")}
    {_HANDLES.format(customer="n.customer_id")}
    ON CONFLICT (webhook_id, key) DO NOTHING
"""  # noqa: S608 - made of the constants above


@dataclass(frozen=True, slots=True)
class News:
    """Something that happened to the record of a customer; the key tells it once."""

    name: str
    customer_id: int
    key: str
    data: Mapping[str, Any] = field(default_factory=dict)


def plan(*, event_ids: Collection[int], now: datetime) -> int:
    """Write down what subscribers are to hear of these events; each once."""
    if not event_ids or not _anybody():
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_PLAN, [now, now, list(event_ids)])
        return int(cursor.rowcount)


def tell(*, news: Sequence[News], now: datetime) -> int:
    """Write down what subscribers are to hear of the record itself.

    Call it in the transaction of what it tells, and before handles are gone: it is lost with
    that transaction or with nothing.
    """
    if not news or not _anybody():
        return 0
    at = now.isoformat().replace("+00:00", "Z")
    rows = [
        {
            "key": one.key,
            "name": one.name,
            "customer_id": one.customer_id,
            "at": at,
            "data": one.data,
        }
        for one in news
    ]
    with connection.cursor() as cursor:
        cursor.execute(_TELL, [now, now, json.dumps(rows, cls=DjangoJSONEncoder)])
        return int(cursor.rowcount)


def tell_changed(*, customer_ids: Collection[int], now: datetime) -> int:
    """Tell that facts or handles of customers changed; the subscriber asks the API which."""
    stamp = round(now.timestamp() * 1000)
    news = [News(names.CHANGED, pk, f"changed_{pk}_{stamp}") for pk in customer_ids]
    return tell(news=news, now=now)


def tell_merges(*, merges: Sequence[Merge], now: datetime) -> int:
    """Tell of merges, or of those among them that were undone."""
    news = [
        News(
            names.UNMERGED if row.undone_at else names.MERGED,
            row.kept_id,
            f"{'unmerge' if row.undone_at else 'merge'}_{row.pk}",
            {"kept_id": row.kept_id, "merged_id": row.merged_id},
        )
        for row in merges
    ]
    return tell(news=news, now=now)


def tell_erasure(*, customer_id: int, now: datetime) -> int:
    """Tell that somebody is about to be erased, while their numbers are still known."""
    return tell(news=[News(names.ERASED, customer_id, f"erasure_{customer_id}")], now=now)


def _anybody() -> bool:
    return Webhook.objects.filter(is_active=True).exists()
