"""The handles of customers: locked in stripes, looked up and added by the batch."""

import zlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection

from crm.customers.people import Handle
from crm.models import Customer

_LOCK_SPACE = 0x1DE47
_STRIPES = 256

# Looked up one by one and named by a list, whatever is thought of the size of the table.
_HELD = """
    SELECT mine.kind, mine.value, mine.customer_id, mine.verified_at IS NOT NULL
    FROM crm_identity mine
    WHERE mine.customer_id = ANY(ARRAY(
        SELECT named.customer_id FROM unnest(%s::text[], %s::text[]) AS wanted (kind, value)
        CROSS JOIN LATERAL (
            SELECT customer_id FROM crm_identity
            WHERE kind = wanted.kind AND value = wanted.value LIMIT 1
        ) AS named
    ))
"""

# What is verified once stays so.
_ADD = """
    INSERT INTO crm_identity AS held (customer_id, kind, value, verified_at, created_at)
    SELECT new.customer_id, new.kind, new.value, CASE WHEN new.verified THEN %s END, %s
    FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::bool[])
        AS new (customer_id, kind, value, verified)
    ON CONFLICT (kind, value) DO UPDATE SET verified_at = excluded.verified_at
    WHERE held.verified_at IS NULL AND excluded.verified_at IS NOT NULL
      AND held.customer_id = excluded.customer_id
"""


@dataclass(slots=True, eq=False)
class Known:
    """A customer of the batch, stored or about to be, and the handles they hold."""

    customer: Customer
    handles: set[Handle] = field(default_factory=set)
    stored: set[Handle] = field(default_factory=set)
    verified: set[Handle] = field(default_factory=set)
    unverified_before: set[Handle] = field(default_factory=set)
    # Fields that staff keep as they are, a column or attributes.<name>.
    locked: set[str] = field(default_factory=set)
    changed: bool = False
    # What of them changes, in the words of changes.py.
    subjects: set[str] = field(default_factory=set)
    # Who this visitor turned out to be.
    turned_out: "Known | None" = None

    @property
    def is_new(self) -> bool:
        """Whether the row is still to be written."""
        return self.customer.pk is None

    @property
    def gains(self) -> bool:
        """Whether a handle is to be written, or is verified now."""
        return bool(self.handles - self.stored or self.verified & self.unverified_before)

    @property
    def today(self) -> "Known":
        """Who this customer is by the end of the batch."""
        return self.turned_out or self


def lock(*, wanted: Iterable[Handle]) -> None:
    """Lock handles until the transaction ends, in stripes, always in the same order."""
    stripes = sorted({zlib.crc32("\0".join(handle).encode()) % _STRIPES for handle in wanted})
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s, stripe) FROM unnest(%s::int[]) AS stripe",
            [_LOCK_SPACE, stripes],
        )


def held(*, wanted: Collection[Handle]) -> dict[int, Known]:
    """Who holds these handles, with every handle they hold; their rows are still to be read."""
    kinds, values = zip(*wanted, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(_HELD, [list(kinds), list(values)])
        rows = cursor.fetchall()
    found: dict[int, Known] = {}
    for kind, value, customer_id, is_verified in rows:
        known = found.setdefault(customer_id, Known(Customer(pk=customer_id)))
        known.handles.add((kind, value))
        known.stored.add((kind, value))
        if not is_verified:
            known.unverified_before.add((kind, value))
    return found


def add(*, found: Iterable[Known], now: datetime) -> None:
    """Write the handles that are new, and note which are verified now."""
    rows = sorted(
        (kind, value, known.customer.pk, (kind, value) in known.verified)
        for known in found
        for kind, value in known.handles
        if (kind, value) not in known.stored
        or (kind, value) in known.verified & known.unverified_before
    )
    if not rows:
        return
    kinds, values, customer_ids, verified = (list(column) for column in zip(*rows, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(_ADD, [now, now, customer_ids, kinds, values, verified])
