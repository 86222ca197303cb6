"""Staff put people in or out of a segment by hand; it takes effect at once."""

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from marketing.choices import OverrideMode
from marketing.models import Membership, Segment, SegmentOverride

from .base import base, lock, queryset


@transaction.atomic
def put(  # noqa: PLR0913 - who, when and why belong to every override
    *,
    segment_id: int,
    customer_id: int,
    mode: str,
    reason: str,
    by: AbstractBaseUser | None,
    now: datetime,
    expires_at: datetime | None = None,
) -> SegmentOverride:
    """Put a person in or keep a person out by hand, at once; replaces an override in force."""
    lock(segment_id=segment_id)
    _lift_rows(segment_id, customer_id, by, now)
    override = SegmentOverride.objects.create(
        segment_id=segment_id,
        customer_id=customer_id,
        mode=OverrideMode(mode),
        reason=reason,
        set_by_id=by.pk if by else None,
        created_at=now,
        expires_at=expires_at,
    )
    _place(segment_id, customer_id, inside=override.mode == OverrideMode.INCLUDE, now=now)
    return override


@transaction.atomic
def lift(*, segment_id: int, customer_id: int, by: AbstractBaseUser | None, now: datetime) -> bool:
    """Lift an override; the rules decide about the person again, at once."""
    lock(segment_id=segment_id)
    if not _lift_rows(segment_id, customer_id, by, now):
        return False
    segment = Segment.objects.get(pk=segment_id)
    inside = queryset(compiled=base(segment=segment, now=now)).filter(pk=customer_id).exists()
    _place(segment_id, customer_id, inside=inside, now=now)
    return True


def _place(segment_id: int, customer_id: int, *, inside: bool, now: datetime) -> None:
    """Write one membership and keep the count in step with it."""
    if inside:
        Membership.objects.bulk_create(
            [Membership(segment_id=segment_id, customer_id=customer_id, entered_at=now)],
            ignore_conflicts=True,
        )
    else:
        Membership.objects.filter(segment_id=segment_id, customer_id=customer_id).delete()
    count = Membership.objects.filter(segment_id=segment_id).count()
    Segment.objects.filter(pk=segment_id).update(member_count=count)


def _lift_rows(
    segment_id: int, customer_id: int, by: AbstractBaseUser | None, now: datetime
) -> int:
    return SegmentOverride.objects.filter(
        segment_id=segment_id, customer_id=customer_id, lifted_at__isnull=True
    ).update(lifted_at=now, lifted_by_id=by.pk if by else None)
