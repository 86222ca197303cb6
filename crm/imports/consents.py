"""What a file says about consent, written to the ledger with its source, day, file and line."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

from django.db import connection, transaction

from crm import changes
from crm.choices import ConsentState, DecisionSource, Purpose
from crm.models import Consent, Event
from crm.signals import consent_changed, events_recorded

from .people import Batch

SLICE = 5_000

_STAGE = """
    CREATE TEMP TABLE IF NOT EXISTS import_consent (
        customer_id bigint, channel text, state text, source text, decided_at timestamptz, line int
    )
"""

# The same decision told twice is one row.
_WRITE = """
    WITH new AS (
        SELECT DISTINCT ON (customer_id, channel, state, decided_at) *
        FROM import_consent ORDER BY customer_id, channel, state, decided_at, line
    ), ledger AS (
        INSERT INTO crm_consentdecision (customer_id, channel, purpose, state, source, proof,
            text_shown, decided_at, recorded_by_id)
        SELECT customer_id, channel, %(purpose)s, state, %(source)s, %(proof)s::jsonb
            || jsonb_build_object('source', source, 'line', line), '', decided_at, %(by)s
        FROM new WHERE NOT EXISTS (
            SELECT FROM crm_consentdecision told
            WHERE told.customer_id = new.customer_id AND told.channel = new.channel
              AND told.purpose = %(purpose)s AND told.state = new.state
              AND told.source = %(source)s AND told.decided_at = new.decided_at)
        RETURNING id, customer_id, channel, state, decided_at
    ), current AS (
        INSERT INTO crm_consent AS held (customer_id, channel, purpose, state, decided_at)
        SELECT DISTINCT ON (customer_id, channel) customer_id, channel, %(purpose)s, state,
            decided_at
        FROM ledger ORDER BY customer_id, channel, decided_at DESC, state DESC
        ON CONFLICT (customer_id, channel, purpose) DO UPDATE SET
            state = excluded.state, decided_at = excluded.decided_at
        WHERE excluded.decided_at > held.decided_at
           OR (excluded.decided_at = held.decided_at AND excluded.state = 'withdrawn')
    )
    INSERT INTO crm_event (customer_id, name, occurred_at, received_at, properties, key)
    SELECT customer_id, 'consent.' || state, decided_at, %(now)s,
        jsonb_build_object('channel', channel, 'purpose', %(purpose)s, 'source', %(source)s),
        'consent:' || id
    FROM ledger
    RETURNING id, customer_id
"""

_SUBJECTS = (
    changes.CONSENT,
    *(changes.event(f"consent.{state}") for state in ConsentState.values),
)

_BATCH = "INSERT INTO crm_eventbatch (event_ids, created_at) VALUES (%s, %s)"


def write(
    *,
    batch: Batch,
    customers: Mapping[int, int],
    proof: Mapping[str, object],
    by_id: int | None,
    now: datetime,
) -> set[int]:
    """Write what a batch says about consent; tells whose consent is new to the ledger."""
    rows = [
        (
            customers[told.place],
            told.channel,
            told.state,
            told.source,
            told.decided_at,
            batch.lines[told.place],
        )
        for told in batch.consents
        if told.place in customers
    ]
    if not rows:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(_STAGE)
        cursor.execute("DELETE FROM import_consent")
        with cursor.copy("COPY import_consent FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        words = {
            "purpose": Purpose.MARKETING.value,
            "source": DecisionSource.IMPORT.value,
            "proof": json.dumps(dict(proof)),
            "by": by_id,
            "now": now,
        }
        cursor.execute(_WRITE, words)
        written = cursor.fetchall()
    _tell(written, now)
    return {customer_id for _, customer_id in written}


def _tell(written: Sequence[tuple[int, int]], now: datetime) -> None:
    """Leave the events for the roll-ups, and announce them in slices on commit."""
    for start in range(0, len(written), SLICE):
        some = written[start : start + SLICE]
        event_ids = [event_id for event_id, _ in some]
        customer_ids = sorted({customer_id for _, customer_id in some})
        with connection.cursor() as cursor:
            cursor.execute(_BATCH, [event_ids, now])
        changes.note(customer_ids=customer_ids, subjects=_SUBJECTS, now=now)
        news = {"event_ids": event_ids, "customer_ids": customer_ids}
        transaction.on_commit(partial(events_recorded.send, sender=Event, **news), robust=True)
        announce = partial(consent_changed.send, sender=Consent, customer_ids=customer_ids)
        transaction.on_commit(announce, robust=True)
