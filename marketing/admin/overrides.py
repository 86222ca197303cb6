"""What marketing adds to a customer's overrides: put in or out of segments, scores set by hand."""

from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from crm.admin.parts import OverrideRow
from crm.models import Customer
from crm.models.override import Override
from marketing.models import ScoreOverride, SegmentOverride


def of_customer(customer: Customer, now: datetime) -> list[OverrideRow]:
    """Every override of this person, lifted ones too."""
    put: Any = SegmentOverride.objects.filter(customer=customer).select_related(
        "segment", "set_by", "lifted_by"
    )
    scored: Any = ScoreOverride.objects.filter(customer=customer).select_related(
        "set_by", "lifted_by"
    )
    return [*(_segment(row, now) for row in put), *(_score(row, now) for row in scored)]


def _segment(override: SegmentOverride, now: datetime) -> OverrideRow:
    words = {"segment": override.segment, "mode": override.get_mode_display()}
    return _row(
        override,
        _("Segment “%(segment)s”: %(mode)s") % words,
        reverse("admin:marketing_segment_lift", args=[override.segment_id]),
        {"customer": str(override.customer_id)},
        now,
    )


def _score(override: ScoreOverride, now: datetime) -> OverrideRow:
    words = {"kind": override.get_kind_display(), "value": f"{override.value:.2f}"}
    return _row(
        override,
        _("Score “%(kind)s” set to %(value)s") % words,
        reverse("admin:marketing_score_lift", args=[override.customer_id]),
        {"kind": override.kind},
        now,
    )


def _row(
    override: Override, what: str, lift_url: str, fields: dict[str, str], now: datetime
) -> OverrideRow:
    has_ended = override.expires_at is not None and override.expires_at <= now
    holds = override.lifted_at is None and not has_ended
    return OverrideRow(
        what=what,
        reason=override.reason,
        set_by=str(override.set_by or ""),
        created_at=override.created_at,
        expires_at=override.expires_at,
        lifted_at=override.lifted_at,
        lifted_by=str(override.lifted_by or ""),
        lift_url=lift_url if holds else "",
        lift_fields=fields,
    )
