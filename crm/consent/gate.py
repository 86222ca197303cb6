"""The one gate that every message passes: an address, or the reason why not."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from django.db import connection
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from crm.arrays import numbers
from crm.choices import Channel, Purpose, Refusal
from crm.models import Customer


class Verdict(msgspec.Struct, frozen=True):
    """What the gate says about one customer: an address, or why not."""

    customer_id: int
    address: str
    refusal: Refusal | None

    @property
    def is_allowed(self) -> bool:
        """Whether the message may go."""
        return self.refusal is None


@dataclass(frozen=True, slots=True)
class Reach:
    """How many of a group can be written to, and why the others cannot."""

    total: int
    reachable: int
    refused: Mapping[Refusal, int]


def check_many(
    *, customer_ids: Collection[int], channel: str, purpose: str, now: datetime
) -> dict[int, Verdict]:
    """Ask the gate about customers, in one statement; who does not exist is not in the answer."""
    gate, params = _gate(channel, purpose, now)
    with connection.cursor() as cursor:
        cursor.execute(
            f"{gate} WHERE c.id = ANY(%s::bigint[])", [*params, numbers(of=customer_ids)]
        )
        return {
            customer_id: Verdict(customer_id, address, Refusal(refusal) if refusal else None)
            for customer_id, address, refusal in cursor.fetchall()
        }


def count_reach(
    *, customers: QuerySet[Customer], channel: str, purpose: str, now: datetime
) -> Reach:
    """Count whom of a group the gate would let through, by the same rules as check_many."""
    gate, params = _gate(channel, purpose, now)
    ids, id_params = customers.order_by().values("pk").query.sql_with_params()
    with connection.cursor() as cursor:
        # Found by itself: joined as it is, where PostgreSQL takes a group of many for one of a
        # single person, each customer would be compared with each.
        cursor.execute(
            f"WITH asked (id) AS MATERIALIZED ({ids}) "  # noqa: S608
            f"SELECT refusal, count(*) FROM ({gate} WHERE c.id IN (SELECT id FROM asked)) AS told "
            "GROUP BY refusal",
            [*id_params, *params],
        )
        counts = dict(cursor.fetchall())
    reachable = counts.pop(None, 0)
    refused = {refusal: counts[refusal] for refusal in Refusal if refusal in counts}
    return Reach(reachable + sum(counts.values()), reachable, refused)


def reachable(
    *, customers: QuerySet[Customer], channel: str, purpose: str, now: datetime
) -> QuerySet[Customer]:
    """Those of a group whom the gate would let through, by the same rules as check_many."""
    gate, params = _gate(channel, purpose, now)
    allowed = RawSQL(f"SELECT id FROM ({gate}) AS asked WHERE refusal IS NULL", params)  # noqa: S608, S611
    return customers.filter(pk__in=allowed)


# The newest browser that has not unsubscribed.
_BROWSER = """
    COALESCE((
        SELECT i.value FROM crm_identity i
        WHERE i.customer_id = c.id AND i.kind = 'push' AND NOT EXISTS (
            SELECT FROM crm_suppression gone
            WHERE gone.channel = 'push' AND gone.address_hash
                = encode(sha256(convert_to('push:' || lower(i.value), 'UTF8')), 'hex'))
        ORDER BY i.id DESC LIMIT 1), '')
"""
# Where the address of a channel stands, for a customer `c`.
ADDRESSES: dict[str, str] = {
    Channel.EMAIL: "c.email",
    Channel.SMS: "c.phone",
    Channel.PUSH: _BROWSER,
    Channel.WEBHOOK: "COALESCE(c.attributes ->> 'webhook_url', '')",
}

_WITH_CONSENT = """
        WHEN consent.state = 'withdrawn' THEN 'unsubscribed'
        WHEN suppression.id IS NOT NULL THEN 'suppressed'
        WHEN consent.state IS NULL THEN 'no_consent'
        WHEN consent.state = 'pending' THEN 'not_confirmed'
        WHEN pause.id IS NOT NULL THEN 'paused'
"""
_FOR_THE_OTHERS = "WHEN suppression.id IS NOT NULL THEN 'suppressed'"
_CONSENT_JOINS = """
    LEFT JOIN crm_consent consent ON consent.customer_id = c.id
        AND consent.channel = %s AND consent.purpose = %s
    LEFT JOIN crm_marketingpause pause ON pause.customer_id = c.id
        AND pause.lifted_at IS NULL AND pause.expires_at > %s
"""


def _gate(channel: str, purpose: str, now: datetime) -> tuple[str, list[Any]]:
    """The one statement that classifies customers; it wants a WHERE about `c.id`."""
    address = ADDRESSES[channel]
    needs_consent = Purpose(purpose).needs_consent
    cases = _WITH_CONSENT if needs_consent else _FOR_THE_OTHERS
    joins = _CONSENT_JOINS if needs_consent else ""
    params: list[Any] = [f"{channel}:", channel, now]
    sql = f"""
    SELECT c.id, {address} AS address, CASE
        WHEN {address} = '' THEN 'no_address'
        {cases}
    END AS refusal
    FROM crm_customer c
    LEFT JOIN crm_suppression suppression
        ON suppression.address_hash
            = encode(sha256(convert_to(%s || lower({address}), 'UTF8')), 'hex')
        AND suppression.channel = %s
        AND (suppression.expires_at IS NULL OR suppression.expires_at > %s)
    {joins}
    """  # noqa: S608 - made of the constants above
    return sql, params + ([channel, purpose, now] if needs_consent else [])
