"""Every manual override of a customer: our own pauses, and what the apps above keep."""

from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext as _

from crm import extensions
from crm.admin import customer_desk
from crm.admin.parts import OverrideRow
from crm.models import Customer, MarketingPause


def rows(*, customer: Customer, now: datetime) -> list[OverrideRow]:
    """All overrides, those in force first, then the newest first."""
    found = pauses(customer=customer, now=now) + customer_desk.lock_rows(customer=customer)
    for overrides_of in extensions.customer_overrides.all():
        found += overrides_of(customer, now)
    return sorted(found, key=lambda row: (not row.lift_url, -row.created_at.timestamp()))


def pauses(*, customer: Customer, now: datetime) -> list[OverrideRow]:
    """The marketing pauses of a customer."""
    kept = customer.pauses.select_related("set_by", "lifted_by")
    return [_row(pause, now) for pause in kept]


def _row(pause: MarketingPause, now: datetime) -> OverrideRow:
    in_force = pause.lifted_at is None and pause.expires_at is not None and pause.expires_at > now
    lift = reverse("admin:crm_customer_lift_pause", args=[pause.customer_id])
    return OverrideRow(
        what=_("Marketing paused"),
        reason=pause.reason,
        set_by=str(pause.set_by or ""),
        created_at=pause.created_at,
        expires_at=pause.expires_at,
        lifted_at=pause.lifted_at,
        lifted_by=str(pause.lifted_by or ""),
        lift_url=lift if in_force else "",
    )
