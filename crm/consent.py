"""Consent: the ledger of decisions, suppressions, and the one gate that every message passes."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from crm import events, normalise
from crm.choices import Channel, ConsentState, DecisionSource, Purpose, Refusal
from crm.models import Consent, ConsentDecision, Customer, Suppression
from crm.signals import announce, consent_changed


@dataclass(frozen=True, slots=True)
class NewDecision:
    """What a customer decided about one channel and purpose, and how we know."""

    customer_id: int
    channel: str
    purpose: str
    state: str
    source: str
    decided_at: datetime
    proof: Mapping[str, Any] = field(default_factory=dict)
    recorded_by_id: int | None = None


@dataclass(frozen=True, slots=True)
class NewSuppression:
    """An address that is not to be written to, and why."""

    channel: str
    address: str
    reason: str
    detail: str = ""
    expires_at: datetime | None = None
    source: str = DecisionSource.STAFF


@dataclass(frozen=True, slots=True)
class Verdict:
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


def grant(
    *,
    customer_id: int,
    channel: str,
    source: str,
    now: datetime,
    proof: Mapping[str, Any] | None = None,
    by: AbstractBaseUser | None = None,
) -> None:
    """Write down that a customer allows marketing on a channel."""
    decision = NewDecision(
        customer_id=customer_id,
        channel=channel,
        purpose=Purpose.MARKETING,
        state=ConsentState.GRANTED,
        source=source,
        decided_at=now,
        proof=proof or {},
        recorded_by_id=by.pk if by else None,
    )
    decide_many(decisions=[decision], now=now)


def withdraw(
    *,
    customer_id: int,
    channel: str,
    source: str,
    now: datetime,
    proof: Mapping[str, Any] | None = None,
    by: AbstractBaseUser | None = None,
) -> None:
    """Write down that a customer allows no marketing on a channel any more."""
    decision = NewDecision(
        customer_id=customer_id,
        channel=channel,
        purpose=Purpose.MARKETING,
        state=ConsentState.WITHDRAWN,
        source=source,
        decided_at=now,
        proof=proof or {},
        recorded_by_id=by.pk if by else None,
    )
    decide_many(decisions=[decision], now=now)


@transaction.atomic
def decide_many(*, decisions: Sequence[NewDecision], now: datetime) -> list[int]:
    """Add decisions to the ledger and bring the current state up to date.

    Gives the ids of the new ledger rows. The same decision told twice is one row; the latest
    decision holds, and of two at the same moment the withdrawal.
    """
    fresh = _new_to_the_ledger(decisions)
    if not fresh:
        return []
    rows = ConsentDecision.objects.bulk_create(
        [
            ConsentDecision(
                customer_id=decision.customer_id,
                channel=decision.channel,
                purpose=decision.purpose,
                state=decision.state,
                source=decision.source,
                proof=dict(decision.proof),
                decided_at=decision.decided_at,
                recorded_by_id=decision.recorded_by_id,
            )
            for decision in fresh
        ],
        batch_size=2000,
    )
    _bring_up_to_date(fresh)
    events.record_many(events=[_event(row) for row in rows], now=now)
    customer_ids = sorted({decision.customer_id for decision in fresh})
    announce(consent_changed, sender=Consent, customer_ids=customer_ids)
    return [row.pk for row in rows]


def suppress(*, suppression: NewSuppression, now: datetime) -> None:
    """Keep one address from being written to."""
    suppress_many(suppressions=[suppression], now=now)


def suppress_many(*, suppressions: Sequence[NewSuppression], now: datetime) -> None:
    """Keep addresses from being written to; of two terms for an address the longer holds."""
    rows = {
        _hash(suppression.channel, suppression.address): suppression for suppression in suppressions
    }
    with connection.cursor() as cursor:
        cursor.executemany(
            _SUPPRESS,
            [
                [
                    row.channel,
                    hash_,
                    row.reason,
                    row.source,
                    row.detail[:255],
                    now,
                    row.expires_at,
                ]
                for hash_, row in sorted(rows.items())
            ],
        )


def unsuppress(*, channel: str, address: str) -> bool:
    """Let an address be written to again; says whether it was suppressed."""
    found = Suppression.objects.filter(channel=channel, address_hash=_hash(channel, address))
    return bool(found.delete()[0])


def check_many(
    *, customer_ids: Collection[int], channel: str, purpose: str, now: datetime
) -> dict[int, Verdict]:
    """Ask the gate about customers, in one statement; who does not exist is not in the answer."""
    gate, params = _gate(channel, purpose, now)
    with connection.cursor() as cursor:
        cursor.execute(f"{gate} WHERE c.id = ANY(%s)", [*params, list(customer_ids)])
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
        cursor.execute(
            f"SELECT refusal, count(*) FROM ({gate} WHERE c.id IN ({ids})) AS asked "  # noqa: S608
            "GROUP BY refusal",
            [*params, *id_params],
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


_SUPPRESS = """
    INSERT INTO crm_suppression AS held
        (channel, address_hash, reason, source, detail, created_at, expires_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (channel, address_hash) DO UPDATE SET
        reason = excluded.reason, source = excluded.source, detail = excluded.detail, expires_at = excluded.expires_at
    WHERE held.expires_at IS NOT NULL
      AND (excluded.expires_at IS NULL OR excluded.expires_at > held.expires_at)
"""

_BRING_UP_TO_DATE = """
    INSERT INTO crm_consent AS held (customer_id, channel, purpose, state, decided_at)
    SELECT DISTINCT ON (customer_id, channel, purpose) *
    FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::timestamptz[])
         AS new (customer_id, channel, purpose, state, decided_at)
    ORDER BY customer_id, channel, purpose, decided_at DESC, state DESC
    ON CONFLICT (customer_id, channel, purpose) DO UPDATE SET
        state = excluded.state, decided_at = excluded.decided_at
    WHERE excluded.decided_at > held.decided_at
       OR (excluded.decided_at = held.decided_at AND excluded.state = 'withdrawn')
