"""Claims: deliveries that one worker has taken for a while, and their way back."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.db import connection, transaction

from campaigns.choices import DeliveryState
from campaigns.models import Delivery
from crm import messages
from crm.arrays import numbers

LEASE = timedelta(seconds=120)
# What a batch whose worker stopped had in it is tried again in ever smaller company, so that a row
# that stops workers is left alone with itself before it is given up, and takes no other along.
COMPANY = {0: None, 1: 50, 2: 5, 3: 1, 4: 1}
MAX_STRIKES = len(COMPANY)

# The share lock on the campaign makes a pause wait for this statement, and the other way round.
_CLAIM = """
  WITH running AS MATERIALIZED (
       SELECT id FROM campaigns_campaign
        WHERE id = %(campaign)s AND state = 'running' FOR SHARE),
       due AS MATERIALIZED (
       SELECT delivery.id FROM campaigns_delivery delivery
        WHERE delivery.campaign_id = (SELECT id FROM running) AND delivery.state = 'planned'
          AND delivery.attempts <= %(strikes)s
          AND (delivery.lease_until_at IS NULL OR delivery.lease_until_at <= %(now)s)
        ORDER BY delivery.attempts, delivery.id LIMIT %(size)s FOR UPDATE SKIP LOCKED)
UPDATE campaigns_delivery delivery
   SET state = 'claimed', owner = %(owner)s, lease_until_at = %(lease)s,
       fence = delivery.fence + 1, attempts = delivery.attempts + 1
  FROM due WHERE delivery.id = due.id
RETURNING delivery.id, delivery.step_id, delivery.customer_id, delivery.fence
"""
# A worker does one batch at a time: what it still holds is left of one that failed.
_DROP = """
UPDATE campaigns_delivery SET state = 'planned', owner = '', lease_until_at = NULL
 WHERE state = 'claimed' AND owner = %s AND attempts < %s
"""
_LOCK_MINE = """
SELECT delivery.id FROM campaigns_delivery delivery
  JOIN unnest(%(ids)s::bigint[], %(fences)s::int[]) AS mine (id, fence)
    ON mine.id = delivery.id AND mine.fence = delivery.fence
 WHERE delivery.state = 'claimed' AND delivery.owner = %(owner)s
 ORDER BY delivery.id FOR UPDATE OF delivery
"""
_GIVE_BACK = """
UPDATE campaigns_delivery
   SET state = 'planned', owner = '', lease_until_at = NULL, attempts = attempts - 1
 WHERE id = ANY(%s)
"""
# Planned with a moment: nobody takes it before.
_HOLD = """
UPDATE campaigns_delivery delivery
   SET state = 'planned', owner = '', lease_until_at = held.until, attempts = attempts - 1
  FROM unnest(%s::bigint[], %s::timestamptz[]) AS held (id, until)
 WHERE delivery.id = held.id
"""
_NEXT_HELD = """
SELECT min(lease_until_at) FROM campaigns_delivery
 WHERE campaign_id = %s AND state = 'planned' AND lease_until_at IS NOT NULL
"""
_RELEASE = """
  WITH expired AS (
       SELECT id FROM campaigns_delivery
        WHERE state = 'claimed' AND (lease_until_at < %(now)s OR owner = ANY(%(lost)s))
        ORDER BY id FOR UPDATE SKIP LOCKED)
UPDATE campaigns_delivery delivery
   SET owner = '', lease_until_at = NULL,
       state = CASE WHEN attempts < %(most)s THEN 'planned' ELSE 'failed' END,
       reason = CASE WHEN attempts < %(most)s THEN '' ELSE 'three_strikes' END,
       detail = CASE WHEN attempts < %(most)s THEN '' ELSE 'A worker stopped each time.' END,
       decided_at = CASE WHEN attempts < %(most)s THEN NULL ELSE %(now)s END
  FROM expired WHERE delivery.id = expired.id
"""


class Claim(msgspec.Struct, frozen=True):
    """One delivery in one worker's hands; the fence tells this claim from any later one."""

    delivery_id: int
    step_id: int
    customer_id: int
    fence: int

    @property
    def key(self) -> str:
        """The message's deterministic key: the delivery, and which try at it this is."""
        return f"delivery-{self.delivery_id}-{self.fence}"


def claim(*, campaign_id: int, owner: str, now: datetime, size: int) -> list[Claim]:
    """Take up to `size` planned deliveries of a running campaign; the try is counted first.

    Those never tried come first: a row that kills its worker must not take the same others along.
    """
    parameters: dict[str, Any] = {
        "campaign": campaign_id,
        "owner": owner,
        "now": now,
        "lease": now + LEASE,
    }
    with connection.cursor() as cursor:
        cursor.execute(_DROP, [owner, MAX_STRIKES])
        for strikes, company in COMPANY.items():
            most = size if company is None else min(size, company)
            cursor.execute(_CLAIM, {**parameters, "strikes": strikes, "size": most})
            if rows := cursor.fetchall():
                return [Claim(*row) for row in rows]
    return []


def lock_mine(*, claims: Collection[Claim], owner: str) -> set[int]:
    """Lock those that are still this worker's under the same fence; call in a transaction.

    The state and the fence decide, not the clock: a lease that ran out while nobody else took
    the row is still ours, and one that somebody took has another fence.
    """
    parameters: dict[str, Any] = {
        "ids": numbers(of=[claim.delivery_id for claim in claims]),
        "fences": numbers(of=[claim.fence for claim in claims]),
        "owner": owner,
    }
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_MINE, parameters)
        return {delivery_id for (delivery_id,) in cursor.fetchall()}


def give_back(*, delivery_ids: Collection[int]) -> None:
    """Return locked claims to the plan, the try not counted: they were not at fault."""
    with connection.cursor() as cursor:
        cursor.execute(_GIVE_BACK, [list(delivery_ids)])


def hold(*, until: Mapping[int, datetime]) -> None:
    """Return locked claims to the plan until a moment each, the try not counted."""
    if not until:
        return
    with connection.cursor() as cursor:
        cursor.execute(_HOLD, [list(until), list(until.values())])


def next_held(*, campaign_id: int) -> datetime | None:
    """When the first delivery that is held may go, if any is."""
    with connection.cursor() as cursor:
        cursor.execute(_NEXT_HELD, [campaign_id])
        found: datetime | None = cursor.fetchone()[0]
        return found


@transaction.atomic
def release_expired(*, now: datetime) -> int:
    """Return claims whose worker died or let the lease run out; enough strikes park a row."""
    lost = messages.lost_owners(owners=_claimants())
    with connection.cursor() as cursor:
        cursor.execute(_RELEASE, {"now": now, "most": MAX_STRIKES, "lost": list(lost)})
        return int(cursor.rowcount)


def _claimants() -> set[str]:
    claimed = Delivery.objects.filter(state=DeliveryState.CLAIMED).order_by()
    return set(claimed.values_list("owner", flat=True).distinct())
