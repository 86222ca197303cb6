"""Two customers become one: what belongs to the merged moves to the kept, and can go back."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import connection, transaction

from crm import audit, webhooks
from crm.changes import EXISTENCE, GONE, note
from crm.choices import AccessKind, MergeCause
from crm.customers import checking, ledger, refreshing, writing
from crm.customers.folding import Folding, Pair
from crm.customers.people import FIELDS
from crm.models import Customer, CustomerAlias, FieldLock, Merge
from crm.signals import announce, customers_merged

# What a customer has before anybody said anything.
_UNSAID = {"language": "en", "time_zone": "UTC"}


@transaction.atomic
def merge(
    *,
    kept_id: int,
    merged_id: int,
    cause: MergeCause,
    reason: str,
    by: AbstractBaseUser | None,
    now: datetime,
) -> Merge:
    """Take one customer into another; gives the entry of the ledger, by which it is undone.

    Locks the handles of both and both rows, in the order of their ids.
    """
    checking.lock(customer_ids=[kept_id, merged_id])
    checking.check_merge(kept_id=kept_id, merged_id=merged_id)
    told = Merge(cause=cause, reason=reason[:255], merged_by_id=by.pk if by else None)
    row = _merge_round([(kept_id, merged_id)], told, now)[0]
    access = audit.Access(AccessKind.CHANGED, "merge", by=by, detail=f"#{merged_id} → #{kept_id}")
    if by is not None:
        audit.note(access=access, customer_ids=[kept_id, merged_id], now=now)
    return row


@transaction.atomic
def merge_visitors(*, pairs: Sequence[Pair], now: datetime) -> list[Merge]:
    """Take visitors, each as (known, visitor), into the people they turned out to be.

    The caller holds the locks and has seen that nobody knows who the visitors are.
    """
    told = Merge(cause=MergeCause.SIGNED_IN)
    return [row for round_ in _rounds(pairs) for row in _merge_round(round_, told, now)]


def resolve(*, customer_id: int) -> int:
    """The id that a customer has today, where it was merged into another."""
    found = CustomerAlias.objects.filter(pk=customer_id).values_list("customer_id", flat=True)
    return found.first() or customer_id


def resolve_many(*, customer_ids: Iterable[int]) -> dict[int, int]:
    """The ids of today by the ids that were asked for."""
    ids = list(customer_ids)
    found = CustomerAlias.objects.filter(pk__in=ids).values_list("old_id", "customer_id")
    return {one: one for one in ids} | dict(found)


def preview(*, kept: Customer, merged: Customer) -> dict[str, Any]:
    """What the fields of the kept would be, by name, locks aside."""
    return {name: getattr(kept, name) for name in FIELDS} | _filled(kept, merged, set())


def _rounds(pairs: Sequence[Pair]) -> Iterator[list[Pair]]:
    """Pairs in which nobody is kept twice, as two visitors may turn out to be one person."""
    left = list(pairs)
    while left:
        chosen = dict(reversed(left))
        yield list(chosen.items())
        left = [(kept, merged) for kept, merged in left if chosen[kept] != merged]


def _merge_round(pairs: list[Pair], told: Merge, now: datetime) -> list[Merge]:
    people = Customer.objects.in_bulk([pk for pair in pairs for pk in pair])
    merged_ids = [merged_id for _, merged_id in pairs]
    rows = _rows(merged_ids)
    folding = Folding(pairs, now)
    locks = _locks([kept_id for kept_id, _ in pairs], now)
    changes = {
        kept_id: _filled(people[kept_id], people[merged_id], locks.get(kept_id, set()))
        for kept_id, merged_id in pairs
    }
    used = folding.run()
    undo = {
        (kept_id, merged_id): {
            "merged": rows[merged_id],
            "kept": _change_log(people[kept_id], changes[kept_id]),
            **folding.logs[merged_id].as_json(),
        }
        for kept_id, merged_id in pairs
    }
    _apply(people, changes, told, now)
    _leave_aliases(pairs, now)
    refreshing.refresh(customer_ids=[kept_id for kept_id, _ in pairs], used=used)
    note(customer_ids=people, subjects=(EXISTENCE, GONE), now=now)
    entries = ledger.enter(told=told, undo=undo, now=now)
    webhooks.tell_merges(merges=entries, now=now)
    announce(customers_merged, sender=Merge, pairs=pairs)
    return entries


def _rows(ids: Sequence[int]) -> dict[int, str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, to_jsonb(c) - 'search_text' FROM crm_customer c "
            "WHERE id = ANY(%s::bigint[])",
            [list(ids)],
        )
        return dict(cursor.fetchall())


def _locks(ids: Sequence[int], now: datetime) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    locks = FieldLock.objects.in_force(now=now).filter(customer_id__in=ids)
    for customer_id, name in locks.values_list("customer_id", "field"):
        found.setdefault(customer_id, set()).add(name)
    return found


def _filled(kept: Customer, merged: Customer, locked: set[str]) -> dict[str, Any]:
    """What the kept does not know and the merged does; what both know stays as the kept has it."""
    values: dict[str, Any] = {
        name: getattr(merged, name)
        for name in FIELDS
        if name not in locked and _is_news(name, getattr(kept, name), getattr(merged, name))
    }
    new = {
        name: value
        for name, value in merged.attributes.items()
        if name not in kept.attributes and f"attributes.{name}" not in locked
    }
    if new:
        values["attributes"] = {**kept.attributes, **new}
    if merged.created_at < kept.created_at:
        values["created_at"] = merged.created_at
    if merged.last_seen_at and (not kept.last_seen_at or merged.last_seen_at > kept.last_seen_at):
        values["last_seen_at"] = merged.last_seen_at
    return values


def _is_news(name: str, known: str, told: str) -> bool:
    unsaid = _UNSAID.get(name, "")
    return known in (unsaid, "") and told not in (unsaid, "")


def _change_log(kept: Customer, values: dict[str, Any]) -> dict[str, list[Any]]:
    return {
        name: [as_plain(value=getattr(kept, name)), as_plain(value=value)]
        for name, value in values.items()
    }


def as_plain(*, value: Any) -> Any:
    """A value as the log keeps it."""
    return value.isoformat() if isinstance(value, datetime) else value


def _apply(
    people: dict[int, Customer], changes: dict[int, dict[str, Any]], told: Merge, now: datetime
) -> None:
    changed = []
    for kept_id, values in changes.items():
        for name, value in values.items():
            setattr(people[kept_id], name, value)
        if values:
            changed.append(people[kept_id])
    if not changed:
        return
    writing.update(people=changed)
    ledger.note_changed(customers=changed, by_id=told.merged_by_id, now=now)


def _leave_aliases(pairs: list[Pair], now: datetime) -> None:
    kept_ids = [kept_id for kept_id, _ in pairs]
    merged_ids = [merged_id for _, merged_id in pairs]
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO crm_customeralias (old_id, customer_id, created_at) "
            "SELECT old_id, kept_id, %s FROM unnest(%s::bigint[], %s::bigint[]) "
            "AS pair (kept_id, old_id)",
            [now, kept_ids, merged_ids],
        )
        cursor.execute("DELETE FROM crm_customer WHERE id = ANY(%s::bigint[])", [merged_ids])