"""

_NEW_TO_THE_LEDGER = """
    SELECT new.position
    FROM unnest(%s::int[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[],
                %s::timestamptz[])
         AS new (position, customer_id, channel, purpose, state, source, decided_at)
    WHERE NOT EXISTS (
        SELECT FROM crm_consentdecision told
        WHERE told.customer_id = new.customer_id AND told.channel = new.channel
          AND told.purpose = new.purpose AND told.state = new.state
          AND told.source = new.source AND told.decided_at = new.decided_at
    )
    ORDER BY new.position
"""

_ADDRESSES = {Channel.EMAIL: "c.email", Channel.SMS: "c.phone"}

_FOR_MARKETING = """
        WHEN consent.state = 'withdrawn' THEN 'unsubscribed'
        WHEN suppression.id IS NOT NULL THEN 'suppressed'
        WHEN consent.state IS NULL THEN 'no_consent'
        WHEN pause.id IS NOT NULL THEN 'paused'
"""
_FOR_THE_OTHERS = "WHEN suppression.id IS NOT NULL THEN 'suppressed'"
_MARKETING_JOINS = """
    LEFT JOIN crm_consent consent ON consent.customer_id = c.id
        AND consent.channel = %s AND consent.purpose = 'marketing'
    LEFT JOIN crm_marketingpause pause ON pause.customer_id = c.id
        AND pause.lifted_at IS NULL AND pause.expires_at > %s
"""


def _gate(channel: str, purpose: str, now: datetime) -> tuple[str, list[Any]]:
    """The one statement that classifies customers; it wants a WHERE about `c.id`."""
    address = _ADDRESSES[Channel(channel)]
    is_marketing = Purpose(purpose) == Purpose.MARKETING
    cases = _FOR_MARKETING if is_marketing else _FOR_THE_OTHERS
    joins = _MARKETING_JOINS if is_marketing else ""
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
    return sql, params + ([channel, now] if is_marketing else [])


def _hash(channel: str, address: str) -> str:
    normalised = normalise.address(channel=channel, text=address)
    return normalise.address_hash(channel=channel, address=normalised)


def _new_to_the_ledger(decisions: Sequence[NewDecision]) -> list[NewDecision]:
    distinct = list({_identity(decision): decision for decision in decisions}.values())
    columns = [list(column) for column in zip(*map(_identity, distinct), strict=True)]
    if not columns:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_NEW_TO_THE_LEDGER, [list(range(len(distinct))), *columns])
        return [distinct[position] for (position,) in cursor.fetchall()]


def _identity(decision: NewDecision) -> tuple[Any, ...]:
    return (
        decision.customer_id,
        decision.channel,
        decision.purpose,
        decision.state,
        decision.source,
        decision.decided_at,
    )


def _bring_up_to_date(decisions: Sequence[NewDecision]) -> None:
    columns: list[list[Any]] = [
        [decision.customer_id for decision in decisions],
        [decision.channel for decision in decisions],
        [decision.purpose for decision in decisions],
        [decision.state for decision in decisions],
        [decision.decided_at for decision in decisions],
    ]
    with connection.cursor() as cursor:
        cursor.execute(_BRING_UP_TO_DATE, columns)


def _event(row: ConsentDecision) -> events.NewEvent:
    return events.NewEvent(
        customer_id=row.customer_id,
        name=f"consent.{row.state}",
        occurred_at=row.decided_at,
        key=f"consent:{row.pk}",
        properties={"channel": row.channel, "purpose": row.purpose, "source": row.source},
    )
