"""Claims: deliveries that one worker has taken for a while, and their way back."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

import msgspec
from django.db import connection, transaction

from campaigns import models
from crm import messages

LEASE = timedelta(seconds=120)
# What a batch whose worker stopped had in it is tried again in ever smaller company, so that a row
# that stops workers is left alone with itself before it is given up, and takes no other along.
COMPANY = {0: None, 1: 50, 2: 5, 3: 1, 4: 1}
MAX_STRIKES = len(COMPANY)

# Of the last ones a worker takes half, but no fewer than these: whoever came for a whole batch
# would be at work alone when all others are through.
SHARE = 250

# One after the other, so that each sees what the one before took.
_IN_TURN = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
# The share lock on the campaign makes a pause wait for this statement, and the other way round.
# What is taken is written down once for the batch: the deliveries themselves are not touched.
_CLAIM = """
  WITH running AS MATERIALIZED (
       SELECT id FROM campaigns_campaign
        WHERE id = %(campaign)s AND state = 'running' FOR SHARE),
       next_ones AS MATERIALIZED (
       SELECT id, step_id, customer_id, tries, strikes FROM campaigns_delivery
        WHERE campaign_id = (SELECT id FROM running) AND state = 'planned'
          AND strikes <= %(strikes)s
          AND (held_until_at IS NULL OR held_until_at <= %(now)s)
          AND id NOT IN (SELECT unnest(delivery_ids) FROM campaigns_claim
                          WHERE campaign_id = %(campaign)s)
        ORDER BY strikes, id LIMIT 2 * %(size)s),
       due AS MATERIALIZED (
       SELECT id, step_id, customer_id, tries FROM next_ones
        ORDER BY strikes, id
        LIMIT least(%(size)s, (SELECT greatest(%(share)s, (count(*) + 1) / 2) FROM next_ones))),
       taken AS (
       INSERT INTO campaigns_claim (campaign_id, step_id, owner, lease_until_at, delivery_ids)
       SELECT %(campaign)s, step_id, %(owner)s, %(lease)s, array_agg(id) FROM due GROUP BY step_id
    RETURNING id, step_id)
SELECT taken.id, due.step_id, due.id, due.customer_id, due.tries
  FROM due JOIN taken ON taken.step_id = due.step_id
 ORDER BY taken.id, due.id
"""
_END = "DELETE FROM campaigns_claim WHERE id = %s"
# Planned with a moment: nobody takes it before.
_HOLD = """
UPDATE campaigns_delivery delivery SET held_until_at = held.until
  FROM unnest(%s::bigint[], %s::timestamptz[]) AS held (id, until)
 WHERE delivery.id = held.id AND delivery.state = 'planned'
"""
_NEXT_HELD = """
SELECT min(held_until_at) FROM campaigns_delivery
 WHERE campaign_id = %s AND state = 'planned' AND held_until_at IS NOT NULL
"""
_END_OVERDUE = """
DELETE FROM campaigns_claim WHERE id = ANY(ARRAY(
       SELECT id FROM campaigns_claim WHERE lease_until_at < %s OR owner = ANY(%s)
        ORDER BY id FOR UPDATE SKIP LOCKED))
RETURNING delivery_ids
"""
# What staff are about to cancel is locked, and needs no strike.
_STRIKE = """
  WITH struck AS MATERIALIZED (
       SELECT id FROM campaigns_delivery WHERE id = ANY(%(ids)s)
        ORDER BY id FOR UPDATE SKIP LOCKED)
UPDATE campaigns_delivery delivery
   SET strikes = strikes + 1,
       state = CASE WHEN strikes + 1 < %(most)s THEN 'planned' ELSE 'failed' END,
       reason = CASE WHEN strikes + 1 < %(most)s THEN '' ELSE 'three_strikes' END,
       detail = CASE WHEN strikes + 1 < %(most)s THEN '' ELSE 'A worker stopped each time.' END,
       decided_at = CASE WHEN strikes + 1 < %(most)s THEN NULL ELSE %(now)s END
  FROM struck WHERE delivery.id = struck.id AND delivery.state = 'planned'
"""


class Planned(msgspec.Struct, frozen=True):
    """One delivery in one worker's hands."""

    delivery_id: int
    customer_id: int
    tries: int

    @property
    def key(self) -> str:
        """The message's deterministic key: the delivery, and which try at it this is."""
        return f"delivery-{self.delivery_id}-{self.tries + 1}"


class Claim(msgspec.Struct, frozen=True):
    """What one worker has taken of one step; its number tells it from any later claim."""

    claim_id: int
    step_id: int
    deliveries: list[Planned]


@transaction.atomic
def claim(*, campaign_id: int, owner: str, now: datetime, size: int) -> list[Claim]:
    """Take up to `size` planned deliveries of a running campaign, in a claim for each step.

    Locks out other claims of the campaign for the statement. Those never tried come first: a row
    that kills its worker must not take the same others along. What is left of a campaign in the
    end is shared among its workers.
    """
    # A worker does one batch at a time: what it still holds is left of one that failed.
    _release(owners=[owner], now=now)
    parameters: dict[str, Any] = {
        "campaign": campaign_id,
        "owner": owner,
        "now": now,
        "lease": now + LEASE,
        "share": SHARE,
    }
    with connection.cursor() as cursor:
        cursor.execute(_IN_TURN, [f"campaign {campaign_id} claims"])
        for strikes, company in COMPANY.items():
            most = size if company is None else min(size, company)
            cursor.execute(_CLAIM, {**parameters, "strikes": strikes, "size": most})
            if rows := cursor.fetchall():
                return _by_claim(rows)
    return []


def _by_claim(rows: Collection[tuple[int, ...]]) -> list[Claim]:
    claims: dict[int, Claim] = {}
    for claim_id, step_id, *planned in rows:
        if claim_id not in claims:
            claims[claim_id] = Claim(claim_id, step_id, [])
        claims[claim_id].deliveries.append(Planned(*planned))
    return list(claims.values())


def end(*, claim: Claim) -> bool:
    """End a claim and say whether it was still its worker's; call where verdicts are written.

    That it is there decides, not the clock: with a lease that ran out while nobody looked, what
    was claimed is still its owner's; and a claim that ended never comes back. What gets no
    verdict in the same transaction is free to be claimed again.
    """
    with connection.cursor() as cursor:
        cursor.execute(_END, [claim.claim_id])
        return bool(cursor.rowcount == 1)


def hold(*, until: Mapping[int, datetime]) -> None:
    """Let planned deliveries wait until a moment each."""
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
    """End claims whose worker died or let the lease run out, and give how many deliveries they had.

    That is a strike for each; enough of them park a delivery.
    """
    owners = set(models.Claim.objects.order_by().values_list("owner", flat=True))
    return _release(owners=messages.lost_owners(owners=owners), now=now)


def _release(*, owners: Collection[str], now: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_END_OVERDUE, [now, list(owners)])
        ids = list(chain.from_iterable(delivery_ids for (delivery_ids,) in cursor.fetchall()))
        if not ids:
            return 0
        cursor.execute(_STRIKE, {"ids": ids, "most": MAX_STRIKES, "now": now})
        return int(cursor.rowcount)
