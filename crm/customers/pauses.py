"""Staff keep all marketing from a person for a while."""

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from crm import changes
from crm.models import Customer, MarketingPause


def pause(
    *,
    customer_id: int,
    until_at: datetime,
    reason: str,
    by: AbstractBaseUser | None,
    now: datetime,
) -> MarketingPause:
    """Keep all marketing from a person until a moment; a pause in force is replaced."""
    with transaction.atomic():
        Customer.objects.select_for_update().get(pk=customer_id)
        lift_pause(customer_id=customer_id, by=by, now=now)
        changes.note(customer_ids=[customer_id], subjects=(changes.CONSENT,), now=now)
        return MarketingPause.objects.create(
            customer_id=customer_id,
            reason=reason,
            set_by_id=by.pk if by else None,
            created_at=now,
            expires_at=until_at,
        )


@transaction.atomic
def lift_pause(*, customer_id: int, by: AbstractBaseUser | None, now: datetime) -> bool:
    """Let marketing through again; says whether there was anything to lift."""
    lifted = MarketingPause.objects.filter(customer_id=customer_id, lifted_at=None).update(
        lifted_at=now, lifted_by_id=by.pk if by else None
    )
    if lifted:
        changes.note(customer_ids=[customer_id], subjects=(changes.CONSENT,), now=now)
    return bool(lifted)
