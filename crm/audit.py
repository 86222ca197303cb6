"""Audit: who saw, searched for, exported or changed what about whom."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser

from crm.models import AccessRecord

# Who looks at one page again and again is written down once.
_SAME = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Access:
    """What somebody did, and where; a member of staff or a program."""

    kind: str
    where: str
    by: AbstractBaseUser | None = None
    program: str = ""
    detail: str = ""


def note(*, access: Access, customer_ids: Collection[int], now: datetime) -> int:
    """Write an access down, a row a customer; the same within a quarter of an hour is one row."""
    known = AccessRecord.objects.filter(
        staff_id=access.by.pk if access.by else None,
        program=access.program,
        kind=access.kind,
        where=access.where,
        customer_id__in=customer_ids,
        happened_at__gt=now - _SAME,
    )
    fresh = set(customer_ids) - set(known.values_list("customer_id", flat=True))
    rows = [_row(access, customer_id, now) for customer_id in sorted(fresh)]
    return len(AccessRecord.objects.bulk_create(rows, batch_size=5000))


def note_again(*, access: Access, customer_id: int, now: datetime) -> int:
    """Write down what was done with one customer's data, each time; gives the row's number."""
    row = _row(access, customer_id, now)
    row.save()
    return row.pk


def count_since(*, by: AbstractBaseUser, where: str, since: datetime) -> int:
    """How often somebody did something, since then."""
    rows = AccessRecord.objects.filter(staff_id=by.pk, where=where, happened_at__gt=since)
    return rows.count()


def note_whole(*, access: Access, now: datetime) -> None:
    """Write down what concerns no single customer: a search, an export."""
    _row(access, None, now).save()


def _row(access: Access, customer_id: int | None, now: datetime) -> AccessRecord:
    return AccessRecord(
        staff_id=access.by.pk if access.by else None,
        program=access.program[:100],
        kind=access.kind,
        customer_id=customer_id,
        where=access.where[:200],
        detail=access.detail[:255],
        happened_at=now,
    )
