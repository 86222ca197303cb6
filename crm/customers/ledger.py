"""The ledger of merges and the history of the kept, written for a whole batch at once."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from crm.customers import tables
from crm.models import Customer, Merge

# The logs come as one document: thousands of parameters would cost more than the rows.
_ENTER = """
    INSERT INTO crm_merge
        (kept_id, merged_id, cause, reason, undo, merged_at, merged_by_id)
    SELECT new.kept_id, new.merged_id, %s, %s, new.undo, %s, %s
    FROM jsonb_to_recordset(%s) AS new (kept_id bigint, merged_id bigint, undo jsonb)
    RETURNING id, kept_id, merged_id
"""


def enter(*, told: Merge, undo: Mapping[tuple[int, int], Any], now: datetime) -> list[Merge]:
    """Write merges down by (kept, merged), all for one cause; gives the entries, logs aside."""
    rows = [
        {"kept_id": kept_id, "merged_id": merged_id, "undo": log}
        for (kept_id, merged_id), log in undo.items()
    ]
    said: list[Any] = [told.cause, told.reason, now, told.merged_by_id]
    with connection.cursor() as cursor:
        cursor.execute(_ENTER, [*said, json.dumps(rows)])
        found = cursor.fetchall()
    return [
        Merge(
            pk=pk,
            kept_id=kept_id,
            merged_id=merged_id,
            cause=told.cause,
            reason=told.reason,
            undo=undo[kept_id, merged_id],
            merged_at=now,
            merged_by_id=told.merged_by_id,
        )
        for pk, kept_id, merged_id in found
    ]


def note_changed(*, customers: Sequence[Customer], by_id: int | None, now: datetime) -> None:
    """Keep what customers are now in their history."""
    history: Any = Customer.history.model
    if not customers:
        return
    if by_id is None:
        user = history.get_default_history_user(customers[0])
        by_id = user.pk if user else None
    _copy(history._meta.db_table, [customer.pk for customer in customers], by_id, now)


def _copy(table: str, ids: Collection[int], by_id: int | None, now: datetime) -> None:
    columns = ", ".join(tables.columns_of(model=Customer))
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({columns}, history_date, history_type, history_user_id) "  # noqa: S608
            f"SELECT {columns}, %s, '~', %s FROM crm_customer "
            "WHERE id = ANY(%s::bigint[]) ORDER BY id",
            [now, by_id, list(ids)],
        )
