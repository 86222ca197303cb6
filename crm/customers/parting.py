"""One customer becomes two again: the log of a merge, played backwards."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import connection, transaction
from django.db.models import Q
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from crm import audit, webhooks
from crm.changes import EXISTENCE, note
from crm.choices import AccessKind
from crm.customers import checking, refreshing, tables
from crm.customers.checking import MergeRefused
from crm.customers.merging import as_plain
from crm.models import Customer, CustomerAlias, DuplicateCandidate, Merge
from crm.signals import announce, customers_unmerged

_CANDIDATES = "crm_duplicatecandidate"
_MOMENTS = ("created_at", "last_seen_at")


def check_unmerge(*, merge_id: int) -> None:
    """Refuse to undo a merge that is undone, or that a later one stands upon."""
    row = Merge.objects.filter(pk=merge_id).first()
    if row is None:
        raise MergeRefused(_("There is no merge #%s.") % merge_id)
    if row.undone_at is not None:
        raise MergeRefused(_("This merge was undone already."))
    later = Merge.objects.filter(
        Q(kept_id=row.kept_id) | Q(merged_id=row.kept_id), pk__gt=row.pk, undone_at=None
    )
    last = later.order_by("-pk").first()
    if last is not None:
        raise MergeRefused(
            _("A later merge, #%(merged)s into #%(kept)s, stands upon this one: undo it first.")
            % {"merged": last.merged_id, "kept": last.kept_id}
        )


@transaction.atomic
def unmerge(*, merge_id: int, by: AbstractBaseUser | None, now: datetime) -> Merge:
    """Part two customers as they were; what came since stays with the one who was kept.

    Locks the merge, then the handles and the row of the kept customer.
    """
    row = Merge.objects.select_for_update().filter(pk=merge_id).first()
    if row is not None:
        checking.lock(customer_ids=[row.kept_id])
    check_unmerge(merge_id=merge_id)
    assert row is not None
    kept = Customer.objects.get(pk=row.kept_id)
    undo = row.undo
    _insert("crm_customer", tables.columns_of(model=Customer), [undo["merged"]])
    _move_back(row, undo["moved"])
    by_name = {table.name: table for table in tables.all_tables()}
    columns = {name: table.columns for name, table in by_name.items()}
    columns[_CANDIDATES] = tables.columns_of(model=DuplicateCandidate)
    keys = {name: table.key for name, table in by_name.items()} | {_CANDIDATES: "id"}
    for name, changes in undo["changed"].items():
        _take_back(name, keys[name], columns[name], changes)
    for name, rows in undo["aside"].items():
        _insert(name, columns[name], _without_the_gone(name, rows))
    _take_fields_back(kept, undo["kept"])
    CustomerAlias.objects.filter(pk=row.merged_id).delete()
    refreshing.refresh(customer_ids=[row.kept_id, row.merged_id], used=_touched(undo))
    both = (row.kept_id, row.merged_id)
    note(customer_ids=both, subjects=(EXISTENCE,), now=now)
    row.undone_at, row.undone_by_id = now, by.pk if by else None
    row.save(update_fields=["undone_at", "undone_by"])
    access = audit.Access(AccessKind.CHANGED, "unmerge", by=by, detail=str(row))
    if by is not None:
        audit.note(access=access, customer_ids=[row.kept_id, row.merged_id], now=now)
    webhooks.tell_merges(merges=[row], now=now)
    announce(customers_unmerged, sender=Merge, kept_id=row.kept_id, merged_id=row.merged_id)
    return row


def _touched(undo: Mapping[str, Any]) -> set[str]:
    return {*undo["moved"], *undo["aside"], *undo["changed"]}


def _move_back(row: Merge, moved: Mapping[str, Sequence[Any]]) -> None:
    with connection.cursor() as cursor:
        for table in tables.all_tables():
            if not moved.get(table.name):
                continue
            cursor.execute(
                f"UPDATE {table.name} SET {table.customer} = %s "  # noqa: S608 - our own names
                f"WHERE {table.key} = ANY(%s::bigint[]) AND {table.customer} = %s",
                [row.merged_id, list(moved[table.name]), row.kept_id],
            )


def _take_back(
    name: str, key: str, columns: Sequence[str], changes: Sequence[tuple[str | None, str]]
) -> None:
    """Give rows their values of before, where nobody has changed them since."""
    names = ", ".join(columns)
    with connection.cursor() as cursor:
        for before, after in changes:
            same = f"row.{key} = (%s::jsonb ->> '{key}')::bigint AND to_jsonb(row) = %s::jsonb"
            if before is None:
                cursor.execute(f"DELETE FROM {name} row WHERE {same}", [after, after])  # noqa: S608
                continue
            cursor.execute(
                f"UPDATE {name} row SET ({names}) = (SELECT {names} FROM "  # noqa: S608
                f"jsonb_populate_record(NULL::{name}, %s::jsonb)) WHERE {same}",
                [before, after, after],
            )


def _insert(name: str, columns: Sequence[str], rows: Sequence[str]) -> None:
    if not rows:
        return
    names = ", ".join(columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {name} ({names}) SELECT {names} "  # noqa: S608 - our own names
            "FROM unnest(%s::text[]) AS told (text), "
            f"jsonb_populate_record(NULL::{name}, told.text::jsonb) ON CONFLICT DO NOTHING",
            [list(rows)],
        )


def _without_the_gone(name: str, rows: Sequence[str]) -> Sequence[str]:
    """Pairs of which one was erased or merged in the meantime are not put back."""
    if name != _CANDIDATES or not rows:
        return rows
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT text FROM unnest(%s::text[]) AS told (text), "
            "jsonb_to_record(text::jsonb) AS row (left_id bigint, right_id bigint) "
            "WHERE EXISTS (SELECT FROM crm_customer WHERE id = left_id) "
            "AND EXISTS (SELECT FROM crm_customer WHERE id = right_id)",
            [list(rows)],
        )
        return [text for (text,) in cursor.fetchall()]


def _take_fields_back(kept: Customer, changes: Mapping[str, Sequence[Any]]) -> None:
    taken = []
    for name, (before, after) in changes.items():
        if name == "attributes":
            kept.attributes = _attributes_before(kept.attributes, before, after)
        elif as_plain(value=getattr(kept, name)) == after:
            is_moment = name in _MOMENTS and before is not None
            setattr(kept, name, parse_datetime(before) if is_moment else before)
        else:
            continue
        taken.append(name)
    if taken:
        kept.save(update_fields=taken)


def _attributes_before(
    known: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any]
) -> dict[str, Any]:
    came = {name: after[name] for name in after if name not in before}
    return {name: value for name, value in known.items() if name not in came or came[name] != value}
