"""Staff put people in or out of a segment by hand; it takes effect at once."""

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import connection, transaction

from marketing.choices import MoveCause, OverrideMode
from marketing.models import Membership, Segment, SegmentOverride
from marketing.rules import Compiled

from . import refreshing, writing
from .base import lock


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
    """Put a person in or keep a person out by hand, at once; replaces an override in force.

    Locks the customer, then the segment's members.
    """
    _hold(segment_id, customer_id)
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
    # The override wins, so that nothing else need be asked: not even rules that fail.
    _place(segment_id, customer_id, now, Compiled("SELECT NULL::bigint AS id WHERE false", ()))
    return override


@transaction.atomic
def lift(*, segment_id: int, customer_id: int, by: AbstractBaseUser | None, now: datetime) -> bool:
    """Lift an override; the rules decide about the person again, at once.

    Locks the customer, then the segment's members.
    """
    _hold(segment_id, customer_id)
    if not _lift_rows(segment_id, customer_id, by, now):
        return False
    _place(segment_id, customer_id, now)
    return True


def _hold(segment_id: int, customer_id: int) -> None:
    # In this order, as nobody who holds members waits for a customer.
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM crm_customer WHERE id = %s FOR KEY SHARE", [customer_id])
    lock(segment_id=segment_id)


def _place(segment_id: int, customer_id: int, now: datetime, asked: Compiled | None = None) -> None:
    """Let the person be a member or not, as the override or the rules say now."""
    segment = Segment.objects.get(pk=segment_id)
    moment = refreshing.latest(segment=segment, now=now)
    moves = writing.bring_in_line(
        segment=segment, now=moment, cause=MoveCause.STAFF, among=[customer_id], compiled=asked
    )
    count = Membership.objects.filter(segment_id=segment_id).count()
    Segment.objects.filter(pk=segment_id).update(member_count=count)
    refreshing.tell(segment=segment, moves=moves, cause=MoveCause.STAFF, now=now)


def _lift_rows(
    segment_id: int, customer_id: int, by: AbstractBaseUser | None, now: datetime
) -> int:
    return SegmentOverride.objects.filter(
        segment_id=segment_id, customer_id=customer_id, lifted_at__isnull=True
    ).update(lifted_at=now, lifted_by_id=by.pk if by else None)
