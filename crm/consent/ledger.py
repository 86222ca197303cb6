"""The ledger of decisions: what customers allowed and withdrew, and where that stands now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from crm import changes, events
from crm.choices import ConsentState, Purpose
from crm.models import Consent, ConsentDecision
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
    text_shown: str = ""
    # Kept only where CONSENT_KEEP_IP allows it.
    ip_address: str | None = None


def grant(
    *,
    customer_id: int,
    channel: str,
    source: str,
    now: datetime,
    purpose: str = Purpose.MARKETING,
    proof: Mapping[str, Any] | None = None,
) -> None:
    """Write down that a customer allows a purpose on a channel."""
    granted = ConsentState.GRANTED
    decision = NewDecision(customer_id, channel, purpose, granted, source, now, proof or {})
    decide_many(decisions=[decision], now=now)


def withdraw(
    *,
    customer_id: int,
    channel: str,
    source: str,
    now: datetime,
    purpose: str = Purpose.MARKETING,
    proof: Mapping[str, Any] | None = None,
) -> None:
    """Write down that a customer allows a purpose on a channel no more."""
    withdrawn = ConsentState.WITHDRAWN
    decision = NewDecision(customer_id, channel, purpose, withdrawn, source, now, proof or {})
    decide_many(decisions=[decision], now=now)


def withdraw_all(
    *,
    customer_id: int,
    channel: str,
    source: str,
    now: datetime,
    proof: Mapping[str, Any] | None = None,
) -> None:
    """Write down that a customer allows nothing on a channel that needs consent."""
    withdrawn = ConsentState.WITHDRAWN
    decisions = [
        NewDecision(customer_id, channel, purpose, withdrawn, source, now, proof or {})
        for purpose in Purpose
        if purpose.needs_consent
    ]
    decide_many(decisions=decisions, now=now)


@transaction.atomic
def decide_many(*, decisions: Sequence[NewDecision], now: datetime) -> list[int]:
    """Add decisions to the ledger and bring the current state up to date.

    Gives the ids of the new ledger rows. The same decision told twice is one row; the latest
    decision holds, and of two at the same moment the withdrawal. To wait for a confirmation takes
    nothing back that was granted. Locks the customers, so that what is told twice at once is one
    row too.
    """
    _lock(decisions)
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
                text_shown=decision.text_shown,
                ip_address=decision.ip_address if settings.CONSENT_KEEP_IP else None,
            )
            for decision in fresh
        ],
        batch_size=2000,
    )
    _bring_up_to_date(fresh)
    events.record_many(events=[_event(row) for row in rows], now=now)
    customer_ids = sorted({decision.customer_id for decision in fresh})
    changes.note(customer_ids=customer_ids, subjects=(changes.CONSENT,), now=now)
    announce(consent_changed, sender=Consent, customer_ids=customer_ids)
    return [row.pk for row in rows]


_BRING_UP_TO_DATE = """
    INSERT INTO crm_consent AS held (customer_id, channel, purpose, state, decided_at)
    SELECT DISTINCT ON (customer_id, channel, purpose) *
    FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::timestamptz[])
         AS new (customer_id, channel, purpose, state, decided_at)
    ORDER BY customer_id, channel, purpose, decided_at DESC, state DESC
    ON CONFLICT (customer_id, channel, purpose) DO UPDATE SET
        state = excluded.state, decided_at = excluded.decided_at
    WHERE (excluded.decided_at > held.decided_at
        OR (excluded.decided_at = held.decided_at AND excluded.state = 'withdrawn'))
      AND NOT (excluded.state = 'pending' AND held.state = 'granted')
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


_LOCK = "SELECT FROM crm_customer WHERE id = ANY(%s::bigint[]) ORDER BY id FOR NO KEY UPDATE"


def _lock(decisions: Sequence[NewDecision]) -> None:
    customer_ids = {decision.customer_id for decision in decisions}
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [list(customer_ids)])


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
